"""Who a shopper is, and what they write, stays where it belongs: in profiles, archive, exposures and quarantine.

Every function handles marked ids, words and addresses, with all services well and with each call failing in turn, one
after another in another way; in `make prove` each in every way. None of the marks may be in what functions log, count
or trace, nor in the names of objects.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import botocore.client
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from endcap.errors import EndcapError
from endcap.observability import logger
from endcap_local.template.template import expand
from tests.fakes import moto_stack
from tests.fakes.effort import proved, shared_out
from tests.fakes.functions import ROOT, Functions, kinesis_event, published, sample, sqs_event, stack_for_functions
from tests.fakes.shop_messages import webhook

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
TEMPLATE = ROOT / "template.yaml"
MARKS = {
    "user_id": "kowalski-4711",
    "anonymous_id": "device-8e5f1c",
    "email": "jane.roe@mail.example",
    "session_id": "session-93b7",
    "words": "aubergine-coloured wedding dress for grandmother",
    "attribute": "left-handed",
    "token": "bearer-of-secret-0xfeed",
    "address": "203.0.113.77",
    "agent": "MyOddBrowser/7.7",
}
"""What a shopper is known by or has said. Item ids and titles are the shop's, and may stand anywhere."""
USER, EMAIL, WORDS = MARKS["user_id"], MARKS["email"], MARKS["words"]


def found_in(text: str) -> list[str]:
    """The marks that `text` holds, as they are or as some encoding writes them."""
    folded = text.casefold()
    return [name for name, mark in MARKS.items() if any(form.casefold() in folded for form in forms(mark))]


def forms(mark: str) -> set[str]:
    # Base64 of a part of a longer text depends on where it stands; the first and last group may mix with others.
    shifted = (base64.b64encode(b"x" * k + mark.encode()).decode()[4:-4] for k in range(3))
    return {mark, quote(mark, safe=""), mark.encode().hex(), *shifted}


def http(
    method: str, path: str, body: object = None, query: dict[str, str] | None = None, **ids: str
) -> dict[str, Any]:
    """An event of the API, with all that a gateway tells of who calls."""
    filled = path
    for name, value in ids.items():
        filled = filled.replace("{" + name + "}", quote(value, safe=""))
    headers = {"authorization": f"Bearer {MARKS['token']}", "user-agent": MARKS["agent"], "content-type": "text/json"}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": filled,
        "rawQueryString": "&".join(f"{name}={quote(value)}" for name, value in (query or {}).items()),
        "headers": {**headers, "x-forwarded-for": MARKS["address"]},
        "cookies": [f"ec_id={MARKS['anonymous_id']}"],
        "requestContext": {
            "http": {
                "method": method,
                "path": filled,
                "sourceIp": MARKS["address"],
                "userAgent": MARKS["agent"],
            },
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }
    if ids:
        event["pathParameters"] = ids
    if query:
        event["queryStringParameters"] = query
    return event if body is None else {**event, "body": body if isinstance(body, str) else json.dumps(body)}


EVENTS = [
    {"user_id": USER, "event_type": "purchase", "item_id": "item-3", "session_id": MARKS["session_id"]},
    {"user_id": USER, "event_type": "review", "item_id": "item-3", "text": WORDS, "value": 5},
    {"user_id": USER, "event_type": "search", "text": WORDS},
    {"user_id": EMAIL, "event_type": "view", "item_id": "item-4", "properties": {"note": WORDS}},
    {"user_id": USER, "event_type": "identify", "anonymous_id": MARKS["anonymous_id"]},
]
MARKED_FILE = "inbox/events/marked.csv"
REFUSED = [
    {"user_id": USER, "event_type": WORDS, "item_id": 3},
    {"user_id": [USER], "event_type": "view", "item_id": EMAIL, "timestamp": WORDS},
    {USER: WORDS, EMAIL: MARKS["session_id"]},
]
TEXTS = [json.dumps({"events": [*EVENTS, *REFUSED]}), json.dumps(REFUSED[0]), f'{{"user_id": "{USER}", {WORDS}']
SESSION = [{"event_type": "search", "text": WORDS}, {"event_type": "view", "item_id": "item-7"}]


