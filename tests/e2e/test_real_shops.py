"""Buying again, calibrated lists and contexts over HTTP, on parts of real shops."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from endcap_local.http_client import HttpClient
from tests.fakes.real_shop import data_of, serving

pytestmark = [
    pytest.mark.prove,
    pytest.mark.shared_data,
    pytest.mark.filterwarnings("ignore:No application metrics"),
]
N_SHOPPERS = 40
MANY = 12  # pieces in a line of a wholesale order


def rows_of(shop: str) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    folder = data_of(shop)
    with gzip.open(folder / "items.jsonl.gz", "rt", encoding="utf-8") as file:
        items = [json.loads(line) for line in file]
    with gzip.open(folder / "events.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return items, list(csv.DictReader(file))


@contextmanager
def part(folder: Path, items: list[dict[str, Any]], events: list[dict[str, str]]) -> Iterator[HttpClient]:
    (folder / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    with (folder / "events.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(events[0]))
        table.writeheader()
        table.writerows(events)
    with serving(folder) as stack:
        yield HttpClient(stack.url)


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


@pytest.fixture(scope="class")
def retail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HttpClient, list[dict[str, str]]]]:
    """Forty shoppers of Online Retail; the size of a line stands for where it came from, as the data name no place."""
    items, events = rows_of("online-retail")
    lines = Counter(event["user_id"] for event in events if not event["user_id"].startswith("guest-"))
    chosen = sorted(user for user, n in lines.items() if 60 <= n <= 200)[:N_SHOPPERS]
    kept = [
        {**event, "properties.referrer": "trade.example" if float(event["value"]) >= MANY else "shop.example"}
        for event in events
        if event["user_id"] in chosen
    ]
    known = {event["item_id"] for event in kept}
    with part(tmp_path_factory.mktemp("retail"), [item for item in items if item["id"] in known], kept) as api:
        yield api, kept


class TestOnlineRetail:
    """The local stack with the part of Online Retail."""

    def test_shoppers_of_online_retail_see_what_they_bought_before(
        self, retail: tuple[HttpClient, list[dict[str, str]]]
    ) -> None:
        api, events = retail
        users = sorted({event["user_id"] for event in events})
        texts = []
        for user in users:
            own = [event for event in events if event["user_id"] == user]
            bought = {event["item_id"] for event in own if event["event_type"] == "purchase"}
            later = max(float(event["timestamp"]) for event in own) + 30 * 86_400
            answer = api.post("/recommendations", {"user_id": user, "scenario": "buy_again", "as_of": later})
            assert set(ids(answer)) <= bought
            texts += [r["text"] for item in answer["items"] for r in item["reasons"] if r["kind"] == "due"]
        assert len(texts) > 5 * len(users)
        assert any(text.startswith("You bought this again after") for text in texts)

    def test_online_retail_differs_by_where_shoppers_come_from(
        self, retail: tuple[HttpClient, list[dict[str, str]]]
    ) -> None:
        api, events = retail
        large = Counter(e["item_id"] for e in events if float(e["value"]) >= MANY)
        asked = {"limit": 20, "fields": ["title"]}
        trade, shop = (
            ids(api.post("/recommendations", {**asked, "context": {"referrer": f"https://{host}/catalogue"}}))
            for host in ("trade.example", "shop.example")
        )
        popular = ids(api.post("/recommendations", asked))
        sums = [sum(large[item_id] for item_id in found) for found in (trade, popular, shop)]
        assert sums[0] > sums[1] > sums[2]


@pytest.fixture(scope="class")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HttpClient, list[dict[str, Any]]]]:
    """The Chinese catalogue, with a few shoppers from a phone, who all buy the last ten items."""
    items, events = rows_of("zh-catalog")
    blank = dict.fromkeys(events[0], "")
    visits = [
        {
            **blank,
            "user_id": f"u{k}",
            "item_id": item["id"],
            "event_type": "purchase",
            "timestamp": str(1_517_000_000 + k),
        }
        for k in range(8)
        for item in items[-10:]
    ]
    rows = [{**event, "properties.device": ""} for event in events]
    rows += [{**visit, "properties.device": "mobile"} for visit in visits]
    with part(tmp_path_factory.mktemp("zh"), items, rows) as api:
        yield api, items


class TestChineseCatalogue:
    """One stack at a time runs in a process, so each shop is a class."""

    def test_a_chinese_catalogue_is_calibrated_and_knows_the_phone(
        self,
        catalogue: tuple[HttpClient, list[dict[str, Any]]],
    ) -> None:
        api, items = catalogue
        by_category: dict[str, list[str]] = {}
        for item in items:
            by_category.setdefault(item["categories"][0], []).append(item["id"])
        first, second = sorted(by_category, key=lambda name: -len(by_category[name]))[:2]
        history = by_category[first][:6] + by_category[second][:3]
        session = [{"event_type": "purchase", "item_id": item_id} for item_id in history]
        asked = {"interactions": session, "limit": 9, "fields": ["categories"]}
        shown = {
            knob: Counter(
                i["categories"][0] for i in api.post("/recommendations", {**asked, "calibration": knob})["items"]
            )
            for knob in (0, 1)
        }
        apart = {knob: abs(found[first] - 6) + abs(found[second] - 3) for knob, found in shown.items()}
        assert apart[1] <= min(2, apart[0])
        phone = api.post("/recommendations", {"context": {"device": "Mobile"}, "limit": 5})
        assert set(ids(phone)) <= {item["id"] for item in items[-10:]}
        assert "在手机上受欢迎。" in [reason["text"] for reason in phone["items"][0]["reasons"]]
