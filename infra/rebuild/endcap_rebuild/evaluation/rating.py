"""Rating prediction, where shoppers grade: how far off a predicted grade is.

means     overall mean + item's and user's deviation from it, both drawn to 0 while grades are few
user-kNN  users alike by TF-IDF beyond a threshold (source 003): their deviations on the item, weighted by likeness
Endcap    the means, corrected by where the item's score stands among all scores of the request; the two numbers of the
          correction are fitted on the validation grades, with a snapshot that does not know them

A user's own grades up to the moment of prediction are known to all. References: Koren, KDD 2008 (baseline estimates);
Herlocker et al., SIGIR 1999.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from endcap.arrays import F64, I64
from endcap_rebuild.data.event_table import EventTable, chance_keys
from endcap_rebuild.evaluation.baselines import item_idf, tf_idf, unit_rows, user_matrix
from endcap_rebuild.evaluation.models import BLOCK, Known
from endcap_rebuild.evaluation.protocols import Split
from endcap_rebuild.evaluation.questions import Questions

MOST_GRADES: Final = 2_000
FEWEST_GRADES: Final = 200
SHRINKAGES: Final = (2.0, 5.0, 10.0, 25.0)
THRESHOLDS: Final = (0.0, 0.05, 0.1, 0.2)
_DRAW_SEED: Final = 103


@dataclass(frozen=True)
class Grades:
    """Rows of the table whose grades are to be predicted."""

    table: EventTable
    rows: I64

    @property
    def values(self) -> F64:
        """float64 (r,): the grades."""
        return self.table.grade[self.rows].astype(np.float64)

    @property
    def first(self) -> I64:
        """int64 (r,): the first row of each user."""
        return self.table.user_bounds()[self.table.user[self.rows]]

    @property
    def questions(self) -> Questions:
        """Each grade as a question whose answer is the item graded."""
        starts = np.arange(len(self.rows) + 1, dtype=np.int64)
        return Questions(self.table, self.first, self.rows, starts, self.rows, repeats=True)


def grades_of(divided: Split) -> tuple[Grades, Grades] | None:
    """The grades to validate on and to test on, drawn from what each part does not know; None with too few."""
    table = divided.test.questions.table
    graded = ~np.isnan(table.grade) & ~divided.left_out[table.item]
    validation = _drawn(table, graded & divided.test.known & ~divided.validation.known)
    test = _drawn(table, graded & ~divided.test.known)
    if min(len(validation.rows), len(test.rows)) < FEWEST_GRADES:
        return None
    return validation, test


def _drawn(table: EventTable, chosen: NDArray[np.bool_]) -> Grades:
    rows = np.flatnonzero(chosen)
    order = np.argsort(chance_keys(table, rows, _DRAW_SEED), kind="stable")
    return Grades(table, np.sort(rows[order[:MOST_GRADES]]))


@dataclass(frozen=True)
class Means:
    """Overall mean, and items' deviations from it: float64 (n,)."""

    overall: float
    items: F64
    shrinkage: float

    @classmethod
    def of(cls, known: Known, shrinkage: float) -> Means:
        """Means of what is known."""
        graded = ~np.isnan(known.table.grade)
        grades, items = known.table.grade[graded].astype(np.float64), known.table.item[graded]
        overall = float(grades.mean()) if len(grades) else 0.0
        total = np.bincount(items, grades - overall, minlength=known.n_items)
        return cls(overall, total / (np.bincount(items, minlength=known.n_items) + shrinkage), shrinkage)

    def predicted(self, grades: Grades) -> F64:
        """float64 (r,): overall + item + user, the user's deviation from their grades before each row."""
        table = grades.table
        rest = table.grade.astype(np.float64) - self.overall - self.items[table.item]
        counted = np.concatenate([[0], np.cumsum(~np.isnan(rest))])
        summed = np.concatenate([[0.0], np.cumsum(np.nan_to_num(rest))])
        first, rows = grades.first, grades.rows
        user = (summed[rows] - summed[first]) / (counted[rows] - counted[first] + self.shrinkage)
        return np.asarray(self.overall + self.items[table.item[rows]] + user, dtype=np.float64)


