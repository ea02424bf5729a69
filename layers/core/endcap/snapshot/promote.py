"""Making a snapshot the current one: read it afresh, examine it apart, gate, embed what changed, sign, flip the pointer,
list the popular; going back to an earlier one; approving one for an experiment."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

import numpy as np

from endcap.catalog.row import ItemRow, PopularList
from endcap.encoders.items import VectorStore, embed_row
from endcap.encoders.text import TextEncoder
from endcap.errors import (
    EncoderError,
    FieldError,
    InvalidRequestError,
    NotFoundError,
    SnapshotError,
    SnapshotIntegrityError,
    SnapshotMissingError,
    SnapshotOutdatedError,
)
from endcap.observability import fault, logger
from endcap.signing import Signature, Signer, Trust
from endcap.snapshot.examination import examine, files_compared
from endcap.snapshot.figures import Figures, Measured
from endcap.snapshot.gates import REMEMBERED, Case, GateError, check_gates
from endcap.snapshot.sign import Signatures, sign
from endcap.snapshot.snapshot import Snapshot, load_snapshot

MAX_CHANGED_ITEMS = 100_000
MAX_REASON: Final = 500
ROLLBACK: Final = "rollback"
"""The reason of what goes back to what was current before."""
_BUILT: Final = re.compile(r"\d{8}T\d{6}Z(?=-)")
MAX_POPULAR: Final = 100
"""As many rows as one call reads."""


class Pointer(Protocol):
    """What says which snapshot is current, and which ones were before it."""

    @property
    def version(self) -> str: ...

    @property
    def previous(self) -> tuple[str, ...]: ...

    @property
    def signature(self) -> Signature | None: ...

    @property
    def promotion(self) -> Mapping[str, Any]:
        """What `promote` noted with the flip."""

    def before(self, version: str) -> tuple[str, ...]:
        """What there is to roll back to once `version` is promoted after this one."""


Known = TypeVar("Known", bound=Pointer)


class Copies(Protocol):
    """Where files of snapshots are fetched from, into folders that hold nothing from before."""

    def download(self, version: str, names: Iterable[str] | None = None) -> Path: ...


class Snapshots(Signatures, Protocol[Known]):
    """Where snapshots are, and the pointer to the current one, which is flipped only if it is still as expected."""

    def seen(self) -> Known | None:
        """The pointer; None where there is none, of no version where it is damaged."""

    def flip(
        self,
        version: str,
        expected: Known | None,
        signature: Signature | None,
        previous: Sequence[str] | None,
        promotion: Mapping[str, Any],
    ) -> Known: ...

    def manifest(self, version: str) -> Mapping[str, Any]: ...

    def afresh(self) -> AbstractContextManager[Copies]: ...


class Catalogue(VectorStore, Protocol):
    """Where items change while a snapshot is built, the newest first."""

    def changed_since(self, since_ms: int, limit: int) -> Sequence[ItemRow]: ...

    def put_popular(self, popular: PopularList) -> None: ...


@dataclass(frozen=True, slots=True)
class Promoted:
    """What a promotion did.

    Attributes
    ----------
    previous : the version that was current before, None for the first
    embedded : changed items that got a vector of the new encoder
    forced : why the gates were skipped, None where they were not
    """

    version: str
    previous: str | None
    embedded: int
    forced: str | None = None


def promote(
    version: str,
    bucket: Snapshots[Known],
    items: Catalogue | None,
    *,
    force: str | None = None,
    signer: Signer | None = None,
    now_ms: int | None = None,
) -> Promoted:
    """Make `version` the current snapshot.

    Parameters
    ----------
    items : the items table, whose rows newer than the snapshot are embedded with its encoder before the flip, and which
        takes the list that is shown where no snapshot can be read
    force : why to skip the gates (never the verification); it is kept beside the pointer
    signer : signs it; None for where nobody signs
    now_ms : the clock

    Raises
    ------
    SnapshotIntegrityError : the snapshot's files are not sound, or not those that were signed
    SnapshotOutdatedError : it was built before the current one
    GateError : the snapshot is not fit to be served, or worse than those before it
    ConflictError : somebody else promoted meanwhile
    NotFoundError, ThrottledError, DependencyError
    """
    seen = bucket.seen()
    current = _believed(seen, signer)
    if current is not None:
        check_order(version, current.version)
    found = _Found(seen, current, current.before(version) if current else ())
    return _promote(version, bucket, items, found, force=force, signer=signer, now_ms=now_ms)


def rollback(
    bucket: Snapshots[Known],
    items: Catalogue | None,
    *,
    to: str | None = None,
    signer: Signer | None = None,
    now_ms: int | None = None,
) -> Promoted:
    """Make an earlier snapshot the current one: the one before, or `to`. The next rollback goes further back.

    Raises
    ------
    SnapshotMissingError : none is known that was before the current one
    as `promote` does, but for the gates and the order
    """
    seen = bucket.seen()
    current = _believed(seen, signer)
    known = current.previous if current else ()
    if seen is None or not (to or known):
        raise SnapshotMissingError("there is no snapshot before the current one")
    version = to or known[0]
    before = known[known.index(version) + 1 :] if version in known else tuple(one for one in known if one < version)
    found = _Found(seen, current, before)
    return _promote(version, bucket, items, found, force=ROLLBACK, signer=signer, now_ms=now_ms)


def approve(
    version: str, bucket: Snapshots[Known], signer: Signer, *, force: str | None = None, now_ms: int | None = None
) -> Signature:
    """Sign `version` after the checks of a promotion, so that an experiment may name it; what is current stays.

    Raises
    ------
    as `promote` does, but for the order
    """
    current = _believed(bucket.seen(), signer)
    with bucket.afresh() as copies:
        checked = check(version, current, bucket, copies, _now_ms(now_ms), force)
        return sign(version, checked.snapshot.directory, bucket, signer)


@dataclass(frozen=True)
class _Found(Generic[Known]):
    """The pointer as it was found and, if it is to be believed, as what is current; what there will be to go back to."""

    seen: Known | None
    current: Known | None
    previous: tuple[str, ...]


def _promote(
    version: str,
    bucket: Snapshots[Known],
    items: Catalogue | None,
    found: _Found[Known],
    *,
    force: str | None,
    signer: Signer | None,
    now_ms: int | None,
) -> Promoted:
    current = found.current
    if signer is None and current is not None and current.signature is not None:
        raise SnapshotError("the current snapshot is signed, so the next one has to be: name what signs")
    with bucket.afresh() as copies:
        checked = check(version, current, bucket, copies, _now_ms(now_ms), force)
        embedded = 0 if items is None else _embed_changed(checked.snapshot, items)
        signature = sign(version, checked.snapshot.directory, bucket, signer) if signer else None
        if current is None or (current.version, current.signature) != (version, signature):
            bucket.flip(version, found.seen, signature, found.previous, checked.noted)
        if items is not None:
            items.put_popular(popular_list(checked.snapshot))
    if current is not None and current.version != version:
        return Promoted(version, current.version, embedded, force)
    return Promoted(version, found.previous[0] if found.previous else None, embedded, force)


def _believed(seen: Known | None, signer: Signer | None) -> Known | None:
    """The pointer, if it is one, and signed by whoever signs now: else it says nothing about what may follow it."""
    if seen is None or not seen.version:
        return None
    try:
        Trust(signer).check(seen.version, seen.signature)
    except SnapshotIntegrityError as exc:
        fault("the pointer is not ours", exc)
        return None
    return seen


def check_order(version: str, current: str) -> None:
    """Refuse what was built before the current snapshot, such as a promotion that is tried again too late.

    Raises
    ------
    SnapshotOutdatedError : by the times that begin the names of versions
    """
    built, current_built = _BUILT.match(version), _BUILT.match(current)
    if built and current_built and built[0] < current_built[0]:
        raise SnapshotOutdatedError(f"{version} is older than {current}, which is current; a rollback goes back to it")


def _now_ms(now_ms: int | None) -> int:
    return int(time.time() * 1000) if now_ms is None else now_ms


@dataclass(frozen=True)
class Checked:
    """A snapshot that may be promoted, and what is to be noted beside the pointer when it is."""

    snapshot: Snapshot
    noted: Mapping[str, Any]


def check(
    version: str, current: Pointer | None, bucket: Snapshots[Any], copies: Copies, now_ms: int, force: str | None = None
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
        check_gates(Case(snapshot.manifest, measured, now_ms, beside.manifest if beside else None, before))
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


def _current_beside(version: str, bucket: Snapshots[Known], copies: Copies) -> _Beside:
    try:
        manifest = bucket.manifest(version)
        return _Beside(manifest, copies.download(version, files_compared(manifest)))
    except (NotFoundError, SnapshotIntegrityError) as exc:
        raise GateError(f"there is nothing to compare with, as the current snapshot can't be read: {exc}") from exc


def _before(current: Pointer, manifest: Mapping[str, Any]) -> tuple[Figures, ...]:
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


def _embed_changed(snapshot: Snapshot, items: Catalogue) -> int:
    """Give items that changed since the snapshot a vector of its encoder; how many got one."""
    encoder, n_embedded = snapshot.encoder, 0
    for row in items.changed_since(snapshot.catalog_as_of_ms, MAX_CHANGED_ITEMS):
        if encoder:
            n_embedded += _embedded(row, encoder, items)
    return n_embedded


def _embedded(row: ItemRow, encoder: TextEncoder, items: VectorStore) -> bool:
    try:
        return embed_row(row, encoder, items)
    except EncoderError as exc:  # about this text alone, as the encoder is verified: the other items are not to wait
        fault("item not embedded", exc)
        return False


def popular_list(snapshot: Snapshot) -> PopularList:
    """The most popular items that the snapshot has for sale, one of each group of variants, at most 100."""
    popularity, groups = np.asarray(snapshot.popularity), np.asarray(snapshot.groups)
    order = np.lexsort((np.arange(snapshot.n_items), -popularity))
    order = order[np.asarray(snapshot.columns.available)[order]]
    _, first = np.unique(groups[order], return_index=True)
    chosen = order[np.sort(first)[:MAX_POPULAR]].tolist()
    titles = (str(snapshot.document(row).get("title", "")) for row in chosen)
    return PopularList(snapshot.version, tuple(zip((snapshot.item_ids[row] for row in chosen), titles, strict=True)))
