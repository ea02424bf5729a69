"""A candidate before a promotion: read afresh, examined in a process of its own, and put before the gates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from endcap.errors import FieldError, InvalidRequestError, NotFoundError, SnapshotIntegrityError
from endcap.observability import logger
from endcap.snapshot.examination import examine, files_compared
from endcap.snapshot.figures import Figures, Measured
from endcap.snapshot.gates import REMEMBERED, Case, GateError, check_gates
from endcap.snapshot.snapshot import Snapshot, load_snapshot

MAX_REASON: Final = 500


class Current(Protocol):
    """What says which snapshot is current."""

    @property
    def version(self) -> str: ...

    @property
    def promotion(self) -> Mapping[str, Any]:
        """What `promote` noted with the flip."""


class Copies(Protocol):
    """Where files of snapshots are fetched from, into folders that hold nothing from before."""

    def download(self, version: str, names: Iterable[str] | None = None) -> Path: ...


class Manifests(Protocol):
    """Where the manifests of snapshots are."""

    def manifest(self, version: str) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Checked:
    """A snapshot that may be promoted, and what is to be noted beside the pointer when it is."""

    snapshot: Snapshot
    noted: Mapping[str, Any]


def check(
    version: str,
    current: Current | None,
    bucket: Manifests,
    copies: Copies,
    now_ms: int,
    force: str | None = None,
    storage_mb: int | None = None,
) -> Checked:
    """Fetch a snapshot, examine it apart, and put it before the gates.

    Parameters
    ----------
    copies : as `bucket.afresh` gives them; the snapshot's files lie there for as long as they do

    Raises
    ------
    SnapshotIntegrityError, GateError, NotFoundError, ThrottledError, DependencyError : as `promote` does
    """
    folder = copies.download(version)
    compares = current is not None and current.version != version and not force
    beside = _current_beside(current.version, bucket, copies) if current is not None and compares else None
    measured = examine(folder, beside.folder if beside else None, now_ms, probing=not force)
    snapshot = load_snapshot(folder)
    if snapshot.version != version:
        raise SnapshotIntegrityError(f"the manifest of {version} is that of {snapshot.version}")
    before = _before(current, beside.manifest) if current is not None and beside is not None else ()
    if measured is not None:
        check_gates(Case(snapshot.manifest, measured, now_ms, beside.manifest if beside else None, before, storage_mb))
    if force:
        logger.warning("gates skipped", extra={"version": version, "reason": force})
    return Checked(snapshot, _noted(snapshot, measured, before, force))


def force_of(given: object) -> str | None:
    """Why the gates are to be skipped, None where they are not.

    `true`, which callers of before send, gives no reason, and that is what is recorded.

    Raises
    ------
    InvalidRequestError : anything but a text of 1 to 500 characters, true, false or null
    """
    if given is None or given is False:
        return None
    reason = "no reason given" if given is True else given
    if not isinstance(reason, str) or not reason.strip() or len(reason) > MAX_REASON or not reason.isprintable():
        raise InvalidRequestError([FieldError(field="force", message=f"must say why, in 1 to {MAX_REASON} characters")])
    return reason.strip()


@dataclass(frozen=True)
class _Beside:
    """The manifest of the current snapshot, and a folder with the files that candidates are compared with."""

    manifest: Mapping[str, Any]
    folder: Path


def _current_beside(version: str, bucket: Manifests, copies: Copies) -> _Beside:
    try:
        manifest = bucket.manifest(version)
        return _Beside(manifest, copies.download(version, files_compared(manifest)))
    except (NotFoundError, SnapshotIntegrityError) as exc:
        raise GateError(f"there is nothing to compare with, as the current snapshot can't be read: {exc}") from exc


def _before(current: Current, manifest: Mapping[str, Any]) -> tuple[Figures, ...]:
    """The last promotions, the current one first."""
    noted = current.promotion.get("last")
    known = [found for one in (noted if isinstance(noted, list) else ()) if (found := Figures.read(one)) is not None]
    own = next((one for one in known if one.version == current.version), Figures.of(manifest))
    return (own, *(one for one in known if one.version != current.version))[:REMEMBERED]


def _noted(
    snapshot: Snapshot, measured: Measured | None, before: Sequence[Figures], force: str | None
) -> dict[str, Any]:
    """What is kept beside the pointer; others are compared with what was forced, no more with what was before."""
    for_sale = None if measured is None else measured.for_sale / max(1, measured.items)
    last = (Figures.of(snapshot.manifest, for_sale), *(one for one in before if one.version != snapshot.version))
    return {"forced": force, "last": [one.as_document() for one in last[:REMEMBERED]]}
