"""The functions as AWS calls them, on moto: samples, hostile bodies, awkward ids, poison, services that fail."""

from __future__ import annotations

import base64
import importlib.util
import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import pytest

from endcap.api.http import MAX_BODY_BYTES
from endcap.api.routes import ROUTES
from endcap.aws.items import ItemTable
from endcap.aws.profiles import ProfileTable
from endcap.aws.snapshots import SnapshotBucket
from endcap.batch import retryable
from endcap.catalog.item import Item
from endcap.encoders.text import TextEncoder
from endcap.erasure.receipt import is_genuine
from endcap.errors import (
    DeadlineError,
    DependencyError,
    EncoderError,
    InvalidRequestError,
    SnapshotIntegrityError,
    ThrottledError,
)
from endcap.events.counts import LEVELS
from endcap.observability import metrics
from endcap.profiles.erasure import Erasure
from endcap.profiles.profile import UserProfile
from endcap.snapshot.gates import GateError
from tests.fakes import moto_stack
from tests.fakes.hostile_bodies import HOSTILE, HOSTILE_BASE64, deep
from tests.fakes.notes import folded, noted
from tests.fakes.odd_errors import ALL
from tests.fakes.toy_snapshot import TINY_ENCODER, build_toy_snapshot

ROOT = Path(__file__).parents[2]
CONTEXT = SimpleNamespace(
    function_name="function",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:function",
    aws_request_id="request",
    get_remaining_time_in_millis=lambda: 60_000,
)
VIEW = {"user_id": "u", "event_type": "view", "item_id": "i"}

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")


