"""The archive in the bucket, compacted day by day, and month by month in columns: see `endcap.compaction`.

What is put together is written down first, then written, and only then are its parts removed. A run that is cut off
anywhere loses nothing: the next one finishes what was under way. A bucket that keeps versions keeps the parts for a
day more.
"""

from __future__ import annotations

import gzip
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import takewhile
from typing import IO, Any, Final

from endcap.aws.clients import aws_errors
from endcap.batch import Deadline
from endcap.compaction import (
    LEVEL,
    MOST_BYTES,
    File,
    Mark,
    append,
    groups,
    is_month_settled,
    is_settled,
    month_name_of,
    name_of,
    records,
)
from endcap.errors import ConflictError, NotFoundError, StoredDataError
from endcap.filenames import MONTH_ENDING
from endcap.observability import logger
from endcap.parquet import write_records

ARCHIVE: Final = "events/"
MARK: Final = "archive/compacted.json"
_DAY: Final = re.compile(rf"{ARCHIVE}((\d{{4}})/(\d{{2}})/(\d{{2}}))/")
_MONTH: Final = re.compile(rf"{ARCHIVE}((\d{{4}})/(\d{{2}}))/")
_LAST: Final = "\x7f"
"""Behind every name that a delivery stream gives."""
_IN_MEMORY: Final = 32 << 20
_AT_ONCE: Final = 1_000  # https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
_QUICK: Final = 1
"""The level of compression of what is only passed on."""


