"""The gates before a promotion: what is clearly worse than the current snapshot is refused."""

import pytest

from endcap.snapshot.promote import GateError, check_gates


def manifest(items=100, **measured):
    return {"counts": {"items": items}, "metrics": {"validation": {"cases": 500, "after": measured}}}


def of_budget(budget, ndcg, **changes):
    return {**manifest(ndcg_at_10=ndcg), "training_cutoff_ms": 7, "seed": 0, "run": {"budget": budget}, **changes}


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (manifest(49), manifest(100)),
        (manifest(ndcg_at_10=0.089), manifest(ndcg_at_10=0.1)),
        (manifest(ndcg_at_10=0.1, hit_rate_at_10=0.17), manifest(ndcg_at_10=0.1, hit_rate_at_10=0.2)),
    ],
    ids=["half the catalogue gone", "worse order", "fewer hits"],
)
def test_a_clearly_worse_snapshot_is_refused(new, old):
    with pytest.raises(GateError):
        check_gates(new, old)


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (manifest(50), manifest(100)),
        (manifest(ndcg_at_10=0.091), manifest(ndcg_at_10=0.1)),
        (manifest(), manifest(ndcg_at_10=0.1)),
        (manifest(ndcg_at_10=0.01), {"counts": {"items": 1}, "metrics": {}}),
    ],
    ids=["half the catalogue stays", "within a tenth", "nothing measured now", "nothing measured before"],
)
def test_what_is_as_good_or_can_not_be_compared_goes_through(new, old):
    check_gates(new, old)


def test_on_the_same_cases_the_full_budget_may_lose_nothing_to_the_fast_one():
    with pytest.raises(GateError, match=r"from 0\.1000 to 0\.0999"):
        check_gates(of_budget("full", 0.0999), of_budget("fast", 0.1))
    check_gates(of_budget("full", 0.1), of_budget("fast", 0.1))


@pytest.mark.parametrize(
    "new",
    [
        of_budget("fast", 0.095),
        of_budget("full", 0.095, training_cutoff_ms=8),
        of_budget("full", 0.095, seed=1),
        of_budget("full", 0.095, counts={"items": 101}),
        of_budget("full", 0.095, run={}),
    ],
    ids=["same budget", "newer data", "other cases", "other catalogue", "written before budgets were"],
)
def test_other_data_or_another_way_round_may_lose_a_tenth(new):
    check_gates(new, of_budget("fast", 0.1))
