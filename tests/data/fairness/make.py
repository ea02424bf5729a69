"""Writes `answers.json`: what kept libraries make of random lists, for `tests/unit/rebuild/metrics/test_exposure.py`.

    python -m venv A && A/bin/pip install rectools==0.19.0 && A/bin/python make.py rectools
    python -m venv B && B/bin/pip install lenskit==2025.8.1 fairlearn==0.15.0 && B/bin/python make.py lenskit fairlearn

Not a dependency of the tests themselves: RecTools wants numpy below 2 on Python 3.11, LensKit brings torch.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

ANSWERS = Path(__file__).with_name("answers.json")
K = 10


def case_of(seed: int) -> dict[str, Any]:
    """Lists of up to ten items, one for each user, what users touched before, a figure and a group of each."""
    chance = random.Random(seed)
    n_items, n_users = chance.randrange(60, 200), chance.randrange(20, 50)
    weights = [(1 + rank) ** -1.5 for rank in range(n_items)]
    lists, touched = [], []
    for user in range(n_users):
        lists.append(list(dict.fromkeys(chance.choices(range(n_items), weights, k=chance.randrange(3, 30))))[:K])
        own = set(chance.choices(range(n_items), weights, k=chance.randrange(1, 12)))
        touched += [[user, item] for item in sorted(own)]
    return {
        "n_items": n_items,
        "lists": lists,
        "touched": touched,
        "figure": [round(chance.random(), 6) for _ in range(n_users)],
        "group": [chance.choice("abc") for _ in range(n_users)],
    }


def of_rectools(case: dict[str, Any]) -> dict[str, Any]:
    import pandas as pd
    from rectools.metrics import AvgRecPopularity, CatalogCoverage

    rows = [(user, item, rank) for user, own in enumerate(case["lists"]) for rank, item in enumerate(own, start=1)]
    shown = pd.DataFrame(rows, columns=["user_id", "item_id", "rank"])
    before = pd.DataFrame(case["touched"], columns=["user_id", "item_id"])
    popularity = AvgRecPopularity(k=K).calc_per_user(shown, before).sort_index()
    return {
        "coverage": float(CatalogCoverage(k=K, normalize=True).calc(shown, catalog=list(range(case["n_items"])))),
        "users_of_shown": [float(value) for value in popularity],
    }


def of_lenskit(case: dict[str, Any]) -> dict[str, Any]:
    from lenskit.data import ItemList
    from lenskit.metrics.ranking import ExposureGini, LogRankWeight

    metric = ExposureGini(n=K, items=case["n_items"], weight=LogRankWeight(base=2, offset=1))
    values = [metric.compute_list_data(ItemList(item_ids=own, ordered=True), None) for own in case["lists"]]
    return {"exposure_gini": float(metric.global_aggregate(values))}


def of_fairlearn(case: dict[str, Any]) -> dict[str, Any]:
    import numpy as np
    from fairlearn.metrics import MetricFrame

    figure = np.array(case["figure"])
    frame = MetricFrame(
        metrics=lambda _, predicted: float(np.mean(predicted)),
        y_true=figure,
        y_pred=figure,
        sensitive_features=case["group"],
    )
    return {"by_group": {str(group): float(value) for group, value in frame.by_group.items()}}


def main() -> None:
    known = json.loads(ANSWERS.read_text()) if ANSWERS.exists() else [case_of(seed) for seed in range(5)]
    for library in sys.argv[1:]:
        ask = {"rectools": of_rectools, "lenskit": of_lenskit, "fairlearn": of_fairlearn}[library]
        for case in known:
            case[library] = ask(case)
    ANSWERS.write_text(json.dumps(known, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
