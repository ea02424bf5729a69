"""Whole rebuilds of toy shops: what comes out, that it is reproducible, and that small shops work."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.errors import InvalidInputError
from endcap.profiles.profile import EMPTY_PROFILE
from endcap.ranking.terms.registry import DEFAULT_WEIGHTS
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.fairness import FairnessError, FairnessLimits
from endcap.snapshot.snapshot import load_snapshot
from endcap.snapshot.verify import verify_snapshot
from endcap_rebuild.data.dataset import Shop
from endcap_rebuild.data.report import UnusableDataError
from endcap_rebuild.job import rebuild
from endcap_rebuild.settings import RebuildSettings
from tests.fakes.toy_shop import NOW_MS, chain_events, toy_item_rows, write_chain_shop, write_events, write_items
from tests.fakes.toy_snapshot import TINY_ENCODER


def settings(data: Path, out: Path, **changes: Any) -> RebuildSettings:
    fields: dict[str, Any] = {
        "encoder": str(TINY_ENCODER),
        "cache": data.parent / "cache",
        "now_ms": NOW_MS,
        "max_cases": 200,
        **changes,
    }
    return RebuildSettings(data, out, **fields)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_chain_shop(tmp_path_factory.mktemp("chain") / "shop", n_users=300)


@pytest.fixture(scope="module")
def told() -> list[str]:
    """The steps that the rebuild of `snapshot_dir` has told of."""
    return []


@pytest.fixture(scope="module")
def snapshot_dir(shop: Path, told: list[str]) -> Path:
    rebuild(settings(shop, shop.parent / "snapshot"), lambda step, done, total: told.append(step))
    return shop.parent / "snapshot"


def test_list_next_points_forward(snapshot_dir: Path) -> None:
    snapshot = load_snapshot(snapshot_dir)
    following = 0
    for k in range(39):
        neighbours, weights = snapshot.lists["next"].row(snapshot.index[f"item-{k}"])
        best = snapshot.item_ids[int(neighbours[np.argmax(weights)])]
        following += best == f"item-{k + 1}"
    assert following > 35


def test_manifest_names_data_encoder_and_evidence(snapshot_dir: Path) -> None:
    manifest = verify_snapshot(snapshot_dir)
    assert manifest["counts"] == {
        "items": 40,
        "groups": 40,
        "events": 1800,
        "users": 300,
        "bad_rows": 0,
        "duplicate_events": 0,
        "unknown_item_events": 0,
        "erased_events": 0,
    }
    assert manifest["encoder"] == "tiny"
    assert manifest["clock_usable"] is True
    validation = manifest["metrics"]["validation"]
    assert validation["cases"] > 100
    assert validation["after"]["ndcg_at_10"] >= validation["before"]["ndcg_at_10"]
    card = (snapshot_dir / "MODEL_CARD.md").read_text()
    assert "40 items" in card
    assert f"{validation['after']['ndcg_at_10']:.4f}" in card
    assert "seed 0" in card
    assert "None: the rebuild trained none." in card  # no torch, no user encoder
    weights = json.loads((snapshot_dir / "weights.json").read_bytes())
    heaviest = max(weights["terms"], key=lambda term: weights["terms"][term]["weight"])
    assert f"| {heaviest} | {weights['terms'][heaviest]['weight']:.4g} |" in card
    assert weights["evidence"]["after"] == validation["after"]


def test_same_data_gives_the_same_content_hash(shop: Path, snapshot_dir: Path) -> None:
    first = verify_snapshot(snapshot_dir)
    second = rebuild(settings(shop, shop.parent / "again", work=shop.parent / "work"))
    resumed = rebuild(settings(shop, shop.parent / "resumed", work=shop.parent / "work"))
    assert first["content_hash"] == second["content_hash"] == resumed["content_hash"]


def test_order_of_the_rows_changes_nothing(shop: Path, snapshot_dir: Path, tmp_path: Path) -> None:
    write_items(tmp_path / "shop", toy_item_rows(40)[::-1])
    write_events(tmp_path / "shop", chain_events(n_users=300)[::-1])
    again = rebuild(settings(tmp_path / "shop", tmp_path / "snapshot", cache=shop.parent / "cache"))
    assert again["content_hash"] == verify_snapshot(snapshot_dir)["content_hash"]


def test_seed_is_part_of_the_content(shop: Path, snapshot_dir: Path, tmp_path: Path) -> None:
    other = rebuild(settings(shop, tmp_path / "snapshot", seed=1))
    assert other["content_hash"] != verify_snapshot(snapshot_dir)["content_hash"]


def test_rebuild_over_a_snapshot_names_its_parent(shop: Path, snapshot_dir: Path, tmp_path: Path) -> None:
    first = verify_snapshot(shutil.copytree(snapshot_dir, tmp_path / "snapshot"))
    second = rebuild(settings(shop, tmp_path / "snapshot"))
    assert second["parent_version"] == first["version"]
    assert second["content_hash"] == first["content_hash"]
    built = [first["version"], second["version"]]
    for _ in range(2):  # within a second, as far as the machine is that fast
        built.append(rebuild(settings(shop, tmp_path / "snapshot", work=shop.parent / "work"))["version"])
    assert sorted(set(built)) == built


def test_progress_names_every_step(snapshot_dir: Path, told: list[str]) -> None:
    steps = list(dict.fromkeys(told))
    assert steps[:3] == ["reading", "reading items.jsonl (MB)", "reading events.csv (MB)"]
    assert {"text_vectors", "whitening", "model"} <= set(steps)
    assert steps[-2:] == ["writing the snapshot", "checking the snapshot"]


def test_unknown_budget_is_refused(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="budget"):
        rebuild(settings(shop, tmp_path / "snapshot", budget="enormous"))


# ------------------------------------------------------------------ bots, and limits on what lists show


@pytest.fixture(scope="module")
def shop_with_bot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bot") / "shop"
    first = NOW_MS // 1000 - 20_000
    views = [
        {"user_id": "b0t", "item_id": "item-29", "event_type": "view", "timestamp": first + 2 * k} for k in range(900)
    ]
    write_items(folder, toy_item_rows(40))
    write_events(folder, [*chain_events(n_users=250), *views])
    return folder


def test_bot_is_named_and_teaches_nothing(shop_with_bot: Path, tmp_path: Path) -> None:
    told: list[Shop] = []
    lenient = FairnessLimits(max_gini=1.0, min_coverage=0.01)
    asked = settings(shop_with_bot, tmp_path / "snapshot", fairness=lenient)
    manifest = rebuild(asked, tell=told.append)
    assert 0 < manifest["metrics"]["fairness"]["exposure_gini"] < 1
    plain = write_chain_shop(tmp_path / "plain", n_users=250)
    without = rebuild(settings(plain, tmp_path / "other", cache=asked.cache))
    assert [(outlier.user_id, outlier.events, outlier.signs) for outlier in told[0].outliers.named] == [
        ("b0t", 900, ("repetition", "clockwork"))
    ]
    assert (manifest["counts"]["users"], manifest["counts"]["events"]) == (250, 1500)
    assert manifest["run"]["outliers"]["left_out"]
    same = [name for name in manifest["files"] if name != "MODEL_CARD.md"]
    assert {name: manifest["files"][name]["sha256"] for name in same} == {
        name: without["files"][name]["sha256"] for name in same
    }
    assert "1 users who act as no shopper does" in (tmp_path / "snapshot" / "MODEL_CARD.md").read_text()
    assert not any(b"b0t" in file.read_bytes() for file in (tmp_path / "snapshot").iterdir())


def test_outliers_that_are_kept_are_named_all_the_same(shop_with_bot: Path, tmp_path: Path) -> None:
    told: list[Shop] = []
    manifest = rebuild(settings(shop_with_bot, tmp_path / "snapshot", keep_outliers=True), tell=told.append)
    assert (told[0].outliers.users, told[0].outliers.left_out) == (1, False)
    assert (manifest["counts"]["users"], manifest["counts"]["events"]) == (251, 2400)
    snapshot = load_snapshot(tmp_path / "snapshot")
    viewed = snapshot.index["item-29"]
    assert int(np.argmax(snapshot.interaction_counts)) == viewed  # every view is told
    assert int(np.argmax(snapshot.popularity)) != viewed  # and one shopper makes no best-seller


def test_lists_outside_a_limit_become_no_snapshot(shop_with_bot: Path, tmp_path: Path) -> None:
    with pytest.raises(FairnessError, match=r"exposure_gini is 0\.\d+, above the limit of 0$"):
        rebuild(settings(shop_with_bot, tmp_path / "out", fairness=FairnessLimits(max_gini=0.0)))
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------ small and odd shops


def popular(snapshot_dir: Path, limit: int = 3) -> list[str]:
    answer = recommend(load_snapshot(snapshot_dir), EMPTY_PROFILE, RecommendationRequest(limit=limit), NOW_MS)
    return [item.item_id for item in answer.items]


def built(tmp_path: Path, items: list[dict[str, Any]], events: list[dict[str, Any]] | None) -> Path:
    write_items(tmp_path / "shop", items)
    if events is not None:
        write_events(tmp_path / "shop", events)
    rebuild(settings(tmp_path / "shop", tmp_path / "snapshot"))
    return tmp_path / "snapshot"


def test_shop_without_events_ranks_by_text(tmp_path: Path) -> None:
    folder = built(tmp_path, toy_item_rows(12), None)
    snapshot = load_snapshot(folder)
    assert {name: term.weight for name, term in snapshot.weights.terms.items()} == dict(DEFAULT_WEIGHTS)
    assert snapshot.lists["next"].indices.size == 0
    assert snapshot.lists["wording"].indices.size > 0
    assert not snapshot.clock_usable
    assert len(popular(folder)) == 3


def test_five_events_are_enough_for_a_snapshot(tmp_path: Path) -> None:
    folder = built(tmp_path, toy_item_rows(12), chain_events(n_users=1, n_items=12, steps=5))
    assert load_snapshot(folder).interaction_counts.sum() == 5
    assert len(popular(folder)) == 3


def test_single_item_shop(tmp_path: Path) -> None:
    assert popular(built(tmp_path, [{"id": "only", "title": "Mug"}], None)) == ["only"]


def test_one_category_and_equal_titles(tmp_path: Path) -> None:
    items = [{"id": f"i{k}", "title": "Mug", "categories": ["all"], "brand": "B", "price": 1} for k in range(30)]
    folder = built(tmp_path, items, [{**row, "item_id": row["item_id"].replace("tem-", "")} for row in chain_events()])
    assert len(popular(folder)) == 3


def test_items_without_any_text(tmp_path: Path) -> None:
    folder = built(tmp_path, [{"id": f"item-{k}"} for k in range(30)], chain_events(n_items=30))
    snapshot = load_snapshot(folder)
    assert not np.asarray(snapshot.item_vectors_f16).any()
    assert snapshot.lists["next"].indices.size > 0


def test_repeated_ids_bad_rows_and_unknown_items_are_counted(tmp_path: Path) -> None:
    items = [*toy_item_rows(12), {"id": "item-3", "title": "replaced"}, {"title": "no id"}]
    events = chain_events(n_users=20, n_items=12)
    events += [events[0], {**events[0], "item_id": "gone"}, {**events[0], "event_type": "teleport"}]
    folder = built(tmp_path, items, events)
    manifest = verify_snapshot(folder)
    assert load_snapshot(folder).document(load_snapshot(folder).index["item-3"])["title"] == "replaced"
    assert manifest["counts"]["bad_rows"] == 2
    assert manifest["counts"]["duplicate_events"] == 1
    assert manifest["counts"]["unknown_item_events"] == 1
    assert [row["line"] for row in manifest["run"]["read"]["bad_rows"]] == [14, len(events) + 1]


def test_running_numbers_are_no_clock(tmp_path: Path) -> None:
    events = [{**row, "timestamp": number + 1} for number, row in enumerate(chain_events(n_users=150))]
    snapshot = load_snapshot(built(tmp_path, toy_item_rows(40), events))
    assert not snapshot.clock_usable
    assert not np.asarray(snapshot.trend).any()
    # Nothing fades; nearly all buy an item once, so that who buys it twice says no more for it.
    buyers = Counter(item for _, item in {(row["user_id"], row["item_id"]) for row in events})
    told = [buyers[item] for item in snapshot.item_ids]
    assert sum(told) < int(snapshot.interaction_counts.sum()) == len(events)
    np.testing.assert_allclose(snapshot.popularity, np.log1p(told), rtol=1e-5)


def test_new_item_borrows_the_list_of_its_twin(tmp_path: Path) -> None:
    items = toy_item_rows(40)
    items.append({**items[5], "id": "twin"})
    write_items(tmp_path / "shop", items)
    write_events(tmp_path / "shop", chain_events(n_users=300))
    rebuild(settings(tmp_path / "shop", tmp_path / "snapshot"))
    snapshot = load_snapshot(tmp_path / "snapshot")
    neighbours, _ = snapshot.lists["next"].row(snapshot.index["twin"])
    assert "item-6" in [snapshot.item_ids[k] for k in neighbours]
    assert snapshot.interaction_counts[snapshot.index["twin"]] == 0


def test_shop_without_items_is_refused(tmp_path: Path) -> None:
    write_items(tmp_path / "shop", [{"title": "no id"}])
    with pytest.raises(InvalidInputError, match="no usable item; 1 rows"):
        rebuild(settings(tmp_path / "shop", tmp_path / "snapshot"))


def test_custom_event_kind_needs_a_weight(tmp_path: Path) -> None:
    write_chain_shop(tmp_path / "shop", n_users=10)
    events = [{**row, "event_type": "unboxed"} for row in chain_events(n_users=10)]
    write_events(tmp_path / "shop", events)
    with pytest.raises(UnusableDataError, match="none of the 60 rows of events can be used: event_type"):
        rebuild(settings(tmp_path / "shop", tmp_path / "a"))
    assert not (tmp_path / "a" / "manifest.json").exists()
    weighted = rebuild(settings(tmp_path / "shop", tmp_path / "b", event_weights={"unboxed": 0.7}))
    assert weighted["counts"]["events"] == 60
