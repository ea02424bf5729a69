"""UserFeatures: what a profile says about a shopper at one moment, as numbers that the terms of the score can use.

One entry weighs (type's signed weight) x (time half-life of its type) x (grade around the user's own mean). How new an
item is among the others (its rank) is kept beside the weight, since each term forgets at its own pace. The rebuild and
the functions share this module, so weights are tuned on exactly what is served.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Final

import numpy as np

from endcap.arrays import F32, I64, Mask
from endcap.encoders.quantize import dequantize_unit
from endcap.events.grades import GRADE_PRIOR, grade_factor, grade_of, mean_of
from endcap.events.types import BOUGHT, DAY_S, EVENT_TYPES, GRADED, EventType
from endcap.index.index import ItemIndex
from endcap.profiles.entries import Entry, TextSignal
from endcap.profiles.profile import UserProfile
from endcap.profiles.settled import settled

PREFERENCE_WEIGHT: Final = 0.5
F32_EMPTY: Final = np.empty(0, dtype=np.float32)
_READ_BY_TERMS: Final = (
    "history_half_life_events",
    "text_half_life_events",
    "affinity_half_life_events",
    "words_half_life_events",
    "history_floor",
    "repeat_demand",
    "query_share",
    "rotation_half_life_s",
)


@dataclass(frozen=True, slots=True)
class RankingSettings:
    """Half-lives and floors of the features; a snapshot's `weights.json` may set each of them.

    Attributes
    ----------
    history_half_life_events : items after which the newness of an item has halved, for the item-to-item lists
    text_half_life_events : the same for the text of recent items, where nearly only the last one counts
    affinity_half_life_events : the same for categories, brands, prices and repeats
    words_half_life_events : the same for reviews and searches
    time_half_life_factor : multiplies the half-lives of the event types
    grade_strength : 1 = a grade counts in full, 0 = every rating is a plain positive
    history_floor : weights are divided by (their total + this): the smaller, the sooner a short or old history counts
        in full
    repeat_demand : what the demand for an item, a logarithm, adds to its having been chosen before: what comes again is
        what sells now, though it says little of what else a shopper may want
    query_share : what is left of the other terms where there is a query
    demand_fade_days : distance from the snapshot's cut-off at which popularity and trend say half as much to someone
        whose taste is known; 0 = they never fade
    rotation_half_life_s : time after which a showing sets an item back half as much, where a request rotates
    """

    history_half_life_events: float = 2.5
    text_half_life_events: float = 1.0
    affinity_half_life_events: float = 8.0
    words_half_life_events: float = 2.0
    time_half_life_factor: float = 1.0
    grade_strength: float = 1.0
    history_floor: float = 0.05
    repeat_demand: float = 0.0
    query_share: float = 0.3
    demand_fade_days: float = 0.0
    rotation_half_life_s: float = 7200.0

    @property
    def of_features(self) -> RankingSettings:
        """Equal for settings under which a history has equal features: with the defaults of what terms alone read."""
        usual = RankingSettings()
        return replace(self, **{name: getattr(usual, name) for name in _READ_BY_TERMS})

    @classmethod
    def of(cls, values: Mapping[str, float]) -> RankingSettings:
        """Settings from a mapping; names it does not know are left for others."""
        known = {f.name for f in fields(cls)}
        return replace(cls(), **{name: float(value) for name, value in values.items() if name in known})


@dataclass(frozen=True)
class UserFeatures:
    """A profile seen from one moment.

    Attributes
    ----------
    positions : int64 (h,), rows of the index, one per group of variants, ascending
    weights : float32 (h,), signed, before newness
    ranks : float32 (h,), 0 = newest; items of one moment share their mean rank
    event_types : the type of the strongest interaction with each, for explanations
    just_bought : bool (h,), bought within the last day, so that nobody needs it again yet
    texts : float32 (t, d_text), unit vectors of reviews and searches
    text_weights, text_ranks : float32 (t,), likewise; polarity is in the weight
    text_items, text_event_types, text_keys : what each text is about ("" for a search), its type, and its event's key
    categories, brands : vocabulary id -> signed affinity that the shopper or the request states outright
    demand : 0..1, how much of popularity and trend, which speak of the snapshot's cut-off, still holds at the moment
    """

    positions: I64
    weights: F32
    ranks: F32
    event_types: tuple[str, ...]
    just_bought: Mask
    texts: F32
    text_weights: F32
    text_ranks: F32
    text_items: tuple[str, ...]
    text_event_types: tuple[str, ...]
    text_keys: tuple[bytes, ...]
    categories: Mapping[int, float] = field(default_factory=dict)
    brands: Mapping[int, float] = field(default_factory=dict)
    demand: float = 1.0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known that could rank one item above another."""
        return not (self.weights.any() or self.text_weights.any() or self.categories or self.brands)