@dataclass(frozen=True)
class Call:
    """An invocation; `name` for the report of a failure."""

    name: str
    function: str
    event: dict[str, Any]


def recommend_calls() -> Iterator[tuple[str, dict[str, Any]]]:
    by_user = {"user_id": USER}
    yield "list", http("GET", "/users/{user_id}/recommendations", query={"explain": "true"}, **by_user)
    yield "list by mail", http("GET", "/users/{user_id}/recommendations", **{"user_id": EMAIL})
    yield "odd query", http("GET", "/users/{user_id}/recommendations", query={WORDS: USER, "filter": WORDS}, **by_user)
    body = {"user_id": USER, "session_id": MARKS["session_id"], "interactions": SESSION, "explain": True}
    yield "posted", http("POST", "/recommendations", body)
    yield "refused", http("POST", "/recommendations", {**body, "limit": WORDS, EMAIL: USER})
    yield "not JSON", http("POST", "/recommendations", TEXTS[2])
    yield "ranking", http("POST", "/users/{user_id}/rankings", {"item_ids": ["item-1", EMAIL]}, **by_user)
    yield "search", http("GET", "/search", query={"q": WORDS, "user_id": USER})
    yield "similar", http("GET", "/items/{item_id}/similar", query={"user_id": EMAIL}, item_id="item-3")
    yield (
        "personalize",
        http("POST", "/personalize/recommendations", {"userId": USER, "campaignArn": "a", "numResults": 3}),
    )
    yield "cursor", http("POST", "/recommendations", {"user_id": USER, "cursor": WORDS})