def knn_predicted(known: Known, means: Means, grades: Grades, threshold: float) -> F64:
    """float64 (r,): the means' prediction plus what users alike (cosine above the threshold) found of the item."""
    users = user_matrix(known)
    idf = item_idf(users)
    neighbours = sparse.csr_array(tf_idf(users, idf).T)
    table = known.table
    graded = np.flatnonzero(~np.isnan(table.grade))
    own = Grades(table, graded)
    deviation = own.values - means.predicted(own)
    shape = (len(table.user_ids), known.n_items)
    found = sparse.coo_array((deviation, (table.user[graded], table.item[graded])), shape=shape)
    by_item = sparse.csc_array(found)
    base, corrected = means.predicted(grades), np.zeros(len(grades.rows))
    questions = grades.questions
    for start in range(0, len(questions), BLOCK):
        block = questions.chosen(np.arange(start, min(start + BLOCK, len(questions))))
        histories = block.histories
        shape = (len(block), known.n_items)
        ones = np.ones(len(histories.items), dtype=np.float32)
        liked = sparse.csr_array((ones * (histories.strength > 0), histories.items, histories.starts), shape=shape)
        liked.sum_duplicates()
        alike = (unit_rows(liked @ sparse.diags_array(idf)) @ neighbours).toarray()
        alike[np.arange(len(block)), grades.table.user[block.answers]] = 0
        alike[alike <= threshold] = 0
        for k, item in enumerate(block.items.tolist()):
            raters = slice(by_item.indptr[item], by_item.indptr[item + 1])
            weights = alike[k, by_item.indices[raters]]
            if weights.any():
                corrected[start + k] = weights @ by_item.data[raters] / weights.sum()
    return base + corrected


def errors(predicted: F64, grades: Grades, low: float, high: float) -> dict[str, float]:
    """Mean absolute error and root mean squared error, predictions kept within the grades that occur.

    Examples
    --------
    A grade of 4 predicted as 3, and one of 2 as 2: MAE (1 + 0) / 2, RMSE sqrt((1 + 0) / 2).
    """
    off = np.clip(predicted, low, high) - grades.values
    return {"mae": float(np.abs(off).mean()), "rmse": float(np.sqrt((off**2).mean()))}


def calibration(base: F64, standing: F64, grades: Grades) -> tuple[float, float]:
    """(a, b) for which base + a + b * standing is nearest to the grades (least squares)."""
    design = np.stack([np.ones(len(standing)), standing], axis=1)
    solution = np.linalg.lstsq(design, grades.values - base, rcond=None)[0]
    return float(solution[0]), float(solution[1])


def rating_errors(
    trial: Known, known: Known, validation: Grades, test: Grades, standings: Mapping[str, F64]
) -> dict[str, Any]:
    """Errors of all predictors on the test grades, their settings chosen on the validation grades.

    Parameters
    ----------
    trial, known : what may be known when validating, and when testing
    standings : "validation" and "test" -> float64 (grades,), see `serving.standings`
    """
    all_known = known.table.grade[~np.isnan(known.table.grade)]
    low, high = float(all_known.min()), float(all_known.max())

    def rmse(predicted: F64) -> float:
        return errors(predicted, validation, low, high)["rmse"]

    shrinkage = min(SHRINKAGES, key=lambda s: rmse(Means.of(trial, s).predicted(validation)))
    trial_means, means = Means.of(trial, shrinkage), Means.of(known, shrinkage)
    threshold = min(THRESHOLDS, key=lambda t: rmse(knn_predicted(trial, trial_means, validation, t)))
    a, b = calibration(trial_means.predicted(validation), standings["validation"], validation)
    base = means.predicted(test)
    predictions = {
        "overall_mean": ("overall mean", np.full(len(test.rows), means.overall)),
        "means": ("item and user means", base),
        "user_knn": ("TF-IDF user-kNN (003)", knn_predicted(known, means, test, threshold)),
        "endcap": ("Endcap, calibrated", base + a + b * standings["test"]),
    }
    return {
        "grades": len(test.rows),
        "validation_grades": len(validation.rows),
        "models": [
            {"name": name, "label": label, **errors(predicted, test, low, high)}
            for name, (label, predicted) in predictions.items()
        ],
        "settings": {"shrinkage": shrinkage, "threshold": threshold, "calibration": [a, b]},
    }
