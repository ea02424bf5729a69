"""Fits what the recipes commit: projection and smoothing. Run: python -m endcap_rebuild.base_encoders.fit NAME...

Texts come from fit_words.txt (written for this project; no catalogue and no probe is in them).

1. Titles: each product with qualities, uses and materials. Their float32 vectors say which directions carry content.
2. Wishes: each product in several phrasings, and everything in both languages. How a product's vectors scatter there
   is noise: a shopper's wording, or the language. Directions are damped by that scatter (a shrunken within-class
   whitening, as in linear discriminant analysis) before the leading principal axes of the titles are taken.
3. Smoothing exponents balance, per channel, the largest activation seen against the largest weight.
"""

from __future__ import annotations

import random
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper
from tokenizers import Tokenizer

from endcap.arrays import F32
from endcap_rebuild.base_encoders.graph import LINEARS, encoder_graph
from endcap_rebuild.base_encoders.recipes import HERE, RECIPES, EncoderName, Recipe, Source
from endcap_rebuild.base_encoders.sources import download_wheels, read_members
from endcap_rebuild.base_encoders.weights import Layer

TITLES_PER_PRODUCT, WISHES_PER_PRODUCT = 6, 4  # besides the bare name
SHRINKAGE = 3.0  # times the mean variance, added to the noise before it is inverted
SMOOTHING_SHARE = 0.6  # of the difficulty moved from activations to weights
CALIBRATION_TEXTS = 200
Pair = tuple[str, str]  # English, Chinese


def fit_texts() -> tuple[list[list[Pair]], list[list[Pair]]]:
    """Titles and wishes of each product, made from fit_words.txt with a fixed seed; each list begins with its name."""
    words: dict[str, list[Pair]] = {}
    for line in (HERE / "fit_words.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            kind, english, chinese = line.split("\t")
            words.setdefault(kind, []).append((english, chinese))
    rng = random.Random(0)  # nosec B311 # a sample, the same each time
    titles, wishes = [], []
    for en, zh in words["product"]:
        titles.append([(en, zh)])
        for _ in range(TITLES_PER_PRODUCT):
            quality, use, material = (rng.choice(words[kind]) for kind in ("quality", "use", "material"))
            shapes = [
                (f"{quality[0]} {en} {use[0]}", f"{use[1]}{quality[1]}{zh}"),
                (f"{material[0]} {en}, {quality[0]}", f"{quality[1]}{material[1]}{zh}"),
                (f"{en} {use[0]}", f"{use[1]}{zh}"),
            ]
            titles[-1].append(rng.choice(shapes))
        phrasings = rng.sample(words["wish"], WISHES_PER_PRODUCT)
        wishes.append([(en, zh), *((a.format(en), b.format(zh)) for a, b in phrasings)])
    return titles, wishes


def fit_projection(titles: F32, wishes: F32, d_text: int) -> npt.NDArray[np.float16]:
    """(1 + d_text, hidden): the mean of the titles, then the axes.

    Parameters
    ----------
    titles : float32 (products, titles, languages, hidden), unit vectors
    wishes : float32 (products, wishes, languages, hidden)
    d_text : number of axes
    """
    hidden = titles.shape[-1]
    noise = _share(wishes - wishes.mean(axis=(1, 2), keepdims=True))
    if titles.shape[2] > 1:
        gaps = titles - titles.mean(axis=2, keepdims=True)
        noise = noise + _share(gaps - gaps.mean(axis=(0, 1), keepdims=True))  # the languages' mean gap is no noise
    noise += SHRINKAGE * np.trace(noise) / hidden * np.eye(hidden)
    variances, directions = np.linalg.eigh(noise)
    damping = (directions / np.sqrt(variances)) @ directions.T
    flat = titles.reshape(-1, hidden).astype(np.float64)
    mean = flat.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(((flat - mean) @ damping).T))
    leading = axes[:, ::-1][:, :d_text].T  # (d_text, hidden)
    signs = np.sign(leading[np.arange(d_text), np.abs(leading).argmax(axis=1)])  # eigh leaves the sign open
    rows = (leading * signs[:, None]) @ damping
    return np.concatenate([mean[None], rows / np.abs(rows).max()]).astype(np.float16)


def _share(residuals: F32) -> npt.NDArray[np.float64]:
    """Covariance of (..., hidden) residuals, scaled to trace 1."""
    flat = residuals.reshape(-1, residuals.shape[-1]).astype(np.float64)
    covariance = flat.T @ flat
    return np.asarray(covariance / np.trace(covariance))


