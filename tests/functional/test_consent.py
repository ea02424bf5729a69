"""A shopper who refuses, followed from every door to the archive and into a rebuild."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from endcap.profiles.consent import refuses
from endcap.profiles.profile import is_forgotten
from endcap.pseudonyms import PseudonymKeys
from endcap.storefront.tokens import Visitor, write_visitor
from endcap_local.data_import.over_http import import_over_http
from endcap_rebuild.data.dataset import Shop, read_shop
from endcap_rebuild.settings import no_progress
from tests.fakes import moto_stack
from tests.fakes.door_tokens import claims, signed
from tests.fakes.functions import Functions, archived, kinesis_event, messages, profile, quarantined, sample, sqs_event
from tests.fakes.table_export import export_files
from tests.fakes.toy_shop import toy_items

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
KEYS = PseudonymKeys({1: b"k" * 64})
REFUSED, AGREED = ({"consent": {"personalization": said}} for said in (False, True))
COOKIE = Visitor(b"v" * 16, int(time.time()))
USER = "/users/{user_id}"


@pytest.fixture
def world(functions: Functions) -> Iterator[Functions]:
    """The functions of a stack with pseudonyms, where ann and bob have bought something."""
    secret = moto_stack.client("secretsmanager").create_secret(Name="keys", SecretString=json.dumps({"1": "k" * 64}))
    with patch.dict("os.environ", {"PSEUDONYM_SECRET": secret["ARN"]}):
        update(functions, did("ann", "item-1"), did("bob", "item-2"), did("ann", "item-3"))
        time.sleep(0.002)  # what is done in the millisecond of a refusal is neither before nor after it
        yield functions


def did(user_id: str, item_id: str, kind: str = "purchase", **said: Any) -> dict[str, Any]:
    return {"user_id": user_id, "event_type": kind, "item_id": item_id, **said}


def update(world: Functions, *events: dict[str, Any]) -> None:
    arrive(world, json.dumps({"events": list(events)}))


def arrive(world: Functions, body: str) -> None:
    arrived = sqs_event(body)
    arrived["Records"][0]["attributes"]["SentTimestamp"] = str(int(time.time() * 1000))
    assert world.invoke("update_profile", arrived) == {"batchItemFailures": []}


def delivered(world: Functions) -> None:
    for body in messages():
        arrive(world, body)


def state(world: Functions, user_id: str, body: Any) -> Any:
    status, answer = world.http("PUT", USER, body, user_id=user_id)
    assert status == 200
    return answer


def by_http(world: Functions, folder: Path) -> None:
    status, _ = world.http(
        "POST", "/events", {"events": [did("ann", "item-9"), did("ann", "item-9", "review", text="fine")]}
    )
    assert status == 202
    delivered(world)


def by_stream(world: Functions, folder: Path) -> None:
    world.invoke("update_profile", kinesis_event(json.dumps(did("ann", "item-9")).encode()))


def by_the_storefront_door(world: Functions, folder: Path) -> None:
    event = sample("storefront/http-events")
    for headers in ({}, {"endcap-shopper": signed(claims(time.time(), sub="ann"), SECRET)}):
        visitor = write_visitor(COOKIE, (SECRET,))
        sent = {"events": [{"event_type": "view", "item_id": "item-9"}]}
        called = event | {"headers": event["headers"] | {"endcap-visitor": visitor} | headers, "body": json.dumps(sent)}
        assert world.invoke("storefront", called)["statusCode"] == 202
        delivered(world)


SECRET = moto_stack.ENVIRONMENT["STOREFRONT_SECRETS"]


class Api:
    """What an import talks to."""

    def __init__(self, world: Functions) -> None:
        self._world = world

    def post(self, path: str, body: Any) -> Any:
        return self._world.http("POST", path, body)[1]


def by_import(world: Functions, folder: Path) -> None:
    (folder / "items.jsonl").write_text('{"item_id": "item-9", "title": "Mug"}\n')
    (folder / "events.csv").write_text("user_id,event_type,item_id,timestamp\nann,view,item-9,1760000000\n")
    import_over_http(folder, Api(world), no_progress)  # type: ignore[arg-type]
    delivered(world)


def by_what_can_not_be_used(world: Functions, folder: Path) -> None:
    update(world, did("ann", "item-9", "unheard of"), {"user_id": "ann"}, {"user_id": "ann", "anonymous_id": 7})


DOORS = [by_http, by_stream, by_the_storefront_door, by_import, by_what_can_not_be_used]


def whole_archive() -> str:
    return json.dumps([archived(), quarantined()])


@pytest.mark.parametrize("door", DOORS)
def test_nothing_is_kept_of_who_refuses_whichever_door_it_comes_through(
    world: Functions, tmp_path: Path, door: Any
) -> None:
    answer = state(world, "ann", {**REFUSED, "attributes": {"age": 31}, "preferences": {"size": "M"}})
    assert answer["not_stored"] == ["attributes", "preferences"]
    before, kept = {record["event_id"] for record in archived()}, profile("ann")
    assert (kept.interactions, kept.strong, kept.attributes.value) == ((), (), None)
    door(world, tmp_path)
    found = profile("ann")
    assert refuses(found)
    assert (found.interactions, found.strong, found.texts, found.links) == ((), (), (), ())
    told = [record for record in archived() if record["event_id"] not in before]
    assert not [record for record in told if record.get("pseudonym") == KEYS.of("ann")]
    assert quarantined() == []
    cookie = profile(f"anon:{COOKIE.anonymous_id}")
    assert is_forgotten(cookie)  # what the browser did before is ann's, once it is known to be hers


def test_a_rebuild_learns_nothing_of_who_refuses_and_of_who_agrees_again_what_follows(
    world: Functions, tmp_path: Path
) -> None:
    assert bought(rebuilt(tmp_path / "before")) == [["item-1", "item-3"], ["item-2"]]
    state(world, "ann", REFUSED)
    during = int(time.time() * 1000) / 1000
    update(world, did("ann", "item-4"))
    shop = rebuilt(tmp_path / "refused")
    assert (bought(shop), shop.report.erased_events) == ([["item-2"]], 2)
    time.sleep(0.002)
    state(world, "ann", AGREED)
    update(
        world,
        did("ann", "item-5", timestamp=during),
        did("ann", "item-6"),
        did("ann", "item-1", timestamp=1_700_000_000),
    )
    assert [e.item_id for e in profile("ann").interactions] == ["item-6"]
    assert bought(rebuilt(tmp_path / "agreed")) == [["item-2"], ["item-6"]]
    assert "item-4" not in whole_archive()
    assert "item-5" not in whole_archive()


def test_a_refusal_outlives_an_erasure(world: Functions) -> None:
    state(world, "ann", REFUSED)
    assert world.http("DELETE", USER, user_id="ann")[0] == 200
    update(world, did("ann", "item-9"))
    assert profile("ann").interactions == ()
    assert refuses(profile("ann"))


def test_other_consents_mean_nothing_here(world: Functions) -> None:
    state(world, "ann", {"consent": {"mail": False}})
    assert len(profile("ann").interactions) == 2


@pytest.mark.usefixtures("snapshot")
class TestExposures:
    def ask(self, world: Functions, **body: Any) -> dict[str, Any]:
        status, answer = world.http("POST", "/recommendations", {"limit": 3, **body})
        assert status == 200
        lines = [json.loads(line) for data in moto_stack.objects("exposures/").values() for line in data.splitlines()]
        (record,) = [line for line in lines if line["recommendation_id"] == answer["recommendation_id"]]
        return dict(record)

    def test_name_shoppers_by_pseudonyms(self, world: Functions) -> None:
        record = self.ask(world, user_id="bob", session_id="s")
        assert (record["pseudonym"], record["pseudonym_key"]) == (KEYS.of("bob"), 1)
        assert "bob" not in json.dumps(record)
        assert self.ask(world, anonymous_id="bob")["pseudonym"] == KEYS.of("anon:bob")
        assert "pseudonym" not in self.ask(world)

    @pytest.mark.parametrize("asked", [{"user_id": "bob", "personalization": "off"}, {"user_id": "ann"}])
    def test_name_nobody_who_does_not_want_it(self, world: Functions, asked: dict[str, Any]) -> None:
        state(world, "ann", REFUSED)
        config = {"experiments": [{"name": "x", "variants": [{"name": "a", "share": 1.0}]}]}
        moto_stack.client("s3").put_object(
            Bucket=moto_stack.BUCKET, Key="config/experiments.json", Body=json.dumps(config).encode()
        )
        record = self.ask(world, session_id="s", **asked)
        assert record["items"]
        assert not {"user_id", "pseudonym", "unit", "session_id", "pseudonym_key"} & record.keys()

    def test_without_keys_name_nobody_and_answers_go_on(self, functions: Functions) -> None:
        with patch.dict("os.environ", {"PSEUDONYM_SECRET": "none-such"}):
            assert "bob" not in json.dumps(self.ask(functions, user_id="bob"))


def test_without_keys_events_come_again_and_none_is_archived_with_its_id(functions: Functions) -> None:
    with patch.dict("os.environ", {"PSEUDONYM_SECRET": "none-such"}):
        arrived = sqs_event(json.dumps(did("ann", "item-1")))
        assert functions.invoke("update_profile", arrived)["batchItemFailures"] == [{"itemIdentifier": "m0"}]
        assert archived() == []
        moto_stack.client("secretsmanager").create_secret(Name="none-such", SecretString=json.dumps({"1": "k" * 64}))
        assert functions.invoke("update_profile", arrived) == {"batchItemFailures": []}
    assert [record["pseudonym"] for record in archived()] == [KEYS.of("ann")]
    assert len(profile("ann").interactions) == 1


def test_a_stack_that_went_back_to_plain_ids_erases_what_it_has_under_pseudonyms(world: Functions) -> None:
    with patch.dict("os.environ", {"PSEUDONYMS": "read"}):
        back = Functions()
        arrived = sqs_event(json.dumps(did("bob", "item-5")))
        assert back.invoke("update_profile", arrived) == {"batchItemFailures": []}
        assert [record["user_id"] for record in archived() if "user_id" in record] == ["bob"]
        assert KEYS.of("ann") in json.dumps(archived())
        assert back.http("DELETE", USER, user_id="ann")[0] == 200
        assert back.invoke("purge_erased", {"begin": True})["status"] == "done"
    told = json.dumps(archived())
    assert (KEYS.of("ann") in told, KEYS.of("bob") in told) == (False, True)


def rebuilt(folder: Path) -> Shop:
    """What a rebuild reads: the archive, and the profiles as a table's export."""
    rows = moto_stack.client("dynamodb").scan(TableName=moto_stack.PROFILES)["Items"]
    files = {f"profiles/{name}": data for name, data in export_files(rows).items()}
    for name, data in (files | moto_stack.objects("events/")).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    items = [{"item_id": item.item_id, "title": item.title} for item in toy_items(12)]
    (folder / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    return read_shop(folder, int(time.time() * 1000), 0, {}, keys=KEYS)


def bought(shop: Shop) -> list[list[str]]:
    rows: dict[int, list[str]] = {}
    for user, item in zip(shop.table.user.tolist(), shop.table.item.tolist(), strict=True):
        rows.setdefault(user, []).append(shop.items[item].item_id)
    return sorted(sorted(row) for row in rows.values())
