"""An import through the API of a stack, as a storefront would send it."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from endcap.aws.clients import BACKGROUND, client
from endcap.aws.erasures import LedgerCopy
from endcap.aws.snapshots import SnapshotBucket
from endcap.catalog.item import item_document
from endcap.events.interaction import interaction_document
from endcap_local.data_import.imported import Imported, counted, people_with_ids
from endcap_local.http_client import HttpClient, HttpError
from endcap_local.snapshots import make_current
from endcap_rebuild.data.identities import Identities
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.reading import read_events, read_items
from endcap_rebuild.data.report import ReadReport, no_items
from endcap_rebuild.data.row_weights import NEXT_TARGET
from endcap_rebuild.job import rebuild
from endcap_rebuild.settings import Progress, RebuildSettings
from endcap_rebuild.text.encoders import current_encoder

MAX_REQUEST_BYTES, MAX_REQUEST_ROWS = 200 * 1024, 500


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
        read = read_events(folder, report, now_ms, identities=identities, options=options, people=people_with_ids())
        for _ in counted(read, items, report):
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
