"""Endcap itself, measured through the code that serves: a snapshot of what is known, then the score of every request.

A question is asked as a request at the moment of its answer, with a profile folded from the history just before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, F64, I32
from endcap.encoders.quantize import quantize_unit
from endcap.events.interaction import Interaction
from endcap.index.index import ItemIndex, index_of
from endcap.profiles.profile import Encode, UserProfile, profile_of
from endcap.ranking.candidates import best_first
from endcap.ranking.features import RankingSettings, features_of
from endcap.ranking.score import Scores, coefficients, every_term
from endcap.ranking.terms.similarity import user_vector_of
from endcap.ranking.terms.term import ScoringContext
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.snapshot import Snapshot
from endcap_rebuild.data.event_table import interaction_of
from endcap_rebuild.evaluation.data import Data
from endcap_rebuild.evaluation.measures import intra_list_similarity
from endcap_rebuild.evaluation.models import Report
from endcap_rebuild.evaluation.questions import Questions
from endcap_rebuild.metrics.ranks import K, Ranked, per_question, rank_answers
from endcap_rebuild.text.vectors import TextVectorCache
from endcap_rebuild.tuning.split import spread

PIPELINE_QUESTIONS: Final = 2_000
DIVERSITY: Final = 0.3


@dataclass(frozen=True)
class Shelf:
    """A snapshot of a part of the data, and what is needed to ask it; texts : vectors of what shoppers wrote."""

    snapshot: Snapshot
    data: Data
    texts: TextVectorCache | None

    @property
    def index(self) -> ItemIndex:
        """The snapshot's items with nothing laid over them; the shop sorts items as a snapshot does."""
        return index_of(self.snapshot)

    def profiles(self, questions: Questions) -> Iterator[UserProfile]:
        """The profile of each question, folded as `update_profile` folds it."""
        encode = self._encoding(questions)
        for question in range(len(questions)):
            yield profile_of(self.history(questions, question), encode)

    def history(self, questions: Questions, question: int) -> list[Interaction]:
        """What a user had done and said before one question."""
        table = questions.table
        start, end = int(questions.first[question]), int(questions.end[question])
        item_ids = self.snapshot.item_ids
        said = self.data.words.get(table.user_ids[table.user[start]], ())
        asked_ms = int(questions.times_ms[question])
        return [
            *(interaction_of(table, row, item_ids) for row in range(start, end)),
            *(event for event in said if event.timestamp_ms < asked_ms),
        ]

    def _encoding(self, questions: Questions) -> Encode | None:
        """How texts of the histories are encoded: those that the profiles keep, each once."""
        encoder = self.snapshot.encoder
        if self.texts is None or encoder is None:
            return None
        nothing = (b"\0" * len(encoder.tag), b"")
        wanted: dict[str, None] = {}

        def note(text: str) -> tuple[bytes, bytes]:
            wanted[text] = None
            return nothing

        if self.data.words or any(questions.table.text):
            for question in range(len(questions)):
                profile_of(self.history(questions, question), note)
        if not wanted:
            return None
        vectors = quantize_unit(self.texts.vectors(list(wanted)))
        known = {text: (encoder.tag, row.tobytes()) for text, row in zip(wanted, vectors, strict=True)}
        return lambda text: known.get(text, nothing)


def scores_of(shelf: Shelf, profile: UserProfile, at_ms: int) -> tuple[Scores, F32]:
    """The scores of one request, as `recommend` computes them, and all of their terms, float32 (len(TERMS), n)."""
    index, settings = shelf.index, RankingSettings.of(shelf.snapshot.weights.settings)
    features = features_of(profile, index, at_ms, settings)
    encode = partial(user_vector_of, profile, index, at_ms)
    context = ScoringContext(index=index, features=features, settings=settings, now_ms=at_ms, encode=encode)
    return Scores(context, coefficients(index, settings, features)), every_term(context)


def rank_served(shelf: Shelf, questions: Questions, left_out: NDArray[np.bool_], report: Report) -> Ranked:
    """Ranks of all answers over the whole catalogue, and the lists that would be shown."""
    index = shelf.index
    ranks, among, competing, lists = [], [], [], []
    times = questions.times_ms.tolist()
    for question, profile in enumerate(shelf.profiles(questions)):
        scores, terms = scores_of(shelf, profile, times[question])
        barred = np.empty(0, dtype=np.int32) if questions.repeats else questions.seen(question)
        total = scores.factors.astype(np.float32) @ terms
        own, apart, rivals = rank_answers(total, questions.items_of(question), barred, left_out)
        allowed = np.ones(index.n_items, dtype=np.bool_)
        allowed[barred] = False
        best = best_first(scores, allowed, K, all_variants=True)[0]
        ranks.append(own)
        among.append(apart)
        competing.append(rivals)
        lists.append(np.append(best, np.full(K - len(best), -1)).astype(np.int32))
        report(question + 1, len(questions))
    return Ranked.of_questions(questions.starts, ranks, among, competing, lists)


