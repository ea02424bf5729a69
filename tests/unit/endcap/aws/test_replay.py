"""Replaying quarantine and dead-letter queues on moto: what is sent, what stays, and that nothing gets lost."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from endcap.aws import replay as replaying
from endcap.aws import strays as replay_sources
from endcap.aws.profiles import ProfileTable
from endcap.aws.queues import MAX_MESSAGE_BYTES, Quarantine, RecordStream
from endcap.aws.replay import OTHER_REASONS, TOO_LARGE, TRIES, Outcome, Queue, message_body, replay
from endcap.aws.strays import (
    MESSAGES,
    NO_REASON,
    READ_AHEAD,
    UNREADABLE,
    DeadLetterQueue,
    QuarantineFolder,
    Stray,
)
from endcap.errors import DependencyError, FieldError
from endcap.events.types import EVENT_TYPES
from endcap.profiles.ingest import ingest
from endcap.profiles.record import Record
from endcap_local.cli import replay as replay_command
from endcap_local.cli.app import app
from tests.fakes import moto_stack

HOUR_MS = 3_600_000
VIEW = {"user_id": "ann", "event_type": "view", "item_id": "i1"}
UNKNOWN = [FieldError(field="event_type", message="'gaze' is no known event type")]
NOT_JSON = [FieldError(field="", message="the record is not valid JSON")]
QUEUE = moto_stack.ENVIRONMENT["EVENTS_QUEUE_URL"]


@pytest.fixture(autouse=True)
def stack() -> Iterator[None]:
    with moto_stack.stack():
        yield


@pytest.fixture
def dead_letters() -> str:
    return str(moto_stack.client("sqs").create_queue(QueueName="dead")["QueueUrl"])


def now_ms() -> int:
    return int(time.time() * 1000)


def quarantine(payload: str, errors: list[FieldError] = UNKNOWN, age_ms: int = HOUR_MS) -> str:
    return Quarantine(moto_stack.client("s3"), moto_stack.BUCKET).put("sqs", payload, errors, now_ms() - age_ms)


def give_up(url: str, *bodies: str, **attributes: str) -> None:
    for body in bodies:
        moto_stack.client("sqs").send_message(
            QueueUrl=url,
            MessageBody=body,
            MessageAttributes={k: {"DataType": "String", "StringValue": v} for k, v in attributes.items()},
        )


def in_quarantine() -> list[str]:
    return sorted(moto_stack.objects("quarantine/"))


def waiting(url: str = QUEUE) -> list[str]:
    sqs, found = moto_stack.client("sqs"), []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [message["Body"] for message in messages]
    return found


def folder(s3: Any = None) -> QuarantineFolder:
    return QuarantineFolder(s3 or moto_stack.client("s3"), moto_stack.BUCKET)


def letters(url: str, sqs: Any = None) -> DeadLetterQueue:
    return DeadLetterQueue(sqs or moto_stack.client("sqs"), url, wait_s=0)


def send_from(place: Any, reason: str = "", since_ms: int = 0, sqs: Any = None) -> Outcome:
    return replay(place, Queue(sqs or moto_stack.client("sqs"), QUEUE), since_ms, now_ms() + 1, reason)


class Faulty:
    """A client one of whose calls is answered by the test."""

    def __init__(self, service: str, call: str, answer: Callable[[Any, dict[str, Any]], Any]) -> None:
        self._client, self._call, self._answer = moto_stack.client(service), call, answer

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)
        return (lambda **given: self._answer(real, given)) if name == self._call else real


class TestQuarantine:
    def test_counting_sends_and_removes_nothing(self) -> None:
        quarantine(json.dumps({**VIEW, "event_type": "gaze"}))
        quarantine("no json", NOT_JSON)
        outcome = replay(folder(), None, 0, now_ms())
        assert (outcome.found, outcome.chosen, outcome.sent) == (2, 2, 0)
        assert outcome.reasons == {"event_type: 'gaze' is no known event type": 1, "the record is not valid JSON": 1}
        assert len(in_quarantine()) == 2
        assert waiting() == []

    def test_what_the_queue_took_is_removed(self) -> None:
        keys = [quarantine(json.dumps({**VIEW, "item_id": f"i{n}"})) for n in range(23)]
        outcome = send_from(folder())
        assert (outcome.sent, outcome.refused, outcome.kept) == (23, {}, 0)
        assert in_quarantine() == []
        assert {json.loads(body)["item_id"] for body in waiting()} == {f"i{n}" for n in range(len(keys))}

    def test_an_event_without_a_time_keeps_that_of_its_arrival(self) -> None:
        quarantine(json.dumps(VIEW), age_ms=5 * HOUR_MS)
        send_from(folder())
        (body,) = waiting()
        assert json.loads(body)["timestamp"] == pytest.approx(now_ms() - 5 * HOUR_MS, abs=60_000)

    def test_a_reason_and_a_time_choose(self) -> None:
        quarantine(json.dumps({**VIEW, "item_id": "old"}), age_ms=50 * HOUR_MS)
        quarantine(json.dumps({**VIEW, "item_id": "new"}))
        quarantine("no json", NOT_JSON)
        outcome = send_from(folder(), "NO KNOWN EVENT", now_ms() - 24 * HOUR_MS)
        assert (outcome.found, outcome.chosen, outcome.sent) == (2, 1, 1)
        assert [json.loads(body)["item_id"] for body in waiting()] == ["new"]
        assert len(in_quarantine()) == 2

    def test_a_message_that_the_queue_refuses_stays_and_the_others_go(self) -> None:
        quarantine(json.dumps({**VIEW, "item_id": "bad"}))
        quarantine(json.dumps({**VIEW, "item_id": "good"}))

        def refuse(real: Any, given: dict[str, Any]) -> Any:
            bad = [e for e in given["Entries"] if "bad" in e["MessageBody"]]
            good = [e for e in given["Entries"] if e not in bad]
            answer = real(QueueUrl=given["QueueUrl"], Entries=good) if good else {}
            failed = [{"Id": e["Id"], "Code": "InvalidMessageContents", "SenderFault": True} for e in bad]
            return {**answer, "Failed": failed}

        outcome = send_from(folder(), sqs=Faulty("sqs", "send_message_batch", refuse))
        assert (outcome.sent, outcome.refused) == (1, {"InvalidMessageContents": 1})
        assert [json.loads(body)["item_id"] for body in waiting()] == ["good"]
        assert [
            json.loads(json.loads(data)["payload"])["item_id"] for data in moto_stack.objects("quarantine/").values()
        ] == ["bad"]

    def test_what_failed_by_the_queues_fault_is_tried_again(self) -> None:
        for n in range(10):
            quarantine(json.dumps({**VIEW, "item_id": f"i{n}"}))
        calls: list[int] = []

        def half(real: Any, given: dict[str, Any]) -> Any:
            entries = given["Entries"]
            calls.append(len(entries))
            failed = entries[: len(entries) // 2] if len(calls) < TRIES else []
            real(QueueUrl=given["QueueUrl"], Entries=[e for e in entries if e not in failed])
            return {"Failed": [{"Id": e["Id"], "Code": "InternalError", "SenderFault": False} for e in failed]}

        outcome = send_from(folder(), sqs=Faulty("sqs", "send_message_batch", half))
        assert calls == [10, 5, 1, 1]  # what is left in the end goes alone
        assert (outcome.sent, outcome.refused) == (10, {})
        assert len(waiting()) == 10

    def test_one_that_fails_the_whole_call_takes_no_other_with_it(self) -> None:
        for name in ("bad", "good", "fine"):
            quarantine(json.dumps({**VIEW, "item_id": name}))

        def all_or_none(real: Any, given: dict[str, Any]) -> Any:
            if any("bad" in entry["MessageBody"] for entry in given["Entries"]):
                error = moto_stack.client("sqs").exceptions.ClientError
                raise error({"Error": {"Code": "InvalidMessageContents"}}, "SendMessageBatch")
            return real(**given)

        outcome = send_from(folder(), sqs=Faulty("sqs", "send_message_batch", all_or_none))
        assert (outcome.sent, outcome.refused) == (2, {"send events: InvalidMessageContents": 1})
        assert len(in_quarantine()) == 1

    def test_what_could_not_be_removed_is_told_and_not_lost(self) -> None:
        quarantine(json.dumps(VIEW))

        def fail(real: Any, given: dict[str, Any]) -> Any:
            raise moto_stack.client("s3").exceptions.ClientError({"Error": {"Code": "SlowDown"}}, "DeleteObject")

        outcome = send_from(folder(Faulty("s3", "delete_object", fail)))
        assert (outcome.sent, outcome.kept) == (1, 1)
        assert len(in_quarantine()) == 1

    def test_an_object_gone_since_it_was_listed_is_passed_over(self) -> None:
        first = quarantine(json.dumps({**VIEW, "item_id": "i1"}))
        quarantine(json.dumps({**VIEW, "item_id": "i2"}))

        def gone(real: Any, given: dict[str, Any]) -> Any:
            if given["Key"] == first:
                moto_stack.client("s3").delete_object(Bucket=moto_stack.BUCKET, Key=first)
            return real(**given)

        assert send_from(folder(Faulty("s3", "get_object", gone))).sent == 1
        assert [json.loads(body)["item_id"] for body in waiting()] == ["i2"]

    def test_a_poisoned_event_comes_back_once_and_is_not_removed_with_the_old_one(self) -> None:
        payload = json.dumps({**VIEW, "event_type": "gaze", "timestamp": 1_760_000_000})
        quarantine(payload, age_ms=1000)

        def come_back(real: Any, given: dict[str, Any]) -> Any:
            answer = real(**given)  # the queue took it; update_profile is quicker than the replay
            for body in waiting():
                refuse_again(body)
            return answer

        outcome = send_from(folder(), sqs=Faulty("sqs", "send_message_batch", come_back))
        assert (outcome.found, outcome.sent, outcome.kept) == (1, 1, 0)
        assert len(in_quarantine()) == 1
        assert replay(folder(), None, 0, now_ms() + 1000).found == 1

    def test_a_new_stray_under_the_same_key_is_not_taken_up_by_the_same_run(self) -> None:
        quarantine(json.dumps(VIEW), age_ms=-1000)
        assert send_from(folder()).found == 0

    def test_what_no_quarantine_wrote_is_left_alone(self) -> None:
        moto_stack.client("s3").put_object(Bucket=moto_stack.BUCKET, Key="quarantine/notes.txt", Body=b"by hand")
        outcome = send_from(folder())
        assert (outcome.reasons, outcome.refused) == ({UNREADABLE: 1}, {UNREADABLE: 1})
        assert in_quarantine() == ["quarantine/notes.txt"]

    def test_objects_are_read_as_they_are_sent_and_not_all_at_once(self) -> None:
        for n in range(READ_AHEAD + 60):
            quarantine(json.dumps({**VIEW, "item_id": f"i{n}"}))
        read: list[str] = []
        read_at_each_send: list[int] = []

        def note_read(real: Any, given: dict[str, Any]) -> Any:
            read.append(given["Key"])
            return real(**given)

        def note_send(real: Any, given: dict[str, Any]) -> Any:
            read_at_each_send.append(len(read))
            return real(**given)

        outcome = send_from(
            folder(Faulty("s3", "get_object", note_read)), sqs=Faulty("sqs", "send_message_batch", note_send)
        )
        assert outcome.sent == READ_AHEAD + 60
        assert all(n <= READ_AHEAD + MESSAGES * (k + 1) for k, n in enumerate(read_at_each_send))

    def test_a_run_that_was_cut_off_is_finished_by_the_next(self) -> None:
        for n in range(45):
            quarantine(json.dumps({**VIEW, "item_id": f"i{n}"}))
        calls: list[int] = []

        def cut(real: Any, given: dict[str, Any]) -> Any:
            calls.append(len(given["Entries"]))
            if len(calls) == 3:
                raise KeyboardInterrupt
            return real(**given)

        with pytest.raises(KeyboardInterrupt):
            send_from(folder(), sqs=Faulty("sqs", "send_message_batch", cut))
        assert len(in_quarantine()) == 45 - 2 * MESSAGES
        assert send_from(folder()).sent == 45 - 2 * MESSAGES
        assert sorted(json.loads(body)["item_id"] for body in waiting()) == sorted(f"i{n}" for n in range(45))

    def test_a_limit_sends_a_part_and_leaves_the_rest(self) -> None:
        for n in range(25):
            quarantine(json.dumps({**VIEW, "item_id": f"i{n}"}))
        place = folder()
        outcome = replay(place, Queue(moto_stack.client("sqs"), QUEUE), 0, now_ms() + 1, limit=12)
        assert (outcome.chosen, outcome.sent, len(in_quarantine())) == (12, 12, 13)

    def test_reasons_without_end_are_counted_together(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(replaying, "MOST_REASONS", 2)
        for k, n in enumerate((1, 1, 2, 3, 4, 1)):
            quarantine(f"payload {k}", [FieldError(field="", message=f"odd {n}")])
        reasons = replay(folder(), None, 0, now_ms()).reasons
        assert len(reasons) == 3
        assert sum(reasons.values()) == 6
        assert reasons[OTHER_REASONS] >= 2

    def test_what_is_larger_than_a_message_stays(self) -> None:
        quarantine(json.dumps({**VIEW, "text": "x" * MAX_MESSAGE_BYTES}))
        outcome = send_from(folder())
        assert (outcome.sent, outcome.refused) == (0, {TOO_LARGE: 1})
        assert len(in_quarantine()) == 1

    def test_large_messages_go_in_calls_that_take_them(self) -> None:
        for n in range(3):
            quarantine(json.dumps({**VIEW, "item_id": f"i{n}", "text": "x" * (MAX_MESSAGE_BYTES // 2)}))
        sizes: list[int] = []

        def note(real: Any, given: dict[str, Any]) -> Any:
            sizes.append(sum(len(entry["MessageBody"]) for entry in given["Entries"]))
            return real(**given)

        assert send_from(folder(), sqs=Faulty("sqs", "send_message_batch", note)).sent == 3
        assert max(sizes) <= MAX_MESSAGE_BYTES


class TestDeadLetters:
    def test_counting_leaves_them_for_others_at_once(self, dead_letters: str) -> None:
        give_up(dead_letters, json.dumps({"events": [VIEW]}))
        give_up(dead_letters, json.dumps(VIEW), ERROR_CODE="NO_PERMISSIONS")
        outcome = replay(letters(dead_letters), None, 0, now_ms() + 1)
        assert outcome.reasons == {NO_REASON: 1, "not delivered by EventBridge: NO_PERMISSIONS": 1}
        assert len(waiting(dead_letters)) == 2

    def test_what_the_queue_took_is_removed(self, dead_letters: str) -> None:
        give_up(dead_letters, *(json.dumps({**VIEW, "item_id": f"i{n}"}) for n in range(25)))
        outcome = send_from(letters(dead_letters))
        assert (outcome.found, outcome.sent, outcome.kept) == (25, 25, 0)
        assert {json.loads(body)["item_id"] for body in waiting()} == {f"i{n}" for n in range(25)}
        assert waiting(dead_letters) == []

    def test_what_is_not_chosen_stays(self, dead_letters: str) -> None:
        give_up(dead_letters, json.dumps({**VIEW, "item_id": "kept"}))
        give_up(dead_letters, json.dumps(VIEW), ERROR_CODE="NO_PERMISSIONS")
        assert send_from(letters(dead_letters), "eventbridge").sent == 1
        assert [json.loads(body)["item_id"] for body in waiting(dead_letters)] == ["kept"]

    def test_a_message_given_up_again_meanwhile_waits_for_the_next_run(self, dead_letters: str) -> None:
        give_up(dead_letters, json.dumps(VIEW))
        started_ms = now_ms() + 1

        def give_up_again(real: Any, given: dict[str, Any]) -> Any:
            time_of_moto = now_ms()
            while now_ms() <= max(started_ms, time_of_moto):
                pass  # the clock has to move on by a millisecond
            give_up(dead_letters, *(entry["MessageBody"] for entry in given["Entries"]))
            return real(**given)

        queue = Queue(Faulty("sqs", "send_message_batch", give_up_again), QUEUE)
        outcome = replay(letters(dead_letters), queue, 0, started_ms)
        assert (outcome.found, outcome.sent) == (1, 1)
        assert len(waiting(dead_letters)) == 1

    @pytest.mark.parametrize("every", [2, 3])
    def test_an_answer_with_nothing_does_not_end_a_run(self, every: int, dead_letters: str) -> None:
        give_up(dead_letters, *(json.dumps({**VIEW, "item_id": f"i{n}"}) for n in range(35)))
        calls: list[int] = []

        def sometimes(real: Any, given: dict[str, Any]) -> Any:
            calls.append(1)
            return {} if len(calls) % every != 1 else real(**given)

        assert send_from(letters(dead_letters, Faulty("sqs", "receive_message", sometimes))).sent == 35
        assert waiting(dead_letters) == []

    def test_messages_whose_time_has_run_out_are_counted_once_and_do_not_end_a_run(self, dead_letters: str) -> None:
        give_up(dead_letters, *(json.dumps({**VIEW, "item_id": f"i{n}"}) for n in range(35)))
        sqs, handles, calls = moto_stack.client("sqs"), list[str](), list[int]()

        def run_out(real: Any, given: dict[str, Any]) -> Any:
            calls.append(1)
            if len(calls) in (3, 5):
                for handle in handles:
                    sqs.change_message_visibility(QueueUrl=dead_letters, ReceiptHandle=handle, VisibilityTimeout=0)
                handles.clear()
            answer = real(**given)
            handles.extend(message["ReceiptHandle"] for message in answer.get("Messages", ()))
            return answer

        place = letters(dead_letters, Faulty("sqs", "receive_message", run_out))
        outcome = replay(place, None, 0, now_ms() + 1)
        assert (outcome.found, outcome.unseen) == (35, 0)
        assert len(waiting(dead_letters)) == 35

    def test_what_stays_is_looked_at_up_to_a_bound_and_what_is_sent_without_one(
        self, dead_letters: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(replay_sources, "MOST_HELD", 20)
        give_up(dead_letters, *(json.dumps({**VIEW, "item_id": f"i{n}"}) for n in range(65)))
        outcome = send_from(letters(dead_letters), "no such reason")
        assert (outcome.found, outcome.sent, outcome.unseen) == (20, 0, 45)
        assert send_from(letters(dead_letters)).sent == 65

    def test_a_run_that_was_cut_off_is_finished_by_the_next(self, dead_letters: str) -> None:
        give_up(dead_letters, *(json.dumps({**VIEW, "item_id": f"i{n}"}) for n in range(35)))
        calls: list[int] = []

        def cut(real: Any, given: dict[str, Any]) -> Any:
            calls.append(1)
            if len(calls) == 2:
                raise KeyboardInterrupt
            return real(**given)

        with pytest.raises(KeyboardInterrupt):
            send_from(letters(dead_letters), sqs=Faulty("sqs", "send_message_batch", cut))
        assert send_from(letters(dead_letters)).sent == 35 - MESSAGES
        assert len({json.loads(body)["item_id"] for body in waiting()}) == 35

    def test_what_another_reader_holds_is_told(self, dead_letters: str) -> None:
        give_up(dead_letters, *(json.dumps({**VIEW, "item_id": f"i{n}"}) for n in range(5)))
        sqs = moto_stack.client("sqs")
        sqs.receive_message(QueueUrl=dead_letters, MaxNumberOfMessages=3, VisibilityTimeout=600)
        outcome = send_from(letters(dead_letters))
        assert (outcome.sent, outcome.unseen) == (2, 3)

    def test_a_message_gone_in_between_is_let_go_of(self, dead_letters: str) -> None:
        give_up(dead_letters, json.dumps(VIEW))

        def gone(real: Any, given: dict[str, Any]) -> Any:
            failed = [{"Id": e["Id"], "Code": "ReceiptHandleIsInvalid", "SenderFault": True} for e in given["Entries"]]
            return {"Failed": failed}

        outcome = send_from(letters(dead_letters, Faulty("sqs", "delete_message_batch", gone)))
        assert (outcome.sent, outcome.kept) == (1, 0)

    def test_a_message_that_could_not_be_removed_is_there_again(self, dead_letters: str) -> None:
        give_up(dead_letters, json.dumps(VIEW))

        def fail(real: Any, given: dict[str, Any]) -> Any:
            return {
                "Failed": [{"Id": e["Id"], "Code": "InternalError", "SenderFault": False} for e in given["Entries"]]
            }

        outcome = send_from(letters(dead_letters, Faulty("sqs", "delete_message_batch", fail)))
        assert (outcome.sent, outcome.kept) == (1, 1)
        assert len(waiting(dead_letters)) == 1

    def test_a_queue_that_is_not_there_is_an_error(self) -> None:
        with pytest.raises(DependencyError):
            send_from(letters(QUEUE + "-none"))


def refuse_again(body: str) -> None:
    """What update_profile does with a message."""
    ingest(
        [Record("m", body.encode(), now_ms())],
        "sqs",
        EVENT_TYPES,
        ProfileTable(moto_stack.client("dynamodb"), moto_stack.PROFILES),
        RecordStream(moto_stack.client("firehose"), moto_stack.ARCHIVE),
        Quarantine(moto_stack.client("s3"), moto_stack.BUCKET),
        lambda text: (b"\0" * 4, b""),
    )


def test_a_replayed_event_counts_once_however_often_it_is_sent() -> None:
    table = ProfileTable(moto_stack.client("dynamodb"), moto_stack.PROFILES)
    stray = Stray((), now_ms() - HOUR_MS, json.dumps(VIEW), "handle", "key")
    refuse_again(message_body(stray))
    once = table.get("ann")
    refuse_again(message_body(stray))
    assert table.get("ann") == once
    assert len(once.profile.interactions) == 1


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ("no json", "no json"),
        (
            '{"user_id": "é", "event_type": "view"}',
            '{"user_id":"\\u00e9","event_type":"view","timestamp":1760000000000}',
        ),
        ('{"event_type": "view", "timestamp": 5}', '{"event_type":"view","timestamp":5}'),
        ('{"event_type": "view", "timestamp": ""}', '{"event_type":"view","timestamp":1760000000000}'),
        ('{"events": [{"event_type": "view"}, 1]}', '{"events":[{"event_type":"view","timestamp":1760000000000},1]}'),
        ('{"detail-type": "x", "detail": {"event_type": "a", "timestamp": 1}}', '{"event_type":"a","timestamp":1}'),
        ('{"type": "track", "userId": "u"}', '{"type":"track","userId":"u"}'),
        ("[1]", "[1]"),
        ('{"value": NaN}', '{"value": NaN}'),
    ],
)
def test_a_message_is_what_came_with_the_time_of_its_arrival(body: str, sent: str) -> None:
    assert message_body(Stray((), 1_760_000_000_000, body, "h", "k")) == sent


class TestCommand:
    @pytest.fixture(autouse=True)
    def without_waiting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(replay_sources, "DeadLetterQueue", partial(DeadLetterQueue, wait_s=0))

    def run(self, *options: str) -> Result:
        return CliRunner().invoke(app, ["replay", *options])

    def names(self, dead_letters: str) -> tuple[str, ...]:
        return ("--bucket", moto_stack.BUCKET, "--queue-url", QUEUE, "--dlq-url", dead_letters)

    def test_counts_first_and_sends_when_told(self, dead_letters: str) -> None:
        quarantine(json.dumps(VIEW))
        give_up(dead_letters, json.dumps(VIEW))
        counted = self.run(*self.names(dead_letters))
        assert (counted.exit_code, "2 chosen, nothing sent" in counted.output) == (0, True)
        assert waiting() == []
        sent = self.run(*self.names(dead_letters), "--yes", "--json")
        assert sent.exit_code == 0
        assert [place["sent"] for place in json.loads(sent.stdout)["places"]] == [1, 1]
        assert len(waiting()) == 2

    def test_only_one_place(self, dead_letters: str) -> None:
        quarantine(json.dumps(VIEW))
        give_up(dead_letters, json.dumps(VIEW))
        assert self.run(*self.names(dead_letters), "--from", "quarantine", "--yes").exit_code == 0
        assert (in_quarantine(), len(waiting(dead_letters))) == ([], 1)

    def test_what_could_not_be_seen_is_told(self, dead_letters: str) -> None:
        give_up(dead_letters, json.dumps(VIEW))
        moto_stack.client("sqs").receive_message(QueueUrl=dead_letters, VisibilityTimeout=600)
        result = self.run(*self.names(dead_letters), "--from", "dlq")
        assert "dlq: about 1 were not looked at" in " ".join(result.output.split())
        assert "nothing\n" not in result.output.replace("nothing sent", "")

    def test_a_limit_holds_for_each_place(self, dead_letters: str) -> None:
        for n in range(3):
            quarantine(json.dumps({**VIEW, "item_id": f"i{n}"}))
            give_up(dead_letters, json.dumps(VIEW))
        assert self.run(*self.names(dead_letters), "--limit", "2", "--yes").exit_code == 0
        assert (len(in_quarantine()), len(waiting(dead_letters)), len(waiting())) == (1, 1, 4)
        assert self.run(*self.names(dead_letters), "--limit", "0").exit_code == 2

    def test_what_was_not_taken_is_exit_code_1(self, dead_letters: str) -> None:
        quarantine(json.dumps({**VIEW, "text": "x" * MAX_MESSAGE_BYTES}))
        result = self.run(*self.names(dead_letters), "--yes")
        assert (result.exit_code, TOO_LARGE in result.output) == (1, True)

    def test_nothing_named_is_a_usage_error(self) -> None:
        result = CliRunner().invoke(app, ["replay"], env={"DATA_BUCKET": "", "EVENTS_QUEUE_URL": ""})
        assert result.exit_code == 2

    @pytest.mark.parametrize("since", ["yesterday", "7w", "-1h", "10000-01-01"])
    def test_a_broken_time_is_a_usage_error(self, since: str, dead_letters: str) -> None:
        assert self.run(*self.names(dead_letters), "--since", since).exit_code == 2

    def test_ages_and_times_are_understood(self) -> None:
        assert replay_command.since_moment("90m", 1_760_000_000_000) == 1_760_000_000_000 - 90 * 60_000
        assert replay_command.since_moment("2d", 1_760_000_000_000) == 1_760_000_000_000 - 48 * HOUR_MS
        assert replay_command.since_moment("2025-10-09T08:53:20Z", 0) == 1_760_000_000_000

    def test_a_stack_is_found_by_its_outputs(self, dead_letters: str, monkeypatch: pytest.MonkeyPatch) -> None:
        outputs = {
            "DataBucketName": moto_stack.BUCKET,
            "EventsQueueUrl": QUEUE,
            "EventsDeadLetterQueueUrl": dead_letters,
            "StreamFailuresQueueUrl": dead_letters,
        }
        template = {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
        moto_stack.client("cloudformation").create_stack(StackName="shop", TemplateBody=json.dumps(template))
        quarantine(json.dumps(VIEW))
        give_up(dead_letters, "given up")
        result = self.run("--stack", "shop")
        assert result.exit_code == 0, result.output
        assert "1 batches of streams were given up" in result.output
        assert "2 chosen" in result.output

    def test_a_stack_that_is_not_there_is_one_line(self) -> None:
        result = self.run("--stack", "nowhere")
        assert isinstance(result.exception, DependencyError)


def first_seen() -> list[str]:
    answer = moto_stack.client("sqs").receive_message(
        QueueUrl=QUEUE, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=0
    )
    return [message["MessageAttributes"]["first_seen"]["StringValue"] for message in answer["Messages"]]


def test_what_is_sent_again_says_when_it_first_came_however_often_that_is_done(dead_letters: str) -> None:
    s3, sqs, came_ms = moto_stack.client("s3"), moto_stack.client("sqs"), now_ms() - 5 * HOUR_MS
    kept = Quarantine(s3, moto_stack.BUCKET)
    kept.put("sqs", json.dumps(VIEW), UNKNOWN, came_ms + HOUR_MS, came_ms)
    replay(QuarantineFolder(s3, moto_stack.BUCKET), Queue(sqs, QUEUE), 0, now_ms() + 1)
    assert first_seen() == [str(came_ms)]
    give_up(dead_letters, json.dumps({**VIEW, "item_id": "i2"}), first_seen=str(came_ms))
    replay(DeadLetterQueue(sqs, dead_letters, wait_s=0), Queue(sqs, QUEUE), 0, now_ms() + 1000)
    assert first_seen() == [str(came_ms)] * 2
