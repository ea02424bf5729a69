"""Pins that can't count are told, with what keeps their items out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from endcap.api.schemas import HiddenInput, ScenarioInput
from endcap.index.index import ItemIndex, index_of
from endcap.operator.pins import pins_in_vain
from tests.fakes.toy_snapshot import build_toy_snapshot

NOW_MS = 1_768_471_200_000
HOUR_MS = 3_600_000
PIN = {"item_id": "item-1", "position": 1}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> ItemIndex:
    folder: Path = tmp_path_factory.mktemp("toy")
    return index_of(build_toy_snapshot(folder))


def told(index: ItemIndex, document: dict[str, Any], *everywhere: dict[str, Any]) -> list[str]:
    given = ScenarioInput.model_validate({"pinned": [PIN], **document})
    found = pins_in_vain(given, index, NOW_MS, [HiddenInput.model_validate(one) for one in everywhere])
    assert {one["field"] for one in found} <= {"pinned.0.item_id"}
    return [one["message"].partition(" is pinned in vain: ")[2] for one in found]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"filter": "price > 1000"}, "the list's filter does not hold for it"),
        ({"filter": "NOT purchased AND price > 1000"}, "the list's filter does not hold for it"),
        ({"blocked": ["item-1"]}, "the list leaves it out by name"),
        ({"exclude_items": ["item-1"]}, "the list leaves it out by name"),
        ({"candidates": ["item-2"]}, "it is none of the list's candidates"),
        ({"hidden": [{"item_id": "item-1"}]}, "it is hidden here"),
    ],
)
def test_what_keeps_a_pinned_item_out_is_named(index: ItemIndex, document: dict[str, Any], why: str) -> None:
    assert told(index, document) == [why]


def test_an_item_that_every_list_hides_is_pinned_in_vain(index: ItemIndex) -> None:
    assert told(index, {}, {"item_id": "item-1"}) == ["it is hidden in every list"]
    assert told(index, {}, {"item_id": "item-2"}) == []


def test_the_warning_has_the_title_of_the_item(index: ItemIndex) -> None:
    given = ScenarioInput.model_validate({"pinned": [PIN], "blocked": ["item-1"]})
    (found,) = pins_in_vain(given, index, NOW_MS)
    assert index.document(1)["title"] in found["message"]


@pytest.mark.parametrize(
    "text", ["price < 1000", "NOT purchased WITHIN 30d", "purchased", "purchased OR price > 1000", "price > $least"]
)
def test_what_depends_on_the_shopper_or_the_request_is_no_reason_to_warn(index: ItemIndex, text: str) -> None:
    assert told(index, {"filter": text}) == []


def test_a_pin_is_looked_at_for_the_time_in_which_it_counts(index: ItemIndex) -> None:
    hidden = [{"item_id": "item-1", "until": NOW_MS + HOUR_MS}]
    assert told(index, {"hidden": hidden}) == ["it is hidden here"]
    assert told(index, {"hidden": hidden, "pinned": [PIN | {"from": NOW_MS + HOUR_MS}]}) == []
    assert told(index, {"blocked": ["item-1"], "pinned": [PIN | {"until": NOW_MS}]}) == []
