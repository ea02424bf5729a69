"""A made-up catalogue of any size, as columns: a million items fit into memory, as documents are made when asked for.

It has the proportions of a large shop's: three or four categories an item, brands and words of which few are common,
prices with a long tail, two items in five in groups of variants, one in seven that nobody has touched yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, overload

import numpy as np
from numpy.typing import NDArray

from endcap.snapshot.parts import ItemColumns, ItemList
from endcap.validation import timestamp_number
from endcap_rebuild.data.columns import price_edges

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

NEIGHBOURS: Final = 50
BLOCK: Final = 65_536
_DAY_MS: Final = 86_400_000

_DEPARTMENTS, _SHELVES, _WORDS = 12, 240, 5_000
_TAGS: Final = ("new arrivals", "sale", "gifts", "made locally")
_TAGGED, _PRICED, _TOUCHED = 0.2, 0.98, 0.86  # shares of the items
_VARIANTS: Final = ((1, 0.84), (2, 0.06), (3, 0.04), (4, 0.03), (6, 0.03))
"""How many variants a group has, and how often."""
_COLOURS: Final = ("black", "white", "red", "green", "blue", "grey", "sand", "rust")
_TITLE_WORDS, _DESCRIPTION_WORDS = 6, 16
_ONSETS, _NUCLEI, _CODAS = [*"bdfgklmnprstvz", "br", "st"], [*"aeiou", "ai"], ["", *"nlrst"]


class RandomItems(Sequence[Mapping[str, Any]]):
    """Documents of a random catalogue, and its columns.

    Parameters
    ----------
    n_items : how many
    now_ms : the moment of the catalogue, in milliseconds since 1970

    Attributes
    ----------
    columns : what `endcap_rebuild.data.columns.columns_of` would make of the documents, but for the order of names
    counts : int32 (n,), interactions with each item
    """

    def __init__(self, rng: np.random.Generator, n_items: int, now_ms: int) -> None:
        self._words = _words(rng)
        self._group, self._of_group = _groups(rng, n_items)
        n_groups = int(self._group[-1]) + 1
        self._titles = _common_first(rng, len(self._words), (n_groups, _TITLE_WORDS))
        self._descriptions = _common_first(rng, len(self._words), (n_groups, _DESCRIPTION_WORDS))
        self._tag = np.where(rng.random(n_items) < _TAGGED, rng.integers(0, len(_TAGS), n_items), -1)
        self.counts: I32 = np.where(rng.random(n_items) < _TOUCHED, rng.zipf(1.5, n_items).clip(max=100_000), 0).astype(
            np.int32
        )
        self.columns = self._columns(rng, n_groups, now_ms)

    def _columns(self, rng: np.random.Generator, n_groups: int, now_ms: int) -> ItemColumns:
        n, n_leaves = len(self._group), max(_SHELVES, n_groups // 100)
        leaf = rng.integers(0, n_leaves, n_groups)[self._group]
        shelf = leaf % _SHELVES
        places = np.stack([shelf % _DEPARTMENTS, _DEPARTMENTS + shelf, _DEPARTMENTS + _SHELVES + leaf], axis=1)
        tagged = np.where(self._tag < 0, -1, _DEPARTMENTS + _SHELVES + n_leaves + self._tag)
        every = np.concatenate([places, tagged[:, None]], axis=1)
        price = np.floor(rng.lognormal(3.2, 0.9, n)).clip(max=20_000).astype(np.float32) + np.float32(0.99)
        price[rng.random(n) >= _PRICED] = np.nan
        edges = price_edges(price)
        brands = [f"{self._words[k % _WORDS]} {k}" for k in range(max(20, min(20_000, n_groups // 40)))]
        return ItemColumns(
            price=price,
            price_band=np.where(np.isnan(price), -1, np.searchsorted(edges, price, side="right")).astype(np.int8),
            price_edges=edges,
            brand=_common_first(rng, len(brands), (n_groups,))[self._group],
            brands=tuple(brands),
            category_indptr=np.concatenate([[0], np.cumsum((every >= 0).sum(axis=1))]).astype(np.int64),
            category_indices=every[every >= 0].astype(np.int32),
            categories=(
                *(f"{self._words[k]} department" for k in range(_DEPARTMENTS)),
                *(f"{self._words[k]} shelf {k}" for k in range(_SHELVES)),
                *(f"{self._words[k % _WORDS]} {self._words[k * 7 % _WORDS]} {k}" for k in range(n_leaves)),
                *_TAGS,
            ),
            available=rng.random(n) < 0.97,
            expires_at_ms=np.zeros(n, dtype=np.int64),
            created_at_ms=now_ms - rng.integers(0, 720, n) * _DAY_MS,
        )

    def __len__(self) -> int:
        return len(self._group)

    @overload
    def __getitem__(self, position: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[dict[str, Any]]: ...
    def __getitem__(self, position: int | slice) -> dict[str, Any] | Sequence[dict[str, Any]]:
        if isinstance(position, slice):
            return [self[k] for k in range(*position.indices(len(self)))]
        columns, group = self.columns, int(self._group[position])
        start, end = columns.category_indptr[position], columns.category_indptr[position + 1]
        document: dict[str, Any] = {
            "item_id": f"item-{position}",
            "title": self._text(self._titles[group]),
            "description": self._text(self._descriptions[group]),
            "brand": columns.brands[columns.brand[position]],
            "categories": [columns.categories[k] for k in columns.category_indices[start:end].tolist()],
            "available": bool(columns.available[position]),
            "created_at": timestamp_number(int(columns.created_at_ms[position])),
            "currency": "EUR",
            "attributes": {"colour": _COLOURS[self._of_group[position] % len(_COLOURS)]},
        }
        if not np.isnan(columns.price[position]):
            document["price"] = round(float(columns.price[position]), 2)
        if self._of_group[position] or (position + 1 < len(self) and self._group[position + 1] == group):
            document["group_id"] = f"group-{group}"
        return document

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[k] for k in range(len(self)))

    def _text(self, words: I32) -> str:
        return " ".join([self._words[k] for k in words.tolist()])


def random_list(rng: np.random.Generator, rows: NDArray[np.bool_]) -> ItemList:
    """A list in which each of `rows`, bool (n,), has up to 50 neighbours, near ones more often than far ones.

    Distances between neighbours are log-uniform and add up to less than n, so no row names an item twice or itself.
    """
    n, length = len(rows), min(NEIGHBOURS, len(rows) - 1)
    widest = max(1, (n - 1) // length)
    falling = (1 + np.arange(length, dtype=np.float32)) ** np.float32(-0.6)
    filled = np.flatnonzero(rows)
    indices = np.empty((len(filled), length), dtype=np.int32)
    weights = np.empty((len(filled), length), dtype=np.float16)
    for start in range(0, len(filled), BLOCK):
        block = filled[start : start + BLOCK]
        gaps = np.exp(rng.random((len(block), length), dtype=np.float32) * np.float32(np.log(widest))).astype(np.int64)
        indices[start : start + BLOCK] = (block[:, None] + np.cumsum(gaps, axis=1)) % n
        weights[start : start + BLOCK] = rng.random((len(block), 1), dtype=np.float32) * falling
    indptr = np.concatenate([[0], np.cumsum(rows, dtype=np.int64) * length])
    return ItemList(indptr, indices.ravel(), weights.ravel())


def random_units(rng: np.random.Generator, n: int, dim: int) -> F32:
    """Float32 (n, dim), rows of length 1, drawn in blocks: no copy of the whole is made."""
    vectors = np.empty((n, dim), dtype=np.float32)
    for start in range(0, n, BLOCK):
        block = vectors[start : start + BLOCK]
        rng.standard_normal(dtype=np.float32, out=block)
        block /= np.linalg.norm(block, axis=1, keepdims=True)
    return vectors


def _groups(rng: np.random.Generator, n_items: int) -> tuple[I32, NDArray[np.int8]]:
    """Each item's group of variants, ascending, and its number within it."""
    sizes, often = zip(*_VARIANTS, strict=True)
    drawn = rng.choice(sizes, n_items, p=often)
    group = np.repeat(np.arange(n_items, dtype=np.int32), drawn)[:n_items]
    first = np.cumsum(drawn) - drawn
    return group, (np.arange(n_items) - first[group]).astype(np.int8)


def _common_first(rng: np.random.Generator, n: int, shape: tuple[int, ...]) -> I32:
    """Numbers below `n`: the lower, the more often, as words and brands are."""
    drawn = np.floor(np.float32(n) ** rng.random(shape, dtype=np.float32))  # 1 to n
    return np.asarray(drawn.clip(max=n) - 1, dtype=np.int32)


def _words(rng: np.random.Generator) -> list[str]:
    """Words that can be spoken, each once."""
    words: dict[str, None] = {}
    while len(words) < _WORDS:
        parts = [rng.choice(part) for _ in range(2) for part in (_ONSETS, _NUCLEI, _CODAS)]
        words["".join(parts)] = None
    return list(words)
