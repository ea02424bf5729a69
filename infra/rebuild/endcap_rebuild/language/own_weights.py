"""Weights of their own for what gates have taken, where tuning leaves out the text that it stands beside.

Descriptions, tags and pictures count a share of the weight of `text`. Where lists rank all that is known, tuning may
give that next to nothing, although a new item is in no list and a gate has found these to tell new items apart. Then
they count the same share of what text usually weighs, or of more or less where the window clearly asks for it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F64
from endcap.ranking.features import RankingSettings
from endcap.ranking.terms.registry import DEFAULT_WEIGHTS
from endcap_rebuild.language.step import report_of
from endcap_rebuild.metrics.paired import CLEARLY, is_more
from endcap_rebuild.metrics.ranking import gain_of
from endcap_rebuild.steps.fast import FastJob, Needed, profiles_of, trial_index
from endcap_rebuild.steps.runner import Outputs, Step, json_array, json_value
from endcap_rebuild.tuning.candidates import build_pools
from endcap_rebuild.tuning.weight_search import factors_of

TIMES: Final = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Of what text usually weighs; 0 leaves it at what was tuned."""
USUAL: Final = 1.0
LEFT_OUT: Final = TIMES[1]
"""With less than that of what it usually weighs text is left out."""
_PLACES: Final = 10


@dataclass(frozen=True)
class Gate:
    """A gate's step, and its terms with the one that each stands beside, whose weight its own is a share of."""

    step: Step[FastJob]
    beside: Mapping[str, str]


def _own_weights(job: FastJob, needed: Needed, gates: Sequence[Gate]) -> Outputs:
    """What each term counts, and the evidence; nothing where the text counts, or no gate has taken anything."""
    shares = shares_of_text(needed, gates)
    chosen = json_value(needed["weights"]["json"])
    tuned, usual = chosen["weights"]["text"], DEFAULT_WEIGHTS["text"]
    cases = job.split.cases.chosen(np.flatnonzero(~job.split.cases.repeated))
    if not shares or tuned >= LEFT_OUT * usual or not len(cases):
        return {}
    (profiles,) = profiles_of(job, cases)

    def weights(times: float) -> dict[str, float]:
        return {name: share * (times * usual if times else tuned) for name, share in shares.items()}

    with tempfile.TemporaryDirectory(prefix="endcap-trial-") as scratch:
        index = trial_index(job, needed, Path(scratch))
        factors = {times: factors_of(index, chosen["weights"] | weights(times)) for times in TIMES}
        pools = build_pools(index, cases, profiles, RankingSettings(**chosen["settings"]), factors[USUAL])
        new = index.unseen[cases.items]
    ranks = {times: pools.ranks(pools.scores(own)) for times, own in factors.items()}
    gains = {times: gain_of(own) for times, own in ranks.items()}
    taken = towards_best(gains, cases.table.user[cases.target])
    tried = [
        {
            "times": times,
            "ndcg_at_10": round(float(gains[times].mean()), 5),
            "recall_of_new_at_10": round(float((ranks[times][new] <= _PLACES).mean()), 5) if new.any() else None,
        }
        for times in TIMES
    ]
    found = {name: round(weight, 6) for name, weight in weights(taken).items()} if taken else {}
    report = {"cases": len(cases), "new_items": int(new.sum()), "times": taken, "weights": found, "tried": tried}
    return {"json": json_array(report)}


def towards_best(gains: Mapping[float, F64], owners: NDArray[np.integer[Any]]) -> float:
    """From the usual one of `TIMES` as far towards the best as it takes to be not clearly worse than that.

    Parameters
    ----------
    gains : float64 (cases,) by each of `TIMES`
    owners : int (cases,), whose case each is
    """
    best = max(TIMES, key=lambda times: float(gains[times].mean()))
    way = [times for times in TIMES if min(USUAL, best) <= times <= max(USUAL, best)]
    way = way if best > USUAL else way[::-1]
    return next(times for times in way if not is_more(gains[best], gains[times], owners, CLEARLY))


def shares_of_text(needed: Needed, gates: Sequence[Gate]) -> dict[str, float]:
    """What the gates have chosen of the weight of `text`, by term; without those that they have not taken."""
    return {
        name: share
        for gate in gates
        for name, share in report_of(needed[gate.step.name]).get("weights", {}).items()
        if share > 0 and gate.beside[name] == "text"
    }


def with_gates(steps: Sequence[Step[FastJob]], gates: Sequence[Gate]) -> tuple[Step[FastJob], ...]:
    """The steps of a budget, those of gates, and what follows from both; just the former where there is no gate."""
    if not gates:
        return tuple(steps)
    (tuning,) = (step for step in steps if step.name == "weights")
    asked = tuple(gate.step for gate in gates)
    needs = (*tuning.needs, tuning.name, *(step.name for step in asked))
    run = partial(_own_weights, gates=gates)
    return (*steps, *asked, replace(tuning, name="own_weights", run=run, needs=needs))


def own_weights_of(outputs: Mapping[str, Outputs]) -> dict[str, Any]:
    """What the step says of it; nothing where it had nothing to choose."""
    return report_of(outputs.get("own_weights"))
