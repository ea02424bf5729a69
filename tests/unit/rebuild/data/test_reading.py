"""Reading a shop's files: every format, and every way in which a row can be wrong."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from endcap.aws.item_rows import item_row
from endcap.catalog.item import Item
from endcap.errors import InvalidInputError
from endcap.events.interaction import Interaction
from endcap_rebuild.data.reading import NO_TIME, ReadReport, read_events, read_items, read_user_ids
from tests.fakes.toy_shop import NOW_MS, write_events, write_items

REAL_SHOPS = Path(os.environ.get("ENDCAP_SHARED_DATA", "../shared/data"))
GOOD = {"user_id": "u", "item_id": "a", "event_type": "view", "timestamp": "1700000000"}


def events_of(folder: Path) -> tuple[list[Interaction], ReadReport]:
    report = ReadReport()
    return list(read_events(folder, report, NOW_MS)), report


def reasons(report: ReadReport) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in report.bad_rows]


def test_import_format_is_read(tmp_path: Path) -> None:
    write_items(tmp_path, [{"id": "a", "title": "Mug", "categories": ["kitchen"], "attrs": {"colour": "red"}}])
    write_events(tmp_path, [{**GOOD, "event_type": "rating", "value": "4.5", "text": "nice", "session_id": "s"}])
    (item,) = read_items(tmp_path, ReadReport())
    (event,), _ = events_of(tmp_path)
    assert (item.item_id, item.categories, item.attributes) == ("a", ("kitchen",), {"colour": "red"})
    assert (event.event_type, event.value, event.text, event.session_id) == ("rating", 4.5, "nice", "s")
    assert event.timestamp_ms == 1_700_000_000_000


def test_gzipped_files_are_known_by_their_content(tmp_path: Path) -> None:
    (tmp_path / "items.jsonl.gz").write_bytes(gzip.compress(b'{"id": "a", "title": "Mug"}\n'))
    (tmp_path / "events.csv.gz").write_bytes(
        gzip.compress(b"user_id,item_id,event_type,timestamp\nu,a,view,1700000000\n")
    )
    assert len(read_items(tmp_path, ReadReport())) == 1
    assert len(events_of(tmp_path)[0]) == 1


def test_personalize_headers_are_read_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "interactions.csv").write_text(
        "USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE,EVENT_VALUE\nu,a,1700000000,rating,4\n"
    )
    (event,), report = events_of(tmp_path)
    assert (event.user_id, event.item_id, event.event_type, event.value) == ("u", "a", "rating", 4)
    assert report.bad_row_count == 0


def test_archive_folder_is_read_at_any_depth(tmp_path: Path) -> None:
    day = tmp_path / "events" / "2026" / "01" / "02"
    day.mkdir(parents=True)
    second = {**GOOD, "item_id": "b"}
    third = {**GOOD, "item_id": "c"}
    (day / "part-1").write_bytes(gzip.compress(json.dumps(GOOD).encode() + b"\n"))
    (day / "part-2").write_text(json.dumps({"events": [second, third]}) + "\n\n")
    events, report = events_of(tmp_path)
    assert [event.item_id for event in events] == ["a", "b", "c"]
    assert report.bad_row_count == 0


def test_exported_items_table_is_read(tmp_path: Path) -> None:
    item = Item("a", "Mug", price=3.5, categories=("kitchen",), available=False, attributes={"colour": "red"})
    rows = [
        {"Item": item_row(item, 1)},
        {"Item": {"item_id": {"S": "gone"}, "changed_at": {"N": "2"}}},
        {"Item": {"user_id": {"S": "u"}}},
    ]
    (tmp_path / "items").mkdir()
    (tmp_path / "items" / "data.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = ReadReport()
    assert read_items(tmp_path, report) == [item]
    assert reasons(report) == [(3, "the row is not one of the items table")]


def test_bad_rows_are_reported_with_their_line_and_good_ones_kept(tmp_path: Path) -> None:
    write_events(
        tmp_path,
        [
            GOOD,
            {**GOOD, "user_id": ""},
            {**GOOD, "event_type": "teleport"},
            {**GOOD, "timestamp": "soon"},
            {**GOOD, "event_type": "rating", "value": "900"},
            {**GOOD, "item_id": "b"},
        ],
    )
    events, report = events_of(tmp_path)
    assert [event.item_id for event in events] == ["a", "b"]
    assert [line for line, _ in reasons(report)] == [3, 4, 5, 6]
    assert "user_id" in report.bad_rows[0].reason
    assert "teleport" in report.bad_rows[1].reason
    assert report.bad_rows[0].file == "events.csv"


def test_rows_with_too_few_or_too_many_fields_are_reported(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(
        "user_id,item_id,event_type,timestamp\nu,a\nu,a,view,1700000000,more\nu,a,view,1700000000\n"
    )
    events, report = events_of(tmp_path)
    assert len(events) == 1
    assert reasons(report) == [
        (2, "has 2 fields, the header has 4"),
        (3, "has 5 fields, the header has 4"),
    ]


def test_quoted_line_breaks_stay_in_their_field(tmp_path: Path) -> None:
    write_events(
        tmp_path, [{**GOOD, "event_type": "review", "text": 'first\nsecond, "third"'}, {**GOOD, "user_id": ""}]
    )
    events, report = events_of(tmp_path)
    assert events[0].text == 'first\nsecond, "third"'
    assert [row.line for row in report.bad_rows] == [4]


def test_bytes_that_are_not_utf8_cost_their_row_only(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_bytes(
        b"user_id,item_id,event_type,timestamp\nu\xff,a,view,1700000000\nu,a,view,1700000000\n"
    )
    events, report = events_of(tmp_path)
    assert len(events) == 1
    assert [row.line for row in report.bad_rows] == [2]


def test_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_bytes(
        b"\xef\xbb\xbfuser_id,item_id,event_type,timestamp\r\nu,a,view,1700000000\r\n"
    )
    assert len(events_of(tmp_path)[0]) == 1


def test_file_that_is_cut_off_gives_what_it_holds(tmp_path: Path) -> None:
    rows = "".join(f"u,item-{k},view,1700000000\n" for k in range(5000))
    whole = gzip.compress(("user_id,item_id,event_type,timestamp\n" + rows).encode())
    (tmp_path / "events.csv.gz").write_bytes(whole[: len(whole) // 2])
    events, report = events_of(tmp_path)
    assert 0 < len(events) < 5000
    assert "cut off" in report.bad_rows[-1].reason


def test_json_rows_that_are_none_are_reported(tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text(
        '{"id": "a", "title": "Mug"}\n{"id": \n[1]\n{"title": "no id"}\n\n{"id": "b"}\n'
    )
    report = ReadReport()
    assert [item.item_id for item in read_items(tmp_path, report)] == ["a", "b"]
    assert [line for line, _ in reasons(report)] == [2, 3, 4]


def test_last_row_of_an_item_wins(tmp_path: Path) -> None:
    write_items(tmp_path, [{"id": "a", "title": "old"}, {"id": "a", "title": "new"}])
    report = ReadReport()
    (item,) = read_items(tmp_path, report)
    assert item.title == "new"
    assert (report.items, report.replaced_items) == (1, 1)


def test_row_without_a_time_counts_as_oldest(tmp_path: Path) -> None:
    write_events(tmp_path, [{**GOOD, "timestamp": ""}])
    (event,), _ = events_of(tmp_path)
    assert event.timestamp_ms == NO_TIME


def test_long_lists_of_bad_rows_are_counted_not_kept(tmp_path: Path) -> None:
    write_events(tmp_path, [{**GOOD, "user_id": ""}] * 500)
    _, report = events_of(tmp_path)
    assert report.bad_row_count == 500
    assert len(report.bad_rows) < 500


def test_shop_without_events_reads_as_empty(tmp_path: Path) -> None:
    write_items(tmp_path, [{"id": "a"}])
    for table in (None, "", "user_id,item_id,event_type,timestamp\n"):
        if table is not None:
            (tmp_path / "events.csv").write_text(table)
        events, report = events_of(tmp_path)
        assert (events, report.notes) == ([], ["there are no events: lists come from texts alone"])


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"items\.jsonl"):
        read_items(tmp_path, ReadReport())
    for read in (events_of, lambda folder: read_items(folder, ReadReport())):
        with pytest.raises(InvalidInputError, match="does not exist"):
            read(tmp_path / "nowhere")


def test_user_ids_keep_their_order_and_lose_repeats(tmp_path: Path) -> None:
    file = tmp_path / "users.csv"
    file.write_text("name,USER_ID\nAnn,u2\nBob,u1\nAnn,u2\nNobody,\n")
    report = ReadReport()
    assert read_user_ids(file, report) == ["u2", "u1"]
    assert [row.line for row in report.bad_rows] == [5]


def test_users_file_without_its_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("id\nu\n")
    with pytest.raises(InvalidInputError, match="user_id"):
        read_user_ids(tmp_path / "users.csv", ReadReport())
    with pytest.raises(InvalidInputError, match="not a file"):
        read_user_ids(tmp_path / "none.csv", ReadReport())


@pytest.mark.shared_data
@pytest.mark.skipif(not REAL_SHOPS.is_dir(), reason=f"the real datasets are absent: {REAL_SHOPS}")
@pytest.mark.parametrize(
    ("name", "n_items", "n_events"),
    [("amazon-beauty", 12_086, 198_215), ("amazon-scientific", 4_344, 58_492), ("zh-catalog", 239, 994)],
)
def test_real_shops_are_read_whole(name: str, n_items: int, n_events: int) -> None:
    report = ReadReport()
    assert len(read_items(REAL_SHOPS / name, report)) == n_items
    assert sum(1 for _ in read_events(REAL_SHOPS / name, report, NOW_MS)) == n_events
    assert report.bad_row_count == 0
