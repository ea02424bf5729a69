"""Bringing a folder of items and events into a stack.

Into the local stack it goes by the shortest way: rows are written in bulk, while other writers wait. Into any other it
goes over HTTP, through the functions that take in what a storefront sends.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from endcap.aws.clients import BACKGROUND, client
from endcap.aws.erasures import ErasureTable, LedgerCopy
from endcap.aws.item_rows import item_row
from endcap.aws.profiles import ProfileTable, StoredProfile
from endcap.aws.secrets import PseudonymSecret
from endcap.aws.snapshots import SnapshotBucket
from endcap.catalog.item import Item, item_document
from endcap.errors import EndcapError
from endcap.events.interaction import Interaction, interaction_document
from endcap.events.types import IDENTIFY, NOT_IN_HISTORY
from endcap.profiles.identity import apply_events
from endcap.profiles.profile import EMPTY_PROFILE, Encode, UserProfile, merge
from endcap.pseudonyms import pseudonymous
from endcap.recommend.prepared import encode_with
from endcap.snapshot.snapshot import load_snapshot
from endcap_local.http_client import HttpClient, HttpError, health_of
from endcap_local.snapshots import make_current
from endcap_local.stack import LocalStack
from endcap_rebuild.data.erasures import erased_of
from endcap_rebuild.data.identities import Identities
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.people import People
from endcap_rebuild.data.reading import read_events, read_items
from endcap_rebuild.data.report import ReadReport, no_items
from endcap_rebuild.data.row_weights import NEXT_TARGET
from endcap_rebuild.job import rebuild
from endcap_rebuild.settings import Progress, RebuildSettings
from endcap_rebuild.text.encoders import current_encoder

READ_ROWS, WRITE_ROWS = 100, 25  # DynamoDB's limits for a batch
MAX_REQUEST_BYTES, MAX_REQUEST_ROWS = 200 * 1024, 500
Row = TypeVar("Row")
PICK_UP_S = 30.0
_ANY_FUNCTION = "CollectFunction"  # has the names of all tables and of the bucket, as nearly every function


class ImportFailedError(EndcapError):
    """The stack did not take what it was given."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What is in the stack now.

    Attributes
    ----------
    shoppers : distinct users of the events
    refused : rows that were read but not taken by the API
    version : the snapshot that is current, None where none was built
    read : what reading the folder found, as `ReadReport.document`
    """

    items: int
    events: int
    shoppers: int
    refused: int
    version: str | None
    read: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """All of it as one JSON object; `rejected` are the rows that the API did not take."""
        done = {"items": self.items, "events": self.events, "shoppers": self.shoppers}
        return {**self.read, **done, "rejected": self.refused, "version": self.version}


def load_folder(
    stack: LocalStack,
    folder: Path,
    progress: Progress,
    encoder: str = "auto",
    max_cases: int = 2_000,
    options: ReadOptions | None = None,
) -> Imported:
    """Import a folder into the local stack, build a snapshot of it, and make that the current one.

    Parameters
    ----------
    encoder, max_cases : as `RebuildSettings` has them
    options : how the files are to be read

    Raises
    ------
    UnusableDataError : the data is not good enough to replace what works; nothing was written
    InvalidInputError : there is no item file
    ImportFailedError : the snapshot was not promoted
    """
    report, options = ReadReport(progress=progress), options or ReadOptions()
    identities = Identities()
    ledger = ErasureTable(stack.client("dynamodb"), _variable(stack, "ERASURES_TABLE")).read()[0]
    with report.keeping(options.errors):
        items = read_items(folder, report, options)
        now_ms = int(time.time() * 1000)
        read = read_events(folder, report, now_ms, identities=identities, options=options, people=_with_ids())
        read_whole = [identities.keyed(event) for event in list(_counted(read, items, report))]
        events = list(erased_of(folder, report, ledger).without(read_whole, report))
    if not items:
        raise no_items(folder, report)
    report.require_good(options.allow_bad)
    options = replace(options, errors=None)
    _write_items(stack, items, progress)
    with tempfile.TemporaryDirectory(prefix="endcap-snapshot-") as out:
        settings = RebuildSettings(folder, Path(out), encoder=encoder, max_cases=max_cases, reading=options)
        settings = replace(settings, ledger=ledger)
        manifest = rebuild(settings, progress)
        version = str(manifest["version"])
        SnapshotBucket(stack.client("s3"), _variable(stack, "DATA_BUCKET")).upload(Path(out), version)
        shoppers, wanted = _write_profiles(stack, events, encode_with(load_snapshot(Path(out))), progress)
        progress("archiving", 0, 1)
        _archive(stack, wanted)
    progress("promoting", 0, 1)
    reply = stack.invoke("PromoteFunction", {"version": version})
    if reply.error is not None:
        raise ImportFailedError(f"the snapshot was not promoted: {reply.error}")
    _wait_until_served(HttpClient(stack.url), version)
    # The rebuild has read the same rows and, knowing both files, has more to say about them.
    return Imported(len(items), len(events), shoppers, 0, version, manifest["run"]["read"])


def import_over_http(
    folder: Path,
    api: HttpClient,
    progress: Progress,
    bucket: str | None = None,
    encoder: str = "auto",
    function: str | None = None,
    key: str | None = None,
    options: ReadOptions | None = None,
    target: str = NEXT_TARGET,
) -> Imported:
    """Send a folder's items and events to a stack's API; with a bucket also rebuild from the folder and promote.

    Parameters
    ----------
    function, key : what promotes and signs, as `endcap_local.snapshots.make_current` has them
    target : of the rebuild, as `RebuildSettings` has it

    Raises
    ------
    UnusableDataError : the data is not good enough to replace what works; nothing was sent
    InvalidInputError : there is no item file
    HttpError : the API refuses a whole request, or does not answer
    """
    report, options = ReadReport(progress=progress), options or ReadOptions()
    now_ms, identities = int(time.time() * 1000), Identities()
    with report.keeping(options.errors):
        items = read_items(folder, report, options)
        read = read_events(folder, report, now_ms, identities=identities, options=options, people=_with_ids())
        for _ in _counted(read, items, report):
            pass  # who is anonymous, and whether the whole is any good, is certain at the end only
    if not items:
        raise no_items(folder, report)
    report.require_good(options.allow_bad)
    options = replace(options, errors=None)
    refused = 0
    for done, part in _packed(item_document(item) for item in items):
        refused += _rejected_of(api, "/items", {"items": part})
        progress("sending items", done, len(items))
    events = map(identities.keyed, read_events(folder, ReadReport(), now_ms, options=options))
    sent, users = 0, set[str]()
    for sent, part in _packed(interaction_document(event) for event in events):
        refused += _rejected_of(api, "/events", {"events": part})
        users.update(str(event.get("user_id") or event["anonymous_id"]) for event in part)
        progress("sending events", sent, report.events)
    version, found = None, report.document()
    if bucket is not None:
        snapshots = SnapshotBucket(client("s3", BACKGROUND), bucket)
        with tempfile.TemporaryDirectory(prefix="endcap-snapshot-") as out:
            ledger = LedgerCopy(client("s3", BACKGROUND), bucket).read()
            settings = RebuildSettings(folder, Path(out), encoder=encoder, ledger=ledger, reading=options)
            settings = replace(settings, before=current_encoder(snapshots), target=target)
            manifest = rebuild(settings, progress)
            version = str(manifest["version"])
            progress("uploading the snapshot", 0, 1)
            snapshots.upload(Path(out), version)
        progress("promoting", 0, 1)
        make_current(version, snapshots, function, key)
        found = manifest["run"]["read"]
    return Imported(len(items), sent, len(users), refused, version, found)


def _rejected_of(api: HttpClient, path: str, body: Mapping[str, Any]) -> int:
    """Send a part, and give how many of it the API refused."""
    told = api.post(path, body)
    if not isinstance(told, dict) or not isinstance(told.get("rejected"), list):
        raise HttpError(f"POST {path} was answered, but not as Endcap does; is {api.url} the stack's ApiUrl?")
    return len(told["rejected"])


def _with_ids() -> People:
    """Who names the shoppers of a file that is imported: they need the ids that profiles are kept under."""
    people = People()
    people.must_know = "the events carry pseudonyms, and nobody can say into whose profiles they go: import plain ids"
    return people


def _wait_until_served(api: HttpClient, version: str) -> None:
    """Return when the API ranks with `version`; it looks for a new one every two seconds."""
    deadline = time.monotonic() + PICK_UP_S
    while True:
        try:
            if health_of(api)["snapshot_version"] == version:
                return
        except HttpError:
            if time.monotonic() > deadline:
                raise
        if time.monotonic() > deadline:
            raise ImportFailedError(f"snapshot {version} is current, but not served after {PICK_UP_S:.0f} s")
        time.sleep(0.05)


def _counted(events: Iterator[Interaction], items: Sequence[Item], report: ReadReport) -> Iterator[Interaction]:
    """The events; those of items that the catalogue does not have are counted in the report."""
    known = {item.item_id for item in items}
    for event in events:
        if event.item_id is not None and event.item_id not in known and event.event_type not in NOT_IN_HISTORY:
            report.unknown_item(event.item_id)
        yield event


def _packed(documents: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, list[Mapping[str, Any]]]]:
    """Requests' worth of documents, with the count of all so far."""
    part: list[Mapping[str, Any]] = []
    size = done = 0
    for document in documents:
        n_bytes = len(json.dumps(document)) + 1
        if part and (size + n_bytes > MAX_REQUEST_BYTES or len(part) == MAX_REQUEST_ROWS):
            yield done, part
            part, size = [], 0
        part.append(document)
        size += n_bytes
        done += 1
    if part:
        yield done, part


