"""Sends the traffic of a soak at a fixed rate, whatever the answers do, and notes every answer.

Latency counts from when a request was due: one that waits because all senders wait for answers is late, not left out.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import requests

from endcap_local.bench.soak.traffic import LISTS, TABLE_WRITES, Call, SentEvent, Shopper, Traffic, accepted_events

SENDERS: Final = 96
TIMEOUT_S: Final = 35.0
NO_ANSWER: Final = 0
"""The status of a request that nothing came back for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request, in seconds since the soak began.

    Attributes
    ----------
    due_s, sent_s, done_s : when it was to be sent, was sent, and was answered
    put_off : 503 with Retry-After
    degraded : the reason that a list names for being less than it could be
    snapshot : the version that a list was made with
    """

    kind: str
    due_s: float
    sent_s: float
    done_s: float
    status: int
    put_off: bool = False
    degraded: str | None = None
    snapshot: str | None = None

    @property
    def latency_s(self) -> float:
        """From when it was due."""
        return self.done_s - self.due_s


@dataclass(frozen=True, slots=True)
class Came:
    """An HTTP answer as far as it matters."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Send(Protocol):
    """Sends a request and waits for the answer; may be called by many threads."""

    def __call__(self, call: Call) -> Came: ...


class Load:
    """Sends requests for a while.

    Parameters
    ----------
    rate : requests per second
    clock, sleep : of seconds; the soak begins when `run` is called

    Attributes
    ----------
    answers : all so far
    accepted : events that were answered with 202, by id
    erased : shoppers whose erasure was asked for, whether or not it was answered
    """

    def __init__(
        self,
        send: Send,
        traffic: Traffic,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._send, self._traffic, self._rate, self._clock, self._sleep = send, traffic, rate, clock, sleep
        self._lock = threading.Lock()
        self._next = 0
        self._again: list[tuple[float, int, Call]] = []
        self._serial = itertools.count()
        self._began_s = 0.0
        self.answers: list[Answer] = []
        self.accepted: dict[str, SentEvent] = {}
        self.erased: set[Shopper] = set()

    def run(self, seconds: float, senders: int = SENDERS) -> None:
        """Send for so long, then wait for the answers that are still out."""
        self._began_s = self._clock()
        threads = [threading.Thread(target=self._work, args=(seconds,), daemon=True) for _ in range(senders)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def send_put_off(self, limit_s: float) -> int:
        """Send what was put off and is still open, again and again; how many nobody has taken by then."""
        deadline_s = self._clock() + limit_s
        while self._again and self._clock() < deadline_s:
            due_s, _, call = heapq.heappop(self._again)
            self._sleep(max(0.0, due_s - self._now_s()))
            self._take(call, self._now_s())
        return len(self._again)

    def _work(self, seconds: float) -> None:
        while (taken := self._turn(seconds)) is not None:
            due_s, call = taken
            self._sleep(max(0.0, due_s - self._now_s()))
            if call is None:
                with self._lock:
                    call = self._traffic.next()
                    if call.erases:
                        self.erased.add(call.erases)
            self._take(call, due_s)

    def _turn(self, seconds: float) -> tuple[float, Call | None] | None:
        """When the next request is due, and which one, if it is one that was put off; None when time is over."""
        with self._lock:
            due_s = self._next / self._rate
            if self._again and self._again[0][0] <= min(due_s, seconds):
                put_off_s, _, call = heapq.heappop(self._again)
                return put_off_s, call
            if due_s >= seconds:
                return None
            self._next += 1
            return due_s, None

    def _take(self, call: Call, due_s: float) -> None:
        sent_s = self._now_s()
        try:
            came = self._send(call)
        except requests.RequestException:
            came = Came(NO_ANSWER, {}, None)
        body = came.body if isinstance(came.body, dict) else {}
        retry_after = came.headers.get("retry-after")
        put_off = came.status == 503 and retry_after is not None and call.kind in TABLE_WRITES
        degraded = (body.get("degraded") or {}).get("reason") if call.kind in LISTS else None
        answer = Answer(
            call.kind, due_s, sent_s, self._now_s(), came.status, put_off, degraded, body.get("snapshot_version")
        )
        with self._lock:
            self.answers.append(answer)
            if put_off:
                heapq.heappush(self._again, (self._now_s() + float(retry_after or 1), next(self._serial), call))
            if came.status == 202 and call.events:
                self.accepted |= {event.event_id: event for event in accepted_events(call, body)}

    def _now_s(self) -> float:
        return self._clock() - self._began_s


class HttpSender:
    """Sends to an API, over connections of each thread's own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._own = threading.local()

    def __call__(self, call: Call) -> Came:
        """Send, and wait for the answer.

        Raises
        ------
        requests.RequestException : nothing came back
        """
        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
            self._own.session.trust_env = False  # proxies are for the world outside
        answer = self._own.session.request(
            call.method, self._url + call.path, params=call.query, json=call.body, timeout=TIMEOUT_S
        )
        try:
            body = answer.json()
        except requests.JSONDecodeError:
            body = None
        return Came(answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, body)
