"""The one snapshot beside the current one that an experiment may rank with."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from aws_lambda_powertools.metrics import MetricUnit

from endcap.errors import EncoderError, EndcapError, SnapshotError, SnapshotIntegrityError
from endcap.live.polling import LastGood
from endcap.live.waiting import Clock, Waiting
from endcap.observability import logger, metrics
from endcap.signing import Signature, Trust
from endcap.snapshot.snapshot import Snapshot
from endcap.snapshot.verify import load_verified

RETRY_S: Final = 30.0


class Snapshots(Protocol):
    """Where snapshots are fetched from, apart from the current one's files, which come and go by their own rule."""

    def signature(self, version: str) -> Signature | None: ...

    def download(self, version: str, names: None, manifest_sha256: str | None) -> Path: ...

    def forget(self, version: str) -> None: ...


class Challenger:
    """Holds at most one snapshot, and drops it as soon as another one is asked for, or none.

    Parameters
    ----------
    waiting : of the requests that are served meanwhile: the snapshot is then loaded beside them, and there for those
        that come later
    trust : which snapshots are believed; None for all
    """

    def __init__(
        self,
        snapshots: Snapshots,
        clock: Clock = time.monotonic,
        waiting: Waiting | None = None,
        trust: Trust | None = None,
    ) -> None:
        self._snapshots, self._clock, self._waiting, self._trust = snapshots, clock, waiting, trust or Trust()
        self._version: str | None = None
        self._kept = self._nothing()

    def get(self, version: str | None) -> Snapshot | None:
        """The snapshot of this version; None where none is asked for, or it is not loaded yet, or can't be used.

        It was signed without being promoted, or not at all where nobody signs, so it is verified here as a promotion
        verifies. One that fails is tried again after half a minute.
        """
        if version != self._version:
            if self._version is not None:
                self._snapshots.forget(self._version)
            self._version, self._kept = version, self._nothing()
        if version is None:
            return None
        return self._kept.refreshed(partial(self._load, version), partial(self._failed, version), at_most_s=0)

    def _nothing(self) -> LastGood[Snapshot | None]:
        return LastGood(None, float("inf"), self._clock, takes_long=True, waiting=self._waiting)

    def _load(self, version: str) -> Snapshot:
        try:
            signature = self._snapshots.signature(version) if self._trust.signs else None
            self._trust.check(version, signature)
            sha256 = signature.manifest_sha256 if signature else None
            return load_verified(self._snapshots.download(version, None, sha256))
        except EndcapError as exc:
            if isinstance(exc, SnapshotError | EncoderError):
                self._snapshots.forget(version)
            raise
        except Exception as exc:  # no room in the function's storage, or odd bytes
            self._snapshots.forget(version)
            raise SnapshotIntegrityError(f"{version} can't be read: {exc!r}") from exc
        finally:
            if version != self._version:  # nobody wants it any more
                self._snapshots.forget(version)

    def _failed(self, version: str, exc: Exception) -> float:
        logger.warning("experiment's snapshot not usable", extra={"version": version, "error": str(exc)})
        metrics.add_metric("ExperimentSnapshotNotUsable", MetricUnit.Count, 1)
        return RETRY_S
