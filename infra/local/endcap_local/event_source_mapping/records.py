"""Messages and stream records as Lambda hands them to a function, and the report of discarded ones."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from endcap_local.event_source_mapping.state_machine import Discard, Message, StreamRecord
from endcap_local.template.intrinsics import ACCOUNT_ID, REGION


def sqs_message(received: Mapping[str, Any], source_arn: str) -> Message:
    """A message as `ReceiveMessage` gave it, all attributes asked for."""
    attributes = received.get("Attributes", {})
    payload = {
        "messageId": received["MessageId"],
        "receiptHandle": received["ReceiptHandle"],
        "body": received["Body"],
        "attributes": attributes,
        "messageAttributes": {
            name: {
                **({"stringValue": value["StringValue"]} if "StringValue" in value else {}),
                **({"binaryValue": _base64(value["BinaryValue"])} if "BinaryValue" in value else {}),
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": value["DataType"],
            }
            for name, value in received.get("MessageAttributes", {}).items()
        },
        "md5OfBody": received.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": source_arn,
        "awsRegion": REGION,
    }
    count = int(attributes.get("ApproximateReceiveCount", 1))
    return Message(received["MessageId"], count, received["ReceiptHandle"], payload)


def kinesis_record(record: Mapping[str, Any], source_arn: str, shard_id: str, seen_ms: int) -> StreamRecord:
    """A record as Kinesis `GetRecords` gave it."""
    arrived = record["ApproximateArrivalTimestamp"].timestamp()
    number, data = record["SequenceNumber"], _base64(record["Data"])
    payload = {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": number,
            "data": data,
            "approximateArrivalTimestamp": arrived,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard_id}:{number}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": f"arn:aws:iam::{ACCOUNT_ID}:role/local",
        "awsRegion": REGION,
        "eventSourceARN": source_arn,
    }
    return StreamRecord(number, record["PartitionKey"], int(arrived * 1000), payload, seen_ms, len(data))


def dynamodb_record(record: Mapping[str, Any], source_arn: str, seen_ms: int) -> StreamRecord | None:
    """A record as DynamoDB Streams' `GetRecords` gave it.

    None for a write that changed nothing: AWS emits no record for it, moto does.
    """
    change = _jsonable(record["dynamodb"])
    if record["eventName"] == "MODIFY" and "OldImage" in change and change["OldImage"] == change.get("NewImage"):
        return None
    payload = {
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": change,
        "eventSourceARN": source_arn,
    }
    arrived_ms = int(change["ApproximateCreationDateTime"] * 1000)
    key = json.dumps(change["Keys"], sort_keys=True)
    return StreamRecord(change["SequenceNumber"], key, arrived_ms, payload, seen_ms, int(change.get("SizeBytes", 0)))


def filterable(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """A record as filter patterns see it: an SQS `body` and Kinesis `data` as JSON where they are."""
    if "body" in payload:
        return {**payload, "body": _parsed(payload["body"])}
    if "kinesis" in payload:
        return {"data": _parsed(base64.b64decode(payload["kinesis"]["data"]))}
    return payload


def discard_report(
    discard: Discard, source: str, source_arn: str, shard_id: str, function_name: str, now_ms: int
) -> dict[str, Any]:
    """What the on-failure destination gets: where the records lie, and why they were given up."""
    first, last = discard.records[0], discard.records[-1]
    batch = {
        "shardId": shard_id,
        "startSequenceNumber": first.sequence_number,
        "endSequenceNumber": last.sequence_number,
        "approximateArrivalOfFirstRecord": _iso(first.arrived_ms),
        "approximateArrivalOfLastRecord": _iso(last.arrived_ms),
        "batchSize": len(discard.records),
        "streamArn": source_arn,
    }
    return {
        "requestContext": {
            "requestId": f"{shard_id}:{first.sequence_number}",
            "functionArn": f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{function_name}",
            "condition": discard.condition,
            "approximateInvokeCount": discard.invocations,
        },
        "version": "1.0",
        "timestamp": _iso(now_ms),
        "KinesisBatchInfo" if source == "kinesis" else "DDBStreamBatchInfo": batch,
    }


def _iso(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _parsed(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _jsonable(element) for key, element in value.items()}
    if isinstance(value, list | set | tuple):
        return [_jsonable(element) for element in value]
    if isinstance(value, bytes):
        return _base64(value)
    return value.timestamp() if isinstance(value, datetime) else value
