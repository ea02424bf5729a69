"""The report of an evaluation: figures of all models, side by side, as one JSON-able object.

Figures of several seeds are means over the questions of all of them; users stay whole when intervals are drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from endcap.arrays import F32
from endcap_rebuild.data.event_table import EventTable
from endcap_rebuild.evaluation.fairness import fairness_of
from endcap_rebuild.evaluation.groups import ItemGroups, UserGroups
from endcap_rebuild.evaluation.measures import Asked, by_history_length, compared, figures, list_figures
from endcap_rebuild.evaluation.models import Known
from endcap_rebuild.evaluation.protocols import Split
from endcap_rebuild.evaluation.questions import Questions
from endcap_rebuild.evaluation.store import Result
from endcap_rebuild.metrics.bootstrap import interval
from endcap_rebuild.metrics.ranks import Ranked, per_question

ENDCAP: Final = "endcap"
HEADLINE: Final = "ndcg_at_10"


@dataclass(frozen=True)
class Run:
    """All models on the questions of one seed.

    results : by model; labels : by baseline; skipped : baseline -> why it was not run
    """

    seed: int
    split: Split
    known: Known
    results: Mapping[str, Result]
    labels: Mapping[str, str]
    skipped: Mapping[str, str]

    @property
    def questions(self) -> Questions:
        """What was asked."""
        return self.split.test.questions

    @property
    def table(self) -> EventTable:
        """What models knew."""
        return self.known.table

    @property
    def ranked(self) -> Mapping[str, Ranked]:
        """What each model made of the questions."""
        return {name: result.ranked for name, result in self.results.items()}

    @property
    def asked(self) -> Asked:
        """What figures need of the questions."""
        questions = self.questions
        touched = np.bincount(self.known.table.item, minlength=self.known.n_items) > 0
        return Asked(questions.users, questions.end - questions.first, ~touched[questions.items])


def report_of(
    about: Mapping[str, Any], runs: Sequence[Run], vectors: F32, groups: Sequence[ItemGroups], users: UserGroups
) -> dict[str, Any]:
    """What was found.

    Parameters
    ----------
    about : what was evaluated and where
    vectors : float32 (n, dim), by which items are alike
    groups, users : for which figures are given apart

    Returns
    -------
    about, questions, models (best first), comparison, skipped, pipeline, ratings (None without grades), weights,
    ranking_settings, validation, training_loss (empty without a user encoder), tuning, fairness (see `fairness_of`)
    """
    asked = _joined_asked([run.asked for run in runs])
    names = list(runs[0].results)
    gains: dict[str, Any] = {}
    models = []
    for name in names:
        joined = joined_ranks([run.results[name].ranked for run in runs])
        gains[name] = per_question(joined)[HEADLINE]
        low, high = interval(gains[name], asked.users)
        models.append(
            {
                "name": name,
                "label": "Endcap" if name == ENDCAP else runs[0].labels[name],
                **figures(joined, asked),
                **_mean([_lists_of(run, name, vectors) for run in runs]),
                "interval": [low, high],
                "by_history_length": by_history_length(gains[name], asked.lengths),
                "by_seed": {str(run.seed): figures(run.results[name].ranked, run.asked)[HEADLINE] for run in runs},
            }
        )
    endcap = [run.results[ENDCAP].notes for run in runs]
    return {
        **about,
        "questions": {
            "asked": len(asked.lengths),
            "answers": len(asked.cold),
            "users": len(np.unique(asked.users)),
            "cold_answers": int(asked.cold.sum()),
            "validation": len(runs[0].split.validation.questions),
        },
        "models": sorted(models, key=lambda model: -float(model[HEADLINE])),
        "comparison": compared(gains, ENDCAP, asked.users),
        "skipped": dict(runs[0].skipped),
        "pipeline": endcap[0]["pipeline"],
        "ratings": endcap[0]["ratings"],
        "weights": _mean([notes["weights"] for notes in endcap]),
        "ranking_settings": endcap[0]["settings"],
        "validation": endcap[0]["validation"],
        "training_loss": endcap[0]["training_loss"],
        "tuning": {name: result.notes for name, result in runs[0].results.items() if name != ENDCAP},
        "fairness": fairness_of(runs, runs[0].known.items, groups, users),
    }


def joined_ranks(parts: Sequence[Ranked]) -> Ranked:
    """The questions of several seeds, one after the other."""
    offsets = np.cumsum([0, *(len(part.ranks) for part in parts)])
    starts = [part.starts[:-1] + offset for part, offset in zip(parts, offsets, strict=False)]
    return Ranked(
        np.append(np.concatenate(starts), offsets[-1]),
        np.concatenate([part.ranks for part in parts]),
        np.concatenate([part.among_left_out for part in parts]),
        np.concatenate([part.competing for part in parts]),
        np.concatenate([part.lists for part in parts]),
    )


def _joined_asked(parts: Sequence[Asked]) -> Asked:
    return Asked(
        np.concatenate([part.users for part in parts]),
        np.concatenate([part.lengths for part in parts]),
        np.concatenate([part.cold for part in parts]),
    )


def _lists_of(run: Run, name: str, vectors: F32) -> dict[str, float]:
    table = run.known.table
    pairs = np.unique(table.user.astype(np.int64) << 32 | table.item)
    users_of_item = np.bincount(pairs & 0xFFFFFFFF, minlength=run.known.n_items)
    n_users = len(np.unique(table.user))
    return list_figures(run.results[name].ranked.lists, users_of_item, n_users, vectors)


def _mean(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
