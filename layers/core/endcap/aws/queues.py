"""Events on their way: to the queue, back to it, to the archive, and to quarantine."""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from endcap.aws.clients import aws_errors
from endcap.errors import DependencyError, EndcapError, FieldError, InvalidInteractionError
from endcap.observability import fault

MAX_MESSAGE_BYTES = 240 * 1024
"""Below SQS's 256 KiB (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html);
newer quotas allow 1 MiB, but a stack may meet an older region."""
MAX_RECORD_BYTES = 1000 * 1024
"""Firehose takes 1,000 KiB a record and 4 MiB, 500 records a call."""
KIND = "kind"
"""The attribute of a message that says what it is, where it is no events."""
FIRST_SEEN = "first_seen"
"""The attribute of a message that is sent again: when it came for the first time, in milliseconds since 1970."""
SEND_TRIES = 3
SEND_BUDGET_S = 5.0
"""After this long no further try is begun: one may take 3 s, and the function has 10 s to say what was not sent."""
FIRST_BACKOFF_S = 5
LONGEST_BACKOFF_S = 900
"""With as many tries as the template allows a message, this makes more than a day without a service."""
TIMES_AT_ONCE = 3
"""What there is no time for again and again waits too: a service that is only slow must not use up its receives."""
PUT_OFF_TOGETHER = 10


@dataclass(frozen=True, slots=True)
class FailedMessage:
    """A message that is to come again.

    Attributes
    ----------
    handle : of this receive
    receive_count : how often it came, this time included
    at_once : nothing failed, there was only no time for it
    """

    queue_arn: str
    handle: str
    receive_count: int
    at_once: bool = False


class EventQueue:
    """The SQS queue between `collect` and `update_profile`.

    Parameters
    ----------
    sqs : a boto3 SQS client
    """

    def __init__(self, sqs: Any, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._sqs, self._url, self._clock = sqs, url, clock

    def send(self, documents: Sequence[Mapping[str, Any]]) -> list[int]:
        """Send events in as few messages as fit; failed messages are tried again.

        Returns
        -------
        indices of the events that could not be sent
        """
        lines = [_json(d) for d in documents]
        messages = list(_packed(lines, MAX_MESSAGE_BYTES, separator=1, envelope=len('{"events":[]}')))
        unsent: list[int] = []
        deadline_s = self._clock() + SEND_BUDGET_S
        # Each message may be as large as a whole SendMessageBatch call, so they go one by one.
        for indices in messages:
            body = '{"events":[' + ",".join(lines[i] for i in indices) + "]}"
            if not self._sent(body, deadline_s):
                unsent += indices
        return unsent

    def waiting(self) -> int:
        """About how many messages wait to be taken.

        Raises
        ------
        ThrottledError, DependencyError
        """
        name = "ApproximateNumberOfMessages"
        with aws_errors("look at the queue"):
            answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=[name])
        return int(answer["Attributes"][name])

    def send_message(self, document: Mapping[str, Any], kind: str) -> None:
        """Send one message that holds no events.

        Parameters
        ----------
        kind : stands in an attribute, which nothing can set that comes through a bus, a replay or `send`

        Raises
        ------
        DependencyError : the queue did not take it
        """
        attributes = {KIND: {"DataType": "String", "StringValue": kind}}
        if not self._sent(_json(document), self._clock() + SEND_BUDGET_S, MessageAttributes=attributes):
            raise DependencyError("the queue did not take the message")

    def _sent(self, body: str, deadline_s: float, **more: Any) -> bool:
        for _ in range(SEND_TRIES):
            if self._clock() >= deadline_s:
                return False
            try:
                with aws_errors("send events"):
                    self._sqs.send_message(QueueUrl=self._url, MessageBody=body, **more)
            except EndcapError:
                continue
            except Exception as exc:
                fault("events not sent", exc)
                return False
            return True
        return False


