"""The project's own stack, run locally over HTTP: what a storefront sends takes effect, and nothing gets lost."""

from __future__ import annotations

import base64
import gzip
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from endcap.aws.secrets import PseudonymSecret
from endcap_local.stack import LocalStack

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
ROOT = Path(__file__).parents[2]
TINY_ENCODER = ROOT / "tests" / "data" / "tiny_encoder"
DAY = "2025-11-01T00:00:00Z"
CLICKS = "arn:aws:kinesis:us-east-1:123456789012:stream/clicks"
SHOP_QUEUE = "arn:aws:sqs:us-east-1:123456789012:shop-events"


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    parameters = {"StorefrontStreamArn": CLICKS, "StorefrontQueueArn": SHOP_QUEUE, "StorefrontEventBusName": "shop"}
    with LocalStack(ROOT / "template.yaml", parameters=parameters, redelivery_s=0) as running:
        yield running


def call(stack: LocalStack, method: str, path: str, body: object = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = Request(stack.url + path, data, {"content-type": "application/json"}, method=method)
    try:
        with urlopen(request, timeout=30) as response:
            return response.status, json.loads(response.read() or b"null")
    except HTTPError as error:
        return error.code, json.loads(error.read() or b"null")


def view(user_id: str, item_id: str = "i1", **more: object) -> dict[str, object]:
    return {"user_id": user_id, "event_type": "view", "item_id": item_id, **more}


def interactions_of(stack: LocalStack, user_id: str) -> int:
    stack.wait_until_idle()
    status, body = call(stack, "GET", f"/users/{user_id}/profile")
    return int(body["counts"]["interactions"]) if status == 200 else 0


def archived(stack: LocalStack) -> list[dict[str, Any]]:
    stack.wait_until_idle()
    s3, bucket = stack.client("s3"), stack.function("CollectFunction").environment["DATA_BUCKET"]
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix="events/").get("Contents", ())]
    bodies = [s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys]
    return [json.loads(line) for body in bodies for line in body.splitlines()]


def test_an_event_posted_is_in_the_profile_once_however_often_it_is_sent(stack):
    event = view("once", event_id="e-1", timestamp=1_760_000_000)
    for _ in range(3):
        status, told = call(stack, "POST", "/events", {"events": [event]})
    assert (status, told["accepted"], told["rejected"]) == (202, 1, [])
    assert [warning["field"] for warning in told["warnings"]] == ["item_id"]  # there is no such item as yet
    assert interactions_of(stack, "once") == 1
    call(stack, "POST", "/events", {"events": [{**event, "event_id": "e-2"}]})
    assert interactions_of(stack, "once") == 2


def test_many_events_of_many_users_all_arrive(stack):
    events = [view(f"many-{i % 40}", f"i{i}") for i in range(500)]
    assert call(stack, "POST", "/events", {"events": events})[1]["accepted"] == 500
    counts = [interactions_of(stack, f"many-{u}") for u in range(40)]
    assert sum(counts) == 500
    secret = stack.function("CollectFunction").environment["PSEUDONYM_SECRET"]
    keys = PseudonymSecret(stack.client("secretsmanager"), secret).get()
    many = {keys.of(f"many-{u}") for u in range(40)}
    assert len([event for event in archived(stack) if event.get("pseudonym") in many]) == 500
    assert "many-" not in json.dumps(archived(stack))


@pytest.mark.parametrize(
    ("source", "send"),
    [
        (
            "kinesis",
            lambda stack, body: stack.client("kinesis").put_record(
                StreamName="clicks", Data=body.encode(), PartitionKey="p"
            ),
        ),
        (
            "queue",
            lambda stack, body: stack.client("sqs").send_message(
                QueueUrl=stack.client("sqs").get_queue_url(QueueName="shop-events")["QueueUrl"], MessageBody=body
            ),
        ),
        (
            "bus",
            lambda stack, body: stack.client("events").put_events(
                Entries=[{"Source": "storefront", "DetailType": "event", "Detail": body, "EventBusName": "shop"}]
            ),
        ),
    ],
)
def test_every_source_of_the_storefront_ends_in_profiles(stack, source: str, send: Callable[..., Any]):
    send(stack, json.dumps(view(f"from-{source}")))
    send(stack, json.dumps({"events": [view(f"from-{source}", "i2"), {"user_id": f"from-{source}"}]}))
    assert interactions_of(stack, f"from-{source}") == 2


