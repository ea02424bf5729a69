"""Weights and lists of a snapshot: which numbers can be used, and what the bytes are."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from endcap.errors import SnapshotIntegrityError
from endcap.snapshot.parts import ItemList, TermWeight, Weights, empty_list, is_scale

BILLION = 1e9


def body(**changes: Any) -> bytes:
    return json.dumps({"format": 1, "terms": {}, "settings": {}, **changes}).encode()


def usable(raw: bytes) -> bool:
    try:
        Weights.from_json(raw)
    except SnapshotIntegrityError as exc:
        return str(exc) != "weights.json holds a number that cannot be used"
    return True


def test_a_row_is_between_its_ends() -> None:
    rows = ItemList(np.asarray([0, 2, 2, 3]), np.asarray([4, 5, 6], np.int32), np.asarray([1, 2, 3], np.float16))
    assert [(rows.row(k)[0].tolist(), rows.row(k)[1].tolist()) for k in range(3)] == [
        *(([4, 5], [1, 2]), ([], []), ([6], [3]))
    ]


def test_in_an_empty_list_nobody_has_neighbours() -> None:
    rows = empty_list(3)
    assert (rows.indptr.tolist(), rows.indices.tolist(), rows.weights.tolist()) == ([0, 0, 0, 0], [], [])
    assert (rows.indptr.dtype, rows.indices.dtype, rows.weights.dtype) == (np.int64, np.int32, np.float16)
    assert empty_list(0).indptr.tolist() == [0]


def test_the_bytes_of_weights_are_one_and_come_back() -> None:
    weights = Weights({"b": TermWeight(2.0, 0.5), "a": TermWeight(1.0)}, {"x": 1.0}, {"cases": 3})
    raw = weights.to_json()
    assert raw == (
        b'{"evidence":{"cases":3},"format":1,"settings":{"x":1.0},'
        b'"terms":{"a":{"scale":1.0,"weight":1.0},"b":{"scale":0.5,"weight":2.0}}}'
    )
    assert Weights.from_json(raw) == weights
    assert Weights.from_json(body()) == Weights() == Weights({}, {}, {})
    assert TermWeight(3.0) == TermWeight(3.0, 1.0)


@pytest.mark.parametrize(
    ("weight", "scale", "passes"),
    [
        (BILLION, 1, True),
        (-BILLION, 1, True),
        (1.0001e9, 1, False),
        (-1.0001e9, 1, False),
        (float("nan"), 1, False),
        (float("inf"), 1, False),
        (0, 1e-9, True),
        (0, 0.9999e-9, False),
        (0, BILLION, True),
        (0, 1.0001e9, False),
        (0, 0, False),
        (0, -1, False),
        (0, float("nan"), False),
    ],
)
def test_a_term_is_a_number_over_a_scale(weight: float, scale: float, passes: bool) -> None:
    other = {"weight": 1, "scale": 1}
    assert usable(body(terms={"a": {"weight": weight, "scale": scale}, "b": other})) is passes
    assert usable(body(terms={"b": other, "a": {"weight": weight, "scale": scale}})) is passes
    assert is_scale(scale) is (passes if weight == 0 else True)


@pytest.mark.parametrize(
    ("name", "value", "passes"),
    [
        ("floor", 0, True),
        ("floor", -1e-9, False),
        ("floor", BILLION, True),
        ("floor", 1.0001e9, False),
        ("floor", float("nan"), False),
        ("history_half_life_events", 1e-9, True),
        ("history_half_life_events", 0.9999e-9, False),
        ("history_half_life_events", 0, False),
        ("history_half_life_events", BILLION, True),
    ],
)
def test_a_setting_is_a_number_and_a_half_life_is_none_of_zero(name: str, value: float, passes: bool) -> None:
    for settings in ({name: value, "other": 1}, {"other": 1, name: value}):
        assert usable(body(settings=settings)) is passes


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"format": 1}',
        b'{"format": 1, "terms": {}}',
        body(terms=[]),
        body(terms={"a": {"weight": 1}}),
        body(terms={"a": {"scale": 1}}),
        body(terms={"a": {"weight": "x", "scale": 1}}),
        body(settings=[]),
        body(settings={"a": None}),
        body(settings={"a": "x"}),
        b'{"format":1,"terms":{},"settings":{"a":1' + b"0" * 400 + b"}}",
        body(evidence=7),
    ],
)
def test_what_is_no_weights_is_told(raw: bytes) -> None:
    with pytest.raises(SnapshotIntegrityError, match=r"^weights\.json is not usable"):
        Weights.from_json(raw)


@pytest.mark.parametrize("number", [0, 2, "1", None])
def test_of_another_format_it_is_told(number: Any) -> None:
    with pytest.raises(SnapshotIntegrityError, match=rf"^weights\.json has format {number}, not 1$"):
        Weights.from_json(body(format=number))
