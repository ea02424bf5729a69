"""Records in the form in which functions get them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from endcap_local.event_source_mapping.records import (
    discard_report,
    dynamodb_record,
    filterable,
    kinesis_record,
    sqs_message,
)
from endcap_local.event_source_mapping.state_machine import RETRIES_EXHAUSTED, Discard, StreamRecord

WHEN = datetime(2026, 5, 1, 12, 0, 0, 500_000, tzinfo=UTC)
ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/items/stream/now"


def change(name: str, old: object = None, new: object = None) -> dict[str, object]:
    body = {"ApproximateCreationDateTime": WHEN, "Keys": {"id": {"S": "a"}}, "SequenceNumber": "7", "SizeBytes": 9}
    images = {key: image for key, image in (("OldImage", old), ("NewImage", new)) if image is not None}
    return {"eventID": "e", "eventName": name, "dynamodb": {**body, **images}}


def test_a_message_keeps_its_attributes_and_its_receive_count():
    received = {
        "MessageId": "m",
        "ReceiptHandle": "h",
        "Body": "text",
        "MD5OfBody": "d",
        "Attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": "1"},
        "MessageAttributes": {"kind": {"DataType": "String", "StringValue": "x"}},
    }
    message = sqs_message(received, "arn:aws:sqs:us-east-1:123456789012:q")
    assert (message.message_id, message.receive_count, message.handle) == ("m", 3, "h")
    assert message.payload["messageAttributes"]["kind"]["stringValue"] == "x"
    assert message.payload["eventSource"] == "aws:sqs"
    json.dumps(message.payload)


def test_a_stream_record_is_json_with_binary_as_base64():
    record = dynamodb_record(change("INSERT", new={"id": {"S": "a"}, "v": {"B": b"\x00\x01"}}), ARN, seen_ms=5)
    assert record is not None
    assert (record.sequence_number, record.arrived_ms, record.seen_ms) == ("7", int(WHEN.timestamp() * 1000), 5)
    body = json.loads(json.dumps(record.payload))["dynamodb"]
    assert body["NewImage"]["v"] == {"B": "AAE="}
    assert body["ApproximateCreationDateTime"] == WHEN.timestamp()


def test_a_write_that_changed_nothing_is_no_record():
    image = {"id": {"S": "a"}, "n": {"N": "1"}}
    assert dynamodb_record(change("MODIFY", image, dict(image)), ARN, 0) is None
    assert dynamodb_record(change("MODIFY", image, {**image, "n": {"N": "2"}}), ARN, 0) is not None
    assert dynamodb_record(change("REMOVE", image), ARN, 0) is not None


def test_a_kinesis_record_carries_its_data_and_place():
    raw = {"SequenceNumber": "9", "PartitionKey": "u1", "Data": b"{}", "ApproximateArrivalTimestamp": WHEN}
    record = kinesis_record(raw, "arn", "shardId-0", seen_ms=5)
    assert record.partition_key == "u1"
    assert record.payload["eventID"] == "shardId-0:9"
    assert record.payload["kinesis"]["data"] == "e30="


@pytest.mark.parametrize(
    ("payload", "seen"),
    [
        ({"body": '{"a": 1}'}, {"body": {"a": 1}}),
        ({"body": "plain"}, {"body": "plain"}),
        ({"kinesis": {"data": "eyJhIjogMX0="}}, {"data": {"a": 1}}),
        ({"eventName": "INSERT"}, {"eventName": "INSERT"}),
    ],
)
def test_filters_see_json_inside_bodies(payload, seen):
    assert filterable(payload) == seen


def test_the_report_of_discarded_records_says_where_they_lie():
    records = (StreamRecord("7", "k", 1_000), StreamRecord("9", "k", 2_500))
    report = discard_report(Discard(records, RETRIES_EXHAUSTED, 4), "kinesis", "arn", "shardId-0", "worker", 3_000)
    assert report["requestContext"]["condition"] == RETRIES_EXHAUSTED
    assert report["requestContext"]["approximateInvokeCount"] == 4
    batch = report["KinesisBatchInfo"]
    assert (batch["startSequenceNumber"], batch["endSequenceNumber"], batch["batchSize"]) == ("7", "9", 2)
    assert batch["approximateArrivalOfLastRecord"] == "1970-01-01T00:00:02.500Z"
