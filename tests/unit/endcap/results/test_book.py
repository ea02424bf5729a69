"""Results equal a table that was worked out by hand, whatever the order and the borders of files."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Container, Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.errors import ConflictError, StoredDataError
from endcap.list_ids import new_list_id
from endcap.results.book import DAY_MS, LATENESS_MS, WINDOW_MS, Book
from endcap.results.codec import decoded, encoded
from endcap.results.facts import act_of, shown_list
from endcap.results.read_files import ReadFiles
from endcap.results.report import report
from endcap.results.summarise import summarise
from endcap.results.tables import read_day, table, total

DAY_1, DAY_2 = 1_768_435_200_000, 1_768_435_200_000 + DAY_MS  # 2026-01-15, 2026-01-16, 00:00 UTC
HOUR = 3_600_000


def lists() -> list[dict[str, Any]]:
    def one(name: str, at_ms: int, surface: str, variant: str, user: str, *items: str) -> dict[str, Any]:
        places = [{"item_id": item, "position": k} for k, item in enumerate(items, 1)]
        return {
            "recommendation_id": name,
            "at_ms": at_ms,
            "user_id": user,
            "scenario": "home",
            "surface": surface,
            "experiment": "variety",
            "variant": variant,
            "unit": user,
            "items": places,
        }

    return [
        one("r1", DAY_1 + HOUR, "start", "control", "ann", "lamp", "mug", "pan"),
        one("r2", DAY_1 + 2 * HOUR, "start", "varied", "bob", "lamp", "rug"),
        one("r3", DAY_1 + 3 * HOUR, "cart", "control", "cid", "mug"),
        one("r4", DAY_2 + HOUR, "cart", "varied", "bob", "pan", "mug"),
        one("r4", DAY_2 + HOUR, "cart", "varied", "bob", "pan", "mug"),  # delivered twice
    ]


def acts() -> list[dict[str, Any]]:
    number = iter(range(1000))

    def one(kind: str, user: str, item: str | None, at_ms: int, list_id: str | None = None, **more: Any) -> Any:
        found = {"event_id": f"e{next(number)}", "event_type": kind, "user_id": user, "item_id": item}
        found |= {"timestamp": at_ms, "recommendation_id": list_id, **more}
        return {name: value for name, value in found.items() if value is not None}

    bought = one("purchase", "ann", "lamp", DAY_1 + 5 * HOUR, "r1", value=19.99, properties={"order_id": "o1"})
    clicked = one("click", "ann", "lamp", DAY_1 + HOUR + 5_000, "r1")
    returned = one("return", "bob", "rug", DAY_2 + 9 * HOUR, value=12.5, properties={"order_id": "o3"})
    return [
        one("impression", "ann", "lamp", DAY_1 + HOUR + 1_000, "r1", position=1),
        one("impression", "ann", "mug", DAY_1 + HOUR + 1_000, "r1", position=2),
        one("impression", "ann", "mug", DAY_1 + HOUR + 9_000, "r1", position=2),  # seen again: counts once
        clicked,
        clicked,  # the same event once more
        one("view", "ann", "lamp", DAY_1 + HOUR + 6_000, "r1"),  # the page of what was clicked: the same click
        one("add_to_cart", "ann", "lamp", DAY_1 + 4 * HOUR, "r1"),
        bought,
        bought,
        one("purchase", "ann", "hat", DAY_1 + 5 * HOUR, "r1", value=99.0),  # the list did not show it
        one("click", "ann", "pan", DAY_1 + HOUR + WINDOW_MS + 1, "r1"),  # late by a millisecond
        one("click", "bob", "lamp", DAY_1 + 2 * HOUR + WINDOW_MS, "r2"),  # the last one that counts
        one("purchase", "bob", "rug", DAY_1 + 6 * HOUR, "r2", value=30.01, properties={"order_id": "o3"}),
        returned,  # a part of what was paid
        returned,
        one("return", "bob", "rug", DAY_2 + 10 * HOUR),  # nothing is left to take back
        one("purchase", "cid", "mug", DAY_1 + 7 * HOUR, "r3", value=7.45),
        one("return", "cid", "mug", DAY_2 + HOUR),  # all of it
        one("impression", "bob", None, DAY_2 + HOUR + 1_000, "r4", position=2),  # by its position: the mug
        one("click", "eve", "mug", DAY_2 + 2 * HOUR, "nothing"),  # of a list that nobody knows
        one("purchase", "bob", "lamp", DAY_2 + 3 * HOUR, value=500.0),  # names no list
    ]


BY_HAND = [
    # surface, variant, day, lists, visible, impressions, clicks, carts, purchases, returns, revenue, ctr, conversion
    ("start", "variety/control", "2026-01-15", 1, 1, 2, 1, 1, 1, 0, 19.99, 1.0, 1.0),
    ("start", "variety/varied", "2026-01-15", 1, 0, 0, 1, 0, 1, 1, 17.51, 1.0, 1.0),
    ("cart", "variety/control", "2026-01-15", 1, 0, 0, 0, 0, 1, 1, 0.0, 0.0, 1.0),
    ("cart", "variety/varied", "2026-01-16", 1, 1, 1, 0, 0, 0, 0, 0.0, 0.0, 0.0),
]
COLUMNS = ("lists", "visible", "impressions", "clicks", "carts", "purchases", "returns", "revenue")


def told(book: Book) -> list[tuple[Any, ...]]:
    rows = table(book.cells.items(), ("surface", "variant", "day"))
    return sorted(
        (
            *(row[name] for name in ("surface", "variant", "day", *COLUMNS)),
            row["ctr"]["value"],
            row["conversion"]["value"],
        )
        for row in rows
    )


def entered(*parts: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> Book:
    book = Book()
    for shown, done in parts:
        book.enter(filter(None, map(shown_list, shown)), filter(None, map(act_of, done)))
    return book


def test_the_table_is_the_one_that_was_worked_out_by_hand() -> None:
    assert told(entered((lists(), acts()))) == sorted(BY_HAND)


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_it_is_the_same_whatever_the_order_the_borders_and_what_is_read_again(chance: random.Random, n: int) -> None:
    records = [(record, True) for record in lists()] + [(record, False) for record in acts()]
    chance.shuffle(records)
    records += records[: len(records) // 3]
    size = len(records) // n + 1
    book = Book()
    for first in range(0, len(records), size):
        part = records[first : first + size]
        book.enter(
            [shown for record, is_list in part if is_list and (shown := shown_list(record))],
            [act for record, is_list in part if not is_list and (act := act_of(record))],
        )
        book, _, _ = decoded(encoded(book, ReadFiles(), None))
    # Of two returns of one purchase the first to arrive is taken; both here take all that was paid, or less.
    rows = {row[:3]: row[3:] for row in told(book)}
    expected = {row[:3]: row[3:] for row in BY_HAND}
    varied = ("start", "variety/varied", "2026-01-15")
    assert rows.pop(varied)[:7] == expected.pop(varied)[:7]
    assert rows == expected


def test_rows_are_added_up_by_what_is_asked_for() -> None:
    book = entered((lists(), acts()))
    (home,) = table(book.cells.items(), ("scenario",))
    assert (home["scenario"], home["lists"], home["revenue"]) == ("home", 4, 37.5)
    assert total(book.cells.items())["revenue"] == 37.5
    assert [row["surface"] for row in table(book.cells.items(), ("surface",))] == ["start", "cart"]


def test_what_is_over_is_let_go_of_and_its_figures_stay() -> None:
    book = entered((lists(), acts()))
    before = told(book)
    book.close(DAY_2 + WINDOW_MS + LATENESS_MS + 61 * DAY_MS)
    assert (book.lists.kept, book.lists.names, book.waiting, book.purchases) == ({}, {}, {}, {})
    assert told(book) == before


def test_records_of_the_form_before_are_read() -> None:
    shown = shown_list(
        {"recommendation_id": "r", "timestamp": DAY_1, "user_id": "u", "items": [{"item_id": "a", "rank": 11}]}
    )
    assert shown is not None
    assert (shown.at_ms, shown.first, shown.cell.scenario, shown.cell.variant) == (DAY_1, 11, "", "")
    assert shown_list({"recommendation_id": "r"}) is None


def test_lines_of_the_book_name_whose_they_are_as_records_do() -> None:
    lines = [
        json.loads(line)
        for line in gzip.decompress(encoded(entered((lists(), acts())), ReadFiles(), None)).splitlines()
    ]
    personal = [line for line in lines if line["kind"] in ("list", "purchase", "unit", "act")]
    assert {line["user_id"] for line in personal} == {"ann", "bob", "cid", "eve"}
    assert all("at_ms" in line for line in personal)
    assert "user_id" not in str([line for line in lines if line["kind"] in ("head", "cell")])


def test_a_damaged_book_is_told_apart_from_none() -> None:
    with pytest.raises(StoredDataError):
        decoded(b"no gzip")


class Memory:
    """Results and an archive in memory."""

    def __init__(self) -> None:
        self.files: dict[str, list[dict[str, Any]]] = {}
        self.kept: tuple[bytes, str] | None = None
        self.parts: dict[str, bytes] = {}
        self.fetched: list[str] = []
        self.days: dict[str, bytes] = {}
        self.parquet: dict[str, bytes] = {}
        self.mark: dict[str, Any] = {}
        self.fails_on_days = False

    def book(self) -> tuple[bytes, str] | None:
        return self.kept

    def put_book(self, data: bytes, etag: str | None) -> None:
        if etag != (self.kept[1] if self.kept else None):
            raise ConflictError("another run was faster")
        self.kept = data, str(int(etag or 0) + 1)

    def open_lists(self, name: str) -> bytes:
        self.fetched.append(name)
        return self.parts.get(name, b"")

    def put_open_lists(self, name: str, data: bytes) -> None:
        assert name not in self.parts
        self.parts[name] = data

    def put_day(self, day: str, lines: bytes, parquet: bytes) -> None:
        if self.fails_on_days:
            raise ConnectionError
        self.days[day], self.parquet[day] = lines, parquet

    def put_mark(self, mark: dict[str, Any]) -> None:
        self.mark = mark

    def unread(self, read: Container[str], since: date, today: date) -> list[str]:
        days = [date.fromordinal(n).strftime("%Y/%m/%d") for n in range(since.toordinal(), today.toordinal() + 1)]
        return [
            key for key in sorted(self.files, reverse=True) if key not in read and "/".join(key.split("/")[1:4]) in days
        ]

    def records(self, key: str) -> Iterator[dict[str, Any]]:
        yield from self.files[key]

    def told(self) -> list[tuple[Any, ...]]:
        book = Book()
        for day, data in self.days.items():
            book.cells |= dict(read_day(day, data))
        return told(book)


def filled() -> Memory:
    store = Memory()
    shown, done = lists(), acts()
    store.files = {
        "exposures/2026/01/15/a": shown[:2],
        "events/2026/01/15/a": done[:9],
        "events/2026/01/15/b": done[9:],
        "exposures/2026/01/16/a": shown[2:],
    }
    return store


def test_runs_read_each_file_once_and_write_the_days_that_change() -> None:
    store, now_ms = filled(), DAY_2 + 12 * HOUR
    assert summarise(store, now_ms).entered == 4
    assert store.told() == sorted(BY_HAND)
    assert (store.mark["left"], store.mark["as_of_ms"]) == (0, DAY_2 + HOUR)
    again = summarise(store, now_ms)
    assert (again.entered, again.left) == (0, 0)
    store.files["events/2026/01/16/late"] = acts()  # delivered again under another name
    assert summarise(store, now_ms).entered == 1
    assert store.told() == sorted(BY_HAND)


def test_a_run_that_was_cut_off_is_made_good_by_the_next() -> None:
    store = filled()
    store.fails_on_days = True
    with pytest.raises(ConnectionError):
        summarise(store, DAY_2 + 12 * HOUR)
    store.fails_on_days = False
    summarise(store, DAY_2 + 12 * HOUR)
    assert store.told() == sorted(BY_HAND)


def test_what_there_is_no_time_for_is_left_to_the_next_run() -> None:
    store = filled()
    store.files |= {f"events/2026/01/16/{n:03d}": [] for n in range(100)}
    first = summarise(store, DAY_2 + 12 * HOUR, goes_on=lambda: False)
    assert (first.entered, first.left) == (40, 64)
    while summarise(store, DAY_2 + 12 * HOUR, goes_on=lambda: False).left:
        pass
    assert store.told() == sorted(BY_HAND)


def dated(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records whose lists have ids that say when they were made."""
    names = {one["recommendation_id"]: new_list_id(one["at_ms"]) for one in reversed(lists())}
    return [
        one | {"recommendation_id": names.get(one["recommendation_id"], new_list_id(DAY_1))}
        if "recommendation_id" in one
        else one
        for one in records
    ]


