from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from endcap.events.counts import PEOPLE
from endcap.events.interaction import Interaction
from endcap.events.types import EVENT_TYPES
from endcap.profiles.demand import MOST_A_DAY, demand_changes
from endcap.profiles.identity import apply_events
from tests.fakes.profile_store import MemoryProfiles

DAY_MS = 86_400_000
NOW_MS = 20_000 * DAY_MS + 1_000


def event(kind, at_ms=NOW_MS, item_id="a", event_id=None, order_id=None):
    return Interaction(event_id or f"{kind} {item_id} {at_ms}", "u", kind, at_ms, item_id, order_id=order_id)


def counted(*batches, store=None):
    """What batches change in the counts of events, by name."""
    return {name: n for name, n in changed(*batches, store=store).items() if name[0] != PEOPLE}


def changed(*batches, store=None):
    """The same with the shoppers of each item."""
    store, total = store or MemoryProfiles(), Counter()

    def took(new, before, after):
        for change in demand_changes(new, before, after, EVENT_TYPES):
            total[change.name] += change.by

    for batch in batches:
        apply_events(batch, store, took=took)
    return {name: n for name, n in total.items() if n}


def test_of_what_one_shopper_does_with_an_item_on_a_day_three_events_count():
    views = [event("view", NOW_MS + n) for n in range(400)]
    assert counted(*(views[n : n + 100] for n in range(0, 400, 100))) == {"da": MOST_A_DAY}
    assert counted(views[:2], [event("view", NOW_MS + DAY_MS + n) for n in range(5)]) == {"da": 2 + MOST_A_DAY}
    assert counted([event("click", NOW_MS + n) for n in range(9)]) == {"da": MOST_A_DAY, "ca": MOST_A_DAY}


def test_what_is_given_back_is_taken_out_of_the_counts():
    bought = [event("view", NOW_MS), event("purchase", NOW_MS + 1), event("view", NOW_MS, "b")]
    returned = [event("return", NOW_MS + 2)]
    assert counted(bought) == {"da": 2, "db": 1}
    assert counted(bought, returned) == {"db": 1}
    assert counted(returned, bought) == {"db": 1}
    assert counted([*returned, *bought]) == {"db": 1}
    assert counted([event("add_to_cart")], [event("remove_from_cart", NOW_MS + 5)]) == {}


def test_a_refund_of_an_order_takes_all_of_it_out():
    bought = [event("purchase", NOW_MS, item, order_id="T") for item in "ab"]
    refund = [Interaction("r", "u", "return", NOW_MS + 9, order_id="T")]
    assert counted(bought, refund) == {} == counted(refund, bought)


def test_dislikes_count_as_nothing_and_impressions_as_showings():
    assert counted([event("dislike"), event("impression"), event("impression", NOW_MS + 5)]) == {"ia": 1}


def test_a_shopper_is_one_of_an_items_people_once_until_it_is_given_back():
    bought = [
        event("view", NOW_MS),
        event("purchase", NOW_MS + DAY_MS),
        event("view", NOW_MS, "b"),
        event("dislike", NOW_MS, "c"),
    ]
    returned = [event("return", NOW_MS + 2 * DAY_MS)]
    assert changed(bought, [event("view", NOW_MS - DAY_MS)]) == {"da": 3, "db": 1, "pa": 1, "pb": 1}
    assert changed(bought, returned) == changed(returned, bought) == {"db": 1, "pb": 1}


kinds = st.sampled_from(["view", "click", "add_to_cart", "remove_from_cart", "purchase", "return"])
events = st.lists(st.tuples(kinds, st.integers(0, 9), st.sampled_from("ab")), max_size=12, unique=True)


@given(events, st.data())
def test_neither_order_nor_batches_nor_repeats_change_what_is_counted(found, data):
    made = [event(kind, NOW_MS + at * DAY_MS // 4, item) for kind, at, item in found]
    shuffled = data.draw(st.permutations(made))
    cut = data.draw(st.integers(0, len(made)))
    assert changed(shuffled[:cut], shuffled, shuffled[cut:]) == changed(made)
