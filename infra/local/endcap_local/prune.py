"""Which snapshots of a bucket may go: old ones that nothing points at, and what is left of half a snapshot."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from endcap.aws.documents import S3Document
from endcap.aws.pointer import Pointer
from endcap.aws.snapshots import SnapshotBucket
from endcap.errors import NotFoundError, SnapshotMissingError
from endcap.experiments.config import KEY, read_experiments

_VERSION: Final = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]+")  # whatever else lies there is not ours to remove
UPLOADED_WITHIN: Final = timedelta(days=1)
"""How old the newest file of a folder without a manifest has to be: an upload writes its manifest last."""


@dataclass(frozen=True)
class Surplus:
    """What may go, oldest first.

    Attributes
    ----------
    versions : whole snapshots
    remains : folders without a manifest: an upload or a removal that was interrupted
    """

    versions: tuple[str, ...]
    remains: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Both, the remains first: they are of no use to anybody."""
        return *self.remains, *self.versions


def surplus(s3: Any, bucket: str, keep: int, now: datetime) -> Surplus:
    """What there is beside the newest `keep` snapshots.

    Never among it: the current one, those that rollbacks lead to, those that an experiment names, whole ones newer than
    the current one, as they may be about to be promoted, and uploads that may still be under way.

    Parameters
    ----------
    s3 : a boto3 S3 client
    now : with a time zone

    Raises
    ------
    InvalidInputError : the experiments can't be read, so nobody knows what they need
    SnapshotIntegrityError, ThrottledError, DependencyError
    """
    snapshots = SnapshotBucket(s3, bucket)
    current = _current(snapshots)
    needed = _needed(current, s3, bucket)
    stored = snapshots.stored()
    # Before the first promotion any of them may be the first.
    older = [one.version for one in stored if one.complete and current is not None and one.version < current.version]
    idle = [one.version for one in stored if not one.complete and one.written_at < now - UPLOADED_WITHIN]
    return Surplus(
        tuple(version for version in older[: max(0, len(older) - keep)] if version not in needed),
        tuple(version for version in idle if version not in needed and _VERSION.fullmatch(version)),
    )


def remove(s3: Any, bucket: str, versions: Iterable[str]) -> Iterator[str]:
    """Remove versions one by one, giving each that is gone; one that came to be needed meanwhile stays.

    Raises
    ------
    as `surplus` does
    """
    snapshots = SnapshotBucket(s3, bucket)
    for version in versions:
        if version not in _needed(_current(snapshots), s3, bucket):
            snapshots.remove(version)
            yield version


def _current(snapshots: SnapshotBucket) -> Pointer | None:
    try:
        return snapshots.current()
    except SnapshotMissingError:
        return None


def _needed(current: Pointer | None, s3: Any, bucket: str) -> set[str | None]:
    promoted: set[str | None] = {current.version, *current.previous} if current else set()
    return promoted | _of_experiments(s3, bucket)


def _of_experiments(s3: Any, bucket: str) -> set[str | None]:
    try:
        found = S3Document(s3, bucket, KEY).read()
    except NotFoundError:
        return set()
    experiments = read_experiments(found[0]) if found else ()
    return {variant.snapshot for experiment in experiments for variant in experiment.variants}
