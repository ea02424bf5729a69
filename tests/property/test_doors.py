"""Whatever comes through a function's door: it gets an answer that its sender can use, and its neighbours are kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from endcap.api.cursors import read_cursor
from endcap.api.routes import ROUTES
from endcap.api.scenarios import read_scenarios
from endcap.aws.items import ItemTable
from endcap.aws.snapshots import SnapshotBucket
from endcap.catalog.item import Item
from endcap.errors import EndcapError, InvalidInputError, InvalidRequestError
from endcap.experiments.config import read_experiments
from endcap.filters.parser import expression
from tests.fakes import moto_stack
from tests.fakes.effort import tried
from tests.fakes.functions import (
    ROOT,
    Functions,
    failures,
    kinesis_event,
    published,
    sample,
    seen_items,
    sqs_event,
    stack_for_functions,
)
from tests.fakes.hostile_bodies import HOSTILE, HOSTILE_BASE64
from tests.fakes.mutated_json import ODD_TEXTS, anything, mutated, texts

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
# Functions are warm from one example to the next, as they are in Lambda.
WARM = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
FILTERS = ("price < 50", "brand = 'Acme' AND NOT purchased WITHIN 30d", "title CONTAINS 'lamp'", "price IN (1, 2)")
SCENARIOS = [{"home": {"limit": 3, "filter": "price < $x", "parameters": {"x": 9}, "weights": {"popularity": 2}}}]
EXPERIMENTS = [{"experiments": [{"name": "a", "variants": [{"name": "v", "share": 0.5, "weights": {"next": 1}}]}]}]


def samples(function: str) -> list[dict[str, Any]]:
    return [sample(f"{function}/{path.stem}") for path in sorted((ROOT / "events" / function).glob("*.json"))]


def values(text: str) -> Iterator[Any]:
    with suppress(ValueError, RecursionError):
        yield json.loads(text)


HTTP_FUNCTIONS = sorted({route.function for route in ROUTES})
HTTP = {name: [event for event in samples(name) if "routeKey" in event] for name in HTTP_FUNCTIONS}
BODIES = [
    value
    for events in HTTP.values()
    for event in events
    if "body" in event
    for value in values(base64.b64decode(event["body"]).decode() if event.get("isBase64Encoded") else event["body"])
]
NAMES = sorted(
    {name for body in BODIES if isinstance(body, dict) for name in body} | {"cursor", "user_id", "limit", "q"}
)
RECORDS = [
    value
    for event in samples("update_profile")
    for record in event["Records"]
    for value in values(
        record["body"] if "body" in record else base64.b64decode(record["kinesis"]["data"]).decode("utf-8", "replace")
    )
] + [body for body in BODIES if isinstance(body, dict)]
IMAGES = [
    record["dynamodb"]["NewImage"]
    for event in samples("embed_item")
    for record in event["Records"][:1]
    if "NewImage" in record["dynamodb"]
]


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    folder = tmp_path_factory.mktemp("doors")
    with stack_for_functions(folder):
        published(folder)
        yield Functions()


def json_texts(documents: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    """`documents` as text, some of it cut off or with something in it."""
    whole = documents.map(json.dumps)
    return whole | st.builds(lambda text, at, more: text[: at % (len(text) + 1)] + more, whole, st.integers(0), texts)


bodies = json_texts(mutated(BODIES) | anything) | st.sampled_from(list(HOSTILE.values())) | st.text(max_size=40)


@st.composite
def calls(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A call of a route, or of none, as the gateway hands it on; the function that gets it."""
    route = draw(st.sampled_from(ROUTES))
    ids = {
        name: draw(texts | st.sampled_from(["item-3", "ann"])) for name in ("user_id", "item_id") if name in route.path
    }
    known = draw(st.integers(0, 9)) > 0
    method = (
        route.method if known else draw(st.sampled_from(["GET", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "get"]))
    )
    path = route.path if known else draw(st.just(route.path) | texts.map(lambda text: "/" + text))
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": f"{method} {path}" if known else "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": draw(st.dictionaries(st.sampled_from(HEADERS), texts, max_size=4)),
        "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
        "isBase64Encoded": False,
    }
    if ids and known:
        event["pathParameters"] = ids
    query = draw(st.dictionaries(st.sampled_from(NAMES) | texts, texts | st.sampled_from(QUERY_VALUES), max_size=4))
    if query and draw(st.booleans()):
        event["queryStringParameters"] = query
    if draw(st.booleans()):
        event["cookies"] = draw(st.lists(texts, max_size=3))
    match draw(st.integers(0, 5)):
        case 0:
            event |= {"body": draw(st.sampled_from(list(HOSTILE_BASE64.values())) | texts), "isBase64Encoded": True}
        case 1:
            encoded = base64.b64encode(draw(bodies).encode("utf-8", "surrogatepass")).decode()
            event |= {"body": encoded, "isBase64Encoded": True}
        case 2 | 3 | 4:
            event["body"] = draw(bodies)
    return (route.function if known else "collect"), event


