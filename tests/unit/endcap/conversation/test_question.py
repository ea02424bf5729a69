"""Which question is asked, of which candidates, and what its answers are worth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from endcap.catalog.item import Item, item_document
from endcap.conversation.constraints import Constraints
from endcap.conversation.question import FEWEST, drop_question, gain, question
from endcap.filters.evaluate import FilterContext, mask_of
from endcap.filters.parser import expression
from endcap.index.index import ItemIndex, index_of
from endcap.understanding.wish import Condition
from endcap_rebuild.data.columns import columns_of
from tests.fakes.toy_snapshot import build_toy_snapshot

BRANDS = ("Acme", "Borg", "Cedar")
COLOURS = ("red", "blue")
N = 24
SHOP = [
    Item(
        f"i{k}",
        f"{COLOURS[k % 2]} mug {k}".capitalize(),
        categories=("Home", "Mugs"),
        brand=BRANDS[k % 3] if k < 18 else "",
        price=10.0 * (1 + k // 8),
        attributes={"size": "large"} if k == 0 else {},
    )
    for k in range(N)
]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> ItemIndex:
    documents = [item_document(item) for item in SHOP]
    return index_of(
        build_toy_snapshot(tmp_path_factory.mktemp("shop"), N, documents=documents, columns=columns_of(SHOP))
    )


def rows(index: ItemIndex, ids: Sequence[int] = range(N)) -> list[int]:
    return [row for k in ids if (row := index.position(f"i{k}")) is not None]


def test_the_facet_that_tells_most_is_asked_about(index: ItemIndex) -> None:
    """Three brands and none tell more than two colours; the category and the size tell nothing."""
    found = question(index, rows(index), Constraints(), "en")
    assert found is not None
    assert (found.about, found.text) == ("brand", "Of which brand?")
    assert {option.text: option.items for option in found.options} == dict.fromkeys(BRANDS, 6)
    told = question(index, rows(index), Constraints(asked=("brand",)), "zh")
    assert told is not None
    assert (told.about, told.text) == ("price", "预算大约多少？")


def test_what_holds_is_not_asked(index: ItemIndex) -> None:
    conditions = (Condition("brand", 'brand = "Acme"', "Acme"), Condition("price_to", "price <= 20", "under 20"))
    found = question(index, rows(index), Constraints(conditions=conditions), "en")
    assert found is not None
    assert found.about == "colour"
    assert {option.text for option in found.options} == {"red", "blue"}
    assert question(index, rows(index), Constraints(conditions=conditions, asked=("colour",)), "en") is None


def test_every_option_leaves_what_it_says(index: ItemIndex) -> None:
    for asked in ((), ("brand",), ("brand", "price")):
        found = question(index, rows(index), Constraints(asked=asked), "en")
        assert found is not None
        for option in found.options:
            assert int(mask_of(expression(option.filter or ""), index, FilterContext(0)).sum()) >= option.items > 0


def test_few_candidates_or_equal_ones_need_no_question(index: ItemIndex) -> None:
    assert question(index, rows(index, range(FEWEST - 1)), Constraints(), "en") is None
    alike = rows(index, range(0, 8, 2))
    assert question(index, alike * 2, Constraints(asked=("brand",)), "en") is None


def test_an_answer_is_worth_its_entropy() -> None:
    even = np.full(4, 0.25)
    assert gain([["a"], ["a"], ["b"], ["b"]], even) == pytest.approx(1.0)
    assert gain([["a"], ["b"], ["c"], ["d"]], even) == pytest.approx(2.0)
    assert gain([["a", "b"]] * 4, even) == pytest.approx(0.0)  # whichever is said, it leaves all
    assert gain([["a"], [], [], []], even) == pytest.approx(-(0.25 * math.log2(0.25) + 0.75 * math.log2(0.75)))


def test_where_nothing_fits_it_is_asked_what_may_go(index: ItemIndex) -> None:
    held = Constraints(
        conditions=(Condition("brand", 'brand = "Acme"', "Acme"), Condition("price_to", "price <= 5", "under 5")),
        exclude=("blue",),
    )
    found = drop_question(index, held, FilterContext(0), "en")
    assert found is not None
    assert (found.about, [(o.text, o.items) for o in found.options]) == ("drop", [("under 5", 3)])
    assert drop_question(index, Constraints(), FilterContext(0), "en") is None
