"""The corners of event source mappings that AWS documents one by one."""

from __future__ import annotations

import pytest

from endcap_local.event_source_mapping.state_machine import (
    RETRIES_EXHAUSTED,
    Lane,
    Message,
    QueueSettings,
    Shard,
    StreamRecord,
    StreamSettings,
    batch_is_ready,
    failed_identifiers,
    settle_messages,
)
from endcap_local.lambda_runtime.reply import Reply

IDS = ["1", "2", "3"]


def report(*identifiers: object) -> Reply:
    return Reply({"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]})


@pytest.mark.parametrize(
    "payload", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}, {"statusCode": 200}]
)
def test_empty_answers_mean_success(payload):
    assert failed_identifiers(Reply(payload), IDS, report_failures=True) == frozenset()


@pytest.mark.parametrize(
    "payload",
    [
        "done",
        ["1"],
        {"batchItemFailures": "1"},
        {"batchItemFailures": ["1"]},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"itemIdentifier": 1}]},
        {"batchItemFailures": [{"messageId": "1"}]},
        {"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "9"}]},
    ],
)
def test_malformed_answers_fail_the_whole_batch(payload):
    assert failed_identifiers(Reply(payload), IDS, report_failures=True) == frozenset(IDS)


def test_reports_count_only_when_the_mapping_asks_for_them():
    assert failed_identifiers(report("2"), IDS, report_failures=True) == {"2"}
    assert failed_identifiers(report("2"), IDS, report_failures=False) == frozenset()
    assert failed_identifiers(Reply(error="boom"), IDS, report_failures=False) == frozenset(IDS)


def test_messages_are_deleted_returned_or_exhausted():
    messages = [Message("1", 1), Message("2", 1), Message("3", 5)]
    settings = QueueSettings(report_failures=True, max_receive_count=5)
    outcome = settle_messages(messages, report("2", "3"), settings)
    assert [m.message_id for m in outcome.deleted] == ["1"]
    assert [m.message_id for m in outcome.returned] == ["2"]
    assert [m.message_id for m in outcome.exhausted] == ["3"]


def test_a_batch_goes_out_when_full_or_when_its_window_is_over():
    assert not batch_is_ready(0, 0, 10_000, batch_size=10, window_ms=0)
    assert batch_is_ready(1, 0, 0, batch_size=10, window_ms=0)
    assert not batch_is_ready(9, 0, 999, batch_size=10, window_ms=1_000)
    assert batch_is_ready(9, 0, 1_000, batch_size=10, window_ms=1_000)
    assert batch_is_ready(10, 0, 1, batch_size=10, window_ms=1_000)


def records(n: int, size_bytes: int = 0) -> list[StreamRecord]:
    return [StreamRecord(str(i), "key", arrived_ms=0, size_bytes=size_bytes) for i in range(n)]


def lane_with(n: int, settings: StreamSettings) -> Lane:
    lane = Lane(settings)
    for record in records(n):
        lane.offer(record)
    return lane


def numbers(lane: Lane, now_ms: int) -> list[str]:
    batch, _ = lane.take(now_ms)
    assert batch is not None
    lane.busy = False
    return [record.sequence_number for record in batch.records]


def test_a_lane_has_one_batch_out_at_a_time():
    lane = lane_with(4, StreamSettings(batch_size=2))
    batch, _ = lane.take(0)
    assert batch is not None
    assert lane.due_ms() is None
    assert lane.take(0) == (None, None)
    lane.settle(batch, Reply(), 0)
    assert numbers(lane, 0) == ["2", "3"]


def test_the_checkpoint_moves_to_the_lowest_reported_number():
    lane = lane_with(4, StreamSettings(batch_size=4, report_failures=True, first_backoff_ms=100))
    batch, _ = lane.take(0)
    assert batch is not None
    settled = lane.settle(batch, report("3", "1"), 0)
    assert [record.sequence_number for record in settled.acknowledged] == ["0"]
    assert lane.due_ms() == 100
    assert numbers(lane, 100) == ["1", "2", "3"]  # later successes are delivered again


def test_an_error_halves_the_batch_and_the_first_half_goes_first():
    lane = lane_with(5, StreamSettings(batch_size=5, bisect=True, first_backoff_ms=0))
    batch, _ = lane.take(0)
    assert batch is not None
    assert lane.settle(batch, Reply(error="boom"), 0).acknowledged == ()
    assert numbers(lane, 0) == ["0", "1"]
    assert numbers(lane, 0) == ["2", "3", "4"]


def test_backoff_doubles_up_to_its_limit_and_retries_end_in_a_discard():
    settings = StreamSettings(batch_size=1, max_retries=3, first_backoff_ms=100, longest_backoff_ms=300)
    lane, now, waits = lane_with(1, settings), 0, []
    while True:
        batch, _ = lane.take(now)
        assert batch is not None
        settled = lane.settle(batch, Reply(error="boom"), now)
        if settled.discard is not None:
            break
        due = lane.due_ms()
        assert due is not None
        waits.append(due - now)
        now = due
    assert waits == [100, 200, 300]
    assert (settled.discard.condition, settled.discard.invocations) == (RETRIES_EXHAUSTED, 1 + 3)


def test_a_window_gathers_records_and_a_full_batch_does_not_wait():
    lane = Lane(StreamSettings(batch_size=3, window_ms=500))
    lane.offer(StreamRecord("0", "key", arrived_ms=0, seen_ms=1_000))
    assert lane.due_ms() == 1_500
    assert lane.take(1_499) == (None, None)
    lane.offer(StreamRecord("1", "key", arrived_ms=0, seen_ms=1_100))
    lane.offer(StreamRecord("2", "key", arrived_ms=0, seen_ms=1_200))
    assert numbers(lane, 1_200) == ["0", "1", "2"]


def test_a_batch_stays_below_the_payload_limit_of_an_invocation():
    lane = Lane(StreamSettings(batch_size=10))
    for record in records(3, size_bytes=4 * 1024 * 1024):
        lane.offer(record)
    assert numbers(lane, 0) == ["0"]


def test_one_partition_key_stays_in_one_lane_and_blocks_no_other():
    shard = Shard(StreamSettings(batch_size=10, parallelization=2))
    shard.offer([StreamRecord(str(i), f"user-{i % 5}", arrived_ms=0) for i in range(20)])
    homes: dict[str, set[int]] = {}
    for i, lane in enumerate(shard.lanes):
        batch, _ = lane.take(0)
        assert batch is not None
        for record in batch.records:
            homes.setdefault(record.partition_key, set()).add(i)
    assert all(len(lanes) == 1 for lanes in homes.values())
    assert shard.checkpoint == "0"
