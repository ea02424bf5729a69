"""Where events lie that did not make it into a profile: the quarantine folder of S3, and dead-letter queues.

Both give `Stray`s one after the other, however many there are, and let go of one only when told to. What is not let go
of stays where it is: an object because nothing touched it, a message because its visibility timeout ends.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol

from endcap.aws.clients import aws_errors
from endcap.aws.queues import FIRST_SEEN
from endcap.errors import ConflictError, EndcapError, NotFoundError

PREFIX: Final = "quarantine/"
HIDDEN_S: Final = 900
"""How long a message of a dead-letter queue is kept from other readers while it is looked at."""
MESSAGES: Final = 10  # the most that one call receives, sends or deletes
MOST_HELD: Final = 100_000
"""Messages that are looked at and stay: SQS lets 120,000 of a queue be hidden at a time and then gives out no more."""
QUIET, PATIENT = 2, 10
"""Calls in a row that bring nothing before a queue counts as read: once all that it told of is seen, and until then."""
READERS: Final = 8
READ_AHEAD: Final = 64  # objects of up to 256 KB
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
    first_seen_ms : when it came for the first time, where it was sent again before
    """

    reasons: tuple[str, ...]
    arrival_ms: int
    body: str
    handle: str
    key: str
    first_seen_ms: int | None = None

    @property
    def seen_ms(self) -> int:
        """When it came for the first time, which decides whether its people have been erased since."""
        return self.arrival_ms if self.first_seen_ms is None else min(self.arrival_ms, self.first_seen_ms)


class Slot(Protocol):
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

    @property
    def unseen(self) -> int:
        """About how many there were besides those that were looked at."""
        ...