def spread(records: list[dict[str, Any]], chance: random.Random, n: int) -> Memory:
    """An archive of `n` files with these records, in any order."""
    store = Memory()
    for record in records:
        folder = "exposures" if "items" in record else "events"
        store.files.setdefault(f"{folder}/2026/01/16/{chance.randrange(n)}", []).append(record)
    return store


def summarised(store: Memory) -> Memory:
    """Each file in a run of its own, some of them met again under another name."""
    files, store.files = store.files, {}
    for key, records in files.items():
        store.files[key] = records
        summarise(store, DAY_2 + 12 * HOUR)
    store.files |= {f"{key}-again": records for key, records in list(files.items())[::3]}
    summarise(store, DAY_2 + 12 * HOUR)
    return store


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 5))
def test_lists_that_are_stored_in_parts_bring_what_those_in_the_book_do(chance: random.Random, n: int) -> None:
    shown, done = lists(), acts()
    records = dated([*shown, *done])
    chance.shuffle(records)
    store = summarised(spread(records, chance, n))
    rows = {row[:3]: row[3:] for row in store.told()}
    expected = {row[:3]: row[3:] for row in BY_HAND}
    varied = ("start", "variety/varied", "2026-01-15")  # either of two returns may be the one that is taken
    assert rows.pop(varied)[:7] == expected.pop(varied)[:7]
    assert rows == expected


