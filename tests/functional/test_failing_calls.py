"""Every AWS call of the functions that take things in, times every way to fail: what is answered, when, what is lost.

On virtual time, with the functions' own clients. Work that is done side by side is done one after the other here, so
times are upper bounds.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from endcap.aws.counters import note_of
from endcap.aws.items import ItemTable
from endcap.aws.profiles import ProfileTable
from endcap.aws.queues import EventQueue
from endcap.aws.snapshots import SnapshotBucket
from endcap.catalog import bulk
from endcap.catalog.item import Item
from endcap.errors import EndcapError, SnapshotIntegrityError
from endcap.events.counts import FINE, LEVELS, Increment
from endcap.events.folding import packed
from endcap.filenames import MANIFEST
from endcap.observability import logger
from endcap.profiles import apply
from endcap.profiles.identity import MAX_ERASED_AT_ONCE
from endcap.snapshot.files import content_hash
from endcap.snapshot.snapshot import load_snapshot
from endcap_local.template.intrinsics import Resolver
from endcap_local.template.template import expand
from tests.fakes import moto_stack
from tests.fakes.effort import examples, proved, shared_out
from tests.fakes.failing_calls import FAULTS, FailingCalls
from tests.fakes.functions import Apps, http_event, stack_for_functions
from tests.fakes.notes import folded
from tests.fakes.toy_snapshot import build_toy_snapshot
from tests.infra.stack import folder_of, of_type

ROOT = Path(__file__).parents[2]
SECRETS = ("mallory", "doomed words")
"""What must be in no log: an id, and what somebody wrote."""

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")


@cache
def timeouts() -> Mapping[str, int]:
    """Seconds that each function may take, by its folder."""
    template = expand(ROOT / "template.yaml")[1]
    resolver, functions = Resolver(template, {}, ""), of_type(template["Resources"], "AWS::Lambda::Function")
    return {
        folder_of(name): int(resolver.resolve(function["Properties"]["Timeout"]))
        for name, function in functions.items()
    }


class Plant(Apps):
    """The functions on AWS that can fail; `said` is all that they logged and counted."""

    def __init__(self, aws: FailingCalls) -> None:
        super().__init__(self._on_aws)
        self.aws, self.said = aws, io.StringIO()

    def _on_aws(self, name: str, app: ModuleType) -> None:
        app.runtime = app.runtime.with_clients(self.aws.client)
        if name == "collect":
            queue = app.runtime._clients("sqs", app.runtime._config)
            app.runtime.queue = EventQueue(queue, app.runtime.settings.events_queue_url, lambda: self.aws.now_s)

    def invoke(self, name: str, event: dict[str, Any]) -> tuple[Any, float]:
        """The answer, or the error that was raised, and the seconds it took; never more than the function has."""
        app, began_s = self.app(name), self.aws.now_s
        handler = logger.registered_handler
        assert hasattr(handler, "setStream")
        stream = handler.setStream(self.said)
        try:
            with redirect_stdout(self.said):
                answer: Any = app.handler(event, self.aws.context(name, timeouts()[name]))
        except EndcapError as exc:
            answer = exc
        finally:
            handler.setStream(stream)
        took_s = self.aws.now_s - began_s
        assert took_s < timeouts()[name], f"{name} was cut off after {took_s:.1f} s"
        for secret in SECRETS:
            assert secret not in self.said.getvalue()
        return answer, took_s

    def http(self, name: str, method: str, path: str, body: object = None, **ids: str) -> tuple[int, Any]:
        """Call a route; status and body."""
        text, headers = None if body is None else json.dumps(body), {"content-type": "application/json"}
        event = http_event(method, path, text, names=ids, headers=headers)
        answer, _ = self.invoke(name, event)
        if answer["statusCode"] >= 400:
            assert answer["headers"]["Content-Type"] == "application/problem+json"
        if answer["statusCode"] == 503:
            assert answer["headers"]["Retry-After"]
        return answer["statusCode"], json.loads(answer["body"]) if answer.get("body") else None


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("toy") / "snapshot"
    return folder, build_toy_snapshot(folder).version


@pytest.fixture
def plant(tmp_path: Path, toy: tuple[Path, str]) -> Iterator[Plant]:
    aws = FailingCalls()
    with (
        stack_for_functions(tmp_path),
        aws.installed(),
        patch.object(apply, "WRITERS", 1),
        patch.object(bulk, "WRITERS", 1),
    ):
        bucket = SnapshotBucket(moto_stack.client("s3"), moto_stack.BUCKET, tmp_path / "fixture")
        bucket.upload(*toy)
        bucket.flip(toy[1], None)
        yield Plant(aws)


def failures(answer: Any) -> set[str]:
    return {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}


def faults_of(operation: str) -> tuple[str, ...]:
    """The ways in which a call may fail."""
    conditional = ("dynamodb.PutItem", "dynamodb.UpdateItem")
    return FAULTS + (("conditional",) if operation in conditional else ())


def faults_now(operation: str, operations: Sequence[str]) -> tuple[str, ...]:
    """Those of them that this run looks at: each of the first three operations has others, the next three again."""
    return shared_out(faults_of(operation), operations.index(operation))


# ---- update_profile


def batch(tag: str) -> dict[str, Any]:
    """Ten messages: views, searches, an identify, several events in one, and poison."""
    now_ms = int(time.time() * 1000)
    events: list[Any] = [
        *({"user_id": f"mallory-{tag}-{n}", "event_type": "view", "item_id": f"i{n}"} for n in range(5)),
        {"user_id": f"mallory-{tag}-s", "event_type": "search", "text": "doomed words"},
        {"user_id": f"mallory-{tag}-0", "event_type": "identify", "anonymous_id": f"mallory-{tag}-1"},
        {"events": [{"user_id": f"mallory-{tag}-m{n}", "event_type": "view", "item_id": "i"} for n in range(8)]},
        {"user_id": f"mallory-{tag}-p", "event_type": "doomed words"},
        {"user_id": f"mallory-{tag}-5", "event_type": "purchase", "item_id": "i5"},
    ]
    return {
        "Records": [
            {
                "messageId": f"m{n}",
                "receiptHandle": f"handle-{n}",
                "body": json.dumps(event),
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(now_ms)},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:events",
                "awsRegion": "us-east-1",
            }
            for n, event in enumerate(events)
        ]
    }


def without_a_profile(tag: str, event: dict[str, Any], acknowledged: set[str]) -> set[str]:
    """Acknowledged messages of a batch of which something is not stored where it should be."""
    table = ProfileTable(moto_stack.client("dynamodb"), moto_stack.PROFILES)
    archived = b"\n".join(moto_stack.objects("events/").values()).decode()
    aside = " ".join(data.decode() for data in moto_stack.objects("quarantine/").values())
    lost = set()
    for record in event["Records"]:
        body = json.loads(record["body"])
        for one in body.get("events", [body]):
            user_id = one["user_id"]
            profile = table.get(user_id, consistent=True).profile
            kept = f"mallory-{tag}-p" in aside if user_id.endswith("-p") else f'"{user_id}"' in archived
            if one["event_type"] in ("view", "purchase"):
                kept = kept and any(e.item_id == one["item_id"] for e in profile.interactions)
            elif one["event_type"] == "search":
                kept = kept and bool(profile.texts)
            elif one["event_type"] == "identify":
                kept = kept and bool(profile.links)
            if not kept and record["messageId"] in acknowledged:
                lost.add(record["messageId"])
    return lost


UPDATING = (
    "firehose.PutRecord",
    "dynamodb.GetItem",
    "dynamodb.PutItem",
    "dynamodb.BatchGetItem",
    "s3.PutObject",
    "s3.GetObject",
)


@proved
@pytest.mark.parametrize("operation", UPDATING)
def test_update_profile_loses_nothing_and_ends_in_time(plant: Plant, operation: str) -> None:
    for fault in faults_now(operation, UPDATING):
        plant.fresh()
        tag = fault.replace(" ", "-")
        event = batch(tag)
        ids = {record["messageId"] for record in event["Records"]}
        with plant.aws.failing(fault, operation, "sqs.ChangeMessageVisibilityBatch"):
            answer, _ = plant.invoke("update_profile", event)
        failed = failures(answer)
        assert not without_a_profile(tag, event, ids - failed), (operation, fault)
        if operation == "s3.PutObject":
            assert failed <= {"m8"}
        if operation == "s3.GetObject":
            assert failed <= {"m5"}
        again, _ = plant.invoke("update_profile", event)
        assert failures(again) == set()
        assert not without_a_profile(tag, event, ids), (operation, fault)


@proved
@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        ("firehose.PutRecord", "hang"),
        ("dynamodb.GetItem", "unreachable"),
        ("dynamodb.GetItem", "hang"),
        ("dynamodb.PutItem", "hang"),
        pytest.param("dynamodb.PutItem", "slow", marks=pytest.mark.prove),
        pytest.param("firehose.PutRecord", "slow", marks=pytest.mark.prove),
    ],
)
def test_ten_messages_of_five_hundred_users_end_in_time(plant: Plant, operation: str, fault: str) -> None:
    event, users = batch("many"), examples(50) if operation.startswith("firehose") else 500
    for n, record in enumerate(event["Records"]):
        views = [{"user_id": f"u{n}-{k}", "event_type": "view", "item_id": "i"} for k in range(users)]
        record["body"] = json.dumps({"events": views})
    with plant.aws.failing(fault, operation):
        answer, _ = plant.invoke("update_profile", event)
    failed = failures(answer)
    assert failed
    rows = moto_stack.client("dynamodb").scan(TableName=moto_stack.PROFILES, Select="COUNT")["Count"]
    assert rows >= users * (10 - len(failed))


def test_everything_away_at_once_ends_in_time(plant: Plant) -> None:
    event = batch("all")
    away = [
        f"{service}.{operation}"
        for service, operations in {
            "dynamodb": ["GetItem", "PutItem", "UpdateItem"],
            "firehose": ["PutRecord"],
            "s3": ["PutObject", "GetObject"],
            "sqs": ["ChangeMessageVisibilityBatch"],
        }.items()
        for operation in operations
    ]
    for fault in FAULTS[:2]:
        with plant.aws.failing(fault, *away):
            answer, _ = plant.invoke("update_profile", event)
        assert failures(answer) == {f"m{n}" for n in range(10)}
    with plant.aws.failing("hang", *(name for name in away if not name.startswith("firehose"))):
        answer, _ = plant.invoke("update_profile", event)
    assert failures(answer) == {f"m{n}" for n in range(10)}


# ---- collect


def test_collect_says_what_is_not_queued(plant: Plant) -> None:
    views = [{"user_id": "mallory", "event_type": "view", "item_id": f"i{n}"} for n in range(3)]
    for fault in FAULTS:
        with plant.aws.failing(fault, "sqs.SendMessage"):
            status, body = plant.http("collect", "POST", "/events", {"events": [*views, {"user_id": "mallory"}]})
        went = fault in ("slow", "partial")
        assert status == (202 if went else 503), fault
        assert body.get("accepted", 0) == (3 if went else 0)
        assert [r["retryable"] for r in body["rejected"]] == ([False] if went else [True, True, True, False])


# ---- manage_items


@pytest.mark.parametrize("fault", FAULTS)  # a condition fails where the item is there just so, which is no failure
def test_many_items_are_stored_or_listed(plant: Plant, fault: str) -> None:
    n_items = 500 if fault == "hang" else 120 if fault == "slow" else 40
    items = [{"item_id": f"i{n}", "title": "mallory"} for n in range(n_items)]
    with plant.aws.failing(fault, "dynamodb.UpdateItem"):
        status, body = plant.http("manage_items", "POST", "/items", {"items": items})
    stored = {row.item_id for row in ItemTable(moto_stack.client("dynamodb"), moto_stack.ITEMS).scan()}
    rejected = [r["index"] for r in body["rejected"]]
    assert all(r["retryable"] for r in body["rejected"])
    assert {item["item_id"] for n, item in enumerate(items) if n not in set(rejected)} <= stored
    if fault == "slow":
        assert status == 200
        assert 0 < body["accepted"] < n_items
    elif fault != "partial":
        assert (status, len(rejected)) == (503, n_items)
    # AND what was listed, sent again, is stored too
    again = [items[n] for n in rejected[:40]]
    status, body = plant.http("manage_items", "POST", "/items", {"items": again or items[:1]})
    assert (status, body["rejected"]) == (200, [])


@pytest.mark.parametrize(
    ("method", "operation"),
    [("PUT", "dynamodb.UpdateItem"), ("GET", "dynamodb.GetItem"), ("DELETE", "dynamodb.UpdateItem")],
)
def test_one_item_is_stored_or_its_caller_knows(plant: Plant, method: str, operation: str) -> None:
    plant.http("manage_items", "PUT", "/items/{item_id}", {"title": "Mug"}, item_id="mug")
    for fault in FAULTS:
        body = {"title": f"Mug of {fault}"} if method == "PUT" else None
        with plant.aws.failing(fault, operation):
            status, _ = plant.http("manage_items", method, "/items/{item_id}", body, item_id="mug")
        went = fault in ("slow", "partial")
        assert status == ({"PUT": 200, "GET": 200, "DELETE": 204}[method] if went else 503), fault
        plant.http("manage_items", "PUT", "/items/{item_id}", {"title": "Mug"}, item_id="mug")


# ---- manage_users


@proved
@pytest.mark.parametrize(
    ("turn", "method", "path", "body", "operation"),
    [
        (0, "PUT", "/users/{user_id}", {"preferences": {"size": "M"}}, "dynamodb.GetItem"),
        (1, "PUT", "/users/{user_id}", {"preferences": {"size": "L"}}, "dynamodb.PutItem"),
        (2, "GET", "/users/{user_id}/profile", None, "dynamodb.GetItem"),
        (0, "GET", "/users/{user_id}/export", None, "dynamodb.GetItem"),
        (1, "DELETE", "/users/{user_id}", None, "dynamodb.GetItem"),
        (2, "DELETE", "/users/{user_id}", None, "dynamodb.PutItem"),
    ],
)
def test_what_is_asked_about_a_user_is_done_or_told(
    plant: Plant, turn: int, method: str, path: str, body: object, operation: str
) -> None:
    for fault in shared_out(faults_of(operation), turn):
        user_id = f"mallory-{fault.replace(' ', '-')}"
        plant.invoke("update_profile", batch("x"))
        assert (
            plant.http("manage_users", "PUT", "/users/{user_id}", {"attributes": {"a": 1}}, user_id=user_id)[0] == 200
        )
        with plant.aws.failing(fault, operation):
            status, _ = plant.http("manage_users", method, path, body, user_id=user_id)
        put_off = 202 if method == "DELETE" else 503  # what is to be erased is left to the queue
        assert status in ((200,) if fault == "slow" else (200, put_off)), fault
        if fault in ("unreachable", "hang", "reset", "500", "throttle"):
            assert status == put_off
        assert plant.http("manage_users", method, path, body, user_id=user_id)[0] == 200


def test_an_erasure_that_there_is_no_time_for_is_left_to_the_queue(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN a user of many devices, all of which have two pseudonyms, and tables that answer at the last moment
    keys = json.dumps({"1": "k" * 64, "2": "l" * 64})
    secret = moto_stack.client("secretsmanager").create_secret(Name="pseudonyms", SecretString=keys)
    monkeypatch.setenv("PSEUDONYM_SECRET", secret["ARN"])
    tags = [f"mallory-device-{n}" for n in range(MAX_ERASED_AT_ONCE)]
    events = [{"user_id": "mallory", "event_type": "identify", "anonymous_id": tag} for tag in tags]
    message = batch("x")
    message["Records"] = [message["Records"][0] | {"body": json.dumps({"events": events})}]
    plant.invoke("update_profile", message)
    slow = [f"dynamodb.{name}" for name in ("UpdateItem", "GetItem", "PutItem", "BatchGetItem")]
    # WHEN they ask to be forgotten
    with plant.aws.failing("slow", *slow, "s3.PutObject"):
        status, body = plant.http("manage_users", "DELETE", "/users/{user_id}", user_id="mallory")
    # THEN that is accepted, and asked for on the queue, which carries it out
    assert (status, body["status"]) == (202, "accepted")
    client, url = moto_stack.client("sqs"), moto_stack.ENVIRONMENT["EVENTS_QUEUE_URL"]
    (sent,) = client.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    assert json.loads(sent["Body"]) == {"erasure": {"key": "mallory", "at_ms": body["deleted_at"]}}


# ---- fold_counts


FOLDING = ("s3.GetObject", "s3.PutObject", "dynamodb.Query")


@proved
@pytest.mark.parametrize("operation", FOLDING)
def test_fold_counts_counts_each_note_once_and_ends_in_time(plant: Plant, operation: str) -> None:
    sample = json.loads((ROOT / "events" / "fold_counts" / "dynamodb-notes.json").read_text())
    wanted = {"clamp-1": 1, "dlamp-1": 3, "ilamp-2": 4}
    for number, fault in enumerate(faults_now(operation, FOLDING)):
        plant.fresh()
        moto_stack.client("s3").delete_objects(
            Bucket=moto_stack.BUCKET, Delete={"Objects": [{"Key": f"counts/{level.name}"} for level in LEVELS]}
        )
        at_ms = FINE.start_of(int(time.time() * 1000))
        event = {"Records": [noted_at(record, at_ms, number) for record in sample["Records"]]}
        with plant.aws.failing(fault, operation):
            plant.invoke("fold_counts", event)
        plant.invoke("fold_counts", event)  # an error brings the batch again; an answer that got lost does so too
        plant.invoke("fold_counts", event)
        for level in LEVELS:
            assert list(folded(level).values()) == [wanted], (operation, fault)


def noted_at(record: dict[str, Any], at_ms: int, number: int) -> dict[str, Any]:
    """A record of the sample with a note of this moment."""
    counts = note_of(record).increments[0].counts
    data = packed([Increment(level, level.start_of(at_ms), counts) for level in LEVELS])
    image = {**record["dynamodb"]["NewImage"], "counted": {"B": base64.b64encode(data).decode()}}
    return {**record, "eventID": f"{record['eventID']}-{number}", "dynamodb": {**record["dynamodb"], "NewImage": image}}


# ---- embed_item


def changed_items(plant: Plant, *item_ids: str) -> dict[str, Any]:
    """What the stream of the items table tells of new items."""
    sample = json.loads((ROOT / "events" / "embed_item" / "dynamodb-new-item.json").read_text())["Records"][0]
    records = []
    for n, item_id in enumerate(item_ids):
        plant.http("manage_items", "PUT", "/items/{item_id}", {"title": f"title of {item_id}"}, item_id=item_id)
        key = {"item_id": {"S": item_id}}
        row = moto_stack.client("dynamodb").get_item(TableName=moto_stack.ITEMS, Key=key)["Item"]
        change = {**sample["dynamodb"], "Keys": key, "NewImage": row, "SequenceNumber": f"n{n}"}
        records.append({**sample, "dynamodb": change})
    return {"Records": records}


EMBEDDING = ("dynamodb.UpdateItem", "s3.GetObject", "sqs.SendMessage")


@proved
@pytest.mark.parametrize("operation", EMBEDDING)
def test_items_are_embedded_or_come_again(plant: Plant, operation: str) -> None:
    table = ItemTable(moto_stack.client("dynamodb"), moto_stack.ITEMS)
    for fault in shared_out(FAULTS, EMBEDDING.index(operation)):
        plant.fresh()
        ids = [f"{fault.replace(' ', '-')}-{n}" for n in range(8)]
        event = changed_items(plant, *ids)
        event["Records"][3]["dynamodb"]["NewImage"]["document"] = {"S": "{not json"}
        with plant.aws.failing(fault, operation):
            answer, _ = plant.invoke("embed_item", event)
        embedded = {row.item_id for row in table.scan() if row.vectors}
        done = {ids[n] for n in range(8) if f"n{n}" not in failures(answer) and n != 3}
        assert done <= embedded, (operation, fault)
        if operation == "sqs.SendMessage":
            assert failures(answer) <= {"n3"}
        again, _ = plant.invoke("embed_item", event)
        assert failures(again) == set()
        assert {row.item_id for row in table.scan() if row.vectors} >= set(ids) - {ids[3]}
        url = moto_stack.ENVIRONMENT["STREAM_FAILURES_QUEUE_URL"]
        told = moto_stack.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        assert ids[3] in {json.loads(m["Body"])["keys"]["item_id"]["S"] for m in told}


# ---- promote


PROMOTING = ("s3.GetObject", "s3.PutObject", "dynamodb.Query", "dynamodb.UpdateItem")


@proved
@pytest.mark.parametrize("operation", PROMOTING)
def test_a_promotion_is_whole_or_was_none(plant: Plant, operation: str, tmp_path: Path) -> None:
    bucket = SnapshotBucket(moto_stack.client("s3"), moto_stack.BUCKET, tmp_path / "look")
    version = build_toy_snapshot(tmp_path / "next", 41).version
    bucket.upload(tmp_path / "next", version)
    first = bucket.current()
    assert first is not None
    table = ItemTable(moto_stack.client("dynamodb"), moto_stack.ITEMS)
    faults = (*FAULTS, *(["conditional"] if operation == "s3.PutObject" else []))
    for fault in shared_out(faults, PROMOTING.index(operation) + 1):  # so that the pointer's condition is among them
        plant.fresh()
        table.put(Item(f"new-{fault}", f"title of {fault}"))
        with plant.aws.failing(fault, operation):
            answer, _ = plant.invoke("promote", {"version": version})
        now = bucket.current()
        assert now is not None
        if isinstance(answer, Exception):
            assert now.version == first.version or fault == "half a body", (operation, fault)
        else:
            assert now.version == version
        plant.fresh()
        answer, _ = plant.invoke("promote", {"version": version})
        assert answer["version"] == version
        assert all(row.vectors for row in table.scan() if row.item)
        plant.invoke("promote", {"version": first.version, "force": True})


# ---- what a promotion looks at


def test_a_snapshot_of_unsound_values_is_refused_though_its_hashes_are_right(plant: Plant, tmp_path: Path) -> None:
    bucket = SnapshotBucket(moto_stack.client("s3"), moto_stack.BUCKET, tmp_path / "look")
    before = bucket.current()
    folder = tmp_path / "unsound"
    build_toy_snapshot(folder, 41)
    name = "text_vectors_f16.npy"
    vectors = np.load(folder / name)
    vectors[0] *= 2
    np.save(folder / name, vectors)
    manifest = json.loads((folder / MANIFEST).read_bytes())
    raw = (folder / name).read_bytes()
    manifest["files"][name].update(sha256=hashlib.sha256(raw).hexdigest(), bytes=len(raw))
    manifest["content_hash"] = content_hash(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    load_snapshot(folder)  # functions would take it
    bucket.upload(folder, manifest["version"] + "-unsound")
    for force in (False, True):
        answer, _ = plant.invoke("promote", {"version": manifest["version"] + "-unsound", "force": force})
        assert isinstance(answer, SnapshotIntegrityError)
    assert bucket.current() == before


# ---- what is logged


def test_nothing_personal_is_logged_when_the_unforeseen_happens(plant: Plant, tmp_path: Path) -> None:
    def over(*_: object, **__: object) -> None:
        raise KeyError("mallory wrote doomed words")

    events = {"events": [{"user_id": "mallory", "event_type": "search", "text": "doomed words"}]}
    for name, target in (
        ("collect", "endcap.events.collect.read_event"),
        ("update_profile", "endcap.profiles.apply.apply_events"),
        ("update_profile", "endcap.aws.profiles.encode_profile"),
        ("update_profile", "endcap.aws.queues.RecordStream.put"),
        ("update_profile", "endcap.aws.queues.Quarantine.put"),
        ("update_profile", "endcap.runtime.Runtime.encode_text"),
        ("update_profile", "endcap.aws.counters.CounterTable.add"),
        ("embed_item", "endcap.aws.items.ItemTable.put_vector"),
        ("manage_items", "endcap.aws.items.ItemTable.put"),
        ("manage_users", "endcap.aws.profiles.ProfileTable.get"),
        ("manage_users", "endcap.aws.profiles.ProfileTable.update"),
    ):
        changed = changed_items(plant, f"mallory-{len(plant.said.getvalue())}") if name == "embed_item" else {}
        with patch(target, over):
            match name:
                case "collect":
                    assert plant.http(name, "POST", "/events", events)[0] == 400
                case "update_profile":
                    plant.invoke(name, batch("leak"))
                case "embed_item":
                    assert plant.invoke(name, changed)[0] == {"batchItemFailures": []}
                case "manage_items":
                    assert plant.http(name, "POST", "/items", {"items": [{"item_id": "mallory"}]})[0] == 400
                    assert plant.http(name, "PUT", "/items/{item_id}", {"title": "x"}, item_id="mallory")[0] == 500
                case _:
                    method = "GET" if target.endswith("get") else "DELETE"
                    path = "/users/{user_id}/export" if method == "GET" else "/users/{user_id}"
                    assert plant.http(name, method, path, user_id="mallory")[0] == 500
    said = plant.said.getvalue()
    assert said.count("KeyError") >= 5
    assert "record failed and will be delivered again" in said
    assert "CloudWatchMetrics" in said
