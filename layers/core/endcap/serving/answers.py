"""Lists from request to answer; the same for every function that answers lists."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from endcap.api.resolved import ResolvedRequest
from endcap.api.responses import answer, cursor_after
from endcap.aws.profiles import StoredProfile
from endcap.errors import EndcapError
from endcap.index.overlay import Overlay
from endcap.leniency import with_warnings
from endcap.list_ids import new_list_id
from endcap.observability import fault
from endcap.profiles.profile import EMPTY_PROFILE
from endcap.recommend.pipeline import recommend_lists
from endcap.recommend.request import Recommendation
from endcap.runtime import Runtime
from endcap.serving.materials import profile_read, stored_profile, windows_asked, with_challenger
from endcap.serving.records import PREVIEW, count, exposures_of, keep
from endcap.serving.writers import read_by_writer, worded_by_writer
from endcap.snapshot.snapshot import Snapshot


def answers(
    runtime: Runtime, asked: Sequence[ResolvedRequest], *, preview: bool = False, kept: bool = True
) -> list[dict[str, Any]]:
    """The answers to requests for one shopper, whose profile is read once.

    Parameters
    ----------
    preview : nobody is shown the lists: they are ranked as any others, and neither recorded nor counted
    kept : whether a record is kept of the lists; they are counted all the same
    """
    user_id, now_ms = asked[0].user_id, int(time.time() * 1000)
    # All that is read is begun before any of it is waited for.
    reading = None
    if user_id is not None:
        reading = runtime.profile_reads.begin(partial(stored_profile, runtime, user_id, asked[0].anonymous_key))
    snapshot = runtime.ladder.begin(item_id for one in asked for item_id in one.request.named)
    asked, others = with_challenger(runtime, asked, snapshot, now_ms)
    runtime.live_counts.begin(now_ms, windows_asked(asked, snapshot, others))
    stored = profile_read(runtime, reading)
    shown = kept and not preview
    if shown and runtime.query_readings is not None:
        asked = read_by_writer(runtime, runtime.query_readings, stored.profile, asked)
    names = [PREVIEW * preview + new_list_id(now_ms) for _ in asked]
    try:
        lists, stored = _with_profile(runtime, stored, partial(_lists, runtime, asked, names, snapshot, others, now_ms))
    except Exception as exc:
        if all(one.assignment is None for one in asked):
            raise
        if not isinstance(exc, EndcapError):
            fault("list not made with the variant", exc)
        asked = [one.without_variant("failed") for one in asked]  # what fails without a variant too is the request's
        lists, stored = _with_profile(runtime, stored, partial(_lists, runtime, asked, names, snapshot, {}, now_ms))
    if shown and runtime.phrases is not None:
        lists = worded_by_writer(runtime, runtime.phrases, stored.profile, asked, lists)
    named = list(zip(names, asked, lists, strict=True))
    lost = runtime.waiting.lost
    if shown:
        keep(runtime, exposures_of(runtime, named, user_id, now_ms, stored.profile))
    if not preview:
        count(len(named), lost, snapshot, now_ms)
    bodies = (
        answer(
            found,
            name,
            stored.version,
            lost,
            cursor_after(found, one, runtime.cursor_secret),
            assignment=one.assignment,
            complete=one.request.complete,
        )
        for name, one, found in named
    )
    return [with_warnings(body, one.warnings) for body, one in zip(bodies, asked, strict=True)]


def _with_profile(
    runtime: Runtime, stored: StoredProfile, made: Callable[[StoredProfile], list[Recommendation]]
) -> tuple[list[Recommendation], StoredProfile]:
    """The lists, and the profile that they are made with: none where what it says can't be worked with."""
    try:
        return made(stored), stored
    except EndcapError:
        raise
    except Exception as exc:
        if stored.profile == EMPTY_PROFILE:
            raise
        fault("list not made with the profile", exc)
        lists = made(StoredProfile())
        runtime.waiting.lose("profile")  # only now: where this fails too, it is not the profile's doing
        return lists, StoredProfile()


def _lists(
    runtime: Runtime,
    asked: Sequence[ResolvedRequest],
    names: Sequence[str],
    snapshot: Snapshot,
    others: Mapping[int, Overlay],
    now_ms: int,
    stored: StoredProfile,
) -> list[Recommendation]:
    overlay, event_types = runtime.ladder.over(snapshot), runtime.settings.event_types
    requests = [replace(one.request, recommendation_id=name) for name, one in zip(names, asked, strict=True)]
    windows = windows_asked(asked, snapshot, others)
    live = runtime.live_counts.at(now_ms, windows) if windows else None
    return recommend_lists(snapshot, stored.profile, requests, now_ms, overlay, event_types, live, others)
