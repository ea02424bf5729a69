"""One sender on a clock that only sleeping and sending move."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from endcap_local.bench.soak.load import NO_ANSWER, Came, Load
from endcap_local.bench.soak.traffic import Call, Shopper, Traffic

OK = Came(200, {}, {"snapshot_version": "v1"})
BUSY = Came(503, {"retry-after": "2"}, None)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def run(answer: Callable[[Call, Clock], Came], seconds: float = 10, rate: float = 5) -> Load:
    clock = Clock()
    traffic = Traffic([f"item-{k}" for k in range(40)], ["red", "mug"], lambda: int(clock.now_s * 1000))
    load = Load(lambda call: answer(call, clock), traffic, rate, clock, clock.sleep)
    load.run(seconds, senders=1)
    return load


def test_requests_come_at_the_rate_whatever_is_answered() -> None:
    load = run(lambda call, clock: OK)
    assert [answer.due_s for answer in load.answers] == pytest.approx([k / 5 for k in range(50)])
    assert {answer.snapshot for answer in load.answers} == {"v1"}
    assert all(answer.latency_s == pytest.approx(0) for answer in load.answers)


def test_a_sender_that_waits_makes_the_next_request_late_and_the_lateness_counts() -> None:
    def answer(call: Call, clock: Clock) -> Came:
        clock.sleep(1.0)
        return OK

    load = run(answer, seconds=2)
    assert [a.latency_s for a in load.answers] == pytest.approx([1.0 + 0.8 * k for k in range(10)])
    assert [a.sent_s - a.due_s for a in load.answers] == pytest.approx([0.8 * k for k in range(10)])


def test_no_answer_is_noted_as_such() -> None:
    def answer(call: Call, clock: Clock) -> Came:
        raise requests.ConnectionError

    assert {a.status for a in run(answer).answers} == {NO_ANSWER}


def test_only_events_that_were_accepted_are_looked_for_later() -> None:
    def answer(call: Call, clock: Clock) -> Came:
        if not call.events:
            return Came(202, {}, None)
        return Came(202, {}, {"accepted": 1, "rejected": [{"index": 0}]}) if len(call.events) > 1 else BUSY

    load = run(answer, seconds=100)
    sent = {a.status for a in load.answers if a.kind == "events"}
    assert sent == {202, 503}
    assert load.accepted
    assert all(event_id == event.event_id for event_id, event in load.accepted.items())


def test_a_write_that_is_put_off_is_sent_again_when_it_was_asked_to_be() -> None:
    refused: list[Call] = []

    def answer(call: Call, clock: Clock) -> Came:
        if call.kind == "item" and not any(call is one for one in refused):
            refused.append(call)
            return BUSY
        return OK

    load = run(answer, seconds=60)
    items = [a for a in load.answers if a.kind == "item"]
    put_off = [a for a in items if a.put_off]
    assert len(put_off) == len(refused) > 5
    left = load.send_put_off(60)
    again = [a for a in load.answers if a.kind == "item" and not a.put_off]
    assert left == 0
    assert len(again) == len(put_off)
    assert all(second.due_s == pytest.approx(one.done_s + 2) for one, second in zip(put_off, again, strict=True))


def test_a_list_or_an_event_is_not_put_off_but_failed() -> None:
    load = run(lambda call, clock: BUSY, seconds=60)
    assert {a.kind for a in load.answers if a.put_off} <= {"item", "erasure"}
    assert {a.kind for a in load.answers if not a.put_off} >= {"events", "recommendations"}


def test_writes_that_nobody_ever_takes_are_counted_in_the_end() -> None:
    load = run(lambda call, clock: BUSY if call.kind == "item" else OK, seconds=60)
    open_before = {a.due_s for a in load.answers if a.put_off}
    assert open_before
    assert load.send_put_off(30) > 0


def test_whose_erasure_was_asked_for_is_excused_even_without_an_answer() -> None:
    def answer(call: Call, clock: Clock) -> Came:
        if call.kind == "erasure":
            raise requests.ConnectionError
        return OK

    erased = run(answer, seconds=2_000).erased
    assert erased
    assert all(isinstance(shopper, Shopper) for shopper in erased)


def test_a_list_that_could_be_better_says_why() -> None:
    body = {"snapshot_version": "v1", "degraded": {"reason": "profile_unavailable"}}
    load = run(lambda call, clock: Came(200, {}, body))
    reasons = {a.kind: a.degraded for a in load.answers}
    assert reasons["recommendations"] == "profile_unavailable"
    assert reasons["events"] is None