def features_of(
    profile: UserProfile,
    index: ItemIndex,
    now_ms: int,
    settings: RankingSettings | None = None,
    event_types: Mapping[str, EventType] = EVENT_TYPES,
    context: Mapping[str, str] | None = None,
) -> UserFeatures:
    """The taste that `profile` shows at `now_ms`.

    Parameters
    ----------
    now_ms : the request's clock; entries of a later time count as new
    settings : the snapshot's own when None
    event_types : with their weights and half-lives; entries of other types weigh nothing
    context : `category` and `brand` of the page, as stated affinities
    """
    settings = settings or RankingSettings.of(index.snapshot.weights.settings)
    clock_ms = now_ms if index.snapshot.clock_usable else None
    positions, weights, ranks, strongest, just_bought = _history(profile, index, clock_ms, settings, event_types)
    texts = _usable_texts(profile.texts, index)
    d_text = index.snapshot.whitening_mean.shape[0]
    vectors = np.frombuffer(b"".join(t.vector for t in texts), dtype=np.int8).reshape(len(texts), d_text)
    text_weights = [
        _base_weight(event_type, t.timestamp_ms, clock_ms, settings) * t.polarity
        if (event_type := event_types.get(t.event_type))
        else 0.0
        for t in texts
    ]
    categories, brands = _stated(profile, index, context or {})
    likes = (weights > 0).any() or any(weight > 0 for weight in text_weights)
    return UserFeatures(
        positions=positions,
        weights=weights,
        ranks=ranks,
        event_types=strongest,
        just_bought=just_bought,
        texts=dequantize_unit(vectors),
        text_weights=np.asarray(text_weights, dtype=np.float32),
        text_ranks=mean_ranks([t.timestamp_ms for t in texts]),
        text_items=tuple(t.item_id for t in texts),
        text_event_types=tuple(t.event_type for t in texts),
        text_keys=tuple(t.key for t in texts),
        categories=categories,
        brands=brands,
        # To someone of whom nothing good is known there is nothing but demand to go by.
        demand=demand_factor(now_ms, index.snapshot.training_cutoff_ms, settings) if likes and clock_ms else 1.0,
    )


@dataclass(frozen=True)
class HistoryWeights:
    """What each history item, and each text, weighs in the terms: every kind of term forgets at its own pace.

    lists : in the item-to-item lists; text : in the text of recent items; affinity : in categories, brands, prices and
    repeats: float32 (h,)
    words : of reviews and searches: float32 (t,); bad reviews are negative
    """

    lists: F32
    text: F32
    affinity: F32
    words: F32


def history_weights(features: UserFeatures, settings: RankingSettings) -> HistoryWeights:
    """The weights of a history under these settings."""
    weights, ranks, floor = features.weights, features.ranks, settings.history_floor
    return HistoryWeights(
        lists=decayed(weights, ranks, settings.history_half_life_events, floor),
        text=decayed(weights, ranks, settings.text_half_life_events, floor),
        affinity=decayed(weights, ranks, settings.affinity_half_life_events, floor),
        words=decayed(features.text_weights, features.text_ranks, settings.words_half_life_events, floor),
    )


def demand_factor(now_ms: int, cutoff_ms: int, settings: RankingSettings) -> float:
    """How much of the demand at the cut-off still holds at another moment, before or after it: 0..1."""
    if settings.demand_fade_days <= 0:
        return 1.0
    return float(0.5 ** (abs(now_ms - cutoff_ms) / (settings.demand_fade_days * DAY_S * 1000)))


def decayed(weights: F32, ranks: F32, half_life_events: float, floor: float) -> F32:
    """Weights after newness, divided by their total plus `floor`: direction in full, strength by how much is known.

    Returns
    -------
    float32 (h,), absolute values add up to less than 1
    """
    faded = weights * np.exp2(-ranks / np.float32(half_life_events))
    total = math.fsum(np.abs(faded).tolist())
    return np.asarray(faded / np.float32(total + floor), dtype=np.float32) if total > 0 else faded


def mean_ranks(timestamps_ms: Sequence[int]) -> F32:
    """Rank of each time, newest = 0; equal times share the mean of their ranks, so their order never matters."""
    times = np.asarray(timestamps_ms, dtype=np.int64)
    values, inverse, counts = np.unique(-times, return_inverse=True, return_counts=True)
    first = np.cumsum(counts) - counts
    return (first + (counts - 1) / 2)[inverse.reshape(len(times))].astype(np.float32) if len(values) else F32_EMPTY


def mean_grade(entries: Iterable[Entry]) -> float:
    """The user's own mean grade, drawn towards the prior while grades are few."""
    grades = [e.grade for e in entries if e.event_type in GRADED and e.grade is not None]
    return mean_of(math.fsum(grades), len(grades))


