"""The demo's shop: moved by whole days, with countries, categories, and impressions that are synthetic and say so."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import UTC, date, datetime

import pytest

from endcap_local.demo.dressing import (
    COUNTRY,
    DAY_S,
    SHOWN_OF_EACH,
    categories_of,
    countries,
    dress,
    impressions,
    shifted,
)
from endcap_local.demo.make_data import read_table
from endcap_local.demo_data import DEMO_DATA
from endcap_rebuild.data.reading import ReadReport, read_events

LAST_DAY = date(2026, 11, 28)


@pytest.fixture(scope="module")
def dressed(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, object]], list[dict[str, str]]]:
    folder = tmp_path_factory.mktemp("demo")
    dress(DEMO_DATA, folder, LAST_DAY)
    items = [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
    with (folder / "events.csv").open(newline="") as rows:
        return items, list(csv.DictReader(rows))


def test_every_event_is_moved_by_the_same_whole_days(dressed) -> None:
    _, events = dressed
    _, before = read_table(DEMO_DATA)
    real = [event for event in events if event["event_type"] != "impression"]
    moved = {int(new["timestamp"]) - int(old["timestamp"]) for new, old in zip(real, before, strict=True)}
    assert len(moved) == 1
    assert moved.pop() % DAY_S == 0
    assert datetime.fromtimestamp(max(int(e["timestamp"]) for e in events), UTC).date() == LAST_DAY
    without_time = [{k: v for k, v in event.items() if k not in ("timestamp", COUNTRY)} for event in real]
    assert without_time == [{k: v for k, v in event.items() if k != "timestamp"} for event in before]


def test_every_event_says_the_source_s_country_of_its_shopper(dressed) -> None:
    _, events = dressed
    told = {event["user_id"]: event[COUNTRY] for event in events}
    assert all(told[event["user_id"]] == event[COUNTRY] for event in events)
    counted = Counter(told.values())
    assert counted.most_common(3) == [("GB", 1695), ("DE", 41), ("FR", 36)]
    assert counted[""] == 15
    assert len(told) == 1871
    # As the source's invoices 581574, 581232, 571697, 550338, 581493 and 550354 have it; 558041 is not where 541520 is.
    seen = {
        "c12526": "DE",
        "c12358": "AT",
        "c12759": "NL",
        "c12413": "FR",
        "c12423": "BE",
        "c13811": "DE",
        "c12422": "",
    }
    assert {user: told[user] for user in seen} == seen
    abroad = json.loads((DEMO_DATA / "countries.json").read_text())
    named = [user for users in abroad.values() for user in users]
    assert len(named) == len(set(named))
    assert set(named) <= set(told)
    assert "GB" not in abroad


def test_popularity_by_country_is_read_from_what_is_written(tmp_path, dressed) -> None:
    (tmp_path / "items.jsonl").write_text(json.dumps({"id": "a", "title": "Mug"}) + "\n")
    rows = [event for event in dressed[1] if event["user_id"] == "c12526"][:1]
    with (tmp_path / "events.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    (event,) = read_events(tmp_path, ReadReport(), int(datetime.now(UTC).timestamp() * 1000))
    assert event.properties == {"country": "DE"}


def test_a_folder_without_countries_says_none(tmp_path) -> None:
    assert countries(tmp_path)("c12526") == ""


def test_most_items_have_a_category_of_their_own(dressed) -> None:
    items, _ = dressed
    counted = Counter(tuple(item["categories"]) for item in items)
    assert len(counted) > 15
    assert counted[("Gifts",)] < len(items) / 10


def test_prices_are_in_pounds_as_the_source_says(dressed) -> None:
    items, _ = dressed
    assert {item["currency"] for item in items} == {"GBP"}
    assert "median unit price in pounds sterling" in (DEMO_DATA / "SOURCE.md").read_text()


@pytest.mark.parametrize(
    ("title", "path"),
    [
        ("Jumbo Bag Red Retrospot", ("Bags", "Bags")),
        ("Regency Cakestand 3 Tier", ("Kitchen", "Baking")),
        ("Set of 6 T-Lights Santa", ("Seasonal", "Christmas")),
        ("Sandalwood Fan", ("Gifts",)),
    ],
)
def test_words_of_a_title_name_its_category(title: str, path: tuple[str, ...]) -> None:
    assert categories_of(title) == path


def test_impressions_are_the_same_each_time_and_come_before_the_latest_order(dressed) -> None:
    _, events = dressed
    latest: dict[str, int] = {}
    for event in events:
        if event["event_type"] == "purchase":
            latest[event["user_id"]] = max(latest.get(event["user_id"], 0), int(event["timestamp"]))
    shown = [event for event in events if event["event_type"] == "impression"]
    assert {event["user_id"] for event in shown} == set(latest)
    assert all(int(event["timestamp"]) < latest[event["user_id"]] for event in shown)
    assert max(Counter(event["user_id"] for event in shown).values()) == 2 * SHOWN_OF_EACH
    assert impressions([event for event in events if event["event_type"] != "impression"]) == shown


def test_no_events_need_no_shift() -> None:
    assert shifted([], LAST_DAY) == []


def test_source_says_what_is_synthetic() -> None:
    assert "synthetic" in (DEMO_DATA / "SOURCE.md").read_text()
