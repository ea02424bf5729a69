"""`endcap batch-recommend`: one list per user, from a snapshot and a file of events, to a CSV file.

Profiles are folded by the code that `update_profile` runs, lists are made by the function that `recommend` calls.
"""

from __future__ import annotations

import csv
import gzip
import io
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from endcap.catalog.item import Item, item_text
from endcap.encoders.items import item_tag
from endcap.encoders.quantize import quantize_unit
from endcap.erasure.ledger import Ledger
from endcap.errors import InvalidInputError
from endcap.events.interaction import Interaction
from endcap.events.types import EVENT_TYPES, IDENTIFY, EventType
from endcap.identifiers import anonymous_key
from endcap.index.overlay import MAX_CHANGED, ChangedItem, Overlay
from endcap.profiles.identity import apply_events
from endcap.profiles.profile import EMPTY_PROFILE, Encode, UserProfile
from endcap.pseudonyms import PseudonymKeys, is_pseudonym
from endcap.recommend.pipeline import recommend
from endcap.recommend.prepared import encode_with
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.files import replace_file
from endcap.snapshot.snapshot import Snapshot, load_snapshot
from endcap.validation import timestamp_ms
from endcap_rebuild.data.erasures import Erased, erased_of
from endcap_rebuild.data.identities import Identities
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.people import KEYS_ASKED, People
from endcap_rebuild.data.reading import read_events, read_items, read_user_ids
from endcap_rebuild.data.report import ReadReport
from endcap_rebuild.data.times import with_offset
from endcap_rebuild.settings import Progress, no_progress

LAST_EVENT: Final = "last-event"
COLUMNS: Final = ("user_id", "rank", "item_id", "score")


class MemoryProfiles:
    """Profiles in a dictionary, for folding a file of events."""

    def __init__(self) -> None:
        self.profiles: dict[str, UserProfile] = {}

    def update(self, user_id: str, change: Callable[[UserProfile], UserProfile]) -> tuple[UserProfile, UserProfile]:
        """Replace the user's profile p by change(p); (before, after)."""
        before = self.profiles.get(user_id, EMPTY_PROFILE)
        after = self.profiles[user_id] = change(before)
        return before, after


@dataclass
class History:
    """What a file of events holds about the users asked for."""

    events: list[Interaction] = field(default_factory=list)
    items: dict[str, set[str]] = field(default_factory=dict)
    latest_ms: dict[str, int] = field(default_factory=dict)


def batch_recommend(
    snapshot_dir: Path,
    events: Path,
    users: Path,
    limit: int,
    out: Path,
    items: Path | None = None,
    include_seen: bool = False,
    as_of: str = LAST_EVENT,
    progress: Progress = no_progress,
    event_types: Mapping[str, EventType] = EVENT_TYPES,
    ledger: Ledger | None = None,
    without_ledger: bool = False,
    keys: PseudonymKeys | None = None,
    reading: ReadOptions | None = None,
) -> dict[str, Any]:
    """Write `out` (user_id,rank,item_id,score; gzipped when it ends in .gz) with up to `limit` items per user.

    Parameters
    ----------
    events : file or folder that `reading.read_events` understands
    users : CSV with a column `user_id`; a user without events gets what is popular
    items : items that the snapshot has never seen, ranked by their text
    include_seen : also items of the user's own events
    as_of : "last-event", each user's own latest, or one time for all (ISO 8601 or unix)
    ledger, without_ledger : whose events are left out, as `erased_of` has them
    keys : of the pseudonyms that `events` carry; users are named by their ids all the same
    reading : how the files are to be read, where they don't say it themselves

    Returns
    -------
    counts: users, users_without_events, rows, and what reading the files found

    Raises
    ------
    InvalidInputError : a parameter or a file can't be used
    UnusableDataError : what the events say could mean several things, or too little of it can be used
    SnapshotError, EncoderError : the snapshot can't be used
    """
    reading = reading or ReadOptions()
    clock_ms = None if as_of == LAST_EVENT else _time(with_offset(as_of, reading.zone))
    snapshot = load_snapshot(snapshot_dir)
    report = ReadReport(progress=progress)
    wanted = read_user_ids(users, report)
    overlay = None if items is None else _overlay(snapshot, items, report, reading)
    people = People(keys)
    erased = erased_of(events, report, ledger, without_ledger, people)
    names = {user_id: people.name_of(user_id) for user_id in wanted}
    if not all(map(is_pseudonym, names.values())):
        people.must_know = KEYS_ASKED
    with report.keeping(reading.errors):
        history = _history(events, set(names.values()), report, event_types, people, erased, reading)
    report.require_good(reading.allow_bad)
    profiles = _fold(history.events, _remembering(encode_with(snapshot)))
    rows: list[tuple[str, int, str, str]] = []
    for number, (user_id, name) in enumerate(names.items()):
        request = RecommendationRequest(
            limit=limit,
            exclude_seen="none" if include_seen else "interacted",
            seen_items=() if include_seen else tuple(history.items.get(name, ())),
            explain=False,
        )
        own_ms = history.latest_ms.get(name, snapshot.training_cutoff_ms)
        profile = profiles.get(name, EMPTY_PROFILE)
        moment = own_ms if clock_ms is None else clock_ms
        answer = recommend(snapshot, profile, request, moment, overlay, event_types)
        rows += [(user_id, item.rank, item.item_id, f"{item.score:.6g}") for item in answer.items]
        progress("recommending", number + 1, len(wanted))
    _write(out, rows)
    return {
        "users": len(wanted),
        "users_without_events": sum(name not in history.latest_ms for name in names.values()),
        "rows": len(rows),
        "read": report.document(),
    }


