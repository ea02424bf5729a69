"""Search probes for text encoders: items, indirect queries, and the measures over them.

shared.jsonl is the 46-item set that the project started with; own.jsonl was written later, is harder and more varied.
Each line: category, title in English and Chinese, and a query in each language that means this item without naming it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
HERE = Path(__file__).parent
PARTS = ("shared", "own")
DIRECTIONS = {"en>en": ("en", "en"), "zh>zh": ("zh", "zh"), "zh>en": ("zh", "en"), "en>zh": ("en", "zh")}


@dataclass(frozen=True, slots=True)
class Probe:
    """One item and its two queries."""

    category: str
    en: str
    zh: str
    query_en: str
    query_zh: str


@dataclass(frozen=True, slots=True)
class Score:
    """Share of queries (0-1) whose item comes first, and the mean of 1 / its rank."""

    top1: float
    mrr: float


def load_probes(part: str) -> list[Probe]:
    """The probes of "shared" or "own"."""
    lines = (HERE / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
    return [Probe(**json.loads(line)) for line in lines]


def score_ranks(queries: F32, items: F32) -> Score:
    """Row i of the queries wants row i of the items; ties count against it."""
    similarities = queries @ items.T  # (n, n)
    wanted = np.diag(similarities)[:, None]
    ranks = (similarities >= wanted).sum(axis=1)  # the item itself counts, so the best rank is 1
    return Score(top1=float((ranks == 1).mean()), mrr=float((1 / ranks).mean()))


def score_encoder(encode: Callable[[Sequence[str]], F32], probes: Sequence[Probe]) -> dict[str, Score]:
    """Scores by direction ("zh>en": Chinese query, English title), and "title": a Chinese title finds its twin."""
    items = {language: encode([getattr(p, language) for p in probes]) for language in ("en", "zh")}
    queries = {language: encode([getattr(p, f"query_{language}") for p in probes]) for language in ("en", "zh")}
    scores = {name: score_ranks(queries[asked], items[shown]) for name, (asked, shown) in DIRECTIONS.items()}
    return scores | {"title": score_ranks(items["zh"], items["en"])}
