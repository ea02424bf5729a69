"""Cuts a tokenizer to a catalogue: the pieces that its texts use, the commonest of the language, single characters.

A text whose pieces all survive is tokenised as before: both kinds of tokenizer choose the best pieces there are, and
those stay. Other words fall apart into shorter pieces, down to characters, and are still read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from tokenizers import Tokenizer

from endcap.arrays import I64
from endcap.errors import EncoderError
from endcap_rebuild.base_encoders.vocabulary import compact_json

COMMON_PIECES: Final = 12_000
"""Kept whatever the catalogue says, for queries in words that no item has: ids follow the frequency of the pieces."""


def fit_vocabulary(raw: bytes, texts: Iterable[str], common: int = COMMON_PIECES) -> tuple[bytes, I64]:
    """The cut tokenizer and the old ids of the pieces it keeps.

    Parameters
    ----------
    raw : tokenizer.json with a Unigram or WordPiece model
    texts : what the encoder will read, the prefix before each
    common : pieces kept from the beginning of the vocabulary

    Returns
    -------
    bytes : tokenizer.json
    int64 (kept,), ascending: row i of the new word table is row kept[i] of the old one

    Raises
    ------
    EncoderError : another kind of tokenizer
    """
    document: dict[str, Any] = json.loads(raw)
    model = document["model"]
    if model.get("type") not in ("Unigram", "WordPiece"):
        raise EncoderError(f"can't cut a tokenizer of type {model.get('type')!r}; Unigram and WordPiece can be")
    unigram = model["type"] == "Unigram"
    pieces = [piece for piece, _ in model["vocab"]] if unigram else sorted(model["vocab"], key=model["vocab"].get)
    tokenizer = Tokenizer.from_str(raw.decode())
    used = {token["id"] for token in document["added_tokens"]}
    used.update(range(min(common, len(pieces))))
    used.update(k for k, piece in enumerate(pieces) if len(piece.removeprefix("##").strip("\u2581")) <= 1)
    for text in texts:
        used.update(tokenizer.encode(text).ids)
    kept = np.array(sorted(used), dtype=np.int64)
    new = {int(old): place for place, old in enumerate(kept)}
    if unigram:
        model["vocab"] = [model["vocab"][old] for old in kept]
        model["unk_id"] = new[model["unk_id"]]
    else:
        model["vocab"] = {pieces[old]: place for place, old in enumerate(kept)}
    for token in document["added_tokens"]:
        token["id"] = new[token["id"]]
    for token in ((document.get("post_processor") or {}).get("special_tokens") or {}).values():
        token["ids"] = [new[old] for old in token["ids"]]
    return compact_json(document), kept
