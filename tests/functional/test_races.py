"""Many writers at once, on one profile and on one pointer: each event counts once, and one snapshot is current."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import patch

import botocore.client
import pytest

from endcap.aws.snapshots import SnapshotBucket
from endcap.errors import EndcapError
from endcap.events.counts import DEMAND, LEVELS, PEOPLE
from endcap.observability import metrics
from tests.fakes import moto_stack
from tests.fakes.functions import Functions, archived, failures, profile, seen_items, sqs_event, stack_for_functions
from tests.fakes.notes import folded, noted
from tests.fakes.toy_snapshot import build_toy_snapshot

pytestmark = [pytest.mark.filterwarnings("ignore:No application metrics"), pytest.mark.prove]
WRITERS = 10
EVENTS = 60
DEVICES = ("phone", "tablet")


def one_at_a_time(whole: Callable[..., Any]) -> Callable[..., Any]:
    """S3's and Firehose's writes, which moto does not make safe from each other; DynamoDB's are, by `moto_stack`."""
    lock = threading.RLock()

    def request(client: Any, operation: Any, *arguments: Any) -> Any:
        if operation.name not in ("PutObject", "PutRecord"):
            return whole(client, operation, *arguments)
        with lock:
            return whole(client, operation, *arguments)

    return request


@pytest.fixture
def _stack(tmp_path: Path) -> Iterator[None]:
    with (
        stack_for_functions(tmp_path),
        patch.object(
            botocore.client.BaseClient, "_make_request", one_at_a_time(botocore.client.BaseClient._make_request)
        ),
        # One set of metrics for each process, of which Lambda gives every invocation one of its own.
        patch.object(metrics, "add_metric"),
    ):
        yield


def at_once(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each does and gives, or the error of ours that it raises; all begin together."""
    start = threading.Barrier(len(works))

    def work(one: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return one()
        except EndcapError as exc:
            return exc

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(work, works))


def sent_now(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """One message of the queue each."""
    event = sqs_event(*map(json.dumps, messages))
    for record in event["Records"]:
        record["attributes"] = {**record["attributes"], "SentTimestamp": str(int(time.time() * 1000))}
    return event


def delivered(messages: list[dict[str, Any]]) -> None:
    """As a queue delivers: what failed comes again."""
    functions = Functions()
    for _ in range(200):
        answer = functions.invoke("update_profile", sent_now(messages))
        failed = {int(name[1:]) for name in failures(answer)}
        messages = [message for n, message in enumerate(messages) if n in failed]
        if not messages:
            return
    raise AssertionError("some events were never taken")


def events(owner: str, now_ms: int) -> list[dict[str, Any]]:
    """What one shopper does, known and on two devices that turn out to be theirs."""
    done = [
        {"user_id": owner, "event_type": ("view", "purchase", "add_to_cart")[n % 3], "item_id": f"item-{n % 30}"}
        for n in range(EVENTS)
    ]
    done += [{"user_id": owner, "event_type": "identify", "anonymous_id": f"{owner}-{device}"} for device in DEVICES]
    return [event | {"event_id": f"{owner}-{n}", "timestamp": now_ms - 1000 + n} for n, event in enumerate(done)]


@pytest.mark.usefixtures("_stack")
@pytest.mark.parametrize("seed", range(3))
def test_writers_of_one_profile_lose_nothing_and_count_once(seed: int) -> None:
    now_ms, chance = int(time.time() * 1000), random.Random(seed)
    hot, plain, erased = f"hot-{seed}", f"plain-{seed}", f"erased-{seed}"
    done = [*events(hot, now_ms), *events(erased, now_ms)]
    # Each event goes to two writers: a queue may deliver twice.
    shares: list[list[dict[str, Any]]] = [[] for _ in range(WRITERS)]
    for event in done:
        for share in chance.sample(shares, 2):
            share.append(event)
    for share in shares:
        chance.shuffle(share)

    def write(share: list[dict[str, Any]]) -> None:
        for first in range(0, len(share), 7):
            delivered(share[first : first + 7])

    def erase() -> None:
        functions = Functions()
        while functions.http("DELETE", "/users/{user_id}", user_id=erased)[0] == 503:
            pass

    at_once([*(lambda share=share: write(share) for share in shares), erase])  # type: ignore[misc]
    delivered(events(plain, now_ms))
    assert seen_items(hot) == seen_items(plain) == {f"item-{n}" for n in range(30)}
    assert len(profile(hot).interactions) == len(profile(plain).interactions)
    assert len(profile(hot).strong) == len(profile(plain).strong)
    # What was erased before it was applied is in the archive no more than in a profile.
    assert {line["event_id"] for line in archived()} >= {event["event_id"] for event in events(hot, now_ms)}
    # What was erased in between stays erased, whoever wrote at the time: all of it is older.
    erase()
    assert seen_items(erased) == set()


@pytest.mark.usefixtures("_stack")
def test_live_counts_of_one_item_count_each_event_once() -> None:
    now_ms = int(time.time() * 1000)
    each = [
        {"user_id": f"u{n}", "event_type": "view", "item_id": "item-1", "event_id": f"e{n}", "timestamp": now_ms}
        for n in range(80)
    ]

    def sent(share: list[dict[str, Any]]) -> None:
        assert failures(Functions().invoke("update_profile", sent_now(share))) == []

    at_once([lambda k=k: sent(each[k::WRITERS]) for k in range(WRITERS)])  # type: ignore[misc]
    # Folds of several shards of the stream meet as well.
    records = noted()["Records"]
    shares = [{"Records": records[k::4]} for k in range(4)]
    at_once([lambda share=share: Functions().invoke("fold_counts", share) for share in shares if share["Records"]])  # type: ignore[misc]
    for level in LEVELS:
        counted = sum((Counter(counts) for counts in folded(level).values()), Counter[str]())
        assert counted == {f"{DEMAND}item-1": len(each), f"{PEOPLE}item-1": len(each)}


@pytest.mark.usefixtures("_stack")
def test_of_promotions_at_once_each_follows_another_and_the_last_is_current(tmp_path: Path) -> None:
    bucket = SnapshotBucket(moto_stack.client("s3"), moto_stack.BUCKET, tmp_path / "bucket-cache")
    versions = []
    for n in range(8):
        version = build_toy_snapshot(tmp_path / f"toy-{n}", created=f"2026-03-01T00:00:{n:02}Z").version
        bucket.upload(tmp_path / f"toy-{n}", version)
        versions.append(version)
    bucket.flip(versions[0], None)
    works = [lambda v=v: Functions().invoke("promote", {"version": v, "force": True}) for v in versions[1:]]  # type: ignore[misc]
    outcomes = at_once(works)
    promoted = [outcome for outcome in outcomes if isinstance(outcome, dict)]
    followed = [outcome["previous"] for outcome in promoted]
    assert promoted
    assert len(set(followed)) == len(followed)
    last = {outcome["version"] for outcome in promoted} - set(followed)
    pointer = bucket.current()
    assert pointer is not None
    assert last == {pointer.version}
