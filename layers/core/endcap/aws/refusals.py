"""The latest promotion that did not succeed, kept in S3: whoever has asked for it did not wait, and is told later."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

from endcap.aws.clients import aws_errors
from endcap.errors import EndcapError, NotFoundError
from endcap.observability import fault

KEY: Final = "snapshots/refused.json"
MAX_CHARS: Final = 500
MAX_BYTES: Final = 1 << 14
_NONE: Final = b"{}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A promotion or rollback that left the current snapshot in place.

    Attributes
    ----------
    what : "promote" or "rollback"
    version : of the snapshot that was to become current; empty where a rollback named none
    at_ms : when it ended
    """

    what: str
    version: str
    at_ms: int
    error: str


class Refusals:
    """What one stack knows of it.

    Parameters
    ----------
    s3 : a boto3 S3 client
    """

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    @contextmanager
    def noting(self, what: str, version: str) -> Iterator[None]:
        """Note why the block failed, or that it has succeeded. What can't be noted changes nothing about either."""
        try:
            yield
        except Exception as exc:
            # What is not raised on purpose may repeat anything in its text.
            told = str(exc) if isinstance(exc, EndcapError) else type(exc).__name__
            refusal = Refusal(what, version, int(time.time() * 1000), told[:MAX_CHARS])
            self._noted(json.dumps(asdict(refusal), ensure_ascii=False).encode())
            raise
        with suppress(EndcapError):
            if self.latest() is not None:
                self._noted(_NONE)

    def latest(self) -> Refusal | None:
        """The latest one, where nothing was made current since.

        Raises
        ------
        ThrottledError, DependencyError
        """
        try:
            with aws_errors("read what was refused"):
                data = self._s3.get_object(Bucket=self._bucket, Key=KEY)["Body"].read(MAX_BYTES)
        except NotFoundError:
            return None
        try:
            found = json.loads(data)
            return Refusal(str(found["what"]), str(found["version"]), int(found["at_ms"]), str(found["error"]))
        except (ValueError, TypeError, KeyError, RecursionError):
            return None

    def _noted(self, data: bytes) -> None:
        try:
            with aws_errors("note what was refused"):
                self._s3.put_object(Bucket=self._bucket, Key=KEY, Body=data, ContentType="application/json")
        except EndcapError as exc:
            fault("a refusal was not noted", exc)
