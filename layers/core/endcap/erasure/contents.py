"""What of a stored object is to stay once people have been erased: lines of records, or one record that went astray.

Objects are read line by line, so that their size does not matter. What can't be read goes too, as nobody can say any
more whose it was: lines that are no JSON, the rest of a file that is cut off, and what was quarantined unreadably, all
of it only where it is old enough to be of somebody who was erased.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Final

from endcap.erasure.ledger import NEVER, Ledger
from endcap.erasure.receipt import DAY_MS
from endcap.erasure.records import erased_subjects, erased_within, happened_ms
from endcap.errors import StoredDataError
from endcap.parquet import MAGIC, read_records, write_records

_GZIP: Final = b"\x1f\x8b"
_RAW: Final = "rawData"  # https://docs.aws.amazon.com/firehose/latest/dev/retry.html


@dataclass
class Sifted:
    """What became of an object.

    Attributes
    ----------
    kept : records that stay
    removed : subject -> records that go for its sake
    unreadable : lines that go as nobody can read them
    """

    kept: int = 0
    removed: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0

    @property
    def changed(self) -> bool:
        """Whether anything goes."""
        return bool(self.removed or self.unreadable)


Sift = Callable[[IO[bytes], IO[bytes], Ledger, int], Sifted]
"""Reads an object, writes what stays of it, and says what goes; given also when the object was written."""

DELIVERED_LATE_MS: Final = DAY_MS
"""How much later than its records Firehose may write an object: it tries for a day."""


def sift_records(source: IO[bytes], out: IO[bytes], ledger: Ledger, written_ms: int) -> Sifted:
    """Of a file of the archive or of exposures: all records but those of the erased.

    It is newline JSON, gzipped or not, or a month in columns.
    """
    is_old = _is_old(written_ms, ledger)
    if source.read(len(MAGIC)) == MAGIC:
        return _sift_columns(source, out, is_old, ledger)
    source.seek(0)
    return _sift_lines(source, out, is_old, lambda line: _sifted_record(line, ledger, is_old))


def sift_delivery_errors(source: IO[bytes], out: IO[bytes], ledger: Ledger, written_ms: int) -> Sifted:
    """Of what Firehose could not deliver: each line holds records, in base64."""
    is_old = _is_old(written_ms, ledger)
    return _sift_lines(source, out, is_old, lambda line: _sifted_delivery(line, ledger, is_old))


def sift_quarantined(source: IO[bytes], out: IO[bytes], ledger: Ledger, _written_ms: int) -> Sifted:
    """Of an object of quarantine: all or nothing, by whom its payload names and when that happened or first came."""
    data = source.read()
    sifted = Sifted()
    try:
        document = json.loads(data)
        seen_ms, payload = int(document.get("first_seen") or document["arrival"]), str(document["payload"])
        value = json.loads(payload)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sifted.unreadable = int(_seen_ms(data) <= max(ledger.entries.values(), default=NEVER))
    else:
        named = erased_within(value, happened_ms(value, seen_ms), ledger)
        sifted.removed.update(named[:1])  # one object, gone once
    if not sifted.changed:
        sifted.kept = 1
        out.write(data)
    return sifted


def _seen_ms(data: bytes) -> int:
    try:
        document = json.loads(data)
        return int(document.get("first_seen") or document["arrival"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return 0


def _is_old(written_ms: int, ledger: Ledger) -> bool:
    return written_ms - DELIVERED_LATE_MS <= max(ledger.entries.values(), default=NEVER)


Line = tuple[bytes | None, Counter[str], int]
"""What stays of a line, what goes for whose sake, and how much of it is unreadable."""


def _sift_lines(source: IO[bytes], out: IO[bytes], is_old: bool, sifted_line: Callable[[bytes], Line]) -> Sifted:
    zipped = source.read(len(_GZIP)) == _GZIP
    source.seek(0)
    sifted = Sifted()
    into = gzip.GzipFile(fileobj=out, mode="wb", mtime=0, compresslevel=6) if zipped else out
    for line in _lines(source, zipped, sifted):
        kept, removed, unreadable = sifted_line(line)
        sifted.removed += removed
        sifted.unreadable += unreadable
        if kept is not None:
            sifted.kept += 1
            into.write(kept)
    if zipped:
        into.close()
    sifted.unreadable = sifted.unreadable if is_old else 0  # the rest of a file that is cut off
    return sifted


def _sift_columns(source: IO[bytes], out: IO[bytes], is_old: bool, ledger: Ledger) -> Sifted:
    sifted = Sifted()

    def kept() -> Iterator[dict[str, Any]]:
        for record in read_records(source):
            stays, removed, _ = _sifted_record(json.dumps(record).encode(), ledger, is_old)
            sifted.removed += removed
            if stays is not None:
                sifted.kept += 1
                yield json.loads(stays)

    source.seek(0)
    try:
        for _ in kept():  # most files are of nobody who was erased, and need not be written
            pass
    except StoredDataError:
        return Sifted(unreadable=int(is_old))
    if sifted.removed:
        sifted = Sifted()
        source.seek(0)
        write_records(kept(), out)
    return sifted


def _lines(source: IO[bytes], zipped: bool, sifted: Sifted) -> Iterator[bytes]:
    try:
        for line in gzip.GzipFile(fileobj=source, mode="rb") if zipped else source:
            if line.strip():
                yield line if line.endswith(b"\n") else line + b"\n"
    except (EOFError, zlib.error, gzip.BadGzipFile):
        sifted.unreadable += 1


def _sifted_record(line: bytes, ledger: Ledger, is_old: bool) -> Line:
    try:
        record = json.loads(line)
        events = record.get("events")
    except (ValueError, AttributeError, RecursionError):
        return _unreadable(line, is_old)
    if not isinstance(events, list):
        named = erased_subjects(record, ledger)
        return (None, Counter(named[:1]), 0) if named else (line, Counter(), 0)
    removed: Counter[str] = Counter()
    kept = []
    for event in events:
        named = erased_subjects(event, ledger) if isinstance(event, dict) else []
        removed.update(named[:1])
        kept += [] if named else [event]
    if not removed:
        return line, removed, 0
    return (
        (json.dumps({**record, "events": kept}, separators=(",", ":")).encode() + b"\n" if kept else None),
        removed,
        0,
    )


def _unreadable(line: bytes, is_old: bool) -> Line:
    return (None, Counter(), 1) if is_old else (line, Counter(), 0)


def _sifted_delivery(line: bytes, ledger: Ledger, is_old: bool) -> Line:
    try:
        told = json.loads(line)
        records = base64.b64decode(told[_RAW], validate=True).splitlines(keepends=True)
    except (ValueError, KeyError, TypeError, binascii.Error, RecursionError):
        return _unreadable(line, is_old)
    removed: Counter[str] = Counter()
    unreadable, kept = 0, []
    for record in records:
        stays, gone, unread = _sifted_record(record, ledger, is_old)
        removed += gone
        unreadable += unread
        kept += [] if stays is None else [stays]
    if not removed and not unreadable:
        return line, removed, 0
    told[_RAW] = base64.b64encode(b"".join(kept)).decode()
    return (json.dumps(told, separators=(",", ":")).encode() + b"\n" if kept else None), removed, unreadable
