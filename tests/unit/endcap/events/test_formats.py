"""Events of GA4, Segment and CloudEvents become Endcap's own."""

import base64
import json

import pytest

from endcap.errors import InvalidInteractionError, InvalidRequestError
from endcap.events.collect import collect
from endcap.events.formats import MAX_PARTS, adapted, read_event, sent_events
from endcap.events.types import EVENT_TYPES, event_types

NOW_MS = 1_768_471_200_000
AT_MS = NOW_MS - 60_000
ISO = "2026-01-15T09:59:00Z"
VIEW = {"user_id": "u", "event_type": "view", "item_id": "i"}


def read(raw, kinds=EVENT_TYPES):
    return read_event(raw, NOW_MS, kinds)


def all_of(body):
    return [interaction for raw in sent_events(body) for interaction in read(raw)]


def ga4(name, *, user_id=None, **params):
    payload = {"client_id": "c.1", "timestamp_micros": AT_MS * 1000, "events": [{"name": name, "params": params}]}
    return payload | ({"user_id": user_id} if user_id else {})


def segment(event, **properties):
    return {
        "type": "track",
        "event": event,
        "userId": "u",
        "anonymousId": "a",
        "messageId": "m-1",
        "timestamp": ISO,
        "properties": properties,
    }


def cloud(data, **attributes):
    envelope = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "shop.event", "time": ISO, "data": data}
    return envelope | attributes


def complaints(raw):
    with pytest.raises(InvalidInteractionError) as caught:
        read(raw)
    return {error["field"]: error["message"] for error in caught.value.errors}


class ListQueue:
    def __init__(self, *refused):
        self.sent, self.refused = [], refused

    def send(self, documents):
        self.sent = list(documents)
        return list(self.refused)


# ---- Endcap's own


@pytest.mark.parametrize("own", [VIEW, {}, None, "x", 3, [], {"type": "track"}, {"type": []}, {"events": [VIEW]}])
def test_own_events_and_nonsense_pass_as_they_are(own):
    (same,) = adapted(own)
    assert same is own


def test_an_own_event_stays_one_whatever_else_it_carries():
    own = {**VIEW, "type": "track", "messageId": "m", "specversion": "1.0", "name": "purchase"}
    assert adapted(own) == [own]
    assert sent_events({"user_id": "u", "events": [own]}) == [own]


@pytest.mark.parametrize("body", [None, [], {}, "x", [VIEW], VIEW, {"events": {}}, {"batch": [VIEW]}])
def test_other_bodies_hold_no_events(body):
    assert sent_events(body) is None


# ---- GA4


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("view_item", "view"),
        ("select_item", "click"),
        ("view_item_list", "impression"),
        ("select_promotion", "click"),
        ("add_to_cart", "add_to_cart"),
        ("remove_from_cart", "remove_from_cart"),
        ("add_to_wishlist", "wishlist"),
        ("begin_checkout", "add_to_cart"),
        ("purchase", "purchase"),
        ("refund", "return"),
    ],
)
def test_ga4_names_say_what_was_done(name, kind):
    (found,) = read(ga4(name, items=[{"item_id": "sku-1"}]))
    assert (found.event_type, found.item_id, found.user_id, found.timestamp_ms) == (kind, "sku-1", "anon:c.1", AT_MS)


def test_a_ga4_purchase_is_one_interaction_an_item():
    items = [{"item_id": "a", "price": 2.5, "quantity": 4}, {"item_id": "b", "price": 3}, {"item_id": "c"}]
    found = read(ga4("purchase", user_id="ann", transaction_id="T1", value=13, currency="EUR", items=items))
    assert [(i.item_id, i.value) for i in found] == [("a", 2.5 * 4), ("b", 3), ("c", None)]
    assert {(i.user_id, i.anonymous_id) for i in found} == {("ann", "c.1")}
    assert found[0].properties == {"transaction_id": "T1", "currency": "EUR", "price": 2.5, "quantity": 4}
    assert len({i.event_id for i in found}) == 3


