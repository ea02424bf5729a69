import pytest

from endcap.batch import retryable
from endcap.errors import InvalidInputError, InvalidRequestError
from endcap.events import collect as module
from endcap.events.collect import MAX_EVENTS, collect
from endcap.events.interaction import parse_interaction
from endcap.events.types import EVENT_TYPES
from tests.fakes.odd_errors import ALL

NOW_MS = 1_768_471_200_000
VIEW = {"user_id": "u", "event_type": "view", "item_id": "i"}


class ListQueue:
    """Takes everything but the events at some places."""

    def __init__(self, *refused):
        self.sent, self.refused = [], refused

    def send(self, documents):
        self.sent = [d for n, d in enumerate(documents) if n not in self.refused]
        return list(self.refused)


def collected(events, queue=None):
    return collect({"events": events}, NOW_MS, EVENT_TYPES, queue or ListQueue())


def test_usable_events_are_queued_and_the_others_listed_with_reasons():
    queue = ListQueue()
    outcome = collected([VIEW, {**VIEW, "event_type": "teleport"}, "view", VIEW], queue)
    assert outcome.accepted == len(queue.sent) == 2
    assert [(r["index"], r["retryable"]) for r in outcome.rejected] == [(1, False), (2, False)]
    assert [error["field"] for error in outcome.rejected[0]["errors"]] == ["event_type"]


def test_queued_events_carry_their_id_and_their_time():
    queue = ListQueue()
    collected([VIEW], queue)
    (document,) = queue.sent
    assert document["timestamp"] == NOW_MS
    assert parse_interaction(document, NOW_MS + 60_000).event_id == document["event_id"]


def test_events_that_the_queue_refused_may_be_sent_again():
    outcome = collected([{}, VIEW, VIEW, VIEW], ListQueue(1))
    assert outcome.accepted == 2
    assert [(r["index"], r["retryable"]) for r in outcome.rejected] == [(0, False), (2, True)]


def test_nothing_is_sent_where_nothing_is_usable():
    outcome = collected([{}])
    assert (outcome.accepted, len(outcome.rejected)) == (0, 1)


@pytest.mark.parametrize(
    "body", [None, [], "x", {}, {"events": None}, {"events": {}}, {"events": []}, {"events": [VIEW] * (MAX_EVENTS + 1)}]
)
def test_a_body_holds_one_to_five_hundred_events(body):
    with pytest.raises(InvalidRequestError):
        collect(body, NOW_MS, EVENT_TYPES, ListQueue())


def test_five_hundred_events_fit():
    assert collected([VIEW] * MAX_EVENTS).accepted == 500


@pytest.mark.parametrize("exc", ALL, ids=lambda exc: type(exc).__name__)
@pytest.mark.parametrize("step", ["read_event", "interaction_document"])
def test_whatever_is_raised_over_one_event_the_others_are_queued(step, exc, monkeypatch):
    call = getattr(module, step)

    def over(thing, *rest):
        if "doomed" in str(thing):
            raise exc
        return call(thing, *rest)

    monkeypatch.setattr(module, step, over)
    queue = ListQueue()
    outcome = collected([VIEW, {**VIEW, "item_id": "doomed"}, VIEW], queue)
    assert outcome.accepted == len(queue.sent) == 2
    again = retryable(exc) and not isinstance(exc, InvalidInputError)
    assert [(r["index"], r["retryable"]) for r in outcome.rejected] == [(1, again)]


def test_what_was_left_out_of_accepted_events_is_told_with_their_number():
    events = [VIEW, {**VIEW, "value": "12,50"}, {**VIEW, "event_type": "x", "position": 0}, {**VIEW, "itemid": 5}]
    outcome = collected(events)
    assert (outcome.accepted, [r["index"] for r in outcome.rejected]) == (3, [2])
    assert [(w["index"], w["field"]) for w in outcome.warnings] == [(1, "value"), (3, "itemid")]


def test_events_on_items_that_nobody_knows_are_taken_and_told_of():
    asked = []

    def unknown(item_ids):
        asked.extend(item_ids)
        return {"ghost"}

    search = {"user_id": "u", "event_type": "search", "text": "lamp"}
    events = {"events": [VIEW, {**VIEW, "item_id": "ghost"}, search, {**VIEW, "item_id": "ghost"}]}
    outcome = collect(events, NOW_MS, EVENT_TYPES, ListQueue(3), unknown)
    assert asked == ["i", "ghost"]  # not of the event that was not taken
    assert outcome.accepted == 3
    (warning,) = outcome.warnings
    assert (warning["index"], warning["field"]) == (1, "item_id")
    assert "'ghost'" in warning["message"]
