"""Following the current snapshot: polled with the pointer's ETag, the last good one kept."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from aws_lambda_powertools.metrics import MetricUnit

from endcap.catalog.item import ITEM_TEXT_FIELDS
from endcap.errors import (
    DependencyError,
    EncoderError,
    EndcapError,
    SnapshotError,
    SnapshotIntegrityError,
    SnapshotMissingError,
)
from endcap.filenames import MANIFEST
from endcap.live.polling import LastGood
from endcap.live.transfer import Transfer
from endcap.live.waiting import Clock, Waiting
from endcap.observability import logger, metrics
from endcap.signing import Signature, Trust

if TYPE_CHECKING:
    from endcap.encoders.text import TextEncoder
    from endcap.snapshot.snapshot import Snapshot


Loaded = TypeVar("Loaded")

Told = Callable[[int, int], None]

POLL_S = 2.0
RETRY_S = 30.0


class Pointer(Protocol):
    """What says which snapshot is current; `etag` names this state of it."""

    @property
    def version(self) -> str: ...

    @property
    def etag(self) -> str: ...

    @property
    def signature(self) -> Signature | None: ...


class Snapshots(Protocol):
    """Where snapshots are fetched from."""

    def current(self, known_etag: str | None) -> Pointer | None:
        """The pointer, None where it is still the one with `known_etag`; SnapshotMissingError where there is none."""

    def download(
        self, version: str, names: Iterable[str] | None, manifest_sha256: str | None, told: Told | None, /
    ) -> Path:
        """A folder with these files of a snapshot; None for all. None for whatever manifest there is.

        `told` hears how many bytes have come, and of how many in all.
        """

    def keeps(self, version: str) -> bool:
        """Whether there is a local copy, or the beginning of one."""

    def forget(self, version: str) -> None:
        """Remove the local copy."""


@dataclass(frozen=True, slots=True)
class LoadedEncoder:
    """The current snapshot's text encoder.

    Attributes
    ----------
    catalog_as_of_ms : items that have not changed since are in the snapshot, vectors and all
    text_fields : fields of an item that it reads
    """

    encoder: TextEncoder
    catalog_as_of_ms: int
    text_fields: tuple[str, ...] = ITEM_TEXT_FIELDS


class Followed(Generic[Loaded]):
    """Something read from the current snapshot: polled with the pointer's ETag, the last good one kept.

    Parameters
    ----------
    read : reads it from the folder that holds the snapshot's files
    files : which files it needs; None for all
    waiting : of the requests that are served meanwhile, which then neither poll nor load; without it whoever asks does
    trust : which snapshots are believed; None for all

    Attributes
    ----------
    loading : the pointer has answered, and what it names is being fetched and read
    missing : nothing was ever promoted, as far as the last look could tell
    transfer : how far what is being fetched has come
    """

    def __init__(
        self,
        bucket: Snapshots,
        read: Callable[[Path], Loaded],
        files: tuple[str, ...] | None = None,
        clock: Clock = time.monotonic,
        waiting: Waiting | None = None,
        trust: Trust | None = None,
    ) -> None:
        self._bucket, self._read, self._files, self._trust = bucket, read, files, trust or Trust()
        self._seen_etag: str | None = None
        self._version: str | None = None
        self._manifest_sha256 = ""
        self._outgoing: str | None = None
        self.loading = self.missing = False
        self.transfer = Transfer(clock)
        self._kept = LastGood[Loaded | None](None, POLL_S, clock, takes_long=True, waiting=waiting)

    def get(self, wait_s: float = math.inf) -> Loaded | None:
        """What is current, looked for at most every two seconds.

        Parameters
        ----------
        wait_s : for the first one at most, while it is being loaded; for a newer one nobody waits

        Returns
        -------
        None where nothing was ever promoted, or the first one is still being loaded

        Raises
        ------
        SnapshotError, EncoderError, DependencyError, ThrottledError : nothing usable was ever loaded
        """
        wait_s = wait_s if self._kept.content is None else 0.0
        return self._kept.refreshed(self._look, self._failed, wait_s, patient=True)

    def _look(self) -> Loaded | None:
        self.loading = False
        try:
            pointer = self._bucket.current(self._seen_etag)
            self.missing = False
            if self._outgoing is not None:  # by now no request reads its files any more
                if pointer is None or pointer.version != self._outgoing:  # after a rollback it is what comes next
                    self._bucket.forget(self._outgoing)
                self._outgoing = None
            if pointer is None:
                return self._kept.content
            self.transfer.begin()
            self.loading = True
            loaded = self._loaded(pointer)
        except SnapshotMissingError:
            self._seen_etag, self.missing = None, True
            return None
        except EndcapError:
            raise
        except Exception as exc:  # an answer of S3 that is none
            raise DependencyError(f"the snapshot's pointer can't be read: {exc!r}") from exc
        finally:
            self.loading = False
        if self._version is not None and self._version != pointer.version:
            self._outgoing = self._version
        self._seen_etag, self._version = pointer.etag, pointer.version
        if pointer.signature is not None:
            self._trust.require()
        return loaded

    def _failed(self, exc: Exception) -> float:
        logger.warning("snapshot not usable", extra={"error": str(exc)})
        metrics.add_metric("SnapshotLoadFailed", MetricUnit.Count, 1)
        if self._kept.content is None:
            raise exc
        # Serving goes on with the last good one. A broken one is not fetched again and again by every poll.
        return RETRY_S if isinstance(exc, SnapshotError | EncoderError) else POLL_S

    def _loaded(self, pointer: Pointer) -> Loaded:
        kept, signature = self._kept.content, pointer.signature
        if kept is None or pointer.version != self._version:
            return self._load(pointer)
        # The same version, pointed at anew, as when it is signed: what is loaded stays if it is what is meant.
        self._trust.check(pointer.version, signature)
        if signature is not None and signature.manifest_sha256 != self._manifest_sha256:
            raise SnapshotIntegrityError(f"{pointer.version} is loaded, with another manifest than was signed")
        return kept

    def _load(self, pointer: Pointer) -> Loaded:
        version = pointer.version
        try:
            folder = self._fetched(pointer)
            loaded = self._read(folder)
            self._manifest_sha256 = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
            return loaded
        except (SnapshotError, EncoderError):
            self._bucket.forget(version)  # a damaged download must not be found again by the next try
            raise
        except EndcapError:  # S3 does not answer: what was fetched need not be fetched again
            raise
        except FileNotFoundError as exc:
            if self._bucket.keeps(version):
                self._bucket.forget(version)
                raise SnapshotError(f"{version} lacks a file: {exc}") from exc
            # Another that follows snapshots in the same folder has just let go of it: the next look gets it whole.
            raise DependencyError(f"the files of {version} went while they were read: {exc}") from exc
        except OSError as exc:  # most likely no room in the function's storage, which half a snapshot must not take
            self._bucket.forget(version)
            raise SnapshotError(f"the files of {version} can't be kept: {exc}") from exc
        except Exception as exc:  # whatever odd bytes bring about, it is the snapshot's fault, not a request's
            self._bucket.forget(version)
            raise SnapshotIntegrityError(f"{version} can't be read: {exc!r}") from exc

    def _fetched(self, pointer: Pointer) -> Path:
        """The folder, once the pointer is believed; the signature is looked at while the files come down."""
        signature = pointer.signature
        sha256 = signature.manifest_sha256 if signature else None
        if signature is None or not self._trust.signs:
            self._trust.check(pointer.version, signature)
            return self._bucket.download(pointer.version, self._files, sha256, self.transfer.note)
        with ThreadPoolExecutor(1) as beside:
            checked = beside.submit(self._trust.check, pointer.version, signature)
            folder = self._bucket.download(pointer.version, self._files, sha256, self.transfer.note)
            checked.result()
        return folder


def read_snapshot(folder: Path) -> Snapshot:
    from endcap.index.index import index_of
    from endcap.snapshot.snapshot import load_snapshot

    snapshot = load_snapshot(folder)
    tables = index_of(snapshot).tables
    tables.warm()

    def get_ready() -> None:
        with suppress(Exception):  # what fails here fails again, and is told, where it is asked for
            _ = snapshot.encoder
            tables.warm_fields()

    # The first list waits for none of it, and the first search or filter for the rest of it at most. No daemon:
    # a process that ends while onnxruntime is at work is aborted (status 134), so it waits for the second that is left.
    Thread(target=get_ready, name="get-ready").start()
    return snapshot


def read_encoder(folder: Path) -> LoadedEncoder | None:
    from endcap.encoders.text import ENCODER_FILES, MODEL_FILE, TextEncoder
    from endcap.snapshot.files import check_files, read_manifest
    from endcap.snapshot.snapshot import text_fields_of

    manifest = read_manifest(folder)
    if MODEL_FILE not in manifest["files"]:
        return None
    check_files(folder, {"files": {name: manifest["files"][name] for name in ENCODER_FILES}})
    return LoadedEncoder(TextEncoder.from_dir(folder), int(manifest["catalog_as_of_ms"]), text_fields_of(manifest))
