"""Snapshots: stored, believed, loaded."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from endcap.aws.clients import BATCH, LOADING
from endcap.errors import EncoderError, FieldError, InvalidInputError
from endcap.runtime.base import Base
from endcap.settings import SettingsError

if TYPE_CHECKING:
    from endcap.aws.keys import SigningKey
    from endcap.aws.refusals import Refusals
    from endcap.aws.snapshots import SnapshotBucket
    from endcap.live.snapshot import Followed, LoadedEncoder
    from endcap.signing import Trust
    from endcap.snapshot.snapshot import Snapshot


class Snapshots(Base):
    """Snapshots: stored, believed, loaded."""

    @cached_property
    def snapshots(self) -> SnapshotBucket:
        """The snapshots in S3."""
        from endcap.aws.snapshots import SnapshotBucket

        folder = os.environ.get("SNAPSHOT_CACHE")
        config = BATCH if self._background else LOADING
        return SnapshotBucket(self._clients("s3", config), self.settings.data_bucket, Path(folder) if folder else None)

    @cached_property
    def refusals(self) -> Refusals:
        """Which promotion did not succeed, and why."""
        from endcap.aws.refusals import Refusals

        return Refusals(self._clients("s3", self._config), self.settings.data_bucket)

    @cached_property
    def signing_key(self) -> SigningKey | None:
        """What snapshots are signed with; None where nobody signs."""
        from endcap.aws.keys import SigningKey

        if not self.settings.snapshot_key:
            return None
        return SigningKey(self._clients("kms", BATCH if self._background else LOADING), self.settings.snapshot_key)

    @cached_property
    def trust(self) -> Trust:
        """Which snapshots are loaded.

        Raises
        ------
        SettingsError : signatures are required, and the function does not know of what
        """
        from endcap.signing import Trust

        required = self.settings.snapshot_signature == "require"
        if required and self.signing_key is None:
            raise SettingsError("environment variable SNAPSHOT_KEY is not set")
        return Trust(self.signing_key, required=required)

    @cached_property
    def snapshot(self) -> Followed[Snapshot]:
        """The snapshot to rank with, verified and mapped into memory; loaded beside the requests."""
        from endcap.live.snapshot import Followed, read_snapshot
        from endcap.ranking.terms.similarity import user_encoder_of

        def read(folder: Path) -> Snapshot:
            snapshot = read_snapshot(folder)
            user_encoder_of(snapshot)  # one that can't be opened is no reason to give up the snapshot before
            return snapshot

        return Followed(self.snapshots, read, clock=self.waiting.clock, waiting=self.waiting, trust=self.trust)

    @cached_property
    def encoder(self) -> Followed[LoadedEncoder | None]:
        """The text encoder of the current snapshot, without the rest of it; None where it carries none."""
        from endcap.encoders.text import ENCODER_FILES
        from endcap.live.snapshot import Followed, read_encoder

        return Followed(self.snapshots, read_encoder, ENCODER_FILES, trust=self.trust)

    def encode_text(self, text: str) -> tuple[bytes, bytes]:
        """Tag and int8 vector of `text`, as profiles keep it; no vector while there is no snapshot.

        Raises
        ------
        InvalidInputError : the encoder can't read this text
        SnapshotError, EncoderError, DependencyError, ThrottledError : see `Followed.get`
        """
        from endcap.encoders.quantize import quantize_unit

        loaded = self.encoder.get()
        if loaded is None:
            return b"\0" * 4, b""
        try:
            vector = loaded.encoder.encode(text)
        except EncoderError as exc:  # it was loaded and is sound, so this is about the text, now and later
            raise InvalidInputError([FieldError(field="text", message="can't be encoded")]) from exc
        return loaded.encoder.tag, quantize_unit(vector).tobytes()
