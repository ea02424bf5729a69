"""A shop that starts with nothing: what is put into it is ranked at once, and a rebuild learns from what it holds."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from endcap_local.cli.app import app
from endcap_local.cli.local import REBUILDS
from endcap_local.http_client import HttpClient, HttpError
from endcap_local.rebuilding import Rebuilder
from endcap_local.stack import LocalStack
from tests.fakes.short_polls import short_polls
from tests.fakes.toy_snapshot import TINY_ENCODER

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
ROOT = Path(__file__).parents[2]
GOODS = {
    "mug": "Blue ceramic mug",
    "cup": "Green ceramic cup",
    "shirt": "Red cotton shirt",
    "lamp": "Steel garden lamp",
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with (
        pytest.MonkeyPatch.context() as patched,
        short_polls(),
        LocalStack(ROOT / "template.yaml", redelivery_s=0) as running,
    ):
        patched.setenv("ENDCAP_CACHE", str(tmp_path_factory.mktemp("cache")))
        rebuilder = Rebuilder(running, str(TINY_ENCODER))
        assert rebuilder.start_empty() is not None
        assert rebuilder.start_empty() is None
        running.offer(REBUILDS, rebuilder.rebuild)
        yield running


def until(true: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def ids(answer: Any) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def test_items_are_found_and_ranked_before_anything_is_learned(stack: LocalStack) -> None:
    api = HttpClient(stack.url)
    health = api.get("/health")
    assert (health["items"], "PUT /items" in health["next"]) == (0, True)
    assert ids(api.get("/users/ann/recommendations")) == []
    for item_id, title in GOODS.items():
        api.put(f"/items/{item_id}", {"title": title, "price": 9.5})
    api.post("/events", {"events": [{"user_id": "ann", "event_type": "purchase", "item_id": "mug"}]})
    stack.wait_until_idle()
    assert until(lambda: ids(api.get("/search", q="cotton")))[0] == "shirt"
    assert sorted(until(lambda: ids(api.get("/users/bob/recommendations")))) == sorted(GOODS)
    assert "mug" not in until(lambda: ids(api.get("/users/ann/recommendations")))


def test_a_rebuild_learns_from_what_the_stack_holds(stack: LocalStack) -> None:
    api = HttpClient(stack.url)
    for user_id in ("bea", "cho", "dan"):
        bought = [{"user_id": user_id, "event_type": "purchase", "item_id": i, "timestamp": 1_790_000_000 + k}
                  for k, i in enumerate(("mug", "cup"))]  # fmt: skip
        api.post("/events", {"events": bought})
    stack.wait_until_idle()
    url = f"{stack.url}{REBUILDS}?start={stack.start_token}"
    done = subprocess.run(
        [sys.executable, "-c", "from endcap_local.cli.app import main; main()", "rebuild", "--running", url, "--json"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    manifest = json.loads(done.stdout)
    assert manifest["counts"]["items"] == len(GOODS)
    assert manifest["counts"]["events"] >= 6
    until(lambda: api.get("/health")["snapshot_version"] == manifest["version"])
    assert "next" not in api.get("/health")
    assert ids(api.get("/trending")) or ids(api.get("/users/eve/recommendations"))[0] in ("mug", "cup")


def test_only_who_was_told_the_token_may_rebuild(stack: LocalStack) -> None:
    for query in ("", "?start=guessed"):
        with pytest.raises(HttpError, match="403"):
            HttpClient(stack.url).post(REBUILDS + query, {})


@pytest.mark.parametrize("arguments", [["--data", "d"], ["--out", "o"], [], ["--running", "u", "--data", "d"]])
def test_a_rebuild_is_of_a_folder_or_of_a_running_stack(arguments: list[str]) -> None:
    done = CliRunner().invoke(app, ["rebuild", *arguments])
    assert done.exit_code == 2