def test_an_order_sent_again_keeps_its_ids_whatever_the_order_and_the_time():
    items = [{"item_id": "a"}, {"item_id": "b"}, {"item_id": "a"}]
    first = read(ga4("purchase", transaction_id="T1", items=items))
    again = read({**ga4("purchase", transaction_id="T1", items=items[::-1]), "timestamp_micros": NOW_MS * 1000})
    assert {i.event_id for i in first} == {i.event_id for i in again}
    assert len({i.event_id for i in first}) == 3
    assert {i.event_id for i in first}.isdisjoint(
        i.event_id for i in read(ga4("refund", transaction_id="T1", items=items))
    )


def test_ga4_events_without_an_id_are_known_by_their_content():
    views = [read(ga4("view_item", items=[{"item_id": item}]))[0].event_id for item in ("a", "a", "b")]
    assert views[0] == views[1] != views[2]


def test_ga4_lists_give_impressions_with_places_from_one():
    items = [{"item_id": "a", "index": 0}, {"item_id": "b", "index": 1}, {"item_id": "c"}]
    found = read(ga4("view_item_list", item_list_id="home", recommendation_id="r-1", items=items))
    assert [i.position for i in found] == [1, 2, None]
    assert {(i.event_type, i.recommendation_id, i.properties["item_list_id"]) for i in found} == {
        ("impression", "r-1", "home")
    }


def test_ga4_searches_carry_their_words():
    for name in ("search", "view_search_results"):
        (found,) = read(ga4(name, search_term="red mug", session_id=1234))
        assert (found.event_type, found.text, found.session_id) == ("search", "red mug", "1234")


def test_a_ga4_login_tells_who_the_client_is():
    (found,) = read(ga4("login", user_id="ann", method="mail"))
    assert (found.event_type, found.user_id, found.anonymous_id) == ("identify", "ann", "c.1")
    assert read(ga4("login", method="mail")) == []


def test_an_events_own_time_comes_before_the_payloads():
    payload = ga4("view_item", items=[{"item_id": "a"}])
    payload["events"][0]["timestamp_micros"] = str((AT_MS - 5_000) * 1000)
    assert read(payload)[0].timestamp_ms == AT_MS - 5_000


@pytest.mark.parametrize("name", ["page_view", "scroll", "session_start", "add_payment_info", "view_cart", "share"])
def test_ga4_events_that_are_about_no_item_become_none(name):
    assert read(ga4(name, page_title="Home")) == []


def test_a_custom_ga4_event_counts_where_it_has_a_weight():
    payload = ga4("try_on", item_id="a")
    assert read(payload, event_types({"try_on": 0.5}))[0].event_type == "try_on"
    assert complaints(payload) == {"event_type": "'try_on' is no known event type"}


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (ga4("purchase"), "params.items"),
        (ga4("purchase", items="a"), "params.items"),
        (ga4("purchase", items=["a"]), "params.items.0"),
        (ga4("purchase", items=[{"item_name": "Mug"}]), "params.items.0.item_id"),
        (ga4("purchase", items=[{"item_id": "b" * 129}]), "item_id"),
        (ga4("view_search_results"), "text"),
        ({**ga4("view_item", item_id="a"), "timestamp_micros": "now"}, "timestamp_micros"),
        ({**ga4("view_item", item_id="a"), "timestamp_micros": 10**400}, "timestamp_micros"),
        ({"client_id": "c", "events": [{"name": "view_item", "params": []}]}, "params"),
        ({"client_id": "c", "events": [{"name": "x"}, {"params": {}}]}, "name"),
        ({"client_id": {}, "events": [{"name": "view_item", "params": {"item_id": "a"}}]}, "user_id"),
    ],
)
def test_unusable_ga4_events_say_where(payload, field):
    assert list(complaints(payload)) == [field]


