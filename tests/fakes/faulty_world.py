"""Functions that make lists on an account in memory, in virtual time, where each call can be made to fail."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from endcap.aws.profiles import ProfileTable
from endcap.events.interaction import Interaction
from endcap.live.waiting import Waiting
from endcap.profiles.profile import profile_of
from endcap.snapshot.promote import popular_list
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.faulty_aws import FaultyAws
from tests.fakes.functions import Apps, context
from tests.fakes.moto_stack import ENVIRONMENT
from tests.fakes.toy_snapshot import CUTOFF_MS, toy_items
from tests.fakes.virtual_time import VirtualClock, VirtualWorkers

FUNCTIONS = Path(__file__).parents[2] / "functions"
CONTEXT = context(10)
SCENARIOS = {"home": {"limit": 5, "exploration": 0.4}}
DELETED, SOLD_OUT = "item-0", "item-1"
"""The most popular items, which have gone since the snapshot."""

PROFILE, CHANGES, COUNTERS = "GetItem ProfilesTable", "Query ItemsTable", "S3 counts/*"
ITEMS, EXPOSURE = "BatchGetItem ItemsTable", "PutRecord"
POINTER, FILES = "S3 snapshots/current.json", "S3 snapshots/2*"
SCENARIO_FILE, EXPERIMENT_FILE = "S3 config/scenarios.json", "S3 config/experiments.json"
S3 = ("S3 *",)
DYNAMODB = ("GetItem *", "Query *", "BatchGetItem *")


class World(Apps):
    """Functions on an account in memory, in virtual time."""

    def __init__(self, toy: Snapshot) -> None:
        self.clock = VirtualClock()
        self.aws = FaultyAws(self.clock)
        self.aws.put_snapshot(toy.directory, toy.version)
        self.aws.objects["config/scenarios.json"] = json.dumps(SCENARIOS).encode()
        self.aws.objects["config/experiments.json"] = b'{"experiments": []}'
        for item in toy_items():
            self.aws.put_item(item, CUTOFF_MS - 1)
        self.aws.delete_item(DELETED, CUTOFF_MS + 1)
        sold_out = next(item for item in toy_items() if item.item_id == SOLD_OUT)
        self.aws.put_item(replace(sold_out, available=False), CUTOFF_MS + 1)
        popular = popular_list(toy)
        self.aws.items["\0popular"] = {
            "item_id": {"S": "\0popular"},
            "changed_at": {"N": "0"},
            "snapshot_version": {"S": popular.version},
            "popular_items": {"S": json.dumps(popular.items)},
        }
        bought = Interaction("e1", "ann", "purchase", int(time.time() * 1000) - 3_600_000, "item-20")
        table = ProfileTable(None, ENVIRONMENT["PROFILES_TABLE"])
        self.aws.profiles["ann"] = table.row("ann", profile_of([bought], None), 3)
        super().__init__(self._in_virtual_time)

    def ask(self, query: Mapping[str, str] | None = None) -> tuple[int, Any, float]:
        """Ask for ann's list: status, body, seconds that it took."""
        query = {"scenario": "home", **(query or {})}
        return self.call("recommend", "GET", "/users/{user_id}/recommendations", query)

    def call(self, function: str, method: str, path: str, query: Mapping[str, str], body: Any = None) -> Any:
        event = {
            "version": "2.0",
            "routeKey": f"{method} {path}",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {},
            "pathParameters": {"user_id": "ann"} if "{user_id}" in path else {},
            "queryStringParameters": dict(query),
            "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
            "isBase64Encoded": False,
            **({} if body is None else {"body": json.dumps(body)}),
        }
        began_s = self.clock.now_s
        answer = self.app(function).handler(event, CONTEXT)
        assert answer["statusCode"] != 503 or answer["headers"]["Retry-After"] == "1"
        return answer["statusCode"], json.loads(answer["body"]), self.clock.now_s - began_s

    def _in_virtual_time(self, _: str, app: ModuleType) -> None:
        waiting = Waiting(VirtualWorkers(self.clock), self.clock)
        app.runtime = app.runtime.with_clients(self.aws.clients, waiting)


def lost(body: Any) -> set[str]:
    return set(body.get("degraded", {}).get("lost", ()))


def ids(body: Any) -> list[str]:
    return [item["item_id"] for item in body["items"]]
