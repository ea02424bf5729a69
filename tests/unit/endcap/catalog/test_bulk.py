import pytest

from endcap.catalog.bulk import MAX_ITEMS, apply_bulk, named_item
from endcap.catalog.item import Item
from endcap.errors import InvalidItemError, InvalidRequestError, ThrottledError


class Shelf:
    """Keeps items; some it can't take now."""

    def __init__(self, *busy):
        self.items, self.busy = {}, busy

    def put(self, item):
        if item.item_id in self.busy:
            raise ThrottledError("slow down")
        changed = self.items.get(item.item_id) != item
        self.items[item.item_id] = item
        return changed


@pytest.mark.parametrize("names", [{}, {"item_id": "a"}, {"id": "a"}, {"item_id": None}, {"item_id": ""}, {"id": None}])
def test_the_path_names_the_item_and_the_body_may(names):
    assert named_item("a", {"title": "Lamp", **names}) == Item("a", "Lamp")


@pytest.mark.parametrize("names", [{"item_id": "b"}, {"id": "b"}, {"item_id": "a", "id": "b"}, {"id": 3}])
def test_a_body_that_names_another_item_is_refused(names):
    with pytest.raises(InvalidItemError):
        named_item("a", {"title": "Lamp", **names})


def test_an_id_may_be_spelt_in_another_normal_form():
    assert named_item("caf\u00e9", {"item_id": "cafe\u0301"}).item_id == "caf\u00e9"


@pytest.mark.parametrize("body", [None, [], "lamp"])
def test_a_named_item_is_an_object(body):
    with pytest.raises(InvalidItemError):
        named_item("a", body)


def test_usable_items_are_stored_and_the_others_listed_with_reasons():
    shelf = Shelf()
    outcome = apply_bulk({"items": [{"item_id": "a"}, {"title": "no id"}, 3, {"id": "b"}]}, shelf)
    assert (outcome.accepted, outcome.changed, set(shelf.items)) == (2, 2, {"a", "b"})
    assert [(r["index"], r["retryable"]) for r in outcome.rejected] == [(1, False), (2, False)]


def test_of_two_with_one_id_the_later_counts():
    shelf = Shelf()
    outcome = apply_bulk({"items": [{"item_id": "a", "price": 1}, {"item_id": "a", "price": 2}]}, shelf)
    assert (outcome.accepted, outcome.changed) == (2, 1)
    assert shelf.items["a"].price == 2


def test_items_that_were_just_so_count_as_accepted_but_not_as_changed():
    shelf = Shelf()
    body = {"items": [{"item_id": "a"}, {"item_id": "b"}]}
    apply_bulk(body, shelf)
    assert (apply_bulk(body, shelf).accepted, apply_bulk(body, shelf).changed) == (2, 0)


def test_items_that_were_not_taken_may_be_sent_again():
    outcome = apply_bulk(
        {"items": [{"item_id": "a"}, {"item_id": "busy"}, {"item_id": "busy", "price": 1}]}, Shelf("busy")
    )
    assert outcome.accepted == 1
    assert [(r["index"], r["retryable"]) for r in outcome.rejected] == [(1, True), (2, True)]


@pytest.mark.parametrize(
    "body", [None, [], {}, {"items": None}, {"items": {}}, {"items": []}, {"items": [{}] * (MAX_ITEMS + 1)}]
)
def test_a_body_holds_one_to_five_hundred_items(body):
    with pytest.raises(InvalidRequestError):
        apply_bulk(body, Shelf())
