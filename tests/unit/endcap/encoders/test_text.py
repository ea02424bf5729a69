"""The text encoder: what it answers, what it refuses, and the int8 form of its vectors."""

from __future__ import annotations

import dataclasses
import runpy
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from endcap.encoders.onnx_check import check_graph
from endcap.encoders.quantize import dequantize_unit, quantize_unit
from endcap.encoders.text import CONFIG_FILE, MODEL_FILE, TOKENIZER_FILE, EncoderConfig, TextEncoder
from endcap.errors import EncoderError

TINY = Path(__file__).parents[3] / "data" / "tiny_encoder"
MODEL = (TINY / MODEL_FILE).read_bytes()
TOKENIZER = (TINY / TOKENIZER_FILE).read_bytes()
CONFIG = EncoderConfig.from_json((TINY / CONFIG_FILE).read_bytes())


@pytest.fixture(scope="module")
def tiny() -> TextEncoder:
    return TextEncoder.from_dir(TINY)


def changed(**attributes: object) -> onnx.ModelProto:
    """The tiny graph with a part replaced: op_type / domain of the first node, or a whole opset."""
    model = onnx.load_from_string(MODEL)
    for name, value in attributes.items():
        setattr(model.graph.node[0], name, value)
    return model


def random_units(n: int, d: int) -> np.ndarray:
    rows = np.random.default_rng(7).normal(size=(n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_script_rewrites_the_committed_tiny_encoder(tmp_path: Path) -> None:
    runpy.run_path(str(TINY / "make.py"))["main"](tmp_path)
    for name in (MODEL_FILE, TOKENIZER_FILE, CONFIG_FILE):
        assert (tmp_path / name).read_bytes() == (TINY / name).read_bytes(), name


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ("red leather shoes", [-0.339847, 0.063094, -0.077433, -0.093565]),
        ("男士真皮皮鞋", [-0.216201, 0.158677, 0.154533, -0.154046]),
        ("", [-0.233797, 0.149371, 0.202949, -0.349072]),
    ],
)
def test_golden_vectors(tiny: TextEncoder, text: str, head: list[float]) -> None:
    vector = tiny.encode(text)
    assert vector.shape == (32,)
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector[:4], head, atol=1e-5)
    assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("red leather shoes", "leather shoes for men", "blue cotton shirt"),
        ("真皮皮鞋 红色", "男士真皮皮鞋", "纯棉衬衫"),
    ],
)
def test_texts_that_share_words_are_nearer(tiny: TextEncoder, text: str, near: str, far: str) -> None:
    a, b, c = tiny.encode_many([text, near, far])
    assert a @ b > a @ c + 0.1


def test_many_equals_one_by_one(tiny: TextEncoder) -> None:
    texts = ["green tea", "绿茶", "", "green tea", "a much longer text " * 40, "x"]
    single = np.stack([tiny.encode(t) for t in texts])
    np.testing.assert_array_equal(tiny.encode_many(texts), single)
    np.testing.assert_array_equal(tiny.encode_many(texts, threads=3), single)
    assert tiny.encode_many([]).shape == (0, 32)


def test_progress_counts_distinct_texts(tiny: TextEncoder) -> None:
    seen: list[tuple[int, int]] = []
    tiny.encode_many(["a", "b", "a"], progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_only_white_space_and_cut_text_differ_by_nothing(tiny: TextEncoder) -> None:
    np.testing.assert_array_equal(tiny.encode("green \n\t tea "), tiny.encode("green tea"))
    np.testing.assert_array_equal(tiny.encode(" \n"), tiny.encode(""))
    longest = "tea " * 200  # 800 bytes, one token each: beyond max_tokens = 256
    np.testing.assert_array_equal(tiny.encode(longest), tiny.encode(longest + "never seen"))


def test_lone_surrogate_is_no_error(tiny: TextEncoder) -> None:
    np.testing.assert_array_equal(tiny.encode("tea \ud800"), tiny.encode("tea ?"))


def test_prefix_is_put_before_every_text(tiny: TextEncoder) -> None:
    prefixed = TextEncoder.from_bytes(MODEL, TOKENIZER, dataclasses.replace(CONFIG, prefix="query: "))
    np.testing.assert_array_equal(prefixed.encode("tea"), tiny.encode("query: tea"))


def test_identity_covers_graph_tokenizer_and_config(tiny: TextEncoder) -> None:
    renamed = TextEncoder.from_bytes(MODEL, TOKENIZER, dataclasses.replace(CONFIG, name="other"))
    assert tiny.tag == bytes.fromhex(tiny.sha256)[:4]
    assert TextEncoder.from_bytes(MODEL, TOKENIZER, CONFIG).sha256 == tiny.sha256
    assert TextEncoder.from_bytes(MODEL, TOKENIZER + b"\n", CONFIG).sha256 != tiny.sha256
    assert renamed.sha256 != tiny.sha256


def test_config_round_trip_and_strictness() -> None:
    assert EncoderConfig.from_json(CONFIG.to_json()) == CONFIG
    for bad in ("[]", "{", "{}", CONFIG.to_json().replace("32", '"32"'), CONFIG.to_json().replace("multi", "mono")):
        with pytest.raises(EncoderError):
            EncoderConfig.from_json(bad)


def test_summary_names_what_the_graph_uses() -> None:
    summary = check_graph(MODEL)
    assert summary.opset == 20
    assert summary.inputs == ("input_ids", "attention_mask")
    assert summary.outputs == ("embedding",)
    assert summary.operators == {n.op_type for n in onnx.load_from_string(MODEL).graph.node}


def with_external_data() -> onnx.ModelProto:
    model = changed()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    return model


def with_external_attribute() -> onnx.ModelProto:
    model = changed()
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=with_external_data().graph.initializer[0]))
    return model