def calls() -> list[Call]:
    user = {"user_id": USER}
    stream = kinesis_event(*(text.encode() for text in TEXTS), WORDS.encode(), b"\xff" + USER.encode())
    put_events = {
        "userId": USER,
        "sessionId": MARKS["session_id"],
        "trackingId": "t",
        "eventList": [
            {
                "eventType": "view",
                "itemId": "item-3",
                "sentAt": 1_700_000_000,
                "properties": json.dumps({"note": WORDS}),
            }
        ],
    }
    stated = {"attributes": {"hand": MARKS["attribute"]}, "preferences": {"style": WORDS}, "consent": {"mail": True}}
    told = {
        "collect": [
            ("events", http("POST", "/events", {"events": [*EVENTS, *REFUSED]})),
            ("refused events", http("POST", "/events", {"events": REFUSED})),
            ("not JSON", http("POST", "/events", TEXTS[2])),
            ("PutEvents", http("POST", "/personalize/events", put_events)),
            ("no route", {**http("GET", f"/{quote(EMAIL)}/{quote(WORDS)}"), "routeKey": "$default"}),
        ],
        "update_profile": [("queue", sqs_event(*TEXTS)), ("stream", stream)],
        "recommend": list(recommend_calls()),
        "manage_items": [
            ("item", http("PUT", "/items/{item_id}", {"title": "Red lamp"}, item_id="lamp")),
            ("refused item", http("PUT", "/items/{item_id}", {"title": 3, "note": WORDS}, item_id=EMAIL)),
            ("items", http("POST", "/items", {"items": [{"item_id": "mug", "title": "Mug"}, {"title": WORDS}]})),
            ("read", http("GET", "/items/{item_id}", item_id="lamp")),
        ],
        "manage_users": [
            ("say", http("PUT", "/users/{user_id}", stated, **user)),
            ("say wrong", http("PUT", "/users/{user_id}", {"attributes": WORDS, EMAIL: USER}, **user)),
            ("profile", http("GET", "/users/{user_id}/profile", **user)),
            ("unknown", http("GET", "/users/{user_id}/profile", user_id=f"{USER}-2")),
            ("no id", http("GET", "/users/{user_id}/profile", user_id=f"{USER}\n{WORDS}" * 9)),
            ("export", http("GET", "/users/{user_id}/export", **user)),
            ("erase", http("DELETE", "/users/{user_id}", user_id=EMAIL)),
        ],
        "embed_item": [("row", sample("embed_item/dynamodb-new-item"))],
        "describe_item": [("row", sample("describe_item/dynamodb-new-item"))],
        "fold_counts": [("notes", sample("fold_counts/dynamodb-notes"))],
        "purge_erased": [("begin", {"begin": True, "by": EMAIL}), ("scheduled", {})],
        "summarise_results": [("written", sample("summarise_results/eventbridge-object-created"))],
        "admin": [
            ("diagnosis", http("GET", "/admin/items/{item_id}/diagnosis", query=user, item_id="item-3")),
            ("filter", http("POST", "/admin/filters/check", {"filter": f'title = "{WORDS}"', "user_id": USER})),
            ("odd filter", http("POST", "/admin/filters/check", {"filter": WORDS, EMAIL: USER})),
            ("tail", http("GET", "/admin/events/tail")),
            ("quarantine", http("GET", "/admin/quarantine")),
        ],
        "promote": [
            ("unknown version", {"version": "20260101T000000Z", "by": EMAIL}),
            ("no version", {"asked_by": EMAIL}),
        ],
    }
    bought = {"id": 9, "created_at": "2026-01-01T00:00:00Z", "customer": {"id": USER, "email": EMAIL}, "note": WORDS}
    line = {"id": 1, "variant_id": "item-3", "quantity": 1, "price": "9.00", "properties": []}
    odd = {**line, "variant_id": WORDS * 9}
    redact = {"customer": {"id": USER, "email": EMAIL, "phone": WORDS}}
    message = {"notificationType": "Message", "type": "CustomerDeleted", "resource": {"id": USER}}
    told["receive_webhook"] = [
        ("order", webhook("shopify", "orders/create", {**bought, "line_items": [line]})),
        ("odd order", webhook("shopify", "orders/create", {**bought, "line_items": [odd]})),
        ("redact", webhook("shopify", "customers/redact", redact)),
        ("data request", webhook("shopify", "customers/data_request", redact)),
        ("no order", webhook("shopify", "orders/create", {"note": WORDS, "email": EMAIL})),
        ("unknown topic", webhook("woocommerce", "coupon.created", redact)),
        ("forged", webhook("shopify", "orders/create", bought, "another secret")),
        ("commercetools", sqs_event(json.dumps(message), *TEXTS)),
    ]
    told["load_file"] = [("file", sqs_event(json.dumps({"continue": {"key": MARKED_FILE, "etag": None, "at_ms": 0}})))]
    for folder in sorted((ROOT / "functions").glob("*/")):
        if folder.name not in told and (folder / "app.py").exists():
            told[folder.name] = marked_samples(folder.name)
    return [Call(f"{function}: {name}", function, event) for function, some in told.items() for name, event in some]


def marked_samples(function: str) -> list[tuple[str, dict[str, Any]]]:
    """The samples of a function that has no calls of its own above, spoken by the shopper."""
    found = []
    for path in sorted((ROOT / "events" / function).glob("http-*.json")):
        event = sample(f"{function}/{path.stem}")
        said = {"user_id": USER, "q": WORDS, "session_id": MARKS["session_id"]}
        marked = http("GET", "/", said, said)
        shown = {name: marked[name] for name in ("queryStringParameters", "cookies")}
        found.append((path.stem, {**event, "headers": marked["headers"] | event.get("headers", {})}))
        found.append(
            (f"{path.stem}, marked", {**event, **shown, "headers": event.get("headers", {}) | marked["headers"]})
        )
        if "body" in event:
            found.append((f"{path.stem}, other words", {**event, "body": marked["body"], "isBase64Encoded": False}))
    assert found, f"{function} needs calls here"
    return found


