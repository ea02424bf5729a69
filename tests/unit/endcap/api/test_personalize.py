"""Personalize's calls in Endcap's words."""

import json

import pytest

from endcap.api.http import json_answer
from endcap.api.personalize import aws_error_shape, item_list, put_events, ranking_request, recommendations_request
from endcap.errors import InvalidRequestError, ThrottledError
from endcap.events.types import EVENT_TYPES

NOW_MS = 1_768_471_200_000
AT_S = NOW_MS / 1000 - 60
CLICK = {"eventType": "click", "itemId": "i", "sentAt": AT_S}
FILTER = "arn:aws:personalize:us-east-1:123456789012:filter/cheap"


def call(*events, **changes):
    return {"trackingId": "t", "sessionId": "s", "eventList": list(events or [CLICK]), **changes}


def put(*events, **changes):
    return put_events(call(*events, **changes), NOW_MS, EVENT_TYPES)


def complaints(function, raw):
    with pytest.raises(InvalidRequestError) as caught:
        function(raw)
    return [error["field"] for error in caught.value.errors]


def refused(raw):
    return complaints(lambda body: put_events(body, NOW_MS, EVENT_TYPES), raw)


def test_events_without_a_user_belong_to_the_session():
    (found,) = put(CLICK)
    assert (found.user_id, found.anonymous_id, found.session_id) == ("anon:s", "s", "s")
    assert (found.event_type, found.item_id, found.timestamp_ms) == ("click", "i", NOW_MS - 60_000)


def test_a_user_is_told_to_be_the_session_up_to_the_latest_event():
    *events, identify = put(CLICK, {**CLICK, "sentAt": AT_S + 10}, userId="ann")
    assert {(e.user_id, e.anonymous_id, e.session_id) for e in events} == {("ann", "s", "s")}
    assert (identify.event_type, identify.user_id, identify.anonymous_id) == ("identify", "ann", "s")
    assert identify.timestamp_ms == NOW_MS - 50_000
    assert [e.event_type for e in put(CLICK, userId="s")] == ["click"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("view", "view"),
        ("View", "view"),
        ("Watch", "view"),
        ("Purchase", "purchase"),
        ("AddToCart", "add_to_cart"),
        ("add-to-cart", "add_to_cart"),
        ("StartCheckout", "add_to_cart"),
        ("Detail page view", "view"),
    ],
)
def test_event_types_are_known_in_many_spellings(name, kind):
    assert put({**CLICK, "eventType": name})[0].event_type == kind


def test_an_event_keeps_its_id_and_long_ids_are_shortened_the_same_way_each_time():
    assert put({**CLICK, "eventId": "e"})[0].event_id == "e"
    long = {**CLICK, "eventId": "e" * 256}
    assert put(long)[0].event_id == put(long)[0].event_id
    assert len(put(long)[0].event_id) <= 64
    assert put(CLICK)[0].event_id == put(CLICK)[0].event_id


def test_what_was_shown_becomes_impressions():
    event = {**CLICK, "recommendationId": "r", "impression": ["a", "i", "a"]}
    clicked, *shown = put(event)
    assert clicked.recommendation_id == "r"
    assert [(e.event_type, e.item_id, e.position, e.recommendation_id) for e in shown] == [
        ("impression", "a", 1, "r"),
        ("impression", "i", 2, "r"),
        ("impression", "a", 3, "r"),
    ]
    assert [e.event_id for e in put(event)] == [e.event_id for e in (clicked, *shown)]
    assert len({e.event_id for e in put(event)}) == 4


def test_values_and_properties_are_kept():
    properties = json.dumps({"device": "phone", "price": 3, "nested": {"a": 1}, "long": "x" * 300})
    (found,) = put({**CLICK, "eventType": "rating", "eventValue": 4.5, "properties": properties})
    assert (found.value, found.properties) == (4.5, {"device": "phone", "price": 3})


def test_words_come_as_a_property():
    search = {"eventType": "search", "sentAt": AT_S, "properties": '{"text": "red mug", "device": "phone"}'}
    (found,) = put(search)
    assert (found.event_type, found.text, found.properties) == ("search", "red mug", {"device": "phone"})


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (None, ""),
        (call(sessionId=None), "sessionId"),
        (call(sessionId="s" * 129), "sessionId"),
        (call(userId="u" * 129), "userId"),
        (call(trackingId=""), "trackingId"),
        (call(eventList=[]), "eventList"),
        (call(*[CLICK] * 11), "eventList"),
        (call({**CLICK, "itemId": "i" * 129}), "eventList.0.itemId"),
        (call({**CLICK, "itemId": "i" * 257}), "eventList.0.itemId"),
        (call(CLICK, {**CLICK, "eventType": "teleport"}), "eventList.1.eventType"),
        (call({**CLICK, "sentAt": None}), "eventList.0.sentAt"),
        (call({**CLICK, "properties": "[]"}), "eventList.0.properties"),
        (call({**CLICK, "properties": "[" * 1000}), "eventList.0.properties"),
        (call({**CLICK, "properties": "x" * 1025}), "eventList.0.properties"),
        (call({**CLICK, "impression": ["i"] * 26}), "eventList.0.impression"),
        (call({**CLICK, "recommendationId": "r" * 41}), "eventList.0.recommendationId"),
        (call({"eventType": "view", "sentAt": AT_S}), "eventList.0.itemId"),
        (call({**CLICK, "eventType": "rating", "eventValue": 9}), "eventList.0.eventValue"),
    ],
)
def test_unusable_events_are_refused_with_the_name_of_the_field(raw, field):
    assert refused(raw)[0] == field


