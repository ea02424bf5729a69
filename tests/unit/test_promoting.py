"""The gates before a promotion: what is clearly worse than the current snapshot is refused."""

import pytest

from endcap.promoting import GateError, check_gates


def manifest(items=100, **measured):
    return {"counts": {"items": items}, "metrics": {"validation": {"cases": 500, "after": measured}}}


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