HEADERS = (
    "accept-language",
    "content-type",
    "content-encoding",
    "authorization",
    "cookie",
    "origin",
    "x-forwarded-for",
)
QUERY_VALUES = ("1", "0", "-1", "500", "1e3", "true", "title,price", "zh", "ann", "item-3", "24h", *FILTERS)


def refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def usable(answer: dict[str, Any]) -> None:
    """Fail where a client could not read the answer, or where it says that something broke."""
    assert 200 <= answer["statusCode"] < 500, answer
    body = answer.get("body") or ""
    body.encode()
    if body:
        value = json.loads(body, parse_constant=refuse)
        if answer["headers"].get("Content-Type") == "application/problem+json":
            assert value["status"] == answer["statusCode"] >= 400
            assert value["title"]


@tried(300, suppress_health_check=WARM)
@given(calls())
def test_any_call_gets_an_answer_that_can_be_used(functions: Functions, call: tuple[str, dict[str, Any]]) -> None:
    name, event = call
    usable(functions.invoke(name, event))


@tried(150, suppress_health_check=WARM)
@given(st.data())
def test_a_sample_that_is_changed_gets_one_too(functions: Functions, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(HTTP_FUNCTIONS))
    event = dict(data.draw(st.sampled_from(HTTP[name])))
    if "body" in event:
        event |= {"body": data.draw(json_texts(mutated(BODIES))), "isBase64Encoded": False}
    if "queryStringParameters" in event:
        changed = data.draw(st.dictionaries(st.sampled_from(list(event["queryStringParameters"])), texts, max_size=2))
        event["queryStringParameters"] = event["queryStringParameters"] | changed
    usable(functions.invoke(name, event))


class Shoppers:
    """Names that no other example has."""

    count = 0

    @classmethod
    def new(cls) -> str:
        cls.count += 1
        return f"neighbour-{cls.count}"


poison = st.lists(json_texts(mutated(RECORDS) | anything) | st.sampled_from(list(HOSTILE.values())), max_size=5)


def views(user_id: str) -> list[str]:
    return [json.dumps({"user_id": user_id, "event_type": "view", "item_id": i}) for i in ("first", "last")]


@tried(80, suppress_health_check=WARM)
@given(poison)
def test_any_message_leaves_its_neighbours_alone(functions: Functions, messages: list[str]) -> None:
    user_id = Shoppers.new()
    first, last = views(user_id)
    answer = functions.invoke("update_profile", sqs_event(first, *messages, last))
    assert failures(answer) == []
    assert seen_items(user_id) == {"first", "last"}


@tried(80, suppress_health_check=WARM)
@given(st.lists(st.binary(max_size=40) | bodies.map(lambda text: text.encode("utf-8", "surrogatepass")), max_size=5))
def test_any_bytes_of_a_stream_leave_their_neighbours_alone(functions: Functions, payloads: list[bytes]) -> None:
    user_id = Shoppers.new()
    first, last = (text.encode() for text in views(user_id))
    answer = functions.invoke("update_profile", kinesis_event(first, *payloads, last))
    assert failures(answer) == []
    assert seen_items(user_id) == {"first", "last"}


