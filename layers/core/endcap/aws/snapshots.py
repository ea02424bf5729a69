"""Snapshots in S3: immutable folders, and one small pointer that is flipped with a condition."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from endcap.aws.clients import aws_errors
from endcap.errors import NotFoundError, SnapshotIntegrityError, SnapshotMissingError
from endcap.filenames import MANIFEST

DOWNLOADS: Final = 8
"""Files that are fetched side by side; boto3 keeps ten connections."""
MAX_POINTER_BYTES: Final = 64 << 10
MAX_MANIFEST_BYTES: Final = 4 << 20
"""Ours have some hundred bytes, and some KB."""
PREFIX = "snapshots/"
POINTER = PREFIX + "current.json"


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which snapshot is current.

    Attributes
    ----------
    etag : of the pointer object; what a flip must still find
    previous : the version before, for a rollback
    promotion : what `promote` noted with the flip
    """

    version: str
    etag: str
    previous: str | None = None
    promotion: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A folder of the bucket.

    Attributes
    ----------
    complete : whether its manifest is there; it is written last and deleted first
    written_at : when the newest of its files was written
    """

    version: str
    complete: bool
    written_at: datetime


class SnapshotBucket:
    """The snapshots of one bucket.

    Parameters
    ----------
    s3 : a boto3 S3 client
    cache : folder that downloaded snapshots are kept in
    """

    def __init__(self, s3: Any, bucket: str, cache: Path | None = None) -> None:
        self._s3, self._bucket = s3, bucket
        self._cache = cache or Path(tempfile.gettempdir()) / "endcap-snapshots"

    def apart(self, name: str) -> SnapshotBucket:
        """The same bucket with local copies of its own, which nobody else forgets."""
        return SnapshotBucket(self._s3, self._bucket, self._cache / f".{name}")

    @contextmanager
    def afresh(self) -> Iterator[SnapshotBucket]:
        """The same bucket with an empty folder for local copies, which goes when the block ends."""
        self._cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".afresh-", dir=self._cache) as folder:
            yield SnapshotBucket(self._s3, self._bucket, Path(folder))

    def current(self, known_etag: str | None = None) -> Pointer | None:
        """The pointer; None where it is still the one with `known_etag`.

        Raises
        ------
        SnapshotMissingError : nothing was ever promoted
        SnapshotIntegrityError : the pointer is no JSON of ours
        ThrottledError, DependencyError
        """
        condition = {"IfNoneMatch": known_etag} if known_etag else {}
        try:
            with aws_errors("read snapshot pointer"):
                try:
                    answer = self._s3.get_object(Bucket=self._bucket, Key=POINTER, **condition)
                except ClientError as exc:
                    if exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 304:
                        return None
                    raise
                data = answer["Body"].read(MAX_POINTER_BYTES + 1)
        except NotFoundError as exc:
            raise SnapshotMissingError("no snapshot has been promoted yet") from exc
        try:
            body = json.loads(data)
            noted = body.get("promotion")
            promotion = noted if isinstance(noted, dict) else {}
            return Pointer(_plain(body["version"]), answer["ETag"], body.get("previous"), promotion)
        except Exception as exc:  # cut off at the limit, nested without end, no object, ...
            raise SnapshotIntegrityError("the snapshot pointer is damaged") from exc

    def flip(self, version: str, expected: Pointer | None, promotion: Mapping[str, Any] | None = None) -> Pointer:
        """Point at `version`, if the pointer is still `expected` (None: if there is none).

        Parameters
        ----------
        promotion : noted with it, JSON-able

        Raises
        ------
        ConflictError : somebody else flipped meanwhile
        ThrottledError, DependencyError
        """
        noted = {"promotion": dict(promotion)} if promotion else {}
        body = json.dumps({"version": version, "previous": expected.version if expected else None, **noted})
        condition = {"IfMatch": expected.etag} if expected else {"IfNoneMatch": "*"}
        with aws_errors("flip snapshot pointer"):
            answer = self._s3.put_object(
                Bucket=self._bucket, Key=POINTER, Body=body.encode(), ContentType="application/json", **condition
            )
        return Pointer(version, answer["ETag"], expected.version if expected else None, promotion or {})

    def manifest(self, version: str) -> dict[str, Any]:
        """The manifest of `version`.

        Raises
        ------
        NotFoundError : there is no such snapshot, or it was not written to its end
        SnapshotIntegrityError : the manifest is no JSON of ours
        ThrottledError, DependencyError
        """
        with aws_errors(f"read manifest of {version}"):
            answer = self._s3.get_object(Bucket=self._bucket, Key=f"{PREFIX}{_plain(version)}/{MANIFEST}")
            data = answer["Body"].read(MAX_MANIFEST_BYTES + 1)
        try:
            document = json.loads(data)
        except Exception:  # cut off at the limit, nested without end, ...
            document = None
        if not isinstance(document, dict) or not isinstance(document.get("files"), dict):
            raise SnapshotIntegrityError(f"the manifest of {version} is damaged")
        return document

    def versions(self) -> list[str]:
        """Versions whose manifest is there, ascending.

        Raises
        ------
        ThrottledError, DependencyError
        """
        return [stored.version for stored in self.stored() if stored.complete]

    def stored(self) -> list[StoredSnapshot]:
        """Every folder with files of a snapshot, those without a manifest too, by version.

        Raises
        ------
        ThrottledError, DependencyError
        """
        found: dict[str, StoredSnapshot] = {}
        for key, written_at in self._listed(PREFIX):
            version, slash, name = key.removeprefix(PREFIX).partition("/")
            if slash:
                known = found.get(version, StoredSnapshot(version, False, written_at))
                complete, newest = known.complete or name == MANIFEST, max(known.written_at, written_at)
                found[version] = StoredSnapshot(version, complete, newest)
        return sorted(found.values(), key=lambda stored: stored.version)

    def upload(self, directory: Path, version: str) -> None:
        """Write the files of a snapshot, the manifest last.

        Raises
        ------
        ThrottledError, DependencyError
        """
        names = sorted(p.name for p in directory.iterdir() if p.is_file() and p.name != MANIFEST)
        for name in (*names, MANIFEST):
            with aws_errors("upload snapshot"):
                self._s3.upload_file(str(directory / name), self._bucket, f"{PREFIX}{version}/{name}")

    def download(self, version: str, names: Iterable[str] | None = None) -> Path:
        """A local folder with the snapshot's files (only those with `names`, if given), fetched once.

        Raises
        ------
        NotFoundError, SnapshotIntegrityError, ThrottledError, DependencyError
        """
        stated = self.manifest(version)["files"]
        files = set(map(_plain, stated))
        wanted = {MANIFEST, *(files if names is None else files.intersection(names))}
        folder = self._cache / _plain(version)
        folder.mkdir(parents=True, exist_ok=True)

        def fetch(name: str) -> None:
            part = folder / f".{name}.{os.getpid()}.{id(self)}"
            with aws_errors(f"download {name}"):
                self._s3.download_file(self._bucket, f"{PREFIX}{version}/{name}", str(part))
            size = stated[name].get("bytes") if isinstance(stated.get(name), dict) else None
            if size is not None and part.stat().st_size != size:
                part.unlink()
                raise SnapshotIntegrityError(f"{name} has another size than the manifest says")
            part.replace(folder / name)

        # Most of some fifty files are small: one after the other, they take as long as as many answers of S3.
        with ThreadPoolExecutor(DOWNLOADS) as pool:
            list(pool.map(fetch, (name for name in sorted(wanted) if not (folder / name).exists())))
        return folder

    def remove(self, version: str) -> None:
        """Delete a folder from the bucket, its manifest first, so that what is left by an interruption is no snapshot.

        What is there is deleted, whatever the manifest says: a second call finishes what a first one has begun, and a
        damaged snapshot can go too.

        Raises
        ------
        SnapshotIntegrityError : not a name of a snapshot
        ThrottledError, DependencyError
        """
        manifest = f"{PREFIX}{_plain(version)}/{MANIFEST}"
        keys = [key for key, _ in self._listed(f"{PREFIX}{version}/")]
        for key in sorted(keys, key=lambda key: key != manifest):
            with aws_errors(f"remove {version}"):
                self._s3.delete_object(Bucket=self._bucket, Key=key)

    def _listed(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        with aws_errors("list snapshots"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            for page in pages:
                for entry in page.get("Contents", ()):
                    yield entry["Key"], entry["LastModified"]

    def forget(self, version: str) -> None:
        """Remove the local copy of `version`."""
        shutil.rmtree(self._cache / _plain(version), ignore_errors=True)


def _plain(name: object) -> str:
    """`name`, which becomes a local path and so must not lead out of its folder."""
    if not isinstance(name, str) or not name or name.startswith(".") or "/" in name or "\\" in name:
        raise SnapshotIntegrityError(f"{name!r} is no name of a snapshot or of its files")
    return name
