"""The archive in the bucket, compacted day by day: see `endcap.compaction`.

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
from endcap.compaction import LEVEL, MOST_BYTES, File, Mark, append, groups, is_settled, name_of
from endcap.errors import ConflictError, NotFoundError, StoredDataError
from endcap.observability import logger

ARCHIVE: Final = "events/"
MARK: Final = "archive/compacted.json"
_DAY: Final = re.compile(rf"{ARCHIVE}((\d{{4}})/(\d{{2}})/(\d{{2}}))/")
_LAST: Final = "\x7f"
"""Behind every name that a delivery stream gives."""
_IN_MEMORY: Final = 32 << 20
_AT_ONCE: Final = 1_000  # https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html


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
        """Go on from where the last run ended, day by day, as far as the time goes.

        Returns
        -------
        how many `days` were looked through, and how many files became how many: `files`, `into`

        Raises
        ------
        ThrottledError, DependencyError
        """
        mark = self._mark()
        if mark.target:
            self._finish(mark)
        told = {"days": 0, "files": 0, "into": 0}
        while not _is_over(deadline) and (day := self._next_day(mark.through, today)) is not None:
            for group in groups(self._files(day), self._most):
                if _is_over(deadline):
                    return told
                for merged in self._merged(day, group, mark):
                    told["files"] += merged
                    told["into"] += 1
            mark.through = day
            self._save(mark)
            told["days"] += 1
        return told

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

    def _next_day(self, through: str, today: date) -> str | None:
        after = f"{ARCHIVE}{through}/{_LAST}" if through else ARCHIVE
        with aws_errors("list the archive"):
            page = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=ARCHIVE, StartAfter=after, MaxKeys=1)
        for found in page.get("Contents", ()):
            dated = _DAY.match(found["Key"])
            if dated and is_settled(date(*map(int, dated.groups()[1:])), today):
                return dated[1]
        return None

    def _files(self, day: str) -> list[File]:
        with aws_errors("list the archive"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=f"{ARCHIVE}{day}/")
            return [File(o["Key"], o["ETag"], o["Size"]) for page in pages for o in page.get("Contents", ())]

    def _merged(self, day: str, group: Sequence[File], mark: Mark) -> Iterator[int]:
        """How many files became one, for each one; what can't be read stays as it is, between its neighbours."""
        rest = list(group)
        while len(rest) > 1:
            with tempfile.TemporaryFile() as out:
                with gzip.GzipFile(fileobj=out, mode="wb", mtime=0, compresslevel=LEVEL) as into:
                    taken = list(takewhile(lambda file: self._append(file, into), rest))
                rest = rest[len(taken) + 1 :]
                if len(taken) < 2 or not self._still(day, taken):
                    continue
                out.seek(0)
                self._write(mark, [file.key for file in taken], out)
            yield len(taken)

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

    def _write(self, mark: Mark, sources: list[str], out: IO[bytes]) -> None:
        mark.sources, mark.target = sources, name_of(sources)
        self._save(mark)
        with aws_errors("compact the archive"):
            self._s3.put_object(Bucket=self._bucket, Key=mark.target, Body=out)
        self._finish(mark)

    def _still(self, day: str, taken: Sequence[File]) -> bool:
        """Whether nobody, such as a purge that was started by hand, has changed the files meanwhile."""
        return set(taken) <= set(self._files(day))

    def _finish(self, mark: Mark) -> None:
        """Remove the parts of what is written; forget about it where it is not."""
        dated = _DAY.match(mark.target)
        there = {file.key for file in self._files(dated[1])} if dated else set()
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


def _is_over(deadline: Deadline) -> bool:
    return deadline.ends_work
