"""Why an item stands where it stands in a list, or nowhere: the pipeline's own steps, with one item followed through.

Nothing here knows a rule of the ranking. What keeps an item out is the sieve that it does not pass, and what moves it
down is whatever the same list without that would not do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from endcap.events.types import BOUGHT
from endcap.explain.reasons import Reason, explain
from endcap.filters.eligibility import sellable
from endcap.profiles.entries import Entry
from endcap.profiles.settled import settled
from endcap.ranking.score import total_of
from endcap.ranking.slots import Slot
from endcap.ranking.terms.repurchase import DAY_MS
from endcap.recommend.placement import Placed, longest_list, placed_by, rank_in
from endcap.recommend.prepared import Prepared
from endcap.recommend.selection import EXCLUDED, FILTER, NAMED, ON_SALE, SEEN, holds, sieves, slots_of

Cause = Literal[
    "unknown_item",
    "not_available",
    "expired",
    "excluded",
    "filter",
    "named",
    "seen",
    "not_due",
    "not_candidate",
    "variant_shown",
    "cap",
    "variety",
    "displaced",
    "score",
]


NotDue = Literal["not_bought", "returned", "too_soon", "bought_once"]
"""Why a list of what is bought again has an item not: the last is of what hardly anybody buys twice."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause.

    Attributes
    ----------
    by : the item that stands in its place
    score, needed : how far it is from the list
    deed : type of the event by which it was seen; None where only the request says so
    not_due : why it is not due to be bought again
    """

    cause: Cause
    by: str | None = None
    score: float | None = None
    needed: float | None = None
    deed: str | None = None
    not_due: NotDue = "not_bought"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Where an item stands.

    Attributes
    ----------
    rank : in the list of the longest length there is, from 1; None for nowhere in it
    findings : why it is not among the first; nothing for one that is
    score : None for an unknown item
    by_score : about which place its score alone would give it, from 1; None for what can't be compared
    placed_by : what the shop places it by, beside its score
    """

    rank: int | None
    findings: tuple[Finding, ...]
    score: float | None = None
    reasons: tuple[Reason, ...] = ()
    by_score: int | None = None
    placed_by: tuple[Placed, ...] = ()


def diagnose(made: Prepared, item_id: str) -> Diagnosis:
    """Why an item is among the first `made.request.limit` of a list, or not.

    Raises
    ------
    ExpressionError : a filter does not fit the catalogue
    """
    row = made.index.position(item_id)
    if row is None or made.index.is_deleted(row):
        return Diagnosis(None, (Finding("unknown_item"),))
    rows = np.asarray([row], dtype=np.int64)
    shares = made.scores.contributions(rows)
    score = float(total_of(shares)[0])
    reasons = explain(made.scores.context, rows, shares, made.request.language, {}, made.request.audience)[0]
    slots, place = longest_list(made), _place_by_score(made, row)
    rank = rank_in(slots, row)
    findings = tuple(_kept_out(made, row))
    placed = tuple(placed_by(made, row, slots, kept_out=bool(findings)))
    if not findings and (rank is None or rank > made.request.limit):
        findings = tuple(_outdone(made, row, score, slots[: made.request.limit]))
    return Diagnosis(rank, findings, score, reasons, place, placed)


def _place_by_score(made: Prepared, row: int) -> int | None:
    """Behind how many items that may be shown its score puts it, and one; variants of each other count once.

    By the rough totals of a scan, so that the place is near what the exact ones would give.
    """
    among, index = made.scores.context.among, made.index
    if among is not None and row not in among:
        return None
    passes = np.ones(index.n_items if among is None else len(among), dtype=np.bool_)
    for sieve in sieves(made.scores, made.request, made.items, made.about):
        passes &= sieve.passes
    rough = made.scores.rough[0]
    rows = np.flatnonzero(passes) if among is None else among[passes]
    better = set(index.groups[rows[rough[rows] > rough[row]]].tolist()) - {int(index.groups[row])}
    return len(better) + 1


