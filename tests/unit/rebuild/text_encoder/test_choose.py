"""The gate that text encoders must pass, and `--encoder auto` on top of it."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.encoders.text import EncoderConfig, TextEncoder
from endcap.errors import EncoderError, InvalidInputError
from endcap.index.index import ItemIndex
from endcap.profiles.profile import UserProfile
from endcap.snapshot import files
from endcap_rebuild.data.dataset import Shop, read_shop
from endcap_rebuild.data.searches import Search, answered
from endcap_rebuild.job import rebuild
from endcap_rebuild.settings import RebuildSettings, no_progress
from endcap_rebuild.steps import fast
from endcap_rebuild.text.encoders import LoadedEncoder, load_encoder
from endcap_rebuild.text_encoder import choose
from endcap_rebuild.text_encoder.gate import (
    COLD,
    FEWEST_OWNERS,
    SEARCH,
    Reading,
    asked_enough,
    compare,
    measure,
)
from endcap_rebuild.text_encoder.probes import probes_of
from endcap_rebuild.text_encoder.questions import Questions, hidden_items, questions_of
from endcap_rebuild.tuning.split import Cases, split_by_time
from endcap_rebuild.tuning.weight_search import Tuned, tune
from tests.fakes.toy_shop import NOW_MS, chain_events, table_of, toy_item_rows, write_events, write_items
from tests.fakes.toy_snapshot import CUTOFF_MS, TINY_ENCODER, toy_items
from tests.fakes.uneven_shop import UnevenShop

MINUTE_MS = 60_000
N_TUNED = 110  # cases that weights are tuned on, which takes most of a rebuild and changes nothing here


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chain") / "shop"
    write_items(folder, toy_item_rows(60))
    write_events(folder, chain_events(n_users=800, n_items=60))
    return folder


@pytest.fixture(scope="module")
def shop(folder: Path) -> Shop:
    return read_shop(folder, NOW_MS, 0, {})


@pytest.fixture(scope="module")
def questions(shop: Shop) -> Questions:
    return questions_of(shop, split_by_time(shop.table, shop.clock, 5_000, 0), seed=0)


# ------------------------------------------------------------------ questions


def test_questions_ask_for_hidden_items_after_the_window_began(shop: Shop, questions: Questions) -> None:
    hidden = hidden_items(shop, 0)
    assert 0.1 * len(shop.items) < hidden.sum() < 0.35 * len(shop.items)
    assert hidden[questions.items[questions.targets]].all()
    assert len(questions.targets) > 30
    assert all(target not in seen for target, seen in zip(questions.targets, questions.seen, strict=True))


def test_hidden_items_stay_hidden_as_the_catalogue_grows(shop: Shop) -> None:
    smaller = Shop(shop.items[::2], shop.table, shop.report)
    np.testing.assert_array_equal(hidden_items(smaller, 0), hidden_items(shop, 0)[::2])


def test_questions_depend_on_the_seed_alone(shop: Shop, questions: Questions) -> None:
    window = split_by_time(shop.table, shop.clock, 5_000, 0)
    again, other = questions_of(shop, window, seed=0), questions_of(shop, window, seed=1)
    assert again.queries == questions.queries
    np.testing.assert_array_equal(again.targets, questions.targets)
    assert other.queries != questions.queries


def test_sample_is_bounded_and_holds_every_answer(shop: Shop) -> None:
    window = split_by_time(shop.table, shop.clock, 5_000, 0)
    small = questions_of(shop, window, seed=0, max_items=30)
    assert len(small.items) == len(small.texts) == 30
    assert (small.targets >= 0).all()
    assert all((answers >= 0).all() for answers in small.answers)


def test_probes_are_answered_by_every_item_that_they_describe() -> None:
    items = toy_items(40)
    probes = dict(probes_of(items, 50, np.random.default_rng(0)))
    assert len(probes) > 20
    for query, answers in probes.items():
        if "Acme" not in query and "Brook" not in query and "Cedar" not in query:
            words = query.split()
            expected = [k for k, item in enumerate(items) if all(word in item.title for word in words)]
            assert answers.tolist() == expected
    assert any(query.startswith("Acme ") for query in probes)


def test_chinese_titles_are_asked_by_bigrams() -> None:
    from endcap.catalog.item import Item

    items = [Item("a", "轻奢纯棉刺绣水洗四件套"), Item("b", "秋冬保暖加厚澳洲羊毛被")]
    queries = [query for query, _ in probes_of(items, 10, np.random.default_rng(0))]
    assert queries
    assert all([len(part) for part in query.split()] == [2, 2] for query in queries)


def test_a_search_is_answered_by_what_was_chosen_within_half_an_hour() -> None:
    table = table_of([("u", 3, "view", 0.0), ("u", 5, "dislike", 0.01), ("v", 7, "purchase", 0.0)], 10)
    asked = [
        Search("u", CUTOFF_MS - 5 * MINUTE_MS, "mug"),
        Search("u", CUTOFF_MS + 1, "lamp"),  # then only a dislike follows
        Search("v", CUTOFF_MS - 31 * MINUTE_MS, "shirt"),
        Search("w", CUTOFF_MS, "nobody"),
    ]
    assert [(search.text, item) for search, item in answered(asked, table)] == [("mug", 3)]


def test_searches_of_the_log_become_probes(tmp_path: Path) -> None:
    write_items(tmp_path, toy_item_rows(60))
    events = chain_events(n_users=100, n_items=60)
    first = events[0]
    search = {**first, "event_type": "search", "item_id": "", "text": "something to drink from"}
    write_events(tmp_path, [{**search, "timestamp": first["timestamp"] - 60}, *events])
    shop = read_shop(tmp_path, NOW_MS, 0, {})
    found = questions_of(shop, split_by_time(shop.table, shop.clock, 5_000, 0), seed=0)
    assert found.queries[0] == "something to drink from"
    assert shop.items[found.items[found.answers[0][0]]].item_id == first["item_id"]


# ------------------------------------------------------------------ measuring and comparing


def knowing(questions: Questions, blur: float) -> Callable[[Sequence[str]], Any]:
    """Vectors by which an item lies near what answers for it, blurred."""
    chance = np.random.default_rng(5)
    place = {text: k for k, text in enumerate(questions.texts)}
    own = chance.normal(size=(len(place), 64))
    for history, target in zip(questions.histories, questions.targets, strict=True):
        own[target] += own[history[0]]

    def vectors(texts: Sequence[str]) -> Any:
        rows = []
        for text in texts:
            if text in place:
                rows.append(own[place[text]])
            else:
                rows.append(own[questions.answers[questions.queries.index(text)]].sum(axis=0))
        noise = np.random.default_rng(len(texts)).normal(size=(len(rows), 64))
        found = np.asarray(rows) + blur * noise
        return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)

    return vectors


def test_better_vectors_win_and_equal_ones_do_not(questions: Questions) -> None:
    good, bad = measure(questions, knowing(questions, 0.2)), measure(questions, knowing(questions, 3.0))
    assert good.figures()[SEARCH]["ndcg_at_10"] > bad.figures()[SEARCH]["ndcg_at_10"]
    found = compare(good, bad, questions)
    assert found.wins
    assert found.low <= found.relative <= found.high
    assert not compare(bad, good, questions).wins
    assert not compare(good, good, questions).wins


def made(questions: Questions, cold: float, search: float) -> Reading:
    chance = np.random.default_rng(2)
    sizes = {COLD: (len(questions.targets), cold), SEARCH: (len(questions.queries), search)}
    ndcg = {part: np.clip(level + chance.normal(0, 0.02, n), 0, 1) for part, (n, level) in sizes.items()}
    return Reading(ndcg, ndcg)


@pytest.mark.parametrize(
    ("cold", "search", "wins"),
    [(0.24, 0.55, True), (0.202, 0.505, False), (0.3, 0.45, False), (0.15, 0.7, False), (0.2, 0.7, False)],
    ids=["better in both", "within the margin", "worse at searches", "worse at new items", "better at searches alone"],
)
def test_a_win_needs_a_margin_and_no_worse_part(questions: Questions, cold: float, search: float, wins: bool) -> None:
    assert len(questions.targets) >= 50
    assert compare(made(questions, cold, search), made(questions, 0.2, 0.5), questions).wins is wins


DRAWS, NOMINAL = 40, 0.025
"""Shops, and how often the lower end of a 95 % interval lies above 0 by chance."""


def surely_gains(better: Reading, worse: Reading, questions: Questions) -> bool:
    """Whether new items surely gain."""
    return compare(better, worse, questions).differences[COLD][1] > 0


def test_what_chance_gives_popular_items_is_no_gain_of_an_encoder() -> None:
    """Neither of two encoders tells anything; all who look for one of the few popular new items gain together."""
    gained = by_shoppers_alone = 0
    for draw in range(DRAWS):
        shop = UnevenShop(draw)
        first, second = (measure(shop.questions, shop.encoder(seed)) for seed in (draw, DRAWS + draw))
        each_another_item = replace(shop.questions, targets=np.arange(len(shop.questions.targets)))
        for better, worse in ((first, second), (second, first)):
            gained += surely_gains(better, worse, shop.questions)
            by_shoppers_alone += surely_gains(better, worse, each_another_item)
    assert gained <= NOMINAL * 2 * DRAWS
    assert by_shoppers_alone > 4 * NOMINAL * 2 * DRAWS


@pytest.mark.parametrize("draw", range(5))
def test_an_encoder_that_tells_kinds_apart_gains_where_demand_is_uneven(draw: int) -> None:
    shop = UnevenShop(draw)
    telling, other = (measure(shop.questions, shop.encoder(draw, tells=tells)) for tells in (True, False))
    assert surely_gains(telling, other, shop.questions)


def test_questions_about_a_few_items_decide_nothing() -> None:
    shop = UnevenShop(0)
    assert asked_enough(shop.questions)
    few = shop.questions.targets % (FEWEST_OWNERS - 1)
    asked = replace(shop.questions, targets=few)
    assert not asked_enough(asked)
    found = compare(made(asked, 0.9, 0.5), made(asked, 0.2, 0.5), asked)
    assert COLD not in found.differences
    assert not found.wins
    nobody = replace(asked, askers=np.zeros_like(asked.askers))
    assert compare(made(nobody, 0.9, 0.9), made(nobody, 0.2, 0.2), nobody).differences == {}


# ------------------------------------------------------------------ --encoder auto


def named(loaded: LoadedEncoder, name: str) -> LoadedEncoder:
    """The same encoder under another name, and so with another identity."""
    config = EncoderConfig(**{**json.loads(loaded.encoder.config.to_json()), "name": name})
    files = {**loaded.files, "encoder.json": config.to_json().encode()}
    return LoadedEncoder(TextEncoder.from_bytes(files["text_encoder.onnx"], files["tokenizer.json"], config), files)


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Tiny encoders in place of the base encoders; returns the names that were loaded."""
    tiny, loaded = load_encoder(str(TINY_ENCODER), Path()), []

    def load(name: str, cache: Path) -> LoadedEncoder:
        if name not in ("english", "multilingual"):
            return load_encoder(name, cache)
        loaded.append(name)
        return named(tiny, name)

    def tuned(index: ItemIndex, cases: Cases, profiles: list[UserProfile], *more: Any) -> Tuned:
        return tune(index, cases.chosen(np.arange(len(cases)) < N_TUNED), profiles[:N_TUNED], *more)

    monkeypatch.setattr(choose, "load_encoder", load)
    monkeypatch.setattr(fast, "tune", tuned)
    return loaded


