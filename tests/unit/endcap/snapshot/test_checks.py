"""What every loaded snapshot is checked for, at the borders of each check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from endcap.errors import SnapshotIntegrityError
from endcap.snapshot.checks import (
    check_columns,
    check_contexts,
    check_csr,
    check_finite,
    check_lists,
    check_repurchase,
    check_weights,
    check_words,
    checked_id,
    require,
)
from endcap.snapshot.lexical import LexicalIndex
from endcap.snapshot.parts import ContextDemand, ItemColumns, ItemList, Repurchase

I32, I64, F32 = np.int32, np.int64, np.float32


def problem(check: Callable[[], object]) -> str | None:
    """What a check refuses; None where it lets it pass."""
    try:
        check()
    except SnapshotIntegrityError as exc:
        return str(exc)
    return None


def test_what_holds_passes_and_what_does_not_is_told() -> None:
    require(True, "never")
    with pytest.raises(SnapshotIntegrityError, match=r"^why$"):
        require(False, "why")


@pytest.mark.parametrize(
    ("indptr", "indices", "found"),
    [
        ([0, 1, 3], [0, 1, 2], None),
        ([0], [], None),
        ([0, 0, 0], [], None),
        ([], [], "rows: bad rows"),
        ([1, 2, 3], [0, 1, 2], "rows: bad rows"),
        ([0, 1, 2], [0, 1, 2], "rows: bad rows"),
        ([0, 1, 4], [0, 1, 2], "rows: bad rows"),
        ([0, 3, 2, 3], [0, 1, 2], "rows: bad rows"),
        ([0, 1, 3], [0, 1, 3], "rows: a neighbour is out of range"),
        ([0, 1, 3], [-1, 1, 2], "rows: a neighbour is out of range"),
    ],
)
def test_rows_follow_each_other_and_name_what_there_is(indptr: Any, indices: Any, found: str | None) -> None:
    assert problem(lambda: check_csr("rows", np.asarray(indptr, I64), np.asarray(indices, I32), 3)) == found


@pytest.mark.parametrize(
    ("weights", "passes"),
    [([0.0, 1.0], True), ([], True), ([-0.1], False), ([np.nan], False), ([np.inf], False), ([1, -np.inf], False)],
)
def test_weights_are_numbers_from_zero(weights: Any, passes: bool) -> None:
    found = problem(lambda: check_weights("it", np.asarray(weights, F32)))
    assert found == (None if passes else "it has an unusable weight")
    rows = ItemList(np.asarray([0, len(weights)], I64), np.zeros(len(weights), I32), np.asarray(weights, np.float16))
    assert problem(lambda: check_lists({"next": rows}, 1)) == (None if passes else "list next has an unusable weight")


def test_every_list_is_looked_at() -> None:
    good = ItemList(np.asarray([0, 1], I64), np.asarray([0], I32), np.asarray([1], np.float16))
    bad = replace(good, indices=np.asarray([1], I32))
    assert problem(lambda: check_lists({"a": good, "b": bad}, 1)) == "list b: a neighbour is out of range"
    assert problem(lambda: check_lists({}, 0)) is None


def test_every_array_is_finite() -> None:
    good = np.zeros(2, F32)
    assert problem(lambda: check_finite({"a": good})) is None
    for value in (np.nan, np.inf, -np.inf):
        bad = np.asarray([0, value], F32)
        assert problem(lambda bad=bad: check_finite({"a": good, "b": bad})) == "b holds a value that is not finite"


COLUMNS = ItemColumns(
    price=np.asarray([1, np.nan], F32),
    price_band=np.asarray([-1, 2], np.int8),
    price_edges=np.asarray([1, 2], F32),
    brand=np.asarray([-1, 1], I32),
    brands=("a", "b"),
    category_indptr=np.asarray([0, 1, 1], I64),
    category_indices=np.asarray([0], I32),
    categories=("c",),
    available=np.ones(2, dtype=bool),
    expires_at_ms=np.zeros(2, I64),
    created_at_ms=np.zeros(2, I64),
)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, None),
        ({"category_indices": np.asarray([1], I32)}, "categories: a neighbour is out of range"),
        ({"brand": np.asarray([-2, 0], I32)}, "a brand is out of range"),
        ({"brand": np.asarray([2, 0], I32)}, "a brand is out of range"),
        ({"price": np.asarray([1, np.inf], F32)}, "a price is not finite"),
        ({"price": np.asarray([-np.inf, 1], F32)}, "a price is not finite"),
        ({"price_edges": np.asarray([1, np.nan], F32)}, "an edge of price bands is not finite"),
        ({"price_edges": np.asarray([1], F32)}, "a price band is out of range"),
        ({"price_band": np.asarray([-2, 0], np.int8)}, "a price band is out of range"),
        ({"price_band": np.asarray([3, 0], np.int8)}, "a price band is out of range"),
    ],
)
def test_columns_say_what_there_is(changes: dict[str, Any], found: str | None) -> None:
    columns = replace(COLUMNS, **changes)
    assert problem(lambda: check_columns(columns, np.zeros(2, I32), np.zeros(2, I32))) == found


@pytest.mark.parametrize(
    ("groups", "counts", "found"),
    [
        ([0, 3], [0, 0], None),
        ([0, 4], [0, 0], "a group is out of range"),
        ([-1, 0], [0, 0], "a count is negative"),
        ([0, 0], [-1, 0], "a count is negative"),
    ],
)
def test_groups_and_counts_are_theirs(groups: list[int], counts: list[int], found: str | None) -> None:
    assert problem(lambda: check_columns(COLUMNS, np.asarray(groups, I32), np.asarray(counts, I32))) == found


@pytest.mark.parametrize(
    ("share", "gap", "spread", "found"),
    [
        (0.0, 0.1, 0.1, None),
        (1.0, 9.0, 9.0, None),
        (-0.01, 1.0, 1.0, "a share of repurchases is not between 0 and 1"),
        (1.01, 1.0, 1.0, "a share of repurchases is not between 0 and 1"),
        (np.nan, 1.0, 1.0, "a share of repurchases is not between 0 and 1"),
        (0.5, 0.0, 1.0, "a repurchase gap is unusable"),
        (0.5, 1.0, 0.0, "a repurchase gap is unusable"),
        (0.5, np.inf, 1.0, "a repurchase gap is unusable"),
        (0.5, 1.0, np.nan, "a repurchase gap is unusable"),
        (0.5, -1.0, 1.0, "a repurchase gap is unusable"),
    ],
)
def test_repurchases_are_shares_and_days(share: float, gap: float, spread: float, found: str | None) -> None:
    good = (0.5, 1.0, 1.0)
    arrays = [np.asarray(pair, F32) for pair in zip(good, (share, gap, spread), strict=True)]
    repurchase = Repurchase(*arrays)
    assert problem(lambda: check_repurchase(repurchase)) == found
    check_repurchase(None)


def demand(share: Any = (0.0, 1.0), indptr: Any = (0, 1, 2), indices: Any = (0, 1), weights: Any = (1, 2)) -> Any:
    rows = ItemList(np.asarray(indptr, I64), np.asarray(indices, I32), np.asarray(weights, np.float16))
    return ContextDemand((("a", "b"), ("c", "d")), np.asarray(share, F32), rows)


@pytest.mark.parametrize(
    ("contexts", "found"),
    [
        (None, None),
        (demand(), None),
        (demand(indptr=(0, 2)), "the contexts' rows are not theirs"),
        (demand(indptr=(0, 1, 2, 2)), "the contexts' rows are not theirs"),
        (demand(share=(0.5,)), "the contexts' rows are not theirs"),
        (demand(share=(-0.1, 0.5)), "a context's share is not between 0 and 1"),
        (demand(share=(0.5, 1.1)), "a context's share is not between 0 and 1"),
        (demand(indices=(0, 2)), "contexts: a neighbour is out of range"),
        (demand(weights=(1, -1)), "a context has an unusable weight"),
    ],
)
def test_contexts_have_rows_and_shares(contexts: Any, found: str | None) -> None:
    assert problem(lambda: check_contexts(contexts, 2)) == found


def lexical(**changes: Any) -> LexicalIndex:
    """Two words and a number over three items, and two codes."""
    words = {"indptr": [0, 1, 2], "hashes": [7, 8], "items": [0, 2]}
    numbers = {"indptr": [0, 1], "hashes": [9], "items": [1]}
    codes = {"text": [65, 66], "offsets": [0, 1, 2], "items": [0, 2]}
    parts = {"words": words, "numbers": numbers, "codes": codes}
    for name, change in changes.items():
        parts[name] = {**parts[name], **change}
    made = {
        name: SimpleNamespace(**{field: np.asarray(value) for field, value in part.items()})
        for name, part in parts.items()
    }
    return cast(LexicalIndex, SimpleNamespace(n_items=3, **made))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, None),
        ({"words": {"indptr": [0, 2]}}, "words: bad rows"),
        ({"words": {"hashes": [7, 8, 9]}}, "words: bad rows"),
        ({"words": {"items": [0, 3]}}, "words: a neighbour is out of range"),
        ({"numbers": {"items": [-1]}}, "numbers: a neighbour is out of range"),
        ({"numbers": {"hashes": []}}, "numbers: bad rows"),
        ({"codes": {"offsets": [0, 2, 1]}}, "codes: bad rows"),
        ({"codes": {"offsets": [0, 2]}}, "codes: bad rows"),
        ({"codes": {"text": [65, 256]}}, "codes: a neighbour is out of range"),
        ({"codes": {"text": [0, 255]}}, None),
        ({"codes": {"items": [0, 3]}}, "codes: an item is out of range"),
        ({"codes": {"items": [-1, 0]}}, "codes: an item is out of range"),
    ],
)
def test_words_and_codes_lead_to_items(changes: dict[str, Any], found: str | None) -> None:
    assert problem(lambda: check_words(lexical(**changes))) == found


def test_words_may_lack() -> None:
    check_words(None)
    without = lexical()
    cast(Any, without).codes = None
    check_words(without)


@pytest.mark.parametrize(
    ("document", "passes"),
    [
        ({"item_id": "a"}, True),
        ({"item_id": "a", "title": "t", "brand": "b", "description": "d", "group_id": "g"}, True),
        ({"item_id": "a", "title": None, "brand": None, "description": None, "group_id": None}, True),
        ({"item_id": "a", "categories": ["x", "y"], "attributes": {"a": 1}, "more": 7}, True),
        ({"item_id": "a", "categories": []}, True),
        ({"item_id": "a", "categories": None, "attributes": None}, True),
        ({}, False),
        ({"item_id": 7}, False),
        ({"item_id": None}, False),
        *(({"item_id": "a", name: 7}, False) for name in ("title", "brand", "description", "group_id", "categories")),
        ({"item_id": "a", "categories": ["x", 7]}, False),
        ({"item_id": "a", "categories": "x"}, False),
        ({"item_id": "a", "attributes": []}, False),
        ({"item_id": "a", "attributes": "x"}, False),
        ([], False),
        ("a", False),
        (None, False),
    ],
)
def test_a_document_has_fields_of_their_kinds(document: Any, passes: bool) -> None:
    if passes:
        assert checked_id(document) == "a"
    else:
        with pytest.raises(SnapshotIntegrityError, match="document of an item is none"):
            checked_id(document)
