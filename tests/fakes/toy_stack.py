"""A running local stack whose current snapshot is the toy one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from endcap.aws.snapshots import SnapshotBucket
from endcap_local.stack import LocalStack
from tests.fakes.short_polls import short_polls
from tests.fakes.toy_snapshot import build_toy_snapshot

ROOT = Path(__file__).parents[2]


@contextmanager
def toy_stack(folder: Path, **options: Any) -> Iterator[LocalStack]:
    """The stack of template.yaml; `options` are of `LocalStack`."""
    version = build_toy_snapshot(folder).version
    with short_polls(), LocalStack(ROOT / "template.yaml", **options) as stack:
        bucket = SnapshotBucket(stack.client("s3"), stack.function("CollectFunction").environment["DATA_BUCKET"])
        bucket.upload(folder, version)
        bucket.flip(version, None)
        yield stack
