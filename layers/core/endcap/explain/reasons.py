"""Why an item is where it is: the terms of its score, each with its exact share, and what carried it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from endcap.arrays import F64, I64
from endcap.explain.support import ANCHOR, MAX_EVIDENCE, Carrier, carriers, texts_behind
from endcap.explain.words import ItemWords
from endcap.messages.language import DEFAULT_AUDIENCE, Audience, Language, language_of
from endcap.messages.reasons import due_again, nearest_only, popular_in, sentence
from endcap.ranking.terms.context import telling_context
from endcap.ranking.terms.query import meant
from endcap.ranking.terms.registry import REGISTRY, TERMS
from endcap.ranking.terms.term import ScoringContext
from endcap.text.tokens import Wording

MAX_WORDED: Final = 50
"""Items of an answer whose evidence has words: reading texts would cost more than ranking does."""
ASKED: Final = "query"
"""What the words of a request's query count as."""
_BY_TEXT: Final = frozenset(term.name for term in REGISTRY if term.by_text)
_WITH_WORDS: Final = _BY_TEXT | {"category", "brand", "tags"}
"""Terms of which it can be said what two items share."""
_OF_ITSELF: Final = frozenset({"again", "brand", "category", "due", "words"})
"""Terms that can be about the item itself: what was done with it, what it belongs to, what was written about it."""
_QUERIED: Final = frozenset(term.name for term in REGISTRY if term.source == "query")


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
    text : a sentence, or two
    written : whether a writer has worded it
    """

    kind: str
    weight: float
    text: str
    evidence: tuple[Evidence, ...] = ()
    written: bool = False


def explain(
    context: ScoringContext,
    positions: I64,
    shares: F64,
    language: Language | None = None,
    said: Mapping[bytes, str] = MappingProxyType({}),
    audience: Audience = DEFAULT_AUDIENCE,
) -> list[tuple[Reason, ...]]:
    """The reasons of each ranked item, the strongest first.

    Parameters
    ----------
    positions : int64 (k,), rows of the index
    shares : float64 (len(TERMS), k), what each term adds to each score
    language : of the sentences; by each item's own when None
    said : key of an event -> its text, for those of the running session; the words of others are not stored
    audience : whom the sentences speak to
    """
    explainer = _Explainer(context, positions, shares, language, said, audience)
    order = np.argsort(-np.abs(shares), axis=0, kind="stable").T.tolist()
    found = []
    for column, (rows, own) in enumerate(zip(order, shares.T.tolist(), strict=True)):
        told = [(TERMS[row], own[row]) for row in rows if own[row] != 0]
        found.append(tuple([explainer.reason(term, share, column) for term, share in told]))
    return found


class _Explainer:
    """What the reasons of one answer are made of, each part worked out once."""

    def __init__(
        self,
        context: ScoringContext,
        positions: I64,
        shares: F64,
        language: Language | None,
        said: Mapping[bytes, str],
        audience: Audience,
    ) -> None:
        self.context, self.index, self.audience = context, context.index, audience
        self.positions: list[int] = positions.tolist()
        self.carriers = carriers(context, positions, shares)
        self.texts = texts_behind(context, positions, shares)
        self.documents = {p: self.index.document(p) for p in self.positions}
        self.languages = [language or language_of(self.documents[p]) for p in self.positions]
        self.borrowed: list[bool] = self.index.unseen[positions].tolist()
        self.words = ItemWords(self.index, self.documents)
        self.worded = frozenset(self.positions[:MAX_WORDED])
        self.wordless: dict[Carrier, Evidence] = {}
        self.names: dict[int, tuple[str, str]] = {}
        self.meant: list[bool] = meant(self.index, context.query, positions).tolist()
        self.query = Wording.of(context.query.text if context.query else "")
        self.said = {key: Wording.of(text) for key, text in said.items()}

    def reason(self, term: str, share: float, column: int) -> Reason:
        """Why the item of a column has this share of a term."""
        position, context = self.positions[column], self.context
        language, to = self.languages[column], self.audience
        evidence = self._evidence(term, share, column)
        habit = context.due.habit(position) if context.due is not None and term == "due" else None
        if habit is not None:
            text = due_again(habit.times, habit.days_since, habit.own_gap_days, habit.usual_gap_days, language, to)
            return Reason(term, share, text, evidence)
        if term == "context" and (named := telling_context(self.index, context.contexts, position, against=share < 0)):
            return Reason(term, share, popular_in(*named, language, against=share < 0))
        if term == "query" and share > 0 and not self.meant[column]:
            return Reason(term, share, nearest_only(language, to), evidence)
        borrowed = self.borrowed[column]
        if not evidence:
            label = self._label(term, share, position)
            return Reason(term, share, sentence(term, share, language, label=label, borrowed=borrowed, audience=to))
        items, own = self._apart(term, position, [one for one in evidence if one.title is not None])
        text = sentence(
            term,
            share,
            language,
            names=tuple([str(one.title) for one in items]),
            event_types=tuple([one.event_type for one in items]),
            label=self._label(term, share, position),
            words=list(dict.fromkeys([word for one in evidence for word in one.words])),
            own=own,
            borrowed=borrowed,
            audience=to,
        )
        return Reason(term, share, text, evidence)

    def _apart(self, term: str, position: int, items: list[Evidence]) -> tuple[list[Evidence], str | None]:
        """The items that a sentence names, and what the shopper did with the ranked item, in any of its variants.

        Evidence has the item itself where its own past speaks for it. In words it is not like itself.
        """
        if term in _OF_ITSELF:
            return items, None
        others, own = [], None
        for one in items:
            row = self.index.position(one.item_id or "")
            if row is None or self.index.groups[row] != self.index.groups[position]:
                others.append(one)
            elif one.event_type != ANCHOR and own is None:
                own = one.event_type
        return others, own

    def _evidence(self, term: str, share: float, column: int) -> tuple[Evidence, ...]:
        """What carried a share of a term."""
        position = self.positions[column]
        if term in _QUERIED:
            return self._of_query(share, position)
        if term == "words":
            wrote = (self._of_text(text, position) for text in self.texts[column])
            return tuple([one for one in wrote if one is not None][:MAX_EVIDENCE])
        if term not in self.carriers:
            return ()
        return tuple([self._past(term, share, position, carrier) for carrier in self.carriers[term][column]])

    def _past(self, term: str, share: float, position: int, carrier: Carrier) -> Evidence:
        """A past item, with what it shares with the item at a position where the term is about that."""
        words = self._common(term, share, position, carrier[0]) if term in _WITH_WORDS else ()
        if words:
            return Evidence(*self._named(carrier[0]), carrier[1], words)
        known = self.wordless.get(carrier)
        if known is None:
            known = self.wordless[carrier] = Evidence(*self._named(carrier[0]), carrier[1])
        return known

    def _of_query(self, share: float, position: int) -> tuple[Evidence, ...]:
        """The words of the query that the item has."""
        if share <= 0 or position not in self.worded:
            return ()
        found = self.words.shared_with_text(position, self.query)
        return (Evidence(None, None, ASKED, found),) if found else ()

    def _of_text(self, text: int, position: int) -> Evidence | None:
        """A review or a search, with the words that it shares with the item where they are known."""
        features = self.context.features
        about, event_type = self.index.position(features.text_items[text]), features.text_event_types[text]
        wording = self.said.get(features.text_keys[text])
        told = wording is not None and position in self.worded
        found = self.words.shared_with_text(position, wording) if told and wording is not None else ()
        if about is None:
            return Evidence(None, None, event_type, found) if found else None
        return Evidence(*self._named(about), event_type, found)

    def _common(self, term: str, share: float, position: int, past: int) -> tuple[str, ...]:
        """The words, categories, tags or brand that a ranked and a past item share, where the term is about them."""
        if position not in self.worded:
            return ()
        if term in _BY_TEXT and not (term == "similar" and share < 0):
            return self.words.shared_with_item(position, past)
        if term == "category":
            return self.words.shared_categories(position, past)
        if term == "tags":
            return self.words.shared_tags(position, past)
        return self.words.brand(position) if term == "brand" else ()

    def _named(self, row: int) -> tuple[str, str]:
        """Id and title of an item."""
        known = self.names.get(row)
        if known is None:
            if row not in self.documents:
                self.documents[row] = self.index.document(row)
            item_id = self.index.item_id(row)
            known = self.names[row] = item_id, str(self.documents[row].get("title") or item_id)
        return known

    def _label(self, term: str, share: float, position: int) -> str:
        """The category or brand that a sentence names."""
        if term not in ("brand", "category"):
            return ""
        document = self.documents[position]
        if term == "brand":
            return str(document.get("brand") or "")
        sign, affinity = 1 if share >= 0 else -1, self.context.category_affinity
        names = [str(name) for name in document.get("categories", ())]
        numbers = [self.index.category_id(name) for name in names]
        pulls = [0.0 if number is None else sign * float(affinity[number]) for number in numbers]
        # Of equally liked categories the last is the most specific.
        best = max(range(len(names)), key=lambda k: (pulls[k], k), default=-1)
        return names[best] if best >= 0 and pulls[best] > 0 else ""
