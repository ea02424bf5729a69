"""When the keys of pseudonyms are looked for, and how long a request waits for them."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from endcap.live.polling import Failed, LastGood, Look
from endcap.live.pseudonyms import POLL_S, RETRY_S, Pseudonyms
from endcap.live.waiting import Waiting
from endcap.pseudonyms import PseudonymKeys

KEYS = PseudonymKeys({1: b"k" * 32})


def test_keys_are_looked_for_every_hour_and_five_seconds_after_a_failure() -> None:
    assert (POLL_S, RETRY_S) == (3600.0, 5.0)
    now_s, asked = 0.0, 0
    fails = True

    def read() -> PseudonymKeys:
        nonlocal asked
        asked += 1
        if fails:
            raise OSError("away")
        return KEYS

    pseudonyms = Pseudonyms(read, lambda: now_s)
    assert (pseudonyms.keys(), asked) == (None, 1)
    now_s = 4.9
    assert (pseudonyms.keys(), asked) == (None, 1)
    fails, now_s = False, 5.0
    assert (pseudonyms.keys(), asked) == (KEYS, 2)
    now_s = 3604.9
    assert (pseudonyms.keys(), asked) == (KEYS, 2)
    now_s = 3605.0
    assert (pseudonyms.keys(), asked) == (KEYS, 3)


def test_a_request_waits_for_the_first_keys_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    refreshed = LastGood.refreshed

    def watched(kept: LastGood[Any], look: Look[Any], failed: Failed, at_most_s: float = -1.0) -> Any:
        waits.append(at_most_s)
        return refreshed(kept, look, failed, at_most_s)

    monkeypatch.setattr(LastGood, "refreshed", watched)
    pseudonyms = Pseudonyms(lambda: KEYS, lambda: 0.0)
    assert [pseudonyms.keys(), pseudonyms.keys()] == [KEYS, KEYS]
    assert waits == [math.inf, 0.0]


def test_beginning_starts_a_look_and_waits_for_nothing() -> None:
    asked: list[Any] = []

    class Workers:
        def submit(self, work: Callable[[], Any], /) -> Future[Any]:
            asked.append(work)
            return Future()

    pseudonyms = Pseudonyms(lambda: KEYS, lambda: 0.0, Waiting(Workers(), lambda: 0.0))
    pseudonyms.begin()
    pseudonyms.begin()
    assert [work() for work in asked] == [KEYS]
