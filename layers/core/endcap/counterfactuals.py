"""What an item's place would be without the past interaction that carried it most: computed by ranking again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from endcap.assortment import Assortment
from endcap.explaining import past_support, words_support
from endcap.features import RankingSettings, Taste
from endcap.phrases import Language, language_of, sentence_without
from endcap.profiles import Entry, UserProfile
from endcap.scoring import TERMS

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

MAX_COUNTERFACTUALS: Final = 10
"""Items of an answer that get one; each may take a ranking of its own."""
_LEAST: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """A past interaction, and what an item's rank would be had it not happened.

    Attributes
    ----------
    item_id, title, event_type, timestamp : what was done, with what, and when (ms)
    rank : None where the item would not be in the list
    text : one sentence
    """

    item_id: str
    title: str
    event_type: str
    timestamp: int
    rank: int | None
    text: str


def counterfactuals(
    assortment: Assortment,
    entries: Sequence[Entry | None],
    positions: I64,
    first_rank: int,
    order_without: Callable[[Entry], Sequence[int]],
    most: int,
    language: Language | None = None,
) -> list[Counterfactual | None]:
    """For each ranked item what would be without its entry; None where it has none.

    Parameters
    ----------
    entries : as `carrying_entries` gives them
    positions : int64 (k,), rows of the assortment, ranked from `first_rank`
    order_without : ranks again; the list's rows, at most the first `most`
    """
    orders: dict[Entry, dict[int, int]] = {}
    found: list[Counterfactual | None] = []
    for rank, (position, entry) in enumerate(zip(positions.tolist(), entries, strict=True), first_rank):
        if entry is None:
            found.append(None)
            continue
        if entry not in orders:
            orders[entry] = {row: place for place, row in enumerate(order_without(entry), 1)}
        past = assortment.position(entry.item_id)
        document = {} if past is None else assortment.document(past)
        title = str(document.get("title") or entry.item_id)
        spoken = language or language_of(assortment.document(position))
        other = orders[entry].get(position)
        text = sentence_without(title, entry.event_type, rank, other, most, spoken)
        found.append(Counterfactual(entry.item_id, title, entry.event_type, entry.timestamp_ms, other, text))
    return found


def carrying_entries(
    assortment: Assortment,
    profile: UserProfile,
    taste: Taste,
    settings: RankingSettings,
    positions: I64,
    shares: F64,
) -> list[Entry | None]:
    """For each ranked item the past interaction that speaks for it most: the strongest with the item that does.

    Parameters
    ----------
    profile : what `taste` was made of
    shares : float64 (len(TERMS), k), what each term adds to each score
    """
    if not len(taste.positions):
        return [None] * len(positions)
    carried = np.zeros((len(taste.positions), len(positions)))
    for term, support in past_support(assortment, taste, settings, positions).items():
        carried += _shared_out(shares[TERMS.index(term)], support)
    groups = {int(assortment.groups[row]): k for k, row in enumerate(taste.positions.tolist())}
    if len(taste.texts):
        words = _shared_out(shares[TERMS.index("words")], words_support(assortment, taste, settings, positions))
        for text, item_id in enumerate(taste.text_items):
            row = assortment.position(item_id)
            if row is not None and int(assortment.groups[row]) in groups:
                carried[groups[int(assortment.groups[row])]] += words[text]
    behind: dict[int, list[Entry]] = {}
    for entry in {*profile.interactions, *profile.strong}:
        row = assortment.position(entry.item_id)
        k = None if row is None else groups.get(int(assortment.groups[row]))
        if k is not None and entry.event_type == taste.kinds[k]:
            behind.setdefault(k, []).append(entry)
    strongest = np.round(carried, 9).argmax(axis=0).tolist()
    return [max(behind[k]) if carried[k, column] > _LEAST else None for column, k in enumerate(strongest)]


def without(profile: UserProfile, entry: Entry) -> UserProfile:
    """The profile as if an interaction had not happened; the text that came with it goes as well."""
    name = (entry.timestamp_ms, entry.key)
    return replace(
        profile,
        interactions=tuple(e for e in profile.interactions if (e.timestamp_ms, e.key) != name),
        strong=tuple(e for e in profile.strong if (e.timestamp_ms, e.key) != name),
        texts=tuple(t for t in profile.texts if (t.timestamp_ms, t.key) != name),
    )


def _shared_out(share: F64, support: F64) -> F64:
    """A term's share of each score, float64 (k,), among what supports it, float64 (h, k), in proportion."""
    total = np.abs(support).sum(axis=0)
    return np.asarray(np.where(total > 0, share * support / np.maximum(total, 1e-12), 0.0), dtype=np.float64)
