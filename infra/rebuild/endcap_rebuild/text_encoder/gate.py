"""The gate: how well a text encoder finds a shop's new items and answers its searches, and which of two does better.

Vectors are whitened as they are served. Differences are paired by question; their intervals are for other shoppers and
other items.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from endcap.arrays import F32, F64, I64, Mask
from endcap_rebuild.metrics.paired import crossed_interval
from endcap_rebuild.metrics.ranking import mid_ranks, ndcg_at_k, recall_at_k
from endcap_rebuild.text.whitening import fit_whitening
from endcap_rebuild.text_encoder.questions import Questions

VectorsOf = Callable[[Sequence[str]], F32]

COLD, SEARCH = "cold_items", "search"
MIN_QUESTIONS: Final = 50
"""With fewer questions a part says nothing."""
FEWEST_OWNERS: Final = 10
"""Questions of fewer shoppers, or about fewer items, say nothing of others, however many they are."""
MARGIN: Final = 0.03
"""Relative gain that pays for a change of encoder, which makes all stored vectors worthless."""
_NEXT_WEIGHT: Final = 0.5  # of each older item of a history, as `RankingSettings.text_half_life_events` has it
_DIM: Final = 128


class Owners(NamedTuple):
    """What questions share, so that they are not independent of each other.

    Attributes
    ----------
    users : int64 (questions,), who asks
    items : int64 (questions,), the item that is looked for
    """

    users: I64
    items: I64

    def of(self, chosen: Mask) -> Owners:
        """Of some of the questions."""
        return Owners(self.users[chosen], self.items[chosen])

    @property
    def enough(self) -> bool:
        """Whether there are enough shoppers and items to say something of others."""
        return min(len(np.unique(own)) for own in self) >= FEWEST_OWNERS


def owners_of(questions: Questions) -> dict[str, Owners]:
    """By part; a search that several items answer counts to the first."""
    answers = np.asarray([rows[0] for rows in questions.answers], dtype=np.int64)
    return {COLD: Owners(questions.users, questions.targets), SEARCH: Owners(questions.askers, answers)}


@dataclass(frozen=True)
class Reading:
    """What one encoder reached: per part float64 (questions,) of NDCG@10, and of recall@10."""

    ndcg: Mapping[str, F64]
    recall: Mapping[str, F64]

    def figures(self) -> dict[str, Any]:
        """Means by part, JSON-able."""
        return {
            part: {
                "questions": len(values),
                "ndcg_at_10": round(float(values.mean()), 5),
                "recall_at_10": round(float(self.recall[part].mean()), 5),
            }
            for part, values in self.ndcg.items()
            if len(values)
        }


@dataclass(frozen=True)
class Comparison:
    """One encoder against another on the same questions.

    differences : part -> mean difference of NDCG@10 with its 95 % interval
    relative, low, high : mean over the parts of the relative difference, with its 95 % interval
    """

    differences: Mapping[str, tuple[float, float, float]]
    relative: float
    low: float
    high: float

    @property
    def wins(self) -> bool:
        """Better by the margin, surely better at new items, and not worse in any part.

        Searches alone decide nothing: probes cut from the catalogue reward spelling, which the lexical term of the
        score sees anyway.
        """
        if COLD not in self.differences or self.relative < MARGIN:
            return False
        return self.differences[COLD][1] > 0 and all(mean >= 0 for mean, _, _ in self.differences.values())

    def document(self) -> dict[str, Any]:
        """JSON-able, with the verdict."""
        return {**asdict(self), "wins": self.wins}


def measure(questions: Questions, vectors_of: VectorsOf, dim: int = _DIM) -> Reading:
    """NDCG@10 and recall@10 of every question by the whitened cosine of texts alone.

    Parameters
    ----------
    vectors_of : texts -> float32 (n, d_text), unit rows; a zero row for an empty text
    dim : most components that whitening keeps
    """
    raw = vectors_of(questions.texts)
    whitening = fit_whitening(raw, dim)
    items = whitening.apply(raw)
    ndcg: dict[str, list[float]] = {COLD: [], SEARCH: []}
    recall: dict[str, list[float]] = {COLD: [], SEARCH: []}

    def note(part: str, ranks: F64) -> None:
        ndcg[part].append(ndcg_at_k(ranks))
        recall[part].append(recall_at_k(ranks))

    weights = _NEXT_WEIGHT ** np.arange(questions.histories.shape[1], dtype=np.float32)
    for history, target, seen in zip(questions.histories, questions.targets, questions.seen, strict=True):
        known = history >= 0
        allowed = np.ones(len(items), dtype=np.bool_)
        allowed[seen] = False
        scores = items @ (weights[known] @ items[history[known]])
        note(COLD, mid_ranks(scores, [target], allowed))
    if questions.queries:
        for query, answers in zip(whitening.apply(vectors_of(questions.queries)), questions.answers, strict=True):
            note(SEARCH, mid_ranks(items @ query, answers))
    return Reading({part: np.array(v) for part, v in ndcg.items()}, {part: np.array(v) for part, v in recall.items()})


def asked_enough(questions: Questions) -> bool:
    """Whether both parts have enough questions for a verdict, of enough shoppers and about enough items."""
    return all(_asked_enough(own) for own in owners_of(questions).values())


def compare(challenger: Reading, incumbent: Reading, questions: Questions) -> Comparison:
    """The challenger's gain over the incumbent, part by part and together."""
    owners = {part: own for part, own in owners_of(questions).items() if _asked_enough(own)}
    differences, joined = {}, []
    total = sum(len(own.users) for own in owners.values())
    for part, own in owners.items():
        gain = challenger.ndcg[part] - incumbent.ndcg[part]
        low, high = crossed_interval(gain, *own)
        differences[part] = (round(float(gain.mean()), 5), round(low, 5), round(high, 5))
        # Scaled so that the mean over all questions is the mean of the parts' relative gains.
        level = max(float(incumbent.ndcg[part].mean()), 1e-3)
        joined.append(gain / level * (total / (len(owners) * len(gain))))
    if not owners:
        return Comparison({}, 0.0, 0.0, 0.0)
    gains = np.concatenate(joined)
    low, high = crossed_interval(gains, *(np.concatenate(shared) for shared in zip(*owners.values(), strict=True)))
    return Comparison(differences, round(float(gains.mean()), 5), round(low, 5), round(high, 5))


def _asked_enough(owners: Owners) -> bool:
    return len(owners.users) >= MIN_QUESTIONS and owners.enough


def judged(readings: Sequence[Reading], names: Sequence[str], questions: Questions) -> tuple[int, dict[str, Any]]:
    """Which of several candidates wins, the first being the incumbent, and the evidence: `measured` and `compared`."""
    best, compared = 0, []
    for rival in range(1, len(readings)):
        found = compare(readings[rival], readings[0], questions)
        compared.append({"name": names[rival], **found.document()})
        if found.wins and (best == 0 or compare(readings[rival], readings[best], questions).relative > 0):
            best = rival
    measured = [{"name": name, **reading.figures()} for name, reading in zip(names, readings, strict=True)]
    return best, {"measured": measured, "compared": compared}
