"""What an item's place would be had the shopper not done something: computed by ranking again without it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from endcap.arrays import F64, I64
from endcap.errors import NotFoundError
from endcap.events.types import EventType
from endcap.explain.support import past_support
from endcap.identifiers import event_key
from endcap.index.index import ItemIndex
from endcap.messages.language import DEFAULT_AUDIENCE, Audience, Language, language_of
from endcap.messages.reasons import sentence_without
from endcap.profiles.entries import Entry, TextSignal
from endcap.profiles.profile import UserProfile
from endcap.profiles.settled import settled
from endcap.ranking.terms.registry import TERMS
from endcap.ranking.terms.term import ScoringContext
from endcap.ranking.terms.text import words_support

MAX_COUNTERFACTUALS: Final = 10
"""Items of an answer that get one for what carried them most; each may take a ranking of its own."""
_LEAST: Final = 1e-9


Name = tuple[int, bytes]
"""Time and key of an event: what the entries of all sets that it left know it by."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a shopper did.

    Attributes
    ----------
    events : what it left in the profile
    item_id : "" for a search
    event_type, timestamp_ms : of the strongest, and then newest, event
    """

    events: frozenset[Name]
    item_id: str
    event_type: str
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """What was done in the past, and what an item's rank would be had it not happened.

    Attributes
    ----------
    item_id, title : what it was done with; None for a search
    event_type, timestamp : what was done, and when (ms)
    rank : None where the item would not be in the list
    text : one sentence
    """

    item_id: str | None
    title: str | None
    event_type: str
    timestamp: int
    rank: int | None
    text: str


def counterfactuals(
    index: ItemIndex,
    acts: Sequence[Act | None],
    positions: I64,
    first_rank: int,
    order_without: Callable[[Act], Sequence[int]],
    most: int,
    language: Language | None = None,
    audience: Audience = DEFAULT_AUDIENCE,
) -> list[Counterfactual | None]:
    """For each ranked item what would be without its act; None where it has none.

    Parameters
    ----------
    positions : int64 (k,), rows of the index, ranked from `first_rank`
    order_without : ranks again; the list's rows, at most the first `most`
    audience : whom the sentences speak to
    """
    orders: dict[Act, dict[int, int]] = {}
    found: list[Counterfactual | None] = []
    for rank, (position, act) in enumerate(zip(positions.tolist(), acts, strict=True), first_rank):
        if act is None:
            found.append(None)
            continue
        if act not in orders:
            orders[act] = {row: place for place, row in enumerate(order_without(act), 1)}
        past = index.position(act.item_id)
        document = {} if past is None else index.document(past)
        title = str(document.get("title") or act.item_id)
        spoken = language or language_of(index.document(position))
        other = orders[act].get(position)
        text = sentence_without(title, act.event_type, rank, other, most, spoken, audience)
        item_id, named = (act.item_id, title) if act.item_id else (None, None)
        found.append(Counterfactual(item_id, named, act.event_type, act.timestamp_ms, other, text))
    return found


def named_act(
    index: ItemIndex,
    profile: UserProfile,
    event_types: Mapping[str, EventType],
    event_id: str | None = None,
    item_id: str | None = None,
) -> Act:
    """The event of an id, or everything that was done with an item, in any of its variants.

    Raises
    ------
    NotFoundError : the profile remembers no such thing
    """
    held: set[Entry | TextSignal] = {*profile.interactions, *profile.strong, *profile.texts}
    if event_id is not None:
        key = event_key(event_id)
        behind = [e for e in held if e.key == key]
    else:
        whole = index.thing(item_id or "")
        behind = [e for e in held if e.item_id and index.thing(e.item_id) == whole]
    if not behind:
        raise NotFoundError("nothing like that is remembered of this shopper")

    def strength(entry: Entry | TextSignal) -> tuple[float, int, bytes]:
        event_type = event_types.get(entry.event_type)
        return abs(event_type.weight) if event_type else 0.0, entry.timestamp_ms, entry.key

    best = max(behind, key=strength)
    return Act(_names(behind), best.item_id, best.event_type, best.timestamp_ms)


def _names(entries: Iterable[Entry | TextSignal]) -> frozenset[Name]:
    return frozenset((entry.timestamp_ms, entry.key) for entry in entries)


def carrying_acts(context: ScoringContext, profile: UserProfile, positions: I64, shares: F64) -> list[Act | None]:
    """For each ranked item the past interaction that speaks for it most: the strongest with the item that does.

    Parameters
    ----------
    profile : what the context's features were made of
    shares : float64 (len(TERMS), k), what each term adds to each score
    """
    index, features = context.index, context.features
    if not len(features.positions):
        return [None] * len(positions)
    carried = np.zeros((len(features.positions), len(positions)))
    for term, support in past_support(context, positions, shares).items():
        carried += _shared_out(shares[TERMS.index(term)], support)
    groups = {int(index.groups[row]): k for k, row in enumerate(features.positions.tolist())}
    if len(features.texts):
        words = _shared_out(shares[TERMS.index("words")], words_support(context, positions))
        for text, item_id in enumerate(features.text_items):
            row = index.position(item_id)
            if row is not None and int(index.groups[row]) in groups:
                carried[groups[int(index.groups[row])]] += words[text]
    behind: dict[int, list[Entry]] = {}
    for entry in settled([*{*profile.interactions, *profile.strong}], index.thing):
        row = index.position(entry.item_id)
        k = None if row is None else groups.get(int(index.groups[row]))
        if k is not None and entry.event_type == features.event_types[k]:
            behind.setdefault(k, []).append(entry)
    strongest = np.round(carried, 9).argmax(axis=0).tolist()
    return [_act_of(max(behind[k])) if carried[k, column] > _LEAST else None for column, k in enumerate(strongest)]


def _act_of(entry: Entry) -> Act:
    return Act(_names([entry]), entry.item_id, entry.event_type, entry.timestamp_ms)


def without(profile: UserProfile, act: Act) -> UserProfile:
    """The profile as if something had not been done; the text that came with it goes as well."""
    return replace(
        profile,
        interactions=tuple(e for e in profile.interactions if (e.timestamp_ms, e.key) not in act.events),
        strong=tuple(e for e in profile.strong if (e.timestamp_ms, e.key) not in act.events),
        texts=tuple(t for t in profile.texts if (t.timestamp_ms, t.key) not in act.events),
    )


def _shared_out(share: F64, support: F64) -> F64:
    """A term's share of each score, float64 (k,), among what supports it, float64 (h, k), in proportion."""
    total = np.abs(support).sum(axis=0)
    return np.asarray(np.where(total > 0, share * support / np.maximum(total, 1e-12), 0.0), dtype=np.float64)
