"""The gates before a promotion: what is clearly worse than the current snapshot is refused."""

from dataclasses import replace

import pytest

from endcap.catalog.item import item_document
from endcap.snapshot.promote import MAX_POPULAR, GateError, check_gates, popular_list
from endcap_rebuild.data.columns import columns_of
from tests.fakes.toy_snapshot import build_toy_snapshot, toy_items


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


class TestPopularList:
    """What is shown while no snapshot can be read."""

    def test_is_the_most_popular_that_is_for_sale_one_of_each_group(self, tmp_path):
        items = [
            replace(item, available=k != 1, group_id="g" if k in (2, 3) else None) for k, item in enumerate(toy_items())
        ]
        snapshot = build_toy_snapshot(
            tmp_path, documents=[item_document(item) for item in items], columns=columns_of(items)
        )
        popular = popular_list(snapshot)
        assert popular.version == snapshot.version
        assert [item_id for item_id, _ in popular.items[:4]] == ["item-0", "item-2", "item-4", "item-5"]
        assert popular.items[0][1] == items[0].title

    def test_is_of_a_hundred_at_most(self, tmp_path):
        popular = popular_list(build_toy_snapshot(tmp_path, 130))
        assert len(popular.items) == MAX_POPULAR
        assert popular.items[-1][0] == "item-99"
