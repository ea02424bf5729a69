"""New items are described as they come in: paid for once, within the budget, and nothing waits for it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from endcap.aws.answers import LEDGER_KEY, NEW_PREFIX, LedgerDocument
from endcap.aws.documents import EditedDocument
from endcap.aws.item_rows import read_row
from endcap.aws.items import ItemTable
from endcap.aws.profiles import ProfileTable
from endcap.aws.snapshots import SnapshotBucket
from endcap.catalog.item import Item
from endcap.catalog.row import GENERATED_TAGS, Generated, ItemRow
from endcap.describing.asked import asked_about, request_of
from endcap.describing.prompt import prompt_of
from endcap.describing.writer import Price, Usage, most_of
from endcap.errors import DependencyError, StoredDataError
from endcap.events.interaction import Interaction
from endcap.index.tagged import tag_rows
from endcap.index.vectors import without_mean
from endcap.profiles.profile import profile_of
from endcap.snapshot.parts import TermWeight, Weights
from endcap.snapshot.write import CentredVectors
from tests.fakes import moto_stack
from tests.fakes.chat_server import ChatServer, Fault, chat_server, plain_reply
from tests.fakes.functions import Functions, failures, http_event, published, sample
from tests.fakes.toy_snapshot import build_toy_snapshot, toy_contents

PRICE = Price(1.0, 10.0)
USAGE = Usage(300, 60)  # of each answer of the server
N = 40


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as running:
        running.reply = lambda item: plain_reply(item) | {"occasions": ["christmas"], "themes": ["no tag of ours"]}
        yield running


def described_parts(writer: str = "openai:small") -> dict[str, Any]:
    """Of a snapshot whose items were described by this writer, as a gate took it."""
    contents = toy_contents(N)
    return {
        "n_items": N,
        "described": contents.text_vectors,
        "described_mean": np.zeros(contents.text_vectors.shape[1], dtype=np.float32),
        "weights": Weights({"text": TermWeight(0.5), "described_query": TermWeight(1.0)}),
        "metrics": {
            "enrichment": {
                "writer": writer,
                "prompt": "enrich-1",
                "fields": ["kind", "uses"],
                "shares": {},
                "other_shares": [1.0, 1.0],
            }
        },
    }


@pytest.fixture
def describing(functions: Functions, server: ChatServer, tmp_path: Path) -> Iterator[Functions]:
    """Functions of a stack whose items a server describes."""
    published(tmp_path, **described_parts())
    with patch.dict(os.environ, environment(server)):
        yield functions


def environment(server: ChatServer, budget: float = 1.0) -> dict[str, str]:
    return {
        "ITEM_WRITER": "openai",
        "ITEM_WRITER_MODEL": "small",
        "ITEM_WRITER_URL": f"{server.url}/v1",
        "ITEM_WRITER_PRICE": f"{PRICE.read},{PRICE.written}",
        "ITEM_WRITER_BUDGET": str(budget),
    }


def row(item_id: str) -> ItemRow:
    key = {"item_id": {"S": item_id}}
    return read_row(moto_stack.client("dynamodb").get_item(TableName=moto_stack.ITEMS, Key=key)["Item"])


def stream_event(*item_ids: str) -> dict[str, Any]:
    """What the stream of the items table tells of these rows as they are."""
    template = sample("describe_item/dynamodb-new-item")["Records"][0]
    records = []
    for n, item_id in enumerate(item_ids):
        key = {"item_id": {"S": item_id}}
        found = moto_stack.client("dynamodb").get_item(TableName=moto_stack.ITEMS, Key=key)["Item"]
        image = {k: {"B": base64.b64encode(v["B"]).decode()} if "B" in v else v for k, v in found.items()}
        told = {**template["dynamodb"], "Keys": key, "NewImage": image, "SequenceNumber": f"n{n}"}
        records.append({**template, "dynamodb": told})
    return {"Records": records}


def put(functions: Functions, item_id: str, title: str) -> None:
    assert functions.http("PUT", "/items/{item_id}", {"title": title}, item_id=item_id)[0] == 200


def ledger() -> tuple[float, float]:
    return LedgerDocument(moto_stack.client("s3"), moto_stack.BUCKET).spent()


def given_up() -> list[dict[str, Any]]:
    url = moto_stack.ENVIRONMENT["STREAM_FAILURES_QUEUE_URL"]
    told = moto_stack.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ())
    return [json.loads(message["Body"]) for message in told]


def test_a_new_item_is_found_by_what_was_written_about_it(describing: Functions, server: ChatServer) -> None:
    put(describing, "lamp", "Bright lamp")
    for function in ("embed_item", "describe_item"):
        assert failures(describing.invoke(function, stream_event("lamp"))) == []
    found = row("lamp").generated
    assert found is not None
    assert found.attributes == {GENERATED_TAGS: ("christmas",)}
    assert server.items() == ["Bright lamp"]
    status, answer = describing.http(
        "POST",
        "/recommendations",
        {"query": "using a lamp", "filter": f'{GENERATED_TAGS} CONTAINS "christmas"', "explain": True, "limit": 3},
    )
    assert status == 200
    (only,) = answer["items"]
    assert only["item_id"] == "lamp"
    assert "described_query" in {reason["kind"] for reason in only["reasons"]}
    # What the shop says itself is as it was: generated things are answered with lists, never stored among its own.
    assert "attributes" not in describing.http("GET", "/items/{item_id}", item_id="lamp")[1]


def test_a_new_price_asks_nobody(describing: Functions, server: ChatServer) -> None:
    """What a rebuild has had described is not paid for again with each new price."""
    put(describing, "lamp", "Bright lamp")
    before = stream_event("lamp")["Records"][0]["dynamodb"]["NewImage"]
    describing.http("PUT", "/items/{item_id}", {"title": "Bright lamp", "price": 9.0}, item_id="lamp")
    event = stream_event("lamp")
    event["Records"][0]["dynamodb"]["OldImage"] = before
    assert failures(describing.invoke("describe_item", event)) == []
    assert server.asked == []
    put(describing, "lamp", "Dim lamp")
    event = stream_event("lamp")
    event["Records"][0]["dynamodb"]["OldImage"] = before
    assert failures(describing.invoke("describe_item", event)) == []
    assert server.items() == ["Dim lamp"]


def test_a_blurb_is_shown_as_what_it_is(functions: Functions, server: ChatServer, tmp_path: Path) -> None:
    parts = described_parts()
    parts["metrics"]["enrichment"]["prompt"] = "enrich-blurb-1"
    published(tmp_path, **parts)
    server.reply = lambda item: plain_reply(item) | {"blurb": "A lamp for dark corners."}
    put(functions, "lamp", "Bright lamp")
    with patch.dict(os.environ, environment(server)):
        for function in ("embed_item", "describe_item"):
            assert failures(functions.invoke(function, stream_event("lamp"))) == []
    asked = {"candidates": ["lamp"], "fields": ["attributes"]}
    (only,) = functions.http("POST", "/recommendations", asked)[1]["items"]
    assert only["attributes"] == {"generated_blurb": "A lamp for dark corners."}


def test_what_was_answered_is_not_asked_again(describing: Functions, server: ChatServer) -> None:
    put(describing, "lamp", "Bright lamp")
    first = stream_event("lamp")
    describing.invoke("describe_item", first)
    describing.fresh()
    describing.invoke("describe_item", first)  # delivered twice
    describing.invoke("describe_item", stream_event("lamp"))  # its own write is told of by the stream
    put(describing, "other", "Bright lamp")
    describing.invoke("describe_item", stream_event("other"))
    assert len(server.asked) == 1
    assert row("other").generated == row("lamp").generated
    assert ledger() == (pytest.approx(PRICE.of(USAGE)), 0.0)
    put(describing, "lamp", "Dim lamp")
    assert row("lamp").generated is None
    describing.invoke("describe_item", stream_event("lamp"))
    assert server.items() == ["Bright lamp", "Dim lamp"]


@pytest.mark.parametrize("owner", [ItemTable, LedgerDocument], ids=["before the row", "before the ledger"])
def test_who_is_killed_pays_once(describing: Functions, server: ChatServer, owner: type) -> None:
    put(describing, "lamp", "Bright lamp")
    name = "put_generated" if owner is ItemTable else "settle"
    with patch.object(owner, name, side_effect=DependencyError("killed")):
        assert failures(describing.invoke("describe_item", stream_event("lamp"))) == ["n0"]
    describing.fresh()
    assert failures(describing.invoke("describe_item", stream_event("lamp"))) == []
    assert len(server.asked) == 1
    assert row("lamp").generated is not None
    spent, aside = ledger()
    assert spent + aside >= PRICE.of(USAGE)


def test_a_writer_that_is_away_is_asked_once_a_batch_and_embedding_goes_on(
    describing: Functions, server: ChatServer
) -> None:
    for name in ("a", "b", "c"):
        put(describing, name, f"Lamp {name}")
    server.faults = [Fault(503)]
    event = stream_event("a", "b", "c")
    assert failures(describing.invoke("describe_item", event)) == ["n0", "n1", "n2"]
    assert ledger() == (0.0, 0.0)
    assert failures(describing.invoke("embed_item", event)) == []
    assert all(row(name).vectors for name in ("a", "b", "c"))
    assert failures(describing.invoke("describe_item", event)) == []
    assert len(server.asked) == 3


@pytest.mark.parametrize("reply", ["no JSON at all", {"kind": ["a", "list"]}], ids=["text", "another form"])
def test_an_answer_that_is_no_use_is_told_of_and_not_asked_for_again(
    describing: Functions, server: ChatServer, reply: Any
) -> None:
    server.reply = lambda _: reply
    put(describing, "lamp", "Bright lamp")
    for _ in range(2):
        assert failures(describing.invoke("describe_item", stream_event("lamp"))) == []
    assert given_up()[0] == {
        "function": "describe_item",
        "keys": {"item_id": {"S": "lamp"}},
        "reason": "InvalidItemError",
    }
    assert len(server.asked) == 1
    assert row("lamp").generated is None


def test_nothing_is_asked_that_the_budget_could_not_pay(describing: Functions, server: ChatServer) -> None:
    names = [f"lamp-{k}" for k in range(6)]
    for name in names:
        put(describing, name, f"Lamp of the kind {name}")
    prompt = prompt_of("enrich-1")
    asked = request_of(asked_about(row(names[0]).item, prompt, "openai:small"), prompt)  # type: ignore[arg-type]
    budget = most_of([asked], PRICE, prompt.most_tokens) + 2.5 * PRICE.of(USAGE)
    with patch.dict(os.environ, environment(server, budget)):
        describing.fresh()
        assert failures(describing.invoke("describe_item", stream_event(*names))) == []
        spent, aside = ledger()
        assert spent + aside <= budget
        assert len(server.asked) == 3
        describing.invoke("describe_item", stream_event(*names))
    assert len(server.asked) == 3
    assert given_up() == []


@pytest.mark.parametrize(("budget", "both"), [(1.0, False), (2.0, True)])
def test_runs_side_by_side_keep_to_one_budget(functions: Functions, budget: float, *, both: bool) -> None:
    one, other = (LedgerDocument(moto_stack.client("s3"), moto_stack.BUCKET, sleep=lambda _: None) for _ in range(2))
    write, turns = EditedDocument.write, iter([True])

    def after_the_other(document: EditedDocument, data: bytes, etag: str | None) -> None:
        if next(turns, False):  # between what the first has read and what it writes
            assert other.reserve(0.6, budget)
        write(document, data, etag)

    with patch.object(EditedDocument, "write", after_the_other):
        assert one.reserve(0.6, budget) is both
    assert one.spent() == (0.0, pytest.approx(1.2 if both else 0.6))


def test_where_the_ledger_is_damaged_nothing_is_spent(describing: Functions, server: ChatServer) -> None:
    moto_stack.client("s3").put_object(Bucket=moto_stack.BUCKET, Key=LEDGER_KEY, Body=b'{"spent_usd": "?"}')
    put(describing, "lamp", "Bright lamp")
    assert failures(describing.invoke("describe_item", stream_event("lamp"))) == []
    assert given_up()[0]["reason"] == StoredDataError.__name__
    assert server.asked == []


@pytest.mark.parametrize("parts", [dict, lambda: described_parts("rules:1")], ids=["no descriptions", "others'"])
def test_what_the_gate_has_not_taken_is_not_asked_for(
    functions: Functions, server: ChatServer, tmp_path: Path, parts: Callable[[], dict[str, Any]]
) -> None:
    published(tmp_path, **parts())
    put(functions, "lamp", "Bright lamp")
    with patch.dict(os.environ, environment(server)):
        assert failures(functions.invoke("describe_item", stream_event("lamp"))) == []
    assert server.asked == []
    assert not moto_stack.objects(NEW_PREFIX)


def test_rules_cost_nothing_and_keep_no_books(functions: Functions, tmp_path: Path) -> None:
    published(tmp_path, **described_parts("rules:1"))
    put(functions, "lamp", "Christmas lamp")
    with patch.dict(os.environ, {"ITEM_WRITER": "rules"}):
        assert failures(functions.invoke("describe_item", stream_event("lamp"))) == []
    found = row("lamp").generated
    assert found is not None
    assert found.attributes == {GENERATED_TAGS: ("christmas", "lighting")}
    assert not moto_stack.objects(LEDGER_KEY)


def test_the_writers_key_is_a_secret_of_the_stack(describing: Functions, server: ChatServer) -> None:
    moto_stack.client("secretsmanager").create_secret(Name="models", SecretString="a key\n")
    put(describing, "lamp", "Bright lamp")
    with patch.dict(os.environ, {"ITEM_WRITER_SECRET": "models"}):
        describing.fresh()
        describing.invoke("describe_item", stream_event("lamp"))
    assert [headers["authorization"] for headers in server.headers] == ["Bearer a key"]


def test_a_damaged_description_leaves_the_item_as_it_is(describing: Functions) -> None:
    put(describing, "lamp", "Bright lamp")
    item = row("lamp").item
    moto_stack.client("dynamodb").update_item(
        TableName=moto_stack.ITEMS,
        Key={"item_id": {"S": "lamp"}},
        UpdateExpression="SET generated = :odd",
        ExpressionAttributeValues={":odd": {"S": "{"}},
    )
    assert (row("lamp").item, row("lamp").generated) == (item, None)


def test_samples_are_understood(describing: Functions) -> None:
    for path in sorted((Path(__file__).parents[2] / "events" / "describe_item").glob("*.json")):
        assert failures(describing.invoke("describe_item", sample(f"describe_item/{path.stem}"))) == []


def test_generated_things_are_told_apart_by_text(describing: Functions) -> None:
    put(describing, "lamp", "Bright lamp")
    table = ItemTable(moto_stack.client("dynamodb"), moto_stack.ITEMS)
    generated = Generated("key", {GENERATED_TAGS: ("gift",)}, b"tagg", b"\1\2")
    assert not table.put_generated("lamp", "another text", generated)
    assert row("lamp").generated is None
    assert table.put_generated("lamp", "Bright lamp", generated)
    assert row("lamp").generated == generated


def tagged_parts(*, taken: bool = True) -> dict[str, Any]:
    """Of a snapshot whose items have tags by a writer, every other of them for christmas; which a gate took, or not."""
    own = [("christmas", "gift") if k % 2 else ("kitchen",) for k in range(N)]
    names = ("christmas", "gift", "kitchen")
    rows = tag_rows([Item(f"item-{k}") for k in range(N)], own, names)
    enrichment = {"writer": "rules:1", "prompt": "enrich-1", "fields": [], "shares": {}, "other_shares": [1.0, 1.0]}
    if not taken:
        return {"n_items": N, "metrics": {"enrichment": enrichment}}
    mean = rows.mean(axis=0)
    return {
        "n_items": N,
        "tags": CentredVectors(without_mean(rows, mean), mean),
        "weights": Weights({"text": TermWeight(0.5), "tags": TermWeight(1.0, 1.0)}),
        "metrics": {"enrichment": enrichment | {"tags": list(names)}},
    }


def profile(functions: Functions, language: str = "en") -> dict[str, Any]:
    """Ada's, as an environment that has just started tells it; without ages, which go by the clock."""
    functions.fresh()
    asked = http_event("GET", "/users/{user_id}/profile", names={"user_id": "ada"}, query={"language": language})
    answer = functions.invoke("manage_users", asked)
    assert answer["statusCode"] == 200
    told = json.loads(answer["body"])
    told["recent"] = [one["item_id"] for one in told["recent"]]
    return dict(told)


