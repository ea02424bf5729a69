"""Cuts the multilingual tokenizer down to English and Chinese.

Kept: every piece of Han characters, every lower-case ASCII piece, and every single lower-case character of any
script, so that no word is wholly unknown. Texts are lower-cased first: catalogues in capitals then read like others,
and the upper-case pieces (a third of the Latin ones) can go. A text whose pieces all survive keeps its vector.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import numpy.typing as npt

_SPACE = "\u2581"  # SentencePiece's mark for a space
_HAN = re.compile("[\u4e00-\u9fff]")
_KANA_OR_HANGUL = re.compile("[\u3040-\u30ff\uac00-\ud7af]")
_ASCII = re.compile(f"^[{_SPACE} -~]*$")
_SPECIAL = 4  # <s>, <pad>, </s>, <unk> come first


def prune_unigram(raw: bytes) -> tuple[bytes, npt.NDArray[np.int64]]:
    """The cut tokenizer and the old ids of the pieces it keeps.

    Parameters
    ----------
    raw : tokenizer.json of an XLM-RoBERTa model

    Returns
    -------
    bytes : tokenizer.json, compact so that it loads fast
    int64 (kept,) : row i of the new word table is row kept[i] of the old one
    """
    document: dict[str, Any] = json.loads(raw)
    pieces: list[list[Any]] = document["model"]["vocab"]
    added = {token["id"] for token in document["added_tokens"]}  # <mask> stands among the pieces
    kept = [i for i, (piece, _) in enumerate(pieces) if i < _SPECIAL or (i not in added and _is_kept(piece))]
    document["model"]["vocab"] = [[pieces[i][0], round(pieces[i][1], 5)] for i in kept]
    document["added_tokens"] = [token for token in document["added_tokens"] if token["id"] < _SPECIAL]
    document["normalizer"]["normalizers"].append({"type": "Lowercase"})
    document["pre_tokenizer"] = {
        "type": "Metaspace",
        "replacement": _SPACE,
        "prepend_scheme": "always",
        "split": True,
    }
    document["decoder"] = None
    return compact_json(document), np.array(kept, dtype=np.int64)


def strip_wordpiece(raw: bytes) -> bytes:
    """tokenizer.json of a BERT model without its padding and truncation, compact."""
    document = json.loads(raw)
    document["padding"] = document["truncation"] = document["decoder"] = None
    return compact_json(document)


def compact_json(document: object) -> bytes:
    """UTF-8 JSON without spaces."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _is_kept(piece: str) -> bool:
    if piece != piece.lower():
        return False
    if _HAN.search(piece):
        return not _KANA_OR_HANGUL.search(piece)
    return bool(_ASCII.match(piece)) or len(piece.strip(_SPACE)) <= 1
