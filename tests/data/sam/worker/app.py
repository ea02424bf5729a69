"""Writes each record that it gets into the table; a record whose text starts with `poison` fails for ever."""

import base64
import os

import boto3


def handler(event, context):
    dynamodb = boto3.client("dynamodb")
    failures = []
    for record in event["Records"]:
        if record["eventSource"] == "aws:sqs":
            identifier, text = record["messageId"], record["body"]
        elif record["eventSource"] == "aws:kinesis":
            identifier = record["kinesis"]["sequenceNumber"]
            text = base64.b64decode(record["kinesis"]["data"]).decode()
        else:
            identifier, text = record["dynamodb"]["SequenceNumber"], "changed-" + record["dynamodb"]["Keys"]["pk"]["S"]
        if text.startswith("poison"):
            if record["eventSource"] == "aws:kinesis":
                raise RuntimeError("poisoned batch")
            failures.append({"itemIdentifier": identifier})
            continue
        dynamodb.update_item(
            TableName=os.environ["SEEN_TABLE"],
            Key={"pk": {"S": text}},
            UpdateExpression="ADD times :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
    return {"batchItemFailures": failures}