def liked(*item_ids: str) -> None:
    """What Ada has liked, in the far future, so that nothing of it fades."""
    events = [Interaction(f"e{k}", "ada", "like", 4_000_000_000_000, item_id) for k, item_id in enumerate(item_ids)]
    table = ProfileTable(moto_stack.client("dynamodb"), moto_stack.PROFILES)
    table.update("ada", lambda _: profile_of(events, None))


def promoted_next(folder: Path, **parts: Any) -> None:
    """Another snapshot is current."""
    bucket = SnapshotBucket(moto_stack.client("s3"), moto_stack.BUCKET, folder / "looked-at")
    version = build_toy_snapshot(folder / "toy", **parts).version
    bucket.upload(folder / "toy", version)
    bucket.flip(version, bucket.current())


def test_a_profile_in_words_names_tags_that_rankings_go_by_and_else_is_the_same(
    functions: Functions, tmp_path: Path
) -> None:
    published(tmp_path / "plain", **tagged_parts(taken=False))
    for item_id, title in (("item-1", "Bell"), ("item-3", "Wreath"), ("item-4", "Ladle")):
        put(functions, item_id, title)
    liked("item-1", "item-3", "item-4")
    before = profile(functions)
    with patch.dict(os.environ, {"PROFILE_TAGS": "on"}):
        assert profile(functions) == before  # the gate has taken none
        promoted_next(tmp_path / "tagged", **tagged_parts())
        found = profile(functions)
        chinese = profile(functions, "zh")
        with patch.object(SnapshotBucket, "current", side_effect=DependencyError("away")):
            assert profile(functions) == before
    assert profile(functions) == before  # the stack does not ask for it
    assert [one["name"] for one in found["interests"]["generated_tags"]] == ["christmas", "gift"]
    assert "generated_tags" not in before["interests"]
    assert [tag["kind"] for tag in found["tags"][:2]] == ["generated", "generated"]
    assert "“christmas”" in found["summary"][0]
    assert "“圣诞”" in chinese["summary"][0]
    told = {name: value for name, value in found.items() if name not in ("summary", "described", "interests", "tags")}
    assert told == {name: before[name] for name in told}


def test_an_items_present_tags_come_before_those_of_the_snapshot(functions: Functions, tmp_path: Path) -> None:
    published(tmp_path, **tagged_parts())
    table = ItemTable(moto_stack.client("dynamodb"), moto_stack.ITEMS)
    for k in (1, 3):
        put(functions, f"item-{k}", f"Thing {k}")
        assert table.put_generated(f"item-{k}", f"Thing {k}", Generated("key", {GENERATED_TAGS: ("party",)}, b"tagg"))
    liked("item-1", "item-3")
    with patch.dict(os.environ, {"PROFILE_TAGS": "on"}):
        assert [one["name"] for one in profile(functions)["interests"]["generated_tags"]] == ["party"]
