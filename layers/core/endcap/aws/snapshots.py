"""Snapshots in S3: immutable folders, and one small pointer that is flipped with a condition."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from endcap.aws.clients import aws_errors
from endcap.aws.downloads import Download
from endcap.aws.pointer import DamagedPointerError, Pointer, plain_name, read_pointer, write_pointer
from endcap.errors import ConflictError, NotFoundError, SnapshotIntegrityError, SnapshotMissingError
from endcap.filenames import MANIFEST, SIGNATURE
from endcap.signing import Signature, signature_of

MAX_POINTER_BYTES: Final = 64 << 10
MAX_MANIFEST_BYTES: Final = 4 << 20
"""Ours have some hundred bytes, and some KB."""
PREFIX = "snapshots/"
POINTER = PREFIX + "current.json"


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
        found = self._pointer({"IfNoneMatch": known_etag} if known_etag else {})
        return read_pointer(*found) if found else None

    def seen(self) -> Pointer | None:
        """The pointer as a promotion finds it: None where there is none, of no version where it is damaged.

        Raises
        ------
        ThrottledError, DependencyError
        """
        try:
            found = self._pointer({})
            return read_pointer(*found) if found else None
        except SnapshotMissingError:
            return None
        except DamagedPointerError as exc:
            return Pointer("", exc.etag)

    def flip(
        self,
        version: str,
        expected: Pointer | None,
        signature: Signature | None = None,
        previous: Sequence[str] | None = None,
        promotion: Mapping[str, Any] | None = None,
    ) -> Pointer:
        """Point at `version`, if the pointer is still `expected` (None: if there is none).

        Parameters
        ----------
        signature : of this version
        previous : what there is to roll back to afterwards, the latest first; None for `expected` and what it names
        promotion : noted with it, JSON-able

        Raises
        ------
        ConflictError : somebody else flipped meanwhile
        ThrottledError, DependencyError
        """
        if previous is None:
            previous = expected.before(version) if expected else ()
        promoted_at = datetime.now(UTC).isoformat(timespec="seconds") if signature else ""
        body = write_pointer(version, previous, signature, promoted_at, promotion)
        condition = {"IfMatch": expected.etag} if expected else {"IfNoneMatch": "*"}
        with aws_errors("flip snapshot pointer"):
            answer = self._s3.put_object(
                Bucket=self._bucket, Key=POINTER, Body=body, ContentType="application/json", **condition
            )
        return Pointer(version, answer["ETag"], tuple(previous), signature, promoted_at, promotion or {})

    def manifest(self, version: str) -> dict[str, Any]:
        """The manifest of `version`.

        Raises
        ------
        NotFoundError : there is no such snapshot, or it was not written to its end
        SnapshotIntegrityError : the manifest is no JSON of ours
        ThrottledError, DependencyError
        """
        return _manifest(self._small(version, MANIFEST, MAX_MANIFEST_BYTES), version)

    def signature(self, version: str) -> Signature | None:
        """What says that `version` has passed the checks; None where nothing does.

        Raises
        ------
        SnapshotIntegrityError : it is no signature
        ThrottledError, DependencyError
        """
        try:
            data = self._small(version, SIGNATURE, MAX_POINTER_BYTES)
        except NotFoundError:
            return None
        try:
            document = json.loads(data)
        except Exception as exc:  # cut off at the limit, nested without end, ...
            raise SnapshotIntegrityError(f"the signature of {version} is damaged") from exc
        return signature_of(document)

    def put_signature(self, version: str, signature: Signature) -> None:
        """Write down that `version` has passed the checks.

        Raises
        ------
        ConflictError : that is written already
        ThrottledError, DependencyError
        """
        with aws_errors(f"write the signature of {version}"):
            self._s3.put_object(
                Bucket=self._bucket,
                Key=f"{PREFIX}{plain_name(version)}/{SIGNATURE}",
                Body=json.dumps({"version": version, **signature.fields()}).encode(),
                ContentType="application/json",
                IfNoneMatch="*",
            )

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
        """Write the files of a snapshot, each once, the manifest last.

        What an interrupted upload of the same files has left stays as it is.

        Raises
        ------
        ConflictError : something else is there under one of their names
        RefusedError : a file has more than the 5 GB that one call takes
        ThrottledError, DependencyError
        """
        names = sorted(p.name for p in directory.iterdir() if p.is_file() and p.name not in (MANIFEST, SIGNATURE))
        for name in (*names, MANIFEST):
            key = f"{PREFIX}{version}/{name}"
            try:
                # In one part: several are put together by another call, and transfers don't hand it the condition.
                with aws_errors(f"upload {name}"), (directory / name).open("rb") as file:
                    self._s3.put_object(Bucket=self._bucket, Key=key, Body=file, IfNoneMatch="*")
            except ConflictError as exc:
                if not self._same(key, directory / name):
                    raise ConflictError(f"{version} has another {name} already, and files are written once") from exc

    def download(
        self,
        version: str,
        names: Iterable[str] | None = None,
        manifest_sha256: str | None = None,
        told: Callable[[int, int], None] | None = None,
    ) -> Path:
        """A local folder with the snapshot's files (only those with `names`, if given), fetched once.

        A file that another version has brought already is taken from there.

        Parameters
        ----------
        manifest_sha256 : hex, of the manifest that it has to have
        told : hears how many bytes of the files have come since it was last told, and of how many in all

        Raises
        ------
        SnapshotIntegrityError : another manifest, or a file that is not as it says
        NotFoundError, ThrottledError, DependencyError
        """
        manifest = self._small(version, MANIFEST, MAX_MANIFEST_BYTES)
        if manifest_sha256 is not None and hashlib.sha256(manifest).hexdigest() != manifest_sha256:
            raise SnapshotIntegrityError(f"the manifest of {version} is not the one that was signed")
        stated = _manifest(manifest, version)["files"]
        files = set(map(plain_name, stated))
        wanted = files if names is None else files.intersection(names)
        folder = self._cache / plain_name(version)
        if (folder / MANIFEST).exists() and (folder / MANIFEST).read_bytes() != manifest:
            self.forget(version)  # files of something else under this name
        folder.mkdir(parents=True, exist_ok=True)

        missing = [name for name in sorted(wanted - {MANIFEST}) if not (folder / name).exists()]
        kept = folder / f".{MANIFEST}.{os.getpid()}.{id(self)}"
        kept.write_bytes(manifest)  # not fetched again: it could be another one by then
        kept.replace(folder / MANIFEST)
        Download(self._s3, self._bucket, f"{PREFIX}{version}/", folder, stated, told).fetch(missing)
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
        manifest = f"{PREFIX}{plain_name(version)}/{MANIFEST}"
        keys = [key for key, _ in self._listed(f"{PREFIX}{version}/")]
        for key in sorted(keys, key=lambda key: key != manifest):
            with aws_errors(f"remove {version}"):
                self._s3.delete_object(Bucket=self._bucket, Key=key)

    def _pointer(self, condition: Mapping[str, str]) -> tuple[bytes, str] | None:
        """Bytes and ETag of the pointer; None where the condition does not hold."""
        try:
            with aws_errors("read snapshot pointer"):
                try:
                    answer = self._s3.get_object(Bucket=self._bucket, Key=POINTER, **condition)
                except ClientError as exc:
                    if exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 304:
                        return None
                    raise
                return answer["Body"].read(MAX_POINTER_BYTES + 1), answer["ETag"]
        except NotFoundError as exc:
            raise SnapshotMissingError("no snapshot has been promoted yet: import or rebuild a shop") from exc

    def _small(self, version: str, name: str, limit: int) -> bytes:
        with aws_errors(f"read {name} of {version}"):
            answer = self._s3.get_object(Bucket=self._bucket, Key=f"{PREFIX}{plain_name(version)}/{name}")
            return bytes(answer["Body"].read(limit + 1))

    def _same(self, key: str, path: Path) -> bool:
        """Whether an object has the contents of a file."""
        stored = hashlib.sha256()
        with aws_errors(f"compare {path.name}"):
            for part in self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].iter_chunks(1 << 20):
                stored.update(part)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest() == stored.digest()

    def _listed(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        with aws_errors("list snapshots"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            for page in pages:
                for entry in page.get("Contents", ()):
                    yield entry["Key"], entry["LastModified"]

    def keeps(self, version: str) -> bool:
        """Whether there is a local copy of `version`, or the beginning of one."""
        return (self._cache / plain_name(version) / MANIFEST).exists()

    def forget(self, version: str) -> None:
        """Remove the local copy of `version`."""
        shutil.rmtree(self._cache / plain_name(version), ignore_errors=True)


def _manifest(data: bytes, version: str) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except Exception:  # cut off at the limit, nested without end, ...
        document = None
    if not isinstance(document, dict) or not isinstance(document.get("files"), dict):
        raise SnapshotIntegrityError(f"the manifest of {version} is damaged")
    return document