def _history(
    profile: UserProfile,
    index: ItemIndex,
    clock_ms: int | None,
    settings: RankingSettings,
    event_types: Mapping[str, EventType],
) -> tuple[I64, F32, F32, tuple[str, ...], Mask]:
    entries = settled(_distinct(profile), index.thing)
    mean: float | None = None
    by_group: dict[int, list[tuple[int, float, int, str]]] = {}
    bought: set[int] = set()
    known = [(entry, position) for entry in entries if (position := index.position(entry.item_id)) is not None]
    groups = index.groups[[position for _, position in known]].tolist() if known else []
    for (entry, position), group in zip(known, groups, strict=True):
        event_type = event_types.get(entry.event_type)
        if event_type is None or not event_type.weight:
            continue
        weight = _base_weight(event_type, entry.timestamp_ms, clock_ms, settings)
        if entry.event_type in GRADED:
            mean = mean_grade(entries) if mean is None else mean
            weight *= 1 + settings.grade_strength * (_entry_factor(entry, mean) - 1)
        if clock_ms is not None and entry.event_type in BOUGHT and clock_ms - entry.timestamp_ms < DAY_S * 1000:
            bought.add(group)
        act = (entry.timestamp_ms, weight, position, entry.event_type)
        if group in by_group:
            by_group[group].append(act)
        else:
            by_group[group] = [act]
    rows = []
    for acts in by_group.values():
        if len(acts) == 1:
            at_ms, weight, position, name = acts[0]
            rows.append((position, weight, at_ms, name))
            continue
        # Sums must not depend on the order of the events, so they are exact.
        total = math.fsum(act[1] for act in acts)
        # As new as what speaks for that side: a complaint about what was bought doesn't make the purchase a new one.
        newest = max(acts, key=lambda act: (act[1] * total > 0, act[0], abs(act[1]), -act[2]))
        strongest = max(acts, key=lambda act: (abs(act[1]), act[0], act[3]))
        rows.append((newest[2], total, newest[0], strongest[3]))
    rows.sort()
    positions, weights, times, names = zip(*rows, strict=True) if rows else ((), (), (), ())
    return (
        np.asarray(positions, dtype=np.int64),
        np.asarray(weights, dtype=np.float32),
        mean_ranks(times),
        names,
        np.asarray([group in bought for group in index.groups[list(positions)].tolist()], dtype=np.bool_),
    )


def _distinct(profile: UserProfile) -> list[Entry]:
    """The entries of both sets; one that is in both once."""
    if not profile.strong:
        return list(profile.interactions)
    types = {entry.event_type for entry in profile.strong}
    common = {entry for entry in profile.interactions if entry.event_type in types}
    return [*profile.interactions, *(entry for entry in profile.strong if entry not in common)]


def _base_weight(event_type: EventType, timestamp_ms: int, clock_ms: int | None, settings: RankingSettings) -> float:
    if clock_ms is None:
        return event_type.weight
    age_s = max(0, clock_ms - timestamp_ms) / 1000
    return float(event_type.weight * 0.5 ** (age_s / (event_type.half_life_s * settings.time_half_life_factor)))


def _entry_factor(entry: Entry, mean: float) -> float:
    """How a rating or a review counts."""
    if entry.grade is not None:
        return grade_factor(entry.grade, mean)
    if entry.tone is not None:
        return grade_factor(grade_of(entry.tone), GRADE_PRIOR)
    return 1.0  # a review without grade or words says that the item was worth a review


def _usable_texts(texts: Iterable[TextSignal], index: ItemIndex) -> list[TextSignal]:
    """Text signals of the loaded encoder, in an order that doesn't depend on event ids."""
    tag, width = index.encoder_tag, index.snapshot.whitening_mean.shape[0]
    usable = (t for t in texts if tag is not None and t.tag == tag and len(t.vector) == width)
    return sorted(usable, key=lambda t: (-t.timestamp_ms, t.item_id, t.event_type, t.polarity, t.vector))


def _stated(
    profile: UserProfile, index: ItemIndex, context: Mapping[str, str]
) -> tuple[dict[int, float], dict[int, float]]:
    preferences = profile.preferences.value
    stated = preferences if isinstance(preferences, Mapping) else {}
    affinities: tuple[dict[int, float], dict[int, float]] = ({}, {})
    for affinity, plural, singular, lookup in (
        (affinities[0], "categories", "category", index.category_id),
        (affinities[1], "brands", "brand", index.brand_id),
    ):
        names = stated.get(plural)
        for name in names if isinstance(names, list) else ():
            known = lookup(str(name))
            if known is not None:
                affinity[known] = PREFERENCE_WEIGHT
        known = lookup(str(context[singular])) if singular in context else None
        if known is not None:
            affinity[known] = 1.0
    return affinities