def _write_items(stack: LocalStack, items: Sequence[Item], progress: Progress) -> None:
    """Store the items that are new or changed."""
    table, now_ms = _variable(stack, "ITEMS_TABLE"), int(time.time() * 1000)
    rows = {item.item_id: item_row(item, now_ms) for item in items}
    for row in rows.values():
        del row["change_shard"]  # the snapshot that follows has them; the index of changes is for what it has not

    def changed(stored: Mapping[str, Mapping[str, Any]], ids: Sequence[str]) -> list[dict[str, Any]]:
        return [rows[i] for i in ids if stored.get(i, {}).get("content_hash") != rows[i]["content_hash"]]

    _write(stack, table, "item_id", list(rows), changed, "items", progress)


def _write_profiles(
    stack: LocalStack, events: Sequence[Interaction], encode: Encode | None, progress: Progress
) -> tuple[int, list[Interaction]]:
    """Fold the events as `update_profile` does, one row per shopper.

    Returns
    -------
    how many shoppers they are of, and the events that may be kept
    """
    unwanted: set[int] = set()
    table = _variable(stack, "PROFILES_TABLE")
    rows = ProfileTable(stack.client("dynamodb"), table, int(_variable(stack, "PROFILE_TTL_DAYS")))
    store = _Folded({user_id: stored.profile for user_id, stored in rows.scan()})
    by_user: dict[str, list[Interaction]] = defaultdict(list)
    for event in events:
        by_user[event.user_id].append(event)
    linked = any(event.event_type == IDENTIFY for event in events)
    parts: Sequence[Sequence[Interaction]] = [events] if linked else list(by_user.values())
    for number, part in enumerate(parts, start=1):
        apply_events(part, store, encode, unwanted=lambda event: unwanted.add(id(event)))
        progress("folding", number, len(parts))

    def changed(stored: Mapping[str, Mapping[str, Any]], ids: Sequence[str]) -> list[dict[str, Any]]:
        out = []
        for user_id in ids:
            before: StoredProfile = rows.read(stored.get(user_id))
            after = merge(before.profile, store.profiles[user_id])
            if after != before.profile:
                out.append(rows.row(user_id, after, before.version + 1))
        return out

    _write(stack, table, "user_id", sorted(store.touched), changed, "profiles", progress)
    return len(by_user), [event for event in events if id(event) not in unwanted]