def standings(shelf: Shelf, questions: Questions, report: Report) -> F64:
    """float64 (q,): how many standard deviations each question's answer lies above the mean score of its request."""
    found = np.zeros(len(questions))
    times = questions.times_ms.tolist()
    for question, profile in enumerate(shelf.profiles(questions)):
        scores, terms = scores_of(shelf, profile, times[question])
        total = scores.factors @ terms.astype(np.float64)
        spread_of = float(total.std())
        if spread_of > 0:
            found[question] = (total[questions.items_of(question)[0]] - total.mean()) / spread_of
        report(question + 1, len(questions))
    return found


def pipeline_check(shelf: Shelf, questions: Questions, report: Report) -> dict[str, Any]:
    """Whether the pipeline with every stage neutral keeps the score's order, and what variety costs and brings.

    Returns
    -------
    questions, same_order : lists compared, and how many of them `recommend` gave item by item as the score alone does
    ndcg_at_10, intra_list_similarity : of the lists as served, neutral and with diversity 0.3
    """
    some = questions.chosen(spread(len(questions), PIPELINE_QUESTIONS))
    vectors = shelf.index.white.rows(np.arange(shelf.index.n_items))
    lists: dict[float, list[I32]] = {0.0: [], DIVERSITY: []}
    same = 0
    times = some.times_ms.tolist()
    for question, profile in enumerate(shelf.profiles(some)):
        alone = _scored_alone(shelf, profile, some, question)
        for diversity, found in lists.items():
            found.append(_served(shelf, profile, some, question, times[question], diversity))
        same += bool(np.array_equal(lists[0.0][-1], alone))
        report(question + 1, len(some))
    shown = {diversity: np.stack(found) for diversity, found in lists.items()}
    return {
        "questions": len(some),
        "same_order": same,
        "diversity": DIVERSITY,
        "ndcg_at_10": {str(d): ndcg_of_lists(found, some) for d, found in shown.items()},
        "intra_list_similarity": {str(d): intra_list_similarity(found, vectors) for d, found in shown.items()},
    }


def ndcg_of_lists(lists: I32, questions: Questions) -> float:
    """NDCG@10 by the places of the answers in the lists; answers that are not in them have none."""
    ranks = []
    for question, row in enumerate(lists):
        answers = questions.items_of(question)
        places = [float(np.flatnonzero(row == answer)[0]) + 1 if answer in row else np.inf for answer in answers]
        # As in `Ranked`: the rank beside other items, without the answers that stand before.
        ranks += [place - np.count_nonzero(np.array(places) < place) for place in places]
    answers_of = np.diff(questions.starts)
    ranked = Ranked(questions.starts, np.array(ranks), np.empty(0), np.maximum(answers_of, K) * 2, lists)
    return float(per_question(ranked)["ndcg_at_10"].mean())


def _scored_alone(shelf: Shelf, profile: UserProfile, questions: Questions, question: int) -> I32:
    """The list by a plain sort of the scores: int32 (K,)."""
    index = shelf.index
    scores, terms = scores_of(shelf, profile, int(questions.times_ms[question]))
    total = (terms.astype(np.float64) * scores.factors[:, None]).sum(axis=0)
    if not questions.repeats:
        total[questions.seen(question)] = -np.inf
    order = np.lexsort((index.tie_keys, -index.popularity, -total))[:K]
    order = order[total[order] > -np.inf]
    return np.append(order, np.full(K - len(order), -1)).astype(np.int32)


def _served(
    shelf: Shelf, profile: UserProfile, questions: Questions, question: int, at_ms: int, diversity: float
) -> I32:
    item_ids = shelf.snapshot.item_ids
    request = RecommendationRequest(
        limit=K,
        exclude_seen="none" if questions.repeats else "interacted",
        seen_items=() if questions.repeats else tuple(item_ids[row] for row in questions.seen(question).tolist()),
        diversity=diversity,
        explain=False,
    )
    shown = [shelf.snapshot.index[item.item_id] for item in recommend(shelf.snapshot, profile, request, at_ms).items]
    return np.append(shown, np.full(K - len(shown), -1)).astype(np.int32)