def with_nested_graph() -> onnx.ModelProto:
    model = changed()
    model.graph.node[0].attribute.append(helper.make_attribute("body", model.graph))
    return model


def with_opset(domain: str, version: int) -> onnx.ModelProto:
    model = changed()
    model.opset_import.append(helper.make_opsetid(domain, version))
    return model


def with_function() -> onnx.ModelProto:
    model = changed()
    model.functions.append(onnx.FunctionProto(name="f", domain="local"))
    return model


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (with_external_data(), "outside the file"),
        (with_external_attribute(), "outside the file"),
        (changed(op_type="Loop"), "'Loop' is not on the allow-list"),
        (changed(op_type=""), "'' is not on the allow-list"),
        (changed(domain="com.microsoft"), "domain 'com.microsoft'"),
        (with_opset("com.microsoft", 1), "domain 'com.microsoft'"),
        (with_opset("", 11), "opset 11"),
        (with_nested_graph(), "nested graph"),
        (with_function(), "functions"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_unsafe_graphs_are_refused(model: onnx.ModelProto, message: str) -> None:
    with pytest.raises(EncoderError, match=message):
        TextEncoder.from_bytes(model.SerializeToString(), TOKENIZER, CONFIG)


@pytest.mark.parametrize("cut", [0, 1, 100, 5_000, len(MODEL) - 1])
def test_cut_file_is_refused(cut: int) -> None:
    with pytest.raises(EncoderError):
        TextEncoder.from_bytes(MODEL[:cut], TOKENIZER, CONFIG)


@pytest.mark.parametrize("junk", [b"PK\x03\x04 a zip", b"\xff" * 64, b"\x0b\x0b", b"ORTM" * 8])
def test_other_files_are_refused(junk: bytes) -> None:
    with pytest.raises(EncoderError):
        check_graph(junk)


def test_parts_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="not float32"):
        TextEncoder.from_bytes(MODEL, TOKENIZER, dataclasses.replace(CONFIG, d_text=64))
    with pytest.raises(EncoderError, match="tokenizer"):
        TextEncoder.from_bytes(MODEL, b"{}", CONFIG)
    with pytest.raises(EncoderError, match="can't read the encoder"):
        TextEncoder.from_dir(tmp_path)
    renamed = changed()
    renamed.graph.input[0].name = "tokens"
    with pytest.raises(EncoderError, match="input_ids"):
        TextEncoder.from_bytes(renamed.SerializeToString(), TOKENIZER, CONFIG)


def test_an_encoder_in_use_is_not_made_again(tmp_path: Path) -> None:
    for name in (MODEL_FILE, TOKENIZER_FILE):
        (tmp_path / name).write_bytes((TINY / name).read_bytes())
    (tmp_path / CONFIG_FILE).write_text(CONFIG.to_json())
    encoder = TextEncoder.from_dir(TINY)
    assert TextEncoder.from_dir(tmp_path) is encoder
    (tmp_path / CONFIG_FILE).write_text(dataclasses.replace(CONFIG, prefix="query: ").to_json())
    assert TextEncoder.from_dir(tmp_path).tag != encoder.tag


@pytest.mark.parametrize("d", [32, 128, 256, 384])
def test_int8_keeps_direction(d: int) -> None:
    vectors = random_units(50, d)
    levels = quantize_unit(vectors)
    assert levels.dtype == np.int8
    back = dequantize_unit(levels)
    np.testing.assert_allclose(np.linalg.norm(back, axis=1), 1.0, atol=1e-6)
    assert np.sum(back * vectors, axis=1).min() > 0.9995


def test_int8_scale_is_fixed_and_long_components_are_shrunk_not_clipped() -> None:
    levels = quantize_unit(np.array([0.5, 0.25, -0.5, 0.0], dtype=np.float32))
    assert levels.tolist() == [127, 64, -127, 0]  # 0.25 * 254 = 63.5, to even
    assert quantize_unit([0.6, 0.8]).tolist() == [round(127 * 0.6 / 0.8), 127]
    assert quantize_unit(np.zeros(4)).tolist() == [0, 0, 0, 0]
    assert dequantize_unit(np.zeros((2, 4), np.int8)).tolist() == [[0.0] * 4] * 2