def _time(as_of: str) -> int:
    try:
        return timestamp_ms(as_of)
    except ValueError as exc:
        raise InvalidInputError(f"as_of: {exc}, or {LAST_EVENT!r}") from exc


def _history(
    source: Path,
    wanted: set[str],
    report: ReadReport,
    event_types: Mapping[str, EventType],
    people: People,
    erased: Erased,
    reading: ReadOptions,
) -> History:
    """Events of the wanted users, and of the anonymous ids that were handed to them."""
    now_ms = int(time.time() * 1000)
    history, identities = History(), Identities()
    handed: set[str] = set()
    found = read_events(source, report, now_ms, event_types, identities, reading, people)
    for event in erased.without(found, report):
        if event.event_type == IDENTIFY and event.anonymous_id and (event.user_id in wanted):
            handed.add(anonymous_key(event.anonymous_id))
        if event.user_id in wanted or event.event_type == IDENTIFY:
            _keep(history, event, event.user_id)
    if handed:
        again = ReadReport()
        read = read_events(source, again, now_ms, event_types, options=reading, people=people)
        for event, keyed in ((event, identities.keyed(event)) for event in read):
            if not list(erased.without([keyed], again)):
                continue
            if keyed.user_id in handed and (keyed is not event or event.user_id not in wanted):
                history.events.append(keyed)
    return history


def _keep(history: History, event: Interaction, user_id: str) -> None:
    history.events.append(event)
    history.latest_ms[user_id] = max(event.timestamp_ms, history.latest_ms.get(user_id, 0))
    if event.item_id:
        history.items.setdefault(user_id, set()).add(event.item_id)


def _fold(events: Iterable[Interaction], encode: Encode | None) -> dict[str, UserProfile]:
    store = MemoryProfiles()
    failed = apply_events(events, store, encode)
    if failed:
        raise next(iter(failed.values()))
    return store.profiles


def _remembering(encode: Encode | None) -> Encode | None:
    """`encode` that runs each text once: reviews such as "good" come back by the thousand."""
    if encode is None:
        return None
    known: dict[str, tuple[bytes, bytes]] = {}

    def remembered(text: str) -> tuple[bytes, bytes]:
        if text not in known:
            known[text] = encode(text)
        return known[text]

    return remembered


def _overlay(snapshot: Snapshot, source: Path, report: ReadReport, reading: ReadOptions) -> Overlay:
    new: list[Item] = [item for item in read_items(source, report, reading) if item.item_id not in snapshot.index]
    if len(new) > MAX_CHANGED:
        raise InvalidInputError(f"{len(new)} items are new to the snapshot; beyond {MAX_CHANGED} rebuild it")
    encoder = snapshot.encoder
    rows = []
    for item in new:
        vector, tag = None, None
        if encoder is not None and (text := item_text(item, snapshot.text_fields)):
            vector = quantize_unit(encoder.encode(text)).tobytes()
            tag = item_tag(encoder.tag, snapshot.text_fields)
        rows.append(ChangedItem(item.item_id, snapshot.catalog_as_of_ms, item, vector, tag))
    return Overlay(snapshot, rows)


def _write(out: Path, rows: Iterable[tuple[str, int, str, str]]) -> None:
    def write(file: BinaryIO) -> None:
        zipped = out.name.endswith(".gz")
        # Without a file name and a time inside, equal answers are equal files.
        binary = gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) if zipped else file
        text = io.TextIOWrapper(cast(BinaryIO, binary), encoding="utf-8", newline="")
        table = csv.writer(text, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(rows)
        text.flush()
        text.detach()
        if zipped:
            binary.close()

    out.parent.mkdir(parents=True, exist_ok=True)
    replace_file(out, write)
