"""How long the clients of the functions may wait, against how long the functions may run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.config import Config

from endcap.aws.clients import BATCH, BEST_EFFORT, REQUEST_PATH
from endcap.aws.queues import SEND_BUDGET_S
from endcap.batch import CALLS_SHARE, MOST_CALLS_S, WORK_SHARE, WRITERS
from endcap.runtime import Runtime
from tests.infra.stack import folder_of, of_type

# botocore waits between tries, a second at most after the first: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
BACKOFF_S = 1.0
BEHIND_QUEUES = ("update_profile", "embed_item", "fold_counts")


@pytest.fixture(scope="module")
def timeouts(everything: dict[str, Any]) -> Mapping[str, int]:
    return {folder_of(n): int(f["Timeout"]) for n, f in of_type(everything, "AWS::Lambda::Function").items()}


def one_try_s(config: Any) -> float:
    return float(config.connect_timeout + config.read_timeout)


def most_s(config: Any) -> float:
    """The longest that a call may take."""
    tries = int(config.retries["total_max_attempts"])
    return tries * one_try_s(config) + (tries - 1) * BACKOFF_S


def configs_of(background: bool, *adapters: str) -> dict[str, Config]:
    """The limits that a runtime gives the client of each adapter."""
    given: dict[str, Config] = {}

    def clients(service: str, config: Config) -> object:
        given[now] = config
        return object()

    runtime = Runtime(background=background, clients=clients)
    for now in adapters:
        getattr(runtime, now)
    return given


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "PROFILES_TABLE",
        "ITEMS_TABLE",
        "COUNTERS_TABLE",
        "ERASURES_TABLE",
        "DATA_BUCKET",
        "ARCHIVE_STREAM",
        "EXPOSURES_STREAM",
        "SNAPSHOT_KEY",
    ):
        monkeypatch.setenv(name, "name")
    for name in ("EVENTS_QUEUE_URL", "STREAM_FAILURES_QUEUE_URL", "INBOX_QUEUE_URL"):
        monkeypatch.setenv(name, "https://sqs.us-east-1.amazonaws.com/123456789012/name")


USED = {
    "collect": (False, ("queue",)),
    "manage_items": (False, ("items",)),
    "manage_users": (False, ("profiles", "erasures", "items")),
    "update_profile": (
        True,
        ("profiles", "erasures", "archive", "quarantine", "counters", "snapshots", "signing_key", "redelivery"),
    ),
    "embed_item": (True, ("items", "snapshots", "signing_key", "stream_failures")),
    "describe_item": (True, ("items", "snapshots", "signing_key", "stream_failures")),
    "fold_counts": (True, ("counters", "folded_counts")),
    "promote": (True, ("snapshots", "signing_key", "items")),
    "load_file": (True, ("items", "queue", "inbox")),
}


@pytest.mark.parametrize("function", USED)
def test_a_call_begun_at_the_last_moment_ends_before_its_function(function: str, timeouts: Mapping[str, int]) -> None:
    background, adapters = USED[function]
    left_s = min(timeouts[function] * CALLS_SHARE, MOST_CALLS_S)
    for adapter, config in configs_of(background, *adapters).items():
        assert one_try_s(config) < left_s, adapter


@pytest.mark.parametrize("function", USED)
def test_no_single_call_takes_the_time_of_the_others(function: str, timeouts: Mapping[str, int]) -> None:
    background, adapters = USED[function]
    for adapter, config in configs_of(background, *adapters).items():
        assert most_s(config) <= (1 - WORK_SHARE) * timeouts[function], adapter


def test_the_limits_are_these() -> None:
    """A change of them is meant to be seen: each second here is one that somebody, or a whole batch, waits."""
    assert most_s(REQUEST_PATH) <= 4.0
    assert (BATCH.connect_timeout, BATCH.read_timeout, BATCH.retries["total_max_attempts"]) == (1.0, 3.0, 2)
    assert (BEST_EFFORT.connect_timeout, BEST_EFFORT.read_timeout) == (0.1, 0.1)
    assert BEST_EFFORT.retries["total_max_attempts"] == 1


def test_functions_behind_queues_use_no_longer_limits() -> None:
    for function in BEHIND_QUEUES:
        background, adapters = USED[function]
        for adapter, config in configs_of(background, *adapters).items():
            assert most_s(config) <= 10, adapter


def test_a_queue_that_hangs_leaves_time_to_say_what_was_not_sent(timeouts: Mapping[str, int]) -> None:
    assert SEND_BUDGET_S + most_s(configs_of(False, "queue")["queue"]) < timeouts["collect"]


def test_a_writer_does_not_wait_for_a_connection() -> None:
    assert BATCH.max_pool_connections >= WRITERS
