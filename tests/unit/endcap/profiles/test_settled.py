from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from endcap.events.interaction import Interaction
from endcap.identifiers import order_key
from endcap.profiles.codec import FORMAT_OF_IDENTITIES, FORMAT_OF_ORDERS, decode_profile, encode_profile
from endcap.profiles.profile import EMPTY_PROFILE, merge, profile_of
from endcap.profiles.settled import settled


def event(kind, at_ms, item_id="a", order_id=None):
    return Interaction(f"{kind} {at_ms} {item_id} {order_id}", "u", kind, at_ms, item_id, order_id=order_id)


events = st.lists(
    st.builds(
        event,
        st.sampled_from(["view", "add_to_cart", "remove_from_cart", "purchase", "return"]),
        st.integers(0, 20),
        st.sampled_from("abc"),
        st.sampled_from([None, "A", "B"]),
    )
    | st.builds(event, st.just("return"), st.integers(0, 20), st.none(), st.sampled_from(["A", "B"])),
    max_size=20,
)


@given(events, st.data())
def test_a_refund_that_arrives_before_its_purchase_gives_the_same_profile(found, data):
    in_order = profile_of(sorted(found, key=lambda e: e.timestamp_ms))
    arrived = EMPTY_PROFILE
    for each in data.draw(st.permutations(found)):
        arrived = merge(arrived, profile_of([each]))
    assert arrived == in_order
    assert encode_profile(arrived) == encode_profile(in_order)
    assert settled(arrived.interactions) == settled(in_order.interactions)
    assert decode_profile(encode_profile(arrived)) == arrived


def test_purchases_keep_four_bytes_of_their_order():
    plain, ordered = (profile_of([event("purchase", 1, order_id=order)]) for order in (None, "order-0815"))
    assert ordered.strong[0].order == order_key("order-0815")
    assert len(encode_profile(ordered)) - len(encode_profile(plain)) == 4
    assert (encode_profile(plain)[0], encode_profile(ordered)[0]) == (FORMAT_OF_IDENTITIES, FORMAT_OF_ORDERS)
    assert profile_of([event("view", 1, order_id="order-0815")]).interactions[0].order == b""


def test_rows_of_before_orders_are_read_and_given_back_by_item():
    older = decode_profile(encode_profile(profile_of([event("purchase", 1)])))
    profile = merge(older, profile_of([event("return", 2, order_id="A")]))
    assert [e.event_type for e in settled(profile.interactions)] == ["return"]


def test_variants_are_given_back_as_one_thing():
    profile = profile_of([event("purchase", 1, "red"), event("return", 2, "blue")])
    assert settled(profile.interactions) == profile.interactions
    assert [e.event_type for e in settled(profile.interactions, lambda _: 7)] == ["return"]


def test_a_refund_of_an_order_stays_as_long_as_its_purchases():
    profile = profile_of([event("purchase", 1, order_id="A"), event("return", 2, None, "A")])
    assert {e.item_id for e in profile.interactions} == {"a", ""} == {e.item_id for e in profile.strong}
    assert not settled(replace(profile, strong=()).interactions)[0].item_id
