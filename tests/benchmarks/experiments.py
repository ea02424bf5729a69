"""What the tests of `endcap experiments report` promise, in simulated experiments.

`python -m tests.benchmarks.experiments` writes an archive of 20,000 made-up shoppers and prints its report; then it
prints how often each test finds a difference, where there is one and where there is none, in 1,000 experiments each.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from endcap_local.cli.app import app
from endcap_local.experiments.comparing import always_valid, fixed_horizon
from tests.fakes.experiments import Looks, archive, clicks, conversions, story

ALPHA, EFFECT, EXPERIMENTS = 0.05, 0.3, 1000


def found(looks: Looks) -> dict[str, bool]:
    """Whether each way of testing finds a difference in one experiment, which is looked at 20 times."""
    tests = [
        (
            fixed_horizon(control, treatment, "revenue", ALPHA).p_value < ALPHA,
            always_valid(control, treatment, ALPHA, EFFECT).p_value < ALPHA,
        )
        for control, treatment in looks
    ]
    fixed, always = zip(*tests, strict=True)
    return {"fixed, one look": fixed[-1], "fixed, 20 looks": any(fixed), "always valid, 20 looks": any(always)}


def shares_found(looks: Callable[[np.random.Generator], Looks], experiments: int, seed: int) -> dict[str, float]:
    """How often each way finds a difference."""
    chance = np.random.default_rng(seed)
    results = [found(looks(chance)) for _ in range(experiments)]
    return {name: sum(result[name] for result in results) / experiments for name in results[0]}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive(Path(folder), *story(lift=0.2, shoppers=20_000))
        app(["experiments", "report", "--data", folder], standalone_mode=False)
    print(
        f"\nShare of {EXPERIMENTS:,} experiments in which a test at alpha {ALPHA} finds a difference, effect {EFFECT}"
    )
    for name, looks in (
        ("conversion, no difference", conversions),
        ("conversion, 30 % more", lambda chance: conversions(chance, 0.3)),
        ("CTR, no difference", clicks),
        ("CTR, 30 % more", lambda chance: clicks(chance, 0.3)),
    ):
        shares = shares_found(looks, EXPERIMENTS, seed=11)
        print(f"{name:<28}" + "".join(f"{way}: {share:.3f}   " for way, share in shares.items()).rstrip())


if __name__ == "__main__":
    main()
