"""Tables of orders, of days and times, and of ids that a tool took for numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.reading import read_events, read_items, read_user_ids
from endcap_rebuild.data.report import ReadReport

NOW_MS = 1_800_000_000_000
HEADER = "user_id,item_id,event_type,timestamp\n"


def steps(folder: Path, text: str) -> tuple[list[tuple[str, str, str | None, int]], ReadReport]:
    (folder / "events.csv").write_text(text)
    report = ReadReport()
    events = read_events(folder, report, NOW_MS, options=ReadOptions())
    return [(e.user_id, e.event_type, e.item_id, e.timestamp_ms // 1000) for e in events], report


@pytest.mark.parametrize(
    "text",
    [
        "user_id,item_id,event_type,date,time\nu,a,view,2026-09-21,14:13:20\n",
        "Kunde;Artikel;Ereignis;Datum;Uhrzeit\nu;a;angesehen;21.09.2026;14:13:20\n",
        "user_id,item_id,event_type,event_date,event_time\nu,a,view,9/21/2026,2:13:20 PM\n",
        "用户ID,商品ID,行为类型,日期,时间\nu,a,浏览,2026/09/21,14:13:20\n",
    ],
)
def test_day_and_time_of_day_are_one_moment(tmp_path: Path, text: str) -> None:
    assert steps(tmp_path, text)[0] == [("u", "view", "a", 1_790_000_000)]


def test_a_time_column_with_whole_moments_stays_alone(tmp_path: Path) -> None:
    text = "user_id,item_id,event_type,date,time\nu,a,view,2020-01-01,2026-09-21 14:13:20\n"
    assert steps(tmp_path, text)[0] == [("u", "view", "a", 1_790_000_000)]


def test_ids_that_became_numbers_or_formulas_are_whole_again(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text('item_id,title\n="0099",Mug\n="0100",Cup\n')
    found, _ = steps(tmp_path, HEADER + '7.0,="0099",view,1790000000\n8.0,="0100",view,1790000000\n')
    assert [(user, item) for user, _, item, _ in found] == [("7", "0099"), ("8", "0100")]
    assert [item.item_id for item in read_items(tmp_path, ReadReport())] == ["0099", "0100"]


def test_ids_with_points_among_others_stay_as_they_are(tmp_path: Path) -> None:
    found, _ = steps(tmp_path, HEADER + "7.0,a,view,1790000000\nv1.2,a,view,1790000000\n")
    assert [user for user, *_ in found] == ["7.0", "v1.2"]


def test_ids_and_times_that_a_sheet_has_shortened_are_refused_and_never_one(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("sku,name\n4.00638E+12,Mug\n4.00638E+12,Cup\n40063,Pot\n")
    report = ReadReport()
    assert [item.item_id for item in read_items(tmp_path, report)] == ["40063"]
    assert report.bad_row_count == 2
    assert "save the column as text" in report.document()["refused"][0]["reason"]
    found, report = steps(tmp_path, HEADER + "u,40063,view,1.79E+09\nv,40063,view,1.79E+09\n")
    assert (found, report.bad_row_count) == ([], 2)
    found, _ = steps(tmp_path, HEADER + "u,a,view,1.790000001E+09\n")
    assert found == [("u", "view", "a", 1_790_000_001)]


def test_an_order_that_a_sheet_has_shortened_is_left_out_alone(tmp_path: Path) -> None:
    head = HEADER.replace("\n", ",order_id\n")
    (tmp_path / "events.csv").write_text(head + "u,a,purchase,1790000000,4.5E+12\nu,b,purchase,1790000000,45\n")
    report = ReadReport()
    events = list(read_events(tmp_path, report, NOW_MS))
    assert [event.order_id for event in events] == [None, "45"]
    assert (report.bad_row_count, list(report.dropped_fields.values())) == (0, [1])


def test_users_are_called_as_in_events(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user_id\n7.0\n8.0\n")
    assert read_user_ids(tmp_path / "users.csv", ReadReport()) == ["7", "8"]


def test_orders_tell_of_returns_by_quantity_and_by_status(tmp_path: Path) -> None:
    head = "Order Number,Order Status,Order Date,Email (Billing),SKU,Quantity\n"
    rows = [
        "1,Completed,2026-08-01 10:00,u@x,a,2",
        "2,Refunded,2026-08-01 10:00,u@x,a,1",
        "3,Completed,2026-08-01 10:00,u@x,b,-1",
    ]
    found, report = steps(tmp_path, head + "\n".join(rows) + "\n")
    assert [(kind, item) for _, kind, item, _ in found] == [
        ("purchase", "a"),
        ("purchase", "a"),
        ("return", "a"),
        ("return", "b"),
    ]
    assert any("or a return" in note for note in report.document()["report"]["notes"])


def test_sessions_stand_for_people_where_no_others_are_named(tmp_path: Path) -> None:
    found, report = steps(tmp_path, "session_id,item_id,date\ns1,a,2026-09-21 14:13:20\n")
    assert found == [("anon:s1", "view", "a", 1_790_000_000)]
    assert any("not signed in" in note for note in report.document()["report"]["notes"])


def test_a_catalogue_without_ids_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("p1,Mug,5\np2,Cup,6\n")
    report = ReadReport()
    assert read_items(tmp_path, report) == []
    assert "no column for item_id: found p1, Mug, 5" in report.document()["refused"][0]["reason"]


def test_folders_and_sheets_are_passed_over_with_what_helps(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "items.csv").write_text("item_id,title\na,Mug\n")
    (tmp_path / "stock.xlsx").write_bytes(b"PK")
    _, report = steps(tmp_path, HEADER)
    passed = {entry["file"]: entry["reason"] for entry in report.document()["passed_over_files"]}
    assert "by itself" in passed["export/"]
    assert "save it as CSV" in passed["stock.xlsx"]