CALLS = calls()


class Output:
    """What CloudWatch gets of a function: its logger's lines, everybody else's, and what it prints."""

    def __init__(
        self, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, lines: io.StringIO
    ) -> None:
        self._capsys, self._caplog, self._lines = capsys, caplog, lines

    def taken(self) -> str:
        """All of it since the last look."""
        printed = self._capsys.readouterr()
        text = "".join((self._lines.getvalue(), printed.out, printed.err, self._caplog.text))
        self._lines.seek(0)
        self._lines.truncate()
        self._caplog.clear()
        return text


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[Output]:
    lines = io.StringIO()
    with patch.object(logger.registered_handler, "stream", lines), caplog.at_level(logging.INFO):
        yield Output(capsys, caplog, lines)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Functions]]:
    """Makes functions that have just started, on a stack that knows the shopper."""
    folder = tmp_path_factory.mktemp("personal")
    with stack_for_functions(folder):
        published(folder)
        rows = [f"{USER},item-3,view,{WORDS}\n", f"{USER},item-3,{WORDS},{EMAIL}\n"]
        body = "user_id,item_id,event_type,text\n" + "".join(rows)
        moto_stack.client("s3").put_object(Bucket=moto_stack.BUCKET, Key=MARKED_FILE, Body=body.encode())
        Functions().invoke("update_profile", sqs_event(TEXTS[0]))
        yield Functions


Operation = tuple[str, str]


@contextmanager
def watched(failing: Operation | None = None, error: Exception | None = None) -> Iterator[list[Operation]]:
    """The AWS calls made meanwhile; those of one operation fail."""
    seen: list[Operation] = []
    whole = botocore.client.BaseClient._make_request

    def request(client: Any, operation: Any, *arguments: Any) -> Any:
        seen.append((client.meta.service_model.service_name, operation.name))
        if seen[-1] == failing and error is not None:
            raise error
        return whole(client, operation, *arguments)

    with patch.object(botocore.client.BaseClient, "_make_request", request):
        yield seen


def invoke(functions: Functions, call: Call) -> None:
    if call.function == "load_file":  # it waits for those that are before it, and nobody reads them here
        moto_stack.drop_messages(moto_stack.QUEUE)
    with suppress(EndcapError):  # promote raises what it refuses
        functions.invoke(call.function, call.event)


def service_error(code: str, operation: str, about: str = f"{USER} {EMAIL} {WORDS}") -> ClientError:
    """An error of a service, which names keys in its message."""
    error = {"Code": code, "Message": about}
    answer = {"Error": error, "ResponseMetadata": {"RequestId": "r", "HTTPStatusCode": 400}, "Item": {"S": USER}}
    return ClientError(answer, operation)  # type: ignore[arg-type]


def errors(function: str, operation: str) -> list[Exception]:
    # These are given nothing of shoppers, and raise their errors with all that led to them.
    about = {"about": function} if function in ("promote", "fold_counts", "summarise_results") else {}
    refused = [service_error(code, operation, **about) for code in ("ThrottlingException", "AccessDeniedException")]
    return [*refused, ReadTimeoutError(endpoint_url="https://service.example")]


@proved
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_nothing_personal_is_logged_or_counted(fresh: Callable[[], Functions], output: Output, call: Call) -> None:
    with watched() as seen:
        invoke(fresh(), call)
    text = output.taken()
    assert not found_in(text), text
    for turn, operation in enumerate(sorted(set(seen))):
        for error in shared_out(errors(call.function, operation[1]), turn):
            with watched(operation, error):
                invoke(fresh(), call)
            text = output.taken()
            assert not found_in(text), (operation, error, text)


