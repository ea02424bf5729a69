"""Writers against a server with the wire formats of both APIs: what is sent, what becomes of faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from endcap.aws.converse import WAITING, Converse
from endcap.describing.bedrock import BedrockWriter
from endcap.describing.openai import OpenAiWriter
from endcap.describing.retries import FIRST_WAIT_S, TRIES, TryAgainError, tried
from endcap.describing.rules import RulesWriter
from endcap.describing.writer import Price, Request, Usage, Writer, WriterError, most_of
from tests.fakes.chat_server import ChatServer, Fault, chat_server, plain_reply

SCHEMA = {"type": "object", "properties": {"kind": {"type": "string"}}}
REQUESTS = [Request(f"k{k}", "describe it", json.dumps({"item": {"title": f"red mug {k}"}})) for k in range(2)]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as running:
        yield running


@pytest.fixture
def waited() -> list[float]:
    return []


@pytest.fixture(params=["openai", "bedrock"])
def writer(request: pytest.FixtureRequest, server: ChatServer, waited: list[float]) -> Writer:
    if request.param == "openai":
        return OpenAiWriter(f"{server.url}/v1", "small", "a-key", waited.append)
    service = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=server.url,
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=WAITING,
    )
    return BedrockWriter("small", Converse(service), waited.append)


def test_each_request_is_answered_with_what_it_cost(writer: Writer, server: ChatServer) -> None:
    found = list(writer.write(REQUESTS, SCHEMA, 300))
    assert [one.key for one in found] == ["k0", "k1"]
    assert [one.value for one in found] == [plain_reply({"title": f"red mug {k}"}) for k in range(2)]
    assert {one.usage for one in found} == {Usage(300, 60)}
    assert writer.name.endswith(":small")


def test_instructions_and_the_shops_words_are_apart_and_the_form_is_asked_for(
    writer: Writer, server: ChatServer
) -> None:
    list(writer.write(REQUESTS[:1], SCHEMA, 300))
    (body,) = server.asked
    sent = json.dumps(body)
    if "model" in body:
        assert [m["role"] for m in body["messages"]] == ["system", "user"]
        assert body["response_format"]["json_schema"]["schema"] == SCHEMA
        assert (body["max_tokens"], body["temperature"]) == (300, 0)
        assert server.headers[0]["authorization"] == "Bearer a-key"
    else:
        assert body["system"] == [{"text": "describe it"}]
        assert json.loads(body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"]) == SCHEMA
        assert body["inferenceConfig"]["maxTokens"] == 300
    assert sent.count("red mug 0") == 1


@pytest.mark.parametrize(
    "fault",
    [Fault(429), Fault(500), Fault(503), Fault(0)],
    ids=["429", "500", "503", "broken off"],
)
def test_what_may_go_better_later_is_tried_again(
    writer: Writer, server: ChatServer, waited: list[float], fault: Fault
) -> None:
    server.faults = [fault]
    (found,) = writer.write(REQUESTS[:1], SCHEMA, 300)
    assert found.value is not None
    assert waited == [FIRST_WAIT_S]


def test_it_is_not_tried_for_ever(writer: Writer, server: ChatServer, waited: list[float]) -> None:
    server.faults = [Fault(503)] * TRIES
    with pytest.raises(WriterError, match="given up"):
        list(writer.write(REQUESTS, SCHEMA, 300))
    assert waited == [FIRST_WAIT_S * 2**k for k in range(TRIES - 1)]


def test_a_request_that_is_refused_fails_alone(writer: Writer, server: ChatServer) -> None:
    refused = {"x-amzn-errortype": "ValidationException"}
    server.faults = [Fault(400, refused, b'{"message": "filtered"}')]
    first, second = writer.write(REQUESTS, SCHEMA, 300)
    assert first.failed
    assert second.value is not None


def test_who_may_not_ask_is_told_so_at_once(writer: Writer, server: ChatServer, waited: list[float]) -> None:
    server.faults = [Fault(403, {"x-amzn-errortype": "AccessDeniedException"}, b'{"message": "no"}')]
    with pytest.raises(WriterError):
        list(writer.write(REQUESTS, SCHEMA, 300))
    assert waited == []


@pytest.mark.parametrize(("said", "failed"), [("no JSON", "no JSON"), ("[" * 100_000, "no JSON")])
def test_an_answer_that_is_none_fails_and_is_paid_for(
    writer: Writer, server: ChatServer, said: Any, failed: str
) -> None:
    server.reply = lambda _: said
    (found,) = writer.write(REQUESTS[:1], SCHEMA, 300)
    assert (found.failed, found.usage) == (failed, Usage(300, 60))


def test_an_answer_that_was_cut_off_is_none(writer: Writer, server: ChatServer) -> None:
    server.cut = True
    (found,) = writer.write(REQUESTS[:1], SCHEMA, 300)
    assert "cut off" in found.failed


def test_fences_of_code_are_no_part_of_an_answer(writer: Writer, server: ChatServer) -> None:
    server.reply = lambda _: '```json\n{"kind": "mug"}\n```'
    (found,) = writer.write(REQUESTS[:1], SCHEMA, 300)
    assert found.value == {"kind": "mug"}


@pytest.mark.parametrize("body", [b"{}", b'{"choices": []}', b'{"choices": [{"message": null}], "output": 1}', b"[]"])
def test_an_answer_of_another_form_fails(writer: Writer, server: ChatServer, body: bytes) -> None:
    server.faults = [Fault(200, body=body)]
    (found,) = writer.write(REQUESTS[:1], SCHEMA, 300)
    assert found.failed


def test_an_answer_that_is_no_json_is_asked_for_again(server: ChatServer, waited: list[float]) -> None:
    server.faults = [Fault(200, body=b"no JSON")]
    (found,) = OpenAiWriter(f"{server.url}/v1", "small", None, waited.append).write(REQUESTS[:1], SCHEMA, 300)
    assert found.value is not None
    assert waited == [FIRST_WAIT_S]


def test_a_server_that_says_when_is_asked_then(server: ChatServer, waited: list[float]) -> None:
    server.faults = [Fault(429, {"retry-after": "7"}), Fault(429, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"})]
    list(OpenAiWriter(f"{server.url}/v1", "small", None, waited.append).write(REQUESTS[:1], SCHEMA, 300))
    assert waited == [7.0, FIRST_WAIT_S * 2]


@pytest.mark.parametrize("url", ["http://example.com/v1", "ftp://127.0.0.1/v1", "https://a:b@example.com/v1", "v1"])
def test_texts_leave_the_machine_encrypted_or_not_at_all(url: str) -> None:
    with pytest.raises(WriterError):
        OpenAiWriter(url, "small")
    OpenAiWriter("https://example.com/v1", "small")


def test_rules_say_what_the_words_say() -> None:
    item = {"title": "Christmas bunting for kids", "categories": ["Home", "Party"]}
    (found,) = RulesWriter().write([Request("k", "", json.dumps({"item": item}))], SCHEMA, 1)
    assert found.value["kind"] == "Party"
    assert found.value["for_whom"] == ["children"]
    assert found.value["occasions"] == ["christmas", "party"]


def test_what_requests_can_cost_at_most() -> None:
    price = Price(read=1.0, written=2.0)
    assert most_of([Request("k", "a" * 15, "b" * 15)], price, 100) == (20 * 1.0 + 100 * 2.0) / 1e6
    assert Price().is_free


def test_waits_double_up_to_a_minute() -> None:
    waits: list[float] = []

    def failing() -> None:
        raise TryAgainError("later", 1_000.0)

    with pytest.raises(WriterError):
        tried(failing, waits.append)
    assert waits == [60.0] * (TRIES - 1)