def test_what_services_put_around_an_event_is_opened_on_every_queue(stack):
    def bought(user_id: str) -> dict[str, Any]:
        return {"user_id": user_id, "event_type": "purchase", "item_id": "en-010"}

    def messages(queue: str) -> Iterator[tuple[str, str]]:
        for name in ("sns", "bridged", "list", "lines", "gzip"):
            event = bought(f"{name}-{queue}")
            text = json.dumps(event)
            yield (
                event["user_id"],
                {
                    "sns": json.dumps({"Type": "Notification", "MessageId": "m", "TopicArn": "arn:t", "Message": text}),
                    "bridged": json.dumps(
                        {
                            "version": "0",
                            "id": "1",
                            "detail-type": "Placed",
                            "source": "shop",
                            "time": DAY,
                            "detail": event,
                        }
                    ),
                    "list": json.dumps([event]),
                    "lines": f"{text}\n{json.dumps(event | {'item_id': 'en-011'})}",
                    "gzip": base64.b64encode(gzip.compress(text.encode())).decode(),
                }[name],
            )

    sqs, users = stack.client("sqs"), []
    for queue in ("endcap-local-EventsQueue", "shop-events"):
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        for user_id, message in messages(queue):
            sqs.send_message(QueueUrl=url, MessageBody=message)
            users.append(user_id)
    found = {user_id: interactions_of(stack, user_id) for user_id in users}
    assert found == {user_id: 2 if user_id.startswith("lines") else 1 for user_id in users}


def test_an_item_can_be_put_read_and_deleted(stack):
    assert call(stack, "PUT", "/items/shoe", {"title": "Red shoe", "price": 20})[0] == 200
    assert call(stack, "GET", "/items/shoe")[1]["title"] == "Red shoe"
    assert call(stack, "DELETE", "/items/shoe")[0] in (200, 204)
    assert call(stack, "GET", "/items/shoe")[0] == 404


def test_a_deleted_user_stays_deleted_when_old_events_arrive(stack):
    call(stack, "POST", "/events", {"events": [view("gone", timestamp=1_760_000_000)]})
    assert interactions_of(stack, "gone") == 1
    assert call(stack, "DELETE", "/users/gone")[0] == 200
    call(stack, "POST", "/events", {"events": [view("gone", "i2", timestamp=1_760_000_100)]})
    assert interactions_of(stack, "gone") == 0


def test_without_a_snapshot_the_stack_is_not_healthy(stack):
    assert call(stack, "GET", "/health")[0] == 503


def test_unknown_paths_and_methods_get_the_functions_own_answer(stack):
    status, body = call(stack, "GET", "/no/such/path")
    assert (status, body["status"]) == (404, 404)
    assert call(stack, "DELETE", "/events")[0] == 405


def test_user_ids_may_hold_any_script(stack):
    call(stack, "POST", "/events", {"events": [view("张 三")]})
    assert interactions_of(stack, "%E5%BC%A0%20%E4%B8%89") == 1


def test_nothing_is_left_in_the_dead_letters(stack):
    stack.wait_until_idle()
    sqs = stack.client("sqs")
    for queue in sqs.list_queues()["QueueUrls"]:
        if "Dead" in queue or "Failures" in queue:
            told = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", ())
            assert [message["Body"] for message in told if "s3:TestEvent" not in message["Body"]] == [], queue


def test_the_command_serves_until_it_is_told_to_stop(tmp_path):
    command = [sys.executable, "-c", "from endcap_local.cli.app import main; main()"]
    command += ["local", "--port", "0", "--json", "--persist", str(tmp_path), "--encoder", str(TINY_ENCODER)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            facts = json.loads(process.stdout.readline())
            with urlopen(facts["url"] + "/health", timeout=30) as answer:
                assert json.loads(answer.read())["items"] == 0
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert (tmp_path / "tables").is_dir()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--template", "nowhere.yaml"], "no template"), (["--param", "x"], "NAME=VALUE"), (["--param", "x=1"], "x")],
)
def test_wrong_arguments_end_with_a_message_and_a_status(arguments, message):
    command = [
        sys.executable,
        "-c",
        "from endcap_local.cli.app import main; main()",
        "local",
        "--port",
        "0",
        *arguments,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