def test_recommendations_are_asked_for_by_user_or_by_item():
    assert recommendations_request({"userId": "u"}) == {"limit": 25, "user_id": "u", "anonymous_id": "u"}
    assert recommendations_request({"userId": "u", "numResults": 0})["limit"] == 25
    assert recommendations_request({"itemId": "i", "numResults": 500}) == {
        "limit": 500,
        "relation": "similar",
        "items": ["i"],
    }


def test_a_filter_names_a_scenario_and_its_values_are_parameters():
    values = {"MOST": "8.5", "WORD": '"mug"', "WORDS": '"a","b c"', "PLAIN": "red"}
    asked = recommendations_request({"userId": "u", "filterArn": FILTER, "filterValues": values})
    assert asked["scenario"] == "cheap"
    assert asked["parameters"] == {"MOST": 8.5, "WORD": "mug", "WORDS": ["a", "b c"], "PLAIN": "red"}


def test_of_the_context_what_the_ranking_knows_is_taken():
    asked = recommendations_request(
        {"userId": "u", "context": {"CATEGORY": "mugs", "DEVICE": "phone", "WEATHER": "rain"}}
    )
    assert asked["context"] == {"category": "mugs", "device": "phone"}


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({}, ""),
        ({"userId": "u", "numResults": 501}, "numResults"),
        ({"userId": "u" * 257}, "userId"),
        ({"userId": "u", "filterValues": {"A": "1"}}, "filterValues"),
        ({"userId": "u", "metadataColumns": {"ITEMS": ["TITLE"]}}, "metadataColumns"),
        ({"userId": "u", "promotions": [{"name": "x"}]}, "promotions"),
    ],
)
def test_unusable_requests_are_refused(raw, field):
    assert complaints(recommendations_request, raw) == [field]


def test_rankings_are_of_each_item_once():
    asked = ranking_request({"campaignArn": "c", "userId": "u", "inputList": ["b", "a", "b"]})
    assert asked == {"user_id": "u", "anonymous_id": "u", "candidates": ["b", "a"], "limit": 2}
    assert complaints(ranking_request, {"campaignArn": "c", "userId": "u", "inputList": ["a"] * 501}) == ["inputList"]


def test_lists_are_answered_in_personalizes_words():
    items = [{"item_id": "a", "score": 2.5}, {"item_id": "b", "score": 1.0, "promotion": "sale"}]
    assert item_list({"items": items, "recommendation_id": "r"}, "itemList") == {
        "itemList": [{"itemId": "a", "score": 2.5}, {"itemId": "b", "score": 1.0, "promotionName": "sale"}],
        "recommendationId": "r",
    }


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidRequestError("no"), 400, "InvalidInputException"),
        (ThrottledError("slow down"), 503, "ServiceUnavailableException"),
    ],
)
def test_errors_are_answered_as_aws_sdks_read_them(error, status, code):
    @aws_error_shape
    def fail():
        raise error

    answer = fail()
    assert (answer.status_code, answer.headers["x-amzn-ErrorType"]) == (status, code)
    assert set(json.loads(answer.body)) == {"message"}
    assert aws_error_shape(lambda: json_answer({}))().status_code == 200


@pytest.mark.parametrize("word", ["undefined", "null", " None", "(not set)", ""])
def test_words_that_stand_for_no_id_are_none(word):
    assert [e.user_id for e in put(CLICK, userId=word)] == ["anon:s"]
    assert [(e.user_id, e.anonymous_id) for e in put(CLICK, userId="ann", sessionId=word)] == [("ann", None)]
    assert refused(call(CLICK, userId=word, sessionId=word))[0] == "sessionId"


def test_no_user_id_stands_for_an_anonymous_one():
    assert refused(call(CLICK, userId="anon:s"))[0] == "userId"


def test_item_and_value_may_stand_in_the_properties_as_amplify_sends_them():
    event = {"eventType": "View", "properties": '{"itemId": "i", "eventValue": 0.5, "colour": "red"}', "sentAt": AT_S}
    (found,) = put(event)
    assert (found.event_type, found.item_id, found.value, found.properties) == ("view", "i", 0.5, {"colour": "red"})
    assert put({**event, "itemId": "own"})[0].item_id == "own"
