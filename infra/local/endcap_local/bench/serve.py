"""How long an answer takes: the recommend handler as a whole, ranking alone, and the scan of the vectors."""

from __future__ import annotations

import itertools
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from endcap.aws.profiles import ProfileTable
from endcap.index.vectors import EXACT_ELEMENTS, VectorTable
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.snapshot import Snapshot
from endcap_local.bench.functions import BenchError, Functions, http_event, stage
from endcap_local.bench.memory_aws import MemoryAws
from endcap_local.bench.shops import described, shoppers
from endcap_local.bench.timing import Timing, alternated, timed

SHOPPERS = 50
WARM_UP = 5
LIMIT = 10
ROUTE = "/users/{user_id}/recommendations"


def bench_serve(name: str, snapshot: Snapshot, requests: int, functions: Path) -> dict[str, Any]:
    """Timings on one catalogue.

    Returns
    -------
    `handler_known`: GET recommendations for shoppers with 64 interactions, from the event to the answer's JSON
    `handler_unknown`: the same for someone unknown; `ranking_known`: the ranking of the first alone
    `scan`: dot products with all item vectors, as float32 and as int8
    """
    aws, profiles = MemoryAws(), shoppers(snapshot, SHOPPERS)
    table = ProfileTable(aws, "profiles")
    for user_id, profile in profiles.items():
        aws.put_item(Item=table.row(user_id, profile, 1))
    loaded = Functions(functions, snapshot)
    turns = list(itertools.islice(itertools.cycle(profiles), requests))

    def ask(user_id: str) -> None:
        event = http_event("GET", ROUTE, {"user_id": user_id}, {"limit": str(LIMIT)})
        answer = loaded.invoke("recommend", event)
        if answer["statusCode"] != 200:
            raise BenchError(f"recommend answered {answer['statusCode']}: {answer['body'][:200]}")

    def rank(user_id: str) -> None:
        recommend(snapshot, profiles[user_id], RecommendationRequest(limit=LIMIT), int(time.time() * 1000))

    calls = {"handler_known": ask, "handler_unknown": lambda user_id: ask(f"no-{user_id}"), "ranking_known": rank}
    with stage(aws):
        for call in calls.values():
            timed(call, turns[:WARM_UP])
        found = alternated(calls, turns)
    return {
        "name": name,
        "snapshot": described(snapshot),
        **{what: asdict(timing) for what, timing in found.items()},
        "scan": _scan(snapshot, requests),
    }


def _scan(snapshot: Snapshot, requests: int) -> dict[str, Any]:
    """Both ways of scanning the item vectors, in turns."""
    given = (snapshot.item_vectors_f16, snapshot.item_vectors_i8, snapshot.item_scale)
    exact, coarse = VectorTable(*given, exact_elements=1 << 62), VectorTable(*given, exact_elements=0)
    rng = np.random.default_rng(0)
    queries = rng.standard_normal((requests, exact.dim)).astype(np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    calls = {"float32": exact.dots, "int8": coarse.dots}
    for call in calls.values():
        timed(call, queries[:WARM_UP])
    found: dict[str, Timing] = alternated(calls, queries)
    return {
        **{name: asdict(timing) for name, timing in found.items()},
        "int8_over_float32": round(found["int8"].p50_ms / found["float32"].p50_ms, 2),
        "serving_uses": "float32" if snapshot.item_vectors_f16.size <= EXACT_ELEMENTS else "int8",
    }
