"""Files that a shop puts into the bucket, from S3's notification to queue, catalogue and report."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from endcap.aws.inbox import MAX_KEY_BYTES
from endcap.aws.items import ItemTable
from endcap.catalog.item import Item
from tests.fakes import moto_stack
from tests.fakes.functions import Functions

SAMPLES = Path(__file__).parents[2] / "events" / "load_file"


def put(key: str, name: str) -> dict[str, Any]:
    """A file in the bucket, and what S3 tells of it."""
    body = (SAMPLES / name).read_bytes()
    etag = moto_stack.client("s3").put_object(Bucket=moto_stack.BUCKET, Key=key, Body=body)["ETag"].strip('"')
    (record,) = json.loads((SAMPLES / "sqs-catalogue-feed.json").read_text())["Records"]
    told = json.loads(record["body"])
    told["Records"][0]["s3"]["object"] |= {"key": key.replace(" ", "+"), "eTag": etag}
    return {**record, "body": json.dumps(told)}


def told_to_go_on() -> list[dict[str, Any]]:
    sqs, url = moto_stack.client("sqs"), moto_stack.ENVIRONMENT["INBOX_QUEUE_URL"]
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ())
    return [json.loads(message["Body"])["continue"] for message in messages]


def events() -> list[Any]:
    sqs, url = moto_stack.client("sqs"), moto_stack.ENVIRONMENT["EVENTS_QUEUE_URL"]
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ())
    return [event for message in messages for event in json.loads(message["Body"])["events"]]


def reports() -> dict[str, Any]:
    found = moto_stack.objects("inbox/reports/")
    return {key: json.loads(body) for key, body in found.items()}


def test_a_catalogue_feed_is_taken_in_and_reported_on(functions: Functions) -> None:
    record = put("inbox/items/feed.xml", "feed.xml")
    assert functions.invoke("load_file", {"Records": [record]}) == {"batchItemFailures": []}
    items = ItemTable(moto_stack.client("dynamodb"), moto_stack.ITEMS)
    assert [name for name in ("LAMP-1", "MUG-9") if items.get(name)] == ["LAMP-1", "MUG-9"]
    refused, report = reports().values()
    assert (refused["line"], refused["errors"][0]["field"]) == (24, "item_id")
    assert (report["accepted"], report["changed"], report["refused"], report["rows"]) == (2, 2, 1, 3)
    before = items.get("LAMP-1")
    functions.invoke("load_file", {"Records": [record]})  # S3 may tell of it twice
    assert items.get("LAMP-1") == before
    (_, again) = reports().values()
    assert (again["accepted"], again["changed"]) == (2, 0)


def test_a_file_that_takes_longer_is_gone_on_with(functions: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    record = put("inbox/events/day of sales.csv", "day.csv")
    app, s3 = functions.app("load_file"), moto_stack.client("s3")
    context = SimpleNamespace(
        function_name="load_file",
        memory_limit_in_mb=1024,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:load_file",
        aws_request_id="request",
        left_ms=300_000,
        get_remaining_time_in_millis=lambda: context.left_ms,
    )
    fetch = s3.get_object

    def slowly(**asked: Any) -> Any:
        context.left_ms = 100_000  # more than half of the time is over
        return fetch(**asked)

    with monkeypatch.context() as patch:
        patch.setattr(s3, "get_object", slowly)
        assert app.handler({"Records": [record]}, context) == {"batchItemFailures": []}
    (task,) = told_to_go_on()
    assert (task["key"], task["rows"]) == ("inbox/events/day of sales.csv", 0)
    assert reports() == {}
    going_on = {**record, "body": json.dumps({"continue": task})}
    assert functions.invoke("load_file", {"Records": [going_on]}) == {"batchItemFailures": []}
    assert [(e["event_type"], e.get("item_id")) for e in events()] == [
        ("purchase", "LAMP-1"),
        ("view", "MUG-9"),
        ("search", None),
    ]


def test_a_file_waits_while_what_shoppers_do_now_is_waiting(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = functions.app("load_file")
    url = moto_stack.ENVIRONMENT["EVENTS_QUEUE_URL"]
    for n in range(app.MOST_WAITING + 1):
        moto_stack.client("sqs").send_message(QueueUrl=url, MessageBody=str(n))
    pauses = []

    def pause(_: float) -> None:
        pauses.append(len(reports()))
        moto_stack.client("sqs").purge_queue(QueueUrl=url)

    monkeypatch.setattr(app.time, "sleep", pause)
    assert functions.invoke("load_file", {"Records": [put("inbox/events/day.csv", "day.csv")]}) == {
        "batchItemFailures": []
    }
    assert pauses == [0]
    assert len(events()) == 3


def test_a_file_that_was_replaced_is_left_to_its_own_notification(functions: Functions) -> None:
    record = put("inbox/items/feed.xml", "feed.xml")
    put("inbox/items/feed.xml", "day.csv")
    assert functions.invoke("load_file", {"Records": [record]}) == {"batchItemFailures": []}
    gone = put("inbox/items/gone.xml", "feed.xml")
    moto_stack.client("s3").delete_object(Bucket=moto_stack.BUCKET, Key="inbox/items/gone.xml")
    assert functions.invoke("load_file", {"Records": [gone]}) == {"batchItemFailures": []}
    assert reports() == {}


def test_a_service_that_is_away_brings_the_file_back(functions: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    record = put("inbox/items/feed.xml", "feed.xml")
    put_off: list[str] = []

    def hidden(**asked: Any) -> None:
        put_off.extend(entry["ReceiptHandle"] for entry in asked["Entries"])

    sqs = moto_stack.client("sqs")
    monkeypatch.setattr(sqs, "change_message_visibility_batch", hidden)
    moto_stack.client("dynamodb").delete_table(TableName=moto_stack.ITEMS)
    failed = functions.invoke("load_file", {"Records": [record]})["batchItemFailures"]
    assert failed == [{"itemIdentifier": record["messageId"]}]
    assert put_off == [record["receiptHandle"]]


@pytest.mark.parametrize("name", ["..", ".", "x" * 300, "é" * 480, "feed.zip/", "\\", "a\nb"])
def test_a_file_may_be_called_anything(functions: Functions, name: str) -> None:
    record = put("inbox/items/other", "feed.xml")
    key = f"inbox/items/{name}"
    body = b"id,title\nODD-1,Odd\n"
    etag = moto_stack.client("s3").put_object(Bucket=moto_stack.BUCKET, Key=key, Body=body)["ETag"].strip('"')
    record["body"] = json.dumps({"continue": {"key": key, "etag": etag, "at_ms": 0}})
    assert functions.invoke("load_file", {"Records": [record]}) == {"batchItemFailures": []}
    (written,) = moto_stack.objects("inbox/reports/").items()
    assert len(written[0].encode()) <= MAX_KEY_BYTES
    assert (json.loads(written[1])["changed"], json.loads(written[1])["failure"]) == (1, "")


def test_a_stock_file_changes_what_it_names(functions: Functions) -> None:
    items = ItemTable(moto_stack.client("dynamodb"), moto_stack.ITEMS)
    items.put(Item("MUG-9", "Mug", description="Holds tea", price=14.5))
    key = "inbox/items/stock.csv"
    body = b"id,price,quantity\nMUG-9,12.00,0\n"
    etag = moto_stack.client("s3").put_object(Bucket=moto_stack.BUCKET, Key=key, Body=body)["ETag"].strip('"')
    record = put("inbox/items/other", "feed.xml")
    record["body"] = json.dumps({"continue": {"key": key, "etag": etag, "at_ms": 0}})
    assert functions.invoke("load_file", {"Records": [record]}) == {"batchItemFailures": []}
    assert items.get("MUG-9") == Item("MUG-9", "Mug", description="Holds tea", price=12.0, available=False)
