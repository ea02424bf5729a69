"""Making a snapshot the current one: check it, embed what changed, sign, flip the pointer, list the popular; going back
to an earlier one; approving one for an experiment."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

import numpy as np

from endcap.catalog.row import ItemRow, PopularList
from endcap.encoders.items import VectorStore, embed_row
from endcap.encoders.text import TextEncoder
from endcap.errors import (
    EncoderError,
    SnapshotError,
    SnapshotIntegrityError,
    SnapshotMissingError,
    SnapshotOutdatedError,
)
from endcap.observability import fault
from endcap.signing import Signature, Signer, Trust
from endcap.snapshot.candidate import Copies, check
from endcap.snapshot.sign import Signatures, sign
from endcap.snapshot.snapshot import Snapshot

MAX_CHANGED_ITEMS = 100_000
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
    storage_mb: int | None = None,
    now_ms: int | None = None,
) -> Promoted:
    """Make `version` the current snapshot.

    Parameters
    ----------
    items : the items table, whose rows newer than the snapshot are embedded with its encoder before the flip, and which
        takes the list that is shown where no snapshot can be read
    force : why to skip the gates (never the verification); it is kept beside the pointer
    signer : signs it; None for where nobody signs
    storage_mb : what functions have to keep snapshots in, MiB; None where that is not known
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
    return _promote(version, bucket, items, found, force=force, signer=signer, storage_mb=storage_mb, now_ms=now_ms)


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
    version: str,
    bucket: Snapshots[Known],
    signer: Signer,
    *,
    force: str | None = None,
    storage_mb: int | None = None,
    now_ms: int | None = None,
) -> Signature:
    """Sign `version` after the checks of a promotion, so that an experiment may name it; what is current stays.

    Raises
    ------
    as `promote` does, but for the order
    """
    current = _believed(bucket.seen(), signer)
    with bucket.afresh() as copies:
        checked = check(version, current, bucket, copies, _now_ms(now_ms), force, storage_mb)
        return sign(version, checked.snapshot.directory, bucket, signer)


@dataclass(frozen=True)
class _Found(Generic[Known]):
    """The pointer as found, the same if it is to be believed, and what there will be to go back to."""

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
    storage_mb: int | None = None,
) -> Promoted:
    current = found.current
    if signer is None and current is not None and current.signature is not None:
        raise SnapshotError("the current snapshot is signed, so the next one has to be: name what signs")
    with bucket.afresh() as copies:
        checked = check(version, current, bucket, copies, _now_ms(now_ms), force, storage_mb)
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


def _embed_changed(snapshot: Snapshot, items: Catalogue) -> int:
    """Give items that changed since the snapshot a vector of its encoder; how many got one."""
    encoder, n_embedded = snapshot.encoder, 0
    for row in items.changed_since(snapshot.catalog_as_of_ms, MAX_CHANGED_ITEMS):
        if encoder:
            n_embedded += _embedded(row, encoder, items, snapshot.text_fields)
    return n_embedded


def _embedded(row: ItemRow, encoder: TextEncoder, items: VectorStore, fields: Sequence[str]) -> bool:
    try:
        return embed_row(row, encoder, items, fields)
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