# ---- Segment


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("Product Viewed", "view"),
        ("Product Clicked", "click"),
        ("Product Added", "add_to_cart"),
        ("Product Removed", "remove_from_cart"),
        ("Product Added to Wishlist", "wishlist"),
        ("Product Shared", "share"),
    ],
)
def test_segment_events_say_what_was_done(event, kind):
    (found,) = read(segment(event, product_id="p-1", sku="s-1", price="19.5", quantity=2, position=3))
    assert (found.event_type, found.item_id, found.value, found.position) == (kind, "p-1", 39.0, 3)
    assert (found.user_id, found.anonymous_id, found.timestamp_ms) == ("u", "a", AT_MS)
    assert read(segment(event, sku="s-1"))[0].item_id == "s-1"


@pytest.mark.parametrize(
    ("event", "kind"),
    [("Order Completed", "purchase"), ("Order Refunded", "return"), ("Product List Viewed", "impression")],
)
def test_segment_lists_are_one_interaction_a_product(event, kind):
    products = [{"product_id": "a", "position": 1}, {"product_id": 17}, {"product_id": "a"}]
    found = read(segment(event, order_id="o-1", products=products))
    assert [(i.event_type, i.item_id) for i in found] == [(kind, "a"), (kind, "17"), (kind, "a")]
    assert len({i.event_id for i in found}) == 3
    assert [i.event_id for i in found] == [i.event_id for i in read(segment(event, order_id="o-1", products=products))]


def test_segment_searches_and_reviews_carry_their_words():
    (search,) = read(segment("Products Searched", query="blue jeans"))
    assert (search.event_type, search.text) == ("search", "blue jeans")
    (review,) = read(segment("Product Reviewed", product_id="p", review_body="很好", rating="5", price=10))
    assert (review.event_type, review.item_id, review.text, review.value) == ("review", "p", "很好", 5.0)
    assert read(segment("Product Reviewed", product_id="p", price=10))[0].value is None


def test_segment_calls_tell_who_somebody_is():
    call = {"type": "identify", "userId": "u", "anonymousId": "a", "messageId": "m", "traits": {"plan": "x"}}
    (found,) = read(call)
    assert (found.event_type, found.user_id, found.anonymous_id) == ("identify", "u", "a")
    (found,) = read({"type": "alias", "userId": "u", "previousId": "old", "messageId": "m"})
    assert (found.event_type, found.user_id, found.anonymous_id) == ("identify", "u", "old")
    assert read({"type": "identify", "userId": "u", "messageId": "m"}) == []
    assert read({"type": "identify", "anonymousId": "a", "messageId": "m"}) == []


def test_an_anonymous_call_is_the_anonymous_ids_own():
    call = segment("Product Viewed", product_id="p")
    del call["userId"]
    assert (read(call)[0].user_id, read(call)[0].anonymous_id) == ("anon:a", "a")


@pytest.mark.parametrize(
    "call",
    [
        {"type": "page", "userId": "u", "name": "Home"},
        {"type": "group", "userId": "u", "groupId": "g"},
        segment("Signed Up", plan="x"),
        segment("Cart Viewed", products=[{"product_id": "p"}]),
        segment("Promotion Viewed", promotion_id="x"),
    ],
)
def test_segment_calls_that_are_about_no_item_become_none(call):
    assert read(call) == []


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (segment("Product Viewed"), "properties.product_id"),
        (segment("Order Completed", products=[{}]), "properties.products.0.product_id"),
        (segment("Order Completed", products={}), "properties.products"),
        (segment("Order Completed", products=[3]), "properties.products.0"),
        (segment("Tried \ud800", products=[{}]), "properties.products.0.product_id"),
        ({**segment("x"), "event": None}, "event"),
        ({**segment("x"), "properties": []}, "properties"),
        ({**segment("Product Viewed", product_id="p"), "timestamp": "now"}, "timestamp"),
        (segment("Product Reviewed", product_id="p", rating=10), "value"),
    ],
)
def test_unusable_segment_calls_say_where(call, field):
    found = complaints(call)
    assert list(found) == [field]
    json.dumps(found, ensure_ascii=False).encode()


