"""Filters, promotions, pins, caps, boosts and pages: rules that hold for any catalogue, history and request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.catalog.item import Item, item_document
from endcap.events.interaction import Interaction
from endcap.filters.parser import expression
from endcap.identifiers import item_key
from endcap.index.overlay import ChangedItem, Overlay
from endcap.profiles.profile import EMPTY_PROFILE
from endcap.ranking.slots import Pin, Promotion
from endcap.recommend.pipeline import recommend, recommend_lists
from endcap.recommend.request import Boost, Recommendation, RecommendationRequest
from endcap.snapshot.snapshot import Snapshot
from endcap_rebuild.data.columns import columns_of
from tests.fakes.effort import tried
from tests.fakes.toy_snapshot import (
    BRANDS,
    CATEGORIES,
    CUTOFF_MS,
    DAY_MS,
    build_toy_snapshot,
    folder_of_this_run,
    toy_items,
)

N_ITEMS = 40
NEW = [f"new-{k}" for k in range(4)]
ITEM_IDS = [f"item-{k}" for k in range(N_ITEMS)]


def odd_item(item: Item, random: Random) -> Item:
    """The item with fields missing, shared, or of mixed kinds, as catalogues have them."""
    attributes: dict[str, Any] = {}
    if random.random() < 0.7:
        attributes["size"] = random.choice(["S", "m", 3.0, 7.5, True, ("S", "M")])
    return replace(
        item,
        group_id=random.choice([None, None, "g1", "g2", "g3"]),
        price=random.choice([None, 5.0, 19.99, float(random.randrange(60))]),
        brand=random.choice([*BRANDS, "ACME"]),
        categories=tuple(random.sample(CATEGORIES, random.randrange(3))),
        available=random.random() < 0.8,
        created_at_ms=random.choice([None, CUTOFF_MS - random.randrange(60) * DAY_MS]),
        language=random.choice([None, "en", "zh"]),
        attributes=attributes,
    )


@cache
def catalogue(seed: int) -> tuple[Snapshot, dict[str, Item]]:
    random = Random(seed)
    items = [odd_item(item, random) for item in toy_items(N_ITEMS)]
    documents = [item_document(item) for item in items]
    snapshot = build_toy_snapshot(folder_of_this_run(), N_ITEMS, documents=documents, columns=columns_of(items))
    return snapshot, {item.item_id: item for item in items}


@cache
def changed(seed: int) -> tuple[Overlay, dict[str, Item]]:
    """The catalogue with some items changed, some deleted and some added, and what it then is."""
    snapshot, items = catalogue(seed % 3)
    random, now = Random(seed), dict(items)
    rows = []
    for item_id in [*random.sample(ITEM_IDS, 8), *NEW]:
        item = odd_item(replace(toy_items(1)[0], item_id=item_id), random)
        rows.append(ChangedItem(item_id, CUTOFF_MS, item))
        now[item_id] = item
    for item_id in random.sample(ITEM_IDS, 2):
        rows.append(ChangedItem(item_id, CUTOFF_MS + 1))
        now.pop(item_id)
    return Overlay(snapshot, rows), now


Acts = list[tuple[str, str, int]]
Holds = Callable[[Item, Acts, dict[str, Item]], bool]
Condition = tuple[str, Holds]

acts = st.lists(
    st.tuples(st.sampled_from(["view", "purchase", "like"]), st.sampled_from(ITEM_IDS), st.integers(0, 60)), max_size=8
)


def has(item: Item, name: str) -> list[Any]:
    """The values of a field, by the plainest reading of the guide."""
    if name == "size":
        value = item.attributes.get("size")
    else:
        value = {"created_at": item.created_at_ms, "categories": item.categories}.get(name, getattr(item, name, None))
    return list(value) if isinstance(value, tuple) else [] if value in (None, "") else [value]


def kind(value: Any) -> type:
    return bool if isinstance(value, bool) else str if isinstance(value, str) else float


def compared(name: str, sign: str, wanted: Any) -> Holds:
    def holds(item: Item, _: Acts, __: dict[str, Item]) -> bool:
        for value in has(item, name):
            if kind(value) is kind(wanted):
                a, b = (value.casefold(), wanted.casefold()) if isinstance(wanted, str) else (value, wanted)
                if {"=": a == b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[sign]:
                    return True
        return False

    return holds


def contained(name: str, wanted: str) -> Holds:
    def holds(item: Item, _: Acts, __: dict[str, Item]) -> bool:
        listed = isinstance(item.attributes.get("size") if name == "size" else getattr(item, name), tuple)
        texts = [value.casefold() for value in has(item, name) if isinstance(value, str)]
        return wanted.casefold() in texts if listed else any(wanted.casefold() in text for text in texts)

    return holds


def done(verb: str, days: int | None) -> Holds:
    def holds(item: Item, history: Acts, items: dict[str, Item]) -> bool:
        return any(
            k == verb and (days is None or age <= days) and i in items and items[i].group == item.group
            for k, i, age in history
        )

    return holds


numbers = st.sampled_from([5, 19.99, 30, 7.5])
words = st.sampled_from(["acme", "Brook", "s", "M", "kitchen", "garden", "zh"])
leaves: st.SearchStrategy[Condition] = st.one_of(
    st.builds(
        lambda name, sign, value: (f"{name} {sign} {value}", compared(name, sign, float(value))),
        st.sampled_from(["price", "size"]),
        st.sampled_from(["=", "<", "<=", ">", ">="]),
        numbers,
    ),
    st.builds(
        lambda name, sign, value: (f'{name} {sign} "{value}"', compared(name, sign, value)),
        st.sampled_from(["brand", "language", "size"]),
        st.sampled_from(["=", "<", ">="]),
        words,
    ),
    st.builds(lambda word: (f"categories CONTAINS '{word}'", contained("categories", word)), words),
    st.builds(lambda word: (f"size CONTAINS '{word}'", contained("size", word)), words),
    st.builds(lambda word: (f"title CONTAINS '{word}'", contained("title", word)), st.sampled_from(["red", "UG", "1"])),
    st.builds(
        lambda name: (f"{name} IS NULL", lambda item, *_: not has(item, name)),
        st.sampled_from(["price", "brand", "size", "language", "categories", "created_at"]),
    ),
    st.builds(
        lambda d: (f"created_at WITHIN {d}d", compared("created_at", ">=", float(CUTOFF_MS - d * DAY_MS))),
        st.integers(1, 60),
    ),
    st.builds(
        lambda verb, d: (f"{verb[1]}{'' if d is None else f' WITHIN {d}d'}", done(verb[0], d)),
        st.sampled_from([("view", "viewed"), ("purchase", "purchased"), ("like", "LIKE")]),
        st.none() | st.integers(1, 60),
    ),
    st.just(("available", lambda item, *_: item.available)),
)


def _and(a: Condition, b: Condition) -> Condition:
    return f"({a[0]} AND {b[0]})", lambda *x: a[1](*x) and b[1](*x)


def _or(a: Condition, b: Condition) -> Condition:
    return f"({a[0]} OR {b[0]})", lambda *x: a[1](*x) or b[1](*x)


def _not(a: Condition) -> Condition:
    return f"NOT {a[0]}", lambda *x: not a[1](*x)


conditions: st.SearchStrategy[Condition] = st.recursive(
    leaves,
    lambda inner: st.builds(_and, inner, inner) | st.builds(_or, inner, inner) | st.builds(_not, inner),
    max_leaves=6,
)


def session(history: Acts) -> tuple[Interaction, ...]:
    return tuple(Interaction(f"e{k}", "u", v, CUTOFF_MS - d * DAY_MS, i) for k, (v, i, d) in enumerate(history))


def ask(seed: int, history: Acts = (), **asked: Any) -> Recommendation:  # type: ignore[assignment]
    request = RecommendationRequest(interactions=session(history), **asked)
    return recommend(catalogue(seed % 3)[0], EMPTY_PROFILE, request, CUTOFF_MS, changed(seed)[0])


def shown(answer: Recommendation) -> list[str]:
    return [item.item_id for item in answer.items]


seeds = st.integers(0, 5)


@tried(250)
@given(seeds, acts, conditions)
def test_filters_keep_just_what_a_plain_reading_keeps(seed: int, history: Acts, condition: Condition) -> None:
    text, holds = condition
    items = changed(seed)[1]
    named = catalogue(seed % 3)[1] | items  # a deleted item is still a variant of what it was
    answer = ask(seed, history, limit=500, filter=expression(text), exclude_seen="none", explain=False)
    kept = [i for i, item in items.items() if item.available and holds(item, history, named)]
    assert set(shown(answer)) <= set(kept)
    assert Counter(items[i].group for i in shown(answer)) == Counter({items[i].group for i in kept})


@tried(120)
@given(
    seeds,
    acts,
    st.lists(st.tuples(leaves, st.sampled_from([0.05, 0.1, 0.2, 0.25, 0.3, 0.5])), min_size=1, max_size=2),
    st.integers(1, 30),
    st.sampled_from([0.0, 0.5]),
)
def test_promotions_keep_their_share_as_long_as_they_have_items(
    seed: int, history: Acts, wanted: list[tuple[Condition, float]], limit: int, diversity: float
) -> None:
    items = changed(seed)[1]
    promotions = tuple(Promotion(f"p{k}", expression(c[0]), share) for k, (c, share) in enumerate(wanted))
    answer = ask(seed, history, limit=limit, promotions=promotions, diversity=diversity, explain=False)
    whole = set(shown(ask(seed, history, limit=500, explain=False)))
    groups = {items[i].group for i in whole}
    assert {items[i].group for i in shown(answer)} <= groups  # subject to every filter
    for number, promotion in enumerate(promotions):
        own = [item for item in answer.items if item.promotion == promotion.name]
        assert all(wanted[number][0][1](items[i.item_id], history, items) for i in own)
        assert [i.score for i in own] == sorted((i.score for i in own), reverse=True)
        for n in range(1, len(answer.items) + 1):
            owed = int(n * promotion.share + 1e-9)
            placed = sum(item.rank <= n for item in own)
            assert placed <= owed
            if len(promotions) == 1 and placed < owed:  # only where nothing of it is left
                seen = {items[i].group for i in shown(answer)[:n]}
                left = ask(seed, history, limit=500, filter=promotion.filter, explain=False)
                assert not {items[i].group for i in shown(left)} - seen
    for a, b in zip(answer.items, answer.items[1:], strict=False):
        if diversity == 0 and a.promotion is None and b.promotion is None:
            assert a.score >= b.score


@tried(100)
@given(
    seeds,
    acts,
    st.integers(1, 4),
    st.integers(1, 6),
    st.dictionaries(st.integers(1, 12), st.sampled_from([*ITEM_IDS, *NEW]), max_size=3),
    st.sampled_from([0.0, 0.6]),
)
def test_caps_hold_and_pins_stand_where_they_belong(
    seed: int, history: Acts, per_category: int, per_brand: int, pins: dict[int, str], diversity: float
) -> None:
    items = changed(seed)[1]
    pinned = tuple(Pin(i, position) for position, i in pins.items() if list(pins.values()).count(i) == 1)
    caps = {"category": per_category, "brand": per_brand}
    answer = ask(seed, history, limit=500, caps=caps, pinned=pinned, diversity=diversity, explain=False)
    # of pinned variants the first one is placed
    first: dict[str, Pin] = {}
    for pin in sorted(pinned, key=lambda pin: pin.position):
        if pin.item_id in items and items[pin.item_id].available:
            first.setdefault(items[pin.item_id].group, pin)
    for pin in first.values():
        rank = shown(answer).index(pin.item_id) + 1
        standing_after = set(shown(answer)[rank - 1 :]) <= {p.item_id for p in first.values()}
        assert rank == pin.position or (rank < pin.position and standing_after)  # a list too short ends in its pins
    at_will = [items[i] for i in shown(answer) if i not in {pin.item_id for pin in first.values()}]
    standing = [items[pin.item_id] for pin in first.values()]
    for label, cap in (
        (lambda item: item.categories[-1] if item.categories else None, per_category),
        (lambda item: item.brand or None, per_brand),
    ):
        owed = Counter(label(item) for item in standing)
        for name, count in Counter(map(label, at_will)).items():
            assert name is None or count <= max(0, cap - owed[name])
    groups = [items[i].group for i in shown(answer)]
    assert len(groups) == len(set(groups))
    # nothing that would still fit was left out
    everything = ask(seed, history, limit=500, explain=False)
    full = Counter(items[i].categories[-1] for i in shown(answer) if items[i].categories)
    full_brands = Counter(items[i].brand for i in shown(answer) if items[i].brand)
    for item_id in set(shown(everything)) - set(shown(answer)):
        item = items[item_id]
        assert (
            item.group in groups
            or (item.categories and full[item.categories[-1]] >= per_category)
            or (item.brand and full_brands[item.brand] >= per_brand)
        )


@tried(100)
@given(seeds, acts, st.lists(st.tuples(leaves, st.sampled_from([-3.0, -0.25, 0.1, 2.5])), max_size=4), st.booleans())
def test_boosted_scores_are_the_sums_of_their_reasons(
    seed: int, history: Acts, wanted: list[tuple[Condition, float]], related: bool
) -> None:
    boosts = tuple(Boost(expression(condition[0]), weight) for condition, weight in wanted)
    items = changed(seed)[1]
    more: dict[str, Any] = {"relation": "similar", "items": (NEW[0], "item-3")} if related else {}
    answer = ask(seed, history, limit=500, boosts=boosts, **more)
    plain = {item.item_id: item.score for item in ask(seed, history, limit=500, explain=False, **more).items}
    for item in answer.items:
        assert sum(reason.weight for reason in item.reasons) == pytest.approx(item.score, abs=1e-6)
        boost = sum(reason.weight for reason in item.reasons if reason.kind == "boost")
        expected = sum(w for c, w in wanted if c[1](items[item.item_id], history, items))
        assert boost == pytest.approx(expected, abs=1e-5)
        if item.item_id in plain:
            assert item.score - boost == pytest.approx(plain[item.item_id], abs=1e-6)
    scores = [item.score for item in answer.items]
    assert scores == sorted(scores, reverse=True)


controls = st.fixed_dictionaries(
    {},
    optional={
        "promotions": st.just((Promotion("new", expression("created_at WITHIN 30d"), 0.25),)),
        "pinned": st.just((Pin("item-7", 2), Pin("item-9", 14))),
        "caps": st.just({"brand": 4}),
        "boosts": st.just((Boost(expression("brand = 'acme'"), 0.5),)),
        "diversity": st.sampled_from([0.3, 0.9]),
        "filter": st.just(expression("price IS NULL OR price < 55")),
        "query": st.sampled_from(["red mug", "steel"]),
    },
)


@tried(60)
@given(seeds, acts, controls, st.integers(1, 11))
def test_pages_are_disjoint_and_make_up_the_long_list(
    seed: int, history: Acts, asked: dict[str, Any], size: int
) -> None:
    whole = ask(seed, history, limit=500, **asked)
    assert whole == ask(seed, history, limit=500, **asked)
    pages: list[Any] = []
    keys: tuple[bytes, ...] = ()
    while True:
        page = ask(seed, history, limit=size, shown_keys=keys, **asked)
        pages += page.items
        keys += tuple(item_key(item.item_id) for item in page.items)
        if not page.has_more:
            break
    assert pages == list(whole.items)


@tried(40)
@given(seeds, acts, controls, controls)
def test_lists_of_one_page_share_nothing(
    seed: int, history: Acts, first: dict[str, Any], second: dict[str, Any]
) -> None:
    requests = [RecommendationRequest(limit=8, interactions=session(history), **asked) for asked in (first, second, {})]
    items = changed(seed)[1]
    lists = recommend_lists(catalogue(seed % 3)[0], EMPTY_PROFILE, requests, CUTOFF_MS, changed(seed)[0])
    groups = [items[item.item_id].group for answer in lists for item in answer.items]
    assert len(groups) == len(set(groups))
    assert lists[0] == ask(seed, history, limit=8, **first)
