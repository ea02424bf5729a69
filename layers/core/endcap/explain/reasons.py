"""Why an item is where it is: the terms of its score, each with its exact share, and what carried it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, F64, I64
from endcap.explain.support import list_support, past_support, words_support
from endcap.explain.words import ItemWords
from endcap.index.index import ItemIndex
from endcap.messages.language import Language, language_of
from endcap.messages.reasons import due_again, popular_in, sentence
from endcap.ranking.features import RankingSettings, UserFeatures
from endcap.ranking.terms.affinity import affinity_weights, category_affinity
from endcap.ranking.terms.context import telling_context
from endcap.ranking.terms.registry import QUERIED, TERMS
from endcap.ranking.terms.related import Anchors
from endcap.ranking.terms.repurchase import Due
from endcap.text.tokens import Wording

MAX_EVIDENCE = 2
MAX_WORDED = 50
"""Items of an answer whose evidence has words: reading texts would cost more than ranking does."""
ANCHOR = "anchor"
"""What was done with an item that the request names as an anchor."""


ASKED = "query"
"""What the words of a request's query count as."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A past item that carried a term, or words of the shopper that did.

    Attributes
    ----------
    item_id, title : of the past item; None where words without an item carried the term
    event_type : the strongest thing that the shopper did with it, "anchor" where the request names it, "query" or
        "search" for words alone
    words : of the ranked item's own text: those that it shares with the past item, the query or the review, the
        rarest first
    """

    item_id: str | None
    title: str | None
    event_type: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """One term of an item's score.

    Attributes
    ----------
    kind : the term, one of `registry.TERMS`
    weight : what it adds to the score; the weights of an item's reasons add up to its score
    text : one sentence
    """

    kind: str
    weight: float
    text: str
    evidence: tuple[Evidence, ...] = ()


Carrier = tuple[int, str]
"""Row of a past item, and what was done with it."""

_BY_TEXT: Final = frozenset({"text", "wording", "similar"})
"""Terms by which an item is near a past one for what both say."""


def explain(
    index: ItemIndex,
    features: UserFeatures,
    settings: RankingSettings,
    positions: I64,
    shares: F64,
    language: Language | None = None,
    anchors: Anchors | None = None,
    due: Due | None = None,
    query: str = "",
    said: Mapping[bytes, str] = MappingProxyType({}),
    contexts: tuple[int, ...] = (),
) -> list[tuple[Reason, ...]]:
    """The reasons of each ranked item, the strongest first.

    Parameters
    ----------
    positions : int64 (k,), rows of the assortment
    shares : float64 (len(TERMS), k), what each term adds to each score
    language : of the sentences; by each item's own when None
    anchors : the items that the list was asked to go with
    due : what may be bought again, where that was asked for
    query : what was searched for
    said : key of an event -> its text, for those of the running session; the words of others are not stored
    contexts : rows of the snapshot's contexts that the request names
    """
    carriers = _carriers(index, features, settings, positions, shares)
    if anchors is not None:
        carriers[anchors.term] = _anchors_behind(index, anchors, positions)
    texts = _texts_behind(index, features, settings, positions, shares)
    affinity = category_affinity(index, features, affinity_weights(features, settings))
    documents = {p: index.document(p) for p in positions.tolist()}
    words = ItemWords(index, documents)
    worded = frozenset(positions[:MAX_WORDED].tolist())
    asked, spoken = Wording.of(query), {key: Wording.of(text) for key, text in said.items()}

    def named(row: int) -> tuple[str, str]:
        if row not in documents:
            documents[row] = index.document(row)
        item_id = index.item_id(row)
        return item_id, str(documents[row].get("title") or item_id)

    def common(term: str, share: float, position: int, past: int) -> tuple[str, ...]:
        if position not in worded:
            return ()
        if term in _BY_TEXT and not (term == "similar" and share < 0):
            return words.shared_with_item(position, past)
        if term == "category":
            return words.shared_categories(position, past)
        return words.brand(position) if term == "brand" else ()

    def behind(term: str, share: float, column: int, position: int) -> list[Evidence]:
        if term in QUERIED:
            found = words.shared_with_text(position, asked) if share > 0 and position in worded else ()
            return [Evidence(None, None, ASKED, found)] if found else []
        if term == "words":
            return [one for text in texts[column] if (one := wrote(text, position)) is not None][:MAX_EVIDENCE]
        past = carriers[term][column] if term in carriers else []
        return [Evidence(*named(row), kind, common(term, share, position, row)) for row, kind in past]

    def wrote(text: int, position: int) -> Evidence | None:
        about, kind = index.position(features.text_items[text]), features.text_kinds[text]
        wording = spoken.get(features.text_keys[text])
        found = () if wording is None or position not in worded else words.shared_with_text(position, wording)
        if about is None:
            return Evidence(None, None, kind, found) if found else None
        return Evidence(*named(about), kind, found)

    def reason(term: str, share: float, column: int, position: int) -> Reason:
        document = documents[position]
        evidence = behind(term, share, column, position)
        spoken_in = language or language_of(document)
        habit = due.habit(position) if due is not None and term == "due" else None
        if habit is not None:
            text = due_again(habit.times, habit.days_since, habit.own_gap_days, habit.usual_gap_days, spoken_in)
            return Reason(term, share, text, tuple(evidence))
        if term == "context" and (told := telling_context(index, contexts, position, against=share < 0)):
            return Reason(term, share, popular_in(*told, spoken_in, against=share < 0))
        items = [one for one in evidence if one.title is not None]
        text = sentence(
            term,
            share,
            spoken_in,
            names=[str(one.title) for one in items],
            kinds=[one.event_type for one in items],
            label=_label(term, share, document, index, affinity),
            words=list(dict.fromkeys(word for one in evidence for word in one.words)),
        )
        return Reason(term, share, text, tuple(evidence))

    return [
        tuple(
            reason(TERMS[row], float(shares[row, column]), column, position)
            for row in np.argsort(-np.abs(shares[:, column]), kind="stable").tolist()
            if shares[row, column] != 0
        )
        for column, position in enumerate(positions.tolist())
    ]


def _carriers(
    index: ItemIndex, features: UserFeatures, settings: RankingSettings, positions: I64, shares: F64
) -> dict[str, list[list[Carrier]]]:
    """Term -> for each ranked item the past items that carried it, the strongest first."""
    past = features.positions.tolist()
    signs = dict(zip(TERMS, np.where(shares >= 0, 1, -1), strict=True))
    support = past_support(index, features, settings, positions)
    # What is unlike a liked thing loses by that too, but only what is disliked can be pointed at.
    pointing = (features.weights[:, None] < 0) | (shares[TERMS.index("text")] >= 0)
    support["text"] = np.where(pointing, support["text"], 0.0)
    return {
        name: _strongest(matrix * signs[name], features.ranks, past, features.kinds) for name, matrix in support.items()
    }


def _texts_behind(
    index: ItemIndex, features: UserFeatures, settings: RankingSettings, positions: I64, shares: F64
) -> list[list[int]]:
    """For each ranked item the reviews and searches that carried it, the strongest first; one for one reviewed item."""
    if not len(features.texts):
        return [[] for _ in range(len(positions))]
    signs = np.where(shares[TERMS.index("words")] >= 0, 1, -1)
    pointing = (features.text_weights[:, None] < 0) | (signs > 0)  # as for the text of items
    support = np.where(pointing, words_support(index, features, settings, positions) * signs, 0.0)
    order = np.lexsort((features.text_ranks[:, None] + 0 * support, -np.round(support, 6)), axis=0)
    found = []
    for column in range(len(positions)):
        rows = [r for r in order[:, column].tolist() if support[r, column] > 1e-6]
        best = {features.text_items[r]: r for r in reversed(rows)}
        found.append([r for r in rows if not features.text_items[r] or best[features.text_items[r]] == r])
    return found


def _anchors_behind(index: ItemIndex, anchors: Anchors, positions: I64) -> list[list[Carrier]]:
    """For each ranked item the anchors that it goes with best."""
    if anchors.relation == "similar":
        support = np.vecdot(index.white_rows(anchors.rows)[:, None, :], index.white_rows(positions)[None, :, :])
    else:
        ones = np.ones(len(anchors.rows), dtype=np.float32)
        support = list_support(index, "together", anchors.rows, ones, positions)
    ranks = np.zeros(len(anchors.rows), dtype=np.float32)
    return _strongest(support, ranks, anchors.rows.tolist(), [ANCHOR] * len(anchors.rows))


def _strongest(
    support: NDArray[np.floating[Any]], ranks: F32, positions: Sequence[int | None], kinds: Sequence[str]
) -> list[list[Carrier]]:
    """For each column of `support` (r, k) the known rows with the most support, newer ones first among equals."""
    by_newness = np.argsort(ranks, kind="stable")
    rounded = np.round(support[by_newness], 6)  # what differs by rounding only is equal
    order = by_newness[np.argsort(-rounded, axis=0, kind="stable")]
    found = []
    for column in range(support.shape[1]):
        rows = [r for r in order[: MAX_EVIDENCE + 1, column].tolist() if support[r, column] > 1e-6]
        distinct = {p: kinds[r] for r in reversed(rows) if (p := positions[r]) is not None}
        found.append(list(reversed(distinct.items()))[:MAX_EVIDENCE])
    return found


def _label(
    term: str, share: float, document: Mapping[str, Any], index: ItemIndex, affinity: Mapping[int, float]
) -> str:
    """The category or brand that a sentence names."""
    if term == "brand":
        return str(document.get("brand") or "")
    if term != "category":
        return ""
    sign = 1 if share >= 0 else -1
    names = [str(name) for name in document.get("categories", ())]
    numbers = [index.category_id(name) for name in names]
    pulls = [0.0 if number is None else sign * affinity.get(number, 0.0) for number in numbers]
    # Of equally liked categories the last is the most specific.
    best = max(range(len(names)), key=lambda k: (pulls[k], k), default=-1)
    return names[best] if best >= 0 and pulls[best] > 0 else ""
