from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap_local.bench.soak.schedule import FULL_S, HEALTHY, Mode, Schedule

LENGTHS = st.floats(min_value=1, max_value=100_000)


def total_s(schedule: Schedule, service: str, *modes: Mode) -> float:
    return sum(f.to_s - f.from_s for f in schedule.faults if f.service == service and f.mode in modes)


def test_ten_minutes_hold_a_minute_without_s3_half_a_minute_without_dynamodb_and_three_swaps() -> None:
    schedule = Schedule.of(600, faults=True)
    assert total_s(schedule, "s3", Mode.HANG) == pytest.approx(60)
    assert total_s(schedule, "dynamodb", Mode.HANG, Mode.RESET) == pytest.approx(30)
    assert len(schedule.swaps) == 3
    assert {f.mode for f in schedule.faults if f.service == "s3"} == set(Mode) - {Mode.PASS}
    assert {f.mode for f in schedule.faults if f.service == "dynamodb"} == set(Mode) - {Mode.PASS}


def test_the_outage_of_dynamodb_has_no_gap() -> None:
    hang, reset = (f for f in Schedule.of(61.7, faults=True).faults if f.service == "dynamodb" and f.from_s < 33)
    assert hang.to_s == reset.from_s


def test_a_snapshot_is_being_fetched_slowly_when_s3_stops_answering() -> None:
    schedule = Schedule.of(600, faults=True)
    slow, hang = (f for f in schedule.faults if f.mode in (Mode.SLOW, Mode.HANG) and f.service == "s3")
    assert slow.to_s == hang.from_s
    assert any(slow.from_s <= swap.at_s < slow.to_s for swap in schedule.swaps)


def test_without_faults_there_are_swaps_only() -> None:
    schedule = Schedule.of(600, faults=False)
    assert (schedule.faults, len(schedule.swaps), schedule.longest_s) == ((), 3, 0)
    assert list(schedule.changes()) == []


@given(LENGTHS)
def test_faults_lie_within_the_time_in_proportion_and_never_longer_than_in_ten_minutes(seconds: float) -> None:
    full, schedule = Schedule.of(FULL_S, faults=True), Schedule.of(seconds, faults=True)
    for written, fault in zip(full.faults, schedule.faults, strict=True):
        assert 0 <= fault.from_s < fault.to_s <= seconds
        scaled = (written.to_s - written.from_s) * min(1, seconds / FULL_S)
        assert fault.to_s - fault.from_s == pytest.approx(scaled, abs=1e-5)
        middle_s = (fault.from_s + fault.to_s) / 2
        assert schedule.phase_at(middle_s) == fault.name
        assert schedule.is_down(fault.service, middle_s, middle_s + 1e-3)
    assert schedule.phase_at(0) == HEALTHY
    assert 0 < schedule.longest_s <= 78 + 1e-3


@given(LENGTHS)
def test_each_proxy_is_as_planned_after_each_change_and_lets_everything_through_in_the_end(seconds: float) -> None:
    schedule = Schedule.of(seconds, faults=True)
    now: dict[str, str] = {}
    changes = list(schedule.changes())
    for k, (at_s, fault, service) in enumerate(changes):
        now[service] = fault.name if fault else HEALTHY
        is_last_of_its_moment = k + 1 == len(changes) or changes[k + 1][0] > at_s
        if is_last_of_its_moment and now[service] != HEALTHY:
            assert schedule.phase_at(at_s) == now[service]
    assert set(now.values()) == {HEALTHY}
