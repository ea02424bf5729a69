"""Random small shops, and what may happen in them: changes since the snapshot, shoppers, live counts, requests.

A shop is made from a seed, since writing a snapshot takes time; everything else is drawn by hypothesis, so that a case
that fails is made as small as it can be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from random import Random
from typing import Any, Final

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse

from endcap.catalog.image_vector import image_levels
from endcap.catalog.item import Item, item_document, item_text
from endcap.encoders.quantize import quantize_unit
from endcap.encoders.text import TextEncoder
from endcap.events.counts import WINDOWS, Demand, Live
from endcap.events.interaction import Interaction
from endcap.events.types import EVENT_TYPES, EventType, event_types
from endcap.filters.parser import expression
from endcap.index.overlay import ChangedItem, Overlay
from endcap.profiles.entries import register
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, merge, profile_of
from endcap.ranking.slots import Pin, Promotion
from endcap.ranking.terms.registry import TERMS
from endcap.recommend.prepared import encode_with
from endcap.recommend.request import Boost, RecommendationRequest
from endcap.snapshot.format import ENCODER_FILES
from endcap.snapshot.parts import ContextDemand, ItemList, Repurchase, TermWeight, Weights
from endcap.snapshot.snapshot import Snapshot, load_snapshot
from endcap.snapshot.write import CentredVectors, SnapshotContents, write_snapshot
from endcap_rebuild.data.columns import columns_of
from endcap_rebuild.text.whitening import fit_whitening
from tests.fakes.plain_shop import LISTS
from tests.fakes.toy_snapshot import BRANDS, CATEGORIES, CUTOFF_MS, DAY_MS, TINY_ENCODER, WORDS, folder_of_this_run
from tests.fakes.toy_user_encoder import toy_user_encoder_files

F32 = NDArray[np.float32]

NEW_IDS: Final = tuple(f"new-{k}" for k in range(6))
GONE_IDS: Final = ("gone-1", "gone-2")
"""Ids that no item ever had."""
NEW_BRAND, NEW_CATEGORY = "Zed", "cellar"
"""Names that only changed items have."""
CONTEXTS: Final = (("country", "de"), ("country", "fr"), ("device", "phone"), ("referrer", "example.com"))
OWN_KINDS: Final = event_types({"view": 0.0, "click": -0.2, "like": {"weight": 1.5, "half_life_days": 2}, "quote": 0.6})
"""A storefront's own weights: views say nothing, clicks speak against an item, and one kind is new."""
_TEXTS: Final = ("red mug", "a very good lamp, I love it", "terrible, broke at once", "garden spoon", "steel")


@lru_cache(maxsize=1)
def _encoder() -> TextEncoder:
    return TextEncoder.from_dir(TINY_ENCODER)


@lru_cache(maxsize=4096)
def _encoded(text: str) -> F32:
    """The vector of a text; a text that is empty has none."""
    return _encoder().encode(text) if text else np.zeros(_encoder().d_text, dtype=np.float32)


@lru_cache(maxsize=16)
def _user_encoder_files(d_item: int) -> Mapping[str, bytes]:
    return toy_user_encoder_files(d_item)


IMAGE_WIDTH: Final = 6
TAGS: Final = 5


def random_item(item_id: str, random: Random, *, brands: tuple[str, ...] = BRANDS, more: str = "") -> Item:
    """An item with fields missing, shared and out of date, as catalogues have them."""
    number = item_id.partition("-")[2]
    if random.random() < 0.08:
        return Item(item_id, price=random.choice([None, 5.0]))  # nothing that an encoder could read
    return Item(
        item_id=item_id,
        title="" if random.random() < 0.06 else " ".join([*random.sample(WORDS, 2), number]),
        group_id=random.choice([*[None] * 8, "g1", "g2", "g3", "g4", "item-0"]),
        categories=tuple(random.sample([*CATEGORIES, *([more] if more else [])], random.choice([0, 1, 1, 2, 3]))),
        brand=random.choice(brands),
        price=random.choice([None, 5.0, 19.99, float(random.randrange(60)), float(random.randrange(60))]),
        available=random.random() < 0.88,
        expires_at_ms=random.choice([None] * 6 + [CUTOFF_MS - DAY_MS, CUTOFF_MS, CUTOFF_MS + 40 * DAY_MS]),
        created_at_ms=random.choice([None, CUTOFF_MS - random.randrange(60) * DAY_MS]),
        attributes={"sku": f"SKU {number}"} if random.random() < 0.3 else {},
    )


