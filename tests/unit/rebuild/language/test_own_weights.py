"""New items rank by what a gate has taken also where tuning leaves out the text that it stands beside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from endcap.events.interaction import Interaction
from endcap.profiles.profile import profile_of
from endcap.ranking.terms.registry import DEFAULT_WEIGHTS
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.parts import TermWeight
from endcap.snapshot.snapshot import Snapshot, load_snapshot
from endcap_rebuild.data.dataset import read_shop
from endcap_rebuild.images.step import BESIDE as IMAGES_BESIDE
from endcap_rebuild.images.step import IMAGE_STEP
from endcap_rebuild.images.vectors import pictures_of
from endcap_rebuild.job import rebuild
from endcap_rebuild.language.own_weights import (
    LEFT_OUT,
    TIMES,
    USUAL,
    Gate,
    own_weights_of,
    shares_of_text,
    towards_best,
    with_gates,
)
from endcap_rebuild.language.step import BESIDE, DESCRIBED_STEP
from endcap_rebuild.settings import RebuildSettings, no_progress
from endcap_rebuild.steps.fast import FAST_STEPS, FastJob, Needed
from endcap_rebuild.steps.runner import Outputs, json_array, run_steps
from endcap_rebuild.text.encoders import load_encoder
from tests.fakes.toy_shop import NOW_MS, purchases_by_style, write_events, write_items
from tests.fakes.toy_snapshot import CUTOFF_MS, TINY_ENCODER, WORDS

N, NEW, STYLES, WIDTH, USERS = 500, 60, 12, 24, 900
STYLE_OF = [int(style) for style in np.random.default_rng(5).integers(STYLES, size=N)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> RebuildSettings:
    """Shoppers stay with the looks of things, of which titles say nothing; nobody has bought the last items yet."""
    folder = tmp_path_factory.mktemp("looks")
    chance = np.random.default_rng(6)
    looks = chance.normal(size=(STYLES, WIDTH))
    pictures = [(looks[style] + chance.normal(0, 0.3, WIDTH)).round(4).tolist() for style in STYLE_OF]
    titles = [" ".join(chance.choice(WORDS, 3)) for _ in range(N)]
    write_items(folder, [{"id": f"i{k}", "title": titles[k], "image_vector": pictures[k]} for k in range(N)])
    of_style = [np.flatnonzero(np.asarray(STYLE_OF[: N - NEW]) == style) for style in range(STYLES)]
    write_events(folder, purchases_by_style(of_style, USERS, chance))
    return RebuildSettings(
        folder, folder / "out", str(TINY_ENCODER), cache=folder / "cache", now_ms=NOW_MS, max_cases=2_000
    )


@pytest.fixture(scope="module")
def snapshot(shop: RebuildSettings) -> Snapshot:
    rebuild(shop)
    return load_snapshot(shop.out)


def test_where_text_is_left_out_pictures_have_a_weight_of_their_own(snapshot: Snapshot) -> None:
    terms, metrics = snapshot.weights.terms, snapshot.manifest["metrics"]
    assert terms["text"].weight < LEFT_OUT * DEFAULT_WEIGHTS["text"]
    own = metrics["own_weights"]
    assert own["times"] >= USUAL
    share = metrics["images"]["weights"]["image"]
    assert terms["image"].weight == pytest.approx(own["times"] * share * DEFAULT_WEIGHTS["text"])
    assert [row["times"] for row in own["tried"]] == list(TIMES)


def alike_among_first_new(snapshot: Snapshot) -> int:
    """Of the five best new items for a shopper of each style, those of that style; of 60."""
    new = tuple(f"i{k}" for k in range(N - NEW, N))
    alike = 0
    for style in range(STYLES):
        bought = Interaction("e", "u", "purchase", CUTOFF_MS, f"i{STYLE_OF.index(style)}")
        request = RecommendationRequest(candidates=new, limit=5)
        items = recommend(snapshot, profile_of([bought]), request, CUTOFF_MS).items
        alike += sum(STYLE_OF[int(item.item_id[1:])] == style for item in items)
    return alike


def test_new_items_come_by_their_looks(snapshot: Snapshot) -> None:
    terms = {**snapshot.weights.terms, "image": TermWeight(0.0, 1.0)}
    without = replace(snapshot, weights=replace(snapshot.weights, terms=terms))
    assert alike_among_first_new(snapshot) > 3 * alike_among_first_new(without)


@pytest.mark.parametrize(
    ("best", "gain", "taken"),
    [(4.0, 0.2, 4.0), (4.0, 0.001, 1.0), (0.25, 0.2, 0.25), (0.0, 0.001, 1.0), (0.0, 0.2, 0.0), (1.0, 0.2, 1.0)],
)
def test_the_usual_weight_gives_way_to_what_is_clearly_better(best: float, gain: float, taken: float) -> None:
    noise = np.random.default_rng(8).normal(scale=0.2, size=100)
    gains = {times: 0.5 + (noise + gain if times == best else np.zeros(100)) for times in TIMES}
    gains[best] += gain - (gains[best].mean() - 0.5)  # by this much exactly
    assert towards_best(gains, np.arange(100)) == taken


def test_what_makes_the_window_clearly_worse_has_no_weight(shop: RebuildSettings) -> None:
    """Pictures of other items, which no gate would take, and far too much of them."""

    def taken(job: FastJob, needed: Needed) -> Outputs:
        pictures = pictures_of(job.shop.items)
        assert pictures is not None
        shuffled = pictures.vectors[np.random.default_rng(7).permutation(len(pictures.vectors))]
        return {"json": json_array({"weights": {"image": 100.0}}), "vectors": shuffled, "mean": pictures.mean}

    job = FastJob(
        shop, read_shop(shop.data, NOW_MS, shop.seed, {}), load_encoder(shop.encoder, shop.cache), no_progress
    )
    steps = with_gates(FAST_STEPS, [Gate(replace(IMAGE_STEP, run=taken), IMAGES_BESIDE)])
    reads = {name: getattr(shop, name) for name in ("seed", "dim", "max_cases", "target")}
    found = own_weights_of(run_steps(steps, job, reads, "data", None, no_progress))
    assert (found["times"], found["weights"]) == (0.0, {})
    ndcg = {row["times"]: row["ndcg_at_10"] for row in found["tried"]}
    assert max(ndcg[times] for times in TIMES if times) < ndcg[0.0]


def test_what_no_gate_has_taken_has_none() -> None:
    reports = {"described": {"described": 0.4, "described_query": 0.7, "tags": 0.0}, "images": {"image_similar": 0.2}}
    needed = {step: {"json": json_array({"weights": weights})} for step, weights in reports.items()}
    gates = [Gate(DESCRIBED_STEP, BESIDE), Gate(IMAGE_STEP, IMAGES_BESIDE)]
    assert shares_of_text(needed, gates) == {"described": 0.4}  # others stand beside queries, or the item looked at
    assert shares_of_text({"described": {}, "images": {}}, gates) == {}


def test_without_a_gate_the_steps_are_what_they_were() -> None:
    assert with_gates(FAST_STEPS, []) == tuple(FAST_STEPS)
    last = with_gates(FAST_STEPS, [Gate(IMAGE_STEP, IMAGES_BESIDE)])[-1]
    assert last.name == "own_weights"
    assert {"weights", "images", "trial"} <= set(last.needs)
