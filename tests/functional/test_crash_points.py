"""Functions that die at a call: before it is made, or when it was made and nobody learnt of it.

What called them tries again, as queues and clients do, and all is as if nothing had happened: nothing lost, nothing
twice, and no pointer to what is not there.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import botocore.client
import pytest

from endcap.aws.snapshots import SnapshotBucket
from tests.fakes import moto_stack
from tests.fakes.effort import examples, proved
from tests.fakes.functions import (
    Functions,
    archived,
    failures,
    profile,
    published,
    queued,
    sqs_event,
    stack_for_functions,
)
from tests.fakes.profile_store import Crash
from tests.fakes.toy_snapshot import build_toy_snapshot

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
DAY_MS = 1_700_000_000_000


@pytest.fixture(scope="module")
def _stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("crashes")
    with stack_for_functions(folder):
        published(folder)
        yield


class Death:
    """At an even step 2k the k-th call of AWS is never made, at 2k + 1 it is, and then the function dies."""

    def __init__(self, step: int) -> None:
        self._step, self.calls, self.came = step, 0, False

    @contextmanager
    def awaited(self) -> Iterator[None]:
        """Meanwhile the function may die; its other threads may get on until their next call."""
        whole = botocore.client.BaseClient._make_request

        def request(client: Any, operation: Any, *arguments: Any) -> Any:
            number, self.calls = self.calls, self.calls + 1
            if self.came or (number == self._step // 2 and self._step % 2 == 0):
                self.came = True
                raise Crash
            answer = whole(client, operation, *arguments)
            if number == self._step // 2:
                self.came = True
                raise Crash
            return answer

        with patch.object(botocore.client.BaseClient, "_make_request", request):
            yield


def deaths(invoke: Callable[[int, Functions], object], steps: Iterable[int] | None = None) -> Iterator[int]:
    """`invoke` functions that die, one step later each time, until they come to their end; the number of the try."""
    for step in count() if steps is None else steps:
        death = Death(step)
        try:
            with death.awaited():
                invoke(step, Functions())
        except BaseException:  # what the dying still raise is of no account
            if not death.came:
                raise
        if not death.came:
            assert step >= 2
            return
        yield step


def batch(chance: random.Random, name: str) -> list[list[dict[str, Any]]]:
    """Messages of two shoppers and a device that turns out to be one's; the same for each name but for the name."""
    known, other, device = f"known-{name}", f"other-{name}", f"device-{name}"
    events: list[dict[str, Any]] = []
    for n in range(8):
        event = {"user_id": chance.choice([known, known, other]), "item_id": f"item-{n}", "event_type": "view"}
        match n % 4:
            case 1:
                event["event_type"] = "purchase"
            case 2:
                event |= {"event_type": "review", "text": f"words {n}", "value": 4}
            case 3:
                event["event_type"] = "add_to_cart"
        events.append(event)
    events.append({"user_id": known, "event_type": "identify", "anonymous_id": device})
    for n, event in enumerate(events):
        event |= {"event_id": f"event-{n}-{name}-", "timestamp": DAY_MS + n * 1000}
    chance.shuffle(events)
    return [events[:4], events[4:7], [*events[7:], {"user_id": "poison", "event_type": "no such"}]]


def as_sent(messages: list[list[dict[str, Any]]]) -> dict[str, Any]:
    return sqs_event(*(json.dumps({"events": events}) for events in messages))


def kept(name: str) -> dict[str, Any]:
    """What is kept of a batch, without its name."""
    profiles = {who: profile(f"{who}-{name}") for who in ("known", "other")}
    did = {who: [(e.item_id, e.event_type, e.timestamp_ms) for e in one.interactions] for who, one in profiles.items()}
    strong = {who: [entry.item_id for entry in one.strong] for who, one in profiles.items()}
    texts = {who: [text.timestamp_ms for text in one.texts] for who, one in profiles.items()}
    events = {line["event_id"] for line in archived() if f"-{name}-" in line["event_id"]}
    return {"did": did, "strong": strong, "texts": texts, "archived": {e.replace(name, "") for e in events}}