def _kept_out(made: Prepared, row: int) -> Iterator[Finding]:
    among = made.scores.context.among
    if among is not None and row not in among:
        due = made.scores.context.due is not None
        yield Finding("not_due", not_due=_not_due(made, row)) if due else Finding("not_candidate")
        return
    if any(slot.pinned and slot.row == row for slot in _slots(made, made.request.limit)):
        return  # what was seen may be pinned
    for sieve in sieves(made.scores, made.request, made.items, made.about):
        if not holds(sieve.passes, row, among):
            cause = _cause(made, row, sieve.name)
            yield Finding(cause, deed=_deed(made, row) if cause == "seen" else None)


def _cause(made: Prepared, row: int, sieve: str) -> Cause:
    if sieve == ON_SALE:
        return "expired" if _expired(made, row) else "not_available"
    causes: dict[str, Cause] = {EXCLUDED: "excluded", FILTER: "filter", NAMED: "named", SEEN: "seen"}
    return causes[sieve]


def _entries(made: Prepared, row: int) -> list[Entry]:
    """What the shopper did with an item, or a variant of it."""
    index, profile = made.index, made.about.profile
    whole = index.thing(index.item_id(row))
    return [e for e in {*profile.interactions, *profile.strong} if e.item_id and index.thing(e.item_id) == whole]


def _deed(made: Prepared, row: int) -> str | None:
    """The weightiest and then newest of what the shopper did with it, as far as the list leaves that out."""
    purchases = made.request.exclude_seen == "purchased"

    def weight(entry: Entry) -> tuple[float, int]:
        event_type = made.about.event_types.get(entry.event_type)
        return abs(event_type.weight) if event_type else 0.0, entry.timestamp_ms

    done = [entry for entry in _entries(made, row) if not purchases or entry.event_type in BOUGHT]
    return max(done, key=weight).event_type if done else None


def _not_due(made: Prepared, row: int) -> NotDue:
    entries = _entries(made, row)
    if not any(entry.event_type in BOUGHT for entry in entries):
        return "not_bought"
    kept = [e.timestamp_ms for e in settled(entries, made.index.thing) if e.event_type in BOUGHT]
    if not kept:
        return "returned"
    return "too_soon" if made.about.now_ms - max(kept) < DAY_MS else "bought_once"


def _expired(made: Prepared, row: int) -> bool:
    rows = np.asarray([row], dtype=np.int64)
    ends = int(made.index.expires_at_ms[row])
    return bool(made.index.available[row]) and ends > 0 and not sellable(made.index, made.about.now_ms, rows)[0]


def _outdone(made: Prepared, row: int, score: float, page: list[Slot]) -> Iterator[Finding]:
    """What moves an item that may be shown behind the page."""
    index, request = made.index, made.request
    group = int(index.groups[row])
    sibling = next((slot.row for slot in page if int(index.groups[slot.row]) == group), None)
    if sibling is not None:
        yield Finding("variant_shown", by=index.item_id(sibling))
        return
    for cause, changed in _WITHOUT.items():
        other = changed(made)
        if other is not None and rank_in(_slots(other, request.limit), row) is not None:
            yield Finding(cause)
    rows = np.asarray([slot.row for slot in page if not (slot.pinned or slot.promotion)], dtype=np.int64)
    needed = float(total_of(made.scores.contributions(rows)).min()) if len(rows) else None
    yield Finding("score", by=index.item_id(page[-1].row) if page else None, score=score, needed=needed)


def _without_caps(made: Prepared) -> Prepared | None:
    return replace(made, request=replace(made.request, caps={})) if made.request.caps else None


def _without_variety(made: Prepared) -> Prepared | None:
    request = made.request
    if not (request.diversity or request.calibration):
        return None
    return replace(made, request=replace(request, diversity=0.0, calibration=0.0))


def _without_places(made: Prepared) -> Prepared | None:
    if not (made.items.pinned or made.request.promotions):
        return None
    request = replace(made.request, promotions=(), pinned=())
    return replace(made, request=request, items=replace(made.items, pinned={}))


_WITHOUT: Final[Mapping[Cause, Callable[[Prepared], Prepared | None]]] = {
    "cap": _without_caps,
    "variety": _without_variety,
    "displaced": _without_places,
}


def _slots(made: Prepared, wanted: int) -> list[Slot]:
    return slots_of(made.scores, made.request, made.items, made.about, wanted)
