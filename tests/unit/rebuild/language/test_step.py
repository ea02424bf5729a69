"""A rebuild with what was written: where the gate says no, nothing changes; where it says yes, it is served."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.catalog.row import GENERATED_TAGS
from endcap.describing.rules import RulesWriter
from endcap.describing.tags import THEMES
from endcap.describing.writer import Request, Written
from endcap.filters.parser import expression
from endcap.profiles.profile import EMPTY_PROFILE
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.described import described_by
from endcap.snapshot.parts import TermWeight
from endcap.snapshot.snapshot import Snapshot, load_snapshot
from endcap_rebuild.data.dataset import read_shop
from endcap_rebuild.job import rebuild
from endcap_rebuild.language.choice import Fields
from endcap_rebuild.language.enrich import EnrichSettings, enrich
from endcap_rebuild.language.step import BESIDE, DESCRIBED_STEP, enrichment_key, report_of, vectors_of, weights_beside
from endcap_rebuild.settings import RebuildSettings, no_progress
from endcap_rebuild.steps.assembly import generated_documents
from endcap_rebuild.steps.fast import FAST_STEPS, FastJob
from endcap_rebuild.steps.runner import Outputs, json_array, json_value, run_steps
from endcap_rebuild.text.encoders import load_encoder
from tests.fakes.toy_shop import NOW_MS, purchases_by_style, write_chain_shop, write_events, write_items
from tests.fakes.toy_snapshot import CUTOFF_MS, TINY_ENCODER, WORDS, build_toy_snapshot


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
    assert report["weights"] == {"described": 0.0, "described_query": 0.0, "tags": 0.0}
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


def test_each_item_has_the_vector_of_the_fields_of_its_language() -> None:
    spoken = np.asarray(["en", "zh", "fr", "zh"])
    few, many = ("kind", "uses"), ("kind", "uses", "themes")
    whole = {few: np.arange(4, dtype=np.float32)[:, None], many: 10 + np.arange(4, dtype=np.float32)[:, None]}
    assert vectors_of(whole, Fields(few), spoken)[:, 0].tolist() == [0, 1, 2, 3]
    assert vectors_of(whole, Fields(few, {"zh": many}), spoken)[:, 0].tolist() == [0, 11, 2, 13]
    assert not vectors_of(whole, Fields(()), spoken).any()


def test_nothing_was_written_there(tmp_path: Path) -> None:
    from endcap.errors import InvalidInputError

    data = write_chain_shop(tmp_path / "shop", n_users=4)
    settings = RebuildSettings(
        data, tmp_path / "out", str(TINY_ENCODER), cache=tmp_path / "cache", now_ms=NOW_MS, enrichment=tmp_path / "none"
    )
    with pytest.raises(InvalidInputError, match="nothing that endcap enrich has written"):
        rebuild(settings)


STYLES, ITEMS, USERS = 12, 400, 4_000


class Knowing:
    """Writes of each item what shoppers know of it, and that it is for christmas where that is not said."""

    name = "knowing:1"
    at_once = 100

    def __init__(self, said: Mapping[str, Mapping[str, Any]]) -> None:
        self.said = said

    def write(self, requests: Sequence[Request], schema: Mapping[str, Any], most_tokens: int) -> Iterator[Written]:
        for request in requests:
            title = json.loads(request.data)["item"]["title"]
            yield Written(request.key, {"occasions": ["christmas"], **self.said[title]})


def knowing_shop(
    folder: Path, *, lost: str = "", tagged: bool = False, categories: Sequence[str] = ()
) -> RebuildSettings:
    """Shoppers stay with a kind, of which titles say a part. Every other item is Chinese.

    What is written of items in the language `lost` is of other items. Where they are `tagged`, titles say nothing, and
    what is written is one tag for each kind.
    """
    chance = np.random.default_rng(6)
    style_of = chance.integers(STYLES, size=ITEMS)
    kinds = [" ".join(chance.choice(WORDS, 4)) for _ in range(STYLES)]
    languages = ["en" if k % 2 == 0 else "zh" for k in range(ITEMS)]
    hints = [" ".join(chance.choice(WORDS if tagged else kinds[s].split(), 2)) for s in style_of.tolist()]
    titles = [f"{hints[k]} {chance.choice(WORDS)} {k}" for k in range(ITEMS)]
    other = chance.permutation(ITEMS)
    styles = [style_of[other[k] if languages[k] == lost else k] for k in range(ITEMS)]
    told = [{"themes": [THEMES[s].name], "occasions": []} if tagged else {"kind": kinds[s]} for s in styles]
    write_items(
        folder,
        [
            {"id": f"i{k}", "title": titles[k], "language": languages[k], "categories": list(categories)}
            for k in range(ITEMS)
        ],
    )
    of_style = [np.flatnonzero(style_of == style) for style in range(STYLES)]
    write_events(folder, purchases_by_style(of_style, USERS, chance))
    enrich(EnrichSettings(folder, folder / "enrichment"), Knowing(dict(zip(titles, told, strict=True))))
    return RebuildSettings(
        folder,
        folder / "out",
        str(TINY_ENCODER),
        cache=folder / "cache",
        now_ms=NOW_MS,
        max_cases=5_000,
        enrichment=folder / "enrichment",
    )


def gated(settings: RebuildSettings) -> Outputs:
    """What the step makes of a shop."""
    shop = read_shop(settings.data, NOW_MS, settings.seed, {})
    job = FastJob(settings, shop, load_encoder(settings.encoder, settings.cache), no_progress)
    reads = {name: getattr(settings, name) for name in ("seed", "dim", "max_cases", "target")}
    reads["enrichment"] = enrichment_key(settings)
    return run_steps((*FAST_STEPS[:2], DESCRIBED_STEP), job, reads, "data", None, no_progress)["described"]


def test_what_tells_what_is_chosen_is_taken_with_all_that_later_items_need(tmp_path: Path) -> None:
    made = gated(knowing_shop(tmp_path))
    report = report_of(made)
    assert report["weights"]["described"] > 0
    assert report["verdicts"][0]["low"] > 0
    by = described_by({"metrics": {"enrichment": report}})
    assert by is not None
    assert (by.writer, by.prompt, list(by.fields)) == ("knowing:1", "enrich-1", report["fields"])
    width = made["vectors"].shape[1]
    assert made["mean"].shape == (width,)
    lengths = np.linalg.norm(made["vectors"], axis=1)
    assert set(lengths.round(4).tolist()) <= {0.0, 1.0}
    assert lengths.any()
    assert "shares" not in made
    assert json_value(made["attributes"])[0] == {GENERATED_TAGS: ["christmas"]}


def test_a_language_of_which_nothing_true_was_written_counts_nothing(tmp_path: Path) -> None:
    made = gated(knowing_shop(tmp_path, lost="zh"))
    report = report_of(made)
    assert report["shares"] == {"en": [1.0, 1.0], "zh": [0.0, 1.0]}
    assert report["languages"]["en"][0]["low"] > 0
    chinese = np.arange(ITEMS) % 2 == 1
    order = [int(item.item_id[1:]) for item in read_shop(tmp_path, NOW_MS, 0, {}).items]
    np.testing.assert_array_equal(made["shares"][:, 0], np.where(chinese[order], 0.0, 1.0))
    assert not made["vectors"][chinese[order]].any()


def test_tags_are_taken_where_they_tell_what_titles_and_categories_do_not(tmp_path: Path) -> None:
    made = gated(knowing_shop(tmp_path / "thin", tagged=True, categories=["Things"]))
    report = report_of(made)
    assert report["weights"]["tags"] > 0
    assert report["tags_verdict"]["low"] > 0
    assert report["tags"] == sorted(tag.name for tag in THEMES[:STYLES])
    assert made["tags"].shape == (ITEMS, STYLES)
    assert set(json_value(made["attributes"])[0]) == {GENERATED_TAGS}
    by = described_by({"metrics": {"enrichment": report}})
    assert by is not None
    assert by.tags == tuple(report["tags"])


def test_tags_beside_categories_that_say_enough_are_not_asked_about(tmp_path: Path) -> None:
    made = gated(knowing_shop(tmp_path, tagged=True, categories=["Home", "Things"]))
    report = report_of(made)
    assert report["weights"]["tags"] == 0
    assert not {"tags", "tags_verdict"} & report.keys()
    assert "tags" not in made