@lru_cache(maxsize=64)
def random_shop(seed: int, size: int | None = None, everything: bool = False) -> Snapshot:
    """The snapshot of a random shop; with or without encoders, contexts, repurchases and a clock.

    Parameters
    ----------
    size : items, 5 to 60 when None
    everything : whether nothing may be missing
    """
    random, chance = Random(seed), np.random.default_rng(seed)

    def has(share: float) -> bool:
        return random.random() < share or everything

    n = random.choice([5, 8, 13, 20, 30, 45, 60]) if size is None else size
    items = [random_item(f"item-{k}", random) for k in range(n)]
    texts = np.stack([_encoded(item_text(item)) for item in items])
    if not has(0.9):
        texts[:] = 0  # a shop that was built without an encoder
    whitening = fit_whitening(texts, random.choice([4, 16]))
    vectors = whitening.apply(texts)
    d_item = vectors.shape[1]
    if has(0.4):  # as trained: no longer those of the text
        vectors = _units(vectors + chance.normal(0, 0.3, vectors.shape))
    files: dict[str, bytes] = {}
    if texts.any() and has(0.85):
        files |= {name: (TINY_ENCODER / name).read_bytes() for name in ENCODER_FILES}
    if has(0.7):
        files |= _user_encoder_files(d_item)
    counts = chance.integers(0, 30, n) * (chance.random(n) < random.choice([0.0, 0.5, 0.8, 1.0]))
    popularity = np.log1p(counts * random.choice([0.0, 0.3, 0.3, 1.0, 1.0]))
    trend = chance.normal(0, 1, n) * random.choice([0, 1, 1])
    if everything:
        counts, trend = np.arange(n) % 20, chance.normal(0, 1, n)
        popularity = np.log1p(counts)
    lists = {name: _random_list(n, chance, random, full=everything) for name in LISTS}
    contents = SnapshotContents(
        documents=[item_document(item) for item in items],
        text_vectors=texts,
        item_vectors=vectors,
        whitening_mean=whitening.mean,
        whitening_projection=whitening.projection,
        lists=lists,
        popularity=popularity.astype(np.float32),
        trend=trend.astype(np.float32),
        interaction_counts=counts.astype(np.int32),
        columns=columns_of(items),
        weights=_random_weights(random, "user_encoder.onnx" in files),
        catalog_as_of_ms=CUTOFF_MS,
        training_cutoff_ms=CUTOFF_MS - random.choice([0, 10]) * DAY_MS,
        clock_usable=has(0.8),
        created="2026-01-02T03:04:05Z",
        encoder_files=files,
        repurchase=_random_repurchase(n, chance) if has(0.7) else None,
        contexts=_random_contexts(popularity, chance, random) if has(0.7) else None,
        described=_units(chance.normal(0, 1, texts.shape) * (chance.random((n, 1)) < 0.8)) if has(0.4) else None,
        images=CentredVectors(
            _units(chance.normal(0, 1, (n, IMAGE_WIDTH)) * (chance.random((n, 1)) < 0.8)),
            chance.normal(0, 0.1, IMAGE_WIDTH).astype(np.float32),
        )
        if has(0.4)
        else None,
        tags=CentredVectors(
            _units(chance.normal(0, 1, (n, TAGS)) * (chance.random((n, 1)) < 0.5)),
            chance.normal(0, 0.1, TAGS).astype(np.float32),
        )
        if has(0.4)
        else None,
    )
    if contents.described is not None and has(0.5):
        contents = replace(contents, described_shares=chance.choice([0.0, 0.5, 1.0], (n, 2)).astype(np.float32))
    folder = folder_of_this_run()
    write_snapshot(folder, contents)
    return load_snapshot(folder)


