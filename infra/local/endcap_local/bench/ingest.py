"""How many events update_profile takes in: its handler on batches of the events queue."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from endcap.events.interaction import interaction_document
from endcap.snapshot.snapshot import Snapshot
from endcap_local.bench.functions import BenchError, Functions, sqs_event, stage
from endcap_local.bench.memory_aws import MemoryAws
from endcap_local.bench.shops import described, history
from endcap_local.bench.timing import timed

SHOPPERS = 1_000
MESSAGES = 10
WARM_UP = 3
REVIEW = "It broke after two days, and the colour is not the one in the picture. Not again."


def bench_ingest(snapshot: Snapshot, batches: int, functions: Path) -> dict[str, Any]:
    """Timings of batches of ten messages: with one event each, with fifty, and with one review in words."""
    rows = [
        _batches(snapshot, batches, functions, "1 event a message", 1, None),
        _batches(snapshot, max(1, batches // 5), functions, "50 events a message", 50, None),
    ]
    if snapshot.encoder is not None:
        rows.append(_batches(snapshot, max(1, batches // 5), functions, "1 review a message", 1, REVIEW))
    return {"snapshot": described(snapshot), "batches": rows}


def _batches(
    snapshot: Snapshot, batches: int, functions: Path, name: str, events: int, text: str | None
) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    loaded = Functions(functions, snapshot)
    prepared = [
        sqs_event(_message(snapshot, rng, batch, number, events, text) for number in range(MESSAGES))
        for batch in range(batches + WARM_UP)
    ]

    def fold(event: dict[str, Any]) -> None:
        if failures := loaded.invoke("update_profile", event)["batchItemFailures"]:
            raise BenchError(f"{len(failures)} messages of a batch failed")

    with stage(MemoryAws()):
        timed(fold, prepared[:WARM_UP])
        laps = timed(fold, prepared[WARM_UP:])
    return {
        "name": name,
        "events_per_batch": MESSAGES * events,
        "events_per_s": round(batches * MESSAGES * events / sum(laps.wall_s)),
        "events_per_cpu_s": round(batches * MESSAGES * events / sum(laps.cpu_s)),
        "batch": asdict(laps.timing()),
    }


def _message(
    snapshot: Snapshot, rng: np.random.Generator, batch: int, number: int, events: int, text: str | None
) -> str:
    """As `collect` packs a request of one shopper."""
    user_id = f"user-{rng.integers(SHOPPERS)}"
    documents = [interaction_document(event) for event in history(snapshot, user_id, events, rng)]
    for k, document in enumerate(documents):
        document["event_id"] = f"{batch}-{number}-{k}"
        if text is not None:
            document |= {"event_type": "review", "text": f"{text} {batch}-{number}-{k}"}
    return json.dumps({"events": documents})
