"""How long an answer takes: the recommend handler as a whole, ranking alone, and the scan of the vectors.

All kinds take turns in one run on one thread, so that whatever slows the machine down slows all of them, and the ratios
between them can be read on a busy machine too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from endcap.index.vectors import VectorTable
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.format import EXACT_ELEMENTS
from endcap.snapshot.snapshot import Snapshot
from endcap_local.bench.functions import stage
from endcap_local.bench.kinds import LIMIT, Asker
from endcap_local.bench.memory import UNKNOWN, bench_memory
from endcap_local.bench.memory_aws import MemoryAws
from endcap_local.bench.peer import NO_TORCH, Peer, PeerEncoder, reason_against
from endcap_local.bench.shops import described
from endcap_local.bench.timing import Call, Timing, alternated

DEFAULT_ITEMS: Final = (1_000, 10_000, 100_000)
HANDLERS: Final = (
    "handler_known",
    "handler_unknown",
    "handler_unexplained",
    "rerank_100",
    "rerank_100_explained",
    "filtered",
    "search",
)
SCANS: Final = ("float32", "int8")
WARM_UP: Final = 5
MEMORY_REQUESTS: Final = 1_000
PEER_CALLS: Final = 7


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured on a catalogue.

    Attributes
    ----------
    functions : the project's `functions`
    requests : of each kind
    memory_requests : answered before memory is looked at; none and it is not
    peer : the peer's encoder; None, and `peer_note` says why there is none
    peer_calls : of each of the peer's ways, spread over the run
    """

    functions: Path
    requests: int = 200
    memory_requests: int = MEMORY_REQUESTS
    peer: PeerEncoder | None = None
    peer_note: str = NO_TORCH
    peer_calls: int = PEER_CALLS


def bench_serve(name: str, snapshot: Snapshot, plan: Plan) -> dict[str, Any]:
    """Timings on one catalogue, and memory.

    Returns
    -------
    `handler_known`: GET recommendations for shoppers with 64 interactions, from the event to the answer's JSON
    `handler_unknown`: the same for someone unknown; `handler_unexplained`: without reasons
    `rerank_100`: POST rankings of 100 candidates; `rerank_100_explained`: with reasons for each of them
    `filtered`: the first with a price and a category; `search`: GET search for two words, by a known shopper
    `ranking_known`: the ranking of the first alone; `scan`: dot products with all item vectors, float32 and int8
    `peer`: see `endcap_local.bench.peer`; memory: see `endcap_local.bench.memory`
    `over_scan` of each is its processor time over that of the faster scan; `over_endcap` over that of `handler_known`.
    """
    found, note = _timed(snapshot, plan)
    return {
        "name": name,
        "snapshot": described(snapshot),
        **_ratios(snapshot, found),
        "peer": {**_peer(found, plan.peer), "note": note},
        **_memory(snapshot, plan),
    }


def _timed(snapshot: Snapshot, plan: Plan) -> tuple[dict[str, Timing], str | None]:
    """Timings of all kinds, and why the peer's are not among them; what they need is let go before memory is seen."""
    aws = MemoryAws()
    with stage(aws):
        asker = Asker(snapshot, plan.functions, aws)
        peer, note = _peer_on(snapshot, plan)
        calls = {**_handlers(asker), "ranking_known": _ranking(snapshot, asker), **_scans(snapshot)}
        for kind in HANDLERS:
            asker.check(kind)
        alternated(calls, range(WARM_UP))
        rare = {} if peer is None else {f"peer.{way}": _plain(call) for way, call in peer.calls.items()}
        for call in rare.values():
            call.run(call.given(0))
        return alternated(calls, range(plan.requests), rare, plan.peer_calls), note


def _peer_on(snapshot: Snapshot, plan: Plan) -> tuple[Peer | None, str | None]:
    """The peer on as many items; or None, and why there is none."""
    if plan.peer is None:
        return None, plan.peer_note
    note = reason_against(plan.peer, snapshot.n_items)
    return (Peer(plan.peer, snapshot.n_items), None) if note is None else (None, note)


def _memory(snapshot: Snapshot, plan: Plan) -> dict[str, Any]:
    if plan.memory_requests:
        return bench_memory(snapshot, plan.memory_requests, plan.functions)
    return {**UNKNOWN, "in_use_mb": None}


def _handlers(asker: Asker) -> dict[str, Call]:
    return {kind: Call(asker.call(kind), asker.events[kind]) for kind in HANDLERS}


def _ranking(snapshot: Snapshot, asker: Asker) -> Call:
    def rank(user_id: str) -> None:
        recommend(snapshot, asker.profiles[user_id], RecommendationRequest(limit=LIMIT), int(time.time() * 1000))

    return Call(rank, asker.user)


def _scans(snapshot: Snapshot) -> dict[str, Call]:
    """Both ways of scanning the item vectors."""
    given = (snapshot.item_vectors_f16, snapshot.item_vectors_i8, snapshot.item_scale)
    exact, coarse = VectorTable(*given, exact_elements=1 << 62), VectorTable(*given, exact_elements=0)

    def query(turn: int) -> Any:
        vector = np.random.default_rng(turn).standard_normal(exact.dim, dtype=np.float32)
        return vector / np.linalg.norm(vector)

    return {f"scan.{how}": Call(table.dots, query) for how, table in zip(SCANS, (exact, coarse), strict=True)}


def _plain(call: Callable[[int], object]) -> Call:
    return Call(call, lambda turn: turn)


def _ratios(snapshot: Snapshot, found: Mapping[str, Timing]) -> dict[str, Any]:
    """The timings but the peer's, each with its ratio to the faster scan."""
    scans = {how: found[f"scan.{how}"] for how in SCANS}
    fastest = min(_cpu(timing) for timing in scans.values())

    def row(timing: Timing) -> dict[str, Any]:
        return {**asdict(timing), "over_scan": _ratio(_cpu(timing), fastest)}

    return {
        **{kind: row(found[kind]) for kind in (*HANDLERS, "ranking_known")},
        "scan": {
            **{how: row(timing) for how, timing in scans.items()},
            "int8_over_float32": _ratio(_cpu(scans["int8"]), _cpu(scans["float32"])),
            "serving_uses": "float32" if snapshot.item_vectors_f16.size <= EXACT_ELEMENTS else "int8",
        },
    }


def _peer(found: Mapping[str, Timing], encoder: PeerEncoder | None) -> dict[str, Any]:
    ours, rows = _cpu(found["handler_known"]), dict[str, Any]()
    for way in ("padded", "unpadded"):
        timing = found.get(f"peer.{way}")
        rows[way] = timing and {**asdict(timing), "over_endcap": _ratio(_cpu(timing), ours)}
    return {**rows, "torch": encoder and encoder.torch_version}


def _cpu(timing: Timing) -> float:
    assert timing.cpu_p50_ms is not None  # all of these were taken on the processor
    return timing.cpu_p50_ms


def _ratio(one: float, other: float) -> float | None:
    """None where the other is too short to be told from nothing."""
    return round(one / other, 2) if other > 0 else None
