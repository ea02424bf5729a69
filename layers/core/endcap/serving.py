"""Lists from request to answer: what a runtime has, read and ranked; the same for every function that answers lists."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools.metrics import MetricUnit

from endcap.api.parse import RequestParser
from endcap.api.resolved import ResolvedRequest
from endcap.api.responses import answer, cursor_after, exposure
from endcap.api.scenarios import EVERYWHERE, hidden_everywhere
from endcap.api.schemas import HiddenInput
from endcap.aws.profiles import StoredProfile
from endcap.errors import DependencyError, EndcapError
from endcap.events.counts import Live
from endcap.experiments.assignment import Experiment, other_snapshot
from endcap.index.overlay import Overlay
from endcap.leniency import with_warnings
from endcap.list_ids import new_list_id
from endcap.live.waiting import WRITE_S, Reading
from endcap.observability import fault, logger, metrics
from endcap.profiles.consent import refuses
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile
from endcap.pseudonyms import nameless, pseudonymous
from endcap.recommend.pipeline import recommend_lists
from endcap.recommend.request import Recommendation
from endcap.recommend.trending import windows_of
from endcap.runtime import Runtime
from endcap.snapshot.snapshot import Snapshot

if TYPE_CHECKING:
    from endcap.writing.asked import Asked
    from endcap.writing.phrases import Phrases
    from endcap.writing.queries import WrittenQuery

DAY_MS: Final = 86_400_000
PREVIEW: Final = "preview-"
"""What the id of a list begins with that nobody was shown: no event joins to it."""


def current_snapshot(runtime: Runtime) -> Snapshot:
    """The snapshot to rank with, for what nothing else can stand in for.

    Raises
    ------
    SnapshotError, EncoderError, DependencyError, ThrottledError : there is none, or it can't be loaded
    """
    return runtime.ladder.loaded()


def request_parser(
    runtime: Runtime, shopper: str | None = None, drafts: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
) -> RequestParser:
    """What reads the requests of a call, whose time begins now.

    Parameters
    ----------
    shopper : key of the profile that they are for, whatever they say
    drafts : scenarios by name, in the place of what is published
    """
    runtime.begin_request()
    now_ms, named = int(time.time() * 1000), partial(_scenario, runtime, drafts)
    return RequestParser(
        now_ms,
        runtime.settings.event_types,
        named,
        runtime.cursor_secret,
        experiments_now(runtime),
        shopper,
        lambda: runtime.synonyms.current(),
        partial(_everywhere, runtime, drafts),
        runtime.settings.understand == "on",
    )


def experiments_now(runtime: Runtime) -> tuple[Experiment, ...]:
    """None while they can't be read: an experiment is no reason to refuse an answer."""
    known = runtime.experiments.current()
    if known is None:
        runtime.waiting.lose("experiments")
    return known or ()


def _everywhere(runtime: Runtime, drafts: Mapping[str, Mapping[str, Any]]) -> Sequence[HiddenInput]:
    """What is kept out of every list; nothing while that can't be read, and the answer says so."""
    if EVERYWHERE in drafts:
        return hidden_everywhere(drafts[EVERYWHERE])
    try:
        return runtime.scenarios.everywhere()
    except DependencyError:
        runtime.waiting.lose("scenarios")
        return ()


