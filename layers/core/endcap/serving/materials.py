"""What lists are made from, read as every function that makes them reads it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from endcap.api.resolved import ResolvedRequest
from endcap.aws.profiles import StoredProfile
from endcap.events.counts import Live
from endcap.experiments.assignment import other_snapshot
from endcap.index.overlay import Overlay
from endcap.live.waiting import Reading
from endcap.observability import logger
from endcap.recommend.trending import windows_of
from endcap.runtime import Runtime
from endcap.serving.requests import experiments_now
from endcap.snapshot.snapshot import Snapshot


def current_snapshot(runtime: Runtime) -> Snapshot:
    """The snapshot to rank with, for what nothing else can stand in for.

    Raises
    ------
    SnapshotError, EncoderError, DependencyError, ThrottledError : there is none, or it can't be loaded
    """
    return runtime.ladder.loaded()


@dataclass(frozen=True)
class Materials:
    """What one list is made from, read as for any other."""

    snapshot: Snapshot
    overlay: Overlay
    stored: StoredProfile
    live: Live | None
    now_ms: int


def materials(runtime: Runtime, asked: ResolvedRequest) -> Materials:
    """What the list of a request would be made from right now.

    Raises
    ------
    SnapshotError, EncoderError, DependencyError, ThrottledError : there is no snapshot
    """
    now_ms, reading = int(time.time() * 1000), None
    if asked.user_id is not None:
        reading = runtime.profile_reads.begin(partial(stored_profile, runtime, asked.user_id, asked.anonymous_key))
    snapshot = runtime.ladder.begin(asked.request.named)
    windows = windows_asked([asked], snapshot, {})
    runtime.live_counts.begin(now_ms, windows)
    stored = profile_read(runtime, reading)
    live = runtime.live_counts.at(now_ms, windows) if windows else None
    return Materials(snapshot, runtime.ladder.over(snapshot), stored, live, now_ms)


def with_challenger(
    runtime: Runtime, asked: Sequence[ResolvedRequest], snapshot: Snapshot, now_ms: int
) -> tuple[Sequence[ResolvedRequest], dict[int, Overlay]]:
    """The requests, and what lies over the snapshot of those whose variant names another one.

    The other snapshot is loaded as soon as it is configured, whoever asks, and nobody waits for it.
    """
    if "snapshot" in runtime.waiting.lost:
        return [one.without_variant("snapshot_unavailable") for one in asked], {}
    version = other_snapshot(experiments_now(runtime), now_ms)
    challenger = runtime.challenger.get(version if version != snapshot.version else None)
    served, others = list(asked), dict[int, Overlay]()
    for k, one in enumerate(asked):
        wanted = one.assignment.variant.snapshot if one.assignment else None
        if wanted in (None, snapshot.version):
            continue
        if challenger is None or challenger.version != wanted:
            served[k] = one.without_variant("snapshot_unavailable")
        elif one.assignment is not None and one.assignment.not_served is None:
            others[k] = runtime.challenger_catalogue.over(challenger)
    return served, others


def windows_asked(asked: Sequence[ResolvedRequest], snapshot: Snapshot, others: Mapping[int, Overlay]) -> set[str]:
    """The windows of time whose live counts the requests have use for."""
    bases = [others[k].snapshot if k in others else snapshot for k in range(len(asked))]
    return set[str]().union(*(windows_of(base, [one.request]) for base, one in zip(bases, asked, strict=True)))


def stored_profile(runtime: Runtime, user_id: str, anonymous_key: str | None) -> StoredProfile:
    """The profile of a user, else that of the anonymous id beside it."""
    stored = runtime.profiles.get(user_id)
    if stored.version == 0 and anonymous_key is not None and anonymous_key != user_id:
        return runtime.profiles.get(anonymous_key)
    return stored


def profile_read(runtime: Runtime, reading: Reading[StoredProfile] | None) -> StoredProfile:
    """The shopper's profile; an empty one where it can't be read, whatever the reason, and the answer says so."""
    if reading is None:
        return StoredProfile()
    try:
        return reading.result()
    except Exception as exc:  # also bytes that are damaged: no reason to fail a shopper
        logger.warning("profile not readable", extra={"error": type(exc).__name__})
        runtime.waiting.lose("profile")
        return StoredProfile()
