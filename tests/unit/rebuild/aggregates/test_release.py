"""What one user can add, what is told, and how well two logs that differ by one user can be told apart.

The last is measured: a release is drawn many times from both logs, and from how often some event happens in each
follows a lower bound of epsilon (Jagielski et al., NeurIPS 2020). Clopper and Pearson's bounds at an error of one in
ten million, for fewer than a hundred looks, leave a sound release to fail once in a hundred thousand runs; releases
that are broken on purpose are caught.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta

from endcap.arrays import I64
from endcap.errors import InvalidInputError
from endcap_rebuild.aggregates import release as module
from endcap_rebuild.aggregates.contributions import item_counts, pair_counts
from endcap_rebuild.aggregates.noise import laplace
from endcap_rebuild.aggregates.release import Release, ReleaseSettings, released
from endcap_rebuild.data.event_table import EventTable
from tests.fakes.toy_shop import table_of

N_ITEMS = 8
ERROR = 1e-7
CHANCE = np.random.default_rng(5)
NOBODY = np.zeros(N_ITEMS, dtype=np.int64)

try:
    import pydp as _pydp
except ImportError:
    _pydp = None
needs_library = pytest.mark.skipif(
    _pydp is None, reason="python-dp has no wheel for this machine (Linux on x86_64 and macOS have one)"
)


def orders(user: str, *baskets: list[int], event_type: str = "purchase") -> list[tuple[str, int, str, float]]:
    return [(user, item, event_type, -float(day)) for day, basket in enumerate(baskets, 1) for item in basket]


def log(*extra: tuple[str, int, str, float]) -> EventTable:
    """Six shoppers who bought 0 and 1 together, and whoever else."""
    rows = [row for user in range(6) for row in orders(f"u{user}", [0, 1])]
    return table_of([*rows, *extra], N_ITEMS)


def test_users_are_counted_once_for_an_item_and_for_at_most_so_many() -> None:
    greedy = orders("greedy", list(range(N_ITEMS)), list(range(N_ITEMS)))
    plain, more = item_counts(log(), N_ITEMS, 3, CHANCE), item_counts(log(*greedy), N_ITEMS, 3, CHANCE)
    assert plain.tolist() == [6, 6, 0, 0, 0, 0, 0, 0]
    assert sorted((more - plain).tolist()) == [0, 0, 0, 0, 0, 1, 1, 1]


def test_pairs_are_of_one_basket_and_at_most_so_many() -> None:
    assert pair_counts(log(*orders("v", [2], [3])), 5, NOBODY, CHANCE) == {(0, 1): 6}
    greedy = pair_counts(log(*orders("greedy", list(range(N_ITEMS)))), 4, NOBODY, CHANCE)
    assert sum(greedy.values()) == 6 + 4


def test_what_a_user_dislikes_counts_for_nothing() -> None:
    back = orders("v", [4, 5], event_type="return")
    assert item_counts(log(*back), N_ITEMS, 5, CHANCE)[4] == 0
    assert (4, 5) not in pair_counts(log(*back), 5, NOBODY, CHANCE)


def test_what_is_taken_of_one_user_does_not_depend_on_another() -> None:
    raters = [row for user in "abc" for row in orders(user, [2, 3], event_type="like")]
    wishes = [row for user in "abc" for row in orders(user, [2, 3], event_type="wishlist")]
    rated = [(user, item, "rating", day) for user, item, _, day in raters]
    alone = table_of([*rated, *wishes], N_ITEMS, value=5.0)
    beside_a_buyer = table_of([*rated, *wishes, *orders("v", [6, 7])], N_ITEMS, value=5.0)
    found = [pair_counts(table, 5, NOBODY, CHANCE)[(2, 3)] for table in (alone, beside_a_buyer)]
    assert found == [3, 3]


def test_pairs_of_popular_items_come_first() -> None:
    popularity = np.array([-4, 1, 9, 8, 7, 0, 0, 0])
    assert pair_counts(table_of(orders("v", list(range(N_ITEMS))), N_ITEMS), 2, popularity, CHANCE) == {
        (2, 3): 1,
        (2, 4): 1,
    }


def no_noise(counts: I64, epsilon: float, sensitivity: int) -> I64:
    return counts


def test_rare_pairs_are_not_told_and_counts_do_not_fall_below_nothing() -> None:
    def down(counts: I64, epsilon: float, sensitivity: int) -> I64:
        return counts - 7

    settings = ReleaseSettings(2.0, delta=1e-3, most_pairs=1)
    found = released(log(), N_ITEMS, settings, down)
    assert found.popularity.tolist() == [0] * N_ITEMS
    assert found.together == {}
    many = [row for user in range(settings.threshold) for row in orders(f"m{user}", [2, 3])]
    assert released(log(*many), N_ITEMS, settings, no_noise).together == {(2, 3): settings.threshold}


@pytest.mark.parametrize(
    ("epsilon", "changes"),
    [(0, {}), (-1, {}), (math.nan, {}), (math.inf, {}), (21, {}), (1, {"delta": 0}), (1, {"delta": 0.5}),
     (1, {"most_items": 0}), (1, {"most_pairs": 0})],
)  # fmt: skip
def test_settings_that_promise_nothing_are_refused(epsilon: float, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        ReleaseSettings(epsilon, **changes)


@needs_library
def test_noise_has_the_scale_that_was_asked_for() -> None:
    drawn = laplace(np.full(20_000, 100), 0.5, 5) - 100
    assert abs(float(drawn.mean())) < 5 * math.sqrt(2) * 10 / math.sqrt(20_000)  # five standard errors
    assert float(np.abs(drawn).mean()) == pytest.approx(5 / 0.5, rel=0.06)


@needs_library
def test_threshold_is_passed_by_a_lone_users_pair_with_chance_delta_at_most() -> None:
    settings = ReleaseSettings(4.0, delta=1e-3, most_pairs=2)
    drawn = laplace(np.ones(100_000, dtype=np.int64), settings.half, settings.most_pairs)
    passed = int(np.count_nonzero(drawn >= settings.threshold))
    assert lower(passed, len(drawn)) <= settings.delta / settings.most_pairs
    # The library's own rule for unknown keys is not stricter.
    from pydp.algorithms.partition_selection import create_laplace_partition_strategy

    theirs = create_laplace_partition_strategy(settings.half, settings.delta, settings.most_pairs)
    kept = sum(theirs.should_keep(settings.threshold) for _ in range(2_000)) / 2_000
    assert kept >= 0.4


# ------------------------------------------------------------------ telling two logs apart


def lower(hits: int, runs: int) -> float:
    """What a chance is at least."""
    return float(beta.ppf(ERROR / 2, hits, runs - hits + 1)) if hits else 0.0


def upper(hits: int, runs: int) -> float:
    """What a chance is at most."""
    return float(beta.ppf(1 - ERROR / 2, hits + 1, runs - hits)) if hits < runs else 1.0


def bound_of(one: Any, other: Any, delta: float) -> float:
    """The least epsilon with which so many hits of one and of the other go together, whichever way round."""
    found = [0.0]
    for a, b in ((one, other), (other, one)):
        for p, q in ((a, b), (~a, ~b)):
            chance = lower(int(p.sum()), len(p)) - delta
            if chance > 0:
                found.append(math.log(chance / upper(int(q.sum()), len(q))))
    return max(found)


WITH = log(*orders("victim", [2, 3], [4, 5], [6, 7]))
WITHOUT = log()
STRICT = ReleaseSettings(1.0, delta=1e-3, most_items=2, most_pairs=1)


def told_apart(release: Callable[[EventTable], Release], delta: float, runs: int = 250) -> float:
    """The best lower bound of epsilon over several looks at the tables."""
    looks: tuple[Callable[[Release], float], ...] = (
        lambda found: float(found.popularity[2:].sum()),
        lambda found: float(found.popularity[2]),
        lambda found: float(len(found.together)),
        lambda found: float((2, 3) in found.together or (4, 5) in found.together),
    )
    with_victim = [release(WITH) for _ in range(runs)]
    without = [release(WITHOUT) for _ in range(runs)]
    best = 0.0
    for look in looks:
        a, b = (np.array([look(found) for found in each]) for each in (with_victim, without))
        for edge in np.unique(np.quantile(np.append(a, b), (0.05, 0.25, 0.5, 0.75, 0.95))):
            best = max(best, bound_of(a > edge, b > edge, delta))
    return best


@needs_library
@pytest.mark.parametrize("runs", [600, pytest.param(10_000, marks=pytest.mark.prove)])
def test_neighbouring_logs_are_not_told_apart_by_more_than_epsilon(runs: int) -> None:
    assert told_apart(lambda table: released(table, N_ITEMS, STRICT), STRICT.delta, runs) <= STRICT.epsilon


def test_a_release_without_noise_is_caught() -> None:
    assert told_apart(lambda table: released(table, N_ITEMS, STRICT, no_noise), STRICT.delta) > STRICT.epsilon


@needs_library
def test_a_release_without_bounds_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def unbounded(table: EventTable, n_items: int, most: int, chance: Any) -> I64:
        return 20 * item_counts(table, n_items, n_items, chance)  # twenty visits each, not one user

    monkeypatch.setattr(module, "item_counts", unbounded)
    assert told_apart(lambda table: released(table, N_ITEMS, STRICT), STRICT.delta) > STRICT.epsilon


@needs_library
def test_a_release_of_every_pair_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReleaseSettings, "threshold", -1_000_000)
    assert told_apart(lambda table: released(table, N_ITEMS, STRICT), STRICT.delta) > STRICT.epsilon
