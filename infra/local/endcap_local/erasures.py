"""What people operate of erasures by hand: after a restore, and everything that is held of somebody."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from endcap.aws.clients import aws_errors
from endcap.aws.erasures import ErasureTable, LedgerCopy
from endcap.aws.profiles import ProfileTable
from endcap.aws.purging import PurgedProfiles
from endcap.erasure.inventory import PURGED, STORES
from endcap.erasure.ledger import Ledger, ledger_key
from endcap.erasure.records import erased_subjects, erased_within
from endcap.errors import StoredDataError
from endcap.profiles.summary.describe import export, export_unreadable
from endcap.pseudonyms import PseudonymKeys, names_of
from endcap_local.experiments.archive import BucketArchive, ReadLog, records

Progress = Callable[[str, int, int], None]
_SECRET: Final = b"whose records are looked for"
_ALWAYS: Final = 1 << 62


def reapply(table: ErasureTable, copy: LedgerCopy, profiles: ProfileTable, progress: Progress) -> dict[str, int]:
    """Erase again whatever a restored table has brought back.

    The ledger's table is first filled up from its copy, and the copy from the table, as either may be the restored one.
    Doing it again changes nothing.

    Returns
    -------
    how many entries were missing in the table, how many profiles were looked through, what was removed of them, and
    how many of those that the ledger names can't be read

    Raises
    ------
    StoredDataError : table and copy are of different stacks
    ThrottledError, DependencyError
    """
    copied = copy.read() or Ledger()
    restored = table.restore(copied)
    ledger, entries = table.read()
    for entry in entries:
        if copied.entries.get(entry.subject, -1) < entry.until_ms:
            copy.put_key(table.secret)
            copy.put(entry.subject, entry.until_ms)
    looked = removed = unreadable = 0
    for step in PurgedProfiles(profiles, table).purge(ledger, "", lambda _subjects, _mark: None):
        looked += 1
        removed += step.found
        unreadable += len(step.unreadable)
        progress("profiles", looked, 0)
    return {
        "erasures": len(entries),
        "restored": restored,
        "profiles": looked,
        "removed": removed,
        "unreadable": unreadable,
    }


def everything_of(
    key: str, profiles: ProfileTable, s3: Any, bucket: str, keys: PseudonymKeys | None = None
) -> dict[str, Any]:
    """All that is stored of somebody, store by store, and where else something may be on its way.

    Parameters
    ----------
    key : a user's id, or `anon:` and an anonymous id
    keys : of the pseudonyms that records carry

    Raises
    ------
    ThrottledError, DependencyError
    """
    names = [key, *(names_of(key, keys) if keys is not None else ())]
    one = Ledger({1: _SECRET}, {ledger_key(name, _SECRET): _ALWAYS for name in names})
    held: dict[str, Any] = {"profiles": _profile(key, profiles)}
    for store in PURGED:
        if store.prefix:
            held[store.name] = list(_HELD[store.name](s3, bucket, store.prefix, one))
    passing = {store.name: store.expires_days for store in STORES if store.end == "expires"}
    return {**held, "gone_by_itself_after_days": passing}


def _profile(key: str, profiles: ProfileTable) -> dict[str, Any] | None:
    try:
        stored = profiles.get(key, consistent=True)
    except StoredDataError:
        return export_unreadable(profiles.raw(key) or {})
    return {"profile_version": stored.version, **export(stored.profile)} if stored.version else None


def _records(s3: Any, bucket: str, prefix: str, one: Ledger) -> Iterator[Any]:
    for record in records(BucketArchive(s3, bucket), prefix.rstrip("/"), ReadLog()):
        batch = record.get("events")
        for event in batch if isinstance(batch, list) else [record]:
            if isinstance(event, dict) and erased_subjects(event, one):
                yield event


def _delivery_errors(s3: Any, bucket: str, prefix: str, one: Ledger) -> Iterator[Any]:
    for told in records(BucketArchive(s3, bucket), prefix.rstrip("/"), ReadLog()):
        try:
            lines = base64.b64decode(told["rawData"], validate=True).splitlines()
            found = [json.loads(line) for line in lines if line.strip()]
        except (KeyError, TypeError, ValueError):
            continue
        yield from (record for record in found if isinstance(record, dict) and erased_subjects(record, one))


def _quarantined(s3: Any, bucket: str, prefix: str, one: Ledger) -> Iterator[Any]:
    archive = BucketArchive(s3, bucket)
    for name in archive.names(prefix.rstrip("/")):
        try:
            with aws_errors("read quarantine"):
                document = json.load(archive.open(name))
            value = json.loads(document["payload"])
        except (KeyError, TypeError, ValueError):
            continue
        if erased_within(value, 0, one):
            yield document


_HELD: Final[Mapping[str, Callable[[Any, str, str, Ledger], Iterator[Any]]]] = {
    "archive": _records,
    "exposures": _records,
    "results": _records,
    "quarantine": _quarantined,
    "delivery_errors": _delivery_errors,
}
