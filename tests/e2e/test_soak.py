"""A short soak of the whole stack with faults: not how well the functions do, but that the report tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from endcap_local.bench.soak import run
from endcap_local.bench.soak.load import Came, HttpSender
from endcap_local.bench.soak.run import SoakPlan, bench_soak
from endcap_local.bench.soak.schedule import Fault, Mode, Schedule, Swap
from endcap_local.bench.soak.traffic import Call
from tests.fakes.toy_snapshot import build_toy_snapshot

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.prove  # a process for every function, and a drain: more than 20 s


class Lossy(HttpSender):
    """Says of one call that its events were accepted, and sends nothing."""

    swallowed: tuple[str, ...] = ()

    def __call__(self, call: Call) -> Came:
        if call.events and not Lossy.swallowed:
            Lossy.swallowed = tuple(event.event_id for event in call.events)
            return Came(202, {}, {"accepted": len(call.events)})
        return super().__call__(call)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("soak")
    plan = SoakPlan(ROOT / "template.yaml", 12, True, 8, 2, folder / "logs")
    faults = (Fault("dynamodb", Mode.THROTTLE, 2, 6), Fault("s3", Mode.RESET, 6, 10))
    swaps = (Swap(0.5, "promote"), Swap(1, "flip"), Swap(10, "promote"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "HttpSender", Lossy)
        patch.setattr(Schedule, "of", lambda *_: Schedule(12, faults, swaps))
        return bench_soak(build_toy_snapshot(folder / "toy"), plan, lambda *_: None)


def test_what_was_said_to_be_accepted_and_is_nowhere_is_lost(found: dict[str, Any]) -> None:
    events = found["events"]
    assert events["accepted"] > len(Lossy.swallowed) > 0
    assert set(Lossy.swallowed) <= set(events["lost_first"])
    assert events["missing_from_archive"] >= len(Lossy.swallowed) <= events["missing_from_profile"]
    assert not found["goals"]["lost"]["met"]


def test_every_fault_has_met_requests(found: dict[str, Any]) -> None:
    met = found["met_by_proxies"]
    assert (met["dynamodb"]["throttle"], met["s3"]["reset"]) > (0, 0)
    assert (met["dynamodb"]["pass"], met["s3"]["pass"]) > (0, 0)


def test_requests_of_all_kinds_were_answered_by_processes_whose_memory_is_known(found: dict[str, Any]) -> None:
    assert {"recommendations", "session", "search", "rankings", "events", "item"} <= set(found["by_kind"])
    assert found["requests"] >= 12 * 8
    environments = {row["environment"].rpartition("-")[0] for row in found["memory"]}
    assert {"collect", "manage_items", "recommend", "update_profile"} <= environments
    assert [swap["error"] for swap in found["swaps"]] == [None] * 3
