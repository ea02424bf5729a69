"""The local stack on a small template whose functions only record what they get: engine, delivery, API, persistence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endcap.aws.clients import SENDING
from endcap.live.waiting import READS_S
from endcap_local.engine.engine import Engine
from endcap_local.stack import LocalStack

SAMPLE = Path(__file__).parents[1] / "data/sam/template.yaml"


def call(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, Any]:
    request = urllib.request.Request(url, data=body, method=method, headers={"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    parameters = {"BusName": "shop-bus"}
    with LocalStack(SAMPLE, parameters=parameters, redelivery_s=0, integration_timeout_s=20) as running:
        yield running


def seen(stack: LocalStack) -> dict[str, int]:
    stack.wait_until_idle()
    table = stack.function("WorkerFunction").environment["SEEN_TABLE"]
    items = stack.client("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]
    return {item["pk"]["S"]: int(item["times"]["N"]) for item in items if "times" in item}


def queue_url(stack: LocalStack, logical_id: str) -> str:
    return str(stack.client("sqs").get_queue_url(QueueName=f"endcap-local-{logical_id}")["QueueUrl"])


def bodies(stack: LocalStack, logical_id: str) -> list[str]:
    sqs, found = stack.client("sqs"), []
    while messages := sqs.receive_message(QueueUrl=queue_url(stack, logical_id), MaxNumberOfMessages=10).get(
        "Messages"
    ):
        found += [message["Body"] for message in messages]
    return found


def test_messages_reach_the_function_once_and_poison_ends_in_the_dead_letters(stack):
    sqs, url = stack.client("sqs"), queue_url(stack, "WorkQueue")
    for i in range(12):
        sqs.send_message(QueueUrl=url, MessageBody=f"poison-{i}" if i % 6 == 5 else f"message-{i}")
    counts = seen(stack)
    assert {name: counts[name] for name in counts if name.startswith("message-")} == {
        f"message-{i}": 1 for i in range(12) if i % 6 != 5
    }
    assert sorted(bodies(stack, "DeadQueue")) == ["poison-11", "poison-5"]


def test_stream_records_reach_the_function_and_a_poisoned_one_is_split_off(stack):
    kinesis = stack.client("kinesis")
    texts = ["poison-click" if i == 7 else f"click-{i}" for i in range(20)]
    kinesis.put_records(
        StreamName="clicks",
        Records=[{"Data": text.encode(), "PartitionKey": f"user-{i}"} for i, text in enumerate(texts)],
    )
    counts = seen(stack)
    assert {f"click-{i}" for i in range(20) if i != 7} <= set(counts)
    (report,) = [json.loads(body) for body in bodies(stack, "GivenUpQueue")]
    assert report["KinesisBatchInfo"]["batchSize"] == 1
    assert report["requestContext"]["condition"] == "RetryAttemptsExhausted"


def test_table_changes_reach_the_function_through_the_filter_and_no_op_writes_do_not(stack):
    dynamodb = stack.client("dynamodb")
    table = stack.function("WorkerFunction").environment["SEEN_TABLE"]
    for _ in range(2):  # the second put changes nothing
        dynamodb.put_item(TableName=table, Item={"pk": {"S": "watched-1"}, "blob": {"B": b"\x00"}})
    dynamodb.put_item(TableName=table, Item={"pk": {"S": "unwatched"}})
    dynamodb.delete_item(TableName=table, Key={"pk": {"S": "watched-1"}})
    counts = seen(stack)
    assert counts["changed-watched-1"] == 1
    assert "changed-unwatched" not in counts


def test_bus_events_reach_the_function_through_the_queue(stack):
    entry = {"Source": "shop", "DetailType": "t", "Detail": '{"text": "from-the-bus"}', "EventBusName": "shop-bus"}
    stack.client("events").put_events(Entries=[entry, {**entry, "Source": "another", "Detail": '{"text": "not-ours"}'}])
    names = set(seen(stack))
    assert any("from-the-bus" in name for name in names)
    assert not any("not-ours" in name for name in names)


def test_delivery_streams_write_to_the_bucket(stack):
    firehose, s3 = stack.client("firehose"), stack.client("s3")
    firehose.put_record(DeliveryStreamName="endcap-local-Archive", Record={"Data": b"line\n"})
    (entry,) = s3.list_objects_v2(Bucket="endcap-local-databucket", Prefix="archive/")["Contents"]
    assert s3.get_object(Bucket="endcap-local-databucket", Key=entry["Key"])["Body"].read() == b"line\n"


def test_conditional_writes_are_exact_under_threads(stack):
    dynamodb = stack.client("dynamodb")
    table = stack.function("WorkerFunction").environment["SEEN_TABLE"]
    dynamodb.put_item(TableName=table, Item={"pk": {"S": "counter"}, "version": {"N": "0"}})
    won = []

    def write() -> None:
        for _ in range(10):
            version = dynamodb.get_item(TableName=table, Key={"pk": {"S": "counter"}})["Item"]["version"]["N"]
            try:
                dynamodb.update_item(
                    TableName=table,
                    Key={"pk": {"S": "counter"}},
                    UpdateExpression="SET version = :next",
                    ConditionExpression="version = :seen",
                    ExpressionAttributeValues={":seen": {"N": version}, ":next": {"N": str(int(version) + 1)}},
                )
                won.append(version)
            except dynamodb.exceptions.ConditionalCheckFailedException:
                pass

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    final = dynamodb.get_item(TableName=table, Key={"pk": {"S": "counter"}})["Item"]["version"]["N"]
    assert int(final) == len(won) == len(set(won))


def test_handlers_run_with_their_environment_and_context(stack):
    status, body = call(f"{stack.url}/echo/something?x=1")
    answer = json.loads(body)
    assert status == 200
    assert answer["event"]["routeKey"] == "ANY /echo/{thing}"
    assert answer["function"] == "endcap-local-ApiFunction"
    assert answer["table"] == "endcap-local-SeenTable"
    assert 0 < answer["left_ms"] <= 1_000
    assert json.loads(call(f"{stack.url}/echo/again")[1])["call"] == answer["call"] + 1  # one environment, kept


def test_functions_are_more_patient_with_a_busy_machine_than_with_a_service(stack):
    assert float(os.environ["READ_PATIENCE_SECONDS"]) > READS_S
    assert float(os.environ["CALL_PATIENCE_SECONDS"]) > SENDING.read_timeout


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/echo/plain", 200, b'{"hello": "world"}'),
        ("/echo/picture", 201, b"\x00\x01\x02"),
        ("/echo/crash", 500, b'{"message":"Internal Server Error"}'),
        ("/echo/unserialisable", 500, b'{"message":"Internal Server Error"}'),
        ("/echo/malformed", 500, b'{"message":"Internal Server Error"}'),
        ("/elsewhere", 404, b'{"message":"Not Found"}'),
    ],
)
def test_answers_over_http(stack, path, status, body):
    assert call(stack.url + path) == (status, body)


def test_a_function_past_its_timeout_is_replaced(stack):
    before = json.loads(call(f"{stack.url}/echo/before")[1])["call"]
    assert before >= 1
    status, body = call(f"{stack.url}/echo/slow?s=1.3")
    assert (status, body) == (500, b'{"message":"Internal Server Error"}')
    assert json.loads(call(f"{stack.url}/echo/after")[1])["call"] == 1


def test_one_engine_runs_per_process(stack):
    with pytest.raises(RuntimeError, match="another local engine"):
        Engine()


SCRIPT = """
import os, sys, urllib.request
from pathlib import Path
from endcap_local.stack import LocalStack