def _scenario(runtime: Runtime, drafts: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """What a scenario says; nothing while none can be read, and the answer says so."""
    if name in drafts and name != EVERYWHERE:
        return drafts[name]
    try:
        return runtime.scenarios.named(name)
    except DependencyError:
        runtime.waiting.lose("scenarios")
        return {}


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
        reading = runtime.profile_reads.begin(partial(_stored, runtime, user_id, asked[0].anonymous_key))
    snapshot = runtime.ladder.begin(item_id for one in asked for item_id in one.request.named)
    asked, others = _with_challenger(runtime, asked, snapshot, now_ms)
    runtime.live_counts.begin(now_ms, _windows(asked, snapshot, others))
    stored = _profile(runtime, reading)
    shown = kept and not preview
    if shown and runtime.query_readings is not None:
        asked = _read_by_writer(runtime, runtime.query_readings, stored.profile, asked)
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
        lists = _worded(runtime, runtime.phrases, stored.profile, asked, lists)
    named = list(zip(names, asked, lists, strict=True))
    lost = runtime.waiting.lost
    if shown:
        _record(runtime, _exposures(runtime, named, user_id, now_ms, stored.profile))
    if not preview:
        _count(len(named), lost, snapshot, now_ms)
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


def _willing(runtime: Runtime, profile: UserProfile, asked: ResolvedRequest) -> bool:
    """Whether a list's record may name its shopper, and a writer be asked for it.

    Not where they refuse, where the request wants nothing personal, or where nobody could read what they say of it.
    """
    known = "profile" not in runtime.waiting.lost
    return known and not refuses(profile) and asked.request.personalization != "off"


def _read_by_writer(
    runtime: Runtime, readings: Asked[WrittenQuery], profile: UserProfile, asked: Sequence[ResolvedRequest]
) -> list[ResolvedRequest]:
    """The requests, with what a writer has read in the queries that are to be understood, where it has in time."""
    from endcap.writing.queries import ask

    found = []
    for one in asked:
        query, wanted = one.request.query, one.request.understand and one.request.understood is None
        if query is not None and wanted and _willing(runtime, profile, one):
            written = ask(readings, runtime.writer, query)
            one = replace(one, request=replace(one.request, written=written), plain=replace(one.plain, written=written))
        found.append(one)
    return found


def _worded(
    runtime: Runtime,
    phrases: Phrases,
    profile: UserProfile,
    asked: Sequence[ResolvedRequest],
    lists: Sequence[Recommendation],
) -> list[Recommendation]:
    """The lists with their reasons as a writer has worded them."""
    from endcap.writing.phrases import worded

    return [
        worded(found, phrases) if _willing(runtime, profile, one) else found
        for one, found in zip(asked, lists, strict=True)
    ]


def _count(n_lists: int, lost: Collection[str], snapshot: Snapshot, now_ms: int) -> None:
    metrics.add_metric("Recommendations", MetricUnit.Count, n_lists)
    if lost:
        metrics.add_metric("DegradedAnswers", MetricUnit.Count, 1)
    if "snapshot" not in lost:
        metrics.add_metric("SnapshotAgeDays", MetricUnit.NoUnit, max(0, now_ms - snapshot.catalog_as_of_ms) / DAY_MS)


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
    windows = _windows(asked, snapshot, others)
    live = runtime.live_counts.at(now_ms, windows) if windows else None
    return recommend_lists(snapshot, stored.profile, requests, now_ms, overlay, event_types, live, others)


def _with_challenger(
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


def _windows(asked: Sequence[ResolvedRequest], snapshot: Snapshot, others: Mapping[int, Overlay]) -> set[str]:
    """The windows of time whose live counts the requests have use for."""
    bases = [others[k].snapshot if k in others else snapshot for k in range(len(asked))]
    return set[str]().union(*(windows_of(base, [one.request]) for base, one in zip(bases, asked, strict=True)))


def _stored(runtime: Runtime, user_id: str, anonymous_key: str | None) -> StoredProfile:
    """The profile of a user, else that of the anonymous id beside it."""
    stored = runtime.profiles.get(user_id)
    if stored.version == 0 and anonymous_key is not None and anonymous_key != user_id:
        return runtime.profiles.get(anonymous_key)
    return stored


def _profile(runtime: Runtime, reading: Reading[StoredProfile] | None) -> StoredProfile:
    """The shopper's profile; an empty one where it can't be read, whatever the reason, and the answer says so."""
    if reading is None:
        return StoredProfile()
    try:
        return reading.result()
    except Exception as exc:  # also bytes that are damaged: no reason to fail a shopper
        logger.warning("profile not readable", extra={"error": type(exc).__name__})
        runtime.waiting.lose("profile")
        return StoredProfile()


def _exposures(
    runtime: Runtime,
    named: Sequence[tuple[str, ResolvedRequest, Recommendation]],
    user_id: str | None,
    now_ms: int,
    profile: UserProfile,
) -> list[dict[str, Any]]:
    """The records of what is shown, which name nobody who does not want it, or of whom that is not known.

    Where the keys of pseudonyms can't be had in time they name nobody at all: plain ids are not what the stack keeps.
    """
    keys = None if runtime.pseudonyms is None else runtime.pseudonyms.keys()
    found = []
    for name, one, shown in named:
        document = exposure(shown, name, user_id, now_ms, one)
        if not _willing(runtime, profile, one):
            document = nameless(document)
        elif keys is not None:
            document = pseudonymous(document, keys)
        elif runtime.pseudonyms is not None:
            document = nameless(document)
            metrics.add_metric("ExposuresUnnamed", MetricUnit.Count, 1)
        found.append(document)
    return found


def _record(runtime: Runtime, documents: list[dict[str, Any]]) -> None:
    try:
        runtime.exposure_writes.begin(partial(runtime.exposures.put, documents)).result(WRITE_S)
    except Exception as exc:  # an answer is worth more than its record
        logger.warning("exposure not recorded", extra={"error": type(exc).__name__})
        metrics.add_metric("ExposuresLost", MetricUnit.Count, 1)


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
        reading = runtime.profile_reads.begin(partial(_stored, runtime, asked.user_id, asked.anonymous_key))
    snapshot = runtime.ladder.begin(asked.request.named)
    windows = _windows([asked], snapshot, {})
    runtime.live_counts.begin(now_ms, windows)
    stored = _profile(runtime, reading)
    live = runtime.live_counts.at(now_ms, windows) if windows else None
    return Materials(snapshot, runtime.ladder.over(snapshot), stored, live, now_ms)