class QuarantineFolder:
    """The objects under `quarantine/` of a data bucket.

    Parameters
    ----------
    s3 : a boto3 S3 client
    """

    name = "quarantine"
    unseen = 0

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    def strays(self, since_ms: int, before_ms: int) -> Iterator[Stray]:
        """See `Slot`.

        Raises
        ------
        ThrottledError, DependencyError
        """
        for stray in self._read_all(self._keys(since_ms)):
            if stray is not None and since_ms <= stray.arrival_ms < before_ms:
                yield stray

    def page(self, after: str | None, limit: int) -> tuple[list[Stray], str | None]:
        """Strays, those written last first, and what the next page comes after; None behind the last one.

        Raises
        ------
        ThrottledError, DependencyError
        """
        listed: list[tuple[int, str]] = []
        with aws_errors("list quarantine"):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=PREFIX):
                listed += [(int(e["LastModified"].timestamp() * 1000), e["Key"]) for e in page.get("Contents", ())]
        listed.sort(reverse=True)
        at, _, key = (after or "").partition("|")
        rest = [one for one in listed if not after or one < (int(at), key)]
        found = [stray for stray in self._read_all(iter([key for _, key in rest[:limit]])) if stray is not None]
        last = rest[limit - 1] if len(rest) > limit else None
        return found, f"{last[0]}|{last[1]}" if last else None

    def count_since(self, since_ms: int) -> int:
        """How many were written since a moment.

        Raises
        ------
        ThrottledError, DependencyError
        """
        return sum(1 for _ in self._keys(since_ms + 1000))

    def of_keys(self, keys: Sequence[str]) -> list[Stray]:
        """The strays of these keys that are still there.

        Raises
        ------
        ThrottledError, DependencyError
        """
        wanted = (key for key in dict.fromkeys(keys) if key.startswith(PREFIX))
        return [stray for stray in self._read_all(wanted) if stray is not None]

    def remove(self, strays: Sequence[Stray]) -> list[Stray]:
        """See `Slot`. An object that was written again meanwhile, for the event has come back, stays."""
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

    def _keys(self, since_ms: int) -> Iterator[str]:
        pages = iter(self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=PREFIX))
        while True:
            with aws_errors("list quarantine"):
                page = next(pages, None)
            if page is None:
                return
            for entry in page.get("Contents", ()):
                # An object is written after its record arrived, so an older object can't hold a newer record.
                if entry["LastModified"].timestamp() * 1000 >= since_ms - 1000:
                    yield entry["Key"]

    def _read_all(self, keys: Iterator[str]) -> Iterator[Stray | None]:
        """In their order; several are read side by side, and never more than READ_AHEAD wait to be taken."""
        ahead: deque[Future[Stray | None]] = deque()
        with ThreadPoolExecutor(READERS) as readers:
            try:
                for key in keys:
                    ahead.append(readers.submit(self._read, key))
                    if len(ahead) == READ_AHEAD:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                for reading in ahead:
                    reading.cancel()

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
            seen = document.get("first_seen")
            first_seen_ms = None if seen is None else int(seen)
            arrival_ms, payload = int(document["arrival"]), str(document["payload"])
            return Stray(reasons, arrival_ms, payload, answer["ETag"], key, first_seen_ms)
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
        self._told, self._hidden, self._seen = 0, 0, 0

    def strays(self, since_ms: int, before_ms: int) -> Iterator[Stray]:
        """See `Slot`. Each message is seen once, however often the queue hands it out.

        A call that brings nothing does not say that there is nothing, and neither does one that brings only known
        messages, whose time has run out: those are hidden once more, so that the others come through.

        Raises
        ------
        NotFoundError, ThrottledError, DependencyError
        """
        self._told, self._hidden = self._counted()
        quiet = 0
        while quiet < (QUIET if self._seen >= self._told else PATIENT) and len(self._held) < MOST_HELD:
            messages = self._received()
            quiet = 0 if messages else quiet + 1
            new = [message for message in messages if message["MessageId"] not in self._held]
            self._held |= {message["MessageId"]: message["ReceiptHandle"] for message in messages}
            self._seen += len(new)
            for message in new:
                stray = _stray_of(message)
                # A replayed message that was given up again is newer than this run, and so not taken a second time.
                if since_ms <= stray.arrival_ms < before_ms:
                    yield stray

    @property
    def unseen(self) -> int:
        """See `Slot`: what was hidden, by another reader or a run that was cut off, and what was too much."""
        return self._hidden + max(0, self._told - self._seen)

    def remove(self, strays: Sequence[Stray]) -> list[Stray]:
        """See `Slot`. A message that is gone already is let go of."""
        kept: list[Stray] = []
        for part in (strays[i : i + MESSAGES] for i in range(0, len(strays), MESSAGES)):
            # The newest handle: an older one of the same message may no longer count.
            handles = [self._held.get(stray.key, stray.handle) for stray in part]
            entries = [{"Id": str(k), "ReceiptHandle": handle} for k, handle in enumerate(handles)]
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

    def _counted(self) -> tuple[int, int]:
        """About how many messages can be received, and how many are hidden."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        with aws_errors("count the dead-letter queue"):
            counts = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
        return int(counts[names[0]]), int(counts[names[1]])

    def _received(self) -> list[dict[str, Any]]:
        with aws_errors("read the dead-letter queue"):
            answer = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=MESSAGES,
                VisibilityTimeout=HIDDEN_S,
                WaitTimeSeconds=self._wait_s,
                AttributeNames=["SentTimestamp"],
                MessageAttributeNames=["All"],
            )
        return list(answer.get("Messages", ()))


def _reason(error: Mapping[str, Any]) -> str:
    field, message = str(error["field"]), str(error["message"])
    return f"{field}: {message}" if field else message


def _stray_of(message: Mapping[str, Any]) -> Stray:
    # EventBridge says why it gave up in attributes, and its event lies in an envelope that the rule would have opened:
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    code = message.get("MessageAttributes", {}).get("ERROR_CODE", {}).get("StringValue")
    reason = f"not delivered by EventBridge: {code}" if code else NO_REASON
    sent_ms = int(message["Attributes"]["SentTimestamp"])
    seen = message.get("MessageAttributes", {}).get(FIRST_SEEN, {}).get("StringValue", "")
    first_seen_ms = int(seen) if seen.isascii() and seen.isdigit() else None
    return Stray((reason,), sent_ms, message["Body"], message["ReceiptHandle"], message["MessageId"], first_seen_ms)
