"""Whether what was written about items, or their pictures, is worth a vector of its own, and how much it is to count.

Asked are new items from a history, and items from a query, as by the gate of text encoders. A weight is chosen on one
half of the shoppers and judged on the other, for histories and for queries apart. Where it is not surely better than no
weight, for other shoppers and other items, it is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from endcap.arrays import F32, F64, I64, Mask
from endcap_rebuild.metrics.paired import crossed_interval
from endcap_rebuild.metrics.ranking import mid_ranks, ndcg_at_k
from endcap_rebuild.text_encoder.gate import COLD, MIN_QUESTIONS, SEARCH, Owners
from endcap_rebuild.text_encoder.questions import Questions

WEIGHTS: Final = (0.2, 0.4, 0.7)
"""Beside 0: what the terms of what was written count, in spreads, where those of the text count 1."""
FIELD_SETS: Final[tuple[tuple[str, ...], ...]] = (("kind", "uses"), ("kind", "uses", "for_whom", "occasions", "themes"))
_NEXT_WEIGHT: Final = 0.5


Trials = Mapping[tuple[tuple[str, ...], float], F64]
"""What went into the vectors beside the texts, and their weight -> NDCG@10 of every question."""


@dataclass(frozen=True)
class Space:
    """Two tables of vectors of a sample: of the items' texts, whitened, and others beside them, less their mean.

    Attributes
    ----------
    counted : float32 (n, d), what counts beside the texts already, as its dot products are; None for nothing
    described_spread : how far apart the cosines of `described` lie, where more is known of it than the sample says
    """

    items: F32
    described: F32
    counted: F32 | None = None
    described_spread: float | None = None

    @property
    def spreads(self) -> tuple[float, float]:
        """How far apart the cosines of each lie."""
        return _spread(self.items), self.described_spread or _spread(self.described)


@dataclass(frozen=True)
class Verdict:
    """The weight of one part, and the evidence: gain of NDCG@10 on the half that did not choose, with its interval."""

    part: str
    weight: float
    fields: tuple[str, ...]
    questions: int
    gain: float
    low: float
    high: float

    def document(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "part": self.part,
            "weight": self.weight,
            "fields": list(self.fields),
            "questions": self.questions,
            "ndcg_at_10_gain": round(self.gain, 5),
            "low": round(self.low, 5),
            "high": round(self.high, 5),
        }


def verdict(part: str, trials: Trials, owners: Owners) -> Verdict:
    """The best of some trials, if it is surely better than the one with weight 0.

    Parameters
    ----------
    trials : (fields, weight) -> float64 (questions,) of NDCG@10; with one of weight 0
    """
    nothing = Verdict(part, 0.0, (), len(owners.users), 0.0, 0.0, 0.0)
    if len(owners.users) < MIN_QUESTIONS:
        return nothing
    judges = _half(owners.users)
    return _judged(part, trials, owners, judges, ~judges) or nothing


def _judged(part: str, trials: Trials, owners: Owners, judges: Mask, choosers: Mask) -> Verdict | None:
    """None where too few shoppers judge, or too few items are judged by."""
    asked = owners.of(judges)
    if not asked.enough:
        return None
    base = next(values for (_, weight), values in trials.items() if weight == 0)
    gains = {choice: values - base for choice, values in trials.items() if choice[1] > 0}
    best = max(gains, key=lambda choice: (float(gains[choice][choosers].mean()), -choice[1]))
    judged = gains[best][judges]
    low, high = crossed_interval(judged, *asked)
    weight = best[1] if low > 0 else 0.0
    return Verdict(part, weight, best[0], int(judges.sum()), float(judged.mean()), low, high)


def verdict_among(part: str, trials: Trials, owners: Owners, among: Mask) -> Verdict | None:
    """The same for some of the questions, by the same halves; None where too few of these could judge or choose.

    Parameters
    ----------
    among : bool (questions,)
    """
    judges = _half(owners.users)
    if min((judges & among).sum(), (~judges & among).sum()) < MIN_QUESTIONS:
        return None
    return _judged(part, trials, owners, judges & among, ~judges & among)


def trials_of(
    questions: Questions, spaces: Mapping[tuple[str, ...], Space], queries: Mapping[str, tuple[F32, F32]]
) -> dict[str, Trials]:
    """NDCG@10 of every question under every choice, by part.

    Parameters
    ----------
    spaces : by the fields that were written into the vector
    queries : query -> its vector beside the items' texts, and that beside what was written
    """
    return {
        COLD: cold_trials(questions, spaces),
        SEARCH: {
            (fields, weight): np.array(_search(questions, space, ratio, queries))
            for fields, space in spaces.items()
            for weight, ratio in _ratios(space)
        },
    }


def cold_trials(questions: Questions, spaces: Mapping[tuple[str, ...], Space]) -> Trials:
    """NDCG@10 of every question for a new item under every choice."""
    return {
        (fields, weight): np.array(_cold(questions, space, ratio))
        for fields, space in spaces.items()
        for weight, ratio in _ratios(space)
    }


def ratio_of(space: Space, weight: float) -> np.float32:
    """What the vectors beside the texts count by a weight, where the texts count 1."""
    wide, narrow = space.spreads
    return np.float32(weight * wide / narrow)


def _ratios(space: Space) -> list[tuple[float, np.float32]]:
    """Each weight, and what vectors beside the texts count by it."""
    return [(weight, ratio_of(space, weight)) for weight in (0.0, *WEIGHTS)]


def _cold(questions: Questions, space: Space, ratio: np.float32) -> Sequence[float]:
    weights = _NEXT_WEIGHT ** np.arange(questions.histories.shape[1], dtype=np.float32)
    found = []
    for history, target, seen in zip(questions.histories, questions.targets, questions.seen, strict=True):
        known = history >= 0
        allowed = np.ones(len(space.items), dtype=np.bool_)
        allowed[seen] = False
        scores = _scores(
            space, weights[known] @ space.items[history[known]], weights[known] @ space.described[history[known]], ratio
        )
        if space.counted is not None:
            scores = scores + space.counted @ (weights[known] @ space.counted[history[known]])
        found.append(ndcg_at_k(mid_ranks(scores, [target], allowed)))
    return found


def _search(
    questions: Questions, space: Space, ratio: np.float32, queries: Mapping[str, tuple[F32, F32]]
) -> Sequence[float]:
    found = []
    for query, answers in zip(questions.queries, questions.answers, strict=True):
        found.append(ndcg_at_k(mid_ranks(_scores(space, *queries[query], ratio), answers)))
    return found


def _scores(space: Space, toward: F32, described: F32, ratio: np.float32) -> F32:
    scores = space.items @ toward
    return scores if ratio == 0 else np.asarray(scores + ratio * (space.described @ described), dtype=np.float32)


def _half(users: I64) -> Mask:
    """Bool (questions,): those of a half of the users, drawn by seed."""
    distinct = np.unique(users)
    judges = np.random.default_rng(23).permutation(distinct)[: len(distinct) // 2]
    return np.asarray(np.isin(users, judges), dtype=np.bool_)


def _spread(vectors: F32) -> float:
    rows = vectors[:: max(1, len(vectors) // 64)]
    cosines = rows @ rows.T
    return max(float(np.std(cosines[~np.eye(len(rows), dtype=bool)])), 0.01) if len(rows) > 1 else 1.0