def test_a_run_reads_those_parts_alone_that_its_acts_are_about() -> None:
    store = Memory()
    store.files["exposures/2026/01/16/a"] = dated(shown := lists())
    ids = {one["recommendation_id"] for one in store.files["exposures/2026/01/16/a"]}
    summarise(store, DAY_2 + 12 * HOUR)
    assert (store.fetched, len(store.parts)) == ([], len(ids))
    one = store.files["exposures/2026/01/16/a"][0]
    click = {"event_id": "c", "event_type": "click", "item_id": "mug", "recommendation_id": one["recommendation_id"]}
    store.files["events/2026/01/16/a"] = [click | {"user_id": "ann", "timestamp": DAY_1 + 2 * HOUR}]
    summarise(store, DAY_2 + 12 * HOUR)
    assert len(store.fetched) == 1
    assert len(store.parts) == len(ids) + 1  # the part that has changed, under another name
    assert sum(row[6] for row in store.told()) == 1
    assert len(shown) == 5


def test_a_part_names_nobody_and_an_experiment_counts_its_shopper_all_the_same() -> None:
    store = Memory()
    store.files["exposures/2026/01/16/a"] = dated(lists())
    summarise(store, DAY_2 + 12 * HOUR)
    written = b"".join(map(gzip.decompress, store.parts.values()))
    assert b"lamp" in written
    assert not [name for name in (b"ann", b"bob", b"cid", b"user_id") if name in written]
    store.files["events/2026/01/16/a"] = [one for one in dated_like(store, acts()) if one["event_type"] == "purchase"]
    summarise(store, DAY_2 + 12 * HOUR)
    assert store.kept is not None
    book, _, _ = decoded(store.kept[0])
    assert {key[1]: unit.purchases for key, unit in book.units.items()} == {"ann": 1, "bob": 1, "cid": 1}