def gains(monkeypatch: pytest.MonkeyPatch, **levels: float) -> None:
    """What the gate finds of each encoder, in both parts."""

    def reading(job: Any, loaded: LoadedEncoder) -> Reading:
        level = levels[loaded.encoder.config.name]
        return made(job.questions, level, level)

    monkeypatch.setattr(choose.ChoiceJob, "reading", reading)


def auto(folder: Path, tmp_path: Path, **changes: Any) -> RebuildSettings:
    fields = {"cache": tmp_path / "cache", "now_ms": NOW_MS, **changes}
    return RebuildSettings(folder, tmp_path / "snapshot", **fields)


def test_the_winner_is_shipped_with_the_evidence(
    folder: Path, tmp_path: Path, base: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gains(monkeypatch, english=0.3, multilingual=0.4)
    manifest = rebuild(auto(folder, tmp_path))
    assert manifest["encoder"] == "multilingual"
    choice = manifest["metrics"]["text_encoder"]
    assert choice["incumbent"] == "by the catalogue's script"
    assert [row["name"] for row in choice["measured"]] == ["english", "multilingual"]
    assert choice["compared"][0]["wins"] is True
    card = (tmp_path / "snapshot" / "MODEL_CARD.md").read_text()
    assert "| multilingual | " in card
    assert "beats the incumbent" in card


def test_a_later_rebuild_keeps_the_encoder_until_it_is_clearly_beaten(
    folder: Path, tmp_path: Path, base: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gains(monkeypatch, english=0.3, multilingual=0.4)
    rebuild(auto(folder, tmp_path))
    gains(monkeypatch, english=0.402, multilingual=0.4)
    assert rebuild(auto(folder, tmp_path))["encoder"] == "multilingual"
    gains(monkeypatch, english=0.45, multilingual=0.4)
    manifest = rebuild(auto(folder, tmp_path))
    assert manifest["encoder"] == "english"
    assert manifest["metrics"]["text_encoder"]["incumbent"] == "of the snapshot before"


def test_stopped_while_it_replaces_a_snapshot_it_still_knows_the_encoder_before(
    folder: Path, tmp_path: Path, base: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gains(monkeypatch, english=0.45, multilingual=0.4, tiny=0.3)
    replaced = files.replace_file
    before = replace(auto(folder, tmp_path), out=tmp_path / "before", work=tmp_path / "before-work")
    rebuild(replace(before, encoder=str(TINY_ENCODER)))

    def stopped_at(file: str | None) -> dict[str, Any]:
        """What comes of a rebuild over the snapshot before, started again where it was stopped after this file."""

        def stop(path: Path, write: Any) -> None:
            replaced(path, write)
            if path == settings.out / str(file):
                raise KeyboardInterrupt

        settings = replace(before, out=tmp_path / f"at-{file}", work=tmp_path / f"work-{file}")
        for source, copy in ((before.out, settings.out), (before.work, settings.work)):
            shutil.copytree(str(source), str(copy))
        if file is not None:
            with monkeypatch.context() as patch:
                patch.setattr(files, "replace_file", stop)
                with pytest.raises(KeyboardInterrupt):
                    rebuild(settings)
        made = rebuild(settings)
        assert not list(Path(str(settings.work)).glob("incumbent-*"))
        return made

    whole = stopped_at(None)
    assert whole["metrics"]["text_encoder"]["incumbent"] == "of the snapshot before"
    for file in ("tokenizer.json", "manifest.json"):
        assert stopped_at(file)["content_hash"] == whole["content_hash"]


def test_the_snapshot_before_may_lie_elsewhere(
    folder: Path, tmp_path: Path, base: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gains(monkeypatch, english=0.3, multilingual=0.3)
    rebuild(auto(folder, tmp_path, encoder=str(TINY_ENCODER)))
    gains(monkeypatch, english=0.3, multilingual=0.3, tiny=0.3)
    settings = RebuildSettings(
        folder, tmp_path / "next", before=tmp_path / "snapshot", cache=tmp_path / "c", now_ms=NOW_MS
    )
    assert rebuild(settings)["encoder"] == "tiny"


def test_without_interactions_the_script_decides(tmp_path: Path, base: list[str]) -> None:
    write_items(tmp_path / "shop", toy_item_rows(12))
    manifest = rebuild(auto(tmp_path / "shop", tmp_path))
    assert manifest["encoder"] == "english"
    assert base == ["english"]
    assert "no interactions" in manifest["metrics"]["text_encoder"]["reason"]


def test_few_interactions_change_no_encoder(tmp_path: Path, base: list[str]) -> None:
    write_items(tmp_path / "shop", toy_item_rows(12))
    write_events(tmp_path / "shop", chain_events(n_users=3, n_items=12))
    assert rebuild(auto(tmp_path / "shop", tmp_path))["encoder"] == "english"


def test_chinese_catalogue_never_gets_the_english_encoder(tmp_path: Path, base: list[str]) -> None:
    rows = [
        {**row, "title": f"纯棉毛巾{number}", "categories": ["居家"]} for number, row in enumerate(toy_item_rows(40))
    ]
    write_items(tmp_path / "shop", rows)
    write_events(tmp_path / "shop", chain_events(n_users=50))
    assert rebuild(auto(tmp_path / "shop", tmp_path))["encoder"] == "multilingual"
    assert set(base) == {"multilingual"}


def test_an_encoder_that_cannot_be_had_stops_nothing(
    folder: Path, tmp_path: Path, base: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = choose.load_encoder

    def offline(name: str, cache: Path) -> LoadedEncoder:
        if name == "multilingual":
            raise EncoderError("pip could not fetch the packages")
        return whole(name, cache)

    monkeypatch.setattr(choose, "load_encoder", offline)
    manifest = rebuild(auto(folder, tmp_path))
    assert manifest["encoder"] == "english"
    assert "pip" in manifest["metrics"]["text_encoder"]["not_measured"]["multilingual"]


def test_a_named_encoder_is_not_measured(folder: Path, tmp_path: Path, base: list[str]) -> None:
    manifest = rebuild(auto(folder, tmp_path, encoder="english"))
    assert manifest["encoder"] == "english"
    assert "text_encoder" not in manifest["metrics"]


def test_real_vectors_pass_through_the_gate(folder: Path, tmp_path: Path, base: list[str]) -> None:
    """Two encoders with the same answers: nothing to choose between them."""
    choice = choose.choose_encoder(auto(folder, tmp_path), read_shop(folder, NOW_MS, 0, {}), no_progress).choice
    assert choice["measured"][0]["cold_items"] == choice["measured"][1]["cold_items"]
    assert choice["measured"][0]["search"]["ndcg_at_10"] > 0.2
    assert choice["compared"][0]["wins"] is False


# ------------------------------------------------------------------ --student where there can be none


def test_without_torch_the_base_encoder_is_shipped_and_it_says_so(
    folder: Path, tmp_path: Path, base: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else whole(name))
    manifest = rebuild(auto(folder, tmp_path, encoder="english", student=True))
    assert manifest["encoder"] == "english"
    assert manifest["metrics"]["text_encoder"]["student"] == {
        "shipped": False,
        "reason": "torch is not installed (pip install 'endcap[training]')",
    }
    assert "not shipped: torch is not installed" in (tmp_path / "snapshot" / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize("n_users", [0, 3])
def test_without_enough_interactions_there_is_no_student(
    tmp_path: Path, base: list[str], monkeypatch: pytest.MonkeyPatch, n_users: int
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    write_items(tmp_path / "shop", toy_item_rows(12))
    write_events(tmp_path / "shop", chain_events(n_users=n_users, n_items=12))
    manifest = rebuild(auto(tmp_path / "shop", tmp_path, student=True))
    story = manifest["metrics"]["text_encoder"]["student"]
    assert story["shipped"] is False
    assert story["reason"] == (
        "too few questions to measure by" if n_users else "there are no interactions to learn from"
    )


def test_a_teacher_needs_a_student_and_a_student_a_base_encoder(folder: Path, tmp_path: Path, base: list[str]) -> None:
    with pytest.raises(InvalidInputError, match="--student"):
        rebuild(auto(folder, tmp_path, teacher="english"))
    with pytest.raises(InvalidInputError, match="auto, english, multilingual"):
        rebuild(auto(folder, tmp_path, encoder=str(TINY_ENCODER), student=True))