@pytest.mark.usefixtures("_stack")
class TestDeath:
    @proved
    def test_of_update_profile_loses_and_doubles_nothing(self) -> None:
        for seed in range(examples(1)):
            plain = as_sent(batch(random.Random(seed), f"{seed}plain"))
            assert failures(Functions().invoke("update_profile", plain)) == []
            expected = kept(f"{seed}plain")
            assert len(expected["archived"]) == 9
            assert len(expected["did"]["known"]) + len(expected["did"]["other"]) == 8

            def invoke(step: int, functions: Functions, seed: int = seed) -> None:
                functions.invoke("update_profile", as_sent(batch(random.Random(seed), f"{seed}step{step}")))

            for step in deaths(invoke):
                again = as_sent(batch(random.Random(seed), f"{seed}step{step}"))
                assert failures(Functions().invoke("update_profile", again)) == []
                assert kept(f"{seed}step{step}") == expected, step

    def test_of_collect_loses_and_doubles_nothing(self) -> None:
        def invoke(step: int, functions: Functions) -> None:
            events = [event for message in batch(random.Random(0), f"collect{step}") for event in message]
            functions.http("POST", "/events", {"events": events})

        for step in deaths(invoke):
            invoke(step, Functions())  # the client got no answer, and sends all of it again
            functions = Functions()
            while events := queued():
                assert failures(functions.invoke("update_profile", sqs_event(json.dumps({"events": events})))) == []
            found = kept(f"collect{step}")
            assert len(found["archived"]) == 9
            items = [item for did in found["did"].values() for item, *_ in did]
            assert sorted(items) == [f"item-{n}" for n in range(8)]

    def test_of_an_erasure_leaves_nothing_once_it_was_asked_for_again(self) -> None:
        def sent(step: int) -> dict[str, Any]:
            return as_sent(batch(random.Random(1), f"erased{step}"))

        def invoke(step: int, functions: Functions) -> None:
            with patch.object(botocore.client.BaseClient, "_make_request", alive):
                assert failures(functions.invoke("update_profile", sent(step))) == []
            functions.http("DELETE", "/users/{user_id}", user_id=f"known-erased{step}")

        alive = botocore.client.BaseClient._make_request
        for step in deaths(invoke):
            functions = Functions()
            assert functions.http("DELETE", "/users/{user_id}", user_id=f"known-erased{step}")[0] in (200, 202)
            assert failures(functions.invoke("update_profile", sent(step))) == []  # a late redelivery
            found = kept(f"erased{step}")
            assert found["did"]["known"] == found["strong"]["known"] == found["texts"]["known"] == []
            assert found["did"]["other"]

    @pytest.mark.prove
    def test_of_promote_leaves_a_pointer_to_a_whole_snapshot(self, tmp_path: Path) -> None:
        bucket = SnapshotBucket(moto_stack.client("s3"), moto_stack.BUCKET, tmp_path / "bucket-cache")
        versions: dict[int, str] = {}

        def invoke(step: int, functions: Functions) -> None:
            with patch.object(botocore.client.BaseClient, "_make_request", alive):
                folder = tmp_path / f"toy-{step}"
                day = 1 + (step >= 0)  # what is promoted first is the oldest
                versions[step] = build_toy_snapshot(
                    folder, created=f"2026-02-0{day}T{step // 3600 % 24:02}:{step // 60 % 60:02}:{step % 60:02}Z"
                ).version
                bucket.upload(folder, versions[step])
            functions.invoke("promote", {"version": versions[step], "force": True})

        alive = botocore.client.BaseClient._make_request
        whole = Death(10_000)  # it lives
        with whole.awaited():
            invoke(-1, Functions())
        # Most of its calls only fetch files; what comes after them is tried call by call.
        last = 2 * whole.calls
        for step in deaths(invoke, [*range(0, last - 14, 15), *range(last - 14, last + 10)]):
            pointer = bucket.current()
            assert pointer is not None
            assert bucket.manifest(pointer.version)
            assert (
                Functions().invoke("promote", {"version": versions[step], "force": True})["version"] == versions[step]
            )
            pointer = bucket.current()
            assert pointer is not None
            assert pointer.version == versions[step]
