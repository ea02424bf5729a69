"""The main parameters of the ranking, as they are right now: what `GET /parameters` answers, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Final

from endcap.assortment import assortment_of
from endcap.event_types import DAY_S, EventType
from endcap.expression_masks import INTERACTED, PAST_FORMS
from endcap.expression_tree import FIELDS
from endcap.features import RankingSettings
from endcap.filters import EXCLUDE_SEEN
from endcap.scoring import DEFAULT_WEIGHTS
from endcap.snapshot import Snapshot

SCORE: Final = (
    "An item's score is the sum of its terms, each times weight / scale. Items are ranked by score; filters, variants, "
    "promotions, pins, caps, diversity and calibration then decide which of them a list shows. A scenario may replace "
    "weights; a query or given items reduce what history says to query_share."
)
TERM_MEANINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "similarity": "Likeness to the shopper's whole history, by the user encoder.",
        "next": "Often chosen after items of the shopper's history.",
        "together": "Often bought together with items of the history.",
        "neighbours": "Chosen by shoppers who chose the same items.",
        "wording": "Described in the words of items of the history.",
        "text": "Close in meaning to the shopper's latest items.",
        "words": "Close in meaning to the shopper's own reviews and searches; a bad review counts against.",
        "query": "Close in meaning to what is searched for.",
        "lexical": "Has the words, or is the very id, that is searched for.",
        "popularity": "Often chosen by everyone, lately more than long ago.",
        "trend": "Chosen more at the snapshot's cut-off than before.",
        "live_trend": "Chosen often in the last hours.",
        "category": "From categories that the shopper likes, or states.",
        "brand": "From brands that the shopper likes, or states.",
        "price": "In the price range of the shopper's history.",
        "again": "Chosen before by this shopper.",
        "new_item": "Nobody has touched it yet.",
        "similar": "Like the items that the request names.",
        "complement": "Bought together with the items that the request names.",
        "boost": "What the request or the scenario adds.",
        "rotation": "Shown to the shopper lately; counts against, as far as the request asks for it.",
        "due": "Bought before, and likely to be bought again about now; where the request asks for that.",
    }
)
SETTING_MEANINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "history_half_life_events": "Newer items after which one counts half as much in the item-to-item lists.",
        "text_half_life_events": "The same for the meaning of recent items.",
        "affinity_half_life_events": "The same for categories, brands, prices and repeats.",
        "words_half_life_events": "The same for reviews and searches.",
        "time_half_life_factor": "Multiplies the half-lives of the event types.",
        "grade_strength": "How far a grade, against the shopper's usual one, changes what a rating counts.",
        "history_floor": "The smaller, the sooner a short or old history counts in full.",
        "query_share": "What is left of the other terms where something is searched for or named.",
        "demand_fade_days": "Days from the cut-off at which popularity counts half to a known shopper; 0 = never.",
        "rotation_half_life_s": "Seconds after which a showing sets an item back half as much.",
    }
)


def parameters(
    snapshot: Snapshot,
    kinds: Mapping[str, EventType],
    scenarios: Sequence[str],
    experiments: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The parameters as a JSON object.

    Parameters
    ----------
    kinds : the event types with the storefront's own weights
    scenarios : names of the configured scenarios
    experiments : those that run, as `experiments.told` tells them
    """
    stored, natural = snapshot.weights, assortment_of(snapshot).tables.scales
    terms = []
    for name, default in DEFAULT_WEIGHTS.items():
        entry = stored.terms.get(name)
        terms.append(
            {
                "name": name,
                "weight": default if entry is None else entry.weight,
                "scale": natural.get(name, 1.0) if entry is None else entry.scale,
                "set_by": "default" if entry is None else "snapshot",
                "meaning": TERM_MEANINGS[name],
            }
        )
    settings = RankingSettings.of(stored.settings)
    return {
        "snapshot_version": snapshot.version,
        "learned_up_to": snapshot.training_cutoff_ms,
        "catalogue_as_of": snapshot.catalog_as_of_ms,
        "score": SCORE,
        "terms": terms,
        "settings": [
            {
                "name": field.name,
                "value": getattr(settings, field.name),
                "set_by": "snapshot" if field.name in stored.settings else "default",
                "meaning": SETTING_MEANINGS[field.name],
            }
            for field in fields(RankingSettings)
        ],
        "event_types": [
            {"name": kind.name, "weight": kind.weight, "half_life_days": kind.half_life_s / DAY_S}
            for kind in kinds.values()
        ],
        "filters": {
            "fields": sorted(FIELDS),
            "history": sorted([*PAST_FORMS, INTERACTED]),
            "exclude_seen": list(EXCLUDE_SEEN),
        },
        "scenarios": list(scenarios),
        "experiments": [dict(experiment) for experiment in experiments],
    }
