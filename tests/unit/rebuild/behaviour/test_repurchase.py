"""How things are bought again, found in purchases whose law is known."""

from __future__ import annotations

import numpy as np
import pytest

from endcap.catalog.item import Item
from endcap_rebuild.behaviour.repurchase import fit_repurchase, purchases
from tests.fakes.toy_shop import table_of
from tests.fakes.toy_snapshot import CUTOFF_MS

DAYS = 400.0  # of data; time ends at the cut-off


def bought(item: int, share: float, median: float, spread: float, buyers: int, seed: int) -> list[tuple]:
    """Purchases of one item: each is followed by another with probability `share`, after a log-normal gap."""
    chance = np.random.default_rng(seed)
    rows = []
    for user in range(buyers):
        day = -DAYS * chance.random()
        while day <= 0:
            rows.append((f"{item}-{user}", item, "purchase", day))
            if chance.random() >= share:
                break
            day += max(1.0, median * np.exp(spread * chance.standard_normal()))
    return rows


def items(*categories: str, groups: tuple[str | None, ...] = ()) -> list[Item]:
    found = []
    for k, name in enumerate(categories):
        group = groups[k] if groups else None
        found.append(Item(item_id=f"{k:03d}", title="t", categories=(name,) if name else (), group_id=group))
    return found


def test_share_and_gap_are_found_though_most_shoppers_are_still_waiting() -> None:
    rows = bought(0, 0.6, 90, 0.4, 600, 1) + bought(1, 0.2, 30, 0.8, 600, 2)
    found = fit_repurchase(table_of(rows, 2), items("a", "b"), CUTOFF_MS, clock=True)
    assert found is not None
    assert found.share.tolist() == pytest.approx([0.6, 0.2], abs=0.06)
    assert found.gap_days.tolist() == pytest.approx([90, 30], rel=0.15)
    assert found.gap_spread.tolist() == pytest.approx([0.4, 0.8], abs=0.12)
    # Counted plainly, buyers who will be back tomorrow would count as lost.
    pairs = {(user, item) for user, item, _, _ in rows}
    assert (len(rows) - len(pairs)) / len(rows) < np.mean([0.6, 0.2]) - 0.03


def test_what_is_bought_once_leans_on_its_category_and_then_on_the_shop() -> None:
    rows = bought(0, 0.8, 10, 0.4, 300, 1) + bought(1, 0.0, 10, 0.4, 300, 2)
    rows += [("x", 2, "purchase", -300.0), ("x", 3, "purchase", -300.0), ("x", 4, "purchase", -300.0)]
    found = fit_repurchase(table_of(rows, 5), items("milk", "sofa", "milk", "sofa", ""), CUTOFF_MS, clock=True)
    assert found is not None
    milk, sofa, new_milk, new_sofa, unnamed = found.share.tolist()
    assert milk > 0.7
    assert sofa < 0.05
    assert new_milk > 0.6
    assert new_sofa < 0.1
    assert new_sofa < unnamed < new_milk


def test_variants_are_one_thing() -> None:
    rows = [(f"u{n}", n % 2, "purchase", -100.0) for n in range(150)]
    rows += [(f"u{n}", 1 - n % 2, "purchase", -90.0) for n in range(150)]
    grouped = items("", "", groups=("shirt", "shirt"))
    found = fit_repurchase(table_of(rows, 2), grouped, CUTOFF_MS, clock=True)
    assert found is not None
    assert found.gap_days.tolist() == pytest.approx([10, 10], rel=0.05)
    assert fit_repurchase(table_of(rows, 2), items("", ""), CUTOFF_MS, clock=True) is None  # nobody bought one twice


def test_purchases_of_one_day_are_one() -> None:
    rows = [("u", 0, "purchase", day) for day in (-10.0, -9.9, -9.2, -8.9, -3.0)]
    found = purchases(table_of(rows, 1), np.zeros(1, dtype=np.int64), CUTOFF_MS)
    assert np.exp(found.gaps).tolist() == pytest.approx([10 - 8.9, 8.9 - 3])
    assert np.exp(found.waits).tolist() == pytest.approx([3.0])


@pytest.mark.parametrize("kind", ["purchase", "view"])
def test_nothing_is_said_without_a_clock_or_without_purchases(kind: str) -> None:
    rows = [(user, item, kind, day) for user, item, _, day in bought(0, 0.6, 20, 0.4, 200, 1)]
    table = table_of(rows, 1)
    assert (fit_repurchase(table, items("a"), CUTOFF_MS, clock=True) is not None) == (kind == "purchase")
    assert fit_repurchase(table, items("a"), CUTOFF_MS, clock=False) is None
    assert fit_repurchase(table_of([], 1), items("a"), CUTOFF_MS, clock=True) is None
