"""What a job shares with the stack's bucket: text vectors of earlier jobs, the snapshot, and what came out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from endcap.aws.clients import aws_errors
from endcap.aws.snapshots import SnapshotBucket
from endcap_rebuild.text.encoders import current_encoder

CACHE_PREFIX: Final = "rebuild/cache/"


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

    def fetch_cache(self, folder: Path) -> None:
        """Files of earlier jobs that `folder` lacks; a name stands for its contents.

        Raises
        ------
        ThrottledError, DependencyError
        """
        for key in sorted(self._cached()):
            path = folder / PurePosixPath(key).relative_to(CACHE_PREFIX)
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                part = path.with_name(f".{path.name}.part")
                with aws_errors("read cache"):
                    self._s3.download_file(self._bucket, key, str(part))
                part.replace(path)

    def keep_cache(self, folder: Path) -> None:
        """Give the files of `folder` to later jobs.

        Raises
        ------
        ThrottledError, DependencyError
        """
        known = self._cached()
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

    def _cached(self) -> set[str]:
        with aws_errors("list cache"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=CACHE_PREFIX)
            return {entry["Key"] for page in pages for entry in page.get("Contents", ()) if entry["Key"][-1] != "/"}
