"""Queries understood in a shop: its own words, and lists that keep what was asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from endcap.api.parse import RequestParser
from endcap.api.responses import answer
from endcap.catalog.item import Item, item_document
from endcap.errors import InvalidRequestError
from endcap.events.types import EVENT_TYPES
from endcap.index.index import ItemIndex, index_of
from endcap.profiles.profile import EMPTY_PROFILE
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import Recommendation, RecommendationRequest
from endcap.snapshot.snapshot import Snapshot
from endcap.understanding.shop import understood_in
from endcap.understanding.wish import Understood
from endcap_rebuild.data.columns import columns_of
from tests.fakes.toy_snapshot import CUTOFF_MS, DAY_MS, build_toy_snapshot

SHOP = [
    Item("red", "Red mug", brand="Acme", price=9.0, created_at_ms=CUTOFF_MS - DAY_MS),
    Item("blue", "Blue mug", brand="Acme", price=4.0, created_at_ms=CUTOFF_MS - 9 * DAY_MS),
    Item("glass", "Mug of glass", brand="Borg", price=3.0, attributes={"Material": "Glass", "Colour": "red"}),
    Item("free", "Glass-free mug", price=20.0, created_at_ms=CUTOFF_MS - 90 * DAY_MS),
    Item("lamp", "Mirrored lamp", brand="Glass", price=1.0),
    Item("unpriced", "Mug"),
]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    documents = [item_document(item) for item in SHOP]
    return build_toy_snapshot(tmp_path_factory.mktemp("shop"), len(SHOP), documents=documents, columns=columns_of(SHOP))


OWN_WORDS = [
    Item("eau", "Dior perfume", brand="Dior"),
    Item("eau2", "Christian Dior perfume", brand="Christian Dior"),
    *(Item(f"candle{k}", "Christian candle", brand="Borg") for k in range(4)),
    Item("towel", "毛巾", brand="MUJI制造商"),
    Item(
        "sheets",
        "Lyocell sheets",
        attributes={"Fabric": "Outside: 60% Lyocell, inside: duck down", "Weight": "45 gram"},
    ),
]


@pytest.fixture(scope="module")
def own_words(tmp_path_factory: pytest.TempPathFactory) -> ItemIndex:
    documents = [item_document(item) for item in OWN_WORDS]
    columns = columns_of(OWN_WORDS)
    shop = build_toy_snapshot(tmp_path_factory.mktemp("own"), len(OWN_WORDS), documents=documents, columns=columns)
    return index_of(shop)


def ask(snapshot: Snapshot, **asked: object) -> Recommendation:
    return recommend(snapshot, EMPTY_PROFILE, RecommendationRequest(**asked), CUTOFF_MS)  # type: ignore[arg-type]


def ids(found: Recommendation) -> list[str]:
    return [item.item_id for item in found.items]


def test_absent_nothing_changes(snapshot: Snapshot) -> None:
    plain = ask(snapshot, query="mug under 5 without glass")
    assert plain.understood is None
    assert len(ids(plain)) == len(SHOP)
    assert "understood" not in answer(plain, "r", 0)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("mug under 5", {"blue", "glass", "lamp"}),
        ("mug between 4 and 9 pounds", {"red", "blue"}),
        ("mug without glass", {"red", "blue", "free", "unpriced"}),  # glass-free mentions no glass
        ("red mug", {"red", "glass"}),  # one by its title, one by its attribute, not the mirrored lamp
        ("purple mug", {item.item_id for item in SHOP}),  # no item is: a word like others
        ("mug by Acme", {"red", "blue"}),
        ("under 2", {"lamp"}),
    ],
)
def test_every_place_keeps_to_the_conditions(snapshot: Snapshot, query: str, shown: set[str]) -> None:
    found = ask(snapshot, query=query, understand=True)
    assert set(ids(found)) == shown
    assert found.matched


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("cheapest mug", ["glass", "blue", "red", "free", "unpriced"]),
        ("most expensive mug", ["free", "red", "blue", "glass", "unpriced"]),
        ("newest mug", ["red", "blue", "free"]),
    ],
)
def test_what_fits_comes_in_the_order_asked_for(snapshot: Snapshot, query: str, first: list[str]) -> None:
    assert ids(ask(snapshot, query=query, understand=True))[: len(first)] == first
    pages = [ids(ask(snapshot, query=query, understand=True, offset=k, limit=1))[0] for k in range(len(first))]
    assert pages == first


def test_popular_first_where_that_is_asked_for(snapshot: Snapshot) -> None:
    found = ids(ask(snapshot, query="popular mug", understand=True))
    popularity = [float(index_of(snapshot).popularity[snapshot.index[item_id]]) for item_id in found[:5]]
    assert "lamp" not in found[:5]
    assert popularity == sorted(popularity, reverse=True)


def test_a_word_that_is_also_a_brand_is_the_word(snapshot: Snapshot) -> None:
    assert understood_in(index_of(snapshot), "glass").filter is None
    assert understood_in(index_of(snapshot), "lamp from Glass").filter == 'brand = "Glass"'


@pytest.mark.parametrize(
    ("query", "filter_"),
    [
        ("Dior perfume", 'brand MENTIONS "Dior"'),  # Christian Dior's, too
        ("perfume by dior", 'brand MENTIONS "Dior"'),
        ("christian candle", None),  # how a name begins, in small letters, is a word where titles have it so
        ("Christian Dior perfume", 'brand = "Christian Dior"'),
        ("MUJI的毛巾", 'brand MENTIONS "MUJI"'),
        ("MUJI制造商的毛巾", 'brand = "MUJI制造商"'),
        ("lyocell sheets", '(title MENTIONS "lyocell" OR attributes."Fabric" MENTIONS "lyocell")'),
        ("lyocell", None),  # nothing is left that it would be said of
        ("duck down pillow", 'attributes."Fabric" MENTIONS "duck down"'),
        ("45 gram pillow", None),
    ],
)
def test_the_shops_own_words_are_known(own_words: ItemIndex, query: str, filter_: str | None) -> None:
    assert understood_in(own_words, query).filter == filter_


def test_cheaper_is_cheaper_than_the_item_named(snapshot: Snapshot) -> None:
    assert understood_in(index_of(snapshot), "something cheaper", ["blue"]).filter == "price < 4"


def test_what_was_understood_may_come_back_edited(snapshot: Snapshot) -> None:
    parser = RequestParser(CUTOFF_MS, EVENT_TYPES, lambda _: {}, "secret")
    told = answer(ask(snapshot, query="red mug under 5", understand=True), "r", 0)["understood"]
    asked = parser.body({"understood": told | {"filter": "price <= 10", "exclude": ["glass"], "sort": "price_desc"}})
    found = recommend(snapshot, EMPTY_PROFILE, asked.request, CUTOFF_MS)
    assert ids(found) == ["red", "blue"]
    assert found.understood == Understood("red mug", "price <= 10", ("glass",), "price_desc", found.understood.words)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"understood": {"filter": "price <"}}, "understood.filter"),
        ({"query": "mug", "understood": {"search": "mug"}}, "understood"),
        ({"understood": {"sort": "best"}}, "understood.sort"),
        ({"understood": {"exclude": [""]}}, "understood.exclude.0"),
    ],
)
def test_what_can_not_be_followed_is_refused_by_name(body: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        RequestParser(CUTOFF_MS, EVENT_TYPES, lambda _: {}, "secret").body(body)
    assert [error["field"] for error in refused.value.errors] == [field]


def test_the_stack_may_understand_where_a_request_does_not_say_it() -> None:
    parser = RequestParser(CUTOFF_MS, EVENT_TYPES, lambda _: {}, "secret", understand=True)
    assert parser.query({"q": "mug"}).request.understand
    assert not parser.query({"q": "mug", "understand": "false"}).request.understand
    assert not RequestParser(CUTOFF_MS, EVENT_TYPES, lambda _: {}, "secret").query({"q": "mug"}).request.understand


def test_the_grammar_is_imported_by_the_first_query_that_wants_it_and_small() -> None:
    code = """
import sys, endcap.recommend.pipeline
from pathlib import Path
own = lambda: {name for name in sys.modules if name.startswith(("endcap.understanding", "endcap.writing"))}
before = own()
import endcap.understanding.grammar
grammar = own() - before
import endcap.understanding.shop
size = lambda names: sum(Path(sys.modules[name].__file__).stat().st_size for name in names)
print(size(grammar), size(own() - before), *sorted(own() - before))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    grammar, with_words, *added = done.stdout.split()
    assert "endcap.understanding.grammar" in added
    assert not any(name.startswith("endcap.writing") for name in added)
    assert int(grammar) <= 60 * 1024
    assert int(with_words) <= 72 * 1024  # with what finds the shop's own brands and values
