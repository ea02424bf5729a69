"""A browser's events are its visitor's, whatever they say about who did it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from endcap.errors import InvalidRequestError
from endcap.events.types import EVENT_TYPES, event_types
from endcap.storefront.events import ALLOWED, MAX_EVENTS, Taken, of_nobody, take
from endcap.storefront.tokens import Visitor
from endcap.storefront.visits import Visit
from tests.fakes.door_tokens import NOW_S, SECRET
from tests.fakes.effort import tried

NOW_MS = int(NOW_S * 1000)
VISITOR = Visitor(b"v" * 16, int(NOW_S))
STRANGER = Visit(VISITOR, None, by_header=False, fresh=False, known=True)
ALICE = Visit(VISITOR, "alice", by_header=False, fresh=False, known=True)
VIEW = {"event_type": "view", "item_id": "i1"}


class Queue:
    """Takes all but what it is told to lose."""

    def __init__(self, *lost: int) -> None:
        self.sent: list[Mapping[str, Any]] = []
        self._lost = list(lost)

    def send(self, documents: Sequence[Mapping[str, Any]]) -> list[int]:
        self.sent = [d for n, d in enumerate(documents) if n not in self._lost]
        return self._lost


def taken(body: object, visit: Visit = STRANGER, queue: Queue | None = None) -> tuple[Taken, list[Mapping[str, Any]]]:
    queue = queue or Queue()
    return take(body, visit, NOW_MS, EVENT_TYPES, queue, (SECRET,)), queue.sent


def test_a_strangers_events_carry_their_anonymous_id_alone() -> None:
    outcome, sent = taken({"events": [VIEW, {**VIEW, "user_id": "bob", "anonymous_id": "carol"}]})
    assert (outcome.accepted, outcome.rejected, outcome.identified) == (2, [], False)
    for document in sent:
        assert document["anonymous_id"] == VISITOR.anonymous_id
        assert "user_id" not in document


def test_a_shoppers_events_carry_their_user_id_and_say_once_who_the_visitor_was() -> None:
    outcome, sent = taken({"events": [{**VIEW, "user_id": "bob", "anonymous_id": "carol"}]}, ALICE)
    assert outcome.identified
    assert [(d["event_type"], d["user_id"], d.get("anonymous_id")) for d in sent] == [
        ("view", "alice", None),
        ("identify", "alice", VISITOR.anonymous_id),
    ]
    outcome, sent = taken({"events": [VIEW]}, ALICE.linked((SECRET,)))
    assert not outcome.identified
    assert [d["event_type"] for d in sent] == ["view"]


def test_who_a_visitor_was_is_said_again_where_the_queue_did_not_take_it() -> None:
    outcome, _ = taken({"events": [VIEW]}, ALICE, Queue(1))
    assert (outcome.accepted, outcome.identified) == (1, False)


def test_what_the_queue_did_not_take_is_told_by_its_place_in_the_request() -> None:
    outcome, _ = taken({"events": [{"event_type": "identify"}, VIEW, VIEW]}, ALICE, Queue(1))
    assert outcome.accepted == 1
    assert [(r["index"], r["retryable"]) for r in outcome.rejected] == [(0, False), (2, True)]


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_the_shoppers_own_types_are_taken_and_identify_is_not(name: str) -> None:
    event = {"event_type": name, "item_id": "i1", "value": 3, "text": "good", "user_id": "m", "anonymous_id": "alice"}
    outcome, sent = taken({"events": [event]})
    assert bool(outcome.accepted) == (name in ALLOWED) == (name != "identify")
    assert len(sent) == outcome.accepted
    assert [error["field"] for r in outcome.rejected for error in r["errors"]] == ["event_type"] * (name == "identify")


def test_types_of_the_shops_own_are_its_servers() -> None:
    queue = Queue()
    own = event_types({"stocked": 5.0})
    outcome = take({"events": [{"event_type": "stocked", "item_id": "i"}]}, STRANGER, NOW_MS, own, queue, (SECRET,))
    assert outcome.rejected[0]["errors"][0]["field"] == "event_type"
    assert queue.sent == []


@pytest.mark.parametrize(
    "body",
    [None, [], {}, {"events": []}, {"events": [VIEW] * (MAX_EVENTS + 1)}, {"events": {}}, {"batch": [VIEW]}, [VIEW]],
)
def test_other_bodies_are_refused(body: object) -> None:
    with pytest.raises(InvalidRequestError):
        taken(body)


def test_formats_that_name_a_shopper_are_not_read() -> None:
    ga4 = {"client_id": "alice", "events": [{"name": "login", "params": {"user_id": "alice"}}]}
    segment = {"type": "identify", "messageId": "m", "userId": "mallory", "anonymousId": "alice"}
    cloud = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": {**VIEW, "user_id": "alice"}}
    for event in (ga4, segment, cloud):
        outcome, sent = taken({"events": [event]})
        assert (outcome.accepted, sent) == (0, [])


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["event_type", "user_id", "anonymous_id", "item_id", "session_id", "properties", "userId", "text"]
)


@tried(200)
@given(
    events=st.lists(st.dictionaries(NAMES, JSON_VALUES | st.sampled_from(["alice", "view", "identify"]), max_size=8)),
    visit=st.sampled_from([STRANGER, ALICE]),
)
def test_no_event_is_anybody_elses(events: list[dict[str, Any]], visit: Visit) -> None:
    queue = Queue()
    try:
        take({"events": events}, visit, NOW_MS, EVENT_TYPES, queue, (SECRET,))
    except InvalidRequestError:
        assert not 1 <= len(events) <= MAX_EVENTS
    for document in queue.sent:
        assert document.get("user_id") == visit.user_id
        assert document.get("anonymous_id", VISITOR.anonymous_id) == VISITOR.anonymous_id
        assert document["event_type"] != "identify" or visit is ALICE


def test_events_of_nobody_are_refused_one_by_one() -> None:
    outcome = of_nobody({"events": [VIEW, "junk"]})
    assert (outcome.accepted, [r["index"] for r in outcome.rejected]) == (0, [0, 1])
    assert not any(r["retryable"] for r in outcome.rejected)
    with pytest.raises(InvalidRequestError):
        of_nobody({"events": []})


def test_events_of_a_clock_that_is_an_hour_ahead_are_taken_with_their_time() -> None:
    ahead_ms = 3_600_000
    viewed = {**VIEW, "event_id": "e1", "timestamp": NOW_MS + ahead_ms - 90_000}
    outcome, sent = taken({"events": [viewed], "sent_at": NOW_MS + ahead_ms})
    assert (outcome.accepted, outcome.warnings) == (1, [])
    assert sent[0]["timestamp"] == NOW_MS - 90_000
    outcome, sent = taken({"events": [viewed]})
    assert outcome.accepted == 0


def bought(event_id: str, **properties: Any) -> dict[str, Any]:
    return {"event_type": "purchase", "item_id": "cup", "event_id": event_id, "properties": properties}


def test_lines_of_an_order_are_worth_what_they_come_to() -> None:
    lines = [
        bought("1", price=24, quantity=3),
        bought("2", price="2.5"),
        bought("3", price=0),
        bought("4", quantity=2),
        {**bought("5", price=24), "value": 7},
        {**VIEW, "properties": {"price": 24}},
    ]
    _, sent = taken({"events": lines})
    assert [document.get("value") for document in sent] == [72, 2.5, None, None, 7, None]


def test_ids_that_are_too_long_stay_apart_and_the_same() -> None:
    long = "order-" + "1" * 60
    outcome, sent = taken({"events": [bought(f"{long}/{line}") for line in ("a", "b", "a")] + [bought("1/a")]})
    assert outcome.rejected == []
    first, second, again, short = (document["event_id"] for document in sent)
    assert first == again != second
    assert (len(first), short) == (32, "1/a")