def _units(vectors: NDArray[Any]) -> F32:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def _random_list(n: int, chance: np.random.Generator, random: Random, *, full: bool) -> ItemList:
    kept = chance.random((n, n)) < (0.3 if full else random.choice([0.0, 0.05, 0.1, 0.15, 0.25, 0.4]))
    kept &= ~np.eye(n, dtype=bool) & (chance.random((n, 1)) < 0.8)  # some items have nothing
    weights = np.where(chance.random((n, n)) < 0.3, 0.5, chance.uniform(0.05, 1.5, (n, n)))  # some of them are equal
    rows = sparse.csr_array(np.where(kept, weights, 0.0))
    return ItemList(rows.indptr.astype(np.int64), rows.indices.astype(np.int32), rows.data.astype(np.float16))


def _random_weights(random: Random, similarity: bool) -> Weights:
    terms = {
        name: TermWeight(random.choice([0.0, 0.1, 0.5, 1.3]), random.choice([0.4, 1.0, 2.5]))
        for name in TERMS
        if random.random() < 0.25
    }
    if similarity:
        terms["similarity"] = TermWeight(random.choice([0.3, 1.0]), random.choice([0.2, 1.0]))
    possible: dict[str, list[float]] = {
        "history_half_life_events": [0.5, 4.0],
        "text_half_life_events": [0.7, 3.0],
        "affinity_half_life_events": [1.0, 20.0],
        "words_half_life_events": [1.0, 5.0],
        "time_half_life_factor": [0.2, 3.0],
        "grade_strength": [0.0, 0.5],
        "history_floor": [0.5, 2.0],
        "repeat_demand": [0.02, 0.5],
        "query_share": [0.0, 0.7],
        "demand_fade_days": [3.0, 20.0, 60.0],
        "rotation_half_life_s": [600.0, 86_400.0],
        "a setting of another version": [1.0],
    }
    return Weights(terms, {name: random.choice(values) for name, values in possible.items() if random.random() < 0.45})


def _random_repurchase(n: int, chance: np.random.Generator) -> Repurchase:
    share = chance.choice([0.0, 0.05, 0.3, 0.8], n)
    gaps, spreads = chance.choice([3.0, 20.0, 90.0], n), chance.choice([0.3, 0.8], n)
    return Repurchase(share.astype(np.float32), gaps.astype(np.float32), spreads.astype(np.float32))


def _random_contexts(popularity: NDArray[Any], chance: np.random.Generator, random: Random) -> ContextDemand:
    share = chance.choice([0.1, 0.4, 0.9], len(CONTEXTS))
    kept = chance.random((len(CONTEXTS), len(popularity))) < random.choice([0.2, 0.7])
    demand = np.expm1(popularity) * chance.choice([0.05, 0.4, 0.9], kept.shape) + chance.choice([0.0, 0.5], kept.shape)
    rows = sparse.csr_array(np.where(kept, np.log1p(demand), 0.0))
    items = ItemList(rows.indptr.astype(np.int64), rows.indices.astype(np.int32), rows.data.astype(np.float16))
    return ContextDemand(CONTEXTS, share.astype(np.float32), items)


@dataclass(frozen=True)
class Case:
    """One call of the pipeline, and what there is to know about it."""

    shop: int
    snapshot: Snapshot = field(repr=False)
    overlay: Overlay | None = field(repr=False)
    changes: tuple[ChangedItem, ...]
    profile: UserProfile
    request: RecommendationRequest
    now_ms: int
    live: Live | None
    kinds: Mapping[str, EventType] = field(repr=False)


