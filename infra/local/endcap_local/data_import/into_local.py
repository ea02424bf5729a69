"""An import into the local stack, past its API."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from endcap.aws.erasures import ErasureTable
from endcap.aws.snapshots import SnapshotBucket
from endcap.recommend.prepared import encode_with
from endcap.snapshot.snapshot import load_snapshot
from endcap_local.data_import.imported import Imported, ImportFailedError, counted, people_with_ids
from endcap_local.data_import.local_stores import variable_of, write_archive, write_items, write_profiles
from endcap_local.http_client import HttpClient, HttpError, health_of
from endcap_local.stack import LocalStack
from endcap_rebuild.data.erasures import erased_of
from endcap_rebuild.data.identities import Identities
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.reading import read_events, read_items
from endcap_rebuild.data.report import ReadReport, no_items
from endcap_rebuild.job import rebuild
from endcap_rebuild.settings import Progress, RebuildSettings

PICK_UP_S = 30.0


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
    ledger = ErasureTable(stack.client("dynamodb"), variable_of(stack, "ERASURES_TABLE")).read()[0]
    with report.keeping(options.errors):
        items = read_items(folder, report, options)
        now_ms = int(time.time() * 1000)
        read = read_events(folder, report, now_ms, identities=identities, options=options, people=people_with_ids())
        read_whole = [identities.keyed(event) for event in list(counted(read, items, report))]
        events = list(erased_of(folder, report, ledger).without(read_whole, report))
    if not items:
        raise no_items(folder, report)
    report.require_good(options.allow_bad)
    options = replace(options, errors=None)
    write_items(stack, items, progress)
    with tempfile.TemporaryDirectory(prefix="endcap-snapshot-") as out:
        settings = RebuildSettings(folder, Path(out), encoder=encoder, max_cases=max_cases, reading=options)
        settings = replace(settings, ledger=ledger)
        manifest = rebuild(settings, progress)
        version = str(manifest["version"])
        SnapshotBucket(stack.client("s3"), variable_of(stack, "DATA_BUCKET")).upload(Path(out), version)
        shoppers, wanted = write_profiles(stack, events, encode_with(load_snapshot(Path(out))), progress)
        progress("archiving", 0, 1)
        write_archive(stack, wanted)
    progress("promoting", 0, 1)
    reply = stack.invoke("PromoteFunction", {"version": version})
    if reply.error is not None:
        raise ImportFailedError(f"the snapshot was not promoted: {reply.error}")
    wait_until_served(HttpClient(stack.url), version)
    # The rebuild has read the same rows and, knowing both files, has more to say about them.
    return Imported(len(items), len(events), shoppers, 0, version, manifest["run"]["read"])


def wait_until_served(api: HttpClient, version: str) -> None:
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
