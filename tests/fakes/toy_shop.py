"""Small shops in the import format, and event tables made by hand."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from endcap.arrays import I64
from endcap.events.interaction import Interaction
from endcap_rebuild.data.event_table import EventTable, event_table
from endcap_rebuild.data.reading import ReadReport
from tests.fakes.toy_snapshot import CUTOFF_MS, DAY_MS, toy_items

HEADER: Final = ("user_id", "item_id", "event_type", "value", "timestamp", "text", "session_id")
NOW_MS: Final = CUTOFF_MS + DAY_MS


def write_items(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """`items.jsonl` with these rows."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "items.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def write_events(folder: Path, rows: Iterable[Mapping[str, Any]], header: Sequence[str] = HEADER) -> None:
    """`events.csv` with these rows; missing columns are empty."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "events.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=header, restval="")
        writer.writeheader()
        writer.writerows(rows)


def toy_item_rows(n_items: int = 40) -> list[dict[str, Any]]:
    """The items of `toy_snapshot`, as rows of the import format."""
    return [
        {
            "id": item.item_id,
            "title": item.title,
            "categories": list(item.categories),
            "brand": item.brand,
            "price": item.price,
        }
        for item in toy_items(n_items)
    ]


def chain_events(n_users: int = 60, n_items: int = 40, steps: int = 6, seed: int = 0) -> list[dict[str, Any]]:
    """Users who walk along the items, one step a day: after item k most choose item k + 1."""
    chance = random.Random(seed)
    rows = []
    for user in range(n_users):
        at = chance.randrange(n_items)
        day = chance.randrange(200 - steps)
        for step in range(steps):
            rows.append(
                {
                    "user_id": f"user-{user}",
                    "item_id": f"item-{at}",
                    "event_type": "purchase",
                    "timestamp": (CUTOFF_MS - (200 - day - step) * DAY_MS) // 1000,
                }
            )
            at = (at + (1 if chance.random() < 0.9 else chance.randrange(n_items))) % n_items
    return rows


def write_chain_shop(folder: Path, n_users: int = 60, n_items: int = 40) -> Path:
    """A shop whose customers walk along the items; returns the folder."""
    write_items(folder, toy_item_rows(n_items))
    write_events(folder, chain_events(n_users, n_items))
    return folder


def table_of(rows: Iterable[tuple[str, int, str, float]], n_items: int, seed: int = 0, **common: Any) -> EventTable:
    """Table of (user, item number, kind, day) rows; items are called by their number."""
    events = [
        Interaction(f"e{number}", user, kind, CUTOFF_MS + round(day * DAY_MS), f"{item:03d}", **common)
        for number, (user, item, kind, day) in enumerate(rows)
    ]
    return event_table(events, {f"{k:03d}": k for k in range(n_items)}, ReadReport(), seed)


def purchases_by_style(of_style: Sequence[I64], users: int, chance: np.random.Generator) -> list[dict[str, Any]]:
    """Events of shoppers who stay with one style each: five purchases within minutes, on one of twenty days.

    Parameters
    ----------
    of_style : for each style int64, the numbers of its items, whose ids are `i` and the number
    """
    return [
        {
            "user_id": f"u{user}",
            "item_id": f"i{item}",
            "event_type": "purchase",
            "timestamp": (CUTOFF_MS - int(chance.integers(20)) * DAY_MS) // 1000 - 60 * (5 - step),
        }
        for user in range(users)
        for step, item in enumerate(chance.choice(of_style[user % len(of_style)], 5, replace=False).tolist())
    ]
