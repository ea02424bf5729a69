"""The month so far: what is billed by the month in part, everything else as it was counted."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from endcap.cost.month import Usage
from endcap.cost.so_far import STANDARD, deployment_of, so_far
from endcap_local.cli.cost import deployment_of as of_template

TEMPLATE = Path(__file__).parents[4] / "template.yaml"
NOTHING = Usage(0, 0, 0, 0, 0, 0)


def at(day: int, hour: int = 0) -> int:
    return int(datetime(2026, 4, day, hour, tzinfo=UTC).timestamp() * 1000)


def test_what_is_standard_is_what_the_template_has() -> None:
    deployed = of_template(TEMPLATE, {})
    assert {name: deployed.memory_mb[name] for name in STANDARD.memory_mb} == dict(STANDARD.memory_mb)
    watched = deployment_of('{"monitoring": "on"}')
    assert (watched.alarms, watched.dashboards) == (deployed.alarms, deployed.dashboards)
    assert deployed.architecture == STANDARD.architecture


def test_a_function_is_told_what_was_chosen_otherwise() -> None:
    told = deployment_of('{"architecture": "arm64", "recommend_mb": 3008, "monitoring": "off", "tracing": "Active"}')
    assert (told.architecture, told.memory_mb["recommend"], told.alarms, told.traces) == ("arm64", 3008, 0, True)


def test_a_key_costs_by_the_day_and_requests_by_the_request() -> None:
    half = so_far(NOTHING, STANDARD, at(16), at(1))
    assert (half["month"], half["days"]) == ("2026-04", 15.0)
    assert half["by_service"]["KMS"] == pytest.approx(0.5)
    busy = Usage(1_000_000, 0, 0, 0, 0, 0)
    calls = [so_far(busy, STANDARD, at(day), at(1))["by_service"]["API Gateway"] for day in (3, 28)]
    assert calls == [pytest.approx(1.0)] * 2


def test_the_first_moment_of_a_month_has_cost_nothing() -> None:
    assert so_far(NOTHING, STANDARD, at(1), at(1))["usd"] == 0.0


def test_a_stack_of_a_few_days_has_not_cost_a_whole_month() -> None:
    young, old = (so_far(NOTHING, STANDARD, at(16), seen) for seen in (at(13), 0))
    assert (young["since"], young["days"]) == (at(13), 3.0)
    assert young["by_service"]["KMS"] == pytest.approx(0.1)
    assert (old["since"], old["days"]) == (at(1), 15.0)
    assert so_far(NOTHING, STANDARD, at(16), at(16, 1))["days"] == 0.0