def fit_smoothing(layers: tuple[Layer, ...], peaks: dict[str, F32]) -> npt.NDArray[np.int8]:
    """Exponents of two, (layers, inputs of the four products); peaks: largest |activation| by product and channel."""
    rows = []
    for i, layer in enumerate(layers):
        joined = np.concatenate([layer.query.weight, layer.key.weight, layer.value.weight])
        weights = (joined, layer.attention_out.weight, layer.widen.weight, layer.narrow.weight)
        row = []
        for name, weight in zip(LINEARS, weights, strict=True):
            activation = np.log2(np.maximum(peaks[f"layer{i}.{name}"], 1e-3))
            exponent = SMOOTHING_SHARE * activation - (1 - SMOOTHING_SHARE) * np.log2(np.abs(weight).max(axis=0))
            row.append(np.rint(exponent - exponent.mean()))
        rows.append(np.concatenate(row))
    return np.stack(rows).astype(np.int8)


def run_float32(source: Source, recipe: Recipe, texts: list[str]) -> tuple[F32, dict[str, F32]]:
    """Vectors (n, hidden) of the unprojected encoder, and the largest |input| of each matrix product by channel."""
    model = onnx.load_from_string(encoder_graph(source.weights, recipe.config.max_tokens))
    products = {}
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1].endswith(".weight"):
            products[node.input[1].removesuffix(".weight")] = node.input[0]
            model.graph.output.append(helper.make_tensor_value_info(node.input[0], TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    tokenizer = Tokenizer.from_str(source.tokenizer.decode())
    tokenizer.enable_truncation(recipe.config.max_tokens)
    vectors = []
    peaks: dict[str, F32] = {}
    for i, text in enumerate(texts):
        row = np.array([tokenizer.encode(recipe.config.prefix + text).ids], dtype=np.int64)
        feeds = {"input_ids": row, "attention_mask": np.ones_like(row)}
        wanted = list(products) if i % max(1, len(texts) // CALIBRATION_TEXTS) == 0 else []
        vector, *inputs = session.run(["embedding", *(products[name] for name in wanted)], feeds)
        vectors.append(vector[0])
        for name, value in zip(wanted, inputs, strict=True):
            largest = np.abs(value[0]).max(axis=0)
            peaks[name] = np.maximum(peaks.get(name, largest), largest)
    return np.stack(vectors), peaks


@dataclass(frozen=True, slots=True)
class FitVectors:
    """float32 vectors of the fit texts, unprojected.

    Attributes
    ----------
    titles, wishes : float32 (products, texts, languages, hidden)
    peaks : largest |activation| by product of matrices and channel
    """

    titles: F32
    wishes: F32
    peaks: dict[str, F32]


def read_source(name: EncoderName) -> Source:
    """Weights and tokenizer of a base encoder, fetched into a temporary folder."""
    recipe = RECIPES[name]
    with tempfile.TemporaryDirectory() as folder:
        download_wheels(recipe.requirements, Path(folder))
        return recipe.read(read_members(Path(folder), recipe.members))


def fit_vectors(name: EncoderName, source: Source) -> FitVectors:
    """Vectors of the titles and wishes, in English or in both languages."""
    languages = (0, 1) if name == "multilingual" else (0,)
    groups = fit_texts()
    texts = [pair[i] for group in groups for product in group for pair in product for i in languages]
    vectors, peaks = run_float32(source, RECIPES[name], texts)
    border = sum(len(product) for product in groups[0]) * len(languages)
    shape = (len(groups[0]), -1, len(languages), vectors.shape[1])
    return FitVectors(vectors[:border].reshape(shape), vectors[border:].reshape(shape), peaks)


def fit(name: EncoderName) -> None:
    """Writes NAME.projection.npy and NAME.smoothing.npy beside this file."""
    source = read_source(name)
    fitted = fit_vectors(name, source)
    d_text = RECIPES[name].config.d_text
    np.save(HERE / f"{name}.projection.npy", fit_projection(fitted.titles, fitted.wishes, d_text))
    np.save(HERE / f"{name}.smoothing.npy", fit_smoothing(source.weights.layers, fitted.peaks))
    print(f"{name}: fitted; now build it and pin the new sha256 in recipes.py")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        fit("english" if argument == "english" else "multilingual")
