"""The local stack's queues: as moto's own answer, at a cost that does not grow with what waits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from moto import mock_aws
from moto.sqs import models

from endcap_local.engine.queues import count_once

CHANGED = ("messages", "approximate_number_of_messages_not_visible", "approximate_number_of_messages_delayed")
KEEPS = "is_message_valid_based_on_retention_period"
COUNTS = [f"ApproximateNumberOfMessages{name}" for name in ("", "NotVisible", "Delayed")]


@pytest.fixture
def sqs() -> Iterator[Any]:
    before = {name: models.Queue.__dict__[name] for name in CHANGED}
    with patch.object(models.SQSBackend, KEEPS, getattr(models.SQSBackend, KEEPS)), mock_aws():
        yield boto3.client("sqs", "us-east-1")
    for name, own in before.items():
        setattr(models.Queue, name, own)


def queue_of(sqs: Any, n: int) -> str:
    url = str(sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "60"})["QueueUrl"])
    for number in range(n):
        sqs.send_message(QueueUrl=url, MessageBody=str(number), DelaySeconds=60 if number % 5 == 4 else 0)
    return url


def counts(sqs: Any, url: str) -> list[int]:
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=COUNTS)["Attributes"]
    return [int(attributes[name]) for name in COUNTS]


def receive(sqs: Any, url: str) -> list[str]:
    return [m["Body"] for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=3).get("Messages", ())]


def test_what_waits_is_handed_out_and_counted_as_by_moto_alone(sqs: Any) -> None:
    url = queue_of(sqs, 10)
    assert receive(sqs, url) == ["0", "1", "2"]
    before = counts(sqs, url)
    count_once()
    assert counts(sqs, url) == before == [5, 3, 2]
    assert receive(sqs, url) == ["3", "5", "6"]
    assert counts(sqs, url) == [2, 6, 2]


def test_a_message_older_than_the_queue_keeps_is_not_handed_out(sqs: Any) -> None:
    count_once()
    url = queue_of(sqs, 1)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": "60"})
    later = models.unix_time_millis() + 61_000
    with patch.object(models, "unix_time_millis", lambda: later):
        assert receive(sqs, url) == []


def test_the_clock_is_read_as_often_for_forty_messages_as_for_four(sqs: Any) -> None:
    count_once()
    reads = []
    for n in (4, 40):
        url = queue_of(sqs, n)
        with patch.object(models, "unix_time_millis", wraps=models.unix_time_millis) as clock:
            assert len(receive(sqs, url)) == 3
        reads.append(clock.call_count)
        sqs.delete_queue(QueueUrl=url)
    assert reads[0] == reads[1]
