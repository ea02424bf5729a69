"""Writes a BERT encoder as one ONNX graph: ids → words + positions → layers → mean pool → projection → unit vector.

The bytes depend on the weights alone: every constant comes from element-wise numpy (no BLAS, whose sums differ between
machines), and the messages are filled field by field.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from endcap.arrays import F32, I8
from endcap_rebuild.base_encoders.weights import (
    BLOCK,
    BertWeights,
    Linear,
    Norm,
    PackedTable,
    Precision,
    Projection,
)

OPSET, IR_VERSION = 20, 9
# Weights use 7 of the 8 bits. CPUs without VNNI (which Lambda may give) add two products in 16 bits and saturate:
# 2 x 255 x 63 = 32,130 fits, 2 x 255 x 127 doesn't. So the sums are exact, and the same, on every CPU.
WEIGHT_LEVELS = 63
_MASKED = np.float32(-1e4)  # added to the attention of padding


LINEARS = ("qkv", "attention_out", "widen", "narrow")  # the matrix products of a layer, in order


def encoder_graph(
    weights: BertWeights,
    max_tokens: int,
    precision: Precision = "float32",
    projection: Projection | None = None,
    smoothing: I8 | None = None,
) -> bytes:
    """The ONNX file.

    Parameters
    ----------
    weights : see BertWeights
    max_tokens : positions to keep
    precision : "int8" multiplies in 8 bits, weights scaled per output channel and activations per token;
        "float32" is its twin for GPUs and for measuring what int8 costs
    projection : None leaves the pooled vector as it is
    smoothing : int8 (layers, inputs of the four products side by side), used with "int8": channel j is divided by
        2 ** smoothing[j] before it is rounded and its weights multiplied by as much, so that a few channels with
        large activations don't cost the others their resolution (SmoothQuant, Xiao et al., ICML 2023)

    Returns
    -------
    bytes; inputs int64 input_ids and attention_mask (batch, n), output float32 embedding (batch, d), unit rows
    """
    graph = _Graph(precision, {} if smoothing is None else _smoothing_by_name(weights, smoothing))
    x = _embed(graph, weights, max_tokens)
    hidden = weights.positions.shape[1]
    bias = _attention_bias(graph)
    for i, layer in enumerate(weights.layers):
        head_size = hidden // weights.heads
        scale = np.float32(1.0 / np.sqrt(head_size))
        joined = Linear(
            np.concatenate([layer.query.weight * scale, layer.key.weight, layer.value.weight]),
            np.concatenate([layer.query.bias * scale, layer.key.bias, layer.value.bias]),
        )
        attended = _attention(graph, graph.linear(x, joined, f"layer{i}.qkv"), bias, weights.heads, head_size)
        attended = graph.linear(attended, layer.attention_out, f"layer{i}.attention_out")
        x = graph.norm(graph.node("Add", attended, x), layer.attention_norm, weights.epsilon)
        widened = graph.node("Gelu", graph.linear(x, layer.widen, f"layer{i}.widen"))
        narrowed = graph.linear(widened, layer.narrow, f"layer{i}.narrow")
        x = graph.norm(graph.node("Add", narrowed, x), layer.norm, weights.epsilon)
    width = _pool(graph, x, projection, hidden)
    return graph.serialise(width)


def _smoothing_by_name(weights: BertWeights, smoothing: I8) -> dict[str, F32]:
    factors: dict[str, F32] = {}
    for i, layer in enumerate(weights.layers):
        widths = [part.weight.shape[1] for part in (layer.query, layer.attention_out, layer.widen, layer.narrow)]
        parts = np.split(smoothing[i], np.cumsum(widths)[:-1])
        factors |= {f"layer{i}.{name}": np.ldexp(np.float32(1), p) for name, p in zip(LINEARS, parts, strict=True)}
    return factors


@dataclass
class _Graph:
    precision: Precision
    smoothing: dict[str, F32]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def constant(self, name: str, value: npt.ArrayLike, dtype: npt.DTypeLike | None = None) -> str:
        if name not in self.constants:
            array = np.ascontiguousarray(np.asarray(value, dtype=dtype)).reshape(np.shape(value))
            self.constants[name] = numpy_helper.from_array(array, name)
        return name

    def integers(self, *values: int) -> str:
        return self.constant("ints_" + "_".join(map(str, values)), values, np.int64)

    def node(self, operator: str, *inputs: str, **attributes: object) -> str:
        name = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def norm(self, x: str, norm: Norm, epsilon: float) -> str:
        name = f"norm_{len(self.nodes)}"
        gain, shift = self.constant(name + ".gain", norm.gain), self.constant(name + ".shift", norm.shift)
        return self.node("LayerNormalization", x, gain, shift, axis=-1, epsilon=epsilon)

    def linear(self, x: str, linear: Linear, name: str) -> str:
        bias = self.constant(name + ".bias", linear.bias)
        if self.precision == "float32":
            product = self.node("MatMul", x, self.constant(name + ".weight", linear.weight.T))
        else:
            product = self._multiply_int8(x, linear, name)
        return self.node("Add", product, bias)

    def _multiply_int8(self, x: str, linear: Linear, name: str) -> str:
        weight = linear.weight
        if name in self.smoothing:
            factors = self.smoothing[name]
            x = self.node("Mul", x, self.constant(name + ".smoothing", np.float32(1) / factors))
            weight = weight * factors  # powers of two: exact
        scales = np.maximum(np.abs(weight).max(axis=1), np.float32(1e-8)) / np.float32(WEIGHT_LEVELS)
        levels = self.constant(name + ".levels", np.rint(weight / scales[:, None]).astype(np.int8).T)
        # One scale a token, not one a text, keeps small tokens exact and makes padding and neighbours harmless.
        # 128 is the zero of unsigned bytes, which the CPU's dot products want on the left side.
        peaks = self.node("ReduceMax", self.node("Abs", x), self.integers(-1), keepdims=1)  # (b, n, 1)
        token_scales = self.node("Mul", peaks, self.constant("one_127th", 1 / 127, np.float32))
        zero = self.constant("zero_level", 128, np.uint8)
        tokens = self.node(
            "QuantizeLinear", self.node("Div", x, token_scales), self.constant("one", 1, np.float32), zero
        )
        sums = self.node("Cast", self.node("MatMulInteger", tokens, levels, zero), to=TensorProto.FLOAT)
        return self.node("Mul", self.node("Mul", sums, token_scales), self.constant(name + ".scales", scales))

    def serialise(self, width: int) -> bytes:
        ids = [helper.make_tensor_value_info(n, TensorProto.INT64, ["b", "n"]) for n in ("input_ids", "attention_mask")]
        answer = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["b", width])
        graph = helper.make_graph(self.nodes, "text_encoder", ids, [answer], list(self.constants.values()))
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="endcap"
        )
        return bytes(model.SerializeToString(deterministic=True))


def _embed(graph: _Graph, weights: BertWeights, max_tokens: int) -> str:
    hidden = weights.positions.shape[1]
    words = _words(graph, weights.words, hidden)
    length = graph.node("Shape", "input_ids", start=1, end=2)
    positions = graph.node(
        "Slice", graph.constant("positions", weights.positions[:max_tokens]), graph.integers(0), length
    )
    return graph.norm(graph.node("Add", words, positions), weights.norm, weights.epsilon)


def _words(graph: _Graph, words: F32 | PackedTable, hidden: int) -> str:
    """Rows of the word table, (b, n, hidden): gathered first and widened after, so the table stays small in memory."""
    if isinstance(words, PackedTable):
        blocks = hidden // BLOCK
        codes = graph.node("Gather", graph.constant("word_codes", words.codes), "input_ids", axis=0)
        codes = graph.node("Reshape", codes, graph.integers(0, 0, blocks, BLOCK // 2))
        low = graph.node("BitwiseAnd", codes, graph.constant("low_half", 15, np.uint8))
        high = graph.node("BitShift", codes, graph.constant("half_bits", 4, np.uint8), direction="RIGHT")
        both = graph.node("Concat", low, high, axis=3)  # (b, n, blocks, 32)
        values = graph.node("Cast", both, to=TensorProto.FLOAT)
        values = graph.node("Sub", values, graph.constant("code_of_zero", 8, np.float32))
        scales = graph.node("Gather", graph.constant("word_scales", words.scales), "input_ids", axis=0)
        scales = graph.node("Unsqueeze", graph.node("Cast", scales, to=TensorProto.FLOAT), graph.integers(3))
        values = graph.node("Mul", values, scales)
        return graph.node("Reshape", values, graph.integers(0, 0, hidden))
    if graph.precision == "float32":
        return graph.node("Gather", graph.constant("words", words), "input_ids", axis=0)
    row_scales = np.maximum(np.abs(words).max(axis=1, keepdims=True), np.float32(1e-8)) / np.float32(127)
    levels = graph.constant("word_levels", np.rint(words / row_scales).astype(np.int8))
    values = graph.node("Cast", graph.node("Gather", levels, "input_ids", axis=0), to=TensorProto.FLOAT)
    scales = graph.node("Gather", graph.constant("word_scales", row_scales), "input_ids", axis=0)
    return graph.node("Mul", values, scales)


def _attention_bias(graph: _Graph) -> str:
    """0 where a token is, -10,000 where padding is; (b, 1, 1, n)."""
    mask = graph.node("Cast", "attention_mask", to=TensorProto.FLOAT)
    absent = graph.node("Sub", graph.constant("one", 1, np.float32), mask)
    bias = graph.node("Mul", absent, graph.constant("masked", _MASKED))
    return graph.node("Unsqueeze", bias, graph.integers(1, 2))


def _attention(graph: _Graph, qkv: str, bias: str, heads: int, head_size: int) -> str:
    split = graph.node("Reshape", qkv, graph.integers(0, 0, 3, heads, head_size))
    split = graph.node("Transpose", split, perm=[2, 0, 3, 1, 4])  # (3, b, heads, n, head_size)
    query, key, value = (
        graph.node("Gather", split, graph.constant(f"part_{i}", i, np.int64), axis=0) for i in range(3)
    )
    scores = graph.node("MatMul", query, graph.node("Transpose", key, perm=[0, 1, 3, 2]))
    shares = graph.node("Softmax", graph.node("Add", scores, bias), axis=-1)
    mixed = graph.node("Transpose", graph.node("MatMul", shares, value), perm=[0, 2, 1, 3])
    return graph.node("Reshape", mixed, graph.integers(0, 0, heads * head_size))


def _pool(graph: _Graph, x: str, projection: Projection | None, hidden: int) -> int:
    mask = graph.node("Unsqueeze", graph.node("Cast", "attention_mask", to=TensorProto.FLOAT), graph.integers(2))
    total = graph.node("ReduceSum", graph.node("Mul", x, mask), graph.integers(1), keepdims=0)  # (b, hidden)
    if projection is not None:
        total = _unit(graph, total)
        centred = graph.node("Sub", total, graph.constant("projection.mean", projection.mean))
        total = graph.node("MatMul", centred, graph.constant("projection.matrix", projection.matrix))
    last = _unit(graph, total)
    graph.nodes.append(helper.make_node("Identity", [last], ["embedding"]))
    return hidden if projection is None else projection.matrix.shape[1]


def _unit(graph: _Graph, x: str) -> str:
    norm = graph.node("ReduceL2", x, graph.integers(1), keepdims=1)
    return graph.node("Div", x, graph.node("Max", norm, graph.constant("tiny", 1e-12, np.float32)))
