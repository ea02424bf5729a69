"""`--budget full`: a rebuild with the learned user encoder, from files to answers."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (make setup-training)")

from endcap.events.interaction import Interaction
from endcap.index.index import index_of
from endcap.profiles.profile import profile_of
from endcap.ranking.terms.similarity import user_vector_of
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.snapshot import load_snapshot
from endcap_rebuild.job import BUDGETS, rebuild
from endcap_rebuild.settings import RebuildSettings
from tests.fakes.killed_rebuild import steps_with_encoder
from tests.fakes.toy_shop import NOW_MS, chain_events, toy_item_rows, write_events, write_items
from tests.fakes.toy_snapshot import TINY_ENCODER

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain") / "shop"
    write_items(folder, toy_item_rows(40))
    write_events(folder, chain_events(n_users=300))
    return folder


@pytest.fixture(autouse=True)
def encoder_is_wanted(monkeypatch):
    monkeypatch.setitem(BUDGETS, "full", steps_with_encoder())


def settings(shop, out, **changes):
    fields = {"encoder": str(TINY_ENCODER), "cache": shop.parent / "cache", "now_ms": NOW_MS, "max_cases": 200}
    return RebuildSettings(shop, out, budget="full", **{**fields, **changes})


@pytest.fixture
def built(shop, tmp_path):
    rebuild(settings(shop, tmp_path / "snapshot"))
    return load_snapshot(tmp_path / "snapshot")


def walker(at):
    events = [Interaction(f"e{k}", "u", "purchase", NOW_MS - (9 - k) * 3_600_000, f"item-{at + k}") for k in range(3)]
    return profile_of(events)


def test_the_snapshot_carries_an_encoder_that_knows_the_way(built):
    index = index_of(built)
    items = np.asarray(built.item_vectors_f16, dtype=np.float32)
    found = 0
    for at in range(5, 30):
        scores = items @ user_vector_of(walker(at), index, NOW_MS)
        found += built.index[f"item-{at + 3}"] in np.argsort(-scores)[:5]
    assert found >= 20
    assert built.manifest["metrics"]["encoder"]["epochs"] >= 8
    assert built.manifest["metrics"]["trial_encoder"]["ndcg"] > 0.3


def test_recommendations_of_a_full_snapshot_need_nothing_else(built):
    request = RecommendationRequest(limit=5, weights={"similarity": 100.0})
    answer = recommend(built, walker(10), request, NOW_MS)
    assert "item-13" in [item.item_id for item in answer.items]


def test_a_shop_without_events_gets_no_encoder(shop, tmp_path):
    write_items(tmp_path / "bare", toy_item_rows(12))
    manifest = rebuild(settings(tmp_path / "bare", tmp_path / "snapshot", cache=shop.parent / "cache"))
    assert "user_encoder.onnx" not in manifest["files"]
