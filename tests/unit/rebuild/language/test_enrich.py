"""A catalogue described: once, within a budget, and nothing that a text of the shop asks for."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from endcap.describing.openai import OpenAiWriter
from endcap.describing.prompt import SMALL
from endcap.describing.rules import RulesWriter
from endcap.describing.tags import NAMES
from endcap.describing.writer import Price, Request, Usage, WriterError, Written
from endcap.errors import InvalidInputError
from endcap_rebuild.data.reading import read_items
from endcap_rebuild.data.report import ReadReport
from endcap_rebuild.language.enrich import FAILED_IN_A_ROW, EnrichSettings, digest_of, enrich, enriched_of
from endcap_rebuild.language.store import FILE, Store
from tests.fakes.chat_server import chat_server

INJECTIONS = Path(__file__).parents[3] / "data" / "enrichment" / "injections.jsonl"
PRICE = Price(1_000.0, 1_000.0)
A_TOKEN = 1_000.0 / 1e6


class Counting:
    """Answers by title, and counts; breaks off where it is told to."""

    name = "counting:1"

    def __init__(self, breaks_after: int | None = None, answer: Any = None, at_once: int = 1) -> None:
        self.asked: list[str] = []
        self.given: list[int] = []
        self.at_once = at_once
        self._breaks_after, self._answer = breaks_after, answer

    def write(self, requests: Sequence[Request], schema: Mapping[str, Any], most_tokens: int) -> Iterator[Written]:
        self.given.append(len(requests))
        for request in requests:
            if len(self.asked) == self._breaks_after:
                raise KeyboardInterrupt
            self.asked.append(request.key)
            title = json.loads(request.data)["item"]["title"]
            if self._answer is None:
                yield Written(request.key, {"kind": title.split()[-1]}, Usage(50, 10))
            else:
                yield Written(request.key, failed=self._answer, usage=Usage(50, 10))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    lines = [json.dumps({"item_id": f"i{k}", "title": f"red mug number {k} jar", "brand": "Acme"}) for k in range(20)]
    (tmp_path / "items.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def settings(shop: Path, budget: float = 1e9, **more: Any) -> EnrichSettings:
    return EnrichSettings(shop, shop / "enrichment", PRICE, budget, **more)


def test_every_item_is_described_once(shop: Path) -> None:
    writer = Counting()
    report = enrich(settings(shop), writer)
    assert (report["items"], report["described"], report["out_of_budget"]) == (20, 20, False)
    assert report["spent_usd"] == pytest.approx(20 * 60 * A_TOKEN)
    assert len(set(writer.asked)) == 20
    again = Counting()
    assert enrich(settings(shop), again)["spent_usd"] == report["spent_usd"]
    assert again.asked == []


@pytest.mark.parametrize("after", [0, 1, 8, 13, 19])
def test_killed_at_any_moment_it_goes_on_without_paying_twice(shop: Path, after: int) -> None:
    killed, rest = Counting(after), Counting()
    with pytest.raises(KeyboardInterrupt):
        enrich(settings(shop), killed)
    report = enrich(settings(shop), rest)
    assert sorted(killed.asked + rest.asked) == sorted(set(killed.asked + rest.asked))
    assert len(killed.asked + rest.asked) == report["described"] == 20
    assert report["spent_usd"] == pytest.approx(20 * 60 * A_TOKEN)


def test_a_torn_line_costs_its_own_answer_alone(shop: Path) -> None:
    enrich(settings(shop), Counting())
    path = shop / "enrichment" / FILE
    path.write_bytes(path.read_bytes()[:-7])
    again = Counting()
    enrich(settings(shop), again)
    assert len(again.asked) == 1
    assert len(Store(shop / "enrichment")) == 20


@pytest.mark.parametrize("budget", [0.5, 3.0, 6.0, 8.0])
def test_a_budget_is_never_exceeded(shop: Path, budget: float) -> None:
    report = enrich(settings(shop, budget), Counting())
    assert report["spent_usd"] <= budget
    assert report["out_of_budget"]
    more = enrich(settings(shop, 1e9), Counting())
    assert (more["described"], more["out_of_budget"]) == (20, False)


def test_a_writer_gets_as_much_at_once_as_it_likes_and_the_budget_allows(shop: Path) -> None:
    most = enrich(settings(shop, dry_run=True), Counting())["most_usd"]
    some = Counting(at_once=1_000)
    report = enrich(settings(shop, most * 0.6), some)
    assert some.given[0] == 10
    assert report["spent_usd"] <= most * 0.6
    rest = Counting(at_once=1_000)
    enrich(settings(shop, prompt=SMALL), rest)
    assert rest.given == [20]


def test_prompts_are_told_apart(shop: Path) -> None:
    enrich(settings(shop), Counting())
    small = Counting()
    report = enrich(settings(shop, prompt=SMALL), small)
    assert len(small.asked) == 20
    assert report["prompt"] == SMALL
    assert len([one for one in enriched_of(shop / "enrichment", list(read_items(shop, ReadReport()))) if one]) == 20


def test_what_costs_money_needs_a_budget(shop: Path) -> None:
    with pytest.raises(InvalidInputError, match="budget"):
        enrich(settings(shop, 0.0), Counting())


def test_a_dry_run_asks_nobody_and_says_the_most(shop: Path) -> None:
    writer = Counting()
    report = enrich(settings(shop, dry_run=True), writer)
    assert writer.asked == []
    assert report["requests"] == 20
    assert report["most_usd"] >= 20 * 60 * A_TOKEN
    assert not (shop / "enrichment").exists()


def test_a_model_that_is_not_fit_is_soon_asked_no_more(shop: Path) -> None:
    writer = Counting(answer="no JSON")
    with pytest.raises(WriterError, match="no JSON"):
        enrich(settings(shop), writer)
    assert len(writer.asked) == FAILED_IN_A_ROW


def test_a_text_that_has_changed_is_described_anew(shop: Path) -> None:
    enrich(settings(shop), Counting())
    items = (shop / "items.jsonl").read_text(encoding="utf-8")
    before = digest_of(shop / "enrichment")
    (shop / "items.jsonl").write_text(items.replace("number 3 jar", "number 3 pot"), encoding="utf-8")
    writer = Counting()
    enrich(settings(shop), writer)
    assert len(writer.asked) == 1
    assert digest_of(shop / "enrichment") != before


def test_there_is_a_sample_to_look_through(shop: Path) -> None:
    items = (shop / "items.jsonl").read_text(encoding="utf-8")
    (shop / "items.jsonl").write_text(items.replace("red mug number 3", "=cmd()"), encoding="utf-8")
    enrich(settings(shop), RulesWriter())
    with (shop / "enrichment" / "review.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 20
    assert not any(cell.startswith("=") for row in rows for cell in row.values())


def test_nothing_written_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="nothing that endcap enrich has written"):
        enriched_of(tmp_path, [])


def test_texts_that_give_orders_change_no_other_item_and_bring_nothing_in(tmp_path: Path) -> None:
    """The writer repeats whatever an item says, as the most gullible one would."""
    hostile = [json.loads(line) for line in INJECTIONS.read_text(encoding="utf-8").splitlines()]
    good = [{"item_id": f"a{k}", "title": f"Tea cup {k}", "brand": "Borg"} for k in range(5)]
    lines = [*good, *({"item_id": f"z{k}", **item} for k, item in enumerate(hostile))]

    def gullible(item: dict[str, Any]) -> Any:
        said = [str(item["title"]), str(item.get("description", "")), "Acme", "http://evil.example"]
        return {
            "kind": said[0],
            "uses": said,
            "for_whom": said,
            "occasions": said,
            "themes": ["featured"],
            "queries": said,
        }

    def described(some: list[dict[str, Any]], name: str) -> dict[str, Any]:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "items.jsonl").write_text("\n".join(map(json.dumps, some)), encoding="utf-8")
        with chat_server() as server:
            server.reply = gullible
            writer = OpenAiWriter(f"{server.url}/v1", "small")
            enrich(EnrichSettings(folder, folder / "out"), writer)
            sent = [body["messages"][1]["content"] for body in server.asked]
            assert all("<" not in text and json.loads(text).keys() == {"item"} for text in sent)
        items = sorted(read_items(folder, ReadReport()), key=lambda item: item.item_id)
        found = enriched_of(folder / "out", items)
        return {item.item_id: one for item, one in zip(items, found, strict=True)}

    alone, together = described(good, "alone"), described(lines, "together")
    assert {key: together[key] for key in alone} == alone
    for told in together.values():
        texts = [told.kind, *told.uses, *told.queries]
        assert not any(
            bad in text.lower() for text in texts for bad in ("http", "www", "<", "ignore", "忽略", "buy now")
        )
        assert {*told.for_whom, *told.occasions, *told.themes} <= NAMES
