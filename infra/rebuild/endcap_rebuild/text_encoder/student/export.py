"""A trained student as the files of an encoder, checked against what was trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch

from endcap.encoders.text import CONFIG_FILE, ENCODER_FILES, MODEL_FILE, TOKENIZER_FILE, EncoderConfig
from endcap.errors import EncoderError
from endcap_rebuild.base_encoders.fit import fit_smoothing, run_float32
from endcap_rebuild.base_encoders.graph import encoder_graph
from endcap_rebuild.base_encoders.recipes import Recipe, Source
from endcap_rebuild.steps.runner import Outputs
from endcap_rebuild.text.encoders import LoadedEncoder, encoder_of
from endcap_rebuild.text_encoder.student.models import PackagedModel

PARITY: Final = 1e-4
"""Largest difference between torch and onnxruntime in any number of a vector, before rounding to int8."""


def exported(model: PackagedModel, recipe: Recipe, texts: Sequence[str]) -> tuple[dict[str, bytes], dict[str, float]]:
    """The student's files by name, and how far they are from torch.

    Raises
    ------
    EncoderError : the float32 graph differs from torch by more than `PARITY`
    """
    name = recipe.config.name.removesuffix("-int8") + "-student"
    config = replace(recipe.config, name=name)
    source = Source(model.module.weights(), model.tokenizer)
    with torch.no_grad():
        expected = np.concatenate([model.vectors([text], config.max_tokens).numpy() for text in texts])
    exact = _encoder(encoder_graph(source.weights, config.max_tokens, "float32", recipe.projection()), source, config)
    parity = float(np.abs(exact.encoder.encode_many(texts) - expected).max())
    if not parity <= PARITY:
        raise EncoderError(f"torch and onnxruntime differ by {parity:.2g} in a text vector, more than {PARITY}")
    _, peaks = run_float32(source, replace(recipe, config=config), list(texts))
    smoothing = fit_smoothing(source.weights.layers, peaks)
    graph = encoder_graph(source.weights, config.max_tokens, "int8", recipe.projection(), smoothing)
    small = _encoder(graph, source, config)
    cosines = np.vecdot(small.encoder.encode_many(texts), expected)
    return small.files, {"parity": parity, "int8_cosine": round(float(cosines.mean()), 5), "bytes": len(graph)}


def _encoder(graph: bytes, source: Source, config: EncoderConfig) -> LoadedEncoder:
    return encoder_of({MODEL_FILE: graph, TOKENIZER_FILE: source.tokenizer, CONFIG_FILE: config.to_json().encode()})


def student_of(outputs: Outputs) -> LoadedEncoder:
    """The student that a step has kept."""
    return encoder_of({name: outputs[name].tobytes() for name in ENCODER_FILES})