class ArchiveFiles:
    """The archive of a bucket.

    Parameters
    ----------
    s3 : a boto3 S3 client
    most : bytes of one file, gzipped
    """

    def __init__(self, s3: Any, bucket: str, most: int = MOST_BYTES) -> None:
        self._s3, self._bucket, self._most = s3, bucket, most

    def compact(self, today: date, deadline: Deadline) -> dict[str, int]:
        """Go on from where the last run ended, day by day and then month by month, as far as the time goes.

        Returns
        -------
        how many `days` and `months` were looked through, and how many files became how many: `files`, `into`

        Raises
        ------
        ThrottledError, DependencyError
        """
        mark = self._mark()
        if mark.target:
            self._finish(mark)
        told = {"days": 0, "months": 0, "files": 0, "into": 0}
        while not _is_over(deadline) and (day := self._next_day(mark, today)) is not None:
            if not self._put_together(f"{ARCHIVE}{day}/", mark, deadline, told, in_columns=False):
                return told
            mark.through = day
            self._save(mark)
            told["days"] += 1
        while not _is_over(deadline) and (month := self._next_month(mark, today)) is not None:
            if not self._put_together(f"{ARCHIVE}{month}/", mark, deadline, told, in_columns=True):
                return told
            mark.months = month
            self._save(mark)
            told["months"] += 1
        return told

    def _put_together(
        self, folder: str, mark: Mark, deadline: Deadline, told: dict[str, int], *, in_columns: bool
    ) -> bool:
        """Whether all of a folder was gone through in time."""
        loose = [file for file in self._files(folder) if not file.key.endswith(MONTH_ENDING)]
        for group in groups(loose, self._most, least=1 if in_columns else 2):
            if _is_over(deadline):
                return False
            for merged in self._merged(folder, group, mark, in_columns=in_columns):
                told["files"] += merged
                told["into"] += 1
        return True

    def _mark(self) -> Mark:
        try:
            with aws_errors("read how far the archive is compacted"):
                return Mark.decoded(self._s3.get_object(Bucket=self._bucket, Key=MARK)["Body"].read())
        except NotFoundError:
            return Mark()
        except StoredDataError:  # begun anew: days that are done have one file
            logger.warning("begins anew to compact the archive", exc_info=True)
            return Mark()

    def _save(self, mark: Mark) -> None:
        with aws_errors("write how far the archive is compacted"):
            self._s3.put_object(Bucket=self._bucket, Key=MARK, Body=mark.encoded())

    def _next_day(self, mark: Mark, today: date) -> str | None:
        key = self._first_behind(max(_behind(mark.through), _behind(mark.months)))
        dated = _DAY.match(key)
        return dated[1] if dated and is_settled(date(*map(int, dated.groups()[1:])), today) else None

    def _next_month(self, mark: Mark, today: date) -> str | None:
        key = self._first_behind(_behind(mark.months))
        dated = _MONTH.match(key)
        return dated[1] if dated and is_month_settled(int(dated[2]), int(dated[3]), today) else None

    def _first_behind(self, after: str) -> str:
        """The first key that is not of a month that is done, "" for none."""
        while True:
            with aws_errors("list the archive"):
                page = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=ARCHIVE, StartAfter=after, MaxKeys=1)
            key = next((str(found["Key"]) for found in page.get("Contents", ())), "")
            dated = _MONTH.match(key)
            if dated is None or not key.endswith(MONTH_ENDING):
                return key
            after = _behind(dated[1])

    def _files(self, folder: str) -> list[File]:
        with aws_errors("list the archive"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=folder)
            return [File(o["Key"], o["ETag"], o["Size"]) for page in pages for o in page.get("Contents", ())]

    def _merged(self, folder: str, group: Sequence[File], mark: Mark, *, in_columns: bool) -> Iterator[int]:
        """How many files became one, for each one; what can't be read stays as it is, between its neighbours."""
        rest, least = list(group), 1 if in_columns else 2
        while len(rest) >= least:
            with tempfile.TemporaryFile() as out:
                level = _QUICK if in_columns else LEVEL
                with gzip.GzipFile(fileobj=out, mode="wb", mtime=0, compresslevel=level) as into:
                    taken = list(takewhile(lambda file: self._append(file, into), rest))
                rest = rest[len(taken) + 1 :]
                if len(taken) < least or not self._still(folder, taken):
                    continue
                mark.sources = [file.key for file in taken]
                if in_columns:
                    self._write_columns(folder, mark, out)
                else:
                    mark.target = name_of(mark.sources)
                    self._write(mark, out)
            yield len(taken)

    def _write_columns(self, folder: str, mark: Mark, lines: IO[bytes]) -> None:
        mark.target = month_name_of(folder, [file.key for file in self._files(folder)])
        with tempfile.TemporaryFile() as out:
            write_records(records(lines), out)
            self._write(mark, out)

    def _append(self, file: File, into: gzip.GzipFile) -> bool:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as source:
            try:
                with aws_errors("read the archive"):
                    answer = self._s3.get_object(Bucket=self._bucket, Key=file.key, IfMatch=file.etag)
                    shutil.copyfileobj(answer["Body"], source, 1 << 20)
                append(source, into)
            except (StoredDataError, ConflictError, NotFoundError) as exc:  # damaged, or purged meanwhile
                logger.warning("a file of the archive is left as it is", extra={"key": file.key, "why": str(exc)})
                return False
        return True

    def _write(self, mark: Mark, out: IO[bytes]) -> None:
        out.seek(0)
        self._save(mark)
        with aws_errors("compact the archive"):
            self._s3.put_object(Bucket=self._bucket, Key=mark.target, Body=out)
        self._finish(mark)

    def _still(self, folder: str, taken: Sequence[File]) -> bool:
        """Whether nobody, such as a purge that was started by hand, has changed the files meanwhile."""
        return set(taken) <= set(self._files(folder))

    def _finish(self, mark: Mark) -> None:
        """Remove the parts of what is written; forget about it where it is not."""
        dated = _MONTH.match(mark.target) if mark.target.endswith(MONTH_ENDING) else _DAY.match(mark.target)
        there = {file.key for file in self._files(dated[0])} if dated else set()
        if mark.target in there:
            parts = [key for key in mark.sources if key in there]
            for begin in range(0, len(parts), _AT_ONCE):
                self._delete(parts[begin : begin + _AT_ONCE])
        mark.target, mark.sources = "", []
        self._save(mark)

    def _delete(self, keys: Sequence[str]) -> None:
        objects: list[Mapping[str, str]] = [{"Key": key} for key in keys]
        with aws_errors("remove parts of the archive"):
            self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})


def _behind(done: str) -> str:
    """What every key of a day or month that is done comes before."""
    return f"{ARCHIVE}{done}/{_LAST}" if done else ARCHIVE


def _is_over(deadline: Deadline) -> bool:
    return deadline.ends_work
