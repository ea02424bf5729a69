"""New items described as they come in, on the local stack over HTTP, by the writer without a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from endcap.aws.snapshots import SnapshotBucket
from endcap.catalog.item import Item
from endcap.index.tagged import tag_rows
from endcap.index.vectors import without_mean
from endcap.snapshot.parts import TermWeight, Weights
from endcap.snapshot.write import CentredVectors
from endcap_local.stack import LocalStack
from tests.fakes.shop_over_http import ask, call, comes_true, did, get, ids, ok
from tests.fakes.toy_snapshot import build_toy_snapshot, toy_contents

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
ROOT = Path(__file__).parents[2]
N = 40
NAMES = ("christmas", "kitchen", "lighting")


def described_parts() -> dict[str, Any]:
    """Of a snapshot whose items that writer has described, as gates took its words and its tags."""
    rows = tag_rows([Item(f"item-{k}") for k in range(N)], [(NAMES[k % 3],) for k in range(N)], NAMES)
    mean = rows.mean(axis=0)
    contents = toy_contents(N)
    return {
        "n_items": N,
        "described": without_mean(contents.text_vectors, contents.whitening_mean),
        "described_mean": contents.whitening_mean,
        "tags": CentredVectors(without_mean(rows, mean), mean),
        "weights": Weights({"text": TermWeight(0.5), "described_query": TermWeight(1.0), "tags": TermWeight(5.0, 1.0)}),
        "metrics": {
            "enrichment": {
                "writer": "rules:1",
                "prompt": "enrich-1",
                "fields": ["kind", "uses"],
                "shares": {},
                "other_shares": [1.0, 1.0],
                "tags": list(NAMES),
            }
        },
    }


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    folder = tmp_path_factory.mktemp("described")
    parameters = {"ItemWriter": "rules", "RebuildEnrichment": "true"}
    with LocalStack(ROOT / "template.yaml", parameters=parameters, redelivery_s=0) as running:
        version = build_toy_snapshot(folder / "toy", **described_parts()).version
        name = running.function("CollectFunction").environment["DATA_BUCKET"]
        bucket = SnapshotBucket(running.client("s3"), name, folder / "cache")
        bucket.upload(folder / "toy", version)
        promoted = running.invoke("PromoteFunction", {"version": version})
        assert promoted.error is None, promoted
        yield running


def test_an_item_that_is_put_is_described_ranked_by_its_tags_and_named_in_a_profile(stack: LocalStack) -> None:
    assert comes_true(lambda: call(stack, "GET", "/health")[0] == 200)
    for item_id, title in (("bell", "Christmas bell"), ("star", "Star for an advent wreath"), ("oven", "Oven glove")):
        ok(call(stack, "PUT", f"/items/{item_id}", {"title": title}))
    stack.wait_until_idle()
    christmas = {"generated_tags": ["christmas"]}
    told = {"bell": christmas, "star": christmas, "oven": None}

    def attributes() -> dict[str, Any]:
        answer = ask(stack, candidates=list(told), fields=["attributes"])
        return {one["item_id"]: one.get("attributes") for one in answer["items"]}

    assert comes_true(lambda: attributes() == told), attributes()
    assert set(ids(ask(stack, filter='generated_tags CONTAINS "christmas"'))) == {"bell", "star"}
    assert "attributes" not in get(stack, "/items/bell")
    did(stack, "ada", *({"event_type": "like", "item_id": item_id} for item_id in ("bell", "star")))
    listed = ask(stack, user_id="ada", candidates=["star", "item-1"], exclude_seen="none", explain=True)["items"]
    assert listed[0]["item_id"] == "star"
    (reason,) = [reason for reason in listed[0]["reasons"] if reason["kind"] == "tags"]
    assert reason["evidence"][0]["words"] == ["christmas"]
    profile = get(stack, "/users/ada/profile", language="en")
    assert [one["name"] for one in profile["interests"]["generated_tags"]] == ["christmas"]
    assert "christmas" in profile["summary"][0]
