"""What an encoder's ONNX file may contain, checked before anything runs it.

A function loads encoders from bytes that it fetched, so a graph may only hold standard tensor operators of a known
opset: no control flow, no custom domains, no functions, and no external data (which would make the runtime open
other files). The `onnx` package is not in the Lambda layers, so `endcap.protobuf` reads the wire format; the few
field numbers below are fixed by https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from endcap.errors import EncoderError
from endcap.protobuf import ProtobufError, fields, varints

OPSETS = range(17, 24)
_OPERATOR_NAMES = """
    Abs Add And BitShift BitwiseAnd BitwiseOr BitwiseXor Cast Ceil Clip Concat Constant ConstantOfShape Cos CumSum
    DequantizeLinear Div DynamicQuantizeLinear Einsum Equal Erf Exp Expand Flatten Floor Gather GatherElements Gelu
    Gemm Greater GreaterOrEqual Identity LayerNormalization Less LessOrEqual Log LogSoftmax MatMul MatMulInteger Max
    Min Mod Mul Neg Not Or Pad Pow QuantizeLinear Range Reciprocal ReduceL2 ReduceMax ReduceMean ReduceMin ReduceSum
    Relu Reshape Round Shape Sigmoid Sin Slice Softmax Split Sqrt Squeeze Sub Tanh Tile Transpose Trilu Unsqueeze
    Where"""
OPERATORS = frozenset(_OPERATOR_NAMES.split())


@dataclass(frozen=True, slots=True)
class GraphSummary:
    """What a graph is made of.

    Attributes
    ----------
    opset : version of the standard operator set
    operators : names of the operators in use
    inputs, outputs : names, in the file's order; initialisers aren't inputs
    constants : name of each initialiser -> its shape
    """

    opset: int
    operators: frozenset[str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: Mapping[str, tuple[int, ...]]


def check_graph(model: bytes) -> GraphSummary:
    """Summary of an ONNX model that is safe to load.

    Parameters
    ----------
    model : the file's bytes

    Raises
    ------
    EncoderError : not an ONNX file, an opset or operator off the list, a custom domain, a function, a nested graph,
        or a tensor whose data lies in another file
    """
    try:
        return _summary(memoryview(model))
    except ProtobufError as exc:
        raise EncoderError(f"not an ONNX model: {exc}") from exc


def _summary(model: memoryview) -> GraphSummary:
    opset: int | None = None
    operators: set[str] = set()
    inputs: list[str] = []
    outputs: list[str] = []
    constants: dict[str, tuple[int, ...]] = {}
    for field, value in fields(model):
        if field == 8:  # ModelProto.opset_import
            opset = _opset(_view(value))
        elif field == 7:  # ModelProto.graph; a repeated field merges, so each occurrence counts
            for part, content in fields(_view(value)):
                if part == 1:
                    operators.add(_operator(_view(content)))
                elif part == 5:
                    name, shape = _tensor(_view(content))
                    constants[name] = shape
                elif part == 11:
                    inputs.append(_first_text(_view(content), 1))
                elif part == 12:
                    outputs.append(_first_text(_view(content), 1))
                elif part == 15:
                    raise EncoderError("the graph holds a sparse initialiser")
        elif field in (20, 25):  # training_info, functions
            raise EncoderError("the model defines functions or training steps")
    if opset is None or not operators or not outputs:
        raise EncoderError("not an ONNX model: no opset, node or output in it")
    return GraphSummary(
        opset,
        frozenset(operators),
        tuple(name for name in inputs if name not in constants),
        tuple(outputs),
        constants,
    )


def _opset(message: memoryview) -> int:
    domain, version = "", 0
    for field, value in fields(message):
        if field == 1:
            domain = _text(value)
        elif field == 2 and isinstance(value, int):
            version = value
    if domain not in ("", "ai.onnx"):
        raise EncoderError(f"the model imports the operator domain {domain!r}")
    if version not in OPSETS:
        raise EncoderError(f"opset {version} is outside {OPSETS.start}..{OPSETS.stop - 1}")
    return version


def _operator(node: memoryview) -> str:
    operator = ""
    for field, value in fields(node):
        if field == 4:
            operator = _text(value)
        elif field == 7 and _text(value) not in ("", "ai.onnx"):
            raise EncoderError(f"a node uses the operator domain {_text(value)!r}")
        elif field == 5:
            _attribute(_view(value))
    if operator not in OPERATORS:
        raise EncoderError(f"the operator {operator!r} is not on the allow-list")
    return operator


def _attribute(attribute: memoryview) -> None:
    for field, value in fields(attribute):
        if field in (5, 10):  # t, tensors
            _tensor(_view(value))
        elif field in (6, 11, 22, 23):  # g, graphs, sparse_tensor, sparse_tensors
            raise EncoderError("a node carries a nested graph or a sparse tensor")


def _tensor(tensor: memoryview) -> tuple[str, tuple[int, ...]]:
    """Name and shape of a tensor that carries its own data."""
    name, shape = "", []
    for field, value in fields(tensor):
        if field == 1:  # dims; packed or one by one, as the writer pleased
            shape += [value] if isinstance(value, int) else varints(value)
        elif field == 8:
            name = _text(value)
        elif field == 13 or (field == 14 and value != 0):  # external_data, data_location
            raise EncoderError("a tensor's data lies outside the file")
    return name, tuple(shape)


def _first_text(message: memoryview, wanted: int) -> str:
    return next((_text(value) for field, value in fields(message) if field == wanted), "")


def _text(value: int | memoryview) -> str:
    try:
        return bytes(_view(value)).decode()
    except UnicodeDecodeError as exc:
        raise EncoderError("not an ONNX model: a name is no text") from exc


def _view(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise EncoderError("not an ONNX model: a number where a message belongs")
    return value