class Redelivery:
    """When messages that failed come again: soon at first, then ever later, so that an outage costs few tries.

    Parameters
    ----------
    sqs : a boto3 SQS client
    url : of any queue of the same account and region
    draw : a number from 0 to 1, by chance
    """

    def __init__(self, sqs: Any, url: str, draw: Callable[[], float] = random.random) -> None:
        self._sqs, self._base, self._draw = sqs, url.rsplit("/", 2)[0], draw

    def put_off(self, messages: Sequence[FailedMessage]) -> None:
        """Hide messages of one queue for a while; those that it fails for come after the queue's own time.

        Raises
        ------
        DependencyError, ThrottledError : no further ones are hidden
        """
        if not messages:
            return
        account, name = messages[0].queue_arn.split(":")[-2:]
        for first in range(0, len(messages), PUT_OFF_TOGETHER):
            entries = [
                {"Id": str(n), "ReceiptHandle": message.handle, "VisibilityTimeout": self._wait_s(message)}
                for n, message in enumerate(messages[first : first + PUT_OFF_TOGETHER])
            ]
            with aws_errors("put messages off"):
                self._sqs.change_message_visibility_batch(QueueUrl=f"{self._base}/{account}/{name}", Entries=entries)

    def _wait_s(self, message: FailedMessage) -> int:
        if message.at_once and message.receive_count <= TIMES_AT_ONCE:
            return 0
        longest = min(FIRST_BACKOFF_S * 2.0 ** min(message.receive_count - 1, 16), LONGEST_BACKOFF_S)
        return round(longest * (0.5 + self._draw() / 2))  # apart from each other, or they all come back together


class FailureQueue:
    """The queue that says what of a stream was given up, and where it lies."""

    def __init__(self, sqs: Any, url: str) -> None:
        self._sqs, self._url = sqs, url

    def put(self, document: Mapping[str, Any]) -> None:
        """Tell of one thing that was given up.

        Raises
        ------
        DependencyError, ThrottledError
        """
        with aws_errors("tell of a failure"):
            self._sqs.send_message(QueueUrl=self._url, MessageBody=_json(document))


class RecordStream:
    """A Firehose delivery stream that keeps newline JSON in S3."""

    def __init__(self, firehose: Any, name: str) -> None:
        self._firehose, self._name = firehose, name

    def put(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Write `documents`, one line each, in as few records as fit.

        Raises
        ------
        DependencyError, ThrottledError : some were not taken; nothing tells which, so all are to be written again
        InvalidInteractionError : one of them fits no record
        """
        lines = [_json(d) for d in documents]
        for indices in _packed(lines, MAX_RECORD_BYTES, separator=1, envelope=0):
            data = "".join(lines[i] + "\n" for i in indices).encode()
            with aws_errors("archive events"):
                self._firehose.put_record(DeliveryStreamName=self._name, Record={"Data": data})


class Quarantine:
    """Records that can never be applied, kept in S3 for a person to look at and replay."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    def put(
        self,
        source: str,
        payload: str,
        errors: Sequence[FieldError],
        arrival_ms: int,
        first_seen_ms: int | None = None,
    ) -> str:
        """Keep `payload` with what is wrong with it; the same payload gives the same key.

        Parameters
        ----------
        first_seen_ms : when it came for the first time, where it was sent again

        Raises
        ------
        DependencyError, ThrottledError
        """
        day = datetime.fromtimestamp(arrival_ms / 1000, UTC).strftime("%Y/%m/%d")
        digest = hashlib.sha256(payload.encode("utf-8", "replace")).hexdigest()[:32]
        key = f"quarantine/{source}/{day}/{digest}.json"
        body: dict[str, Any] = {"source": source, "arrival": arrival_ms, "errors": list(errors), "payload": payload}
        body |= {} if first_seen_ms is None else {"first_seen": first_seen_ms}
        with aws_errors("quarantine record"):
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=_json(body).encode(), ContentType="application/json")
        return key


def _json(document: Mapping[str, Any]) -> str:
    # ASCII only: SQS refuses some Unicode characters that JSON strings may hold.
    return json.dumps(document, separators=(",", ":"), ensure_ascii=True)


def _packed(lines: Sequence[str], limit: int, *, separator: int, envelope: int) -> Iterator[list[int]]:
    """Runs of consecutive indices whose lines fit into `limit` bytes together."""
    run: list[int] = []
    size = envelope
    for index, line in enumerate(lines):
        needed = len(line) + separator
        if needed + envelope > limit:
            raise InvalidInteractionError(f"takes {needed} bytes, more than a record holds")
        if run and size + needed > limit:
            yield run
            run, size = [], envelope
        run.append(index)
        size += needed
    if run:
        yield run
