"""What the costliest calls that are accepted take, against what they were estimated to cost.

    OPENBLAS_NUM_THREADS=1 python -m tests.benchmarks.costliest [--items 100000] [--calls 300] [--seed 0] [--folder DIR]

Calls are generated from everything that a body of POST /recommendations may hold, each part from nothing to its limit.
Those within the budget are answered by the pipeline on a random catalogue of `endcap bench serve`, one thread, and
measured in processor time; the dearest by estimate come first, and the worst by measurement are printed.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from endcap.errors import InvalidRequestError
from endcap.filters.parser import MAX_CHARS, MAX_CONDITIONS, expression
from endcap.filters.tree import Expression
from endcap.index.index import index_of
from endcap.ranking.slots import Promotion
from endcap.recommend.cost import BUDGET, check_cost, cost_of
from endcap.recommend.pipeline import recommend_lists
from endcap.recommend.request import Boost, RecommendationRequest
from endcap.snapshot.snapshot import Snapshot, load_snapshot
from endcap_local.bench.shops import random_snapshot, shoppers

SHOWN = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=300, help="measured; ten times as many are generated")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="of a snapshot; made anew where it is not there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch) / "snapshot"
        there = (folder / "manifest.json").exists()
        snapshot = load_snapshot(folder) if there else random_snapshot(folder, arguments.items, arguments.seed)
        index_of(snapshot).tables.warm()
        index_of(snapshot).tables.warm_fields()
        measure(snapshot, arguments.calls, arguments.seed)


def measure(snapshot: Snapshot, n_calls: int, seed: int) -> None:
    """Generate, choose, measure, print."""
    rng = random.Random(seed)
    made = [call(rng, snapshot) for _ in range(n_calls * 10)]
    accepted = [one for one in made if _accepted(one, snapshot.n_items)]
    accepted.sort(key=lambda one: -_estimate(one, snapshot.n_items))
    people, now_ms = list(shoppers(snapshot, 8, seed).values()), int(time.time() * 1000)
    recommend_lists(snapshot, people[0], [RecommendationRequest()], now_ms)
    found = []
    for number, one in enumerate(accepted[:n_calls]):
        started = time.thread_time()
        recommend_lists(snapshot, people[number % len(people)], one, now_ms)
        found.append(((time.thread_time() - started) * 1000, _estimate(one, snapshot.n_items), one))
    found.sort(key=lambda row: -row[0])
    print(f"{snapshot.n_items} items, {len(made)} calls, {len(accepted)} accepted, the dearest {len(found)} measured")
    print(f"over {BUDGET:.0f} ms: {sum(took > BUDGET for took, _, _ in found)}")
    print(f"over their estimate: {sum(took > estimate for took, estimate, _ in found)}")
    for took, estimate, one in found[:SHOWN]:
        print(f"{took:7.0f} ms, estimate {estimate:4.0f}: {_described(one)}")


def call(rng: random.Random, snapshot: Snapshot) -> list[RecommendationRequest]:
    """One call of one to ten lists."""
    return [_list(rng, snapshot)] * rng.choice((1, 1, 1, 2, 3, 10)) if rng.random() < 0.5 else _lists(rng, snapshot)


def _lists(rng: random.Random, snapshot: Snapshot) -> list[RecommendationRequest]:
    return [_list(rng, snapshot) for _ in range(rng.choice((1, 2, 3, 5)))]


def _list(rng: random.Random, snapshot: Snapshot) -> RecommendationRequest:
    return replace(
        RecommendationRequest(),
        limit=rng.choice((1, 10, 50, 200, 500)),
        explain=rng.random() < 0.7,
        filter=_expression(rng, snapshot, rng.choice((1, 3, 20, MAX_CONDITIONS))) if rng.random() < 0.5 else None,
        boosts=tuple(
            Boost(_expression(rng, snapshot, rng.choice((1, 5, 60))), 1.0) for _ in range(rng.choice((0, 0, 1, 5, 20)))
        ),
        promotions=tuple(
            Promotion(str(k), _expression(rng, snapshot, rng.choice((1, 5))), 0.1)
            for k in range(rng.choice((0, 0, 1, 10)))
        ),
        caps=rng.choice(({}, {}, {"brand": 1}, {"category": 1}, {"category": 2, "brand": 1})),
        diversity=rng.choice((0.0, 0.0, 0.7)),
        calibration=rng.choice((0.0, 0.0, 0.7)),
        counterfactual=rng.random() < 0.2,
        exclude_seen=rng.choice(("none", "interacted")),
    )


def _expression(rng: random.Random, snapshot: Snapshot, most: int) -> Expression:
    parts: list[str] = []
    for _ in range(most):
        words = str(snapshot.document(rng.randrange(snapshot.n_items))["title"]).split()
        word = rng.choice(words).strip('"')
        part = rng.choice(
            (
                f"price < {rng.randrange(1, 200)}",
                f'title CONTAINS "{word}"',
                f'description CONTAINS "{word[:3]}"',
                f'title > "{word}"',
                f'brand IN ("{word}", "x", "y")',
                "created_at WITHIN 30d",
                "NOT purchased WITHIN 30d",
                "available",
            )
        )
        if sum(map(len, parts)) + 5 * (len(parts) + 1) + len(part) > MAX_CHARS:
            break
        parts.append(part)
    return expression(rng.choice((" OR ", " AND ")).join(parts))


def _accepted(one: list[RecommendationRequest], n_items: int) -> bool:
    try:
        check_cost(one, n_items)
    except InvalidRequestError:
        return False
    return True


def _estimate(one: list[RecommendationRequest], n_items: int) -> float:
    return sum(cost_of(one, n_items).values())


def _described(one: list[RecommendationRequest]) -> str:
    first = one[0]
    return (
        f"{len(one)} lists; the first: limit {first.limit}, filter {len(first.filter.text) if first.filter else 0} "
        f"characters, {len(first.boosts)} boosts, {len(first.promotions)} promotions, caps {dict(first.caps)}, "
        f"diversity {first.diversity}, calibration {first.calibration}, what-ifs {first.counterfactual}"
    )


if __name__ == "__main__":
    main()