def dated_like(store: Memory, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Acts about the lists of the first file of exposures."""
    shown = store.files["exposures/2026/01/16/a"]
    names = {one["recommendation_id"]: new["recommendation_id"] for one, new in zip(lists(), shown, strict=True)}
    return [
        one | {"recommendation_id": names[one["recommendation_id"]]}
        for one in records
        if one.get("recommendation_id") in names
    ]


def test_a_book_of_before_is_read_and_its_lists_stay_open() -> None:
    store = Memory()
    store.files["exposures/2026/01/16/a"] = lists()
    summarise(store, DAY_2 + 12 * HOUR)
    assert store.kept is not None
    head, *lines = gzip.decompress(store.kept[0]).decode().splitlines()
    old = {name: value for name, value in json.loads(head).items() if name != "lists"}
    old |= {"format": 1, "read": ["exposures/2026/01/16/a"]}
    units = [{k: v for k, v in json.loads(line).items() if k != "mark"} for line in lines]
    store.kept = gzip.compress("\n".join(map(json.dumps, (old, *units))).encode()), store.kept[1]
    store.files["events/2026/01/16/a"] = acts()
    assert summarise(store, DAY_2 + 12 * HOUR).entered == 1
    assert store.told() == sorted(BY_HAND)
    assert store.parts == {}


def test_a_run_that_is_overtaken_changes_nothing_that_others_read() -> None:
    store = Memory()
    store.files["exposures/2026/01/16/a"] = dated(lists())
    summarise(store, DAY_2 + 12 * HOUR)
    before, kept = dict(store.parts), store.kept
    store.files["events/2026/01/16/a"] = dated_like(store, acts())
    put_book, store.put_book = store.put_book, overtaken  # type: ignore[method-assign]
    with pytest.raises(ConflictError):
        summarise(store, DAY_2 + 12 * HOUR)
    assert store.kept == kept
    assert {name: store.parts[name] for name in before} == before
    store.put_book = put_book  # type: ignore[method-assign]
    summarise(store, DAY_2 + 12 * HOUR)
    assert [row[6:9] for row in store.told()] == [row[6:9] for row in sorted(BY_HAND)]


def overtaken(data: bytes, etag: str | None) -> None:
    raise ConflictError("another run was faster")


def test_files_that_were_read_are_known_by_little_and_forgotten_in_time() -> None:
    keys = [
        f"exposures/2026/01/{day:02d}/00/a-long-name-as-firehose-gives-it-{n}" for day in (14, 15) for n in range(500)
    ]
    read = ReadFiles.of(keys)
    again = ReadFiles.decoded(json.loads(json.dumps(read.encoded())))
    assert again == read
    assert all(key in again for key in keys)
    assert "exposures/2026/01/15/00/another" not in again
    assert len(json.dumps(read.encoded())) < 12 * len(keys)
    again.forget_before(date(2026, 1, 15))
    assert [key in again for key in (keys[0], keys[-1])] == [False, True]


def test_parts_go_when_nothing_can_come_of_them_any_more() -> None:
    store = Memory()
    store.files["exposures/2026/01/16/a"] = dated(lists())
    summarise(store, DAY_2 + 12 * HOUR)
    assert store.kept is not None
    book, _, _ = decoded(store.kept[0], store.open_lists)
    names = dict(book.lists.names)
    book.close(DAY_2 + WINDOW_MS)
    assert book.lists.names == names
    book.close(DAY_2 + 2 * HOUR + WINDOW_MS + LATENESS_MS)
    assert book.lists.names == {}


def test_damaged_open_lists_are_told_apart_from_none() -> None:
    store = Memory()
    store.files["exposures/2026/01/16/a"] = dated(lists())
    summarise(store, DAY_2 + 12 * HOUR)
    store.parts = dict.fromkeys(store.parts, b"no gzip")
    store.files["events/2026/01/16/a"] = dated_like(store, acts())
    with pytest.raises(StoredDataError):
        summarise(store, DAY_2 + 12 * HOUR)


SHARES = {"control": 0.5, "varied": 0.5}


def crowd(n: int) -> Book:
    """The same lists and acts for n times as many shoppers."""
    book = Book()
    for k in range(n):
        shown, done = json.loads(json.dumps([lists(), acts()]))
        for record in (*shown, *done):
            record |= {
                name: f"{record[name]}-{k}" for name in ("user_id", "unit", "recommendation_id") if name in record
            }
        book.enter(filter(None, map(shown_list, shown)), filter(None, map(act_of, done)))
    return book


def test_an_experiment_is_told_by_its_shoppers() -> None:
    found = report(crowd(5), "variety", ["control", "varied"], SHARES, DAY_2)
    control, varied = found["variants"]
    assert (control["shoppers"], control["lists"], control["revenue"]) == (10, 10, 99.95)
    assert (varied["shoppers"], varied["lists"], varied["revenue"]) == (5, 10, 87.55)
    assert varied["ctr"]["value"] == 0.5
    assert {one["metric"] for one in found["differences"]} == {"ctr", "conversion", "revenue"}


def test_no_end_of_a_rate_lies_beyond_what_a_rate_can_be() -> None:
    book = crowd(6)
    of_control = [unit for unit in book.units.values() if unit.variant == "control"]
    for k, unit in enumerate(of_control):
        unit.lists, unit.clicked = 1, int(k > 0)
    rate = report(book, "variety", ["control", "varied"], SHARES, DAY_2)["variants"][0]["ctr"]
    assert rate["value"] == pytest.approx(1 - 1 / len(of_control))
    assert rate["low"] < rate["value"] < rate["high"] == 1.0


def test_an_experiment_says_nothing_of_few_shoppers() -> None:
    found = report(entered((lists(), acts())), "variety", ["control", "varied"], SHARES, DAY_2)
    for variant in found["variants"]:
        assert {variant[name] for name in ("shoppers", "lists", "revenue", "ctr", "conversion")} == {None}
    assert found["differences"] == []
    assert found["sample_ratio"] == {"p_value": pytest.approx(0.5637, abs=1e-4), "mismatch": False}
    assert found["over_time"] == []


def test_days_of_an_experiment_tell_nothing_that_the_whole_does_not() -> None:
    found = report(crowd(5), "variety", ["control", "varied"], SHARES, DAY_2)
    days = {(one["day"], one["variant"]): one for one in found["over_time"]}
    assert {key: one["lists"] for key, one in days.items()} == {
        ("2026-01-15", "control"): 10,
        ("2026-01-15", "varied"): 5,
        ("2026-01-16", "varied"): 5,
    }
    assert days["2026-01-15", "control"]["ctr"]["value"] == 0.5
    book = crowd(5)
    left = 4  # lists with a click, and so people
    for cell, figures in book.cells.items():
        if cell.day == "2026-01-15" and cell.variant == "variety/control":
            figures.clicked, left = left, 0
    found = report(book, "variety", ["control", "varied"], SHARES, DAY_2)
    assert [one["ctr"] for one in found["over_time"] if one["variant"] == "control"] == [None]
    book, seen = crowd(5), set()
    for unit in book.units.values():  # one shopper of each variant, who clicked in many lists
        unit.clicked = 0 if unit.variant in seen else unit.clicked
        seen |= {unit.variant} if unit.clicked else set()
    found = report(book, "variety", ["control", "varied"], SHARES, DAY_2)
    assert [one["ctr"] for one in found["over_time"]] == [None] * 3


def test_a_purchase_counts_though_its_unit_was_purged() -> None:
    book = Book()
    shown = shown_list(lists()[0])
    assert shown is not None
    book.enter([shown], ())
    book.units.clear()  # it named an anonymous id, which was erased; the list names the user
    book.enter((), [act for record in acts() if (act := act_of(record)) is not None and act.list_id == "r1"])
    assert sum(figures.purchases for figures in book.cells.values()) == 1
    assert book.units == {}


def test_a_list_without_an_item_was_not_shown() -> None:
    empty = {**lists()[0], "recommendation_id": "r0", "surface": "hidden", "items": []}
    book = Book()
    book.enter([shown for record in [empty, *lists()] if (shown := shown_list(record)) is not None], ())
    assert {cell.surface for cell in book.cells} == {"start", "cart"}
    assert sum(figures.lists for figures in book.cells.values()) == 4
    assert book.units["variety", "ann"].lists == 2  # who was assigned stays in the experiment
