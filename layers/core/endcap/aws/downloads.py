"""Files of one snapshot, brought from S3 into a folder, several at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import HTTPClientError, IncompleteReadError

from endcap.aws.clients import aws_errors
from endcap.aws.local_copies import Copies, copies_beside, link_copy
from endcap.checksums import note, sha256_file
from endcap.errors import SnapshotIntegrityError

DOWNLOADS: Final = 8
"""Files that are fetched side by side; boto3 keeps ten connections."""
ONE_CALL_BYTES: Final = 1 << 20
"""Files of more come in parts, which takes another call for their size, and threads: three times the work."""


@dataclass(frozen=True, slots=True)
class Download:
    """The files of a snapshot on their way into a folder.

    Attributes
    ----------
    s3 : a boto3 S3 client
    prefix : of the snapshot's keys, with its last slash
    folder : where they are to lie; its neighbours are looked through for files that are the same
    stated : what the manifest says of each file: `bytes` and `sha256`, if it is as it should be
    told : hears how many bytes have come since it was last told, and of how many in all
    """

    s3: Any
    bucket: str
    prefix: str
    folder: Path
    stated: Mapping[str, Any]
    told: Callable[[int, int], None] | None = None

    def fetch(self, names: Sequence[str]) -> None:
        """Bring files; each stands under its name only when all of it is there.

        Raises
        ------
        SnapshotIntegrityError : a file has another size than the manifest says
        NotFoundError, ThrottledError, DependencyError
        """
        of_all = sum(size for name in names if isinstance(size := self._stated(name, "bytes"), int))
        copies = copies_beside(self.folder) if names else {}

        def came(n_bytes: int) -> None:
            if self.told is not None:
                self.told(n_bytes, of_all)

        came(0)
        # Most of some fifty files are small: one after the other, they take as long as as many answers of S3.
        with ThreadPoolExecutor(DOWNLOADS) as pool:
            list(pool.map(lambda name: self._fetch(name, copies, came), names))

    def _fetch(self, name: str, copies: Copies, came: Callable[[int], None]) -> None:
        part, size = self.folder / f".{name}.{os.getpid()}.{id(self)}", self._stated(name, "bytes")
        with aws_errors(f"download {name}"):
            if link_copy(copies, name, self._stated(name, "sha256"), part):
                came(part.stat().st_size)
            elif isinstance(size, int) and 0 <= size <= ONE_CALL_BYTES:
                part.write_bytes(self._in_one_call(self.prefix + name, size))
                came(size)
            else:
                self.s3.download_file(self.bucket, self.prefix + name, str(part), Callback=came)
        if size is not None and part.stat().st_size != size:
            part.unlink()
            raise SnapshotIntegrityError(f"{name} has another size than the manifest says")
        sha256 = sha256_file(part)  # while the others are still on their way
        part.replace(self.folder / name)
        note(self.folder / name, sha256)

    def _in_one_call(self, key: str, size: int) -> bytes:
        """A file of a known size, or what shows that it has another; asked for once more where it breaks off."""
        body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"]
        try:
            return bytes(body.read(size + 1))
        except (HTTPClientError, IncompleteReadError):
            return bytes(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read(size + 1))

    def _stated(self, name: str, what: str) -> Any:
        return self.stated[name].get(what) if isinstance(self.stated.get(name), dict) else None
