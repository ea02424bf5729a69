"""The archive as delivery streams write it: files of newline JSON, gzipped or not, in a folder or a bucket."""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final, Protocol

from endcap.errors import InvalidInputError, NotFoundError, StoredDataError
from endcap.filenames import MONTH_ENDING
from endcap.parquet import read_records

S3: Final = "s3://"
_GZIP: Final = b"\x1f\x8b"
_DATED: Final = re.compile(r"/(\d{4})/(\d{2})/(?:(\d{2})|month)/")
_SLACK: Final = timedelta(days=1)  # files are dated by arrival, records by what happened


@dataclass
class ReadLog:
    """What reading met; names of files that end in the middle, and how many lines are no JSON object."""

    lines: int = 0
    bad_lines: int = 0
    bad_files: list[str] = field(default_factory=list)


class Archive(Protocol):
    """Files by their path under the archive's root."""

    def names(self, folder: str) -> Iterator[str]:
        """Paths of the files below a folder, in order."""

    def open(self, name: str) -> IO[bytes]:
        """The bytes of a file; NotFoundError where there is none."""


class FolderArchive:
    """An archive in a folder of this machine, as `aws s3 sync` copies it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self, folder: str) -> Iterator[str]:
        """Paths of the files below a folder, in order."""
        found = (path.relative_to(self._root) for path in (self._root / folder).rglob("*") if path.is_file())
        yield from sorted(path.as_posix() for path in found if not path.name.startswith("."))

    def open(self, name: str) -> IO[bytes]:
        """The bytes of a file; NotFoundError where there is none."""
        try:
            return (self._root / name).open("rb")
        except FileNotFoundError as exc:
            raise NotFoundError(f"there is no file {self._root / name}") from exc


class BucketArchive:
    """An archive in S3.

    Parameters
    ----------
    s3 : a boto3 S3 client
    prefix : of the archive's root, without slashes at its ends; "" for the bucket itself
    """

    def __init__(self, s3: Any, bucket: str, prefix: str = "") -> None:
        self._s3, self._bucket, self._prefix = s3, bucket, f"{prefix}/" if prefix else ""

    def names(self, folder: str) -> Iterator[str]:
        """Paths of the objects below a folder, in order."""
        from endcap.aws.clients import aws_errors

        prefix = f"{self._prefix}{folder}/"
        with aws_errors(f"list {S3}{self._bucket}/{prefix}"):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                yield from (entry["Key"].removeprefix(self._prefix) for entry in page.get("Contents", ()))

    def open(self, name: str) -> IO[bytes]:
        """The bytes of an object; NotFoundError where there is none."""
        from endcap.aws.clients import aws_errors

        with aws_errors(f"read {S3}{self._bucket}/{self._prefix}{name}"):
            return io.BytesIO(self._s3.get_object(Bucket=self._bucket, Key=self._prefix + name)["Body"].read())


def archive_at(root: str) -> Archive:
    """The archive in a folder or at `s3://bucket[/prefix]`.

    Raises
    ------
    NotFoundError : there is no such folder
    InvalidInputError : the address names no bucket
    """
    if root.startswith(S3):
        from endcap.aws.clients import BACKGROUND, client

        bucket, _, prefix = root.removeprefix(S3).partition("/")
        if not bucket:
            raise InvalidInputError(f"{root} names no bucket")
        return BucketArchive(client("s3", BACKGROUND), bucket, prefix.strip("/"))
    if not Path(root).is_dir():
        raise NotFoundError(f"there is no folder {root}")
    return FolderArchive(Path(root))


def records(archive: Archive, folder: str, log: ReadLog, since_ms: int | None = None) -> Iterator[dict[str, Any]]:
    """Every JSON object of the files below a folder.

    Parameters
    ----------
    log : is told what could not be read
    since_ms : files in folders of earlier days are left out, and the day before it is still read
    """
    first_day = "" if since_ms is None else f"{datetime.fromtimestamp(since_ms / 1000, UTC) - _SLACK:%Y%m%d}"
    for name in archive.names(folder):
        dated = _DATED.search(f"/{name}")
        day = "".join(dated.groups("")) if dated else ""
        if day and day < first_day[: len(day)]:
            continue
        with archive.open(name) as file:
            try:
                if name.endswith(MONTH_ENDING):
                    for record in read_records(file):
                        log.lines += 1
                        yield record
                    continue
                for line in _lines(file):
                    if not line.isspace():
                        log.lines += 1
                        yield from _record(line, log)
            except (EOFError, gzip.BadGzipFile, zlib.error, StoredDataError):
                log.bad_files.append(name)


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    packed = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    yield from gzip.GzipFile(fileobj=file) if packed else file


def _record(line: bytes, log: ReadLog) -> Iterator[dict[str, Any]]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        yield value
    else:
        log.bad_lines += 1
