"""Answers with what it got; some paths misbehave on purpose."""

import os
import threading
import time
from itertools import count

calls = count(1)


def handler(event, context):
    thing = event.get("pathParameters", {}).get("thing")
    if thing == "crash":
        raise RuntimeError("asked to")
    if thing == "unserialisable":
        return {"statusCode": 200, "body": threading.Lock()}
    if thing == "plain":
        return {"hello": "world"}
    if thing == "malformed":
        return {"statusCode": "many", "body": ""}
    if thing == "picture":
        return {
            "statusCode": 201,
            "headers": {"content-type": "image/png"},
            "body": "AAEC",
            "isBase64Encoded": True,
            "cookies": ["a=1", "b=2; Path=/"],
        }
    if thing == "slow":
        time.sleep(float(event["queryStringParameters"]["s"]))
    import json

    answer = {
        "event": event,
        "call": next(calls),
        "function": context.function_name,
        "left_ms": context.get_remaining_time_in_millis(),
        "table": os.environ.get("SEEN_TABLE"),
    }
    print("handled", thing)
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(answer)}
