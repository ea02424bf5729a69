"""Rows of events: plain ones by the short way, odd ones by the long way, and both say the same."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.events.interaction import Interaction, parse_interaction
from endcap_rebuild.data.check import check_folder
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.reading import read_events
from endcap_rebuild.data.report import ReadReport, UnusableDataError
from tests.fakes.effort import tried

NOW_MS = 1_800_000_000_000
HEADER = ("user_id", "item_id", "event_type", "value", "timestamp", "text", "session_id")


def read(folder: Path, rows: list[tuple[str, ...]], header: tuple[str, ...] = HEADER, **options: Any) -> Any:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    (folder / "events.csv").write_text(out.getvalue())
    report = ReadReport()
    return list(read_events(folder, report, NOW_MS, options=ReadOptions(**options))), report


def reasons(report: ReadReport) -> list[str]:
    return list(report.refusals)


ROWS = st.tuples(
    st.sampled_from(["u1", "ü2", " u3 ", "NULL", "", "anon:x", "u" * 200]),
    st.sampled_from(["a", "名", "b c", "", "undefined"]),
    st.sampled_from(["view", "purchase", "rating", "review", "search", "teleport", ""]),
    st.sampled_from(["", "3", "4.5", "9", "-1", "12,50", "$3", "nan", "x"]),
    st.sampled_from(["1790000000", "1790000000.5", "1790000000123", "", "soon", "1900000000", "7", "0"]),
    st.sampled_from(["", "fine", "très bien", "x" * 4100, "NULL"]),
    st.sampled_from(["", "s1", "s 2", "NULL"]),
)


@tried(40)
@given(st.lists(ROWS, min_size=1, max_size=12))
def test_every_row_is_read_or_refused_and_a_dry_run_counts_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "items.jsonl").write_text('{"item_id": "a"}\n')
    events, report = read(folder, [*rows, ("u", "a", "view", "", "1790000000", "", "")])
    assert len(events) + report.bad_row_count == len(rows) + 1
    dry = check_folder(folder, ReadOptions(), NOW_MS)
    for name in ("events", "bad_row_count", "by_type", "by_user", "first_ms", "last_ms", "item_events", "refused_of"):
        assert getattr(dry, name) == getattr(report, name), name


PLAIN = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["u1", "ü2"]),
        "item_id": st.sampled_from(["a", "名"]),
        "event_type": st.sampled_from(["view", "purchase", "rating", "review", "return"]),
        "value": st.sampled_from([0.5, 3.0, 4.25]),
        "timestamp": st.sampled_from([1790000000, 1790000000.5]),
        "text": st.sampled_from(["", "fine", 'très "bien" \\ 好']),
        "session_id": st.sampled_from(["", "s1"]),
    }
)


@tried(30)
@given(PLAIN)
def test_plain_rows_say_what_the_api_would_read(tmp_path_factory: pytest.TempPathFactory, row: dict[str, Any]) -> None:
    (event,), report = read(tmp_path_factory.mktemp("shop"), [tuple(str(row[name]) for name in HEADER)])
    assert event == parse_interaction(row, NOW_MS)
    assert report.bad_row_count == 0


def test_words_for_nobody_are_no_users(tmp_path: Path) -> None:
    nobody = [
        (word, "a", "view", "", "1790000000", "", "") for word in ("NULL", "\\N", "undefined", "None", "(not set)")
    ]
    somebody = [("u1", "a", "purchase", value, "1790000000", "", "") for value in ("NULL", "NaN", "")]
    events, report = read(tmp_path, nobody + somebody)
    assert [(event.user_id, event.value) for event in events] == [("u1", None)] * 3
    assert report.bad_row_count == len(nobody)


def test_values_of_money_are_values(tmp_path: Path) -> None:
    rows = [("u", "a", "purchase", value, "1790000000", "", "") for value in ("12,50", "$12", "12.5 EUR", "free")]
    events, report = read(tmp_path, rows)
    assert [event.value for event in events] == [12.5, 12.0, 12.5, None]
    assert list(report.dropped_fields) == ["value: '…' is no number"]


def rated(*values: str) -> list[tuple[str, ...]]:
    return [("u", "a", "rating", value, f"{1790000000 + k}", "", "") for k, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "grades", "scale"),
    [
        (("8", "10", "0"), [4.0, 5.0, 0.5], "0 to 10"),
        (("80", "95", "0"), [4.0, 4.75, 0.5], "0 to 100"),
        (("0", "1"), [1.0, 5.0], "0 to 1"),
        (("0.25", "0.875"), [2.0, 4.5], "0 to 1"),
        (("-1", "1"), [1.0, 5.0], "-1 to 1"),
    ],
)
def test_grades_of_another_scale_are_recognised(
    tmp_path: Path, values: tuple[str, ...], grades: list[float], scale: str
) -> None:
    events, report = read(tmp_path, rated(*values))
    assert [event.value for event in events] == grades
    assert f"grades in events.csv are read as from {scale} (--rating-scale)" in report.notes
    assert report.faults() == []


def test_a_scale_that_is_named_is_taken(tmp_path: Path) -> None:
    for said, values, grades in (
        (10, ("8", "10", "0"), [4.0, 5.0, 0.5]),
        ("1-7", ("1", "4", "7"), [1.0, 3.0, 5.0]),
        ("6-1", ("1", "6"), [5.0, 1.0]),
        ("-1..1", ("1", "0"), [5.0, 3.0]),
    ):
        events, report = read(tmp_path, rated(*values), rating_scale=said)
        assert ([event.value for event in events], report.bad_row_count) == (grades, 0)


@pytest.mark.parametrize(
    "values", [("1", "6", "7"), ("14", "18"), ("0",), ("3", "480"), ("-4", "9"), ("1",) * 20, ("1", "2", "3") * 7]
)
def test_grades_that_could_be_on_several_scales_are_asked_about(tmp_path: Path, values: tuple[str, ...]) -> None:
    _, report = read(tmp_path, rated(*values))
    with pytest.raises(UnusableDataError, match=r"could be on several scales: name theirs, as --rating-scale"):
        report.require_good()


def test_a_mistake_among_many_grades_changes_no_scale(tmp_path: Path) -> None:
    events, report = read(tmp_path, rated(*["5", "4"] * 100, "55"))
    assert ({event.value for event in events}, report.bad_row_count, report.faults()) == ({4.0, 5.0}, 1, [])
    assert report.hints == ["grades above 5 need --rating-scale, such as --rating-scale 10"]


def test_the_scale_is_that_of_all_grades_not_of_the_first(tmp_path: Path) -> None:
    events, _ = read(tmp_path, rated(*["5", "4"] * 1_500, *["9", "10"] * 50))
    assert {event.value for event in events} == {2.0, 2.5, 4.5, 5.0}


def test_words_are_grades(tmp_path: Path) -> None:
    events, _ = read(tmp_path, rated("like", "Dislike", "thumbs_up"))
    assert [event.value for event in events] == [5.0, 1.0, 5.0]


@pytest.mark.parametrize(
    ("said", "grade"),
    [
        ("8/10", 4.0),
        ("4.0 out of 5 stars", 4.0),
        ("4,5 von 5", 4.5),
        ("0/5", 0.5),
        ("★★★☆☆", 3.0),
        ("★", 1.0),
        ("5 Sterne", 5.0),
        ("4星", 4.0),
    ],
)
def test_grades_that_name_their_scale_are_on_it(tmp_path: Path, said: str, grade: float) -> None:
    for rows in (rated(said), rated(*[said] * 25)):
        events, report = read(tmp_path, rows)
        assert ({event.value for event in events}, report.bad_row_count, report.faults()) == ({grade}, 0, [])


@pytest.mark.parametrize("said", ["12/10", "7 stars", "★★★★★★★ ok", "3 of 0"])
def test_grades_beyond_the_scale_that_they_name_are_none(tmp_path: Path, said: str) -> None:
    assert read(tmp_path, rated(said))[0] == []


def test_long_texts_are_cut(tmp_path: Path) -> None:
    (event,), report = read(tmp_path, [("u", "a", "review", "5", "1790000000", "good " * 900, "")])
    assert len(event.text) == 4_000
    assert report.dropped_fields == {"text: was too long: the first 4000 count": 1}


def test_types_of_events_in_other_spellings(tmp_path: Path) -> None:
    names = ("Purchase", "AddToCart", "add to basket", "Product Viewed", "view_item", "pv", "order_placed")
    events, report = read(tmp_path, [("u", "a", name, "", "1790000000", "", "") for name in (*names, "beam")])
    kinds = ("purchase", "add_to_cart", "add_to_cart", "view", "view", "view", "purchase")
    assert tuple(event.event_type for event in events) == kinds
    assert report.hints == ["--map-event beam=view says what 'beam' is"]


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (("USER_ID", "ITEM_ID", "TIMESTAMP"), "view"),
        (("user_id", "item_id", "timestamp", "order_id"), "purchase"),
        (("user_id", "item_id", "timestamp", "rating"), "rating"),
    ],
)
def test_table_without_types_has_one_by_its_columns(tmp_path: Path, header: tuple[str, ...], kind: str) -> None:
    (event,), report = read(tmp_path, [("u", "a", "1790000000", "4")[: len(header)]], header)
    assert event.event_type == kind
    assert report.notes == [f"events.csv has no column event_type: each row is taken as a {kind}"]


def test_missing_columns_are_named_with_what_would_help(tmp_path: Path) -> None:
    _, report = read(tmp_path, [("u", "a", "view")] * 2, ("use_id", "itm", "event_type"))
    (said,) = reasons(report)
    assert said.startswith("no column for user_id and item_id: found use_id, itm, event_type; wanted user_id or")
    assert "--map use_id=user_id" in said
    assert report.bad_row_count == 2


def test_fields_that_nothing_reads_and_properties(tmp_path: Path) -> None:
    header = ("user_id", "item_id", "event_type", "timestamp", "properties.device", "colour")
    rows = [("u", "a", "view", "1790000000", "phone", "red"), ("u", "b", "view", "1790000000", "", "")]
    events, report = read(tmp_path, rows, header)
    assert [event.properties for event in events] == [{"device": "phone"}, {}]
    assert report.ignored_fields == {"colour": 1}


def test_times_are_of_the_time_zone_that_is_said(tmp_path: Path) -> None:
    rows = [("u", "a", "view", "", "2026-07-01 10:00", "", "")]
    (event,), report = read(tmp_path, rows, timezone="Europe/Berlin")
    assert event.timestamp_ms == 1_782_892_800_000  # 08:00 UTC
    assert report.notes == ["times without an offset are read as Europe/Berlin (--timezone)"]


def test_ambiguous_days_are_refused_and_say_so(tmp_path: Path) -> None:
    events, report = read(tmp_path, [("u", "a", "view", "", "03/04/2026", "", "")])
    assert events == []
    assert reasons(report) == ["timestamp: '…' is two dates, day or month first: write it as 2026-08-31"]


def test_optional_field_that_breaks_its_rule_is_dropped(tmp_path: Path) -> None:
    header = (*HEADER, "position", "event_id")
    rows = [("u", "a", "view", "", "1790000000", "", "s" * 600, "0", "e" * 70)]
    events, report = read(tmp_path, rows, header)
    assert [isinstance(event, Interaction) and event.session_id for event in events] == [None]
    assert {name.split(":")[0] for name in report.dropped_fields} == {"session_id", "position", "event_id"}


def test_times_of_foreign_events_without_an_offset_are_of_the_time_zone(tmp_path: Path) -> None:
    call = {"type": "track", "event": "Product Viewed", "userId": "u", "properties": {"product_id": "a"}}
    lines = [call | {"timestamp": at} for at in ("2026-01-15T08:00:00", "2026-01-15T08:00:00Z")]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = ReadReport()
    events = list(read_events(tmp_path / "events.jsonl", report, NOW_MS, options=ReadOptions(timezone="Asia/Shanghai")))
    assert [event.timestamp_ms % 86_400_000 // 3_600_000 for event in events] == [0, 8]
    assert "times without an offset are read as Asia/Shanghai (--timezone)" in report.notes


def test_events_of_programs_and_excluded_users_are_left_out(tmp_path: Path) -> None:
    crawler = "Mozilla/5.0 (compatible; bingbot/2.0)"
    lines = ["user_id,item_id,event_type,timestamp,user_agent", f"u,a,view,1790000000,{crawler}"]
    lines += [f"{user},a,view,1790000000,Firefox" for user in ("u", "staff")]
    (tmp_path / "events.csv").write_text("\n".join(lines))
    report = ReadReport()
    options = ReadOptions(excluded=frozenset({"staff"}))
    (event,) = read_events(tmp_path / "events.csv", report, NOW_MS, options=options)
    assert (event.user_id, report.events, report.left_out_events, report.faults()) == ("u", 1, 2, [])


def test_a_refund_needs_an_item_or_an_order(tmp_path: Path) -> None:
    lines = ["user_id,item_id,event_type,timestamp,order_id", "u,a,purchase,1790000000,T-1"]
    lines += ["u,,return,1790000009,T-1", "u,a,return,1790000009,", "u,,return,1790000009,"]
    (tmp_path / "events.csv").write_text("\n".join(lines))
    report = ReadReport()
    events = list(read_events(tmp_path / "events.csv", report, NOW_MS))
    assert [(event.item_id, event.order_id) for event in events] == [("a", "T-1"), (None, "T-1"), ("a", None)]
    assert [row.line for row in report.bad_rows] == [5]
    assert "item_id: is required for return where there is no order_id" in report.bad_rows[0].reason
