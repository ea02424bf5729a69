"""Files that shops put into the bucket: told of by S3 on a queue, fetched, reported on beside them."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote_plus

from endcap.aws.clients import aws_errors
from endcap.errors import ConflictError, InvalidInputError, NotFoundError
from endcap.validation import timestamp_ms

PREFIX: Final = "inbox/"
REPORTS: Final = "inbox/reports/"
"""Beside the folders of files, and no notification is sent of it."""
CONTINUED: Final = "continue"
MAX_KEY_BYTES: Final = 1024
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""
_BEGINNING_BYTES: Final = 800
_CHUNK_BYTES: Final = 1 << 20


def objects_of(body: str) -> Iterator[dict[str, Any]]:
    """What a message tells of: objects as `endcap.feeds.load.Task` takes them; those of S3's test none.

    Raises
    ------
    InvalidInputError : it is neither a notification of S3 nor a task that is gone on with
    """
    try:
        message = json.loads(body)
        if CONTINUED in message:
            yield dict(message[CONTINUED])
            return
        if message.get("Event") == "s3:TestEvent":
            return
        for record in message["Records"]:
            found = record["s3"]["object"]
            yield {
                "key": unquote_plus(found["key"]),
                "etag": str(found.get("eTag") or "").strip('"'),
                "version": found.get("versionId"),
                "at_ms": timestamp_ms(record["eventTime"]),
            }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InvalidInputError("the message is no notification of S3") from None


class Inbox:
    """The folder of files, and the queue that tells of them.

    Parameters
    ----------
    s3, sqs : boto3 clients
    """

    def __init__(self, s3: Any, bucket: str, sqs: Any, queue_url: str) -> None:
        self._s3, self._bucket, self._sqs, self._url = s3, bucket, sqs, queue_url

    @contextmanager
    def fetched(self, key: str, etag: str, version: str | None) -> Iterator[Path]:
        """A copy of an object, for as long as the block lasts.

        Raises
        ------
        NotFoundError : it is gone, or another one lies there by now
        InvalidInputError : there is no room for it
        ThrottledError, DependencyError
        """
        which: dict[str, str] = {"VersionId": version} if version and version != "null" else {}
        which |= {"IfMatch": etag} if etag else {}
        with tempfile.TemporaryDirectory() as folder:
            # Not by its own name: keys may be longer than names of files, and may be called "..".
            path = Path(folder) / f"file{_ending(key)}"
            try:
                with aws_errors("read file"), path.open("wb") as copy:
                    body = self._s3.get_object(Bucket=self._bucket, Key=key, **which)["Body"]
                    for part in iter(lambda: body.read(_CHUNK_BYTES), b""):
                        copy.write(part)
            except ConflictError as exc:
                raise NotFoundError("read file: another one lies there by now") from exc
            except OSError as exc:
                raise InvalidInputError("the file is larger than FileStorageMb leaves room for") from exc
            yield path

    def report(self, key: str, name: str, document: Mapping[str, Any] | Sequence[str]) -> str:
        """Write a report on an object, or lines, beside it; the same name replaces it.

        Raises
        ------
        ThrottledError, DependencyError
        """
        text = json.dumps(document, indent=1) if isinstance(document, Mapping) else "".join(f"{d}\n" for d in document)
        written = _report_key(key.removeprefix(PREFIX), name)
        with aws_errors("write report"):
            self._s3.put_object(Bucket=self._bucket, Key=written, Body=text.encode())
        return written

    def go_on(self, task: Mapping[str, Any]) -> None:
        """Have a task gone on with.

        Raises
        ------
        ThrottledError, DependencyError
        """
        with aws_errors("go on with file"):
            self._sqs.send_message(QueueUrl=self._url, MessageBody=json.dumps({CONTINUED: dict(task)}))


def _ending(key: str) -> str:
    """The ending that says how a file is packed."""
    return ".zip" if key.lower().endswith(".zip") else ""


def _report_key(path: str, name: str) -> str:
    """The key of a report; of a path that leaves no room in it, its beginning and a hash."""
    written = f"{REPORTS}{path}.{name}"
    if len(written.encode()) <= MAX_KEY_BYTES:
        return written
    beginning = path.encode()[:_BEGINNING_BYTES].decode(errors="ignore")
    return f"{REPORTS}{beginning}-{hashlib.sha256(path.encode()).hexdigest()[:16]}.{name}"
