import pytest

from endcap.batch import Deadline, retryable
from endcap.catalog import bulk
from endcap.catalog.bulk import MAX_ITEMS, WRITERS, apply_bulk, named_item, put
from endcap.catalog.item import Item
from endcap.errors import DependencyError, InvalidItemError, InvalidRequestError, ThrottledError
from tests.fakes.odd_errors import ALL


class Shelf:
    """Keeps items; some it can't take now."""

    def __init__(self, *busy):
        self.items, self.busy = {}, busy

    def get(self, item_id):
        return self.items.get(item_id)

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


@pytest.mark.parametrize("exc", ALL, ids=lambda exc: type(exc).__name__)
@pytest.mark.parametrize("step", ["read", "write"])
def test_whatever_is_raised_over_one_item_the_others_are_stored(step, exc, monkeypatch):
    shelf = Shelf()
    owner, name = (bulk, "parse_item") if step == "read" else (shelf, "put")
    call = getattr(owner, name)

    def over(thing, *rest):
        if "doomed" in str(thing):
            raise exc
        return call(thing, *rest)

    monkeypatch.setattr(owner, name, over)
    outcome = apply_bulk({"items": [{"item_id": "a"}, {"item_id": "doomed"}, {"item_id": "b"}]}, shelf)
    assert (outcome.accepted, set(shelf.items)) == (2, {"a", "b"})
    assert [(r["index"], r["retryable"]) for r in outcome.rejected] == [(1, retryable(exc))]


def test_a_dead_catalogue_is_asked_a_few_times_only():
    asked = []

    class Dead:
        def get(self, item_id):
            return None

        def put(self, item):
            asked.append(item)
            raise DependencyError("no answer")

    outcome = apply_bulk({"items": [{"item_id": f"i{n}"} for n in range(500)]}, Dead())
    assert len(asked) <= 2 * WRITERS
    assert (outcome.accepted, len(outcome.rejected)) == (0, 500)
    assert all(r["retryable"] for r in outcome.rejected)


def test_when_half_of_the_time_is_over_the_rest_may_be_sent_again(monkeypatch):
    class Time:
        left_ms = 10_000

        def get_remaining_time_in_millis(self):
            return self.left_ms

    shelf, time, deadline = Shelf(), Time(), Deadline()
    put = shelf.put

    def slow(item):
        time.left_ms -= 100
        return put(item)

    monkeypatch.setattr(bulk, "WRITERS", 1)
    monkeypatch.setattr(shelf, "put", slow)
    with deadline.within(time):
        outcome = apply_bulk({"items": [{"item_id": f"i{n}"} for n in range(500)]}, shelf, deadline)
    assert outcome.accepted == len(shelf.items) == 51
    assert [r["index"] for r in outcome.rejected] == list(range(51, 500))
    assert all(r["retryable"] for r in outcome.rejected)


def test_what_was_left_out_of_accepted_items_is_told_with_their_number():
    body = {"items": [{"item_id": "a", "price": "19,99"}, {"price": "free"}, {"id": 7001, "prise": 3}]}
    outcome = apply_bulk(body, Shelf())
    assert (outcome.accepted, [r["index"] for r in outcome.rejected]) == (2, [1])
    assert [(w["index"], w["field"]) for w in outcome.warnings] == [(0, "price"), (2, "prise")]


def test_warnings_end_somewhere():
    outcome = apply_bulk({"items": [{"item_id": f"i{n}", "price": "free"} for n in range(500)]}, Shelf())
    assert (outcome.accepted, len(outcome.warnings)) == (500, 100)


def test_an_item_does_not_lose_its_title():
    shelf = Shelf()
    assert put(Item("a"), shelf)  # one that has none yet may come without
    assert put(Item("a", "Lamp"), shelf)
    with pytest.raises(InvalidItemError, match="PATCH changes what it names"):
        put(Item("a", available=False), shelf)
    outcome = apply_bulk({"items": [{"item_id": "a", "available": False}, {"item_id": "b", "available": False}]}, shelf)
    assert (outcome.accepted, shelf.items["a"]) == (1, Item("a", "Lamp"))
    assert [(r["index"], r["retryable"], r["errors"][0]["field"]) for r in outcome.rejected] == [(0, False, "title")]
