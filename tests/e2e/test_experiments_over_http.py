"""An experiment from its configuration to its report, over HTTP on the local stack and from its own archive."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from endcap.aws.snapshots import SnapshotBucket
from endcap_local.stack import LocalStack
from tests.fakes.shop_over_http import call, ok
from tests.fakes.toy_snapshot import build_toy_snapshot

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
ROOT = Path(__file__).parents[2]
SHOPPERS = [f"shopper-{n}" for n in range(160)]
EXPERIMENTS = {
    "experiments": [
        {
            "name": "upside-down",
            "variants": [
                {"name": "control", "share": 0.5},
                {"name": "least-popular", "share": 0.5, "weights": {"popularity": -5.0}},
            ],
        }
    ]
}


def endcap(stack: LocalStack, *arguments: str) -> Any:
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": stack.engine.endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "local"),
    }
    environment.pop("PROMOTE_FUNCTION", None)  # as the stack's functions have it, in this process
    command = [sys.executable, "-c", "from endcap_local.cli.app import main; main()", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_experiment_from_its_configuration_to_its_report(tmp_path):
    with LocalStack(ROOT / "template.yaml", parameters={"SnapshotSignature": "require"}, redelivery_s=0) as stack:
        version, bucket = (
            build_toy_snapshot(tmp_path).version,
            stack.function("CollectFunction").environment["DATA_BUCKET"],
        )
        given = ("--bucket", bucket, "--key", stack.snapshot_key, "--json")
        assert endcap(stack, "snapshot", "promote", str(tmp_path), *given)["signed"] is True
        assert version == SnapshotBucket(stack.client("s3"), bucket).current().version
        stack.client("s3").put_object(
            Bucket=bucket, Key="config/experiments.json", Body=json.dumps(EXPERIMENTS).encode()
        )
        (running,) = ok(call(stack, "GET", "/parameters"))["experiments"]
        assert [variant["name"] for variant in running["variants"]] == ["control", "least-popular"]

        lists = {user: ok(call(stack, "GET", f"/users/{user}/recommendations?limit=3")) for user in SHOPPERS}
        assert {one["experiment"] for one in lists.values()} == {"upside-down"}
        first = {one["variant"]: one["items"][0]["item_id"] for one in lists.values()}
        assert first["control"] != first["least-popular"]
        again = ok(call(stack, "POST", "/recommendations", {"user_id": SHOPPERS[0], "query": "lamp"}))
        assert again["variant"] == lists[SHOPPERS[0]]["variant"]

        # Everybody who sees what sells best clicks, every second one buys; of the others every fourth one clicks.
        events = []
        for n, (user, one) in enumerate(lists.items()):
            item, key = one["items"][0]["item_id"], one["recommendation_id"]
            about = {"user_id": user, "item_id": item, "recommendation_id": key}
            control = one["variant"] == "control"
            if control or n % 4 == 0:
                events.append(about | {"event_id": f"c{n}", "event_type": "click"})
            if control and n % 2 == 0:
                events.append(about | {"event_id": f"p{n}", "event_type": "purchase", "value": 10.0})
        for _ in range(2):  # a client that sends everything twice
            assert ok(call(stack, "POST", "/events", {"events": events}))["accepted"] == len(events)
        stack.wait_until_idle()

        found = endcap(stack, "experiments", "report", "--data", f"s3://{bucket}", "--metric", "ctr", "--json")
        variants = {variant["name"]: variant for variant in found["variants"]}
        sizes = {name: sum(one["variant"] == name for one in lists.values()) for name in variants}
        assert {name: variant["units"] for name, variant in variants.items()} == sizes
        assert variants["control"]["lists"] == sizes["control"] + (again["variant"] == "control")
        assert variants["control"]["clicked_lists"] == sizes["control"]
        bought = [event for event in events if event["event_type"] == "purchase"]
        assert variants["control"]["converted_units"] == len(bought)
        assert variants["control"]["revenue"] == 10.0 * len(bought)
        assert variants["least-popular"]["conversion"] == 0
        assert found["events"]["repeated"] == len(events)
        assert not found["sample_ratio"]["mismatch"]
        assert found["winner"] == "control"
