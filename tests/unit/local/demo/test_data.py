"""The bundled data: what SOURCE.md says of it is so, and the script makes it again."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from endcap_local.demo.make_data import (
    MAX_EVENTS_PER_SHOPPER,
    MIN_ORDERS,
    N_ITEMS,
    events_text,
    extract,
    items_text,
    read_table,
    readable_title,
    write,
)
from endcap_local.demo_data import DEMO_DATA

FILES = ("items.jsonl.gz", "events.csv.gz")
WHOLE_TABLE = Path(os.environ.get("ENDCAP_SHARED_DATA", "../shared/data")) / "online-retail"


@pytest.mark.parametrize(
    ("capitals", "readable"),
    [
        ("JUMBO BAG RED RETROSPOT", "Jumbo Bag Red Retrospot"),
        ("SET OF 6 T-LIGHTS 50'S CHRISTMAS", "Set of 6 T-Lights 50's Christmas"),
        ("CHILDREN'S CIRCUS PARADE MUG", "Children's Circus Parade Mug"),
        ("DOORMAT 16X16CM, BLACK/WHITE", "Doormat 16x16cm, Black/White"),
        ("A PACK OF 12 3D STICKERS FOR THE TV", "A Pack of 12 3D Stickers for the TV"),
        ("KEEP CALM AND CARRY ON", "Keep Calm and Carry On"),
    ],
)
def test_titles_in_capitals_become_readable(capitals: str, readable: str) -> None:
    assert readable_title(capitals) == readable


def test_source_file_states_the_hashes_of_what_is_bundled() -> None:
    stated = re.findall(r"`(\S+\.gz)` .*`([0-9a-f]{64})`", (DEMO_DATA / "SOURCE.md").read_text())
    bundled = [(name, hashlib.sha256(gzip.decompress((DEMO_DATA / name).read_bytes())).hexdigest()) for name in FILES]
    assert stated == bundled


def test_bundled_data_is_small_and_every_shopper_comes_back() -> None:
    items, events = read_table(DEMO_DATA)
    orders: dict[str, set[str]] = defaultdict(set)
    lines: dict[str, int] = defaultdict(int)
    for event in events:
        lines[event["user_id"]] += 1
        if event["event_type"] == "purchase":
            orders[event["user_id"]].add(event["session_id"])
    assert sum((DEMO_DATA / name).stat().st_size for name in FILES) < 500_000
    assert len(items) == N_ITEMS
    assert {event["item_id"] for event in events} == {item["id"] for item in items}
    assert min(map(len, orders.values())) >= MIN_ORDERS
    assert max(lines.values()) <= MAX_EVENTS_PER_SHOPPER


def line(user: str, item: str, order: str, kind: str = "purchase") -> dict[str, str]:
    row = {"user_id": user, "item_id": item, "event_type": kind, "session_id": order}
    return row | {"value": "1", "timestamp": "1300000000", "text": ""}


def test_guests_and_shoppers_with_one_order_are_left_out() -> None:
    items: list[dict[str, Any]] = [{"id": "1", "title": "TEA POT", "attrs": {}}, {"id": "2", "title": "X", "attrs": {}}]
    events = [
        line("twice", "1", "a"),
        line("twice", "1", "b"),
        line("once", "1", "c"),
        line("once", "1", "d", kind="return"),
        line("guest-9", "2", "e"),
        line("guest-9", "2", "f"),
    ]
    cut = extract(items, events)
    assert {event["user_id"] for event in cut.events} == {"twice"}
    assert [item["title"] for item in cut.items] == ["Tea Pot"]


def test_equal_content_gives_equal_files(tmp_path: Path) -> None:
    for name in ("a.gz", "b.gz"):
        write(tmp_path / name, "one\n")
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


@pytest.mark.shared_data
@pytest.mark.skipif(not WHOLE_TABLE.is_dir(), reason="the whole Online Retail table is absent (ENDCAP_SHARED_DATA)")
def test_script_makes_the_bundled_data_again() -> None:
    cut = extract(*read_table(WHOLE_TABLE))
    bundled = [gzip.decompress((DEMO_DATA / name).read_bytes()).decode() for name in FILES]
    assert [items_text(cut.items), events_text(cut.events)] == bundled
