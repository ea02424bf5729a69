"""Quick trials of one list or one popularity on the validation cases, without the rest of the score.

They choose how lists are normalised and how fast popularity fades; the weights of the whole score are tuned later, on
the terms that serve (`tuning`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from scipy import sparse

from endcap.arrays import F32, F64
from endcap.ranking.features import RankingSettings, decayed, mean_ranks
from endcap_rebuild.behaviour.lists import (
    ListSettings,
    fitted_neighbours,
    fitted_next,
    item_popularity,
    next_counts,
    next_matrix,
    regressable,
)
from endcap_rebuild.behaviour.popularity import log_popularity
from endcap_rebuild.data.row_weights import is_graded, positive_strength, with_grades, with_type_weights
from endcap_rebuild.metrics.paired import CLEARLY, is_more
from endcap_rebuild.metrics.ranking import gain_of, mid_rank
from endcap_rebuild.tuning.split import Cases, Split, spread

# Enough to tell settings apart; each trial ranks the whole catalogue for every case.
MAX_TRIAL_CASES: Final = 1_500
_LONGEST_HISTORY: Final = 64
# Popularity normalisations (source, target): sparse review data wants little, repeat orders of a shop want much.
_POWERS: Final = ((0.3, 0.1), (0.5, 0.3), (0.5, 0.5))
_WINDOWS: Final = (10, 20)
# Where what follows seldom leads back, the reverse of a pair is noise; elsewhere it is most of what is known.
_REVERSE_SHARES: Final = (0.0, 0.25)
# Penalties of a regression between items, for shops of few enough items; without one it is item-kNN.
_RIDGES: Final = (30.0, 100.0)
# A grade in full, by half, and not at all: whether what people rate low still leads to what they choose next.
_GRADE_STRENGTHS: Final = (1.0, 0.5, 0.0)
_TYPE_FACTORS: Final = (0.0, 0.3, 3.0)
POPULARITY_HALF_LIVES_DAYS: Final = (None, 365.0, 90.0, 30.0, 10.0)
DEFAULT_HALF_LIFE_DAYS: Final = 90.0
# Fewer cases than this choose noise; the defaults stay.
MIN_CASES: Final = 100


def choose_list_settings(split: Split, n_items: int, seed: int) -> tuple[ListSettings, list[dict[str, float]]]:
    """Window, normalisation and share of reversed pairs that make "next" alone predict best, and what each gave."""
    cases = _trial_cases(split)
    default = ListSettings()
    tried: list[dict[str, float]] = []
    if len(cases) < MIN_CASES:
        return default, tried
    popularity = item_popularity(split.train, n_items)
    history = _history_weights(cases, n_items)
    best, best_gain, best_counts = default, -1.0, None
    for window in _WINDOWS:
        settings = replace(default, window=window)
        counts = next_counts(split.train, n_items, settings, seed)
        for source, target in _POWERS:
            settings = replace(settings, source_power=source, target_power=target)
            gain = _gain(history @ next_matrix(counts, popularity, settings), cases)
            tried.append({"window": window, "source_power": source, "target_power": target, "ndcg_at_10": gain})
            if gain > best_gain:
                best, best_gain, best_counts = settings, gain, counts
    for share in _REVERSE_SHARES:
        settings = replace(best, reverse_share=share)
        gain = _gain(history @ next_matrix(best_counts, popularity, settings), cases)
        tried.append({"reverse_share": share, "ndcg_at_10": gain})
        if gain > best_gain:
            best, best_gain = settings, gain
    return best, tried


def choose_neighbours(split: Split, n_items: int, lists: ListSettings) -> tuple[ListSettings, list[dict[str, float]]]:
    """The regression, if any, by which the list "neighbours" alone predicts best, and what each gave.

    Where there are grades, also whether all that was liked counts alike in it: a grade says that something was liked,
    but how much says little about what else is chosen.
    """
    cases = _trial_cases(split)
    tried: list[dict[str, float]] = []
    if len(cases) < MIN_CASES or not regressable(split.train, n_items, lists):
        return lists, tried
    history = _history_weights(cases, n_items)
    graded = np.count_nonzero(is_graded(split.train)) >= MIN_CASES

    def gain_of_list(settings: ListSettings) -> float:
        gain = _gain(history @ fitted_neighbours(split.train, n_items, settings), cases)
        tried.append({"ridge": settings.ridge, "ndcg_at_10": gain})
        if settings.neighbours_evenly:
            tried[-1]["evenly"] = 1.0
        if settings.activity_power != lists.activity_power:
            tried[-1]["activity_power"] = settings.activity_power
        return gain

    regressed = replace(lists, ridge=_RIDGES[0])
    ways = [replace(lists, ridge=0.0), regressed, *([replace(regressed, neighbours_evenly=True)] if graded else [])]
    gains = [gain_of_list(way) for way in ways]
    regressed = ways[1 + int(np.argmax(gains[1:]))]
    for ridge in _RIDGES[1:]:
        ways.append(replace(regressed, ridge=ridge))
        gains.append(gain_of_list(ways[-1]))
    best = ways[int(np.argmax(gains))]
    if best.ridge:
        # Users with long histories count less as it is, but not as much less as in a cosine of pairs.
        settings = replace(best, activity_power=0.0)
        if gain_of_list(settings) > max(gains):
            best = settings
    return best, tried


def choose_type_weights(
    split: Split, n_items: int, lists: ListSettings, seed: int
) -> tuple[dict[str, float], list[dict[str, float | str]]]:
    """How many times as much events of each type count in lists and popularity, and what each choice gave.

    The type that weighs most is what the others are measured by. A type keeps its weight unless the cases clearly speak
    against it; where a shop has one type of event there is nothing to choose.
    """
    cases, table = _trial_cases(split), split.train
    counts = np.bincount(table.event_type[table.weight > 0], minlength=len(table.event_types))
    weights = [float(table.weight[table.event_type == code].max(initial=0)) for code in range(len(counts))]
    usable = [code for code in np.flatnonzero(counts >= MIN_CASES).tolist() if weights[code] > 0]
    tried: list[dict[str, float | str]] = []
    chosen: dict[str, float] = {}
    if len(cases) < MIN_CASES or len(usable) < 2:
        return chosen, tried
    owners, history = cases.table.user[cases.target], _history_weights(cases, n_items)

    def gains(factors: dict[str, float]) -> F64:
        return _gains(history @ fitted_next(with_type_weights(table, factors), n_items, lists, seed), cases)

    best = gains(chosen)
    heaviest = max(usable, key=lambda code: (weights[code], counts[code]))
    for code in sorted(usable, key=lambda code: (-counts[code], code)):
        if code == heaviest:
            continue
        name = table.event_types[code]
        for factor in _TYPE_FACTORS:
            trial = gains({**chosen, name: factor})
            tried.append({"event_type": name, "factor": factor, "ndcg_at_10": float(trial.mean())})
            if is_more(trial, best, owners, CLEARLY):
                best, chosen = trial, {**chosen, name: factor}
    return chosen, tried


def choose_grades(
    split: Split, n_items: int, lists: ListSettings, seed: int
) -> tuple[ListSettings, float, list[dict[str, float]]]:
    """How much grades count in "next", in "neighbours" and in a history, and what each choice gave.

    What a grade means differs by shop: elsewhere two stars are a warning, among people who watch a film a day they say
    what somebody watches. Grades keep counting in full unless the cases clearly speak against it.

    Returns
    -------
    settings of the lists, `RankingSettings.grade_strength`, and the trials
    """
    cases = _trial_cases(split)
    full = RankingSettings().grade_strength
    if len(cases) < MIN_CASES or np.count_nonzero(is_graded(split.train)) < MIN_CASES:
        return lists, full, []
    owners = cases.table.user[cases.target]
    trials = {
        (name, grades): matrix
        for grades in (1.0, 0.0)
        for name, matrix in (
            ("next_grades", fitted_next(split.train, n_items, replace(lists, next_grades=grades), seed)),
            ("neighbour_grades", fitted_neighbours(split.train, n_items, replace(lists, neighbour_grades=grades))),
        )
    }
    gains: dict[tuple[str, float, float], F64] = {}
    for strength in _GRADE_STRENGTHS:
        history = _history_weights(cases, n_items, strength)
        gains |= {(*key, strength): _gains(history @ matrix, cases) for key, matrix in trials.items()}
    both = {s: gains["next_grades", 1.0, s] + gains["neighbour_grades", 1.0, s] for s in _GRADE_STRENGTHS}
    strength = max(both, key=lambda s: float(both[s].mean()))
    if not is_more(both[strength], both[full], owners, CLEARLY):
        strength = full
    plain = {
        name: is_more(gains[name, 0.0, strength], gains[name, 1.0, strength], owners, CLEARLY)
        for name in ("next_grades", "neighbour_grades")
    }
    lists = replace(
        lists,
        next_grades=0.0 if plain["next_grades"] else lists.next_grades,
        neighbour_grades=0.0 if plain["neighbour_grades"] else lists.neighbour_grades,
    )
    tried = [
        {name: grades, "history_grades": s, "ndcg_at_10": float(gain.mean())}
        for (name, grades, s), gain in gains.items()
    ]
    return lists, strength, tried


def choose_popularity_half_life(
    split: Split, n_items: int, clock: bool
) -> tuple[float | None, list[dict[str, float | None]]]:
    """The half-life (days, None = no decay) with which popularity alone predicts best, and what each gave.

    A shop without a usable clock has none; one with too few cases has the default.
    """
    cases = _trial_cases(split)
    tried: list[dict[str, float | None]] = []
    if not clock:
        return None, tried
    best: float | None = DEFAULT_HALF_LIFE_DAYS
    best_gain = -1.0
    for days in POPULARITY_HALF_LIVES_DAYS if len(cases) >= MIN_CASES else ():
        scores = log_popularity(split.train, n_items, split.cutoff_ms, days)
        ranks = [rank_of(scores, cases, k) for k in range(len(cases))]
        gain = float(gain_of(np.array(ranks)).mean())
        tried.append({"half_life_days": days, "ndcg_at_10": gain})
        if gain > best_gain:
            best, best_gain = days, gain
    return best, tried


def _trial_cases(split: Split) -> Cases:
    novel = split.cases.chosen(np.flatnonzero(~split.cases.repeated))
    return novel.chosen(spread(len(novel), MAX_TRIAL_CASES))


def _history_weights(cases: Cases, n_items: int, grade_strength: float = 1.0) -> Any:
    """CSR float32 (cases, n): what each history item weighs in a list, as `endcap.ranking.features` decays it."""
    half_life = RankingSettings().history_half_life_events
    strength = positive_strength(with_grades(cases.table, grade_strength))
    indptr, columns, values = [0], [], []
    for start, end in zip(cases.first.tolist(), cases.end.tolist(), strict=True):
        rows = np.arange(max(start, end - _LONGEST_HISTORY), end)
        ranks = mean_ranks(cases.table.time_ms[rows].tolist())
        weights = decayed(strength[rows], ranks, half_life, 0.0)
        columns.append(cases.table.item[rows])
        values.append(weights)
        indptr.append(indptr[-1] + len(rows))
    return sparse.csr_array((np.concatenate(values), np.concatenate(columns), indptr), shape=(len(cases), n_items))


def _gain(scores: Any, cases: Cases) -> float:
    return float(_gains(scores, cases).mean())


def _gains(scores: Any, cases: Cases, block: int = 256) -> F64:
    ranks: list[float] = []
    for start in range(0, len(cases), block):
        rows = scores[start : start + block].toarray()
        ranks += [rank_of(row, cases, start + k) for k, row in enumerate(rows)]
    return gain_of(np.array(ranks))


def rank_of(scores: F32, cases: Cases, case: int, *, seen_too: bool = False) -> float:
    """Mid-rank of the next item of one case, without absent items and, unless `seen_too`, what its user had seen."""
    rivals = np.ones(len(scores), dtype=np.bool_)
    rivals[cases.absent] = False
    if not seen_too:
        rivals[cases.seen(case)] = False
    return mid_rank(scores, int(cases.items[case]), rivals)