def test_the_marks_would_be_found(fresh: Callable[[], Functions], output: Output) -> None:
    functions = fresh()
    call = next(one for one in CALLS if one.name == "manage_users: profile")
    functions.invoke("manage_users", call.event)
    output.taken()
    logger.warning("spoken of", extra={"who": USER, "data": base64.b64encode(f"ab{WORDS}".encode()).decode()})
    logging.getLogger("botocore").warning(EMAIL)
    print(MARKS["address"])
    assert set(found_in(output.taken())) >= {"user_id", "words", "email", "address"}


def test_names_of_objects_hold_nothing_personal_and_their_contents_may(fresh: Callable[[], Functions]) -> None:
    for call in CALLS:
        invoke(fresh(), call)
    everything = moto_stack.objects("")
    assert {key.partition("/")[0] for key in everything} >= {"events", "exposures", "quarantine", "snapshots"}
    assert not found_in("\n".join(everything))
    holders = {key.partition("/")[0] for key, data in everything.items() if found_in(data.decode("utf-8", "replace"))}
    assert holders <= {"events", "exposures", "quarantine", "inbox"}
    assert {"events", "quarantine", "inbox"} <= holders


def test_the_access_log_names_routes_alone() -> None:
    """A format with a path, a query, a caller's address or an identity would tell who did what."""
    document = expand(TEMPLATE)[1]
    formats = [
        stage["Properties"]["AccessLogSettings"]["Format"]
        for stage in document["Resources"].values()
        if stage["Type"] == "AWS::ApiGatewayV2::Stage"
    ]
    harmless = {"requestId", "requestTime", "routeKey", "status", "responseLatency", "responseLength"}
    harmless |= {"integrationErrorMessage", "error.message", "error.responseType", "authorizer.error"}
    assert formats
    for text in formats:
        assert {name.strip('"{} ') for name in variables(text)} <= harmless, text


def variables(text: str) -> Iterator[str]:
    for part in text.split("$context.")[1:]:
        yield part.partition('"')[0]


TRACED = """
import json, sys
from aws_xray_sdk.core import xray_recorder
from aws_xray_sdk.core.context import Context
from tests.functional.test_personal_data import traced
sent = []
class Emitter:
    def send_entity(self, entity):
        sent.append(entity.serialize())
xray_recorder.configure(emitter=Emitter(), sampling=False, context=Context(), streaming_threshold=0)
traced(xray_recorder)
print("\\n".join(["TRACES", *sent]))
"""


def traced(recorder: Any) -> None:
    """Every call, once well and once with its first service failing, in a process that records traces."""
    with moto_stack.stack(), patch.dict("os.environ", {"POWERTOOLS_TRACE_DISABLED": "false"}):
        for call in CALLS:
            with recorder.in_segment("invocation"), watched() as seen:
                invoke(Functions(), call)
            if seen:
                # X-Ray keeps the service's own words, which hold no values of keys.
                error = service_error("ThrottlingException", seen[0][1], "Rate exceeded")
                with recorder.in_segment("invocation"), watched(seen[0], error):
                    invoke(Functions(), call)


def of_tracer() -> dict[str, str]:
    """What the template tells the tracer of every function."""
    told: set[str] = set()
    for resource in expand(TEMPLATE)[1]["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            given = resource["Properties"]["Environment"]["Variables"]
            told.add(json.dumps({name: value for name, value in given.items() if "TRACER" in name}))
    (one,) = told
    settings: dict[str, str] = json.loads(one)
    return settings


def test_traces_hold_nothing_personal() -> None:
    environment = {**os.environ, **of_tracer(), "POWERTOOLS_TRACE_DISABLED": "false", "LAMBDA_TASK_ROOT": "/var/task"}
    command = [sys.executable, "-c", TRACED]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    traces = run.stdout.partition("TRACES")[2]
    assert "## handler" in traces
    assert "Rate exceeded" in traces
    assert not found_in(traces)
