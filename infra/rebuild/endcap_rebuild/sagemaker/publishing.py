"""What a job shares with the stack's bucket: text vectors of earlier jobs, the snapshot, and what came out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from endcap.aws.clients import BACKGROUND, aws_errors, client
from endcap.aws.secrets import PseudonymSecret
from endcap.aws.snapshots import SnapshotBucket
from endcap_rebuild.job import rebuild
from endcap_rebuild.settings import Progress, RebuildSettings, no_progress
from endcap_rebuild.text.encoders import current_encoder

CACHE_PREFIX: Final = "rebuild/cache/"
ENCODERS_PREFIX: Final = "encoders/"
"""Base encoders as somebody has staged them, for machines that can't make them."""
_FETCHES: Final = 10  # side by side; boto3 keeps as many connections


def with_keys(settings: RebuildSettings, secret: str) -> RebuildSettings:
    """The settings with the keys of pseudonyms that a secret holds; as they are where the stack has none.

    Raises
    ------
    ThrottledError, DependencyError
    """
    if not secret:
        return settings
    return replace(settings, keys=PseudonymSecret(client("secretsmanager", BACKGROUND), secret).get())


class Publisher:
    """The bucket as one job sees it.

    Parameters
    ----------
    s3 : a boto3 S3 client
    """

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket
        self._snapshots = SnapshotBucket(s3, bucket)

    def current_encoder(self) -> Path | None:
        """A folder with the text encoder and the manifest of the current snapshot, None before the first promotion.

        Raises
        ------
        SnapshotIntegrityError, ThrottledError, DependencyError
        """
        return current_encoder(self._snapshots)

    def rebuild(self, settings: RebuildSettings, result: str = "", progress: Progress = no_progress) -> dict[str, Any]:
        """Rebuild after the snapshot that is current, publish what comes out, and give its manifest.

        Parameters
        ----------
        result : as `publish` has it

        Raises
        ------
        as `endcap_rebuild.job.rebuild` and `publish` do
        """
        self.fetch(CACHE_PREFIX, settings.cache)
        manifest = rebuild(replace(settings, before=self.current_encoder()), progress)
        self.keep_cache(settings.cache)
        self.publish(settings.out, manifest, result)
        return manifest

    def fetch(self, prefix: str, folder: Path) -> None:
        """Files below a prefix that `folder` lacks; none of them changes under its name.

        Raises
        ------
        ThrottledError, DependencyError
        """

        def fetched(key: str) -> None:
            path = folder / PurePosixPath(key).relative_to(prefix)
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                part = path.with_name(f".{path.name}.part")
                with aws_errors(f"read {prefix}"):
                    self._s3.download_file(self._bucket, key, str(part))
                part.replace(path)

        with ThreadPoolExecutor(_FETCHES) as pool:
            list(pool.map(fetched, self.sizes(prefix)))

    def sizes(self, prefix: str) -> dict[str, int]:
        """Bytes of every object below a prefix, by key.

        Raises
        ------
        ThrottledError, DependencyError
        """
        with aws_errors(f"list {prefix}"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            found = [entry for page in pages for entry in page.get("Contents", ())]
        return {entry["Key"]: int(entry["Size"]) for entry in found if not entry["Key"].endswith("/")}

    def read(self, key: str) -> bytes:
        """The contents of a small object.

        Raises
        ------
        NotFoundError, ThrottledError, DependencyError
        """
        with aws_errors(f"read {key}"):
            return bytes(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())

    def put(self, key: str, body: bytes) -> None:
        """Write an object.

        Raises
        ------
        ThrottledError, DependencyError
        """
        with aws_errors(f"write {key}"):
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=body)

    def keep_cache(self, folder: Path) -> None:
        """Give the files of `folder` to later jobs.

        Raises
        ------
        ThrottledError, DependencyError
        """
        known = self.sizes(CACHE_PREFIX)
        for path in sorted(folder.rglob("*")):
            key = CACHE_PREFIX + path.relative_to(folder).as_posix()
            if path.is_file() and not path.name.startswith(".") and key not in known:
                with aws_errors("write cache"):
                    self._s3.upload_file(str(path), self._bucket, key)

    def publish(self, snapshot: Path, manifest: Mapping[str, Any], result: str) -> None:
        """Upload the snapshot, its manifest last, and then say in the object `result` ("": nowhere) which it is.

        Raises
        ------
        ThrottledError, DependencyError
        """
        self._snapshots.upload(snapshot, manifest["version"])
        if result:
            about = {name: manifest[name] for name in ("version", "content_hash", "counts", "parent_version")}
            with aws_errors("write result"):
                self._s3.put_object(
                    Bucket=self._bucket, Key=result, Body=json.dumps(about).encode(), ContentType="application/json"
                )