@tried(60, suppress_health_check=WARM)
@given(mutated([{"detail-type": "event", "source": "storefront", "detail": record} for record in RECORDS]))
def test_any_event_of_a_bus_leaves_its_neighbours_alone(functions: Functions, envelope: Any) -> None:
    user_id = Shoppers.new()
    first, last = views(user_id)
    answer = functions.invoke("update_profile", sqs_event(first, json.dumps(envelope), last))
    assert failures(answer) == []
    assert seen_items(user_id) == {"first", "last"}


attribute_values = st.one_of(
    st.builds(lambda text: {"S": text}, json_texts(anything)),
    st.builds(lambda number: {"N": str(number)}, st.integers()),
    st.builds(lambda data: {"B": base64.b64encode(data).decode()}, st.binary(max_size=20)),
    st.just({"NULL": True}),
    st.just({"M": {}}),
)


@tried(80, suppress_health_check=WARM)
@given(
    st.sampled_from(IMAGES), st.dictionaries(st.sampled_from(sorted(IMAGES[0])) | texts, attribute_values, max_size=3)
)
def test_any_row_leaves_its_neighbours_alone(
    functions: Functions, image: dict[str, Any], changes: dict[str, Any]
) -> None:
    table = ItemTable(moto_stack.client("dynamodb"), moto_stack.ITEMS)
    item_id = Shoppers.new()
    table.put(Item(item_id, "red lamp"))
    template = sample("embed_item/dynamodb-new-item")["Records"][0]
    key = {"item_id": {"S": item_id}}
    row = moto_stack.client("dynamodb").get_item(TableName=moto_stack.ITEMS, Key=key)["Item"]
    good = {name: {"B": base64.b64encode(v["B"]).decode()} if "B" in v else v for name, v in row.items()}
    told = [{**image, **changes}, good, {**image, **changes}]
    records = [
        {**template, "dynamodb": {**template["dynamodb"], "Keys": key, "NewImage": one, "SequenceNumber": f"n{n}"}}
        for n, one in enumerate(told)
    ]
    assert "n1" not in failures(functions.invoke("embed_item", {"Records": records}))
    embedded = moto_stack.client("dynamodb").get_item(TableName=moto_stack.ITEMS, Key=key)["Item"]
    assert set(embedded) > set(row)


@tried(60, suppress_health_check=WARM)
@given(mutated([{"version": "20260101T000000Z-abc", "force": True}, {"version": "../current.json"}]))
def test_any_order_to_promote_is_refused_by_name_and_the_current_snapshot_stays(
    functions: Functions, order: Any
) -> None:
    bucket = SnapshotBucket(moto_stack.client("s3"), moto_stack.BUCKET)
    before = bucket.current()
    if isinstance(order, dict):
        with pytest.raises(EndcapError):
            functions.invoke("promote", order)
    assert bucket.current() == before


@tried(300)
@given(
    json_texts(mutated([*SCENARIOS, *EXPERIMENTS]) | anything).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_any_document_of_the_shop_is_read_or_refused(data: bytes) -> None:
    for read in (read_scenarios, read_experiments):
        with suppress(InvalidInputError):
            read(data)


FIELDS = ["price", "title", "available", "purchased", "$user.brand", "$x", "attributes.colour", "attributes.", "灯"]
SIGNS = ["(", ")", ",", "=", "!=", "<", "<=", ">", ">=", "-", "'", '"', "\\", "\0"]
WORDS = [
    *FIELDS,
    *SIGNS,
    *["AND", "OR", "NOT", "IN", "CONTAINS", "IS", "NULL", "EXISTS", "WITHIN", "30d", "'text'", "12.5", "true", "1e999"],
]


@tried(400)
@given(st.lists(st.sampled_from(WORDS) | texts, max_size=25).map(" ".join))
def test_any_filter_is_read_or_refused(text: str) -> None:
    with suppress(InvalidInputError):
        expression(text)


@tried(200)
@given(
    st.text(max_size=80)
    | st.sampled_from(ODD_TEXTS)
    | st.binary(max_size=80).map(lambda data: base64.urlsafe_b64encode(data).decode())
)
def test_no_cursor_is_taken_that_no_answer_gave(cursor: str) -> None:
    with pytest.raises(InvalidRequestError):
        read_cursor("secret", b"\x00" * 8, cursor)
