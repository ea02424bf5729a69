"""The user encoder as an ONNX graph, written node by node, and the check that it answers as torch does.

The graph serves one history: what batching, dropout and the beginnings of a history need in training is left out. Its
inputs are those of `endcap.ranking.terms.similarity.user_inputs`; its operators are on the allow-list of
`endcap.encoders.onnx_check`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from endcap.arrays import F32
from endcap.encoders.user import HIDDEN
from endcap_rebuild.user_encoder.sequences import distance_groups

OPSET: Final = 20  # the first with Gelu
_IR_VERSION: Final = 9
_EPSILON: Final = 1e-5  # torch's LayerNorm
_MASK: Final = -1e9
# A smaller matrix saves nothing as int8.
_SMALLEST_AS_INT8: Final = 1024


@dataclass
class _Graph:
    """Nodes and constants in the making."""

    as_int8: bool
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        output = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def matrix(self, name: str, value: F32) -> str:
        """A weight matrix (in, out); as int8 with a scale per output where that is asked for."""
        if not self.as_int8 or value.size < _SMALLEST_AS_INT8:
            return self.constant(name, value)
        scale = np.maximum(np.abs(value).max(axis=0), 1e-12).astype(np.float32) / np.float32(127)
        levels = np.clip(np.rint(value / scale), -127, 127).astype(np.int8)
        parts = [self.constant(f"{name}.levels", levels), self.constant(f"{name}.scale", scale)]
        return self.add("DequantizeLinear", *parts, axis=1)

    def linear(self, name: str, weights: Mapping[str, F32], x: str, factor: float = 1.0, shift: bool = True) -> str:
        """x W + b, W times `factor` and, with `shift`, b too; a torch layer holds W the other way round."""
        weight = self.matrix(f"{name}.weight", np.float32(factor) * weights[f"{name}.weight"].T)
        bias = weights[f"{name}.bias"] * np.float32(factor if shift else 1.0)
        return self.add("Add", self.add("MatMul", x, weight), self.constant(f"{name}.bias", bias))

    def norm(self, name: str, weights: Mapping[str, F32], x: str) -> str:
        parts = [self.constant(f"{name}.{part}", weights[f"{name}.{part}"]) for part in ("weight", "bias")]
        return self.add("LayerNormalization", x, *parts, axis=-1, epsilon=_EPSILON)

    def shape(self, *sizes: int) -> str:
        return self.constant("shape_" + "_".join(map(str, sizes)), np.asarray(sizes, dtype=np.int64))


def onnx_graph(weights: Mapping[str, F32], heads: int, layers: int, as_int8: bool = False) -> bytes:
    """The bytes of `user_encoder.onnx`.

    Parameters
    ----------
    weights : the state of a `model.Tower` as float32 arrays
    as_int8 : store matrices in a quarter of the space; what they compute moves a little
    """
    g = _Graph(as_int8)
    width, d_item = weights["enter.weight"].shape
    x = g.linear("enter", weights, "vectors", factor=float(np.sqrt(d_item)), shift=False)
    for name, codes in (("kind", "kinds"), ("grade", "grades"), ("gap", "gaps")):
        x = g.add("Add", x, g.add("Gather", g.constant(name, weights[f"{name}.weight"]), codes, axis=0))
    for k in range(layers):
        bias = g.add("Gather", g.constant(f"distance.{k}", _biases(weights, f"distance.{k}")), "distances", axis=1)
        x = _block(g, weights, f"layers.{k}", x, x, bias, heads, width)
    axis = g.shape(0)
    newest = g.add("MatMul", g.add("Unsqueeze", "newest", axis), x)  # (1, width)
    reader = g.add("Add", newest, g.add("Gather", g.constant("now_spans", weights["now.weight"]), "now", axis=0))
    distance = g.add("Gather", g.constant("read", _biases(weights, "read_distance")), "read_distances", axis=1)
    age = g.add("Gather", g.constant("age", weights["age.weight"]), "ages", axis=1)
    bias = g.add("Unsqueeze", g.add("Add", distance, age), g.shape(1))  # (heads, 1, n)
    reader = _block(g, weights, "read", reader, x, bias, heads, width)
    near = g.add("Gather", g.constant("near", _biases(weights, "near")[0]), "read_distances", axis=0)
    recent = g.add("Gather", g.constant("recent", weights["recent.weight"][0]), "ages", axis=0)
    telling = g.add("Gather", g.constant("telling", weights["telling.weight"][:, 0]), "kinds", axis=0)
    shares = g.add("Softmax", g.add("Add", g.add("Add", near, recent), telling), axis=-1)
    direct = g.add("MatMul", g.add("Unsqueeze", shares, axis), "vectors")  # (1, d_item)
    scale = g.constant("shortcut", weights["shortcut"] * np.float32(np.sqrt(d_item)))
    out = g.linear("leave", weights, g.norm("last", weights, reader))
    out = g.add("Add", out, g.add("Mul", direct, scale))
    length = g.add("ReduceL2", out, g.constant("last_axis", np.asarray([-1], dtype=np.int64)), keepdims=1)
    unit = g.add("Div", out, g.add("Max", length, g.constant("least", np.asarray(1e-12, dtype=np.float32))))
    g.nodes.append(helper.make_node("Identity", [unit], ["user"]))
    return _model_of(g, d_item)


def _block(
    g: _Graph, weights: Mapping[str, F32], name: str, reader: str, tokens: str, bias: str, heads: int, width: int
) -> str:
    each = width // heads
    read = g.norm(f"{name}.before_attention", weights, reader)
    normed = read if tokens == reader else g.norm(f"{name}.before_attention", weights, tokens)
    split = g.shape(-1, heads, each)

    def by_head(part: str, x: str, order: list[int], factor: float = 1.0) -> str:
        flat = g.linear(f"{name}.attention.{part}", weights, x, factor)
        return g.add("Transpose", g.add("Reshape", flat, split), perm=order)

    query = by_head("query", read, [1, 0, 2], each**-0.5)  # (heads, q, each)
    key, value = by_head("key", normed, [1, 2, 0]), by_head("value", normed, [1, 0, 2])
    shares = g.add("Softmax", g.add("Add", g.add("MatMul", query, key), bias), axis=-1)
    mixed = g.add("Transpose", g.add("MatMul", shares, value), perm=[1, 0, 2])  # (q, heads, each)
    mixed = g.linear(f"{name}.attention.out", weights, g.add("Reshape", mixed, g.shape(-1, width)))
    reader = g.add("Add", reader, mixed)
    fed = g.add("Gelu", g.linear(f"{name}.wide", weights, g.norm(f"{name}.before_feed", weights, reader)))
    return g.add("Add", reader, g.linear(f"{name}.narrow", weights, fed))


def _biases(weights: Mapping[str, F32], name: str) -> F32:
    """float32 (heads, HIDDEN + 1): the bias of every distance, then the one that hides."""
    shown = weights[f"{name}.weight"][:, distance_groups()]
    return np.concatenate([shown, np.full((len(shown), 1), _MASK, dtype=np.float32)], axis=1)[:, : HIDDEN + 1]


def _model_of(g: _Graph, d_item: int) -> bytes:
    def tensor(name: str, kind: int, *shape: str | int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    i64, f32 = TensorProto.INT64, TensorProto.FLOAT
    inputs = [
        tensor("vectors", f32, "n", d_item),
        *(tensor(name, i64, "n") for name in ("kinds", "grades", "gaps")),
        tensor("distances", i64, "n", "n"),
        tensor("newest", f32, "n"),
        *(tensor(name, i64, "n") for name in ("read_distances", "ages")),
        tensor("now", i64, 1),
    ]
    graph = helper.make_graph(
        g.nodes, "user_encoder", inputs, [tensor("user", f32, 1, d_item)], initializer=list(g.constants.values())
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION, producer_name="endcap"
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
