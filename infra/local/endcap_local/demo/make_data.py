"""Cuts the demo's data out of the UCI Online Retail table.

    python -m endcap_local.demo.make_data FOLDER [--out FOLDER]

FOLDER holds the whole table in the import format (`demo_data/SOURCE.md` says how it was brought there). The cut depends
on nothing but the table: the items with the most buyers, then every shopper with several orders who buys in household
amounts, with all that these shoppers did with those items. It prints what it kept, and the hashes of the contents.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from endcap_local.demo_data import DEMO_DATA

N_ITEMS: Final = 1_500
MIN_ORDERS: Final = 2
MAX_EVENTS_PER_SHOPPER: Final = 100  # beyond this are wholesalers, who order for a shop and not for themselves
GUEST_PREFIX: Final = "guest"  # one order each, so they tell nothing about what comes after what
EVENT_FIELDS: Final = ("user_id", "item_id", "event_type", "value", "timestamp", "text", "session_id")

_SMALL: Final = frozenset(
    {"a", "and", "de", "des", "du", "en", "for", "in", "la", "le", "of", "on", "the", "to", "with"}
)
_INITIALS: Final = frozenset({"ABC", "CD", "LED", "TV", "VIP", "WC"})
# Letters with apostrophes inside stay one word; a letter after a digit is a unit (16X16CM) or a plural (50'S).
_WORD: Final = re.compile(r"(?<![A-Z0-9'.])[A-Z]+(?:'[A-Z]+)*")
_AFTER_DIGIT: Final = re.compile(r"(?<=\d)'?[A-Z]+")


class Extract(NamedTuple):
    """What ships: rows of the import format."""

    items: list[dict[str, Any]]
    events: list[dict[str, str]]


def readable_title(title: str) -> str:
    """A title in capitals as a shop would print it: "JUMBO BAG 50'S CHRISTMAS" as "Jumbo Bag 50's Christmas"."""

    def word(match: re.Match[str]) -> str:
        found = match.group()
        if found in _INITIALS:
            return found
        small = match.start() > 0 and match.end() < len(title) and found.lower() in _SMALL
        return found.lower() if small else found.capitalize()

    def after_digit(match: re.Match[str]) -> str:
        return match.group() if match.group() == "D" else match.group().lower()  # 3D

    return _AFTER_DIGIT.sub(after_digit, _WORD.sub(word, title))


def extract(items: Sequence[dict[str, Any]], events: Sequence[dict[str, str]]) -> Extract:
    """The demo's share of the whole table.

    Parameters
    ----------
    items, events : every row of the import format
    """
    known = [event for event in events if not event["user_id"].startswith(GUEST_PREFIX)]
    buyers: dict[str, set[str]] = defaultdict(set)
    for event in known:
        if event["event_type"] == "purchase":
            buyers[event["item_id"]].add(event["user_id"])
    # Equal counts are settled by the id, so that the cut is always the same.
    kept_items = set(sorted(buyers, key=lambda item: (-len(buyers[item]), item))[:N_ITEMS])

    rows = [event for event in known if event["item_id"] in kept_items]
    size = Counter(event["user_id"] for event in rows)
    orders: dict[str, set[str]] = defaultdict(set)
    for event in rows:
        if event["event_type"] == "purchase":
            orders[event["user_id"]].add(event["session_id"])
    shoppers = {u for u, kept in orders.items() if len(kept) >= MIN_ORDERS and size[u] <= MAX_EVENTS_PER_SHOPPER}

    return Extract(
        items=[_readable(item) for item in items if item["id"] in kept_items],
        events=sorted((event for event in rows if event["user_id"] in shoppers), key=_event_order),
    )


def _readable(item: dict[str, Any]) -> dict[str, Any]:
    names = {key: [readable_title(name) for name in names] for key, names in item["attrs"].items()}
    return item | {"title": readable_title(item["title"]), "attrs": names}


def _event_order(event: dict[str, str]) -> tuple[str, int, str, str]:
    # The lines of an order share one time, and the table lists variants of a product side by side, which would give
    # away the next line. A hash says nothing.
    line = ",".join(event[field] for field in EVENT_FIELDS)
    return event["user_id"], int(event["timestamp"]), event["session_id"], hashlib.sha256(line.encode()).hexdigest()


def items_text(items: Iterable[dict[str, Any]]) -> str:
    """Newline JSON without the fields that this table leaves empty."""
    rows = ({name: value for name, value in item.items() if value not in ("", [], {})} for item in items)
    return "".join(json.dumps(row, sort_keys=True, ensure_ascii=False) + "\n" for row in rows)


def events_text(events: Iterable[dict[str, str]]) -> str:
    """CSV with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, EVENT_FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(events)
    return text.getvalue()


def read_table(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Every row of a folder's `items.jsonl.gz` and `events.csv.gz`."""
    with gzip.open(folder / "items.jsonl.gz", "rt", encoding="utf-8") as lines:
        items = [json.loads(line) for line in lines]
    with gzip.open(folder / "events.csv.gz", "rt", encoding="utf-8", newline="") as rows:
        return items, list(csv.DictReader(rows))


def write(path: Path, text: str) -> None:
    """Write `text` compressed; equal texts give equal files."""
    path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
    digest = hashlib.sha256(text.encode()).hexdigest()
    print(f"{path.name}: {path.stat().st_size} bytes, sha256 of the content {digest}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Cut the demo's data out of the UCI Online Retail table.")
    parser.add_argument("folder", type=Path, help="the whole table in the import format")
    parser.add_argument("--out", type=Path, default=DEMO_DATA, help="where the cut goes")
    options = parser.parse_args()
    cut = extract(*read_table(options.folder))
    options.out.mkdir(parents=True, exist_ok=True)
    write(options.out / "items.jsonl.gz", items_text(cut.items))
    write(options.out / "events.csv.gz", events_text(cut.events))
    kinds = Counter(event["event_type"] for event in cut.events)
    print(
        f"{len(cut.items)} items, {len({event['user_id'] for event in cut.events})} shoppers, {len(cut.events)} events"
    )
    print(", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))


if __name__ == "__main__":
    main()
