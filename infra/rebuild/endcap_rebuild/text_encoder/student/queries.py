"""Searches that a writer has made up for items, as pairs to learn from; no torch.

A query owes most of its attention to its own item. The rest is shared among what a teacher finds nearest to it, by the
teacher's own cosines: graded hard negatives, so that a second red mug is no mistake, and a red lamp is a small one.
Pairs of the items that the gate hides are never learned from. They are its probes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, I64
from endcap.text.tokens import tokens_of
from endcap_rebuild.text_encoder.questions import Questions
from endcap_rebuild.text_encoder.student.pairs import Step, ranked_shares

OWN_SHARE: Final = 0.7
"""Of a query's attention, for the item that it was made up for."""
HARD: Final = 20
"""Nearest other items of a query that negatives are drawn from."""
PER_QUERY: Final = 2
STEP_SHARE: Final = 0.5
"""Of a student's steps, that are about queries where there are any."""
_BLOCK: Final = 1_000


@dataclass(frozen=True)
class QueryPairs:
    """Queries and their items.

    Attributes
    ----------
    queries : texts; items : int64 (q,), the row of each one's item
    held_out : bool (q,), those that nothing may learn from
    """

    queries: tuple[str, ...]
    items: I64
    held_out: NDArray[np.bool_]

    @cached_property
    def learned(self) -> I64:
        """Int64 (l,): numbers of the pairs that may be learned from."""
        return np.flatnonzero(~self.held_out)

    @property
    def digest(self) -> str:
        """Names them."""
        parts = ["\0".join(self.queries).encode(), self.items.tobytes(), self.held_out.tobytes()]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()[:24]


def pairs_of(written: Sequence[tuple[str, int]], hidden: NDArray[np.bool_]) -> QueryPairs:
    """The queries that a writer has made up.

    Parameters
    ----------
    written : queries, and the row of each one's item
    hidden : bool (items,), see `hidden_items`
    """
    rows = np.asarray([row for _, row in written], dtype=np.int64)
    return QueryPairs(tuple(query for query, _ in written), rows, hidden[rows])


def hard_negatives(items: F32, queries: F32, own: I64) -> I64:
    """int64 (q, k <= HARD): the items nearest to each query but its own, the nearest first.

    Parameters
    ----------
    items, queries : float32 (n, d) and (q, d), a teacher's whitened vectors
    own : int64 (q,), the row of each query's item
    """
    k = min(HARD, len(items) - 1)
    found = np.empty((len(queries), k), dtype=np.int64)
    for start in range(0, len(queries), _BLOCK):
        block = slice(start, start + _BLOCK)
        near = queries[block] @ items.T
        near[np.arange(len(near)), own[block]] = -np.inf
        found[block] = np.argsort(-near, axis=1, kind="stable")[:, :k]
    return found


@dataclass(frozen=True)
class QuerySteps:
    """Steps of training, half of them about queries: with their items and some negatives.

    In such a step the items alone compete for attention. Rows of queries come after those of items: query j is row
    `len(items) + j`.

    Attributes
    ----------
    ranked : draws the other steps
    items, queries : float32 (n, d) and (q, d), a teacher's whitened vectors
    n_texts : most texts of a step
    """

    ranked: Callable[[np.random.Generator], Step]
    items: F32
    queries: F32
    pairs: QueryPairs
    n_texts: int
    temperature: float

    @cached_property
    def hard(self) -> I64:
        """See `hard_negatives`."""
        return hard_negatives(self.items, self.queries, self.pairs.items)

    def __call__(self, chance: np.random.Generator) -> Step:
        """A step."""
        return self.ranked(chance) if chance.random() >= STEP_SHARE else self.queried(chance)

    def queried(self, chance: np.random.Generator) -> Step:
        """A step about queries."""
        learned, own, hard = self.pairs.learned, self.pairs.items, self.hard
        asked = chance.choice(learned, min(max(1, self.n_texts // (2 + PER_QUERY)), len(learned)), replace=False)
        drawn = [chance.choice(hard[number], min(PER_QUERY, hard.shape[1]), replace=False) for number in asked.tolist()]
        rows = np.unique(np.concatenate([own[asked], *drawn]))
        n, q = len(rows), len(asked)
        near = self.queries[asked] @ self.items[rows].T / self.temperature
        shares = np.exp(near - near.max(axis=1, keepdims=True))
        shares *= (1 - OWN_SHARE) / shares.sum(axis=1, keepdims=True)
        shares[np.arange(q), np.searchsorted(rows, own[asked])] += OWN_SHARE
        wanted = np.zeros((n + q, n + q), dtype=np.float32)
        wanted[:n, :n] = ranked_shares(self.items[rows], self.temperature)
        wanted[n:, :n] = shares
        return Step(np.concatenate([rows, len(self.items) + asked]), wanted, np.arange(n + q) < n)


def probes_held_out(questions: Questions, pairs: QueryPairs) -> tuple[Questions, list[float]]:
    """The gate's sample asked with the queries held out, and the share of each one's words in its item's text.

    The same writer has made them up as those that were learned from, so that what is reached is an upper bound.
    """
    place = {row: at for at, row in enumerate(questions.items.tolist())}
    kept = [j for j in np.flatnonzero(pairs.held_out).tolist() if int(pairs.items[j]) in place]
    answers = [place[int(pairs.items[j])] for j in kept]
    nobody = np.empty(0, dtype=np.int64)
    found = replace(
        questions,
        histories=np.empty((0, questions.histories.shape[1]), dtype=np.int64),
        targets=nobody,
        seen=[],
        users=nobody,
        queries=[pairs.queries[j] for j in kept],
        answers=[np.asarray([answer]) for answer in answers],
        askers=np.asarray(answers, dtype=np.int64),  # the queries of one item are not independent
    )
    overlaps = [_overlap(pairs.queries[j], questions.texts[answer]) for j, answer in zip(kept, answers, strict=True)]
    return found, overlaps


def _overlap(query: str, text: str) -> float:
    words, known = tokens_of(query), set(tokens_of(text))
    return sum(word in known for word in words) / max(1, len(words))
