"""The vector of a picture as shops send it, and as it is kept."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from endcap.catalog.image_vector import MOST_WIDTH, image_levels, image_text
from endcap.catalog.item import Item, content_hash, item_document, item_text, parse_item, shown_document, stored_item
from endcap.catalog.patch import item_patch
from endcap.encoders.quantize import dequantize_unit
from endcap.errors import FieldError


@pytest.mark.parametrize("width", [2, 512, MOST_WIDTH])
def test_the_direction_stays(width: int) -> None:
    numbers = np.random.default_rng(width).normal(0, 3, width)
    kept = dequantize_unit(np.frombuffer(image_levels(numbers.tolist()), dtype=np.int8))
    assert kept @ numbers / np.linalg.norm(numbers) > 0.999


def test_every_form_of_it_is_the_same_vector() -> None:
    levels = image_levels([1, -2.0, 0.5])
    assert levels == image_levels("[1, -2.0, 0.5]") == image_levels(image_text(levels)) == image_levels((2, -4, 1))
    assert image_levels(None) == image_levels("") == b""


@pytest.mark.parametrize(
    "value",
    [
        [1.0],
        [0.0, 0.0],
        [1.0, float("nan")],
        [1.0, float("inf")],
        [1.0, "2"],
        [True, False],
        [10**400, 1],
        [1.0] * (MOST_WIDTH + 1),
        "[1, 2",
        "[" * 100_000,
        "no vector!",
        "AAAA",
        "é",
        {"a": 1},
        7,
    ],
)
def test_what_is_no_vector_is_left_out_and_told(value: object) -> None:
    told: list[FieldError] = []
    item = parse_item({"item_id": "a", "title": "Mug", "image_vector": value}, told)
    assert item == Item("a", "Mug")
    (warning,) = told
    assert warning["field"] == "image_vector"
    assert "2 to 2,048 finite numbers" in warning["message"]


def test_an_item_keeps_it_and_shows_it_to_nobody() -> None:
    item = parse_item({"item_id": "a", "title": "Mug", "image_vector": [3, 4]})
    document: dict[str, Any] = json.loads(json.dumps(item_document(item)))
    assert stored_item(document) == item
    assert parse_item(document) == item
    assert "image_vector" not in shown_document(item)
    assert content_hash(item) != content_hash(parse_item({"item_id": "a", "title": "Mug"}))
    assert item_text(item) == "Mug"


def test_a_change_sets_it_keeps_it_and_takes_it_away() -> None:
    item = parse_item({"item_id": "a", "title": "Mug", "image_vector": [3, 4]})
    assert item_patch("a", {"price": 5}, [])(item).image_vector == item.image_vector
    assert item_patch("a", {"image_vector": [4, 3]}, [])(item).image_vector == image_levels([4, 3])
    assert item_patch("a", {"image_vector": None}, [])(item).image_vector == b""