HISTORY_KINDS: Final = (
    *sorted(set(EVENT_TYPES) - {"identify"}),
    "quote",
    "impression",
    "impression",
    *["purchase"] * 4,
)
FILTERS: Final = (
    "price < 30",
    "price IS NULL OR price >= 19.99",
    "brand = 'acme'",
    "NOT brand = 'Brook'",
    "categories CONTAINS 'kitchen'",
    "categories CONTAINS 'garden' OR categories CONTAINS 'bath'",
    "created_at WITHIN 30d",
    "NOT viewed",
    "purchased WITHIN 40d OR liked",
    "title CONTAINS 'red'",
    "available",
    "price < $most",
)


def _item_ids(n: int, *more: str) -> st.SearchStrategy[str]:
    """Items of the snapshot, the first four oftener so that histories meet; ids of new ones; and `more`."""
    first, old = (st.integers(0, most - 1).map(lambda k: f"item-{k}") for most in (4, n))
    return st.one_of(old, old, first, st.sampled_from([*NEW_IDS, *more]))


@st.composite
def _changes(draw: st.DrawFn, snapshot: Snapshot) -> tuple[ChangedItem, ...]:
    old = st.integers(0, snapshot.n_items - 1).map(lambda k: f"item-{k}")
    what = st.tuples(
        st.one_of(old, st.sampled_from(NEW_IDS)),
        st.sampled_from(["changed", "changed", "repriced", "sold out", "deleted"]),
        st.sampled_from(["own", "own", "own", "none", "another encoder's"]),
        st.integers(0, 99),
    )
    rows = []
    for number, (item_id, act, vector, seed) in enumerate(draw(st.lists(what, max_size=9))):
        if act == "deleted":
            rows.append(ChangedItem(item_id, CUTOFF_MS + number))
            continue
        item = random_item(item_id, Random(seed), brands=(*BRANDS, NEW_BRAND), more=NEW_CATEGORY)
        position = snapshot.index.get(item_id)
        if position is not None and act != "changed":
            item = _item_of(snapshot.document(position))
            item = replace(item, price=float(seed)) if act == "repriced" else replace(item, available=False)
        if seed % 3:
            width = IMAGE_WIDTH if seed % 4 else IMAGE_WIDTH + 1
            item = replace(item, image_vector=image_levels(np.random.default_rng(seed).normal(0, 1, width).tolist()))
        own = quantize_unit(_encoded(item_text(item))).tobytes()
        tag = b"else" if vector == "another encoder's" else _encoder().tag
        rows.append(ChangedItem(item_id, CUTOFF_MS + number, item, None if vector == "none" else own, tag))
    return tuple(rows)


def _item_of(document: Mapping[str, Any]) -> Item:
    return Item(
        document["item_id"],
        document["title"],
        document.get("group_id"),
        categories=tuple(document.get("categories", ())),
        brand=document.get("brand", ""),
        price=document.get("price"),
        available=document["available"],
        created_at_ms=document.get("created_at"),
        expires_at_ms=document.get("expires_at"),
        attributes=document.get("attributes", {}),
    )


