"""A made-up shop whose few new items are asked for very unevenly, as arrays: what gates ask, without a rebuild."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32
from endcap_rebuild.language.gate import Space, Trials, cold_trials, trials_of
from endcap_rebuild.text_encoder.gate import COLD, VectorsOf
from endcap_rebuild.text_encoder.questions import Questions

N: Final = 400
_KINDS, _DIM, _NEW = 20, 32, 0.2
_FIELDS = ("kind", "uses")


class UnevenShop:
    """Few items, demand that falls as one over the rank, and texts that tell nothing.

    What chance gives the item that is asked for most, hundreds of shoppers gain or lose together. Tags and descriptions
    tell the kind that a shopper stays with.

    Parameters
    ----------
    asked : questions for new items, and as many searches for them
    """

    def __init__(self, seed: int, asked: int = 400) -> None:
        chance = np.random.default_rng([seed, 31])
        kinds, new = chance.integers(_KINDS, size=N), chance.random(N) < _NEW
        meaning = _unit(chance.normal(size=(_KINDS, _DIM)).astype(np.float32))
        demand = 1 / chance.permutation(np.arange(1.0, N + 1))

        def drawn(kind: int, among: NDArray[np.bool_]) -> int:
            rows = np.flatnonzero((kinds == kind) & among)
            return int(chance.choice(rows, p=demand[rows] / demand[rows].sum()))

        known = [kind for kind in range(_KINDS) if new[kinds == kind].any() and not new[kinds == kind].all()]
        wanted = np.asarray([demand[kinds == kind].sum() for kind in known])
        kinds_asked = chance.choice(known, asked, p=wanted / wanted.sum()).tolist()
        pairs = np.asarray([(drawn(kind, ~new), drawn(kind, new)) for kind in kinds_asked])
        words = _unit(chance.normal(size=(asked, _DIM)).astype(np.float32))
        self.shuffled = np.random.default_rng([seed, 37]).permutation(N)
        self.texts = _unit(chance.normal(size=(N, _DIM)).astype(np.float32))
        self.described = _unit((meaning[kinds] + 0.3 * _unit(chance.normal(size=(N, _DIM)))).astype(np.float32))
        self.tags = _unit((np.eye(_KINDS)[kinds] - np.bincount(kinds, minlength=_KINDS) / N).astype(np.float32))
        self.queries = {f"q{k}": (words[k], meaning[kind]) for k, kind in enumerate(kinds_asked)}
        self.questions = Questions(
            items=np.arange(N),
            texts=[f"item {row}" for row in range(N)],
            histories=np.stack([pairs[:, 0], np.full(asked, -1)], axis=1),
            targets=pairs[:, 1],
            seen=[np.asarray([row]) for row in pairs[:, 0].tolist()],
            users=np.arange(asked),
            queries=list(self.queries),
            answers=[np.asarray([row]) for row in pairs[:, 1].tolist()],
            askers=np.arange(asked),
        )

    def trials(self, order: NDArray[np.int64] | None = None) -> list[tuple[str, Trials]]:
        """Of tags, of descriptions, and of descriptions for searches; in an order, items have those of others."""
        order = np.arange(N) if order is None else order
        described = trials_of(self.questions, {_FIELDS: Space(self.texts, self.described[order])}, self.queries)
        tagged = cold_trials(self.questions, {_FIELDS: Space(self.texts, self.tags[order])})
        return [(COLD, tagged), *described.items()]

    def encoder(self, seed: int, *, tells: bool = False) -> VectorsOf:
        """Of a text encoder: by its vectors kinds are told apart, or nothing is; of a query never anything."""
        chance = np.random.default_rng([seed, 41])
        items = self.described if tells else _unit(chance.normal(size=(N, _DIM)).astype(np.float32))
        vectors = dict(zip(self.questions.texts, items, strict=True))
        words = _unit(chance.normal(size=(len(self.queries), _DIM)).astype(np.float32))
        vectors |= dict(zip(self.queries, words, strict=True))

        def vectors_of(texts: Sequence[str]) -> F32:
            return np.stack([vectors[text] for text in texts])

        return vectors_of


def _unit(rows: F32) -> F32:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)