before = dict(os.environ)
with LocalStack(Path(sys.argv[1]), persist=Path(sys.argv[2])) as stack:
    dynamodb, s3 = stack.client("dynamodb"), stack.client("s3")
    if sys.argv[3] == "write":
        dynamodb.put_item(TableName="endcap-local-SeenTable", Item={"pk": {"S": "kept"}, "bytes": {"B": b"kept"}})
        for body in (b"first", b"second"):
            s3.put_object(Bucket="endcap-local-databucket", Key="a/b.txt", Body=body)
    else:
        print(dynamodb.get_item(TableName="endcap-local-SeenTable", Key={"pk": {"S": "kept"}})["Item"]["bytes"])
        print(s3.get_object(Bucket="endcap-local-databucket", Key="a/b.txt")["Body"].read())
    urllib.request.urlopen(stack.url + "/echo/logged").read()
    assert stack.log_path is not None
    print("logged" if "handled logged" in stack.log_path.read_text() else "not logged")
print("left as it was" if dict(os.environ) == before else "changed")
"""


def test_state_survives_a_restart_and_the_process_is_left_as_it_was(tmp_path):
    environment = {**os.environ, "AWS_PROFILE": "production", "AWS_ENDPOINT_URL_S3": "http://192.0.2.1"}
    printed = {}
    for step in ("write", "read"):
        command = [sys.executable, "-c", SCRIPT, str(SAMPLE), str(tmp_path), step]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment)
        printed[step] = done.stdout.splitlines()
    assert printed["write"] == ["logged", "left as it was"]
    assert printed["read"] == ["{'B': b'kept'}", "b'second'", "logged", "left as it was"]
