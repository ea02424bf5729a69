"""Mixed load on the handlers for a while, watching errors, latency and the memory of the process."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from endcap.catalog.item import Item
from endcap.catalog.row import ChangedRows, ItemRow
from endcap.events.interaction import interaction_document
from endcap.snapshot.snapshot import Snapshot
from endcap_local.bench.functions import Functions, http_event, sqs_event, stage
from endcap_local.bench.memory_aws import MemoryAws
from endcap_local.bench.shops import described, history
from endcap_local.bench.timing import Laps
from endcap_rebuild.settings import Progress

SHOPPERS = 300
CHANGED_ITEMS = 200
WARM_UP_SHARE = 0.25
"""Of the time: caches fill, and each shopper's profile grows to its full size."""


class ChangingItems:
    """Prices of some items that change all the time, as the index of changes would tell of them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def changes_since(self, _: int, limit: int) -> ChangedRows:
        """See `endcap.live.catalogue.Changes`."""
        now_ms = int(time.time() * 1000)
        ids = self._snapshot.item_ids[: min(CHANGED_ITEMS, limit)]
        price = float(now_ms % 97 + 1)
        return ChangedRows([ItemRow(i, Item(item_id=i, title="a changed thing", price=price), now_ms) for i in ids])


def bench_soak(snapshot: Snapshot, seconds: float, functions: Path, progress: Progress) -> dict[str, Any]:
    """Requests of all kinds in turns, on one thread.

    Returns
    -------
    counts, errors (status 500 and above, failed records, what was raised), latency of the first and the last fifth, and
    resident memory after the warm-up and at the end, in MiB
    """
    aws = MemoryAws()
    load = _Load(Functions(functions, snapshot, ChangingItems(snapshot)), aws, snapshot)
    laps = {name: Laps() for name in load.steps}
    order = [name for name, share in (("recommend", 6), ("session", 2), ("events", 2)) for _ in range(share)]
    began = time.monotonic()
    memory: list[tuple[float, float]] = []
    errors: dict[str, int] = {}
    calls = 0
    with stage(aws):
        while (passed := time.monotonic() - began) < seconds:
            name = order[calls % len(order)]
            try:
                problem = laps[name].run(load.take, name)
            except Exception as exc:  # whatever a handler raises is what is looked for
                problem = f"{name} raised {type(exc).__name__}"
            if problem:
                errors[problem] = errors.get(problem, 0) + 1
            if calls % 50 == 0:
                memory.append((passed, resident_mib()))
                progress("soak", int(passed), int(seconds))
            calls += 1
    memory.append((time.monotonic() - began, resident_mib()))
    warm = next(mib for passed, mib in memory if passed >= WARM_UP_SHARE * seconds)
    return {
        "snapshot": described(snapshot),
        "seconds": seconds,
        "calls": {name: len(of_a_kind.wall_s) for name, of_a_kind in laps.items()},
        "calls_per_s": round(calls / seconds, 1),
        "errors": errors,
        "recommend_first_fifth": _fifth(laps["recommend"], 0),
        "recommend_last_fifth": _fifth(laps["recommend"], 4),
        "memory_warm_mib": round(warm, 1),
        "memory_end_mib": round(memory[-1][1], 1),
        "memory_growth_mib": round(memory[-1][1] - warm, 1),
    }


def resident_mib() -> float:
    """Memory of this process in RAM; its peak where the system does not tell."""
    statm = Path("/proc/self/statm")
    if statm.is_file():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


class _Load:
    """The kinds of requests; each step tells what was wrong with its answer."""

    def __init__(self, functions: Functions, aws: MemoryAws, snapshot: Snapshot) -> None:
        self._functions, self._aws, self._snapshot = functions, aws, snapshot
        self._rng = np.random.default_rng(0)
        self.steps: dict[str, Callable[[], str | None]] = {
            "recommend": self.recommend,
            "session": self.session,
            "events": self.events,
        }

    def take(self, name: str) -> str | None:
        """One step; what was wrong with it."""
        return self.steps[name]()

    def recommend(self) -> str | None:
        """GET with a filter now and then; a tenth of the shoppers are unknown."""
        query = {"limit": "20", "explain": "true"}
        if self._rng.random() < 0.2:
            query["filter"] = "price < 20 AND NOT purchased WITHIN 30d"
        user_id = self._shopper() if self._rng.random() < 0.9 else f"unknown-{self._rng.integers(1 << 30)}"
        return self._http("recommend", "GET", "/users/{user_id}/recommendations", {"user_id": user_id}, query)

    def session(self) -> str | None:
        """POST with the interactions of a running session."""
        acts = [interaction_document(event) for event in history(self._snapshot, "session", 5, self._rng)]
        interactions = [{k: v for k, v in act.items() if k != "user_id"} for act in acts]
        return self._http("recommend", "POST", "/recommendations", {}, {}, {"interactions": interactions, "limit": 10})

    def events(self) -> str | None:
        """POST events, and fold what is then on the queue."""
        user_id = self._shopper()
        documents = [interaction_document(event) for event in history(self._snapshot, user_id, 10, self._rng)]
        for document in documents:
            document["event_id"] = str(self._rng.integers(1 << 62))
        if problem := self._http("collect", "POST", "/events", {}, {}, {"events": documents}):
            return problem
        event = sqs_event(self._aws.messages)
        self._aws.messages.clear()
        failures = self._functions.invoke("update_profile", event)["batchItemFailures"]
        return f"update_profile failed {len(failures)} records" if failures else None

    def _http(self, name: str, method: str, route: str, ids: Any, query: Any, body: object = None) -> str | None:
        answer = self._functions.invoke(name, http_event(method, route, ids, query, body))
        if answer["statusCode"] < 300:
            return None
        return f"{name} answered {answer['statusCode']}: {json.loads(answer['body']).get('title')}"

    def _shopper(self) -> str:
        return f"user-{self._rng.integers(SHOPPERS)}"


def _fifth(laps: Laps, number: int) -> dict[str, Any] | None:
    size = len(laps.wall_s) // 5
    return asdict(laps.part(number * size, (number + 1) * size).timing()) if size else None
