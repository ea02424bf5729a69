"""The gate takes pictures that tell what shoppers choose, and refuses the same pictures on other items."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from endcap.catalog.image_vector import image_levels
from endcap.catalog.item import Item
from endcap.profiles.profile import EMPTY_PROFILE
from endcap.ranking.terms.registry import DEFAULT_WEIGHTS
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.parts import TermWeight
from endcap.snapshot.snapshot import load_snapshot
from endcap_rebuild.data.dataset import read_shop
from endcap_rebuild.images.step import BESIDE, IMAGE_STEP
from endcap_rebuild.images.vectors import pictures_of
from endcap_rebuild.job import rebuild
from endcap_rebuild.language.own_weights import LEFT_OUT
from endcap_rebuild.language.step import report_of, weights_beside
from endcap_rebuild.settings import RebuildSettings, no_progress
from endcap_rebuild.steps.fast import FAST_STEPS, FastJob
from endcap_rebuild.steps.runner import Outputs, json_array, run_steps
from endcap_rebuild.text.encoders import load_encoder
from tests.fakes.toy_shop import NOW_MS, purchases_by_style, write_events, write_items
from tests.fakes.toy_snapshot import CUTOFF_MS, TINY_ENCODER, WORDS

N, STYLES, WIDTH, USERS = 1_000, 25, 24, 1_500


def styles() -> list[int]:
    return [int(number) for number in np.random.default_rng(5).integers(STYLES, size=N)]


def write_shop(folder: Path, *, shuffled: bool) -> RebuildSettings:
    """Shoppers stay with the looks of things, of which titles say nothing."""
    chance = np.random.default_rng(6)
    looks = chance.normal(size=(STYLES, WIDTH))
    shown = np.random.default_rng(7).permutation(N) if shuffled else np.arange(N)
    style_of = styles()
    pictures = [(looks[style] + chance.normal(0, 0.3, WIDTH)).round(4).tolist() for style in style_of]
    titles = [" ".join(chance.choice(WORDS, 3)) for _ in range(N)]
    write_items(folder, [{"id": f"i{k}", "title": titles[k], "image_vector": pictures[shown[k]]} for k in range(N)])
    of_style = [np.flatnonzero(np.asarray(style_of) == style) for style in range(STYLES)]
    write_events(folder, purchases_by_style(of_style, USERS, chance))
    return RebuildSettings(
        folder, folder / "out", str(TINY_ENCODER), cache=folder / "cache", now_ms=NOW_MS, max_cases=2_000
    )


def gated(settings: RebuildSettings) -> Outputs:
    """What the step makes of a shop."""
    shop = read_shop(settings.data, NOW_MS, settings.seed, {})
    job = FastJob(settings, shop, load_encoder(settings.encoder, settings.cache), no_progress)
    reads = {name: getattr(settings, name) for name in ("seed", "dim", "max_cases", "target")}
    return run_steps((*FAST_STEPS[:2], IMAGE_STEP), job, reads, "data", None, no_progress)["images"]


def test_pictures_that_tell_what_is_chosen_are_taken(tmp_path: Path) -> None:
    made = gated(write_shop(tmp_path, shuffled=False))
    report = report_of(made)
    (verdict,) = report["verdicts"]
    assert verdict["low"] > 0
    assert (report["items"], report["width"], report["other_width"]) == (N, WIDTH, 0)
    assert all(report["weights"][name] > 0 for name in BESIDE)
    assert made["vectors"].shape == (N, WIDTH)


@pytest.mark.prove
def test_a_rebuild_serves_pictures_with_reasons(tmp_path: Path) -> None:
    settings = write_shop(tmp_path, shuffled=False)
    rebuild(settings)
    snapshot = load_snapshot(settings.out)
    assert snapshot.manifest["metrics"]["images"]["verdicts"][0]["low"] > 0
    terms, shares = snapshot.weights.terms, snapshot.manifest["metrics"]["images"]["weights"]
    assert terms["image_similar"].weight == pytest.approx(shares["image_similar"] * terms["similar"].weight)
    # Lists say all, so that pictures have a weight of their own for histories.
    assert terms["text"].weight < LEFT_OUT * DEFAULT_WEIGHTS["text"]
    assert terms["image"].weight == snapshot.manifest["metrics"]["own_weights"]["weights"]["image"] > 0
    style_of = styles()
    request = RecommendationRequest(relation="similar", items=("i0",), limit=10)
    found = recommend(snapshot, EMPTY_PROFILE, request, CUTOFF_MS)
    alike = [item for item in found.items if style_of[int(item.item_id[1:])] == style_of[0]]
    assert len(alike) >= 8
    assert any(reason.kind == "image_similar" for item in alike for reason in item.reasons)
    assert "image_vector" not in snapshot.document(0)


def test_the_same_pictures_on_other_items_are_refused(tmp_path: Path) -> None:
    made = gated(write_shop(tmp_path, shuffled=True))
    report = report_of(made)
    assert report["weights"] == dict.fromkeys(BESIDE, 0.0)
    assert report["verdicts"][0]["low"] <= 0
    assert "vectors" not in made


def test_a_catalogue_counts_in_the_width_that_most_have() -> None:
    of_three = [Item(str(k), image_vector=image_levels([1, k, -1])) for k in range(3)]
    others = [Item("x", image_vector=image_levels([1, 2])), Item("y")]
    found = pictures_of([*of_three, *others])
    assert found is not None
    assert (found.known, found.other_width, len(found.mean)) == (3, 1, 3)
    assert not found.vectors[3:].any()
    assert pictures_of([Item("y")]) is None


def test_weights_are_shares_of_those_beside_them() -> None:
    made = {"json": json_array({"weights": {"image": 0.4, "image_similar": 0.4}})}
    terms = {"text": TermWeight(0.5, 2.0), "similar": TermWeight(2.0, 1.0)}
    found = weights_beside(terms, made, {"image": 3.0, "image_similar": 6.0}, BESIDE)
    assert found["image"] == TermWeight(0.2, 3.0)
    assert found["image_similar"] == TermWeight(0.8, 6.0)
