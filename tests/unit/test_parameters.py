from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from endcap.assortment import assortment_of
from endcap.event_types import event_types
from endcap.features import RankingSettings, taste_of
from endcap.parameters import SETTING_MEANINGS, TERM_MEANINGS, parameters
from endcap.profiles import Entry, UserProfile
from endcap.scoring import DEFAULT_WEIGHTS, TERMS, coefficients
from endcap.snapshot import TermWeight, Weights
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot


def test_every_term_and_setting_is_told_in_words() -> None:
    assert set(TERM_MEANINGS) == set(TERMS)
    assert set(SETTING_MEANINGS) == {field.name for field in fields(RankingSettings)}


def test_tells_what_the_snapshot_set_and_what_is_default(tmp_path: Path) -> None:
    weights = Weights(terms={"next": TermWeight(0.7, 2.0)}, settings={"query_share": 0.1})
    snapshot = build_toy_snapshot(tmp_path, weights=weights)
    told = parameters(snapshot, event_types({"view": {"weight": 0.2, "half_life_days": 3}, "tasted": 0.9}), ["home"])
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
    assert "price" in told["filters"]["fields"]
    assert "purchased" in told["filters"]["history"]
    json.dumps(told)


def test_weights_and_scales_are_those_that_rank(tmp_path: Path) -> None:
    snapshot = build_toy_snapshot(tmp_path)
    assortment = assortment_of(snapshot)
    shopper = UserProfile(interactions=(Entry(CUTOFF_MS, bytes(4), "purchase", "item-5"),))
    taste = taste_of(shopper, assortment, CUTOFF_MS)
    factors = coefficients(assortment, RankingSettings.of(snapshot.weights.settings), taste)
    told = parameters(snapshot, event_types({}), [])["terms"]
    assert [term["name"] for term in told] == list(TERMS)
    assert [term["weight"] / term["scale"] for term in told] == pytest.approx(factors.tolist())
