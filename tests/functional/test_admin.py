"""Operators over HTTP, on moto: what they publish is what shoppers get, and what they change is known."""

from __future__ import annotations

import json
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from endcap.api.scenarios import KEY
from endcap.aws.documents import EditedDocument
from endcap.aws.meters import Meters
from endcap.aws.profiles import ProfileTable, StoredProfile
from endcap.aws.refusals import Refusals
from endcap.aws.snapshots import SnapshotBucket
from endcap.aws.work import Ended, Rebuilds, Running
from endcap.cost.so_far import month_start_ms
from endcap.desk import scenarios as desk_scenarios
from endcap.desk.events import tail
from endcap.errors import DependencyError
from endcap.events.interaction import Interaction
from endcap.live.document import Configured
from endcap.operator.overview import HOUR_MS
from endcap.operator.schemas import TailQuery
from endcap.profiles.profile import profile_of
from endcap.snapshot.gates import GateError
from tests.fakes import moto_stack
from tests.fakes.functions import Apps, context, http_event, published, stack_for_functions

FUNCTIONS = Path(__file__).parents[2] / "functions"
CONTEXT = context(10)
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")


class Shop(Apps):
    """The functions of operators and of lists on one stack; documents are looked at anew by every request."""

    def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        if_match: str | None = None,
        query: Mapping[str, object] | None = None,
        scopes: str | None = None,
        **names: str,
    ) -> tuple[int, Any]:
        function = "admin" if path.startswith("/admin/") else "recommend"
        event = http_event(
            method,
            path,
            None if body is None else json.dumps(body),
            names=names,
            query=query,
            headers={"if-match": if_match} if if_match else {},
        )
        if scopes is not None:
            event["requestContext"]["authorizer"] = {"jwt": {"claims": {"scope": scopes, "client_id": "anna"}}}
        answer = self.app(function).handler(event, CONTEXT)
        return answer["statusCode"], json.loads(answer["body"]) if answer.get("body") else None

    def ok(self, method: str, path: str, body: object = None, **more: Any) -> Any:
        status, answer = self(method, path, body, **more)
        assert status in (200, 202, 204), answer
        return answer

    def ids(self, **body: Any) -> list[str]:
        return [item["item_id"] for item in self.ok("POST", "/recommendations", body)["items"]]

    def publish(self, name: str, document: object) -> Any:
        status, known = self("GET", "/admin/scenarios/{name}", name=name)
        etag = known["etag"] if status == 200 else None
        return self.ok("PUT", "/admin/scenarios/{name}", document, name=name, if_match=etag)

    def audited(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ok("GET", "/admin/audit")["records"]
        return found


@contextmanager
def operated_shop(folder: Path) -> Iterator[Shop]:
    """A shop with a toy snapshot, whose documents are kept in versions."""
    with (
        stack_for_functions(folder),
        patch.object(Configured, "latest", Configured.current),
        patch("endcap.api.scenarios.POLL_S", 0.0),
        patch("endcap.experiments.config.POLL_S", 0.0),
    ):
        moto_stack.client("s3").put_bucket_versioning(
            Bucket=moto_stack.BUCKET, VersioningConfiguration={"Status": "Enabled"}
        )
        published(folder)
        yield Shop()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with operated_shop(tmp_path_factory.mktemp("admin")) as shop:
        yield shop


def stored() -> dict[str, str]:
    """Every object of the bucket by its content's tag."""
    pages = moto_stack.client("s3").get_paginator("list_objects_v2").paginate(Bucket=moto_stack.BUCKET)
    return {entry["Key"]: entry["ETag"] for page in pages for entry in page.get("Contents", ())}


class TestScenarios:
    def test_what_is_published_is_what_requests_get(self, shop: Shop) -> None:
        first = shop.ids(limit=3)
        shop.publish("pins", {"pinned": [{"item_id": "item-30", "position": 1}], "limit": 3})
        assert shop.ids(scenario="pins") == ["item-30", *first[:2]]

    def test_a_change_needs_what_was_seen_and_tells_what_is_there(self, shop: Shop) -> None:
        seen = shop.publish("conditional", {"diversity": 0.1})
        status, problem = shop("PUT", "/admin/scenarios/{name}", {"diversity": 0.2}, name="conditional")
        assert (status, problem["etag"]) == (428, seen["etag"])
        now = shop.publish("conditional", {"diversity": 0.3})
        for method, body in (("PUT", {"diversity": 0.4}), ("DELETE", None)):
            answer = shop(method, "/admin/scenarios/{name}", body, name="conditional", if_match=seen["etag"])
            assert (answer[0], answer[1]["etag"]) == (412, now["etag"])
        assert shop.ok("GET", "/admin/scenarios/{name}", name="conditional")["document"] == {"diversity": 0.3}

    def test_a_new_one_is_not_made_over_something_that_was_meant(self, shop: Shop) -> None:
        assert shop("PUT", "/admin/scenarios/{name}", {}, name="new", if_match='"seen"')[0] == 412

    def test_what_was_published_before_can_be_put_back(self, shop: Shop) -> None:
        before = shop.ids(limit=4)
        shop.publish("undone", {"limit": 4})
        shop.publish("undone", {"limit": 4, "blocked": [before[0]]})
        assert before[0] not in shop.ids(scenario="undone")
        versions = shop.ok("GET", "/admin/scenarios/{name}/history", name="undone")["versions"]
        assert [v.get("document", {}).get("blocked") for v in versions[:2]] == [[before[0]], None]
        shop.publish("undone", versions[1]["document"])
        assert shop.ids(scenario="undone") == before

    def test_a_history_goes_on_behind_many_changes_of_other_scenarios(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(desk_scenarios, "MAX_VERSIONS", 3)
        for document in ({"limit": 2}, {"limit": 3}):
            shop.publish("early", document)
        for limit in range(1, 8):
            shop.publish("busy", {"limit": limit})
        pages, query = [], {}
        while not pages or query:
            page = shop.ok("GET", "/admin/scenarios/{name}/history", name="early", query=query)
            pages.append(page["versions"])
            query = {"cursor": page["cursor"]} if "cursor" in page else {}
        assert pages[:2] == [[], []]  # the latest six are about the other one alone
        told = [version for page in pages for version in page]
        assert [version.get("document") for version in told[:3]] == [{"limit": 3}, {"limit": 2}, None]
        assert [version["current"] for version in told] == [True, *[False] * (len(told) - 1)]
        assert all("who" in version for version in told[:2])
        busy = shop.ok("GET", "/admin/scenarios/{name}/history", name="busy")
        assert [version["document"]["limit"] for version in busy["versions"]] == [7, 6, 5]
        assert shop("GET", "/admin/scenarios/{name}/history", name="early", query={"cursor": "Zm9v"})[0] == 400

    def test_each_change_leaves_a_record_and_a_refused_one_leaves_none(self, shop: Shop) -> None:
        shop.publish("audited", {"limit": 2})
        n = len(shop.audited())
        assert shop("PUT", "/admin/scenarios/{name}", {"limit": 3}, name="audited")[0] == 428
        assert shop("PUT", "/admin/scenarios/{name}", {"limit": -3}, name="audited", if_match="*")[0] == 400
        assert len(shop.audited()) == n
        shop.ok("DELETE", "/admin/scenarios/{name}", name="audited", if_match="*")
        record = shop.audited()[0]
        assert len(shop.audited()) == n + 1
        assert {k: record[k] for k in ("what", "target", "before", "after")} == {
            "what": "delete_scenario",
            "target": "audited",
            "before": {"limit": 2},
            "after": None,
        }

    def test_a_change_whose_answer_is_lost_leaves_its_record(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        write, before = EditedDocument.write, shop.audited()

        def lost(document: EditedDocument, data: bytes, etag: str | None) -> None:
            write(document, data, etag)
            raise DependencyError("no answer")

        with monkeypatch.context() as patch:
            patch.setattr(EditedDocument, "write", lost)
            assert shop("PUT", "/admin/scenarios/{name}", {"limit": 5}, name="lost")[0] == 503
        assert shop.ok("GET", "/admin/scenarios/{name}", name="lost")["document"] == {"limit": 5}
        assert [record["target"] for record in shop.audited()[: -len(before) or None]] == ["lost"]

    def test_an_item_is_hidden_everywhere_until_a_date(self, shop: Shop) -> None:
        best = shop.ids(limit=2)
        now_ms = int(time.time() * 1000)
        shop.publish("*", {"hidden": [{"item_id": best[0], "until": now_ms + 3_600_000}]})
        try:
            for asked in ({"limit": 40}, {"scenario": "buy_again", "user_id": "nobody"}, {"query": "lamp"}):
                assert best[0] not in shop.ids(**asked)
            found = shop.ok("GET", "/admin/items/{item_id}/diagnosis", item_id=best[0])
            assert [(f["reason"], f["by"]) for f in found["findings"]] == [("hidden", "*")]
            past = {"hidden": [{"item_id": best[0], "until": now_ms - 1}]}
            status, problem = shop("PUT", "/admin/scenarios/{name}", past, name="*", if_match="*")
            assert (status, problem["errors"][0]["field"]) == (400, "hidden.0.until")
            moto_stack.client("s3").put_object(Bucket=moto_stack.BUCKET, Key=KEY, Body=json.dumps({"*": past}).encode())
            assert shop.ids(limit=2) == best
            # What has ended since it was published is no mistake of whoever changes something else.
            shop.publish("*", {"hidden": [*past["hidden"], {"item_id": best[1]}]})
            assert best[1] not in shop.ids(limit=2)
            shop.publish("*", {"hidden": [{"item_id": best[0], "from": now_ms + 3_600_000}]})
            assert shop.ids(limit=2) == best
        finally:
            shop.publish("*", {})

    def test_what_holds_for_all_lists_can_say_nothing_that_one_could_stumble_over(self, shop: Shop) -> None:
        status, problem = shop("PUT", "/admin/scenarios/{name}", {"filter": "price < 3"}, name="*", if_match="*")
        assert (status, problem["errors"][0]["field"]) == (400, "filter")
        assert shop("POST", "/recommendations", {"scenario": "*"})[0] == 400

    def test_what_does_not_fit_the_catalogue_is_told(self, shop: Shop) -> None:
        found = shop.publish("odd", {"pinned": [{"item_id": "nowhere", "position": 1}], "filter": "hue = 3"})
        assert [w["field"] for w in found["warnings"]] == ["pinned.0.item_id", "filter"]

    def test_a_pinned_item_is_told_to_be_there_for_its_pin(self, shop: Shop) -> None:
        last = shop.ids(limit=30)[-1]
        shop.publish("window", {"pinned": [{"item_id": last, "position": 2}], "filter": "price > 0"})
        asked = {"scenario": "window", "language": "zh"}
        found = shop.ok("GET", "/admin/items/{item_id}/diagnosis", item_id=last, query=asked)
        (placed,) = found["placed_by"]
        assert (found["rank"], found["shown"], placed["by"], placed["rank_without"]) == (2, True, "pinned", 30)
        assert placed["text"] == "因为已置顶，所以排在第 2 位；否则会排在第 30 位。"
        shop.publish("window", {"pinned": [{"item_id": last, "position": 2}], "filter": "price < 0"})
        found = shop.ok("GET", "/admin/items/{item_id}/diagnosis", item_id=last, query=asked)
        assert [one["by"] for one in found["placed_by"]] == ["pinned_in_vain"]
        assert [one["reason"] for one in found["findings"]] == ["filter"]


def said_in(answer: Mapping[str, Any]) -> str:
    """All that the reasons of a list say."""
    reasons = [reason["text"] for item in answer["items"] for reason in item["reasons"]]
    return " ".join(
        [*reasons, *(item["counterfactual"]["text"] for item in answer["items"] if "counterfactual" in item)]
    )


def test_staff_are_told_of_the_shopper_by_a_diagnosis_and_by_two_snapshots(shop: Shop) -> None:
    item_id, version = shop.ids(limit=1)[0], shop.ok("GET", "/health")["snapshot_version"]
    bought = Interaction("e", "u", "purchase", int(time.time() * 1000), item_id)
    stored_one = StoredProfile(profile_of([bought]), 1)
    with patch.object(ProfileTable, "get", lambda *_: stored_one):
        told = shop.ok("GET", "/admin/items/{item_id}/diagnosis", item_id=item_id, query={"user_id": "u"})
        compared = shop.ok("POST", "/admin/snapshots/{version}/compare", {"user_ids": ["u"]}, version=version)
    of_lists = " ".join(said_in(one[side]) for one in compared["shoppers"] for side in ("current", "other"))
    for said in (" ".join(reason["text"] for reason in told["reasons"]), of_lists):
        assert "the shopper" in said
        assert not re.search(r"\byou(r|rs)?\b", said, re.IGNORECASE)


def test_exposures_say_where_and_by_which_rules(shop: Shop) -> None:
    before = set(stored())
    shop.ok(
        "POST",
        "/recommendations",
        {
            "user_id": "u",
            "session_id": "s",
            "scenario": "buy_again",
            "surface": "start",
            "context": {"referrer": "https://WWW.example.com/x?y=1"},
            "filter": "price > 0",
        },
    )
    shop.ok("POST", "/recommendations", {"limit": 2, "surface": "cart", "session_id": "s"})
    records = [
        json.loads(line)
        for key in sorted(set(stored()) - before)
        for line in moto_stack.client("s3").get_object(Bucket=moto_stack.BUCKET, Key=key)["Body"].read().splitlines()
    ]
    first, second = sorted(records, key=lambda record: record["surface"], reverse=True)
    assert (first["scenario"], first["surface"], first["session_id"]) == ("buy_again", "start", "s")
    assert first["context"] == {"referrer": "example.com"}
    assert len(first["filter"]) == 16
    assert isinstance(second["at_ms"], int)
    assert [(item["position"], item["source"]) for item in second["items"]] == [(1, "popular"), (2, "popular")]


def test_experiments_are_started_and_stopped(shop: Shop) -> None:
    two = [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5, "weights": {"popularity": -2.0}}]
    etag = shop.ok("GET", "/admin/experiments")["etag"]
    running = shop.ok("PUT", "/admin/experiments", {"experiments": [{"name": "e", "variants": two}]}, if_match=etag)
    assert running["experiments"][0]["state"] == "running"
    assert shop.ok("POST", "/recommendations", {"user_id": "u"})["experiment"] == "e"
    over = {"name": "e", "variants": two, "end": 1}
    assert shop("PUT", "/admin/experiments", {"experiments": [over]}, if_match=etag)[0] == 412
    done = shop.ok("PUT", "/admin/experiments", {"experiments": [over]}, if_match=running["etag"])
    assert done["experiments"][0]["state"] == "over"
    assert "experiment" not in shop.ok("POST", "/recommendations", {"user_id": "u"})
    assert shop("PUT", "/admin/experiments", {"experiments": [{"name": "e"}]}, if_match="*")[0] == 400
    assert shop.ok("GET", "/admin/experiments/{name}/report", name="e")["control"] == "a"
    # The record of each says which one, and what was done, beside another that stays as it is.
    also = {"name": "f", "variants": two}
    shop.ok("PUT", "/admin/experiments", {"experiments": [over, also]}, if_match=done["etag"])
    stopped, begun = shop.audited()[1]["done"], shop.audited()[0]["done"]
    assert stopped == [{"what": "stop_experiment", "target": "e"}]
    assert begun == [{"what": "start_experiment", "target": "f"}]


def test_an_experiment_that_compares_nothing_is_refused(shop: Shop) -> None:
    twins = [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5, "weights": {}}]
    n = len(shop.audited())
    status, problem = shop(
        "PUT", "/admin/experiments", {"experiments": [{"name": "idle", "variants": twins}]}, if_match="*"
    )
    assert (status, problem["errors"][0]["field"]) == (400, "experiments.0.variants.1")
    assert "equal in all that they change" in problem["errors"][0]["message"]
    assert len(shop.audited()) == n


def test_filters_are_tried_on_the_catalogue(shop: Shop) -> None:
    found = shop.ok("POST", "/admin/filters/check", {"filter": 'brand = "Acme" AND price < 20', "sample": 3})
    assert (found["valid"], found["count"], len(found["sample"])) == (True, 5, 3)
    assert {item["brand"] for item in found["sample"]} == {"Acme"}
    fields = {field["name"]: field for field in found["fields"]}
    assert fields["brand"]["values"][0]["count"] == 10
    assert fields["available"]["values"] == [{"value": True, "count": 40}]
    assert (fields["price"]["least"], fields["price"]["most"]) == (1.0, 40.0)
    everything = shop.ok("POST", "/admin/filters/check", {})
    assert (everything["count"], everything["of"]) == (40, 40)


def test_items_that_every_list_hides_come_last_in_a_sample_and_are_marked(shop: Shop) -> None:
    asked = {"filter": "price > 5", "sample": 40}
    before = [item["item_id"] for item in shop.ok("POST", "/admin/filters/check", asked)["sample"]]
    shop.publish("*", {"hidden": [{"item_id": before[0]}]})
    try:
        found = shop.ok("POST", "/admin/filters/check", asked)
        assert [item["item_id"] for item in found["sample"]] == [*before[1:], before[0]]
        assert [item.get("hidden_until") for item in found["sample"]] == [None] * (len(before) - 1) + [0]
        assert found["count"] == len(before)
    finally:
        shop.publish("*", {})


def test_pages_of_items_hold_each_once(shop: Shop) -> None:
    seen, cursor = [], None
    while True:
        page = shop.ok(
            "GET", "/admin/items", query={"limit": 9, "filter": "price > 5"} | ({"cursor": cursor} if cursor else {})
        )
        seen += [item["item_id"] for item in page["items"]]
        cursor = page.get("cursor")
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == page["total"] == 35
    assert shop("GET", "/admin/items", query={"cursor": "!"})[0] == 400
    assert shop("GET", "/admin/items", query={"limit": 0})[0] == 400


def test_the_tail_says_how_far_behind_the_archive_may_be() -> None:
    nothing = SimpleNamespace(since=lambda *_: ([], "|0"))
    settings = SimpleNamespace(archive_buffer_seconds=300)
    assert tail(SimpleNamespace(tail=nothing, settings=settings), TailQuery())["delay_s"] == 300  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/admin/quarantine", "/admin/audit", "/admin/events/tail", "/admin/items"])
@pytest.mark.parametrize("cursor", ["!", "é", "x|7", "7|x|y", "|", "7", "99999999999999999999999999"])
def test_a_cursor_of_nobody_is_no_fault_of_ours(shop: Shop, path: str, cursor: str) -> None:
    name = "after" if path.endswith("tail") else "cursor"
    for given in (cursor, urlsafe_b64encode(cursor.encode()).decode()):
        assert shop("GET", path, query={name: given})[0] in (200, 400)


def test_counts_of_items_are_those_of_now_and_say_so(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    live = shop.app("admin").runtime.live_counts
    listed = shop.ok("GET", "/admin/items", query={"limit": 1})
    assert 0 <= time.time() * 1000 - listed["counted_at"] < 60_000
    (item,) = listed["items"]
    assert item["counts"]["24h"] == {"shown": 0, "events": {"demand": 0, "click": 0}}
    monkeypatch.setattr(live, "looked_ms", lambda windows: None)
    unread = shop.ok("GET", "/admin/items", query={"limit": 1})
    assert (unread["counted_at"], unread["items"][0]["counts"]) == (None, {})


def test_items_are_found_by_a_part_of_their_title_and_by_their_whole_category(shop: Shop) -> None:
    one = shop.ok("GET", "/admin/items", query={"limit": 1})["items"][0]
    for words in (one["title"][1:], one["categories"][-1].lower(), one["item_id"]):
        found = shop.ok("GET", "/admin/items", query={"q": words, "limit": 50})["items"]
        assert one["item_id"] in {item["item_id"] for item in found}, words
    assert shop.ok("GET", "/admin/items", query={"q": "no such words"})["total"] == 0


@pytest.mark.parametrize(
    ("failure", "ended_ms", "told"), [("no item", 1 << 42, True), ("no item", 1, False), ("", 1 << 42, False)]
)
def test_a_rebuild_that_failed_since_the_last_promotion_needs_attention(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, failure: str, ended_ms: int, told: bool
) -> None:
    monkeypatch.setattr(Rebuilds, "last_ended", lambda _: Ended("nightly", 1, ended_ms, failure))
    seen, moment = SnapshotBucket.seen, "2026-01-15T03:51:09+00:00"
    monkeypatch.setattr(SnapshotBucket, "seen", lambda of: (at := seen(of)) and replace(at, promoted_at=moment))
    attention = shop.ok("GET", "/admin/overview")["attention"]
    found = [one for one in attention if one["kind"] == "rebuild_failed"]
    snapshots = shop.ok("GET", "/admin/snapshots")
    failed = snapshots.get("failed")
    ended = {"what": "rebuild", "name": "nightly", "since": 1, "ended": ended_ms}
    assert snapshots.get("rebuilt") == (None if failure else ended)
    if told:
        assert found[0]["severity"] == "error"
        assert found[0]["text"] == "The rebuild nightly failed: no item"
        assert (failed["name"], failed["error"]) == ("nightly", "no item")
    else:
        assert (found, failed) == ([], None)


def test_a_rebuild_that_runs_is_told_with_its_step_and_none_is_started_beside_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shop.ok("GET", "/admin/overview")["running"] == []
    monkeypatch.setattr(Rebuilds, "running", lambda _: [Running("nightly", 7, "learn"), Running("other", 8, None)])
    running = [
        {"what": "rebuild", "name": "nightly", "since": 7, "step": "learn"},
        {"what": "rebuild", "name": "other", "since": 8},
    ]
    assert shop.ok("GET", "/admin/overview")["running"] == running
    assert shop.ok("GET", "/admin/snapshots")["running"] == running
    status, told = shop("POST", "/admin/rebuilds")
    assert (status, told["detail"]) == (409, "a rebuild is under way")


def test_a_snapshot_that_is_not_loaded_yet_is_named_and_the_loaded_one_has_no_date_of_its(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, moment = SnapshotBucket.seen, "2026-01-15T03:51:09+00:00"
    loaded = shop.ok("GET", "/admin/overview")["snapshot"]["version"]
    for version, told in (
        (loaded, {"promoted_at": moment}),
        ("20260116T000000Z-aaaa", {"next": "20260116T000000Z-aaaa"}),
    ):
        pointer = replace(seen(SnapshotBucket(moto_stack.client("s3"), moto_stack.BUCKET)), version=version)
        monkeypatch.setattr(SnapshotBucket, "seen", lambda _, at=pointer: replace(at, promoted_at=moment))
        snapshot = shop.ok("GET", "/admin/overview")["snapshot"]
        assert snapshot["version"] == loaded
        assert {name: snapshot[name] for name in ("promoted_at", "next") if name in snapshot} == told


def test_of_a_stack_that_has_counted_nothing_no_rate_is_told_and_its_cost_begins_with_its_first_snapshot(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = shop.ok("GET", "/admin/overview")
    nothing = dict.fromkeys(("events", "lists", "refused", "degraded"))
    assert told["rates"] == {"minutes": told["rates"]["minutes"], "counted": False, **nothing}
    (written,) = [one["written_at"] for one in shop.ok("GET", "/admin/snapshots")["snapshots"]]
    assert told["cost"]["since"] == max(written, month_start_ms(told["at"]))
    assert told["cost"]["days"] < 0.01
    assert 1 <= told["rates"]["minutes"] < 15
    now_ms = time.time_ns() // 1_000_000
    hours = {now_ms - 30 * HOUR_MS: 0.0, now_ms - 20 * HOUR_MS: 3.0, now_ms - HOUR_MS: 1.0}
    counted = {"EventsAccepted": hours, "Recommendations": {}, "ItemsChanged": {}}

    def of(_: Meters, names: Sequence[str], from_ms: int, to_ms: int, period_s: int) -> dict[str, dict[int, float]]:
        return {name: counted.get(name, {}) if period_s == 3600 else {} for name in names}

    monkeypatch.setattr(Meters, "counted", of)
    told = shop.ok("GET", "/admin/overview")
    assert told["rates"] == {
        "minutes": 15,
        "counted": True,
        "events": 0.0,
        "lists": 0.0,
        "refused": 0.0,
        "degraded": 0.0,
    }
    assert told["cost"]["since"] == max(now_ms - 19 * HOUR_MS, month_start_ms(told["at"]))

    def unreadable(*_: object) -> dict[str, dict[int, float]]:
        raise DependencyError("CloudWatch does not answer")

    monkeypatch.setattr(Meters, "counted", unreadable)
    rates = shop.ok("GET", "/admin/overview")["rates"]
    assert rates == {"minutes": rates["minutes"], "counted": True, **nothing}  # as far as is known


def test_a_promotion_that_was_refused_needs_attention_until_one_succeeds(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = Refusals(moto_stack.client("s3"), moto_stack.BUCKET)
    with pytest.raises(GateError), refusals.noting("promote", "v2"):
        raise GateError("coverage: too little")
    (told,) = [one for one in shop.ok("GET", "/admin/overview")["attention"] if one["kind"] == "promotion_refused"]
    assert (told["severity"], told["page"]) == ("error", "snapshots")
    assert told["text"] == "The snapshot v2 was not made current: coverage: too little"
    found = shop.ok("GET", "/admin/snapshots")["refused"]
    assert (found["what"], found["version"], found["error"]) == ("promote", "v2", "coverage: too little")
    chinese = shop.ok("GET", "/admin/overview", query={"language": "zh"})
    assert "快照 v2 未能启用，原因见“快照”页" in [one["text"] for one in chinese["attention"]]
    assert "不含以往月份的快照与归档" in chinese["cost"]["assumed"]
    # A rebuild that failed by it says so itself.
    rebuilt = Ended("nightly", found["at"] - 1, found["at"] + 1, "coverage: too little")
    monkeypatch.setattr(Rebuilds, "last_ended", lambda _: rebuilt)
    kinds = {one["kind"] for one in shop.ok("GET", "/admin/overview")["attention"]}
    assert "promotion_refused" not in kinds
    monkeypatch.undo()
    current = shop.ok("GET", "/admin/snapshots")["current"]
    shop.app("promote").handler({"version": current}, context(60))
    assert "refused" not in shop.ok("GET", "/admin/snapshots")


def test_the_current_snapshot_is_told_and_compared_with_itself(shop: Shop) -> None:
    told = shop.ok("GET", "/admin/snapshots")
    version = told["current"]
    assert [(one["version"], one["state"]) for one in told["snapshots"]] == [(version, "current")]
    found = shop.ok("POST", "/admin/snapshots/{version}/compare", {"user_ids": ["u", "v"]}, version=version)
    assert (found["overlap"], len(found["shoppers"])) == (1.0, 2)
    assert shop("POST", "/admin/snapshots/{version}/compare", {}, version="nothing")[0] == 404
    assert shop("POST", "/admin/rebuilds")[0] == 409
