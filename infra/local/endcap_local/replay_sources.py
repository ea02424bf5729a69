"""Where events lie that did not make it into a profile: the quarantine folder of S3, and dead-letter queues.

Both give `Stray`s, and let go of one only when told to. What is not let go of stays where it is: an object because
nothing touched it, a message because its visibility timeout ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol

from endcap.aws.clients import aws_errors
from endcap.errors import ConflictError, EndcapError, NotFoundError

PREFIX: Final = "quarantine/"
HIDDEN_S: Final = 300
"""How long a message of a dead-letter queue is kept from other readers while it is looked at."""
MESSAGES: Final = 10  # the most that one call receives, sends or deletes
READERS: Final = 8
NO_REASON: Final = "given up after repeated failures"
UNREADABLE: Final = "not an object that quarantine writes"


@dataclass(frozen=True, slots=True)
class Stray:
    """An event, or several in one message, that lies outside of the stream of events.

    Attributes
    ----------
    reasons : why it is where it is
    arrival_ms : when its source took it
    body : as it came
    handle : what removes exactly this stray; "" where it can't be read, and so not be sent
    key : what its place calls it
    """

    reasons: tuple[str, ...]
    arrival_ms: int
    body: str
    handle: str
    key: str


class Place(Protocol):
    """A place of strays.

    Attributes
    ----------
    name : as `--from` calls it
    """

    name: str

    def strays(self, since_ms: int, before_ms: int) -> Iterator[Stray]:
        """What arrived in the time from `since_ms` up to, but not including, `before_ms`."""
        ...

    def remove(self, strays: Sequence[Stray]) -> list[Stray]:
        """Let go of `strays`; those that could not be are returned."""
        ...

    def close(self) -> None:
        """Give back what was not removed."""
        ...


class QuarantineFolder:
    """The objects under `quarantine/` of a data bucket.

    Parameters
    ----------
    s3 : a boto3 S3 client
    """

    name = "quarantine"

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    def strays(self, since_ms: int, before_ms: int) -> Iterator[Stray]:
        """See `Place`.

        Raises
        ------
        ThrottledError, DependencyError
        """
        with aws_errors("list quarantine"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=PREFIX)
            entries = [entry for page in pages for entry in page.get("Contents", ())]
        # An object is written after its record arrived, so an older object can't hold a newer record.
        keys = [entry["Key"] for entry in entries if entry["LastModified"].timestamp() * 1000 >= since_ms - 1000]
        with ThreadPoolExecutor(READERS) as readers:
            for stray in readers.map(self._read, keys):
                if stray is not None and since_ms <= stray.arrival_ms < before_ms:
                    yield stray

    def remove(self, strays: Sequence[Stray]) -> list[Stray]:
        """See `Place`. An object that was written again meanwhile, for the event has come back, stays."""
        kept = []
        for stray in strays:
            try:
                with aws_errors("remove from quarantine"):
                    self._s3.delete_object(Bucket=self._bucket, Key=stray.key, IfMatch=stray.handle)
            except NotFoundError:
                continue  # somebody else has removed it
            except ConflictError:
                continue  # what lies there now is another stray
            except EndcapError:
                kept.append(stray)
        return kept

    def close(self) -> None:
        """Nothing is held."""

    def _read(self, key: str) -> Stray | None:
        try:
            with aws_errors("read quarantine"):
                answer = self._s3.get_object(Bucket=self._bucket, Key=key)
                data = answer["Body"].read()
        except NotFoundError:
            return None  # it was removed since it was listed
        written_ms = int(answer["LastModified"].timestamp() * 1000)
        try:
            document = json.loads(data)
            reasons = tuple(_reason(error) for error in document["errors"])
            return Stray(reasons, int(document["arrival"]), str(document["payload"]), answer["ETag"], key)
        except (ValueError, KeyError, TypeError):
            return Stray((UNREADABLE,), written_ms, "", "", key)


class DeadLetterQueue:
    """A queue of messages that were given up.

    Parameters
    ----------
    sqs : a boto3 SQS client
    wait_s : how long the queue may take to find a message
    """

    name = "dlq"

    def __init__(self, sqs: Any, url: str, wait_s: int = 1) -> None:
        self._sqs, self._url, self._wait_s = sqs, url, wait_s
        self._held: dict[str, str] = {}  # message id -> receipt handle

    def strays(self, since_ms: int, before_ms: int) -> Iterator[Stray]:
        """See `Place`. Each message is seen once, however often the queue hands it out.

        Raises
        ------
        NotFoundError, ThrottledError, DependencyError
        """
        while True:
            with aws_errors("read the dead-letter queue"):
                answer = self._sqs.receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=MESSAGES,
                    VisibilityTimeout=HIDDEN_S,
                    WaitTimeSeconds=self._wait_s,
                    AttributeNames=["SentTimestamp"],
                    MessageAttributeNames=["All"],
                )
            new = [m for m in answer.get("Messages", ()) if m["MessageId"] not in self._held]
            if not new:
                return
            for message in new:
                self._held[message["MessageId"]] = message["ReceiptHandle"]
            for message in new:
                stray = _stray_of(message)
                # A replayed message that was given up again is newer than this run, and so not taken a second time.
                if since_ms <= stray.arrival_ms < before_ms:
                    yield stray

    def remove(self, strays: Sequence[Stray]) -> list[Stray]:
        """See `Place`. A message that is gone already is let go of."""
        kept: list[Stray] = []
        for part in (strays[i : i + MESSAGES] for i in range(0, len(strays), MESSAGES)):
            entries = [{"Id": str(k), "ReceiptHandle": stray.handle} for k, stray in enumerate(part)]
            try:
                with aws_errors("remove from the dead-letter queue"):
                    failed = self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries).get("Failed", ())
            except EndcapError:
                kept += part
                continue
            unremoved = {int(entry["Id"]) for entry in failed if entry.get("Code") != "ReceiptHandleIsInvalid"}
            kept += [stray for k, stray in enumerate(part) if k in unremoved]
            for k, stray in enumerate(part):
                if k not in unremoved:
                    self._held.pop(stray.key, None)
        return kept

    def close(self) -> None:
        """Let others see the messages again at once; where that fails, they do so when their timeout ends."""
        handles = list(self._held.values())
        self._held.clear()
        for part in (handles[i : i + MESSAGES] for i in range(0, len(handles), MESSAGES)):
            entries = [{"Id": str(k), "ReceiptHandle": h, "VisibilityTimeout": 0} for k, h in enumerate(part)]
            try:
                with aws_errors("release messages"):
                    self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
            except EndcapError:
                return


def _reason(error: Mapping[str, Any]) -> str:
    field, message = str(error["field"]), str(error["message"])
    return f"{field}: {message}" if field else message


def _stray_of(message: Mapping[str, Any]) -> Stray:
    # EventBridge says why it gave up in attributes, and its event lies in an envelope that the rule would have opened:
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    code = message.get("MessageAttributes", {}).get("ERROR_CODE", {}).get("StringValue")
    reason = f"not delivered by EventBridge: {code}" if code else NO_REASON
    sent_ms = int(message["Attributes"]["SentTimestamp"])
    return Stray((reason,), sent_ms, message["Body"], message["ReceiptHandle"], message["MessageId"])
