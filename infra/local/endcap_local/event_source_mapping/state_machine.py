"""What an AWS event source mapping does with a batch, as a state machine without AWS, clock, threads or input/output.

SQS: `settle_messages` says which messages of a batch are deleted, which come back, and which have no receive left.
Streams (DynamoDB, Kinesis): a `Shard` deals its records to one `Lane` per parallelisation slot by partition key; a lane
hands out one `Batch` at a time in order and `settle`s it: acknowledge, retry with back-off, bisect, or discard to the
on-failure destination. `pollers.py` drives both against the local engine; the property tests drive them with scripted
handlers.

References: AWS Lambda developer guide, "Using Lambda with Amazon SQS / Kinesis / DynamoDB", partial batch responses.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from endcap_local.lambda_runtime.reply import Reply

RETRIES_EXHAUSTED = "RetryAttemptsExhausted"
TOO_OLD = "RecordAgeExceeded"
MAX_BATCH_BYTES = 6 * 1024 * 1024  # the payload limit of one invocation


def failed_identifiers(reply: Reply, identifiers: Collection[str], report_failures: bool) -> frozenset[str]:
    """Identifiers of a batch that count as failed.

    Parameters
    ----------
    reply : what the handler answered
    identifiers : message ids or sequence numbers of the batch
    report_failures : whether the mapping asks for `ReportBatchItemFailures`

    Returns
    -------
    The reported ids. No answer, `{}` and an empty or null list mean success. An error, an answer that is not an
    object, and an identifier that is empty, null, under another key or not of this batch fail the whole batch.
    """
    everything = frozenset(identifiers)
    if reply.error is not None:
        return everything
    if not report_failures or reply.payload is None:
        return frozenset()
    if not isinstance(reply.payload, Mapping):
        return everything
    reported = reply.payload.get("batchItemFailures")
    if reported is None:
        return frozenset()
    if not isinstance(reported, list):
        return everything
    failed = set()
    for entry in reported:
        identifier = entry.get("itemIdentifier") if isinstance(entry, Mapping) else None
        if not isinstance(identifier, str) or identifier not in everything:
            return everything
        failed.add(identifier)
    return frozenset(failed)


@dataclass(frozen=True)
class QueueSettings:
    """One SQS mapping together with the redrive policy of its queue (`max_receive_count` None: no dead letters)."""

    batch_size: int = 10
    window_ms: int = 0
    report_failures: bool = False
    max_receive_count: int | None = None


@dataclass(frozen=True)
class Message:
    """One received SQS message; `receive_count` includes this receive, `handle` deletes or returns it."""

    message_id: str
    receive_count: int
    handle: str = ""
    payload: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class MessageOutcome:
    """Every message of the batch in exactly one tuple, in batch order."""

    deleted: tuple[Message, ...]
    returned: tuple[Message, ...]
    exhausted: tuple[Message, ...]


def settle_messages(messages: Sequence[Message], reply: Reply, settings: QueueSettings) -> MessageOutcome:
    """Which messages are done, which become visible again, and which the redrive policy moves to the dead letters."""
    failed = failed_identifiers(reply, [message.message_id for message in messages], settings.report_failures)
    limit = settings.max_receive_count
    deleted, returned, exhausted = [], [], []
    for message in messages:
        if message.message_id not in failed:
            deleted.append(message)
        elif limit is not None and message.receive_count >= limit:
            exhausted.append(message)
        else:
            returned.append(message)
    return MessageOutcome(tuple(deleted), tuple(returned), tuple(exhausted))


def batch_is_ready(count: int, oldest_ms: int, now_ms: int, batch_size: int, window_ms: int) -> bool:
    """Whether a gathering batch goes out: it is full, or its first record has waited for the whole window."""
    return count >= batch_size or (count > 0 and now_ms - oldest_ms >= window_ms)


@dataclass(frozen=True)
class StreamSettings:
    """One DynamoDB or Kinesis mapping; None means without a limit, as -1 does in the template."""

    batch_size: int = 100
    window_ms: int = 0
    parallelization: int = 1
    bisect: bool = False
    max_retries: int | None = None
    max_age_ms: int | None = None
    report_failures: bool = False
    first_backoff_ms: int = 200
    longest_backoff_ms: int = 10_000


@dataclass(frozen=True)
class StreamRecord:
    """One record of a shard; `seen_ms` is when the poller read it, `arrived_ms` when the stream took it."""

    sequence_number: str
    partition_key: str
    arrived_ms: int
    payload: Mapping[str, object] = field(default_factory=dict)
    seen_ms: int = 0
    size_bytes: int = 0


@dataclass(frozen=True)
class Batch:
    """Consecutive records of one lane; `retries` counts repeats of this very batch, splits are free."""

    records: tuple[StreamRecord, ...]
    retries: int = 0
    invocations: int = 0
    not_before_ms: int = 0


@dataclass(frozen=True)
class Discard:
    """Records that leave the lane unprocessed, for the on-failure destination."""

    records: tuple[StreamRecord, ...]
    condition: str
    invocations: int


@dataclass(frozen=True)
class Settled:
    """What one invocation decided: done records, and discarded ones (None where none were)."""

    acknowledged: tuple[StreamRecord, ...]
    discard: Discard | None = None


class Lane:
    """One ordered processor of a shard: at most one batch is out at a time."""

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._waiting: deque[StreamRecord] = deque()
        self._retrying: list[Batch] = []  # a stack: the top holds the lowest sequence numbers
        self.busy = False

    @property
    def pending(self) -> int:
        """Records not yet acknowledged nor discarded, apart from a batch that is out."""
        return len(self._waiting) + sum(len(batch.records) for batch in self._retrying)

    def offer(self, record: StreamRecord) -> None:
        """Put a record at the end of the lane."""
        self._waiting.append(record)

    def due_ms(self) -> int | None:
        """When the next batch may go out; None while the lane is empty or busy."""
        if self.busy or not self.pending:
            return None
        if self._retrying:
            return self._retrying[-1].not_before_ms
        full = len(self._waiting) >= self._settings.batch_size
        return 0 if full else self._waiting[0].seen_ms + self._settings.window_ms

    def take(self, now_ms: int) -> tuple[Batch | None, Discard | None]:
        """The next batch, if one is due, and the records that grew too old to be sent."""
        due = self.due_ms()
        if due is None or now_ms < due:
            return None, None
        batch = self._retrying.pop() if self._retrying else self._gather()
        fresh, stale = self._split_by_age(batch.records, now_ms)
        discard = Discard(stale, TOO_OLD, batch.invocations) if stale else None
        if not fresh:
            return None, discard
        self.busy = True
        return Batch(fresh, batch.retries, batch.invocations + 1), discard

    def settle(self, batch: Batch, reply: Reply, now_ms: int) -> Settled:
        """Take back the batch that is out, with what the handler answered."""
        self.busy = False
        sequence = [record.sequence_number for record in batch.records]
        failed = failed_identifiers(reply, sequence, self._settings.report_failures)
        if not failed:
            return Settled(batch.records)
        first = next(i for i, number in enumerate(sequence) if number in failed)
        whole = len(failed) == len(sequence) and reply.error is not None
        if first > 0 and not whole:
            # The checkpoint moves to the lowest reported number: progress, so the rest starts as a batch of its own.
            self._retry(batch.records[first:], 0, batch.invocations, now_ms)
            return Settled(batch.records[:first])
        if self._settings.bisect and len(batch.records) > 1:
            middle = len(batch.records) // 2
            self._retry(batch.records[middle:], batch.retries, batch.invocations, now_ms)
            self._retry(batch.records[:middle], batch.retries, batch.invocations, now_ms)
            return Settled(())
        if self._settings.max_retries is not None and batch.retries >= self._settings.max_retries:
            return Settled((), Discard(batch.records, RETRIES_EXHAUSTED, batch.invocations))
        self._retry(batch.records, batch.retries + 1, batch.invocations, now_ms)
        return Settled(())

    def _gather(self) -> Batch:
        records: list[StreamRecord] = []
        size = 0
        while self._waiting and len(records) < self._settings.batch_size:
            size += self._waiting[0].size_bytes
            if records and size > MAX_BATCH_BYTES:
                break
            records.append(self._waiting.popleft())
        return Batch(tuple(records))

    def _split_by_age(
        self, records: tuple[StreamRecord, ...], now_ms: int
    ) -> tuple[tuple[StreamRecord, ...], tuple[StreamRecord, ...]]:
        if self._settings.max_age_ms is None:
            return records, ()
        oldest = now_ms - self._settings.max_age_ms
        fresh = tuple(record for record in records if record.arrived_ms >= oldest)
        stale = tuple(record for record in records if record.arrived_ms < oldest)
        return fresh, stale

    def _retry(self, records: tuple[StreamRecord, ...], retries: int, invocations: int, now_ms: int) -> None:
        backoff = min(
            self._settings.first_backoff_ms * 2 ** min(max(retries - 1, 0), 16), self._settings.longest_backoff_ms
        )
        self._retrying.append(Batch(records, retries, invocations, now_ms + backoff))


class Shard:
    """The records of one shard, dealt to lanes so that one partition key always stays in one lane."""

    def __init__(self, settings: StreamSettings) -> None:
        self.lanes = tuple(Lane(settings) for _ in range(settings.parallelization))
        self._open: dict[str, None] = {}  # sequence numbers in stream order that are not settled yet

    @property
    def pending(self) -> int:
        """Records offered but neither acknowledged nor discarded."""
        return len(self._open)

    @property
    def checkpoint(self) -> str | None:
        """The lowest sequence number still unsettled, from which a restart reads; None when all is settled."""
        return next(iter(self._open), None)

    def offer(self, records: Iterable[StreamRecord]) -> None:
        """Append records in stream order."""
        for record in records:
            self._open[record.sequence_number] = None
            self.lanes[zlib.crc32(record.partition_key.encode()) % len(self.lanes)].offer(record)

    def close(self, records: Iterable[StreamRecord]) -> None:
        """Forget records that were acknowledged or discarded."""
        for record in records:
            del self._open[record.sequence_number]

    def due_ms(self) -> int | None:
        """When the earliest batch of any lane may go out; None when there is nothing to send."""
        times = [due for lane in self.lanes if (due := lane.due_ms()) is not None]
        return min(times, default=None)
