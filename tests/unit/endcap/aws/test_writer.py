"""A model asked by Converse, on a server with its wire format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from endcap.aws.writer import WRITING, BedrockWriter
from endcap.errors import EndcapError
from tests.fakes.chat_server import ChatServer, Fault, chat_server, user_of


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as running:
        yield running


@pytest.fixture
def writer(server: ChatServer) -> BedrockWriter:
    return BedrockWriter(bedrock(server.url), "small")


def bedrock(url: str) -> Any:
    return boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=WRITING,
    )


def test_the_instruction_and_the_data_go_apart(writer: BedrockWriter, server: ChatServer) -> None:
    server.reply = lambda asked: {"said": asked}
    assert writer.write("read it", {"query": "红色的杯子"}, 50) == {"said": {"query": "红色的杯子"}}
    (body,) = server.asked
    assert body["system"] == [{"text": "read it"}]
    assert user_of(body) == '{"query": "红色的杯子"}'
    assert body["inferenceConfig"] == {"maxTokens": 50, "temperature": 0.0}


@pytest.mark.parametrize(
    ("said", "found"),
    [('Here you are:\n```json\n{"a": 1}\n```', {"a": 1}), ("no", None), ("{", None), ("{not json}", None)],
)
def test_what_is_no_json_is_nothing(writer: BedrockWriter, server: ChatServer, said: str, found: object) -> None:
    server.reply = lambda _: said
    assert writer.write("read it", {}, 50) == found


@pytest.mark.parametrize("fault", [Fault(400), Fault(403), Fault(429), Fault(500), Fault(0), Fault(200, {}, b"{}")])
def test_a_writer_that_does_not_answer_is_asked_once(writer: BedrockWriter, server: ChatServer, fault: Fault) -> None:
    server.faults = [fault]
    with pytest.raises(EndcapError):
        writer.write("read it", {}, 50)
    assert server.asked == []
