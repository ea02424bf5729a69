"""A tiny encoder of the base encoders' architecture with random weights, and its recipe."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np

from endcap.encoders.text import EncoderConfig
from endcap_rebuild.base_encoders.recipes import RECIPES, Recipe, Source
from endcap_rebuild.base_encoders.weights import BertWeights, Layer, Linear, Norm, Projection

HIDDEN, WIDE, HEADS, D_TEXT = 32, 64, 4, 16
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_WORDS = (
    "red green cotton steel mug lamp shirt spoon garden travel kitchen bath office toys acme brook cedar home lantern"
)


def tiny_tokenizer() -> bytes:
    """A WordPiece tokenizer of the toy shop's words, single characters and their continuations."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)] + list("0123456789.,")
    pieces = [*_SPECIAL, *letters, *(f"##{letter}" for letter in letters), *_WORDS.split()]
    special = {name: {"id": name, "ids": [pieces.index(name)], "tokens": [name]} for name in ("[CLS]", "[SEP]")}
    added = [
        {"id": k, "special": True, "content": name, "single_word": False, "lstrip": False, "rstrip": False}
        | {"normalized": False}
        for k, name in enumerate(_SPECIAL)
    ]
    part = {name: {"SpecialToken": {"id": name, "type_id": 0}} for name in ("[CLS]", "[SEP]")}
    single = [part["[CLS]"], {"Sequence": {"id": "A", "type_id": 0}}, part["[SEP]"]]
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": single,
            "pair": [*single, {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
            "special_tokens": special,
        },
        "decoder": None,
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {piece: k for k, piece in enumerate(pieces)},
        },
    }
    return json.dumps(document).encode()


def tiny_source() -> Source:
    """Two random layers over the tiny vocabulary."""
    rng = np.random.default_rng(7)
    tokenizer = tiny_tokenizer()

    def linear(rows: int, columns: int) -> Linear:
        return Linear(
            rng.normal(0, 0.2, (rows, columns)).astype(np.float32), rng.normal(0, 0.1, rows).astype(np.float32)
        )

    def norm() -> Norm:
        return Norm(rng.uniform(0.5, 1.5, HIDDEN).astype(np.float32), rng.normal(0, 0.1, HIDDEN).astype(np.float32))

    def layer() -> Layer:
        square = [linear(HIDDEN, HIDDEN) for _ in range(4)]
        return Layer(*square, norm(), linear(WIDE, HIDDEN), linear(HIDDEN, WIDE), norm())

    words = rng.normal(0, 1, (len(json.loads(tokenizer)["model"]["vocab"]), HIDDEN)).astype(np.float32)
    positions = rng.normal(0, 0.1, (64, HIDDEN)).astype(np.float32)
    return Source(BertWeights(words, positions, norm(), (layer(), layer()), HEADS, 1e-12), tokenizer)


@dataclass(frozen=True)
class TinyRecipe(Recipe):
    """The English recipe with other sizes and a projection of its own."""

    def projection(self) -> Projection:
        """A random one."""
        rng = np.random.default_rng(8)
        return Projection(np.zeros(HIDDEN, dtype=np.float32), rng.normal(0, 1, (HIDDEN, D_TEXT)).astype(np.float32))


def tiny_recipe() -> Recipe:
    """A recipe for `tiny_source`."""
    english = RECIPES["english"]
    config = replace(english.config, name="tiny-bert-int8", max_tokens=48, d_text=D_TEXT)
    assert isinstance(config, EncoderConfig)
    return TinyRecipe(config, english.members, english.read, english.sha256)
