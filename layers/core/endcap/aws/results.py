"""Results in S3: the book, one table for each day, and the files of the archive that are not in it yet."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Container, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any, Final

from endcap.aws.clients import aws_errors
from endcap.errors import ConflictError, NotFoundError

BOOK: Final = "results/book/current.jsonl.gz"
OPEN: Final = "results/open/"
DAYS: Final = "results/days/"
PARQUET: Final = "results/parquet/"
MARK: Final = "results/mark.json"
LISTS: Final = "exposures/"
ACTS: Final = "events/"
READERS: Final = 8
_GZIP: Final = b"\x1f\x8b"


class ResultStore:
    """The results of one bucket.

    Parameters
    ----------
    s3 : a boto3 S3 client
    """

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    def book(self) -> tuple[bytes, str] | None:
        """The book's bytes and ETag; None where there is none yet.

        Raises
        ------
        ThrottledError, DependencyError
        """
        try:
            with aws_errors("read results"):
                answer = self._s3.get_object(Bucket=self._bucket, Key=BOOK)
                return answer["Body"].read(), answer["ETag"]
        except NotFoundError:
            return None

    def put_book(self, data: bytes, etag: str | None) -> None:
        """Replace the book that has this ETag; None where there must be none.

        Raises
        ------
        ConflictError : somebody else has written since
        ThrottledError, DependencyError
        """
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        with aws_errors("write results"):
            self._s3.put_object(Bucket=self._bucket, Key=BOOK, Body=data, **condition)

    def open_lists(self, name: str) -> bytes:
        """A part with open lists; empty where there is none any more.

        Raises
        ------
        ThrottledError, DependencyError
        """
        try:
            with aws_errors("read results"):
                return bytes(self._s3.get_object(Bucket=self._bucket, Key=f"{OPEN}{name}.jsonl.gz")["Body"].read())
        except NotFoundError:
            return b""

    def put_open_lists(self, name: str, data: bytes) -> None:
        """Write a part with open lists.

        Raises
        ------
        ThrottledError, DependencyError
        """
        with aws_errors("write results"):
            self._s3.put_object(Bucket=self._bucket, Key=f"{OPEN}{name}.jsonl.gz", Body=data)

    def renew_book(self) -> None:
        """Write the book as it is, or an empty one, under another ETag, so that who has read it can't replace it.

        Raises
        ------
        ThrottledError, DependencyError
        """
        while True:
            data, etag = self.book() or (gzip.compress(b""), None)
            # The time in the header means nothing here: https://www.rfc-editor.org/rfc/rfc1952
            renewed = data[:4] + os.urandom(4) + data[8:] if data.startswith(_GZIP) else gzip.compress(data)
            try:
                return self.put_book(renewed, etag)
            except ConflictError:
                continue

    def put_day(self, day: str, lines: bytes, parquet: bytes) -> None:
        """Replace the table of a day: what `days` reads, and what Athena does.

        Raises
        ------
        ThrottledError, DependencyError
        """
        with aws_errors("write a day's results"):
            self._s3.put_object(Bucket=self._bucket, Key=f"{PARQUET}day={day}/rows.parquet", Body=parquet)
            self._s3.put_object(Bucket=self._bucket, Key=f"{DAYS}day={day}/rows.jsonl.gz", Body=lines)

    def put_mark(self, mark: dict[str, Any]) -> None:
        """Say how far the tables go.

        Raises
        ------
        ThrottledError, DependencyError
        """
        with aws_errors("write results"):
            self._s3.put_object(Bucket=self._bucket, Key=MARK, Body=json.dumps(mark).encode())

    def mark(self) -> dict[str, Any]:
        """How far the tables go; empty where there are none.

        Raises
        ------
        ThrottledError, DependencyError
        """
        data = self._read(MARK)
        return dict(json.loads(data)) if data else {}

    def days(self, from_day: str, to_day: str) -> list[tuple[str, bytes]]:
        """The tables of some days, both included, ascending.

        Raises
        ------
        ThrottledError, DependencyError
        """
        prefix = f"{DAYS}day="
        keys = {
            key[len(prefix) : len(prefix) + 10]: key
            for key in self._listed(prefix)
            if from_day <= key[len(prefix) : len(prefix) + 10] <= to_day
        }
        with ThreadPoolExecutor(READERS) as readers:
            return list(zip(sorted(keys), readers.map(self._read, (keys[day] for day in sorted(keys))), strict=True))

    def unread(self, read: Container[str], since: date, today: date) -> list[str]:
        """Keys of the archive's files that arrived on one of these days and are not among `read`; lists first.

        Raises
        ------
        ThrottledError, DependencyError
        """
        days = [since + timedelta(days=n) for n in range((today - since).days + 1)]
        return [
            key
            for folder in (LISTS, ACTS)
            for day in days
            for key in self._listed(f"{folder}{day:%Y/%m/%d}/")
            if key not in read
        ]

    def records(self, key: str) -> Iterator[dict[str, Any]]:
        """The records of a file of the archive; what is no JSON object is passed over.

        Raises
        ------
        ThrottledError, DependencyError
        """
        for line in self._read(key).splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                yield record

    def _read(self, key: str) -> bytes:
        try:
            with aws_errors("read a file of the archive"):
                data = bytes(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())
        except NotFoundError:  # purged meanwhile
            return b""
        if not key.startswith(DAYS) and data.startswith(_GZIP):
            try:
                return gzip.decompress(data)
            except (EOFError, OSError, zlib.error):
                return b""
        return data

    def _listed(self, prefix: str) -> Iterator[str]:
        with aws_errors(f"list {prefix}"):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                yield from (entry["Key"] for entry in page.get("Contents", ()))
