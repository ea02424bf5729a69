"""Weights of the score and half-lives of its features, chosen on the validation window.

All terms are searched together (`coordinate_search`), by NDCG@10 and by NDCG@50 (`halves`). What ships is a mean of
mixtures of the blend so found with the default weights and with the single term, or pair of terms, that ranks the
window best by itself; each counts by how often it is best on unseen cases of users drawn anew. Where there is a user
encoder that is done with it and without it, and the better one ships. Scales of the terms are fixed. Where shoppers buy
again, the window is asked twice, without what they had seen and, from before each order, with it; the second says what
having been chosen before is worth (`repeats`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from endcap.arrays import F64, I64
from endcap.index.index import ItemIndex
from endcap.profiles.profile import UserProfile
from endcap.ranking.features import RankingSettings
from endcap.ranking.terms.context import CONTEXT
from endcap.ranking.terms.registry import DEFAULT_WEIGHTS, REGISTRY, TERMS
from endcap_rebuild.metrics.ranking import gain_of
from endcap_rebuild.settings import Progress
from endcap_rebuild.tuning.balance import NEW_TERM, balanced
from endcap_rebuild.tuning.candidates import Kept, Pools, build_pools, case_terms
from endcap_rebuild.tuning.coordinate_search import coordinate_search
from endcap_rebuild.tuning.halves import DEEP, Halves, Way, row_of, simple_of
from endcap_rebuild.tuning.list_search import MIN_CASES, rank_of
from endcap_rebuild.tuning.repeats import REPEAT_TERM, with_repeats
from endcap_rebuild.tuning.split import Cases, spread

_SETTINGS_CASES: Final = 600
# Half-lives are tried on fewer cases, so it takes more to believe one.
_CLEARLY_HALF_LIFE: Final = 0.01
_HALF_LIVES: Final[Mapping[str, tuple[float, ...]]] = {
    "history_half_life_events": (1.0, 1.7, 4.0, 7.0),
    "text_half_life_events": (0.6, 2.0, 4.0),
    "affinity_half_life_events": (3.0, 20.0),
    # By themselves types halve within weeks or months; in many shops last year's order says as much as last week's.
    "time_half_life_factor": (4.0, 32.0),
}
ENCODER_TERM: Final = "similarity"
ENCODER_WEIGHT: Final = 0.5
"""The default weight of a user encoder where there is one: half of that of *next*."""
TUNABLE: Final = tuple(term.name for term in REGISTRY if not (term.asked or term.live or term.gated or term is CONTEXT))


@dataclass(frozen=True)
class Asked:
    """One way to ask a window: cases, their profiles, and whether items that the user had seen compete."""

    cases: Cases
    profiles: Sequence[UserProfile]
    seen_too: bool

    def some(self, most: int) -> Asked:
        """At most so many of the cases, evenly spread."""
        rows = spread(len(self.cases), most)
        return Asked(self.cases.chosen(rows), [self.profiles[k] for k in rows.tolist()], self.seen_too)


@dataclass(frozen=True)
class Tuned:
    """Weights (before scales) by term, settings, and the evidence for both."""

    weights: dict[str, float]
    settings: RankingSettings
    evidence: dict[str, Any]


def tune(
    index: ItemIndex,
    cases: Cases,
    profiles: Sequence[UserProfile],
    progress: Progress,
    default: RankingSettings | None = None,
    seed: int = 0,
    again: Asked | None = None,
) -> Tuned:
    """Choose weights and half-lives; never worse than the defaults on next items of the window that are new to a user.

    Parameters
    ----------
    index : over a snapshot of the train part
    profiles : one per case
    default : settings to start from, and to stay with where nothing is clearly better
    again : what asks for repeats: the cases seen from before their orders, since nobody buys again what they have just
        put into the basket. None: the cases themselves
    """
    default = settings = default or RankingSettings()
    again = again or Asked(cases, profiles, seen_too=True)
    novel, n_repeats = np.flatnonzero(~cases.repeated), int(again.cases.repeated.sum())
    evidence: dict[str, Any] = {"cases": len(novel), "repeat_cases": n_repeats, "tuned": False}
    if len(novel) < MIN_CASES:
        evidence["reason"] = f"fewer than {MIN_CASES} cases in the validation window: default weights"
        return Tuned(dict(DEFAULT_WEIGHTS), settings, evidence)
    asked = [Asked(cases.chosen(novel), [profiles[k] for k in novel.tolist()], seen_too=False)]
    if n_repeats >= MIN_CASES:
        asked.append(again)
    n_new = int(index.unseen[cases.items[novel]].sum())
    known = tuple(term for term in TUNABLE if term != REPEAT_TERM)
    terms = tuple(term for term in known if term != NEW_TERM or n_new >= MIN_CASES)  # so few can't be searched by
    scales = _scales(index)
    defaults = np.array([DEFAULT_WEIGHTS[term] if term in TUNABLE else 0.0 for term in TERMS])
    weights = np.where([term in known for term in TERMS], defaults, 0.0)

    few = [each.some(_SETTINGS_CASES) for each in asked]
    pools, _ = _pools_of(index, few[0], settings, weights / scales)
    # Half-lives as they are without a user encoder, which may be left out after all.
    plain = tuple(term for term in terms if term != ENCODER_TERM)
    found = coordinate_search(pools, weights, scales, 1, plain, DEEP)
    for each in few[1:]:
        pools, owners = _pools_of(index, each, settings, found / scales)
        found, demand, _ = with_repeats(pools, found, scales, owners, seed)
        settings = replace(settings, repeat_demand=demand)
    settings, tried = _choose_half_lives(index, few, settings, found / scales, progress)

    def report(done: int, total: int) -> None:
        progress("weights", done, total)

    pools, owners = _pools_of(index, asked[0], settings, found / scales, report)
    halves = Halves.of(pools, scales, owners, seed)
    simple = halves.simple()
    best = simple_of(simple, owners) if simple else None
    chosen = _mixed(halves, best, weights, plain, seed, progress)
    if pools.terms[TERMS.index(ENCODER_TERM)].any():
        # One more strong term finds more noise, too: the user encoder has to be worth it.
        encoded = np.where([term == ENCODER_TERM for term in TERMS], ENCODER_WEIGHT, weights)
        beside = _mixed(halves, best, encoded, terms, seed, progress)
        evidence["held_out_ndcg_at_10_without_encoder"] = round(float(chosen.mean.gains.mean()), 5)
        if beside.mean.gains.mean() > chosen.mean.gains.mean():
            chosen = beside
    way, usual = chosen.mean, chosen.usual
    found, evidence["new_items"] = balanced(pools, way.weights, weights, scales, owners)
    held_out = {"before": round(float(usual.gains.mean()), 5), "after": round(float(way.gains.mean()), 5)}
    compared = {each.name: each for each in (*simple, *chosen.ways, chosen.blend)}
    evidence |= {
        "chosen": ", ".join(f"{100 * share:g} % {name}" for name, share in chosen.shares.items()),
        "compared": [row_of(each, way, owners) for each in compared.values()],
    }
    better = held_out["after"] > held_out["before"]
    before = measure(index, asked[0], default, chosen.start / scales)
    after = measure(index, asked[0], settings, found / scales)
    if not better or after["ndcg_at_10"] < before["ndcg_at_10"]:
        found, settings, after, better = chosen.start, default, before, False
        evidence["chosen"] = "default weights"
    # The terms of a query are not tuned; they keep their place beside the others.
    found = found * (weights.sum() / max(found.sum(), 1e-9))
    evidence |= {"tuned": better, "before": before, "after": after, "held_out_ndcg_at_10": held_out}
    for each in asked[1:]:
        pools, owners = _pools_of(index, each, replace(settings, repeat_demand=0.0), found / scales)
        found, demand, evidence["repeats"] = with_repeats(pools, found, scales, owners, seed)
        settings = replace(settings, repeat_demand=demand)
        evidence["with_repeats"] = {
            "before": measure(index, each, default, defaults / scales),
            "after": measure(index, each, settings, found / scales),
        }
    evidence["half_lives_tried"] = tried
    # Where nobody buys again that term keeps its default.
    tuned_terms = TUNABLE if len(asked) > 1 else known
    tuned = {term: round(float(found[TERMS.index(term)]), 6) for term in tuned_terms}
    tuned[CONTEXT.name] = tuned["popularity"]  # together they are popularity where the shopper is
    return Tuned({**DEFAULT_WEIGHTS, **tuned}, settings, evidence)


@dataclass(frozen=True)
class _Mixed:
    """A mean of mixtures, what it is of, and the default weights among them: as they are, and as a way."""

    mean: Way
    shares: Mapping[str, float]
    ways: Sequence[Way]
    blend: Way
    start: F64
    usual: Way


def _mixed(
    halves: Halves, simple: Way | None, start: F64, terms: Sequence[str], seed: int, progress: Progress
) -> _Mixed:
    """What ships where `terms` are searched from the default weights `start` on."""
    blend, usual = halves.blend(start, terms, progress), halves.fixed("default", start)
    ways = halves.mixtures(simple, blend, usual)
    mean, shares = halves.averaged(ways, seed)
    return _Mixed(mean, shares, ways, blend, start, usual)


def measure(index: ItemIndex, asked: Asked, settings: RankingSettings, factors: F64) -> dict[str, float]:
    """NDCG@10, hit rate and MRR over the whole catalogue, or what of it competes."""
    ranks = _ranks(index, asked, settings, factors)
    return {
        "ndcg_at_10": round(float(gain_of(ranks).mean()), 5),
        "hit_rate_at_10": round(float((ranks <= 10).mean()), 5),
        "mrr": round(float((1 / ranks).mean()), 5),
    }


def _pools_of(
    index: ItemIndex,
    asked: Asked,
    settings: RankingSettings,
    factors: F64,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Pools, I64]:
    """The pools of all cases, and int64 (cases,) the user of each."""
    cases = asked.cases
    pools = build_pools(index, cases, asked.profiles, settings, factors, seen_too=asked.seen_too, progress=progress)
    return pools, cases.table.user[cases.target].astype(np.int64)


def _ranks(index: ItemIndex, asked: Asked, settings: RankingSettings, factors: F64, kept: Kept | None = None) -> F64:
    terms = case_terms(index, asked.cases, asked.profiles, settings, factors, kept)
    small = factors.astype(np.float32)
    return np.array(
        [rank_of(small @ rows, asked.cases, case, seen_too=asked.seen_too) for case, rows in enumerate(terms)]
    )


def _choose_half_lives(
    index: ItemIndex, asked: Sequence[Asked], settings: RankingSettings, factors: F64, progress: Progress
) -> tuple[RankingSettings, list[dict[str, float | str]]]:
    def gain_with(trial: RankingSettings) -> float:
        ranks = [_ranks(index, each, trial, factors, own) for each, own in zip(asked, kept, strict=True)]
        # A geometric mean: whichever kind of question is easier, as repeats are where many come, counts no more for it.
        return float(np.prod([gain_of(each, DEEP).mean() for each in ranks]) ** (1 / len(ranks)))

    kept = [Kept() for _ in asked]
    tried: list[dict[str, float | str]] = []
    best = gain_with(settings)
    total, done = sum(map(len, _HALF_LIVES.values())), 0
    for name, values in _HALF_LIVES.items():
        for value in values:
            trial = replace(settings, **{name: value})
            gain = gain_with(trial)
            tried.append({"setting": name, "value": value, "ndcg_at_50": round(gain, 5)})
            if gain > best * (1 + _CLEARLY_HALF_LIFE):
                best, settings = gain, trial
            done += 1
            progress("half-lives", done, total)
    return settings, tried


def settings_of(settings: RankingSettings) -> dict[str, float]:
    """The settings as `weights.json` holds them."""
    return {name: float(value) for name, value in asdict(settings).items()}


def factors_of(index: ItemIndex, weights: Mapping[str, float]) -> F64:
    """float64 (len(TERMS),): weights by the scales of an index, as they multiply the terms."""
    return np.array([weights.get(term, 0.0) for term in TERMS]) / _scales(index)


def _scales(index: ItemIndex) -> F64:
    natural = index.tables.scales
    return np.array([natural.get(term, 1.0) for term in TERMS])
