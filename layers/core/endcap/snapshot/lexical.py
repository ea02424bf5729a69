"""Words of a query in titles, brands and ids: what a vector of meaning misses, such as names and article numbers.

Rare tokens count more (inverse document frequency); what a token is says `endcap.text.tokens`.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, I32, I64
from endcap.text.tokens import tokens_of

EXACT_ID: Final = 20.0
"""Value of an item whose id or SKU is the query: above anything that tokens can reach."""

NUMBER_ATTRIBUTES: Final = frozenset({"sku", "ean", "gtin", "upc", "isbn", "mpn", "article_number"})


@dataclass(frozen=True)
class Postings:
    """Texts, each by a hash of 8 bytes, and the items that have it.

    Attributes
    ----------
    hashes : uint64 (w,), ascending
    indptr, items : int64 (w + 1,) and int32, the items of hash k are `items[indptr[k]:indptr[k + 1]]`, ascending
    """

    hashes: NDArray[np.uint64]
    indptr: I64
    items: I32

    @classmethod
    def of(cls, texts: Iterable[Iterable[str]]) -> Postings:
        """Of the distinct texts of each item."""
        numbers: dict[str, int] = {}
        named, items = array("q"), array("i")
        for item, own in enumerate(texts):
            for text in own:
                named.append(numbers.setdefault(text, len(numbers)))
                items.append(item)
        hashes = np.asarray([_hash(text) for text in numbers], dtype=np.uint64)
        places = np.argsort(hashes)
        place_of = np.empty(len(places), dtype=np.int64)
        place_of[places] = np.arange(len(places))
        place = place_of[np.frombuffer(named, dtype=np.int64)] if named else np.empty(0, dtype=np.int64)
        indptr = np.zeros(len(hashes) + 1, dtype=np.int64)
        np.cumsum(np.bincount(place, minlength=len(hashes)), out=indptr[1:])
        order = np.argsort(place, kind="stable")
        return cls(hashes[places], indptr, np.asarray(items, dtype=np.int32)[order])

    def items_of(self, text: str) -> I32:
        """The items that have a text, ascending."""
        wanted = np.uint64(_hash(text))
        at = int(np.searchsorted(self.hashes, wanted))
        if at == len(self.hashes) or self.hashes[at] != wanted:
            return self.items[:0]
        return self.items[self.indptr[at] : self.indptr[at + 1]]


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


@dataclass(frozen=True)
class LexicalIndex:
    """What each item can be found by.

    Attributes
    ----------
    n_items : rows, with and without words
    words : the tokens of id, title, brand and categories; numbers : ids and article numbers, in lower case
    """

    n_items: int
    words: Postings
    numbers: Postings

    @classmethod
    def of(cls, documents: Sequence[Mapping[str, Any] | None]) -> LexicalIndex:
        """Of items as JSON objects; None for one that can't be found any more."""
        return cls(
            len(documents),
            Postings.of([] if document is None else tokens_of(_searchable(document)) for document in documents),
            Postings.of([] if document is None else numbers_of(document) for document in documents),
        )

    def document_frequency(self, token: str) -> int:
        """How many items have the token."""
        return len(self.words.items_of(token))

    def scores(self, query: str, weights: Mapping[str, float]) -> F32:
        """Float32 (n_items,): the summed weights of the tokens that each item has; EXACT_ID where `query` is its id."""
        found = np.zeros(self.n_items, dtype=np.float32)
        for token, weight in weights.items():
            found[self.words.items_of(token)] += np.float32(weight)
        found[self.numbers.items_of(query.strip().lower())] = EXACT_ID
        return found


def _searchable(document: Mapping[str, Any]) -> str:
    parts = (document["item_id"], document.get("title", ""), document.get("brand", ""))
    return " ".join((*parts, *document.get("categories", ())))


def numbers_of(document: Mapping[str, Any]) -> set[str]:
    """Everything that names this very item, in lower case."""
    attributes = document.get("attributes", {})
    named = [value for name, value in attributes.items() if name.lower() in NUMBER_ATTRIBUTES]
    return {str(value).strip().lower() for value in (document["item_id"], *named)}


def query_weights(query: str, indexes: Sequence[LexicalIndex]) -> dict[str, float]:
    """Share of each token in the query, by its rarity over all `indexes`; shares add up to 1."""
    n = sum(index.n_items for index in indexes)
    idf = {
        token: float(np.log1p(n / (1 + sum(index.document_frequency(token) for index in indexes))))
        for token in tokens_of(query)
    }
    total = sum(idf.values())
    return {token: value / total for token, value in idf.items()} if total > 0 else {}