def _write(
    stack: LocalStack,
    table: str,
    key: str,
    ids: Sequence[str],
    changed: Callable[[Mapping[str, Mapping[str, Any]], Sequence[str]], list[dict[str, Any]]],
    step: str,
    progress: Progress,
) -> None:
    """Write the rows that `changed` makes of the stored ones, while nobody else writes."""
    for number, part in enumerate(_batched(ids, READ_ROWS)):
        with stack.engine.exclusive("dynamodb") as dynamodb:
            keys = [{key: {"S": row_id}} for row_id in part]
            found = dynamodb.batch_get_item(RequestItems={table: {"Keys": keys}})["Responses"][table]
            new = changed({row[key]["S"]: row for row in found}, part)
            for some in _batched(new, WRITE_ROWS):
                dynamodb.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": row}} for row in some]})
        progress(step, number * READ_ROWS + len(part), len(ids))


def _archive(stack: LocalStack, events: Sequence[Interaction]) -> None:
    """Keep the events where `update_profile` keeps them; the same events give the same object."""
    documents = [interaction_document(event) for event in events]
    if _variable(stack, "PSEUDONYMS") == "on":
        keys = PseudonymSecret(stack.client("secretsmanager"), _variable(stack, "PSEUDONYM_SECRET")).get()
        documents = [pseudonymous(document, keys) for document in documents]
    lines = "".join(json.dumps(document, separators=(",", ":")) + "\n" for document in documents).encode()
    if lines:
        name = f"events/import/{hashlib.sha256(lines).hexdigest()[:32]}.jsonl.gz"
        body = gzip.compress(lines, compresslevel=1, mtime=0)
        stack.client("s3").put_object(Bucket=_variable(stack, "DATA_BUCKET"), Key=name, Body=body)


def _batched(rows: Sequence[Row], size: int) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


class _Folded:
    """Profiles in memory, and whose have changed."""

    def __init__(self, profiles: Mapping[str, UserProfile]) -> None:
        self.profiles, self.touched = dict(profiles), set[str]()

    def update(self, user_id: str, change: Callable[[UserProfile], UserProfile]) -> tuple[UserProfile, UserProfile]:
        """Replace the user's profile p by change(p); (before, after)."""
        before = self.profiles.get(user_id, EMPTY_PROFILE)
        after = change(before)
        if after != before:
            self.profiles[user_id] = after
            self.touched.add(user_id)
        return before, after


def _variable(stack: LocalStack, name: str) -> str:
    return stack.function(_ANY_FUNCTION).environment[name]
