from __future__ import annotations

import json
from pathlib import Path

import pytest

from endcap.api.parameters import parameters
from endcap.api.schemas import RecommendInput
from endcap.events.types import event_types
from endcap.filters.eligibility import EXCLUDE_SEEN
from endcap.index.index import index_of
from endcap.profiles.entries import Entry
from endcap.profiles.profile import UserProfile
from endcap.ranking.features import RankingSettings, features_of
from endcap.ranking.score import coefficients
from endcap.ranking.terms.registry import DEFAULT_WEIGHTS, TERMS
from endcap.recommend.explore import MAX_ARMS
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.parts import TermWeight, Weights
from tests.chinese import halfwidth_in, touching_in
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot


def test_tells_what_the_snapshot_set_and_what_is_default(tmp_path: Path) -> None:
    weights = Weights(terms={"next": TermWeight(0.7, 2.0)}, settings={"query_share": 0.1})
    snapshot = build_toy_snapshot(tmp_path, weights=weights)
    told = parameters(
        snapshot, event_types({"view": {"weight": 0.2, "half_life_days": 3}, "tasted": 0.9}), {"home": {"limit": 3}}
    )
    terms = {term["name"]: term for term in told["terms"]}
    assert (terms["next"]["weight"], terms["next"]["scale"], terms["next"]["set_by"]) == (0.7, 2.0, "snapshot")
    assert (terms["text"]["weight"], terms["text"]["set_by"]) == (DEFAULT_WEIGHTS["text"], "default")
    settings = {setting["name"]: (setting["value"], setting["set_by"]) for setting in told["settings"]}
    assert settings["query_share"] == (0.1, "snapshot")
    assert settings["rotation_half_life_s"] == (7200, "default")
    kinds = {kind.pop("name"): kind for kind in told["event_types"]}
    assert kinds["view"] == {"weight": 0.2, "half_life_days": 3}
    assert kinds["tasted"]["weight"] == 0.9
    assert told["snapshot_version"] == snapshot.version
    assert told["scenarios"] == ["home"]
    assert told["scenario_defaults"] == {"home": {"limit": 3}}
    assert "price" in told["filters"]["fields"]
    assert "purchased" in told["filters"]["history"]
    json.dumps(told)


def test_weights_and_scales_are_those_that_rank(tmp_path: Path) -> None:
    snapshot = build_toy_snapshot(tmp_path)
    index = index_of(snapshot)
    shopper = UserProfile(interactions=(Entry(CUTOFF_MS, bytes(4), "purchase", "item-5"),))
    features = features_of(shopper, index, CUTOFF_MS)
    factors = coefficients(index, RankingSettings.of(snapshot.weights.settings), features)
    told = parameters(snapshot, event_types({}), {})["terms"]
    assert [term["name"] for term in told] == list(TERMS)
    assert [term["weight"] / term["scale"] for term in told] == pytest.approx(factors.tolist())


def test_choices_are_those_of_the_model_of_requests(tmp_path: Path) -> None:
    told = parameters(build_toy_snapshot(tmp_path), event_types({}), {})
    choices = {choice["name"]: choice for choice in told["choices"]}
    assert set(choices) <= set(RecommendInput.model_fields)
    plain = RecommendationRequest()
    for name, choice in choices.items():
        assert choice["default"] == getattr(plain, name)
    assert (choices["diversity"]["least"], choices["diversity"]["most"]) == (0, 1)
    assert choices["limit"]["most"] == 500
    assert choices["exclude_seen"]["options"] == list(EXCLUDE_SEEN)
    assert f"up to {MAX_ARMS} items" in choices["exploration"]["meaning"]


def test_the_summary_tells_live_values_in_both_languages(tmp_path: Path) -> None:
    weights = Weights(
        terms={"next": TermWeight(4.0), "wording": TermWeight(0.0), "text": TermWeight(-3.0)}, settings={}
    )
    snapshot = build_toy_snapshot(tmp_path, weights=weights)
    kinds = event_types({"purchase": {"weight": 7, "half_life_days": 90}})
    english = parameters(snapshot, kinds, {"home": {}, "cart": {}})
    assert english["summary"][:2] == [
        "The ranking has learned from what was done up to 15 Jun 2025.",
        "For a known shopper these terms weigh most: "
        "next (4), text (-3), words (0.5), neighbours (0.4), together (0.35).",
    ]
    assert english["summary"][2].startswith("Of events these count most: purchase 7 (half after 90 days), ")
    assert "diversity 0.0, calibration 0.0, exploration 0.0" in english["summary"][3]
    assert english["summary"][4] == "Configured scenarios: cart, home."
    chinese = parameters(snapshot, kinds, {"home": {}, "cart": {}}, language="zh")
    assert chinese["summary"][0] == "排序所学习的行为截至 2025年6月15日。"
    assert chinese["summary"][1] == (
        "对已知顾客，权重最大的是“next”（4）、“text”（-3）、“words”（0.5）、“neighbours”（0.4）、“together”（0.35）。"
    )
    assert chinese["summary"][2].startswith("权重最大的事件：“purchase”计 7（90 天后减半）、")
    meanings = (one["meaning"] for part in ("terms", "settings", "choices") for one in chinese[part])
    said = [*chinese["summary"], chinese["score"], *meanings]
    assert [text for text in said if halfwidth_in(text) or touching_in(text)] == []
    untrained = build_toy_snapshot(tmp_path / "untrained", training_cutoff_ms=0)
    timeless = build_toy_snapshot(tmp_path / "timeless", clock_usable=False)
    for dateless in (untrained, timeless):
        assert "learned" not in " ".join(parameters(dateless, kinds, {})["summary"])
    numbers = ("weight", "scale", "value", "default", "least", "most")
    for part in ("terms", "settings", "choices"):
        for one, other in zip(english[part], chinese[part], strict=True):
            assert [one.get(key) for key in numbers] == [other.get(key) for key in numbers]
            assert one["meaning"] != other["meaning"]
