"""When data is good enough to replace what works, and what is said of it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from endcap_rebuild.data.check import check_folder
from endcap_rebuild.data.dataset import read_shop
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.report import ReadReport, UnusableDataError

NOW_MS = 1_800_000_000_000
VIEW = "u{k},{item},view,1790000000\n"


def shop(folder: Path, items: int = 3, good: int = 0, bad: int = 0, unknown: int = 0, tail: str = "") -> Path:
    (folder / "items.jsonl").write_text(
        "".join(json.dumps({"item_id": f"i{k}", "title": "t"}) + "\n" for k in range(items))
    )
    rows = [VIEW.format(k=k, item=f"i{k % max(items, 1)}") for k in range(good)]
    rows += [",i0,view,1790000000\n" for _ in range(bad)] + [VIEW.format(k=k, item="x") for k in range(unknown)]
    if rows or tail:
        (folder / "events.csv").write_text("user_id,item_id,event_type,timestamp\n" + "".join(rows) + tail)
    return folder


def faults(folder: Path, allow_bad: float = 0.2) -> list[str]:
    read = read_shop(folder, NOW_MS, 0, {}).report
    dry = check_folder(folder, ReadOptions(), NOW_MS)
    assert dry.faults(allow_bad) == read.faults(allow_bad)
    assert dry.document() == read.document()
    return read.faults(allow_bad)


def test_good_data_passes_and_so_does_a_shop_without_events(tmp_path: Path) -> None:
    assert faults(shop(tmp_path, good=8, bad=2)) == []
    assert faults(shop(tmp_path, tail=" \n")) == []


def test_more_than_a_fifth_unusable_is_too_much(tmp_path: Path) -> None:
    (said,) = faults(shop(tmp_path, good=7, bad=2))
    assert said == (
        "2 of 9 rows of events (22%) can't be used, more than --allow-bad 0.2: "
        "user_id: is required where there is no anonymous_id (2, first in events.csv line 9)"
    )
    assert faults(tmp_path, allow_bad=0.3) == []


def test_events_of_which_none_is_usable_never_pass(tmp_path: Path) -> None:
    (said,) = faults(shop(tmp_path, bad=2), allow_bad=1)
    assert said.startswith("none of the 2 rows of events can be used: user_id: is required")


def test_events_of_another_catalogue_do_not_pass(tmp_path: Path) -> None:
    (said,) = faults(shop(tmp_path, good=2, unknown=3))
    assert said == (
        "3 of 5 events (60%) name items that the catalogue does not have, such as x; its own are called i0, i1, i2"
    )
    assert faults(tmp_path, allow_bad=0.7) == []


def test_items_are_counted_apart_from_events(tmp_path: Path) -> None:
    shop(tmp_path, items=2, good=50)
    with (tmp_path / "items.jsonl").open("a") as out:
        out.write('{"title": "no id"}\n')
    (said,) = faults(tmp_path)
    assert said.startswith("1 of 3 rows of items (33%) can't be used")


def test_error_carries_every_reason_and_the_report(tmp_path: Path) -> None:
    report = check_folder(shop(tmp_path, good=1, bad=3), ReadOptions(), NOW_MS)
    with pytest.raises(UnusableDataError) as raised:
        report.require_good()
    assert (raised.value.exit_status, len(raised.value.reasons)) == (3, 1)
    assert raised.value.report["refused_rows"] == 3


def test_document_groups_refusals_with_first_lines_and_a_sample(tmp_path: Path) -> None:
    shop(tmp_path, good=2, tail="u,i0,teleport,1790000000\nu,i0,beam,1790000000\nu,i0,view\n")
    document = check_folder(tmp_path, ReadOptions(), NOW_MS).document()
    assert (document["items"], document["events"], document["refused_rows"]) == (3, 2, 3)
    first, second = document["refused"]
    assert first == {
        "reason": "event_type: '…' is no known event type",
        "count": 2,
        "first": [{"file": "events.csv", "line": 4}, {"file": "events.csv", "line": 5}],
        "sample": "['u', 'i0', 'teleport', '1790000000']",
    }
    assert (second["count"], second["reason"]) == (1, "has 3 fields, the header has 4")
    assert document["report"]["files"][1]["lines"] == 6


def test_what_goes_into_a_manifest_holds_nothing_of_a_row(tmp_path: Path) -> None:
    report = check_folder(shop(tmp_path, good=2, tail="ann@example.org,i0,Ann's,1790000000\n"), ReadOptions(), NOW_MS)
    assert "ann" not in json.dumps(report.document(samples=False)).lower()


def test_data_report_looks_at_the_data(tmp_path: Path) -> None:
    tail = "u,i0,purchase,1790086400\n" * 3 + "u,x,view,1790000000\n"
    found = check_folder(shop(tmp_path, good=4, tail=tail), ReadOptions(), NOW_MS).data_report()
    assert found["rows_by_type"] == {"view": 5, "purchase": 3}
    assert (found["users"], found["largest_user_share"], found["unknown_item_share"]) == (5, 0.5, 0.125)
    assert (found["first"], found["last"]) == ("2026-09-21T14:13:20Z", "2026-09-22T14:13:20Z")
    assert (found["duplicates"], found["items_without"]) == (2, {"title": 0, "price": 3, "image": 3})


def test_refused_rows_are_kept_where_one_asks(tmp_path: Path) -> None:
    kept = tmp_path / "bad.csv"
    shop(tmp_path, good=5, bad=1)
    check_folder(tmp_path, ReadOptions(errors=kept), NOW_MS)
    with kept.open(newline="") as file:
        header, row = csv.reader(file)
    assert header == ["file", "line", "reason", "row"]
    assert row[:3] == ["events.csv", "7", "user_id: is required where there is no anonymous_id"]


def test_reasons_without_end_are_counted_together() -> None:
    report = ReadReport()
    for k in range(80):
        report.reject("f", k, f"reason {k}")
    groups: dict[str, Any] = {group["reason"]: group["count"] for group in report.document()["refused"]}
    assert sum(groups.values()) == 80
    assert groups["other reasons"] == 80 - 50
