"""What the API answers for a history is what batch-recommend writes for it: one snapshot, one pipeline, two doors.

With a snapshot of either budget; no function knows which one it serves.
"""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections import defaultdict
from functools import partial
from pathlib import Path

import pytest

from endcap.aws.snapshots import SnapshotBucket
from endcap.snapshot.files import read_manifest
from endcap_local.data_import.into_local import load_folder, wait_until_served
from endcap_local.data_import.local_stores import variable_of
from endcap_local.demo_data import DEMO_DATA
from endcap_local.http_client import HttpClient
from endcap_local.stack import LocalStack
from endcap_rebuild.batch_recommend import batch_recommend
from endcap_rebuild.job import BUDGETS, rebuild
from endcap_rebuild.settings import RebuildSettings
from endcap_rebuild.steps import full
from endcap_rebuild.user_encoder.plan import TowerSettings
from tests.fakes.killed_rebuild import steps_with_encoder
from tests.fakes.shop_over_http import comes_true

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
ROOT = Path(__file__).parents[2]
TINY_ENCODER = ROOT / "tests" / "data" / "tiny_encoder"
N_USERS, MAX_EVENTS, LIMIT = 100, 64, 20
N_ITEMS = {"fast": 400, "full": 60}


@pytest.fixture(scope="module", params=["fast", pytest.param("full", marks=pytest.mark.training)])
def budget(request):
    if request.param == "full":
        pytest.importorskip("torch", reason="torch is not installed (make setup-training)")
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(BUDGETS, "full", steps_with_encoder())
            patch.setattr(full, "TowerSettings", partial(TowerSettings, least_epochs=2, most_epochs=2))
            yield "full"
    else:
        yield request.param


@pytest.fixture(scope="module")
def shop(budget, tmp_path_factory):
    """A folder with a part of the demo's catalogue, and 100 random shoppers with up to 64 events among their own."""
    folder = tmp_path_factory.mktemp("shop")
    with gzip.open(DEMO_DATA / "items.jsonl.gz", "rt", encoding="utf-8") as file:
        items = [json.loads(line) for _, line in zip(range(N_ITEMS[budget]), file, strict=False)]
    known = {item.get("item_id", item.get("id")) for item in items}
    with gzip.open(DEMO_DATA / "events.csv.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["item_id"] in known]
    (folder / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    with (folder / "events.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(rows)
    histories = defaultdict(list)
    for row in rows:
        histories[row["user_id"]].append({name: value for name, value in row.items() if value})
    able = sorted(user for user, history in histories.items() if 1 < len(history) <= MAX_EVENTS)
    chosen = random.Random(0).sample(able, N_USERS)
    return folder, {user: histories[user] for user in chosen}


@pytest.fixture(scope="module")
def snapshot(budget, shop, tmp_path_factory):
    """The folder of a snapshot of the shop."""
    out = tmp_path_factory.mktemp("rebuilt") / "snapshot"
    manifest = rebuild(RebuildSettings(shop[0], out, encoder=str(TINY_ENCODER), budget=budget, max_cases=100))
    assert ("user_encoder.onnx" in manifest["files"]) == (budget == "full")
    return out


@pytest.fixture(scope="module")
def written(shop, snapshot, tmp_path_factory):
    """What batch-recommend writes from the snapshot: user -> item ids in order."""
    folder, histories = shop
    work = tmp_path_factory.mktemp("batch")
    (work / "users.csv").write_text("user_id\n" + "".join(f"{user}\n" for user in histories), encoding="utf-8")
    batch_recommend(snapshot, folder / "events.csv", work / "users.csv", LIMIT, work / "out.csv")
    lists = defaultdict(list)
    with (work / "out.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            lists[row["user_id"]].append(row["item_id"])
    return lists


@pytest.fixture(scope="module")
def api(budget, shop, snapshot):
    with LocalStack(ROOT / "template.yaml") as stack:
        load_folder(stack, shop[0], lambda *_: None, encoder=str(TINY_ENCODER), max_cases=100)
        client = HttpClient(stack.url)
        if budget == "full":
            _promote(stack, client, snapshot)
        yield client


def _promote(stack, client, snapshot):
    """In place of the snapshot of the fast budget, which is newer; two epochs of training pass no gate."""
    version = read_manifest(snapshot)["version"]
    SnapshotBucket(stack.client("s3"), variable_of(stack, "DATA_BUCKET")).upload(snapshot, version)
    assert stack.invoke("PromoteFunction", {"version": version, "rollback": True}).error is None
    wait_until_served(client, version)


def asked(api, history, **body):
    """The ids of a list; asked again where a busy machine has read no profile in time, as the answer says itself."""
    latest = max(float(event["timestamp"]) for event in history)
    answers = []

    def is_whole():
        answers.append(api.post("/recommendations", {"as_of": latest, "limit": LIMIT, "explain": False, **body}))
        return "degraded" not in answers[-1]

    assert comes_true(is_whole), answers[-1]["degraded"]
    return [item["item_id"] for item in answers[-1]["items"]]


def test_imported_profiles_give_the_order_of_the_batch(api, shop, written):
    for user, history in shop[1].items():
        assert asked(api, history, user_id=user) == written[user]


def test_a_session_with_the_same_history_gives_the_order_of_the_batch(api, shop, written):
    for user, history in shop[1].items():
        events = [{k: v for k, v in event.items() if k != "user_id"} for event in history]
        assert asked(api, history, interactions=events) == written[user]


def test_events_sent_over_http_give_the_order_of_the_batch(api, shop, written):
    users = list(shop[1])[:20]
    for user in users:
        events = [{**event, "user_id": f"again-{user}"} for event in shop[1][user]]
        assert api.post("/events", {"events": events})["accepted"] == len(events)
    for user in users:
        again = partial(asked, api, shop[1][user], user_id=f"again-{user}")
        comes_true(lambda again=again, user=user: again() == written[user])  # what is asked once more says what differs
        assert again() == written[user]
