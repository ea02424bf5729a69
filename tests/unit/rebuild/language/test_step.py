"""A rebuild with what was written: where the gate says no, nothing changes; where it says yes, it is served."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.catalog.row import GENERATED_TAGS
from endcap.describing.rules import RulesWriter
from endcap.filters.parser import expression
from endcap.profiles.profile import EMPTY_PROFILE
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.parts import TermWeight
from endcap.snapshot.snapshot import Snapshot, load_snapshot
from endcap_rebuild.data.dataset import read_shop
from endcap_rebuild.job import rebuild
from endcap_rebuild.language.enrich import EnrichSettings, enrich
from endcap_rebuild.language.step import BESIDE, report_of, weights_beside
from endcap_rebuild.settings import RebuildSettings
from endcap_rebuild.steps.assembly import generated_documents
from endcap_rebuild.steps.runner import json_array
from tests.fakes.toy_shop import NOW_MS, write_chain_shop
from tests.fakes.toy_snapshot import CUTOFF_MS, TINY_ENCODER, build_toy_snapshot


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Snapshot, Snapshot]:
    """Without what was written, and with it."""
    folder = tmp_path_factory.mktemp("described")
    data = write_chain_shop(folder / "shop", n_users=60)
    enrich(EnrichSettings(data, folder / "enrichment"), RulesWriter())
    common: dict[str, Any] = {
        "encoder": str(TINY_ENCODER),
        "cache": folder / "cache",
        "now_ms": NOW_MS,
        "max_cases": 60,
    }
    plain = RebuildSettings(data, folder / "plain", **common)
    described = RebuildSettings(data, folder / "with", **common, enrichment=folder / "enrichment")
    for settings in (plain, described):
        rebuild(settings)
    return load_snapshot(plain.out), load_snapshot(described.out)


def test_where_the_gate_says_no_answers_are_those_of_before(built: tuple[Snapshot, Snapshot]) -> None:
    plain, described = built
    report = described.manifest["metrics"]["enrichment"]
    assert report["weights"] == {"described": 0.0, "described_query": 0.0}
    assert report["described"] == 40
    assert described.described is None
    assert "enrichment" not in plain.manifest["metrics"]
    for request in (RecommendationRequest(), RecommendationRequest(query="red mug")):
        lists = [recommend(one, EMPTY_PROFILE, request, CUTOFF_MS).items for one in built]
        assert lists[0] == lists[1]
    changed = {
        name
        for name, file in plain.manifest["files"].items()
        if file["sha256"] != described.manifest["files"][name]["sha256"]
    }
    assert changed <= {"metrics.json", "MODEL_CARD.md"}


def test_tags_become_an_attribute_of_their_own_name(tmp_path: Path) -> None:
    data = write_chain_shop(tmp_path / "shop", n_users=4)
    shop = read_shop(data, NOW_MS, 0, {})
    tags = [["christmas", "kitchen"] if row % 10 == 0 else [] for row in range(len(shop.items))]
    documents = generated_documents(shop, [{GENERATED_TAGS: own} if own else {} for own in tags])
    assert [document.get("attributes", {}) for document in documents[:2]] == [{GENERATED_TAGS: tags[0]}, {}]
    snapshot = build_toy_snapshot(tmp_path / "tagged", documents=documents)
    request = RecommendationRequest(limit=40, filter=expression(f'{GENERATED_TAGS} CONTAINS "christmas"'))
    found = {item.item_id for item in recommend(snapshot, EMPTY_PROFILE, request, CUTOFF_MS).items}
    assert found == {shop.items[row].item_id for row in range(0, len(shop.items), 10)}
    own = replace(shop, items=[replace(shop.items[0], attributes={GENERATED_TAGS: ("mine",)}), *shop.items[1:]])
    assert generated_documents(own, [{GENERATED_TAGS: one} for one in tags])[0]["attributes"] == {
        GENERATED_TAGS: ["mine"]
    }


def test_a_weight_is_a_share_of_that_of_the_text_beside_it() -> None:
    terms = {"text": TermWeight(0.5, 2.0), "query": TermWeight(1.0, 0.1)}
    made = {"json": json_array({"weights": {"described": 0.4, "described_query": 0.0}}), "vectors": np.zeros((1, 1))}
    found = weights_beside(terms, made, {"described": 3.0}, BESIDE)
    assert found["described"] == TermWeight(0.2, 3.0)
    assert found["text"] == terms["text"]
    assert "described_query" not in found
    assert weights_beside(terms, None, {}, BESIDE) == terms
    assert report_of(None) == {}


def test_nothing_was_written_there(tmp_path: Path) -> None:
    from endcap.errors import InvalidInputError

    data = write_chain_shop(tmp_path / "shop", n_users=4)
    settings = RebuildSettings(
        data, tmp_path / "out", str(TINY_ENCODER), cache=tmp_path / "cache", now_ms=NOW_MS, enrichment=tmp_path / "none"
    )
    with pytest.raises(InvalidInputError, match="nothing that endcap enrich has written"):
        rebuild(settings)