# ---- CloudEvents


def test_foreign_events_say_where_the_shopper_came_from():
    page = "https://www.search.example/?q=" + "cups" * 100
    context = {"device": {"type": "mobile"}, "location": {"country": "DE"}, "page": {"referrer": page}}
    (call,) = read(segment("Product Viewed", product_id="i") | {"context": context})
    assert call.properties == {"device": "mobile", "country": "DE", "referrer": "search.example"}
    about = {"device": {"category": "desktop"}, "user_location": {"country_id": "CN"}}
    (event,) = read(ga4("view_item", items=[{"item_id": "i"}], page_referrer=page) | about)
    assert event.properties == {"device": "desktop", "country": "CN", "referrer": "search.example"}
    for odd in ({"context": 1}, {"context": {"device": "x", "location": {"country": ["DE"]}}}):
        assert not read(segment("Product Viewed", product_id="i") | odd)[0].properties


def test_an_envelope_gives_its_id_and_time_to_what_has_none():
    (found,) = read(cloud(VIEW))
    assert (found.user_id, found.event_type, found.timestamp_ms) == ("u", "view", AT_MS)
    assert read(cloud(VIEW))[0].event_id == found.event_id
    assert read(cloud(VIEW, id="2"))[0].event_id != found.event_id
    assert read(cloud(VIEW, source="/app"))[0].event_id != found.event_id
    (own,) = read(cloud({**VIEW, "event_id": "e", "timestamp": NOW_MS, "item_id": "j"}))
    assert (own.event_id, own.timestamp_ms, own.item_id) == ("e", NOW_MS, "j")


def test_an_envelope_may_hold_several_events():
    found = read(cloud({"events": [VIEW, {**VIEW, "event_id": "e"}, VIEW]}))
    assert len({i.event_id for i in found}) == 3
    assert found == read(cloud([VIEW, {**VIEW, "event_id": "e"}, VIEW]))


def test_an_envelope_may_hold_the_formats_of_others():
    items = [{"item_id": "a"}, {"item_id": "b"}]
    views = [{"name": "view_item", "params": {"item_id": "a"}}] * 2
    found = read(cloud({"client_id": "c", "events": [{"name": "purchase", "params": {"items": items}}, *views]}))
    assert [i.item_id for i in found] == ["a", "b", "a", "a"]
    assert len({i.event_id for i in found}) == 4
    payload = ga4("view_item", item_id="a")
    payload["events"] *= 2
    assert len({i.event_id for i in read(cloud([VIEW, payload]))}) == 3
    call = segment("Product Viewed", product_id="p")
    assert read(cloud(call)) == read(call)
    assert [i.item_id for i in read(cloud({"batch": [call, {**call, "messageId": "m-2"}]}))] == ["p", "p"]


def test_events_of_one_envelope_are_told_apart_and_keep_their_ids():
    envelope = cloud({"events": [VIEW, {}, {**VIEW, "item_id": "j"}]})
    first, bad, last = sent_events(envelope)
    assert read(first) + read(last) == read(cloud({"events": [VIEW]}, id="1#0")) + read(last)
    assert list(complaints(bad)) == ["user_id", "event_type"]
    whole = cloud({"events": [VIEW, {**VIEW, "item_id": "j"}]})
    assert all_of(whole) == read(whole)


def test_data_may_be_encoded():
    text = json.dumps(VIEW)
    encoded = {k: v for k, v in cloud(None).items() if k != "data"}
    encoded["data_base64"] = base64.b64encode(text.encode()).decode()
    assert read(cloud(text)) == read(cloud(VIEW)) == read(encoded)


