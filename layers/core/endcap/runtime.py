"""What one execution environment builds once and keeps: adapters, the snapshot and its encoder."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from aws_lambda_powertools.metrics import MetricUnit

from endcap.aws.clients import BACKGROUND, BEST_EFFORT, REQUEST_PATH, client
from endcap.aws.counters import CounterTable
from endcap.aws.documents import S3Document
from endcap.aws.items import ItemTable
from endcap.aws.profiles import ProfileTable
from endcap.aws.queues import EventQueue, Quarantine, RecordStream
from endcap.aws.snapshots import SnapshotBucket
from endcap.errors import EncoderError, EndcapError, SnapshotError, SnapshotMissingError
from endcap.observability import logger, metrics
from endcap.settings import Settings, SettingsError

if TYPE_CHECKING:
    from endcap.api.scenarios import Scenarios
    from endcap.encoders.text import TextEncoder
    from endcap.experiments.assignment import Experiment
    from endcap.live.catalogue import LiveCatalogue
    from endcap.live.challenger import Challenger
    from endcap.live.counts import LiveCounts
    from endcap.live.document import Configured
    from endcap.snapshot.snapshot import Snapshot

Loaded = TypeVar("Loaded")

POLL_S = 2.0
RETRY_S = 30.0
ENCODER_FILES = ("text_encoder.onnx", "tokenizer.json", "encoder.json")


@dataclass(frozen=True, slots=True)
class LoadedEncoder:
    """The current snapshot's text encoder.

    Attributes
    ----------
    catalog_as_of_ms : items that have not changed since are in the snapshot, vectors and all
    """

    encoder: TextEncoder
    catalog_as_of_ms: int


class Runtime:
    """The adapters of one function, each built when first asked for."""

    def __init__(self, *, background: bool = False) -> None:
        self._config = BACKGROUND if background else REQUEST_PATH

    @cached_property
    def settings(self) -> Settings:
        """Read from the process environment."""
        return Settings.from_env(os.environ)

    @cached_property
    def profiles(self) -> ProfileTable:
        """The profiles table."""
        dynamodb = client("dynamodb", self._config)
        return ProfileTable(dynamodb, self.settings.profiles_table, self.settings.profile_ttl_days)

    @cached_property
    def items(self) -> ItemTable:
        """The items table."""
        return ItemTable(client("dynamodb", self._config), self.settings.items_table)

    @cached_property
    def counters(self) -> CounterTable:
        """The live counts; approximate, so that nothing waits long for them."""
        return CounterTable(client("dynamodb", REQUEST_PATH), self.settings.counters_table)

    @cached_property
    def queue(self) -> EventQueue:
        """The queue of events."""
        return EventQueue(client("sqs", self._config), self.settings.events_queue_url)

    @cached_property
    def archive(self) -> RecordStream:
        """The archive of events."""
        return RecordStream(client("firehose", self._config), self.settings.archive_stream)

    @cached_property
    def exposures(self) -> RecordStream:
        """The records of what was shown, written while a shopper waits: one short try."""
        return RecordStream(client("firehose", BEST_EFFORT), self.settings.exposures_stream)

    @cached_property
    def quarantine(self) -> Quarantine:
        """The records that could not be used."""
        return Quarantine(client("s3", self._config), self.settings.data_bucket)

    @cached_property
    def snapshots(self) -> SnapshotBucket:
        """The snapshots in S3; downloads take longer than a request, so their limits are the background ones."""
        folder = os.environ.get("SNAPSHOT_CACHE")
        return SnapshotBucket(client("s3", BACKGROUND), self.settings.data_bucket, Path(folder) if folder else None)

    @cached_property
    def snapshot(self) -> Followed[Snapshot]:
        """The snapshot to rank with, verified and mapped into memory."""
        return Followed(self.snapshots, _read_snapshot)

    @cached_property
    def encoder(self) -> Followed[LoadedEncoder | None]:
        """The text encoder of the current snapshot, without the rest of it; None where it carries none."""
        return Followed(self.snapshots, _read_encoder, ENCODER_FILES)

    @cached_property
    def live_catalogue(self) -> LiveCatalogue:
        """The items that changed since the snapshot."""
        from endcap.live.catalogue import LiveCatalogue

        return LiveCatalogue(self.items)

    @cached_property
    def live_counts(self) -> LiveCounts:
        """What is in demand right now."""
        from endcap.live.counts import LiveCounts

        return LiveCounts(self.counters)

    @cached_property
    def scenarios(self) -> Scenarios:
        """The named defaults of requests."""
        from endcap.api.scenarios import KEY, Scenarios

        return Scenarios(S3Document(client("s3", self._config), self.settings.data_bucket, KEY))

    @cached_property
    def experiments(self) -> Configured[tuple[Experiment, ...]]:
        """The experiments that are configured."""
        from endcap.experiments.config import KEY, POLL_S, read_experiments
        from endcap.live.document import Configured

        document = S3Document(client("s3", self._config), self.settings.data_bucket, KEY)
        return Configured(document, "experiments", read_experiments, (), POLL_S)

    @cached_property
    def challenger(self) -> Challenger:
        """The snapshot beside the current one that an experiment may rank with."""
        from endcap.live.challenger import Challenger

        return Challenger(self.snapshots.apart("challenger"))

    @cached_property
    def challenger_catalogue(self) -> LiveCatalogue:
        """The items that changed since the challenger."""
        from endcap.live.catalogue import LiveCatalogue

        return LiveCatalogue(self.items)

    @cached_property
    def cursor_secret(self) -> str:
        """What cursors are signed with.

        Raises
        ------
        SettingsError : the function has none
        """
        if not self.settings.cursor_secret:
            raise SettingsError("environment variable CURSOR_SECRET is not set")
        return self.settings.cursor_secret

    def encode_text(self, text: str) -> tuple[bytes, bytes]:
        """Tag and int8 vector of `text`, as profiles keep it; no vector while there is no snapshot.

        Raises
        ------
        SnapshotError, EncoderError, DependencyError, ThrottledError : see `Followed.get`
        """
        from endcap.encoders.text import quantize_unit

        loaded = self.encoder.get()
        if loaded is None:
            return b"\0" * 4, b""
        return loaded.encoder.tag, quantize_unit(loaded.encoder.encode(text)).tobytes()


class Followed(Generic[Loaded]):
    """Something read from the current snapshot: polled with the pointer's ETag, the last good one kept.

    Parameters
    ----------
    read : reads it from the folder that holds the snapshot's files
    files : which files it needs; None for all
    """

    def __init__(
        self,
        bucket: SnapshotBucket,
        read: Callable[[Path], Loaded],
        files: tuple[str, ...] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bucket, self._read, self._files, self._clock = bucket, read, files, clock
        self._seen_etag: str | None = None
        self._version: str | None = None
        self._loaded: Loaded | None = None
        self._next_poll_at = float("-inf")

    def get(self) -> Loaded | None:
        """What is current, looked for at most every two seconds; None where nothing was ever promoted.

        Raises
        ------
        SnapshotError, EncoderError, DependencyError, ThrottledError : nothing usable was ever loaded
        """
        if self._clock() < self._next_poll_at:
            return self._loaded
        wait_s = POLL_S
        try:
            pointer = self._bucket.current(self._seen_etag)
            if pointer is not None:
                self._loaded = self._load(pointer.version)
                self._seen_etag = pointer.etag
                if self._version is not None and self._version != pointer.version:
                    # What is mapped stays readable; the space is wanted for the next version.
                    self._bucket.forget(self._version)
                self._version = pointer.version
        except SnapshotMissingError:
            self._loaded = self._seen_etag = None
        except EndcapError as exc:
            # Serving goes on with the last good one. A broken one is not fetched again and again by every poll.
            wait_s = RETRY_S if isinstance(exc, SnapshotError | EncoderError) else POLL_S
            logger.warning("snapshot not usable", extra={"error": str(exc)})
            metrics.add_metric("SnapshotLoadFailed", MetricUnit.Count, 1)
            if self._loaded is None:
                raise
        self._next_poll_at = self._clock() + wait_s
        return self._loaded

    def _load(self, version: str) -> Loaded:
        try:
            return self._read(self._bucket.download(version, self._files))
        except (SnapshotError, EncoderError):
            self._bucket.forget(version)  # a damaged download must not be found again by the next try
            raise
        except OSError as exc:  # most likely no room in the function's storage, which half a snapshot must not take
            self._bucket.forget(version)
            raise SnapshotError(f"the files of {version} can't be kept: {exc}") from exc


def _read_snapshot(folder: Path) -> Snapshot:
    from endcap.snapshot.snapshot import load_snapshot

    return load_snapshot(folder)


def _read_encoder(folder: Path) -> LoadedEncoder | None:
    from endcap.encoders.text import TextEncoder
    from endcap.snapshot.files import check_files, read_manifest

    manifest = read_manifest(folder)
    if ENCODER_FILES[0] not in manifest["files"]:
        return None
    check_files(folder, {"files": {name: manifest["files"][name] for name in ENCODER_FILES}})
    return LoadedEncoder(TextEncoder.from_dir(folder), int(manifest["catalog_as_of_ms"]))
