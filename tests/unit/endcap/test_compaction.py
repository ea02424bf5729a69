"""Small files of the archive put together, without a bucket."""

from __future__ import annotations

import gzip
import io
from datetime import date, timedelta

import pytest

from endcap.compaction import (
    SETTLED_DAYS,
    File,
    Mark,
    append,
    groups,
    is_month_settled,
    is_settled,
    month_name_of,
    name_of,
)
from endcap.errors import StoredDataError


def files(*sizes: int) -> list[File]:
    return [File(f"events/2026/01/01/a-{n:02d}.jsonl.gz", "", size) for n, size in enumerate(sizes)]


def test_neighbours_that_fit_become_one() -> None:
    some = files(4, 4, 4, 9, 2, 2)
    assert [[some.index(file) for file in group] for group in groups(reversed(some), most=10)] == [[0, 1], [4, 5]]
    assert list(groups(files(9, 9), most=10)) == []
    assert list(groups(files(3), most=10)) == []


def test_of_a_month_one_file_is_worth_it_too() -> None:
    some = files(4, 9)
    assert [[some.index(file) for file in group] for group in groups(some, most=10, least=1)] == [[0], [1]]


@pytest.mark.parametrize(
    ("month", "last"),
    [((2026, 2), date(2026, 2, 28)), ((2024, 2), date(2024, 2, 29)), ((2025, 12), date(2025, 12, 31))],
)
def test_a_month_is_settled_with_its_last_day(month: tuple[int, int], last: date) -> None:
    settled = last + timedelta(days=SETTLED_DAYS)
    assert is_month_settled(*month, settled)
    assert not is_month_settled(*month, settled - timedelta(days=1))


def test_files_of_a_month_stand_behind_its_days_and_before_the_next() -> None:
    first = month_name_of("events/2026/01/", ["events/2026/01/31/a.jsonl.gz"])
    second = month_name_of("events/2026/01/", [first])
    order = ["events/2026/01/31/a.jsonl.gz", first, second, "events/2026/02/01/a.jsonl.gz"]
    assert sorted(order) == order
    assert month_name_of("events/2026/01/", [second]) > second  # the first may have been purged away


def test_a_mark_of_before_there_were_months_is_read() -> None:
    assert Mark.decoded(b'{"through":"2026/01/02","target":"","sources":[]}') == Mark("2026/01/02")


def test_what_is_put_together_is_so_once() -> None:
    (group,) = groups(files(3, 3, 3), most=10)
    whole = File(name_of([file.key for file in group]), "", 9)
    assert list(groups([whole], most=10)) == []


def test_one_file_stands_where_its_parts_stood() -> None:
    keys = [file.key for file in files(1, 1, 1, 1, 1)]
    made = name_of(keys[1:4])
    assert sorted([keys[0], made, keys[4]]) == [keys[0], made, keys[4]]
    assert made.endswith("-and-2-more.jsonl.gz")


def test_a_day_is_left_alone_until_nobody_goes_by_its_names() -> None:
    assert is_settled(date(2026, 1, 1), date(2026, 1, 1 + SETTLED_DAYS))
    assert not is_settled(date(2026, 1, 2), date(2026, 1, 1 + SETTLED_DAYS))


@pytest.mark.parametrize("zipped", [True, False])
def test_lines_are_taken_as_they_are(zipped: bool) -> None:
    body = b'{"b":1,  "a":2}\n\n{"c":3}'
    into = io.BytesIO()
    append(io.BytesIO(gzip.compress(body, mtime=0) if zipped else body), into)
    assert into.getvalue() == b'{"b":1,  "a":2}\n{"c":3}\n'


@pytest.mark.parametrize(
    "damaged",
    [
        gzip.compress(b'{"a":1}\n' * 500, mtime=0)[:-9],
        b'{"a":1}\n{"b"\n',
        b'{"a":1}\n[1]\n',
        gzip.compress(b"x", mtime=0)[:6] + b"zzz",
    ],
)
def test_of_what_can_not_be_read_whole_nothing_is_taken(damaged: bytes) -> None:
    into = io.BytesIO()
    with pytest.raises(StoredDataError):
        append(io.BytesIO(damaged), into)
    assert into.getvalue() == b""


def test_a_mark_is_kept_as_bytes() -> None:
    mark = Mark("2026/01/01", "t", ["a", "b"])
    assert Mark.decoded(mark.encoded()) == mark
    with pytest.raises(StoredDataError):
        Mark.decoded(b'{"unknown": 1}')
