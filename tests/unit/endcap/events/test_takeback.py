from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.events.takeback import Act, taken_back

HOODIE, MUG = "hoodie", "mug"


def held(*acts):
    """What of (time, type, thing, order?) still holds."""
    made = [Act(*act) for act in acts]
    taken = taken_back(made)
    return [(act.at_ms, act.event_type) for number, act in enumerate(made) if number not in taken]


def test_a_return_takes_its_purchase_and_what_led_to_it():
    assert held(
        (1, "view", HOODIE),
        (2, "add_to_cart", HOODIE),
        (3, "purchase", HOODIE),
        (4, "view", HOODIE),
        (5, "return", HOODIE),
    ) == [(5, "return")]


def test_what_was_said_outright_and_what_comes_after_stays():
    assert held((1, "like", MUG), (2, "purchase", MUG), (3, "rating", MUG), (4, "return", MUG), (5, "view", MUG)) == [
        (1, "like"),
        (3, "rating"),
        (4, "return"),
        (5, "view"),
    ]


def test_a_return_takes_one_purchase_the_newest():
    assert held((1, "view", MUG), (2, "purchase", MUG), (3, "view", MUG), (4, "purchase", MUG), (5, "return", MUG)) == [
        (1, "view"),
        (2, "purchase"),
        (5, "return"),
    ]


def test_a_return_of_the_same_moment_takes_its_purchase_and_one_of_before_does_not():
    assert held((1, "return", MUG), (1, "purchase", MUG)) == [(1, "return")]
    assert held((1, "return", MUG), (2, "purchase", MUG)) == [(1, "return"), (2, "purchase")]


def test_a_return_takes_the_purchase_of_its_order():
    assert held((1, "purchase", MUG, "A"), (2, "purchase", MUG, "B"), (3, "return", MUG, "A")) == [
        (2, "purchase"),
        (3, "return"),
    ]


def test_a_return_takes_a_purchase_of_an_unknown_order_but_none_of_another():
    assert held((1, "purchase", MUG), (2, "return", MUG, "A")) == [(2, "return")]
    assert held((1, "purchase", MUG, "B"), (2, "return", MUG, "A")) == [(1, "purchase"), (2, "return")]


def test_a_refund_takes_all_of_its_order_whichever_comes_first():
    acts = [
        (1, "purchase", MUG, "A"),
        (1, "purchase", HOODIE, "A"),
        (2, "purchase", MUG, "B"),
        (3, "return", None, "A"),
    ]
    assert held(*acts) == [(2, "purchase"), (3, "return")]
    assert held((0, "return", None, "A"), *acts[:3]) == [(0, "return"), (2, "purchase")]
    assert held((0, "return", MUG, "A"), *acts[:3]) == [(0, "return"), (1, "purchase"), (2, "purchase")]


def test_taking_out_of_the_cart_takes_what_was_put_in():
    assert held((1, "view", MUG), (2, "add_to_cart", MUG), (3, "add_to_cart", MUG), (4, "remove_from_cart", MUG)) == [
        (1, "view"),
        (4, "remove_from_cart"),
    ]


def test_a_cart_that_is_emptied_after_the_order_takes_nothing():
    assert held((1, "add_to_cart", MUG), (2, "purchase", MUG), (3, "remove_from_cart", MUG)) == [
        (1, "add_to_cart"),
        (2, "purchase"),
        (3, "remove_from_cart"),
    ]


def test_a_return_takes_the_purchase_of_its_very_item_and_else_that_of_another_variant():
    red, blue = (1, "purchase", HOODIE, None, "red"), (2, "purchase", HOODIE, None, "blue")
    assert held(red, blue, (3, "return", HOODIE, None, "red")) == [(2, "purchase"), (3, "return")]
    assert held(red, blue, (3, "return", HOODIE, None, "blue")) == [(1, "purchase"), (3, "return")]
    assert held(red, blue, (3, "return", HOODIE, None, "green")) == [(1, "purchase"), (3, "return")]


def test_the_order_of_a_return_says_more_than_its_variant():
    red, blue = (1, "purchase", HOODIE, "A", "red"), (2, "purchase", HOODIE, "B", "blue")
    assert held(red, blue, (3, "return", HOODIE, "A", "blue")) == [(2, "purchase"), (3, "return")]


def test_an_exchange_in_the_cart_leaves_what_was_put_there_instead():
    cart = (1, "add_to_cart", HOODIE, None, "M"), (2, "add_to_cart", HOODIE, None, "L")
    assert held(*cart, (3, "remove_from_cart", HOODIE, None, "M")) == [(2, "add_to_cart"), (3, "remove_from_cart")]
    assert held(*cart, (3, "remove_from_cart", HOODIE, None, "S")) == [(3, "remove_from_cart")]


acts = st.lists(
    st.builds(
        Act,
        st.integers(0, 8),
        st.sampled_from(["view", "add_to_cart", "remove_from_cart", "purchase", "return", "rating"]),
        st.sampled_from([HOODIE, MUG]),
        st.sampled_from([None, "A", "B"]),
        st.sampled_from(["red", "blue", "green"]),
    )
    | st.builds(Act, st.integers(0, 8), st.just("return"), st.none(), st.sampled_from(["A", "B"])),
    max_size=14,
)


@given(acts, st.data())
def test_the_order_of_arrival_says_nothing(found, data):
    def left(listed):
        taken = taken_back(listed)
        return sorted(map(str, (act for number, act in enumerate(listed) if number not in taken)))

    assert left(found) == left(data.draw(st.permutations(found)))


@settings(max_examples=60)
@given(acts, st.integers(0, 8))
def test_a_history_cut_anywhere_tells_the_same_up_to_there(found, until_ms):
    early = [act for act in found if act.at_ms <= until_ms]
    numbers = [number for number, act in enumerate(found) if act.at_ms <= until_ms]
    whole = {number for number, at_ms in taken_back(found).items() if at_ms <= until_ms}
    assert {numbers[number] for number in taken_back(early)} == whole
