"""Functions on the stack in moto, called as services call them, and what they leave there."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch
from urllib.parse import quote, urlencode

from endcap.api.routes import ROUTES
from endcap.aws.profiles import ProfileTable
from endcap.aws.snapshots import SnapshotBucket
from endcap.observability import metrics
from endcap.profiles.profile import UserProfile
from tests.fakes import moto_stack
from tests.fakes.toy_snapshot import build_toy_snapshot

ROOT = Path(__file__).parents[2]


def context(seconds: float = 60, memory_mb: int = 512) -> SimpleNamespace:
    """Lambda's context of an invocation that has so long."""
    return SimpleNamespace(
        function_name="function",
        memory_limit_in_mb=memory_mb,
        invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:function",
        aws_request_id="request",
        get_remaining_time_in_millis=lambda: int(seconds * 1000),
    )


CONTEXT = context()


def load_app(name: str) -> ModuleType:
    """A function's code, loaded afresh, as a cold start does."""
    spec = importlib.util.spec_from_file_location(f"{name}_app", ROOT / "functions" / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    return app


def http_event(
    method: str,
    route: str,
    body: str | None = None,
    *,
    names: Mapping[str, str] | None = None,
    query: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A call of a route as the gateway hands it on, its path filled in by `names`."""
    path = route
    for name, value in (names or {}).items():
        path = path.replace("{" + name + "}", quote(value, safe=""))
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": f"{method} {route}",
        "rawPath": path,
        "rawQueryString": urlencode(query or {}),
        "headers": dict(headers or {}),
        "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
        "isBase64Encoded": False,
    }
    if names:
        event["pathParameters"] = dict(names)
    if query:
        event["queryStringParameters"] = {name: str(value) for name, value in query.items()}
    return event if body is None else event | {"body": body}


class Apps:
    """One fresh execution environment per function, built when first asked for.

    Parameters
    ----------
    prepare : what is done to each before it is called
    """

    def __init__(self, prepare: Callable[[str, ModuleType], None] = lambda _name, _app: None) -> None:
        self._prepare = prepare
        self._apps: dict[str, ModuleType] = {}

    def app(self, name: str) -> ModuleType:
        if name not in self._apps:
            self._apps[name] = app = load_app(name)
            self._prepare(name, app)
        return self._apps[name]

    def fresh(self) -> None:
        """As after a cold start: nothing is loaded, nothing is known."""
        self._apps.clear()


def on_moto(_: str, app: ModuleType) -> None:
    """The function's clients are those that tests use."""
    app.runtime = app.runtime.with_clients(lambda service, _: moto_stack.client(service))


class Functions(Apps):
    """Functions, called through their routes and by their sources."""

    def __init__(self) -> None:
        super().__init__(on_moto)

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
        event = http_event(method, path, body, names=ids, headers={"content-type": "application/json"})
        event |= {"isBase64Encoded": base64_encoded} | ({} if function else {"routeKey": "$default"})
        answer: dict[str, Any] = self.invoke(function or "collect", event)
        answer["body"].encode() if answer.get("body") else None
        if answer["statusCode"] >= 400:
            assert answer["headers"]["Content-Type"] == "application/problem+json"
            assert json.loads(answer["body"])["status"] == answer["statusCode"]
        return answer


@contextmanager
def stack_for_functions(folder: Path) -> Iterator[None]:
    """The stack in moto, snapshots kept below `folder`, metrics counted as in the stack."""
    with (
        moto_stack.stack(),
        patch.dict(os.environ, {"SNAPSHOT_CACHE": str(folder / "cache")}),
        patch.multiple(metrics.provider, namespace="endcap", service="endcap"),
    ):
        yield


def published(folder: Path, **changes: Any) -> SnapshotBucket:
    """The bucket with a toy snapshot in it that is current, of `build_toy_snapshot(..., **changes)`."""
    bucket = SnapshotBucket(moto_stack.client("s3"), moto_stack.BUCKET, folder / "looked-at")
    version = build_toy_snapshot(folder / "toy", **changes).version
    bucket.upload(folder / "toy", version)
    bucket.flip(version, None)
    return bucket


def sample(name: str) -> dict[str, Any]:
    """A sample of `events/`."""
    document: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return document


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


def messages() -> list[str]:
    """Bodies of the messages on the events queue, ten at most."""
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
