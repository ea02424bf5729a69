"""Scenarios: what a file may say, and that the last good one is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from endcap.api.scenarios import POLL_S, Scenarios, read_scenarios
from endcap.errors import DependencyError, InvalidInputError, InvalidRequestError, NotFoundError

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")


class FakeDocument:
    """A document that counts how often it was read, and fails when told to."""

    def __init__(self, value: object = None) -> None:
        self.value, self.error, self.reads = value, NotFoundError("none") if value is None else None, 0

    def read(self, known_etag: str | None) -> tuple[bytes, str] | None:
        self.reads += 1
        if self.error is not None:
            raise self.error
        data = json.dumps(self.value).encode()
        etag = str(hash(data))
        return None if etag == known_etag else (data, etag)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float = POLL_S) -> None:
        self.now += seconds


def test_a_change_shows_at_the_next_poll_and_not_before() -> None:
    document, clock = FakeDocument({"home": {"limit": 3}}), Clock()
    scenarios = Scenarios(document, clock)
    assert scenarios.named("home") == {"limit": 3}
    document.value = {"home": {"limit": 4}}
    clock.pass_by(POLL_S - 0.1)
    assert scenarios.named("home") == {"limit": 3}
    assert document.reads == 1
    clock.pass_by(0.1)
    assert scenarios.named("home") == {"limit": 4}


def test_the_last_good_ones_outlive_a_bad_file_and_an_unreadable_bucket() -> None:
    document, clock = FakeDocument({"home": {"limit": 3}}), Clock()
    scenarios = Scenarios(document, clock)
    scenarios.named("home")
    document.value = {"home": {"limit": 0}}
    clock.pass_by()
    assert scenarios.named("home") == {"limit": 3}
    document.error = DependencyError("down")
    clock.pass_by()
    assert scenarios.named("home") == {"limit": 3}
    document.error, document.value = None, {"home": {"limit": 5}}
    clock.pass_by()
    assert scenarios.named("home") == {"limit": 5}


def test_a_bad_file_is_counted_at_every_look_until_it_is_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []
    monkeypatch.setattr("endcap.live.document.metrics.add_metric", lambda name, unit, value: counted.append(name))
    document, clock = FakeDocument({"home": {"limit": 3}}), Clock()
    scenarios = Scenarios(document, clock)

    def looks(n: int) -> list[str]:
        counted.clear()
        for _ in range(n):
            scenarios.named("home")
            clock.pass_by()
        return list(counted)

    assert looks(2) == []
    document.value = {"home": {"limit": 0}}
    assert looks(3) == ["ScenariosNotUsable"] * 3
    document.value = {"home": {"limit": 5}}
    assert looks(2) == []
    document.error = DependencyError("down")
    assert looks(1) == ["ScenariosNotUsable"]
    document.error = None
    assert looks(1) == []


def test_without_a_file_there_are_no_scenarios_and_an_unreadable_one_is_no_client_error() -> None:
    with pytest.raises(InvalidRequestError, match="no scenario of this name"):
        Scenarios(FakeDocument(), Clock()).named("home")
    broken = FakeDocument({"home": {"limit": 0}})
    with pytest.raises(DependencyError):
        Scenarios(broken, Clock()).named("home")
    clock = Clock()
    removed = FakeDocument({"home": {}})
    scenarios = Scenarios(removed, clock)
    assert scenarios.named("home") == {}
    removed.error = NotFoundError("gone")
    clock.pass_by()
    with pytest.raises(InvalidRequestError):
        scenarios.named("home")


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"home": {"limit": 0}}, "home.limit"),
        ({"home": {"filter": "price <"}}, "home.filter"),
        ({"home": {"colour": "red"}}, "home.colour"),
        ({"home": {"user_id": "ann"}}, "home.user_id"),
        ({"home": {"as_of": 1}}, "home.as_of"),
        ({"home": {"scenario": "other"}}, "home.scenario"),
        ({"home": {"weights": {"charm": 1}}}, "home.weights"),
        ({"home": {"weights": {"next": "much"}}}, "home.weights.next"),
        ({"home": {"weights": {"next": 1e308}}}, "home.weights"),
        ({"home": {"promotions": [{"name": n, "filter": "available", "share": 0.6} for n in "ab"]}}, "home.promotions"),
        ({"home": 3}, "home"),
        ({"": {}}, ""),
        ({"x" * 65: {}}, "x" * 64),
        ([], ""),
        ({str(k): {} for k in range(201)}, ""),
    ],
)
def test_a_file_is_checked_as_requests_are(document: Any, field: str) -> None:
    good = {"good": {"limit": 3}} if isinstance(document, dict) else None
    with pytest.raises(InvalidInputError) as caught:
        read_scenarios(json.dumps(document if good is None else {**good, **document}).encode())
    assert [error["field"] for error in caught.value.errors] == [field]


@pytest.mark.parametrize(
    "data",
    [b"{", b"\xff", b"[" * 100_000, b'{"\\ud800": {}}', b'{"a": {"parameters": {"most": NaN}}}'],
    ids=["cut", "no UTF-8", "deep", "lone surrogate", "NaN"],
)
def test_what_is_no_usable_json_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInputError, match="the file"):
        read_scenarios(data)


def test_a_scenario_may_leave_the_items_of_its_relation_to_the_request() -> None:
    scenarios = read_scenarios(b'{"cart": {"relation": "together", "weights": {"next": 0.5}}}')
    assert set(scenarios) == {"cart"}
