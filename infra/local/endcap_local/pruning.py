"""Which snapshots of a bucket may go: old ones that nothing points at."""

from __future__ import annotations

from typing import Any

from endcap.aws.documents import S3Document
from endcap.aws.snapshots import SnapshotBucket
from endcap.errors import NotFoundError, SnapshotMissingError
from endcap.experiment_input import KEY, read_experiments


def surplus(s3: Any, bucket: str, keep: int) -> list[str]:
    """Versions beside the newest `keep`, oldest first.

    Never among them: the current one, the one before it, those that an experiment names, and what is newer than the
    current one, as it may be about to be promoted.

    Parameters
    ----------
    s3 : a boto3 S3 client

    Raises
    ------
    InvalidInputError : the experiments can't be read, so nobody knows what they need
    SnapshotIntegrityError, ThrottledError, DependencyError
    """
    snapshots = SnapshotBucket(s3, bucket)
    try:
        current = snapshots.current()
    except SnapshotMissingError:
        return []  # nothing was promoted: any of them may be the first
    assert current is not None  # it was not asked with an ETag
    needed = {current.version, current.previous, *_of_experiments(s3, bucket)}
    older = [version for version in snapshots.versions() if version < current.version]
    return [version for version in older[: max(0, len(older) - keep)] if version not in needed]


def _of_experiments(s3: Any, bucket: str) -> set[str]:
    try:
        found = S3Document(s3, bucket, KEY).read()
    except NotFoundError:
        return set()
    experiments = read_experiments(found[0]) if found else ()
    return {variant.snapshot for experiment in experiments for variant in experiment.variants if variant.snapshot}
