"""The archive in few files: what a delivery stream has written of a day as one, and a month that is over as one.

A stream writes up to a file a minute, half a million in a year, and whoever reads the archive asks for each of them.
Of a day the lines stay as they are, in their order, below the same day, so every reader finds what it found before.
Files are taken together in the order of their names, and the large one has the name of the first with more behind it:
so it stands between the same neighbours. Of a month the records come in the same order, in columns (`endcap.parquet`),
below the month and behind its days.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import IO, Any, Final

from endcap.errors import StoredDataError
from endcap.filenames import MONTH_ENDING

SETTLED_DAYS: Final = 9
"""How old a day has to be: whoever keeps names of files that were read, as results do, does so for a week."""
MOST_BYTES: Final = 128 << 20
"""Of one file, gzipped: as much as a delivery stream itself writes into one at most."""
_GZIP: Final = b"\x1f\x8b"
_ENDING: Final = ".jsonl.gz"
LEVEL: Final = 6
"""Of compression, as files are read more often than written."""


@dataclass(frozen=True, slots=True)
class File:
    """An object of the archive."""

    key: str
    etag: str
    size: int


@dataclass
class Mark:
    """How far the archive is compacted.

    Attributes
    ----------
    through : the last day that is, as 2026/11/30; "" for none
    months : the last month that is, as 2026/10; "" for none
    target : of files that are being put together, "" while none are
    sources : their keys
    """

    through: str = ""
    target: str = ""
    sources: list[str] = field(default_factory=list)
    months: str = ""

    def encoded(self) -> bytes:
        """As bytes."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def decoded(cls, data: bytes) -> Mark:
        """What `encoded` gave.

        Raises
        ------
        StoredDataError : these are not its bytes
        """
        try:
            return cls(**json.loads(data))
        except Exception as exc:
            raise StoredDataError("how far the archive is compacted can't be read") from exc


def is_settled(day: date, today: date) -> bool:
    """Whether nothing is written into the folder of a day any more, and nobody goes by the names of its files."""
    return day <= today - timedelta(days=SETTLED_DAYS)


def is_month_settled(year: int, month: int, today: date) -> bool:
    """Whether every day of a month is settled."""
    return is_settled(date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1), today)


def groups(files: Iterable[File], most: int = MOST_BYTES, least: int = 2) -> Iterator[list[File]]:
    """Neighbours, by their names, that fit into one file; fewer than `least` are left as they are."""
    group: list[File] = []
    size = 0
    for file in sorted(files, key=lambda one: one.key):
        if group and size + file.size > most:
            if len(group) >= least:
                yield group
            group, size = [], 0
        group.append(file)
        size += file.size
    if len(group) >= least:
        yield group


def name_of(sources: Sequence[str]) -> str:
    """The key of what some neighbours become: it sorts where they do."""
    return f"{sources[0].removesuffix(_ENDING)}-and-{len(sources) - 1}-more{_ENDING}"


def month_name_of(folder: str, there: Iterable[str]) -> str:
    """The key of the next file of a month, which sorts behind its days and behind those that are there.

    Parameters
    ----------
    folder : of the month, with a slash at its end
    """
    numbers = [int(key.rpartition("/")[2].partition(".")[0]) for key in there if key.endswith(MONTH_ENDING)]
    return f"{folder}month/{max(numbers, default=-1) + 1:03d}{MONTH_ENDING}"


def records(source: IO[bytes]) -> Iterator[dict[str, Any]]:
    """The records of what `append` has written."""
    return (json.loads(line) for line in _lines(source))


def append(source: IO[bytes], into: IO[bytes] | gzip.GzipFile) -> None:
    """Write the lines of a file, gzipped or not.

    Raises
    ------
    StoredDataError : it is cut off, or a line is no JSON object; nothing was written
    """
    for line in _lines(source):
        _check(line)
    for line in _lines(source):
        into.write(line)


def _lines(source: IO[bytes]) -> Iterator[bytes]:
    source.seek(0)
    zipped = source.read(len(_GZIP)) == _GZIP
    source.seek(0)
    try:
        for line in gzip.GzipFile(fileobj=source, mode="rb") if zipped else source:
            if line.strip():
                yield line if line.endswith(b"\n") else line + b"\n"
    except (EOFError, OSError, zlib.error) as exc:
        raise StoredDataError("a file of the archive is cut off") from exc


def _check(line: bytes) -> None:
    try:
        record: Any = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise StoredDataError("a line of the archive is no record")
