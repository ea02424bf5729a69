"""A stack whose model reads queries and words reasons, and one that has none."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest

from endcap.aws.profiles import ProfileTable
from endcap.aws.writer import BedrockWriter
from endcap.errors import DependencyError
from endcap.events.interaction import Interaction
from endcap.profiles.profile import profile_of
from tests.fakes import moto_stack
from tests.fakes.chat_server import ChatServer, Fault, chat_server, user_of
from tests.fakes.functions import Functions, context, http_event, load_app, published, stack_for_functions
from tests.unit.endcap.aws.test_writer import bedrock

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
WRITERS = {"WRITER_MODEL": "small", "QUERY_WRITER": "on", "REASON_WRITER": "on"}
READ = {"search": "mug", "max_price": 30, "exclude": [], "sort": None}
QUERY = "mug that thirty will buy"
Ask = Callable[..., Any]
Environment = Callable[[dict[str, str]], Ask]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("writers")
    with stack_for_functions(folder):
        published(folder)
        now_ms = int(time.time() * 1000)
        for user_id in ("ann", "bob"):
            bought = Interaction("e1", user_id, "purchase", now_ms - 3_600_000, "item-20")
            ProfileTable(moto_stack.client("dynamodb"), moto_stack.PROFILES, 0).update(
                user_id, lambda _, bought=bought: profile_of([bought], None)
            )
        yield


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as running:
        running.reply = reply
        yield running


def reply(asked: dict[str, Any]) -> Any:
    if "query" in asked:
        return READ
    return {"sentences": ["It goes with what you bought."] * len(asked["reasons"])}


@pytest.fixture
def environment(stack: None, server: ChatServer) -> Environment:
    """Variables -> a function begun with them, which answers POST /recommendations."""

    def begun(variables: dict[str, str]) -> Ask:
        with patch.dict("os.environ", variables):
            app = load_app("recommend")
            assert app.runtime.settings.writer_model == variables.get("WRITER_MODEL", "")
        app.runtime.writer = BedrockWriter(bedrock(server.url), "small")

        def ask(**body: Any) -> Any:
            event = http_event("POST", "/recommendations", json.dumps({"limit": 3, **body}))
            answer = app.handler(event, context(10))
            assert answer["statusCode"] == 200, answer
            return json.loads(answer["body"])

        return ask

    return begun


def sent(server: ChatServer) -> list[dict[str, Any]]:
    return [json.loads(user_of(body)) for body in server.asked]


def test_a_query_is_read_by_the_writer_once(environment: Environment, server: ChatServer) -> None:
    ask = environment(WRITERS | {"REASON_WRITER": "off"})
    for _ in range(2):
        found = ask(query=QUERY, understand=True, fields=["price"])
        assert (found["understood"]["search"], found["understood"]["filter"]) == ("mug", "price <= 30")
        assert all(item["price"] <= 30 for item in found["items"])
    assert sent(server) == [{"query": QUERY}]


def test_the_grammar_reads_what_the_writer_does_not(environment: Environment, server: ChatServer) -> None:
    ask = environment(WRITERS)
    server.faults = [Fault(500)]
    assert ask(query="mug under 12", understand=True, explain=False)["understood"]["filter"] == "price <= 12"
    assert ask(query="lamp under 14", understand=True, explain=False)["understood"]["filter"] == "price <= 14"


def test_reasons_are_worded_from_codes_and_titles(environment: Environment, server: ChatServer) -> None:
    found = environment(WRITERS)(user_id="ann", query="mug")
    first = found["items"][0]["reasons"][0]
    assert (first["text"], first["written"]) == ("It goes with what you bought.", True)
    (asked,) = sent(server)
    assert {name for reason in asked["reasons"] for name in reason} == {"code", "deeds", "because", "language"}
    assert "ann" not in json.dumps(server.asked)


def test_a_sentence_that_names_something_else_is_not_shown(environment: Environment, server: ChatServer) -> None:
    server.reply = lambda asked: {"sentences": ["Acme's best for 9.99."] * len(asked["reasons"])}
    found = environment(WRITERS)(user_id="ann")
    assert not any("written" in reason for item in found["items"] for reason in item["reasons"])


def test_without_the_parameters_nothing_is_asked_and_answers_are_as_they_were(
    environment: Environment, server: ChatServer
) -> None:
    for variables in ({}, {"WRITER_MODEL": "small"}):
        found = environment(variables)(user_id="ann", query="mug under 12", understand=True)
        assert found["understood"]["filter"] == "price <= 12"
        assert not any("written" in reason for item in found["items"] for reason in item["reasons"])
    assert server.asked == []


def test_nothing_of_who_refuses_goes_to_the_writer(environment: Environment, server: ChatServer) -> None:
    status, _ = Functions().http("PUT", "/users/{user_id}", {"consent": {"personalization": False}}, user_id="bob")
    assert status == 200
    environment(WRITERS)(user_id="bob", query="mug under 12", understand=True)
    assert server.asked == []


@pytest.mark.parametrize(
    "asked", [{"user_id": "ann", "personalization": "off"}, {"preview": True}, {"preview": True, "user_id": "ann"}]
)
def test_nothing_of_who_wants_nothing_personal_goes_to_the_writer_nor_of_a_preview(
    environment: Environment, server: ChatServer, asked: dict[str, Any]
) -> None:
    found = environment(WRITERS)(query="mug under 12", understand=True, **asked)
    assert found["understood"]["filter"] == "price <= 12"
    assert server.asked == []


def test_nothing_goes_to_the_writer_of_whom_nobody_knows_whether_they_refuse(
    environment: Environment, server: ChatServer
) -> None:
    ask = environment(WRITERS)
    with patch.object(ProfileTable, "get", side_effect=DependencyError("away")):
        found = ask(user_id="ann", query="mug under 12", understand=True)
    assert (found["degraded"]["lost"], found["understood"]["filter"]) == (["profile"], "price <= 12")
    assert server.asked == []


def test_a_list_that_wants_nothing_personal_keeps_its_sentences_beside_one_that_does(
    environment: Environment, server: ChatServer
) -> None:
    lists = environment(WRITERS)(user_id="ann", requests=[{}, {"personalization": "off"}])["lists"]
    written = [any("written" in r for item in one["items"] for r in item["reasons"]) for one in lists]
    assert written == [True, False]


def test_what_was_understood_and_is_sent_back_is_not_read_again(environment: Environment, server: ChatServer) -> None:
    ask = environment(WRITERS | {"REASON_WRITER": "off"})
    understood = ask(query="mug under 12", understand=True)["understood"]
    server.asked.clear()
    ask(understood={"search": "mug", "filter": understood["filter"]}, understand=True)
    ask(query="a mug", understand=False)
    assert server.asked == []
