"""A snapshot from what a running stack holds, made as the rebuild job on AWS makes it: from exports and the archive."""

from __future__ import annotations

import base64
import json
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from endcap.aws.secrets import PseudonymSecret
from endcap.aws.snapshots import SnapshotBucket
from endcap.errors import ConflictError, EndcapError, SnapshotMissingError
from endcap.pseudonyms import PseudonymKeys
from endcap_local.stack import LocalStack
from endcap_rebuild.job import rebuild
from endcap_rebuild.settings import Progress, RebuildSettings, no_progress
from endcap_rebuild.text.encoders import current_encoder

_ARCHIVE: Final = "events/"
_ANY_FUNCTION: Final = "CollectFunction"  # the template gives all functions the same variables
_EMPTY: Final = "the shop is empty as yet"


Entered = Callable[[str], None]


def unheard(state: str) -> None:
    """Say nothing."""


class RebuildFailedError(EndcapError):
    """The snapshot was built and not promoted."""


class Rebuilder:
    """Builds snapshots of a running stack, one at a time.

    Parameters
    ----------
    encoder : as `RebuildSettings` has it
    """

    def __init__(self, stack: LocalStack, encoder: str = "auto") -> None:
        self._stack, self._encoder, self._turn = stack, encoder, threading.Lock()

    def start_empty(self, progress: Progress = no_progress) -> str | None:
        """Make a snapshot without items the current one where there is none; its version.

        Items that come are laid over it and ranked by their texts, and by what shoppers do right now.
        """
        with self._turn, tempfile.TemporaryDirectory(prefix="endcap-empty-") as scratch:
            with suppress(SnapshotMissingError):
                self._bucket().current()
                return None
            (Path(scratch) / "items.jsonl").touch()
            # What language the shop will speak nobody knows yet.
            encoder = "multilingual" if self._encoder == "auto" else self._encoder
            settings = RebuildSettings(Path(scratch), Path(scratch) / "snapshot", encoder=encoder, may_be_empty=True)
            return str(self._promoted(settings, progress, force=_EMPTY)["version"])

    def rebuild(self, progress: Progress = no_progress, entered: Entered = unheard) -> Mapping[str, Any]:
        """Build a snapshot of the tables and the archive as they are now, and promote it; its manifest.

        Parameters
        ----------
        entered : told what is begun, by the names that it has in infra/rebuild.asl.yaml

        Raises
        ------
        ConflictError : another rebuild is under way
        InvalidInputError : there is no item
        RebuildFailedError : it was not promoted
        """
        if not self._turn.acquire(blocking=False):
            raise ConflictError("a rebuild is under way")
        try:
            with tempfile.TemporaryDirectory(prefix="endcap-rebuild-") as scratch:
                data = Path(scratch) / "data"
                entered("StartExport")
                self._export("items", self._variable("ITEMS_TABLE"), data)
                self._export("profiles", self._variable("PROFILES_TABLE"), data)
                self._download_archive(data)
                before = current_encoder(self._bucket())
                out, keys = Path(scratch) / "snapshot", self._keys()
                settings = RebuildSettings(data, out, encoder=self._encoder, before=before, keys=keys)
                return self._promoted(settings, progress, entered=entered)
        finally:
            self._turn.release()

    def _promoted(
        self,
        settings: RebuildSettings,
        progress: Progress,
        force: str | None = None,
        entered: Entered = unheard,
    ) -> Mapping[str, Any]:
        entered("Rebuild")
        manifest = rebuild(settings, progress)
        entered("Promote")
        self._bucket().upload(settings.out, manifest["version"])
        event = {"version": manifest["version"], **({"force": force} if force else {})}
        if (reply := self._stack.invoke("PromoteFunction", event)).error is not None:
            raise RebuildFailedError(f"the snapshot was not promoted: {reply.error}")
        return manifest

    def _export(self, channel: str, table: str, folder: Path) -> None:
        """A table as `ExportTableToPointInTime` lays it down; see `endcap_rebuild.data.exports`."""
        name = f"AWSDynamoDB/{table}"
        root = folder / channel / name
        (root / "data").mkdir(parents=True)
        exported_at, rows = datetime.now(UTC).isoformat(timespec="milliseconds"), 0
        with (root / "data" / "rows.json").open("w", encoding="utf-8") as out:
            for page in self._stack.client("dynamodb").get_paginator("scan").paginate(TableName=table):
                rows += len(page["Items"])
                out.writelines(json.dumps({"Item": row}, default=_in_base64) + "\n" for row in page["Items"])
        (root / "manifest-files.json").write_text(json.dumps({"dataFileS3Key": f"{name}/data/rows.json"}) + "\n")
        (root / "manifest-summary.json").write_text(json.dumps({"exportTime": exported_at, "itemCount": rows}))

    def _download_archive(self, folder: Path) -> None:
        s3, bucket = self._stack.client("s3"), self._variable("DATA_BUCKET")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=_ARCHIVE):
            for entry in page.get("Contents", ()):
                path = folder / entry["Key"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())

    def _bucket(self) -> SnapshotBucket:
        return SnapshotBucket(self._stack.client("s3"), self._variable("DATA_BUCKET"))

    def _keys(self) -> PseudonymKeys | None:
        secret = self._stack.function(_ANY_FUNCTION).environment.get("PSEUDONYM_SECRET")
        return PseudonymSecret(self._stack.client("secretsmanager"), secret).get() if secret else None

    def _variable(self, name: str) -> str:
        return self._stack.function(_ANY_FUNCTION).environment[name]


def _in_base64(value: object) -> str:
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value).__name__} is no value of a row")
    return base64.b64encode(value).decode()