@pytest.mark.parametrize(
    ("envelope", "field"),
    [
        (cloud(VIEW, specversion="0.3"), "specversion"),
        (cloud(VIEW, id=""), "id"),
        (cloud(VIEW, source=None), "source"),
        (cloud(VIEW, type=3), "type"),
        (cloud(VIEW, time="soon"), "time"),
        (cloud(None), "data"),
        (cloud("not json"), "data"),
        (cloud("[" * 100_000), "data"),
        (cloud(7), "data"),
        (cloud(cloud(VIEW)), "data"),
        (cloud(None, data_base64="%"), "data_base64"),
        (cloud(None, data_base64=7), "data_base64"),
        (cloud([VIEW, 3]), "data"),
        (cloud([]), "data"),
        (cloud({"events": []}), "data"),
        (cloud({"user_id": "u", "event_type": "view"}), "item_id"),
        (cloud([{**VIEW, "item_id": None}]), "item_id"),
        (cloud([VIEW] * (MAX_PARTS + 1)), ""),
    ],
)
def test_unusable_envelopes_say_why(envelope, field):
    assert list(complaints(envelope)) == [field]


@pytest.mark.parametrize(
    ("order", "field"),
    [
        (
            ga4("purchase", items=[{"item_id": "a"}, {"item_name": "Gift wrap"}, {"item_id": 3}]),
            "params.items.1.item_id",
        ),
        (
            segment("Order Completed", products=[{"product_id": "a"}, {"name": "Shipping"}, {"sku": 3}]),
            "properties.products.1.product_id",
        ),
        (ga4("purchase", items=[{"item_id": "a"}, {"item_id": "b" * 129}, {"item_id": 3}]), "interactions.1.item_id"),
    ],
)
def test_one_odd_product_does_not_lose_the_order(order, field):
    warnings = []
    found = read_event(order, NOW_MS, EVENT_TYPES, warnings)
    assert [(i.event_type, i.item_id) for i in found] == [("purchase", "a"), ("purchase", "3")]
    assert [w["field"] for w in warnings] == [field]


@pytest.mark.parametrize(
    "refund",
    [
        ga4("refund", transaction_id="T1", value=30),
        segment("Order Refunded", order_id="T1", total=30),
        segment("Order Cancelled", order_id="T1"),
    ],
)
def test_a_refund_that_names_an_order_alone_gives_the_whole_order_back(refund):
    (found,) = read_event(refund, NOW_MS, EVENT_TYPES)
    assert (found.event_type, found.item_id, found.order_id) == ("return", None, "T1")


@pytest.mark.parametrize("refund", [ga4("refund", value=30), segment("Order Refunded", total=30)])
def test_a_refund_that_names_neither_order_nor_item_is_ignored(refund):
    outcome = collect(refund, NOW_MS, EVENT_TYPES, ListQueue())
    assert (outcome.accepted, outcome.ignored, outcome.rejected) == (0, 1, [])


@pytest.mark.parametrize(
    "order",
    [
        ga4("purchase", transaction_id="T1", items=[{"item_id": "a"}]),
        segment("Order Completed", order_id="T1", products=[{"product_id": "a"}]),
        {"user_id": "u", "event_type": "purchase", "item_id": "a", "order_id": "T1"},
        {"user_id": "u", "event_type": "purchase", "item_id": "a", "properties": {"transaction_id": "T1"}},
    ],
)
def test_a_purchase_says_which_order_it_belongs_to(order):
    (found,) = read_event(order, NOW_MS, EVENT_TYPES)
    assert (found.item_id, found.order_id) == ("a", "T1")


def test_an_order_that_is_no_order_is_none():
    order = {"user_id": "u", "event_type": "purchase", "item_id": "a", "properties": {"order_id": "(not set)"}}
    (found,) = read_event(order, NOW_MS, EVENT_TYPES)
    assert found.order_id is None


# ---- Bodies


