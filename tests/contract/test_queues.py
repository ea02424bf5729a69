"""The ways out: events to the queue and the archive in full messages, poison to quarantine."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.stub import Stubber

from endcap.aws import queues
from endcap.aws.queues import KIND, MAX_MESSAGE_BYTES, SEND_TRIES, EventQueue, Quarantine, RecordStream
from endcap.errors import DependencyError, InvalidInteractionError, ThrottledError
from tests.fakes import moto_stack

DAY = "2026/01/15"
NOW_MS = 1_768_471_200_000


def document(number: int, size: int = 0, letter: str = "x") -> dict[str, Any]:
    return {"event_id": f"e{number}", "text": letter * size}


class Pipe:
    """Remembers what was sent, and fails when told so."""

    def __init__(self, fails: Callable[[int], bool] = lambda call: False) -> None:
        self.sent: list[bytes] = []
        self.calls = 0
        self._fails = fails

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> None:
        self._take(MessageBody.encode())

    def put_record(self, *, DeliveryStreamName: str, Record: dict[str, bytes]) -> None:
        self._take(Record["Data"])

    def _take(self, data: bytes) -> None:
        self.calls += 1
        if self._fails(self.calls):
            error = moto_stack.client("sqs").exceptions.ClientError
            raise error({"Error": {"Code": "ServiceUnavailableException"}}, "SendMessage")
        self.sent.append(data)

    def events(self) -> list[dict[str, Any]]:
        return [event for data in self.sent for event in json.loads(data)["events"]]


class TestQueue:
    def test_one_message_takes_as_many_events_as_fit(self) -> None:
        pipe = Pipe()
        documents = [document(n, 1000) for n in range(500)]
        assert EventQueue(pipe, "url").send(documents) == []
        assert pipe.events() == documents
        size_of_one = len(json.dumps(documents[-1], separators=(",", ":"))) + 1
        assert len(pipe.sent) == -(-500 * size_of_one // MAX_MESSAGE_BYTES)
        assert all(len(data) <= MAX_MESSAGE_BYTES for data in pipe.sent)

    def test_small_requests_are_one_message(self) -> None:
        pipe = Pipe()
        EventQueue(pipe, "url").send([document(n) for n in range(3)])
        assert len(pipe.sent) == 1

    def test_no_events_are_no_message(self) -> None:
        pipe = Pipe()
        assert EventQueue(pipe, "url").send([]) == []
        assert pipe.calls == 0

    @pytest.mark.parametrize("letter", ["用", "😀", "\uffff", "\u0001", '"'])
    def test_a_message_holds_only_what_sqs_takes(self, letter: str) -> None:
        pipe = Pipe()
        documents = [document(n, 4000, letter) for n in range(100)]
        EventQueue(pipe, "url").send(documents)
        assert pipe.events() == documents
        assert all(data.isascii() and len(data) <= MAX_MESSAGE_BYTES for data in pipe.sent)

    def test_a_message_that_fails_is_tried_again(self) -> None:
        pipe = Pipe(fails=lambda call: call < SEND_TRIES)
        assert EventQueue(pipe, "url").send([document(1)]) == []
        assert pipe.events() == [document(1)]

    def test_events_of_a_message_that_never_went_are_listed(self) -> None:
        # GIVEN three messages of two events each, of which the second always fails
        documents = [document(n, MAX_MESSAGE_BYTES // 2 - 100) for n in range(6)]
        pipe = Pipe(fails=lambda call: 2 <= call < 2 + SEND_TRIES)
        # WHEN they are sent
        unsent = EventQueue(pipe, "url").send(documents)
        # THEN its events are listed, and the others went
        assert unsent == [2, 3]
        assert pipe.events() == [documents[n] for n in (0, 1, 4, 5)]

    def test_a_dead_queue_is_given_up_in_time_to_say_so(self) -> None:
        now_s = [0.0]

        def slow_failure(call: int) -> bool:
            now_s[0] += 3.0  # two tries of 1.5 s
            return True

        documents = [document(n, MAX_MESSAGE_BYTES - 100) for n in range(4)]
        unsent = EventQueue(Pipe(slow_failure), "url", clock=lambda: now_s[0]).send(documents)
        assert unsent == [0, 1, 2, 3]
        assert now_s[0] < 10

    def test_messages_arrive(self, stack: None) -> None:
        sqs = moto_stack.client("sqs")
        url = moto_stack.ENVIRONMENT["EVENTS_QUEUE_URL"]
        assert EventQueue(sqs, url).send([document(1, 3, "用")]) == []
        (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
        assert json.loads(message["Body"]) == {"events": [document(1, 3, "用")]}

    def test_what_holds_no_events_is_told_by_an_attribute(self, stack: None) -> None:
        sqs = moto_stack.client("sqs")
        url = moto_stack.ENVIRONMENT["EVENTS_QUEUE_URL"]
        EventQueue(sqs, url).send_message({"a": "用"}, "note")
        (message,) = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
        assert json.loads(message["Body"]) == {"a": "用"}
        assert message["MessageAttributes"][KIND]["StringValue"] == "note"

    def test_a_missing_queue_takes_nothing(self, stack: None) -> None:
        gone = EventQueue(moto_stack.client("sqs"), moto_stack.ENVIRONMENT["EVENTS_QUEUE_URL"] + "-gone")
        assert gone.send([document(1)]) == [0]
        with pytest.raises(DependencyError):
            gone.send_message({}, "note")


class TestArchive:
    def test_events_lie_in_the_bucket_one_a_line(self, stack: None) -> None:
        documents = [document(n, 2, "用") for n in range(3)]
        RecordStream(moto_stack.client("firehose"), moto_stack.ARCHIVE).put(documents)
        (data,) = moto_stack.objects("events/").values()
        assert [json.loads(line) for line in data.splitlines()] == documents
        assert data.endswith(b"\n")

    def test_records_are_as_few_as_fit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(queues, "MAX_RECORD_BYTES", 1000)
        pipe = Pipe()
        documents = [document(n, 300) for n in range(7)]
        RecordStream(pipe, "archive").put(documents)
        assert [data.count(b"\n") for data in pipe.sent] == [3, 3, 1]
        assert all(len(data) <= 1000 for data in pipe.sent)
        assert [json.loads(line) for data in pipe.sent for line in data.splitlines()] == documents

    def test_no_events_are_no_record(self) -> None:
        pipe = Pipe()
        RecordStream(pipe, "archive").put([])
        assert pipe.calls == 0

    def test_a_failed_put_is_told(self, stack: None) -> None:
        with pytest.raises(ThrottledError):
            RecordStream(Pipe(fails=lambda call: True), "archive").put([document(1)])
        with pytest.raises(DependencyError):
            RecordStream(moto_stack.client("firehose"), "gone").put([document(1)])

    def test_what_fits_no_record_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(queues, "MAX_RECORD_BYTES", 100)
        with pytest.raises(InvalidInteractionError):
            RecordStream(Pipe(), "archive").put([document(1, 200)])


class TestQuarantine:
    ERRORS = ({"field": "user_id", "message": "Field required"},)

    @pytest.mark.parametrize("payload", ["not JSON", '{"a": "\\ud800"}', "\ud800", "用", "\\xff\\x00", ""])
    def test_what_can_not_be_used_is_kept_with_the_reason(self, stack: None, payload: str) -> None:
        key = Quarantine(moto_stack.client("s3"), moto_stack.BUCKET).put("sqs", payload, self.ERRORS, NOW_MS)
        assert key.startswith(f"quarantine/sqs/{DAY}/")
        assert json.loads(moto_stack.objects("quarantine/")[key]) == {
            "source": "sqs",
            "arrival": NOW_MS,
            "errors": list(self.ERRORS),
            "payload": payload,
        }

    def test_delivered_again_it_lies_in_the_same_place(self, stack: None) -> None:
        quarantine = Quarantine(moto_stack.client("s3"), moto_stack.BUCKET)
        keys = {quarantine.put("sqs", payload, self.ERRORS, NOW_MS) for payload in ("a", "a", "b")}
        assert len(keys) == len(moto_stack.objects("quarantine/")) == 2

    def test_a_failed_put_is_told(self, stack: None) -> None:
        s3 = moto_stack.client("s3")
        with Stubber(s3) as stub:
            stub.add_client_error("put_object", "SlowDown")
            with pytest.raises(ThrottledError):
                Quarantine(s3, moto_stack.BUCKET).put("sqs", "x", self.ERRORS, NOW_MS)
