"""Making a snapshot the current one: verify, gate, embed what changed, sign, flip the pointer, list the popular."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

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
from endcap.snapshot.sign import Signatures, sign
from endcap.snapshot.snapshot import Snapshot
from endcap.snapshot.verify import load_verified

MIN_ITEM_RATIO = 0.5
MIN_METRIC_RATIO = 0.9
GATED_METRICS = frozenset({"ndcg_at_10", "hit_rate_at_10"})
MAX_CHANGED_ITEMS = 100_000
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

    def before(self, version: str) -> tuple[str, ...]:
        """What there is to roll back to once `version` is promoted after this one."""


Known = TypeVar("Known", bound=Pointer)


class Snapshots(Signatures, Protocol[Known]):
    """Where snapshots are, and the pointer to the current one, which is flipped only if it is still as expected."""

    def seen(self) -> Known | None:
        """The pointer; None where there is none, of no version where it is damaged."""

    def flip(
        self, version: str, expected: Known | None, signature: Signature | None, previous: Sequence[str] | None
    ) -> Known: ...

    def manifest(self, version: str) -> Mapping[str, Any]: ...

    def download(self, version: str) -> Path: ...

    def forget(self, version: str) -> None: ...


class Catalogue(VectorStore, Protocol):
    """Where items change while a snapshot is built, the newest first."""

    def changed_since(self, since_ms: int, limit: int) -> Sequence[ItemRow]: ...

    def put_popular(self, popular: PopularList) -> None: ...


class GateError(SnapshotError):
    """The snapshot is sound but worse than the current one; `force` overrides that."""


@dataclass(frozen=True, slots=True)
class Promoted:
    """What a promotion did.

    Attributes
    ----------
    previous : the version that was current before, None for the first
    embedded : changed items that got a vector of the new encoder
    """

    version: str
    previous: str | None
    embedded: int


def promote(
    version: str,
    bucket: Snapshots[Known],
    items: Catalogue | None,
    *,
    force: bool = False,
    signer: Signer | None = None,
) -> Promoted:
    """Make `version` the current snapshot.

    Parameters
    ----------
    bucket : with local copies of its own: they are fetched anew, and removed in the end
    items : the items table, whose rows newer than the snapshot are embedded with its encoder before the flip, and which
        takes the list that is shown where no snapshot can be read
    force : skip the gates (never the verification)
    signer : signs it; None for where nobody signs

    Raises
    ------
    SnapshotIntegrityError : the snapshot's files are not sound, or not those that were signed
    SnapshotOutdatedError : it was built before the current one
    GateError : the snapshot is worse than the current one
    ConflictError : somebody else promoted meanwhile
    NotFoundError, ThrottledError, DependencyError
    """
    seen = bucket.seen()
    current = _believed(seen, signer)
    if current is not None:
        check_order(version, current.version)
    previous = current.before(version) if current else ()
    return _promote(version, bucket, items, (seen, current), force=force, signer=signer, previous=previous)


def rollback(
    bucket: Snapshots[Known], items: Catalogue | None, *, to: str | None = None, signer: Signer | None = None
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
    return _promote(version, bucket, items, (seen, current), force=True, signer=signer, previous=before)


def approve(version: str, bucket: Snapshots[Known], signer: Signer, *, force: bool = False) -> Signature:
    """Sign `version` after the checks of a promotion, so that an experiment may name it; what is current stays.

    Raises
    ------
    as `promote` does, but for the order
    """
    try:
        snapshot = _checked(version, bucket, _believed(bucket.seen(), signer), force=force)
        return sign(version, snapshot.directory, bucket, signer)
    finally:
        bucket.forget(version)


def _promote(
    version: str,
    bucket: Snapshots[Known],
    items: Catalogue | None,
    found: tuple[Known | None, Known | None],
    *,
    force: bool,
    signer: Signer | None,
    previous: tuple[str, ...],
) -> Promoted:
    seen, current = found
    if signer is None and current is not None and current.signature is not None:
        raise SnapshotError("the current snapshot is signed, so the next one has to be: name what signs")
    try:
        snapshot = _checked(version, bucket, current, force=force)
        embedded = 0
        if items is not None:
            encoder, since_ms = snapshot.encoder, snapshot.catalog_as_of_ms
            for row in items.changed_since(since_ms, MAX_CHANGED_ITEMS):
                if encoder:
                    embedded += _embedded(row, encoder, items)
        signature = sign(version, snapshot.directory, bucket, signer) if signer else None
        if current is None or (current.version, current.signature) != (version, signature):
            bucket.flip(version, seen, signature, previous)
        if items is not None:
            items.put_popular(popular_list(snapshot))
    finally:
        bucket.forget(version)
    if current is not None and current.version != version:
        return Promoted(version, current.version, embedded)
    return Promoted(version, previous[0] if previous else None, embedded)


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


def _checked(version: str, bucket: Snapshots[Known], current: Known | None, *, force: bool) -> Snapshot:
    bucket.forget(version)  # what was fetched earlier may not be what is there now
    snapshot = load_verified(bucket.download(version))
    if current and not force:
        check_gates(snapshot.manifest, bucket.manifest(current.version))
    return snapshot


def check_order(version: str, current: str) -> None:
    """Refuse what was built before the current snapshot, such as a promotion that is tried again too late.

    Raises
    ------
    SnapshotOutdatedError : by the times that begin the names of versions
    """
    built, current_built = _BUILT.match(version), _BUILT.match(current)
    if built and current_built and built[0] < current_built[0]:
        raise SnapshotOutdatedError(f"{version} is older than {current}, which is current; a rollback goes back to it")


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


def check_gates(new: Mapping[str, Any], old: Mapping[str, Any]) -> None:
    """Refuse a snapshot that has lost much of the catalogue or of its measured quality.

    A snapshot of the full budget that was measured on the same cases as the current one of the fast budget may lose
    nothing: it costs more to build.

    Raises
    ------
    GateError : fewer than half the items, or a validation metric below 90 % of the current one's
    """
    n_new, n_old = int(new["counts"]["items"]), int(old["counts"]["items"])
    if n_new < MIN_ITEM_RATIO * n_old:
        raise GateError(f"the snapshot has {n_new} items, the current one {n_old}")
    ratio = 1.0 if _dearer_on_the_same_cases(new, old) else MIN_METRIC_RATIO
    for name, before in _validation(old).items():
        after = _validation(new).get(name)
        if after is not None and after < ratio * before:
            raise GateError(f"validation {name} would fall from {before:.4f} to {after:.4f}")


def _dearer_on_the_same_cases(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    budgets = [manifest.get("run", {}).get("budget") for manifest in (new, old)]
    measured = [
        (
            *(manifest.get(name) for name in ("counts", "training_cutoff_ms", "seed")),
            manifest.get("metrics", {}).get("validation", {}).get("cases"),
        )
        for manifest in (new, old)
    ]
    return budgets == ["full", "fast"] and measured[0] == measured[1]


def _validation(manifest: Mapping[str, Any]) -> dict[str, float]:
    """Quality that the rebuild measured with the weights it chose; nothing where it had too little to measure on."""
    found = manifest.get("metrics", {}).get("validation", {}).get("after", {})
    return {k: float(v) for k, v in found.items() if k in GATED_METRICS}