def _interactions(n: int, name: str, most: int) -> st.SearchStrategy[list[Interaction]]:
    moments = st.one_of(
        st.integers(0, 6).map(lambda k: k * 1000),  # few of them, so that many events share one
        st.integers(0, 400).map(lambda days: days * DAY_MS),
        st.just(-30_000),  # a clock that is ahead
    )
    acts = st.tuples(
        st.sampled_from(HISTORY_KINDS),
        _item_ids(n, *GONE_IDS),
        moments,
        st.sampled_from([None, 0.5, 2.0, 3.5, 5.0]),
        st.sampled_from([None, *_TEXTS]),
    )
    short, long = st.lists(acts, max_size=2), st.lists(acts, min_size=most // 2, max_size=most)
    return st.one_of(short, long, long).map(
        lambda made: [_interaction(f"{name}{k}", *act) for k, act in enumerate(made)]
    )


def _interaction(
    event_id: str, kind: str, item_id: str, ago_ms: int, grade: float | None, text: str | None
) -> Interaction:
    return Interaction(
        event_id,
        "u",
        kind,
        CUTOFF_MS - ago_ms,
        None if kind == "search" else item_id,
        grade if kind in ("rating", "review", "purchase") else None,
        text or "garden lamp" if kind in ("search", "tag") else text if kind == "review" else None,
    )


@st.composite
def _profiles(draw: st.DrawFn, snapshot: Snapshot, stranger: bool) -> UserProfile:
    made = [] if stranger else draw(_interactions(snapshot.n_items, "s", 16))
    profile = profile_of(made, encode_with(snapshot)) if made else EMPTY_PROFILE
    if draw(st.integers(0, 3)) == 0:
        stated = {
            "categories": draw(st.lists(_categories, max_size=2)),
            "brands": draw(st.lists(_brands, max_size=2)),
        }
        profile = merge(profile, UserProfile(preferences=register(stated, CUTOFF_MS)))
    if draw(st.integers(0, 15)) == 0:
        profile = merge(profile, UserProfile(consent=register({"personalization": False}, CUTOFF_MS)))
    return profile


_categories = st.sampled_from([*CATEGORIES, NEW_CATEGORY, "nowhere"])
_brands = st.sampled_from(["Acme", "Brook", NEW_BRAND, "Nobody"])
_expressions = st.sampled_from(FILTERS).map(expression)
_weights = st.dictionaries(st.sampled_from(TERMS), st.sampled_from([-0.5, 0.0, 0.2, 1.0, 3.0]), min_size=1, max_size=6)
_one_above_all = st.sampled_from(TERMS).map(lambda name: {name: 50.0})
EVERY_TERM: Final = dict.fromkeys(TERMS, 1.0)


@st.composite
def _requests(
    draw: st.DrawFn, snapshot: Snapshot, changes: Sequence[ChangedItem], chance: Random, stranger: bool
) -> RecommendationRequest:
    n = snapshot.n_items
    ids, among = _item_ids(n), _item_ids(n, *GONE_IDS)
    some = st.lists(among, max_size=8).map(tuple)
    anchors = st.one_of(among, st.sampled_from([change.item_id for change in changes])) if changes else among
    asked: dict[str, Any] = {"limit": 500}

    def now_and_then(name: str, values: st.SearchStrategy[Any], one_in: int) -> None:
        if chance.random() < 1 / one_in:
            asked[name] = draw(values)

    kinds = st.sampled_from(["similar", "together", "buy_again", "buy_again"])
    now_and_then("limit", st.sampled_from([1, 3, 10, 40]), 1 if n > 60 else 4)
    if not stranger:
        now_and_then("interactions", _interactions(n, "r", 10).map(tuple), 2)
    now_and_then("query", st.sampled_from(["red mug", "steel 7", "item-3", "SKU 1", "cellar Zed", " "]), 4)
    now_and_then("relation", kinds, 4)
    if asked.get("relation") in ("similar", "together"):
        asked["items"] = draw(st.lists(anchors, min_size=1, max_size=3, unique=True).map(tuple))
    now_and_then("candidates", st.lists(among, max_size=20).map(tuple), 5)
    now_and_then("filter", _expressions, 5)
    now_and_then("boosts", st.lists(st.builds(Boost, _expressions, _boost_weights), max_size=3).map(tuple), 4)
    now_and_then("exclude_items", some, 5)
    now_and_then("exclude_seen", st.sampled_from(["purchased", "none", "none"]), 2)
    now_and_then("seen_items", some, 6)
    now_and_then("shown_items", some, 8)
    now_and_then("personalization", st.sampled_from(["off", "session"]), 8)
    now_and_then("context", _contexts, 2)
    now_and_then("rotation", st.sampled_from([0.3, 1.0]), 2)
    now_and_then("weights", st.one_of(st.just(EVERY_TERM), _weights, _one_above_all), 1 if n > 60 else 2)
    now_and_then("window", st.sampled_from(["24h", "1h"]), 10)
    now_and_then("as_of_ms", st.sampled_from([CUTOFF_MS - 20 * DAY_MS, CUTOFF_MS]), 6)
    if "as_of_ms" in asked:
        asked.pop("window", None)
    now_and_then("promotions", _promotions, 8)
    now_and_then("pinned", st.dictionaries(st.integers(1, 12), ids, max_size=3).map(_pins), 8)
    now_and_then("caps", st.dictionaries(st.sampled_from(["category", "brand"]), st.integers(1, 4)), 8)
    now_and_then("offset", st.sampled_from([1, 4]), 6)
    if not {"promotions", "pinned", "caps"} & set(asked):
        now_and_then("diversity", st.sampled_from([0.2, 0.8]), 12)
    if "candidates" in asked and chance.random() < 0.5:
        asked |= {"complete": True, "limit": 500, "offset": 0}
    return RecommendationRequest(parameters={"most": 25}, **asked)


_boost_weights = st.sampled_from([-2.0, -0.3, 0.25, 1.5])
_contexts = st.fixed_dictionaries(
    {},
    optional={
        "category": _categories,
        "brand": _brands,
        "country": st.sampled_from(["DE", "fr", "it"]),
        "device": st.sampled_from([" Phone", "desk"]),
        "referrer": st.just("https://www.example.com/some/page"),
    },
)
_promotions = st.lists(st.tuples(_expressions, st.sampled_from([0.1, 0.25, 0.5])), max_size=2).map(
    lambda found: tuple(Promotion(f"p{k}", where, share) for k, (where, share) in enumerate(found))
)


def _pins(wanted: Mapping[int, str]) -> tuple[Pin, ...]:
    first = {item_id: position for position, item_id in sorted(wanted.items(), reverse=True)}
    return tuple(Pin(item_id, position) for item_id, position in first.items())


@st.composite
def _live_counts(draw: st.DrawFn, snapshot: Snapshot) -> Live:
    demands = {}
    for window in ("1h", "24h"):
        ids = _item_ids(snapshot.n_items, *GONE_IDS)
        times = draw(st.dictionaries(ids, st.integers(1, 40), min_size=3, max_size=12))
        decayed = {item_id: count * 0.75 for item_id, count in times.items()}
        demands[window] = Demand(WINDOWS[window], times, decayed)
    return Live(demands)


@st.composite
def random_cases(draw: st.DrawFn, shops: int, size: int | None = None) -> Case:
    """Calls of the pipeline over the first `shops` random shops of a size; of large ones short lists are asked."""
    shop = draw(st.integers(0, shops - 1))
    snapshot = random_shop(shop, size)
    # Which parts a case has is left to chance alone: hypothesis would mostly leave most of them out.
    chance = Random(draw(st.integers(0, 2**32)))
    stranger = chance.random() < 0.2
    changes = draw(_changes(snapshot)) if chance.random() < 0.6 else None
    return Case(
        shop=shop,
        snapshot=snapshot,
        overlay=None if changes is None else Overlay(snapshot, changes),
        changes=changes or (),
        profile=draw(_profiles(snapshot, stranger)),
        request=draw(_requests(snapshot, changes or (), chance, stranger)),
        now_ms=CUTOFF_MS + draw(st.sampled_from([0, DAY_MS // 2, 3 * DAY_MS])),
        live=draw(_live_counts(snapshot)) if chance.random() < 0.6 else None,
        kinds=OWN_KINDS if chance.random() < 0.15 else EVENT_TYPES,
    )