def test_bodies_are_taken_apart_event_by_event():
    call = segment("Product Viewed", product_id="p")
    payload = ga4("view_item", item_id="a")
    assert len(all_of({**payload, "events": payload["events"] * 3})) == 3
    assert len(all_of({"batch": [call, call], "sentAt": ISO})) == 2
    assert len(all_of([cloud(VIEW), cloud(VIEW)])) == 2
    assert len(all_of(call)) == len(all_of(cloud(VIEW))) == 1
    assert len(all_of({"events": [VIEW, call, payload, cloud(VIEW)]})) == 4


def test_errors_are_listed_under_the_index_of_the_event_as_it_was_sent():
    queue = ListQueue()
    payload = ga4("x")
    payload["events"] = [
        {"name": "page_view"},
        {"name": "purchase", "params": {"items": [{"item_id": "a"}, {"item_id": "b"}]}},
        {"name": "purchase", "params": {"items": [{}, {}]}},
    ]
    outcome = collect(payload, NOW_MS, EVENT_TYPES, queue)
    assert (outcome.accepted, outcome.ignored, len(queue.sent)) == (1, 1, 2)
    (rejected,) = outcome.rejected
    assert (rejected["index"], rejected["errors"][0]["field"]) == (2, "params.items.0.item_id")


def test_an_event_counts_as_queued_only_with_all_that_it_says():
    items = [{"item_id": "a"}, {"item_id": "b"}]
    outcome = collect({"events": [VIEW, ga4("purchase", items=items)]}, NOW_MS, EVENT_TYPES, ListQueue(2))
    assert (outcome.accepted, [(r["index"], r["retryable"]) for r in outcome.rejected]) == (1, [(1, True)])


def test_a_body_may_hold_five_hundred_events_in_any_format():
    payload = ga4("view_item", item_id="a")
    with pytest.raises(InvalidRequestError):
        collect({**payload, "events": payload["events"] * 501}, NOW_MS, EVENT_TYPES, ListQueue())


@pytest.mark.parametrize("word", ["undefined", "(not set)", "NULL", " NaN", "[object Object]", "\\N", "", None])
class TestWordsThatStandForNoId:
    def test_of_a_ga4_user_leave_the_event_to_the_client(self, word):
        (found,) = read(ga4("view_item", user_id=word, items=[{"item_id": "i"}]))
        assert (found.user_id, found.anonymous_id) == ("anon:c.1", "c.1")
        assert read(ga4("login", user_id=word)) == []

    def test_of_a_ga4_client_leave_it_to_the_user_or_nobody(self, word):
        payload = ga4("view_item", user_id="ann", items=[{"item_id": "i"}]) | {"client_id": word}
        assert [(i.user_id, i.anonymous_id) for i in read(payload)] == [("ann", None)]
        assert read(ga4("login", user_id="ann") | {"client_id": word}) == []
        assert "user_id" in complaints(payload | {"user_id": word})

    def test_of_segment_say_nobody(self, word):
        call = segment("Product Viewed", product_id="p")
        assert read(call | {"userId": word})[0].user_id == "anon:a"
        assert "user_id" in complaints(call | {"userId": word, "anonymousId": word})
        identify = {"type": "identify", "userId": "u", "anonymousId": "a", "messageId": "m"}
        assert read(identify | {"userId": word}) == read(identify | {"anonymousId": word}) == []
        alias = {"type": "alias", "userId": "u", "previousId": "v", "messageId": "m"}
        assert read(alias | {"previousId": word}) == []


@pytest.mark.parametrize("told", [True, False])
def test_lines_of_an_order_that_say_the_same_are_each_one(told):
    line = {"item_id": "cup", "price": 24, "quantity": 1}
    first = ga4("purchase", items=[line, line], **({"transaction_id": "20001"} if told else {}))
    product = {"product_id": "cup", "price": 24, "quantity": 1}
    second = segment("Order Completed", order_id="20001", products=[product, product])
    if not told:
        del second["messageId"]
    for order in (first, second):
        once, again = read(order), read(order)
        assert [interaction.value for interaction in once] == [24, 24]
        assert len({interaction.event_id for interaction in once}) == 2
        assert [i.event_id for i in once] == [i.event_id for i in again]
