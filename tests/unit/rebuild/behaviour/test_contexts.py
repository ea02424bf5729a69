"""Demand in contexts, counted from events that say where they came from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.errors import InvalidInputError
from endcap.events.interaction import Interaction
from endcap_rebuild.behaviour.contexts import fit_contexts
from endcap_rebuild.data.dataset import read_shop
from endcap_rebuild.data.event_table import EventTable, checked_names, event_table
from endcap_rebuild.data.reading import ReadReport, read_events
from tests.fakes.toy_shop import HEADER, NOW_MS, toy_item_rows, write_events, write_items
from tests.fakes.toy_snapshot import CUTOFF_MS

N_ITEMS = 6


def table_of(rows: list[tuple[str, int, dict[str, str]]], names: tuple[str, ...] = ("country", "device")) -> EventTable:
    events = [
        Interaction(f"e{k}", user, "purchase", CUTOFF_MS, str(item), properties=said)
        for k, (user, item, said) in enumerate(rows)
    ]
    return event_table(events, {str(k): k for k in range(N_ITEMS)}, ReadReport(), context_names=names)


bought = st.tuples(st.integers(0, 30), st.integers(0, N_ITEMS - 1), st.sampled_from(["de", "fr", ""]))


@given(st.lists(bought, max_size=120, unique_by=lambda row: row[:2]))
def test_it_is_the_demand_there_and_how_much_of_all_that_is(rows: list[tuple[int, int, str]]) -> None:
    table = table_of([(f"u{user}", item, {"country": where} if where else {}) for user, item, where in rows])
    found = fit_contexts(table, N_ITEMS, CUTOFF_MS, None)
    shoppers = {where: len({user for user, _, w in rows if w == where}) for where in ("de", "fr")}
    kept = tuple(("country", where) for where in ("de", "fr") if shoppers[where] >= 5)
    assert (found.contexts if found else ()) == kept
    everywhere = np.bincount([item for _, item, _ in rows], minlength=N_ITEMS)
    for k, (_, where) in enumerate(kept):
        assert found is not None
        there = np.bincount([item for _, item, w in rows if w == where], minlength=N_ITEMS)
        items, weights = found.items.row(k)
        assert dict(zip(items.tolist(), weights.tolist(), strict=True)) == pytest.approx(
            {item: np.log1p(there[item]) for item in np.flatnonzero(there).tolist()}, abs=2e-3
        )
        assert found.share[k] == pytest.approx(there.sum() / everywhere.sum())


def test_names_that_are_not_counted_and_values_of_few_are_left_out() -> None:
    rows = [(f"u{k}", 0, {"device": "tv" if k < 4 else "mobile", "secret": "x", "country": "DE"}) for k in range(12)]
    found = fit_contexts(table_of(rows, ("device",)), N_ITEMS, CUTOFF_MS, None)
    assert found is not None
    assert found.contexts == (("device", "mobile"),)
    assert fit_contexts(table_of(rows, ()), N_ITEMS, CUTOFF_MS, None) is None


def test_the_order_of_events_changes_nothing() -> None:
    rows = [(f"u{k}", k % 3, {"device": ("b", "a", "c")[k % 3], "country": "x"}) for k in range(30)]
    first, second = (fit_contexts(table_of(some), N_ITEMS, CUTOFF_MS, None) for some in (rows, list(reversed(rows))))
    assert first is not None
    assert second is not None
    assert first.contexts == second.contexts == (("country", "x"), ("device", "a"), ("device", "b"), ("device", "c"))
    assert first.items.weights.tolist() == second.items.weights.tolist()


@pytest.mark.parametrize("names", [("category",), ("",), ("x" * 65,), tuple("abcdefghi")])
def test_unusable_names_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInputError):
        checked_names(names)
    assert checked_names(("a", "b", "a")) == ("a", "b")


def test_a_csv_file_says_contexts_in_columns_of_their_own(tmp_path: Path) -> None:
    header = [*HEADER, "properties.device", "Properties.Country"]
    row = {"user_id": "u", "item_id": "item-1", "event_type": "view", "timestamp": "1700000000"}
    write_items(tmp_path, toy_item_rows(4))
    write_events(tmp_path, [{**row, "properties.device": "Mobile"}, {**row, "user_id": "v"}], header)
    events = list(read_events(tmp_path, ReadReport(), NOW_MS))
    assert [event.properties for event in events] == [{"device": "Mobile"}, {}]
    shop = read_shop(tmp_path, NOW_MS, 0, {})
    assert shop.table.context_pairs == (("device", "mobile"),)
    plain = tmp_path / "plain"
    write_items(plain, toy_item_rows(4))
    write_events(plain, [row, {**row, "user_id": "v"}])
    assert read_shop(plain, NOW_MS, 0, {}).key != shop.key
