"""Event source mappings under scripted handlers: nothing is lost, order is kept, poison is isolated, retries end."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from endcap_local.event_source_mapping.state_machine import (
    TOO_OLD,
    Message,
    QueueSettings,
    Shard,
    StreamRecord,
    StreamSettings,
    settle_messages,
)
from endcap_local.lambda_runtime.reply import Reply
from tests.fakes.effort import tried

Handler = Callable[[Sequence[StreamRecord]], Reply]


@dataclass
class Run:
    """What a shard did until it was empty or out of steps."""

    acknowledged: list[StreamRecord] = field(default_factory=list)
    discarded: list[StreamRecord] = field(default_factory=list)
    deliveries: Counter[str] = field(default_factory=Counter)
    batches: list[tuple[str, ...]] = field(default_factory=list)
    discard_sizes: list[int] = field(default_factory=list)


def run_shard(shard: Shard, handler: Handler, max_steps: int = 5_000) -> Run:
    """Drive a shard on a virtual clock; lanes take turns, each with one batch out at a time."""
    run, now = Run(), 0
    for _ in range(max_steps):
        due = shard.due_ms()
        if due is None:
            break
        now = max(now, due)
        for lane in shard.lanes:
            batch, discard = lane.take(now)
            if batch is not None:
                run.batches.append(tuple(record.sequence_number for record in batch.records))
                run.deliveries.update(run.batches[-1])
                settled = lane.settle(batch, handler(batch.records), now)
                run.acknowledged += settled.acknowledged
                shard.close(settled.acknowledged)
                discards = [discard, settled.discard]
            else:
                discards = [discard]
            for dropped in discards:
                if dropped is not None:
                    run.discarded += dropped.records
                    run.discard_sizes.append(len(dropped.records))
                    shard.close(dropped.records)
    return run


def handler_of(failures: Mapping[str, int | None], style: str) -> Handler:
    """A handler in which a record fails so many times (None: always), by raising or by reporting."""
    left = dict(failures)

    def handle(records: Sequence[StreamRecord]) -> Reply:
        failed = []
        for record in records:
            remaining = left.get(record.sequence_number, 0)
            if remaining is None or remaining > 0:
                failed.append(record.sequence_number)
                if remaining is not None:
                    left[record.sequence_number] = remaining - 1
                if style == "raise":
                    return Reply(error="RuntimeError: scripted")
        return Reply({"batchItemFailures": [{"itemIdentifier": number} for number in failed]})

    return handle


def stream_of(keys: Sequence[str]) -> list[StreamRecord]:
    return [StreamRecord(f"{i:06d}", key, arrived_ms=0) for i, key in enumerate(keys)]


keys_strategy = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=40)
style_strategy = st.sampled_from(["raise", "report"])


@st.composite
def scripts(draw: st.DrawFn, poison: bool = True) -> tuple[list[StreamRecord], dict[str, int | None], str]:
    records = stream_of(draw(keys_strategy))
    times = st.one_of(st.none(), st.integers(1, 3)) if poison else st.integers(1, 3)
    numbers = st.sampled_from([record.sequence_number for record in records])
    return records, draw(st.dictionaries(numbers, times, max_size=6)), draw(style_strategy)


@tried()
@given(
    scripts(),
    st.integers(1, 12),
    st.integers(1, 4),
    st.booleans(),
    st.one_of(st.none(), st.integers(0, 4)),
)
def test_every_record_is_acknowledged_discarded_or_pending(script, batch_size, parallelization, bisect, max_retries):
    records, failures, style = script
    shard = Shard(
        StreamSettings(
            batch_size=batch_size,
            parallelization=parallelization,
            bisect=bisect,
            max_retries=max_retries,
            report_failures=style == "report",
        )
    )
    shard.offer(records)
    run = run_shard(shard, handler_of(failures, style), max_steps=300)
    gone = [record.sequence_number for record in run.acknowledged + run.discarded]
    assert len(gone) == len(set(gone))
    assert len(gone) + shard.pending == len(records)
    if max_retries is not None:
        assert shard.pending == 0
    elif shard.pending:
        assert None in failures.values()  # only endless poison may keep a shard with endless retries waiting
    assert shard.checkpoint == next((r.sequence_number for r in records if r.sequence_number not in set(gone)), None)


@tried()
@given(scripts(), st.integers(1, 12), st.integers(1, 4), st.booleans())
def test_each_partition_key_is_settled_in_stream_order(script, batch_size, parallelization, bisect):
    records, failures, style = script
    shard = Shard(
        StreamSettings(batch_size, 0, parallelization, bisect, max_retries=2, report_failures=style == "report")
    )
    shard.offer(records)
    run = run_shard(shard, handler_of(failures, style))
    for key in {record.partition_key for record in records}:
        settled = [record.sequence_number for record in run.acknowledged if record.partition_key == key]
        assert settled == sorted(settled)
    assert all(list(batch) == sorted(batch) and len(batch) <= batch_size for batch in run.batches)


@tried()
@given(scripts(), st.integers(1, 12), st.integers(0, 3))
def test_bisect_discards_only_the_poison(script, batch_size, max_retries):
    records, failures, style = script
    poison = {number for number, times in failures.items() if times is None or times > max_retries}
    always = dict.fromkeys(poison)
    shard = Shard(StreamSettings(batch_size, bisect=True, max_retries=max_retries, report_failures=style == "report"))
    shard.offer(records)
    run = run_shard(shard, handler_of(always, style))
    assert {record.sequence_number for record in run.discarded} == poison
    assert set(run.discard_sizes) <= {1}


@tried()
@given(scripts(poison=False), st.integers(1, 12), st.booleans())
def test_passing_failures_lose_nothing_when_retries_outlast_them(script, batch_size, bisect):
    records, failures, style = script
    enough = sum(times or 0 for times in failures.values())
    shard = Shard(StreamSettings(batch_size, bisect=bisect, max_retries=enough, report_failures=style == "report"))
    shard.offer(records)
    run = run_shard(shard, handler_of(failures, style))
    assert not run.discarded
    assert [record.sequence_number for record in run.acknowledged] == [record.sequence_number for record in records]


@tried()
@given(scripts(), st.integers(1, 16), st.integers(0, 4), st.booleans())
def test_deliveries_of_a_record_are_bounded(script, batch_size, max_retries, bisect):
    records, failures, style = script
    shard = Shard(StreamSettings(batch_size, bisect=bisect, max_retries=max_retries, report_failures=style == "report"))
    shard.offer(records)
    run = run_shard(shard, handler_of(failures, style))
    per_start = max_retries + 1 + (math.ceil(math.log2(batch_size)) if bisect else 0)
    # A raised error never moves the checkpoint; a report may restart the count once per position in the batch.
    restarts = 1 if style == "raise" else batch_size
    assert max(run.deliveries.values(), default=0) <= per_start * restarts


@tried()
@given(keys_strategy, st.integers(1, 10), st.integers(0, 1_000))
def test_records_past_their_age_are_discarded_unsent(keys, batch_size, max_age_ms):
    shard = Shard(StreamSettings(batch_size, max_age_ms=max_age_ms))
    shard.offer(stream_of(keys))
    (lane,) = shard.lanes
    discarded = []
    while lane.pending:
        batch, discard = lane.take(now_ms=max_age_ms + 1)
        assert batch is None
        assert discard is not None
        assert discard.condition == TOO_OLD
        discarded += discard.records
    assert len(discarded) == len(keys)


class FakeQueue:
    """SQS as far as delivery goes: receives count up, and a redrive policy moves what was received too often."""

    def __init__(self, ids: Sequence[str], max_receive_count: int | None) -> None:
        self.visible = list(ids)
        self.receives: Counter[str] = Counter()
        self.dead: list[str] = []
        self._limit = max_receive_count

    def receive(self, n: int) -> list[Message]:
        taken, self.visible = self.visible[:n], self.visible[n:]
        messages = []
        for message_id in taken:
            if self._limit is not None and self.receives[message_id] >= self._limit:
                self.dead.append(message_id)
            else:
                self.receives[message_id] += 1
                messages.append(Message(message_id, self.receives[message_id]))
        return messages


@tried()
@given(
    st.integers(1, 30),
    st.dictionaries(st.integers(0, 29), st.one_of(st.none(), st.integers(1, 4)), max_size=6),
    style_strategy,
    st.integers(1, 10),
    st.integers(1, 5),
)
def test_every_message_is_deleted_or_a_dead_letter_within_its_receives(n, failures, style, batch_size, limit):
    settings = QueueSettings(batch_size, report_failures=style == "report", max_receive_count=limit)
    queue = FakeQueue([str(i) for i in range(n)], limit)
    left = {str(i): times for i, times in failures.items()}
    deleted: list[str] = []
    for _ in range(n * (limit + 1) + 1):
        messages = queue.receive(batch_size)
        if not messages:
            continue
        failed = [m.message_id for m in messages if left.get(m.message_id, 0) is None or left.get(m.message_id, 0) > 0]
        left = {k: None if v is None else v - (k in failed) for k, v in left.items()}
        reply = Reply({"batchItemFailures": [{"itemIdentifier": i} for i in failed]})
        if failed and style == "raise":
            reply = Reply(error="RuntimeError: scripted")
        outcome = settle_messages(messages, reply, settings)
        assert len(outcome.deleted) + len(outcome.returned) + len(outcome.exhausted) == len(messages)
        deleted += [message.message_id for message in outcome.deleted]
        queue.visible += [message.message_id for message in outcome.returned + outcome.exhausted]
        assert all(message.receive_count == limit for message in outcome.exhausted)
    assert sorted(deleted + queue.dead, key=int) == [str(i) for i in range(n)]
    assert max(queue.receives.values()) <= limit
    if style == "report":  # a good message is never taken down by its neighbours
        assert {i for i in map(str, range(n)) if i not in left} <= set(deleted)
