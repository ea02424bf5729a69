from __future__ import annotations

from collections.abc import Collection
from itertools import permutations

import pytest

from endcap.catalog.item import Item
from endcap.errors import DependencyError
from endcap.shops.message import Product
from endcap.shops.products import stock


class Shop:
    """Items and products in memory."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.told: dict[str, tuple[int, frozenset[str]]] = {}
        self.fails = False

    def put(self, item: Item) -> bool:
        if self.fails and item.item_id == "b":
            raise DependencyError("down")
        changed = self.items.get(item.item_id) != item
        self.items[item.item_id] = item
        return changed

    def delete(self, item_id: str) -> bool:
        return self.items.pop(item_id, None) is not None

    def begin(self, key: str, at_ms: int) -> frozenset[str] | None:
        before_ms, parts = self.told.get(key, (-1, frozenset[str]()))
        if before_ms > at_ms:
            return None
        self.told[key] = at_ms, parts
        return parts

    def finish(self, key: str, at_ms: int, item_ids: Collection[str]) -> None:
        if self.told[key][0] == at_ms:
            self.told[key] = at_ms, frozenset(item_ids)


def product(at_ms: int, *ids: str) -> Product:
    return Product("p", at_ms, tuple({"item_id": name, "title": f"{name} of {at_ms}"} for name in ids))


WORDS = (product(1, "a", "b"), product(2, "b", "c"), product(3), product(4, "c"))


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_newest_word_counts_in_whatever_order_they_come(order: tuple[int, ...]) -> None:
    shop = Shop()
    for index in order:
        stock(WORDS[index], shop, shop)
    assert {name: item.title for name, item in shop.items.items()} == {"c": "c of 4"}


def test_the_same_word_again_changes_nothing() -> None:
    shop = Shop()
    assert stock(WORDS[0], shop, shop).changed == 2
    assert stock(WORDS[0], shop, shop).changed == 0


def test_a_word_that_was_cut_off_is_taken_again_whole() -> None:
    shop = Shop()
    stock(WORDS[0], shop, shop)
    shop.fails = True
    with pytest.raises(DependencyError):
        stock(WORDS[1], shop, shop)
    shop.fails = False
    stock(WORDS[1], shop, shop)
    assert set(shop.items) == {"b", "c"}


def test_items_that_can_not_be_used_leave_the_others_and_what_was_there() -> None:
    shop = Shop()
    stock(WORDS[0], shop, shop)
    outcome = stock(Product("p", 9, ({"item_id": "x" * 600},)), shop, shop)
    assert (outcome.changed, len(outcome.warnings), set(shop.items)) == (0, 1, {"a", "b"})