def sample(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return document


class Functions:
    """One fresh execution environment per function, built when first called."""

    def __init__(self) -> None:
        self._apps: dict[str, ModuleType] = {}

    def app(self, name: str) -> ModuleType:
        if name not in self._apps:
            spec = importlib.util.spec_from_file_location(f"{name}_app", ROOT / "functions" / name / "app.py")
            assert spec is not None
            assert spec.loader is not None
            self._apps[name] = app = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(app)
            app.runtime = app.runtime.with_clients(lambda service, _: moto_stack.client(service))
        return self._apps[name]

    def invoke(self, name: str, event: dict[str, Any]) -> Any:
        return self.app(name).handler(event, CONTEXT)

    def http(self, method: str, path: str, body: object = None, **ids: str) -> tuple[int, Any]:
        """Call a route with a JSON body; status and decoded answer."""
        return self.raw(method, path, None if body is None else json.dumps(body), **ids)

    def raw(
        self, method: str, path: str, body: str | None = None, *, base64_encoded: bool = False, **ids: str
    ) -> tuple[int, Any]:
        answer = self.answer(method, path, body, base64_encoded=base64_encoded, **ids)
        return answer["statusCode"], json.loads(answer["body"]) if answer.get("body") else None

    def answer(
        self, method: str, path: str, body: str | None = None, *, base64_encoded: bool = False, **ids: str
    ) -> dict[str, Any]:
        """The gateway's part: the route, else $default, which `collect` answers."""
        function = {(r.method, r.path): r.function for r in ROUTES}.get((method, path))
        filled = path
        for name, value in ids.items():
            filled = filled.replace("{" + name + "}", quote(value, safe=""))
        event = {
            "version": "2.0",
            "routeKey": f"{method} {path}" if function else "$default",
            "rawPath": filled,
            "rawQueryString": "",
            "headers": {"content-type": "application/json"},
            "requestContext": {"http": {"method": method, "path": filled}, "stage": "$default"},
            "isBase64Encoded": base64_encoded,
        }
        if ids:
            event["pathParameters"] = ids
        if body is not None:
            event["body"] = body
        answer: dict[str, Any] = self.invoke(function or "collect", event)
        answer["body"].encode() if answer.get("body") else None
        if answer["statusCode"] >= 400:
            assert answer["headers"]["Content-Type"] == "application/problem+json"
            assert json.loads(answer["body"])["status"] == answer["statusCode"]
        return answer


@pytest.fixture
def functions(tmp_path: Path) -> Iterator[Functions]:
    with (
        moto_stack.stack(),
        patch.dict("os.environ", {"SNAPSHOT_CACHE": str(tmp_path / "snapshots")}),
        patch.object(metrics.provider, "namespace", "endcap"),
    ):
        yield Functions()


ASKS_FOR_ERASURE = {"kind": {"stringValue": "erasure", "dataType": "String"}}


def messages() -> list[str]:
    answer = moto_stack.client("sqs").receive_message(
        QueueUrl=moto_stack.ENVIRONMENT["EVENTS_QUEUE_URL"], MaxNumberOfMessages=10
    )
    return [message["Body"] for message in answer.get("Messages", ())]


def queued() -> list[dict[str, Any]]:
    return [event for body in messages() for event in json.loads(body)["events"]]


def profile(user_id: str) -> UserProfile:
    return ProfileTable(moto_stack.client("dynamodb"), moto_stack.PROFILES).get(user_id, consistent=True).profile


def seen_items(user_id: str) -> set[str]:
    return {entry.item_id for entry in profile(user_id).interactions}


def archived() -> list[dict[str, Any]]:
    return [json.loads(line) for data in moto_stack.objects("events/").values() for line in data.splitlines()]


def quarantined() -> list[dict[str, Any]]:
    return [json.loads(data) for data in moto_stack.objects("quarantine/").values()]


def sqs_event(*bodies: str) -> dict[str, Any]:
    record = sample("update_profile/sqs-one-purchase")["Records"][0]
    return {"Records": [{**record, "messageId": f"m{n}", "body": body} for n, body in enumerate(bodies)]}


def of_own_queue(*bodies: str) -> dict[str, Any]:
    arn = f"arn:aws:sqs:us-east-1:123456789012:{moto_stack.QUEUE}"
    return {"Records": [{**record, "eventSourceARN": arn} for record in sqs_event(*bodies)["Records"]]}


def kinesis_event(*payloads: bytes) -> dict[str, Any]:
    record = sample("update_profile/kinesis-one-purchase")["Records"][0]
    return {
        "Records": [
            {
                **record,
                "kinesis": {
                    **record["kinesis"],
                    "sequenceNumber": f"s{n}",
                    "data": base64.b64encode(payload).decode(),
                },
            }
            for n, payload in enumerate(payloads)
        ]
    }


def failures(answer: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.fixture
def snapshot(functions: Functions, tmp_path: Path) -> str:
    """A promoted toy snapshot, which carries the tiny encoder."""
    bucket = SnapshotBucket(moto_stack.client("s3"), moto_stack.BUCKET, tmp_path / "fixture-cache")
    version = build_toy_snapshot(tmp_path / "toy").version
    bucket.upload(tmp_path / "toy", version)
    bucket.flip(version, None)
    return version


HTTP_SAMPLES = {
    "collect/http-events": 202,
    "collect/http-events-base64": 202,
    "collect/http-events-without-id-or-time": 202,
    "collect/http-ga4-names": 202,
    "collect/http-partly-invalid": 202,
    "collect/http-none-usable": 400,
    "collect/http-not-json": 400,
    "collect/http-unknown-path": 404,
    "collect/http-wrong-method": 405,
    "manage_items/http-bulk": 200,
    "manage_items/http-put-item": 200,
    "manage_items/http-put-item-with-odd-fields": 200,
    "manage_items/http-patch-item": 404,
    "manage_items/http-get-unknown-item": 404,
    "manage_items/http-delete-item": 404,
    "manage_users/http-put-preferences": 200,
    "manage_users/http-refuse": 200,
    "manage_users/http-erase": 200,
    "manage_users/http-profile": 404,
    "manage_users/http-export": 404,
}


@pytest.mark.parametrize("name", HTTP_SAMPLES)
def test_samples_over_http_have_their_status(functions: Functions, name: str) -> None:
    answer = functions.invoke(name.partition("/")[0], sample(name))
    assert answer["statusCode"] == HTTP_SAMPLES[name]
    kind = "application/problem+json" if answer["statusCode"] >= 400 else "application/json"
    assert answer["headers"]["Content-Type"] == kind


BODY_ROUTES = [
    ("POST", "/events", {}),
    ("POST", "/items", {}),
    ("PUT", "/items/{item_id}", {"item_id": "a"}),
    ("PUT", "/users/{user_id}", {"user_id": "u"}),
]


@pytest.mark.parametrize(("method", "path", "ids"), BODY_ROUTES)
class TestHostileBodies:
    def test_are_refused_with_a_reason(self, functions: Functions, method: str, path: str, ids: dict[str, str]) -> None:
        item_without_fields = (
            {"nothing in it", "wrong types", "null character"} if path == "/items/{item_id}" else set()
        )
        statuses = {
            name: functions.raw(method, path, body, **ids)[0]
            for name, body in HOSTILE.items()
            if name not in item_without_fields
        }
        assert statuses == dict.fromkeys(statuses, 400)

    def test_in_base64_are_refused_with_a_reason(
        self, functions: Functions, method: str, path: str, ids: dict[str, str]
    ) -> None:
        statuses = {
            name: functions.raw(method, path, body, base64_encoded=True, **ids)[0]
            for name, body in HOSTILE_BASE64.items()
        }
        assert statuses == dict.fromkeys(HOSTILE_BASE64, 400)

    @pytest.mark.parametrize("letter", ["x", "用", "\\u7528"])
    def test_above_256_kb_are_refused_by_size(
        self, functions: Functions, method: str, path: str, ids: dict[str, str], letter: str
    ) -> None:
        size = MAX_BODY_BYTES // len(letter.encode()) + 1
        assert functions.raw(method, path, f'{{"a": "{letter * size}"}}', **ids)[0] == 413
        encoded = base64.b64encode(b'"' + b"x" * MAX_BODY_BYTES + b'"').decode()
        assert functions.raw(method, path, encoded, base64_encoded=True, **ids)[0] == 413

    def test_leave_nothing_behind(self, functions: Functions, method: str, path: str, ids: dict[str, str]) -> None:
        for name in ("5,000 digits", "NaN", "lone surrogate", "a list"):
            functions.raw(method, path, HOSTILE[name], **ids)
        assert queued() == []
        for table in (moto_stack.ITEMS, moto_stack.PROFILES):
            assert moto_stack.client("dynamodb").scan(TableName=table)["Count"] == 0


class TestRoutes:
    @pytest.mark.parametrize(
        ("method", "path", "allow"),
        [
            ("GET", "/events", "POST"),
            ("HEAD", "/events", "POST"),
            ("OPTIONS", "/events", "POST"),
            ("POST", "/items/a", "DELETE, GET, PATCH, PUT"),
            ("GET", "/items", "POST"),
            ("POST", "/users/u", "DELETE, PUT"),
            ("DELETE", "/users/u/profile", "GET"),
            ("POST", "/health", "GET"),
        ],
    )
    def test_another_method_is_told_which_are_allowed(
        self, functions: Functions, method: str, path: str, allow: str
    ) -> None:
        answer = functions.answer(method, path)
        assert (answer["statusCode"], answer["headers"]["Allow"]) == (405, allow)

    @pytest.mark.parametrize("path", ["/", "/nothing", "/events/", "/users", "/items/a/b/c", "/用"])
    def test_another_path_is_unknown(self, functions: Functions, path: str) -> None:
        assert functions.answer("GET", path)["statusCode"] == 404

    @pytest.mark.parametrize(
        ("method", "path", "ids"),
        [
            ("GET", "/items/{item_id}", {"item_id": "nobody"}),
            ("DELETE", "/items/{item_id}", {"item_id": "nobody"}),
            ("GET", "/users/{user_id}/profile", {"user_id": "nobody"}),
            ("GET", "/users/{user_id}/export", {"user_id": "nobody"}),
        ],
    )
    def test_unknown_ids_are_not_found(self, functions: Functions, method: str, path: str, ids: dict[str, str]) -> None:
        assert functions.http(method, path, **ids)[0] == 404

    @pytest.mark.parametrize("bad", ["x" * 129, "用" * 43, "a\u0000b", "line\nbreak", "\u0085"])
    @pytest.mark.parametrize(
        ("method", "path"), [(r.method, r.path) for r in ROUTES if "{" in r.path and r.function != "recommend"]
    )
    def test_what_can_be_no_id_is_refused(self, functions: Functions, method: str, path: str, bad: str) -> None:
        name = path.partition("{")[2].partition("}")[0]
        body = {"title": "Lamp"} if name == "item_id" else {"attributes": {"a": 1}}
        assert functions.http(method, path, body, **{name: bad})[0] == 400


AWKWARD_IDS = [
    "a/b",
    "/",
    "灯/笼",
    "😀",
    "100%",
    "%2F",
    "%25",
    "a b",
    "a+b",
    "?q=1&r=2",
    "#",
    "..",
    ".",
    "{item_id}",
    '"quoted"',
    "a\\b",
    "<script>",
    "\u200b",
    "x" * 128,
]


@pytest.mark.parametrize("name", AWKWARD_IDS)
class TestAwkwardIds:
    def test_of_items_come_back(self, functions: Functions, name: str) -> None:
        assert functions.http("PUT", "/items/{item_id}", {"title": "Lamp"}, item_id=name) == (
            200,
            {"item_id": name, "changed": True},
        )
        status, item = functions.http("GET", "/items/{item_id}", item_id=name)
        assert (status, item["item_id"], item["title"]) == (200, name, "Lamp")
        assert functions.http("DELETE", "/items/{item_id}", item_id=name) == (204, None)
        assert functions.http("GET", "/items/{item_id}", item_id=name)[0] == 404

    def test_of_users_come_back(self, functions: Functions, name: str) -> None:
        assert functions.http("PUT", "/users/{user_id}", {"attributes": {"a": 1}}, user_id=name)[0] == 200
        status, exported = functions.http("GET", "/users/{user_id}/export", user_id=name)
        assert (status, exported["user_id"], exported["attributes"]) == (200, name, {"a": 1})


def test_an_id_names_one_thing_in_either_normal_form(functions: Functions) -> None:
    functions.http("PUT", "/items/{item_id}", {"title": "Cup"}, item_id="cafe\u0301")
    assert functions.http("GET", "/items/{item_id}", item_id="caf\u00e9")[1]["item_id"] == "caf\u00e9"
    functions.invoke("update_profile", sqs_event(json.dumps({**VIEW, "user_id": "caf\u00e9"})))
    assert functions.http("GET", "/users/{user_id}/profile", user_id="cafe\u0301")[0] == 200


class TestCollect:
    def test_accepted_events_are_on_the_queue(self, functions: Functions) -> None:
        functions.invoke("collect", sample("collect/http-events"))
        assert [event["event_id"] for event in queued()] == ["e-1", "e-2", "e-3"]

    def test_a_name_given_twice_counts_by_its_last_value(self, functions: Functions) -> None:
        body = '{"events": [], "events": [{"user_id": "u", "user_id": "v", "event_type": "view", "item_id": "i"}]}'
        assert functions.raw("POST", "/events", body)[0] == 202
        assert queued()[0]["user_id"] == "v"

    def test_hostile_events_do_not_take_their_neighbours_with_them(self, functions: Functions) -> None:
        hostile = [{**VIEW, "timestamp": 10**300}, {**VIEW, "value": "NaN"}, {**VIEW, "user_id": ["u"]}, None]
        status, answer = functions.http("POST", "/events", {"events": [VIEW, *hostile, VIEW]})
        assert (status, answer["accepted"]) == (202, 3)
        assert [r["index"] for r in answer["rejected"]] == [1, 3, 4]
        assert [w["index"] for w in answer["warnings"] if w["field"] == "value"] == [2]
        assert ["value" in event for event in queued()] == [False] * 3

    def test_without_its_queue_it_asks_to_be_called_again(self, functions: Functions) -> None:
        moto_stack.client("sqs").delete_queue(QueueUrl=moto_stack.ENVIRONMENT["EVENTS_QUEUE_URL"])
        answer = functions.answer("POST", "/events", json.dumps({"events": [VIEW, {}]}))
        assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (503, "1")
        rejected = json.loads(answer["body"])["rejected"]
        assert [(r["index"], r["retryable"]) for r in rejected] == [(0, True), (1, False)]


class TestUpdateProfile:
    def test_a_purchase_is_archived_and_in_the_profile(self, functions: Functions) -> None:
        event = sample("update_profile/sqs-one-purchase")
        assert functions.invoke("update_profile", event) == {"batchItemFailures": []}
        (document,) = archived()
        (entry,) = profile(document["user_id"]).strong
        assert (entry.event_type, entry.item_id) == ("purchase", document["item_id"])

    @pytest.mark.parametrize("source", ["sqs", "kinesis"])
    def test_poison_amid_a_batch_is_put_aside(self, functions: Functions, source: str) -> None:
        answer = functions.invoke("update_profile", sample(f"update_profile/{source}-poisoned-in-the-middle"))
        assert failures(answer) == []
        assert len(seen_items("u-1001")) == 2
        (kept,) = quarantined()
        assert (kept["source"], bool(kept["errors"])) == (source, True)

    def test_every_kind_of_poison_is_put_aside(self, functions: Functions) -> None:
        poison = [body for body in HOSTILE.values() if body.encode("utf-8", "ignore")]
        good = [json.dumps({**VIEW, "item_id": item_id}) for item_id in ("first", "last")]
        answer = functions.invoke("update_profile", sqs_event(good[0], *poison, good[1]))
        assert failures(answer) == []
        assert seen_items("u") == {"first", "last"}

    def test_bytes_of_any_kind_are_put_aside(self, functions: Functions) -> None:
        poison = [b"", b"\xff", b"\x00" * 100, b"\x1f\x8b\x08 gzip", b'"\xed\xa0\x80"', deep(2000).encode()]
        good = [json.dumps({**VIEW, "item_id": item_id}).encode() for item_id in ("first", "last")]
        answer = functions.invoke("update_profile", kinesis_event(good[0], *poison, good[1]))
        assert failures(answer) == []
        assert seen_items("u") == {"first", "last"}
        assert len(quarantined()) == len(poison)

    def test_a_repeated_delivery_changes_nothing(self, functions: Functions) -> None:
        event = sample("update_profile/sqs-repeated-event")
        functions.invoke("update_profile", event)
        rows = moto_stack.client("dynamodb").scan(TableName=moto_stack.PROFILES)["Items"]
        functions.invoke("update_profile", event)
        assert moto_stack.client("dynamodb").scan(TableName=moto_stack.PROFILES)["Items"] == rows

    def test_live_counts_count_a_repeated_delivery_once_and_their_failure_fails_nothing(
        self, functions: Functions
    ) -> None:
        event = sqs_event(json.dumps(VIEW), json.dumps({**VIEW, "user_id": "v"}))
        for record in event["Records"]:
            record["attributes"] = {**record["attributes"], "SentTimestamp": str(int(time.time() * 1000))}
        counters = functions.app("update_profile").runtime.counters
        for _ in range(2):
            assert failures(functions.invoke("update_profile", event)) == []
            assert failures(functions.invoke("fold_counts", noted())) == []
            for level in LEVELS:
                assert list(folded(level).values()) == [{"di": 2, "pi": 2}]
        with patch.object(counters, "add", side_effect=DependencyError("down")) as add:
            event["Records"][0]["body"] = json.dumps({**VIEW, "user_id": "w"})
            assert failures(functions.invoke("update_profile", event)) == []
        assert add.called
        assert seen_items("w") == {"i"}

    def test_whatever_is_raised_while_counting_no_record_fails(self, functions: Functions) -> None:
        counters = functions.app("update_profile").runtime.counters
        for number, exc in enumerate(ALL):
            event = sqs_event(json.dumps({**VIEW, "user_id": f"u{number}"}))
            event["Records"][0]["attributes"] = {"SentTimestamp": str(int(time.time() * 1000))}
            with patch.object(counters, "add", side_effect=exc) as add:
                assert failures(functions.invoke("update_profile", event)) == []
            assert add.called
            assert seen_items(f"u{number}") == {"i"}

    @pytest.mark.parametrize("damage", [{"attributes": {"SentTimestamp": "soon"}}, {"body": None}, {"attributes": 3}])
    def test_a_message_that_can_not_be_unpacked_is_put_aside(
        self, functions: Functions, damage: dict[str, Any]
    ) -> None:
        event = sqs_event(json.dumps(VIEW), json.dumps(VIEW), json.dumps({**VIEW, "user_id": "v"}))
        event["Records"][1] |= damage
        assert failures(functions.invoke("update_profile", event)) == []
        assert seen_items("u") == seen_items("v") == {"i"}
        assert len(quarantined()) == 1

    def test_stream_data_that_is_no_base64_is_put_aside(self, functions: Functions) -> None:
        event = kinesis_event(json.dumps(VIEW).encode(), b"", json.dumps({**VIEW, "user_id": "v"}).encode())
        event["Records"][1]["kinesis"]["data"] = "*"
        assert failures(functions.invoke("update_profile", event)) == []
        assert seen_items("u") == seen_items("v") == {"i"}
        assert len(quarantined()) == 1

    def test_what_failed_comes_later_each_time_and_what_came_too_late_at_once(self, functions: Functions) -> None:
        app, sqs = functions.app("update_profile"), moto_stack.client("sqs")
        waits: dict[int, int] = {}
        for count in (1, 2, 5, 8, 9, 250):
            event = sqs_event(json.dumps(VIEW))
            event["Records"][0]["attributes"] = {
                **event["Records"][0]["attributes"],
                "ApproximateReceiveCount": str(count),
            }
            event["Records"][0]["eventSourceARN"] = "arn:aws:sqs:us-east-1:123456789012:storefront"
            with (
                patch.object(app.runtime.archive, "put", side_effect=DependencyError("down")),
                patch.object(sqs, "change_message_visibility_batch", create=True) as put_off,
            ):
                assert failures(functions.invoke("update_profile", event)) == ["m0"]
            assert put_off.call_args.kwargs["QueueUrl"].endswith("/123456789012/storefront")
            (entry,) = put_off.call_args.kwargs["Entries"]
            waits[count] = entry["VisibilityTimeout"]
        longest = {count: min(5 * 2 ** (count - 1), 900) for count in waits}
        assert all(longest[count] / 2 <= waits[count] <= longest[count] for count in waits), waits
        for count, longest_s in ((1, 0), (3, 0), (4, 40)):
            event = sqs_event(json.dumps(VIEW))
            attributes = {**event["Records"][0]["attributes"], "ApproximateReceiveCount": str(count)}
            event["Records"][0]["attributes"] = attributes
            with (
                patch.object(app.runtime.archive, "put", side_effect=DeadlineError("late")),
                patch.object(sqs, "change_message_visibility_batch", create=True) as put_off,
            ):
                functions.invoke("update_profile", event)
            (entry,) = put_off.call_args.kwargs["Entries"]
            assert longest_s / 2 <= entry["VisibilityTimeout"] <= longest_s

    def test_a_queue_that_puts_nothing_off_changes_no_record_s_fate(self, functions: Functions) -> None:
        app = functions.app("update_profile")
        with (
            patch.object(app.runtime.archive, "put", side_effect=DependencyError("down")),
            patch.object(app.runtime.redelivery, "put_off", side_effect=DependencyError("down too")),
        ):
            assert failures(functions.invoke("update_profile", sqs_event(json.dumps(VIEW), "poison"))) == ["m0"]

    def test_what_could_not_be_archived_comes_again_and_is_not_lost(self, functions: Functions) -> None:
        event = sqs_event(json.dumps(VIEW), "poison", json.dumps({**VIEW, "user_id": "v"}))
        archive = functions.app("update_profile").runtime.archive
        with patch.object(archive, "put", side_effect=DependencyError("down")):
            assert failures(functions.invoke("update_profile", event)) == ["m0", "m2"]
        assert archived() == []
        assert failures(functions.invoke("update_profile", event)) == []
        assert (seen_items("u"), seen_items("v"), len(archived())) == ({"i"}, {"i"}, 2)
        assert len(quarantined()) == 1

    def test_a_profile_that_can_not_be_written_fails_its_own_records_only(self, functions: Functions) -> None:
        dynamodb = moto_stack.client("dynamodb")
        put_item = dynamodb.put_item

        def throttled(**request: Any) -> Any:
            if request["Item"]["user_id"]["S"] == "v":
                error = {"Error": {"Code": "ProvisionedThroughputExceededException"}}
                raise dynamodb.exceptions.ClientError(error, "PutItem")
            return put_item(**request)

        events = [{**VIEW, "user_id": user_id} for user_id in ("u", "v", "w")]
        with patch.object(dynamodb, "put_item", throttled):
            answer = functions.invoke("update_profile", kinesis_event(*(json.dumps(e).encode() for e in events)))
        assert failures(answer) == ["s1"]
        assert [seen_items(user_id) for user_id in ("u", "v", "w")] == [{"i"}, set(), {"i"}]

    def test_without_quarantine_poison_is_delivered_again(self, functions: Functions) -> None:
        quarantine = functions.app("update_profile").runtime.quarantine
        with patch.object(quarantine, "put", side_effect=DependencyError("down")):
            answer = functions.invoke("update_profile", sqs_event(json.dumps(VIEW), "poison"))
        assert failures(answer) == ["m1"]
        assert seen_items("u") == {"i"}

    def test_words_are_kept_as_the_current_encoder_reads_them(self, functions: Functions, snapshot: str) -> None:
        search = {"user_id": "u", "event_type": "search", "text": "green lamp"}
        assert failures(functions.invoke("update_profile", sqs_event(json.dumps(search)))) == []
        (signal,) = profile("u").texts
        assert signal.tag == TextEncoder.from_dir(TINY_ENCODER).tag
        assert len(signal.vector) == TextEncoder.from_dir(TINY_ENCODER).config.d_text

    def test_words_are_kept_without_a_vector_before_the_first_snapshot(self, functions: Functions) -> None:
        search = {"user_id": "u", "event_type": "search", "text": "green lamp"}
        functions.invoke("update_profile", sqs_event(json.dumps(search)))
        assert profile("u").texts[0].vector == b""

    def test_an_identify_hands_the_anonymous_history_over(self, functions: Functions) -> None:
        functions.invoke("update_profile", sample("update_profile/sqs-identify"))
        assert seen_items("u-1001") == seen_items("anon:anon-77") == {"item-10"}


class TestManageItems:
    def test_a_put_that_changes_nothing_says_so(self, functions: Functions) -> None:
        event = sample("manage_items/http-put-item")
        changed = [json.loads(functions.invoke("manage_items", event)["body"])["changed"] for _ in range(2)]
        assert changed == [True, False]

    def test_bulk_lists_what_it_could_not_use(self, functions: Functions) -> None:
        answer = json.loads(functions.invoke("manage_items", sample("manage_items/http-bulk"))["body"])
        assert (answer["accepted"], answer["changed"], [r["index"] for r in answer["rejected"]]) == (2, 2, [2])
        status, item = functions.http("GET", "/items/{item_id}", item_id="mug-1")
        assert (status, item["title"]) == (200, "红色陶瓷马克杯")

    def test_a_body_that_names_another_item_is_refused(self, functions: Functions) -> None:
        status, answer = functions.http("PUT", "/items/{item_id}", {"item_id": "b", "title": "Lamp"}, item_id="a")
        assert (status, answer["errors"][0]["field"]) == (400, "item_id")

    def test_a_patch_changes_what_it_names(self, functions: Functions) -> None:
        lamp = {"title": "Lamp", "price": 9.5, "categories": ["home"]}
        functions.http("PUT", "/items/{item_id}", lamp, item_id="a")
        status, answer = functions.http("PATCH", "/items/{item_id}", {"quantity": 0, "prize": 3}, item_id="a")
        warning = {"field": "prize", "message": "is no field of an item and was left out; did you mean price?"}
        assert (status, answer) == (200, {"item_id": "a", "changed": True, "warnings": [warning]})
        kept = functions.http("GET", "/items/{item_id}", item_id="a")[1]
        assert kept == {"item_id": "a", **lamp, "available": False}
        assert functions.http("PATCH", "/items/{item_id}", {"price": 1}, item_id="ghost")[0] == 404
        status, answer = functions.http("PATCH", "/items/{item_id}", {"prize": 3}, item_id="a")
        assert (status, answer["errors"]) == (400, [warning])

    def test_a_put_without_a_title_takes_none_away(self, functions: Functions) -> None:
        functions.http("PUT", "/items/{item_id}", {"title": "Lamp", "price": 9.5}, item_id="a")
        status, answer = functions.http("PUT", "/items/{item_id}", {"available": False}, item_id="a")
        assert (status, answer["errors"][0]["field"]) == (400, "title")
        assert "PATCH" in answer["errors"][0]["message"]
        assert functions.http("GET", "/items/{item_id}", item_id="a")[1]["price"] == 9.5

    def test_odd_fields_are_left_out_and_told(self, functions: Functions) -> None:
        answer = json.loads(
            functions.invoke("manage_items", sample("manage_items/http-put-item-with-odd-fields"))["body"]
        )
        assert [w["field"] for w in answer["warnings"]] == ["colour", "prise", "price"]
        _, item = functions.http("GET", "/items/{item_id}", item_id="lamp-2")
        assert (item["title"], item["categories"], item["available"]) == ("Desk lamp", ["Home", "Lamps"], False)

    def test_the_largest_item_that_a_body_holds_is_kept(self, functions: Functions) -> None:
        attributes = {f"attribute-{n}": "\\u7528" * 400 for n in range(90)}
        body = json.dumps({"title": "Lamp", "attributes": attributes}).replace("\\\\", "\\")
        assert MAX_BODY_BYTES * 0.8 < len(body) <= MAX_BODY_BYTES
        assert functions.raw("PUT", "/items/{item_id}", body, item_id="a")[0] == 200
        assert functions.http("GET", "/items/{item_id}", item_id="a")[1]["attributes"]["attribute-0"] == "用" * 400

    @pytest.mark.parametrize(
        ("code", "status"),
        [("ThrottlingException", 503), ("InternalServerError", 503), ("ResourceNotFoundException", 503)],
    )
    def test_a_table_that_does_not_answer_is_no_missing_item(
        self, functions: Functions, code: str, status: int
    ) -> None:
        dynamodb = moto_stack.client("dynamodb")
        error = dynamodb.exceptions.ClientError({"Error": {"Code": code}}, "GetItem")
        with patch.object(dynamodb, "get_item", side_effect=error):
            assert functions.http("GET", "/items/{item_id}", item_id="a")[0] == status


RANKS_NOTHING = {"field": "preferences.size", "message": "is kept, and ranks nothing: categories and brands do"}


class TestManageUsers:
    def test_what_was_said_and_done_is_told_and_exported(self, functions: Functions) -> None:
        functions.http("PUT", "/items/{item_id}", {"title": "Lamp", "brand": "Acme"}, item_id="lamp")
        functions.invoke("update_profile", sqs_event(json.dumps({**VIEW, "item_id": "lamp"})))
        answer = functions.http("PUT", "/users/{user_id}", {"preferences": {"size": "M"}}, user_id="u")
        assert answer == (200, {"user_id": "u", "profile_version": 2, "warnings": [RANKS_NOTHING]})
        status, told = functions.http("GET", "/users/{user_id}/profile", user_id="u")
        assert (status, told["profile_version"], told["preferences"]) == (200, 2, {"size": "M"})
        assert [(entry["item_id"], entry["title"]) for entry in told["items"]] == [("lamp", "Lamp")]
        assert [brand["name"] for brand in told["interests"]["brands"]] == ["Acme"]
        _, exported = functions.http("GET", "/users/{user_id}/export", user_id="u")
        assert [entry["item_id"] for entry in exported["interactions"]] == ["lamp"]

    def test_erasing_leaves_a_receipt_and_a_tombstone_and_no_profile(self, functions: Functions) -> None:
        event = sqs_event(json.dumps(VIEW))
        functions.invoke("update_profile", event)
        functions.http("PUT", "/users/{user_id}", {"attributes": {"age": 31}}, user_id="u")
        status, receipt = functions.http("DELETE", "/users/{user_id}", user_id="u")
        assert (status, receipt["removed"]["interactions"], receipt["remaining"]["interactions"]) == (200, 1, 0)
        assert functions.http("GET", "/users/{user_id}/profile", user_id="u")[0] == 404
        status, exported = functions.http("GET", "/users/{user_id}/export", user_id="u")
        assert (status, exported["deleted_at"]) == (200, receipt["deleted_at"])
        assert not exported["interactions"]
        assert exported["attributes"] is None
        # AND a delivery from before brings nothing back
        functions.invoke("update_profile", event)
        assert functions.http("GET", "/users/{user_id}/profile", user_id="u")[0] == 404

    def test_erasing_reaches_the_anonymous_ids(self, functions: Functions) -> None:
        anonymous = {**VIEW, "user_id": None, "anonymous_id": "cookie", "timestamp": 1_700_000_000}
        link = {"user_id": "u", "event_type": "identify", "anonymous_id": "cookie", "timestamp": 1_700_000_001}
        functions.invoke("update_profile", sqs_event(json.dumps({"events": [anonymous, link]})))
        assert functions.http("GET", "/users/{user_id}/profile", user_id="anon:cookie")[0] == 200
        functions.http("DELETE", "/users/{user_id}", user_id="u")
        assert functions.http("GET", "/users/{user_id}/profile", user_id="anon:cookie")[0] == 404
        rows = moto_stack.client("dynamodb").scan(TableName=moto_stack.PROFILES)["Items"]
        assert all("ttl" not in row for row in rows)

    def test_erasing_many_devices_is_finished_in_the_background(self, functions: Functions) -> None:
        many = []
        for n in range(6):
            many.append({**VIEW, "user_id": None, "anonymous_id": f"c{n}", "timestamp": 1_700_000_000})
            many.append({"user_id": "u", "event_type": "identify", "anonymous_id": f"c{n}", "timestamp": 1_700_000_001})
        functions.invoke("update_profile", sqs_event(json.dumps({"events": many})))
        _, receipt = functions.http("DELETE", "/users/{user_id}", user_id="u")
        assert (receipt["status"], receipt["pending_anonymous_ids"]) == ("pending", 6)
        assert functions.http("GET", "/users/{user_id}/profile", user_id="u")[0] == 404
        _, exported = functions.http("GET", "/users/{user_id}/export", user_id="u")
        assert (exported["erasure"]["status"], exported["erasure"]["pending_anonymous_ids"]) == ("pending", 6)
        (message,) = messages()
        # WHEN the same words come from another queue, or without the attribute, as a bus or a replay would send them
        foreign, plain = sqs_event(message), of_own_queue(message)
        foreign["Records"][0]["messageAttributes"] = ASKS_FOR_ERASURE
        for forged in (foreign, plain):
            assert failures(functions.invoke("update_profile", forged)) == []
        assert functions.http("GET", "/users/{user_id}/profile", user_id="anon:c5")[0] == 200
        # BUT the events queue is heard, as often as it says so
        own = of_own_queue(json.dumps({**VIEW, "user_id": "neighbour"}), message, message)
        for record in own["Records"][1:]:
            record["messageAttributes"] = ASKS_FOR_ERASURE
        assert failures(functions.invoke("update_profile", own)) == []
        assert seen_items("neighbour") == {"i"}
        _, exported = functions.http("GET", "/users/{user_id}/export", user_id="u")
        assert (exported["erasure"]["status"], exported["erasure"]["pending_anonymous_ids"]) == ("done", 0)
        assert [functions.http("GET", "/users/{user_id}/profile", user_id=f"anon:c{n}")[0] for n in range(6)] == [
            404
        ] * 6

    def test_an_erasure_that_failed_comes_again_alone(self, functions: Functions) -> None:
        event = of_own_queue(json.dumps(Erasure("u", 1_700_000_000_000).document()), json.dumps(VIEW))
        event["Records"][0]["messageAttributes"] = ASKS_FOR_ERASURE
        with patch("endcap.profiles.erasure.delete_user", side_effect=DependencyError("down")):
            assert failures(functions.invoke("update_profile", event)) == ["m0"]
        assert seen_items("u") == {"i"}

    @pytest.mark.parametrize("damaged", [False, True])
    def test_an_erasure_whose_ledger_is_away_is_carried_out_when_it_is_back(
        self, functions: Functions, damaged: bool
    ) -> None:
        functions.invoke("update_profile", sqs_event(json.dumps(VIEW)))
        if damaged:
            row = {"user_id": {"S": "u"}, "version": {"N": "3"}, "profile": {"B": b"\xff"}}
            moto_stack.client("dynamodb").put_item(TableName=moto_stack.PROFILES, Item=row)
        with patch("endcap.aws.erasures.LedgerCopy.put", side_effect=ThrottledError("SlowDown")):
            status, answer = functions.http("DELETE", "/users/{user_id}", user_id="u")
        assert (status, answer["status"]) == (202, "accepted")
        event = of_own_queue(*messages())
        event["Records"][0]["messageAttributes"] = ASKS_FOR_ERASURE
        assert failures(functions.invoke("update_profile", event)) == []
        status, exported = functions.http("GET", "/users/{user_id}/export", user_id="u")
        assert (status, exported["interactions"], exported["erasure"]["status"]) == (200, [], "done")
        assert exported["erasure"]["receipt"]["status"] == "pending"

    def test_an_erasure_that_can_not_be_queued_is_not_begun(self, functions: Functions) -> None:
        links = [{"user_id": "u", "event_type": "identify", "anonymous_id": f"c{n}"} for n in range(6)]
        functions.invoke("update_profile", sqs_event(json.dumps({"events": [VIEW, *links]})))
        with patch.object(functions.app("manage_users").runtime.queue, "send_message", side_effect=DependencyError("")):
            assert functions.http("DELETE", "/users/{user_id}", user_id="u")[0] == 503
        assert functions.http("GET", "/users/{user_id}/profile", user_id="u")[0] == 200

    def test_receipts_say_how_far_the_purge_has_come_and_outlive_the_profile(self, functions: Functions) -> None:
        functions.invoke("update_profile", sqs_event(json.dumps({"events": [VIEW, {**VIEW, "user_id": "v"}]})))
        _, answer = functions.http("DELETE", "/users/{user_id}", user_id="u")
        receipt = answer["receipt"]
        secret = functions.app("manage_users").runtime.erasures.secret
        assert is_genuine(receipt, secret)
        assert "u" not in receipt["subject"]
        stores = {row["store"]: row.get("removed") for row in receipt["stores"]}
        assert (receipt["status"], stores["profiles"], stores["archive"]) == ("pending", 1, 0)
        status, exported = functions.http("GET", "/users/{user_id}/export", user_id="u")
        assert (status, exported["erasure"]["receipt"]) == (200, receipt)
        later = time.time() + 20 * 86_400
        with patch("time.time", return_value=later):
            report = functions.invoke("purge_erased", {})
        assert (report["status"], report["pending"]) == ("done", 0)
        status, exported = functions.http("GET", "/users/{user_id}/export", user_id="u")
        receipt = exported["erasure"]["receipt"]
        stores = {row["store"]: row.get("removed") for row in receipt["stores"]}
        assert (status, exported["profile_version"], exported["interactions"]) == (200, 0, [])
        assert (receipt["status"], stores["profiles"], stores["archive"]) == ("purged", 2, 1)
        assert is_genuine(receipt, secret)
        assert functions.http("GET", "/users/{user_id}/export", user_id="w")[0] == 404

    @pytest.mark.parametrize("damage", [{"profile": {"B": b"\xff of a later format"}}, {"version": {"S": "x"}}])
    def test_a_row_that_nobody_can_read_can_be_exported_and_erased(
        self, functions: Functions, damage: dict[str, Any]
    ) -> None:
        row = {"user_id": {"S": "u"}, "version": {"N": "3"}, "profile": {"B": b"\xff"}, **damage}
        moto_stack.client("dynamodb").put_item(TableName=moto_stack.PROFILES, Item=row)
        status, exported = functions.http("GET", "/users/{user_id}/export", user_id="u")
        told = exported["unreadable_row"]
        assert (status, base64.b64decode(told["profile"]["B"])) == (200, row["profile"]["B"])
        status, answer = functions.http("DELETE", "/users/{user_id}", user_id="u")
        assert (status, answer["unreadable"], answer["status"]) == (200, True, "done")
        assert functions.http("GET", "/users/{user_id}/profile", user_id="u")[0] == 404
        functions.invoke("update_profile", sqs_event(json.dumps({**VIEW, "timestamp": 1_700_000_000})))
        assert seen_items("u") == set()

    def test_an_anonymous_shopper_may_see_say_and_erase_the_same(self, functions: Functions) -> None:
        event = sqs_event(json.dumps({**VIEW, "user_id": None, "anonymous_id": "cookie"}))
        functions.invoke("update_profile", event)
        told = functions.http("PUT", "/users/{user_id}", {"preferences": {"size": "M"}}, user_id="anon:cookie")
        assert told == (200, {"anonymous_id": "cookie", "profile_version": 2, "warnings": [RANKS_NOTHING]})
        _, exported = functions.http("GET", "/users/{user_id}/export", user_id="anon:cookie")
        assert (exported["anonymous_id"], exported["preferences"]) == ("cookie", {"size": "M"})
        assert functions.http("GET", "/users/{user_id}/export", user_id="cookie")[0] == 404
        _, receipt = functions.http("DELETE", "/users/{user_id}", user_id="anon:cookie")
        assert (receipt["anonymous_id"], receipt["status"]) == ("cookie", "done")
        functions.invoke("update_profile", event)
        assert functions.http("GET", "/users/{user_id}/profile", user_id="anon:cookie")[0] == 404

    @pytest.mark.parametrize("word", ["undefined", "NaN", "(not set)"])
    def test_nothing_is_stated_about_nobody(self, functions: Functions, word: str) -> None:
        assert functions.http("PUT", "/users/{user_id}", {"attributes": {"age": 3}}, user_id=word)[0] == 400

    def test_someone_unknown_may_be_erased(self, functions: Functions) -> None:
        assert functions.http("DELETE", "/users/{user_id}", user_id="nobody")[0] == 200

    def test_a_damaged_profile_is_no_outage_of_a_service(self, functions: Functions) -> None:
        row = {"user_id": {"S": "u"}, "profile": {"B": b"\x63"}, "version": {"N": "1"}}
        moto_stack.client("dynamodb").put_item(TableName=moto_stack.PROFILES, Item=row)
        assert functions.http("GET", "/users/{user_id}/profile", user_id="u")[0] == 500


class TestEmbedItem:
    @staticmethod
    def stream_event(*item_ids: str) -> dict[str, Any]:
        """What the stream of the items table tells of these rows as they are."""
        template = sample("embed_item/dynamodb-new-item")["Records"][0]
        records = []
        for n, item_id in enumerate(item_ids):
            key = {"item_id": {"S": item_id}}
            row = moto_stack.client("dynamodb").get_item(TableName=moto_stack.ITEMS, Key=key)["Item"]
            image = {k: {"B": base64.b64encode(v["B"]).decode()} if "B" in v else v for k, v in row.items()}
            told = {**template["dynamodb"], "Keys": key, "NewImage": image, "SequenceNumber": f"n{n}"}
            records.append({**template, "dynamodb": told})
        return {"Records": records}

    @staticmethod
    def vectors(item_id: str) -> set[bytes]:
        table = ItemTable(moto_stack.client("dynamodb"), moto_stack.ITEMS)
        return {tag for row in table.scan() if row.item_id == item_id for tag in row.vectors}

    def test_a_new_item_gets_the_vector_of_its_text_once(self, functions: Functions, snapshot: str) -> None:
        functions.http("PUT", "/items/{item_id}", {"title": "Lamp"}, item_id="lamp")
        assert failures(functions.invoke("embed_item", self.stream_event("lamp"))) == []
        assert self.vectors("lamp") == {TextEncoder.from_dir(TINY_ENCODER).tag}
        before = moto_stack.client("dynamodb").scan(TableName=moto_stack.ITEMS)["Items"]
        functions.invoke("embed_item", self.stream_event("lamp"))
        assert moto_stack.client("dynamodb").scan(TableName=moto_stack.ITEMS)["Items"] == before

    def test_before_the_first_snapshot_it_leaves_items_to_the_promotion(self, functions: Functions) -> None:
        functions.http("PUT", "/items/{item_id}", {"title": "Lamp"}, item_id="lamp")
        assert failures(functions.invoke("embed_item", self.stream_event("lamp"))) == []
        assert self.vectors("lamp") == set()

    def test_a_poisoned_record_is_told_of_and_holds_up_no_other(self, functions: Functions, snapshot: str) -> None:
        functions.http("POST", "/items", {"items": [{"item_id": "a", "title": "A"}, {"item_id": "b", "title": "B"}]})
        event = self.stream_event("a", "b", "b")
        event["Records"][1]["dynamodb"]["NewImage"]["document"] = {"S": "{not json"}
        assert failures(functions.invoke("embed_item", event)) == []
        assert self.vectors("a")
        assert self.vectors("b")
        url = moto_stack.ENVIRONMENT["STREAM_FAILURES_QUEUE_URL"]
        (message,) = moto_stack.client("sqs").receive_message(QueueUrl=url)["Messages"]
        assert json.loads(message["Body"]) == {
            "function": "embed_item",
            "keys": {"item_id": {"S": "b"}},
            "reason": "JSONDecodeError",
        }

    @pytest.mark.parametrize("step", ["read", "encode", "write"])
    def test_whatever_is_raised_over_one_item_the_others_get_their_vectors(
        self, functions: Functions, snapshot: str, step: str
    ) -> None:
        app = functions.app("embed_item")
        encoder = app.runtime.encoder.get().encoder
        steps = {
            "read": (app, "read_stream_image"),
            "encode": (encoder, "encode"),
            "write": (app.runtime.items, "put_vector"),
        }
        owner, name = steps[step]
        call = getattr(owner, name)
        for number, exc in enumerate(ALL):
            names = [f"a-{number}", f"doomed-{number}", f"b-{number}"]
            functions.http("POST", "/items", {"items": [{"item_id": i, "title": f"title of {i}"} for i in names]})

            def over(*arguments: Any, exc: Exception = exc) -> Any:
                if "doomed" in str(arguments):
                    raise exc
                return call(*arguments)

            with patch.object(owner, name, over):
                failed = failures(functions.invoke("embed_item", self.stream_event(*names)))
            # An encoder that is loaded and fails on a text fails on it for good.
            again = retryable(exc) and not isinstance(exc, EncoderError)
            assert failed == (["n1"] if again else []), exc
            url = moto_stack.ENVIRONMENT["STREAM_FAILURES_QUEUE_URL"]
            told = moto_stack.client("sqs").receive_message(QueueUrl=url).get("Messages", ())
            assert [json.loads(m["Body"])["keys"]["item_id"]["S"] for m in told] == ([] if again else [names[1]])
            assert [bool(self.vectors(i)) for i in names] == [True, False, True], exc

    def test_samples_are_understood(self, functions: Functions, snapshot: str) -> None:
        for path in sorted((ROOT / "events" / "embed_item").glob("*.json")):
            event = sample(f"embed_item/{path.stem}")
            poisoned = [r["dynamodb"]["SequenceNumber"] for r in event["Records"] if "{not json" in json.dumps(r)]
            assert set(failures(functions.invoke("embed_item", event))) <= set(poisoned)


class TestPromote:
    @pytest.fixture
    def bucket(self, functions: Functions, tmp_path: Path) -> SnapshotBucket:
        return SnapshotBucket(moto_stack.client("s3"), moto_stack.BUCKET, tmp_path / "bucket-cache")

    @staticmethod
    def build(bucket: SnapshotBucket, folder: Path, n_items: int = 40) -> str:
        version = build_toy_snapshot(folder, n_items).version
        bucket.upload(folder, version)
        return version

    def test_the_first_snapshot_becomes_current_and_changed_items_get_its_vectors(
        self, functions: Functions, bucket: SnapshotBucket, tmp_path: Path
    ) -> None:
        version = self.build(bucket, tmp_path / "first")
        ItemTable(moto_stack.client("dynamodb"), moto_stack.ITEMS).put(Item("lamp", "Lamp"))
        assert functions.invoke("promote", {"version": version}) == {
            "version": version,
            "previous": None,
            "embedded": 1,
        }
        assert bucket.current().version == version  # type: ignore[union-attr]
        # AND once more only does what is missing
        assert functions.invoke("promote", {"version": version})["embedded"] == 0

    def test_a_torn_snapshot_is_refused_and_the_last_one_stays(
        self, functions: Functions, bucket: SnapshotBucket, snapshot: str, tmp_path: Path
    ) -> None:
        version = self.build(bucket, tmp_path / "torn", 41)
        key = f"snapshots/{version}/popularity.npy"
        data = moto_stack.objects(key)[key]
        moto_stack.client("s3").put_object(Bucket=moto_stack.BUCKET, Key=key, Body=data[:-1] + b"\x7f")
        with pytest.raises(SnapshotIntegrityError):
            functions.invoke("promote", {"version": version, "force": True})
        assert bucket.current().version == snapshot  # type: ignore[union-attr]

    def test_a_much_smaller_catalogue_needs_force(
        self, functions: Functions, bucket: SnapshotBucket, snapshot: str, tmp_path: Path
    ) -> None:
        version = self.build(bucket, tmp_path / "small", 19)
        with pytest.raises(GateError):
            functions.invoke("promote", {"version": version})
        forced = functions.invoke("promote", {"version": version, "force": "half of it was sold"})
        assert (forced["previous"], forced["forced"]) == (snapshot, "half of it was sold")
        pointer = bucket.current()
        assert pointer is not None
        assert (pointer.version, pointer.promotion["forced"]) == (version, "half of it was sold")

    @pytest.mark.parametrize("force", ["", 1, {}])
    def test_force_says_why(self, functions: Functions, bucket: SnapshotBucket, force: object) -> None:
        with pytest.raises(InvalidRequestError, match="must say why"):
            functions.invoke("promote", {"version": "v1", "force": force})

    @pytest.mark.parametrize("event", [{}, {"version": ""}, {"version": 3}, {"version": None}])
    def test_an_event_names_a_version(self, functions: Functions, event: dict[str, Any]) -> None:
        with pytest.raises(InvalidRequestError):
            functions.invoke("promote", event)
