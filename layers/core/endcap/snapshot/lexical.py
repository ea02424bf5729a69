"""Words of a query in titles, brands and ids: what a vector of meaning misses, such as names and article numbers.

Rare terms count more (inverse document frequency); what a term is, and what a query needs, says `endcap.text.terms`.
Snapshots that were written before there were codes have the tokens of `endcap.text.tokens` instead, and are asked for
these.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F32, I32, I64
from endcap.text.terms import Need, Synonyms, asked_code, code_of, needs_of, terms_of
from endcap.text.tokens import tokens_of

EXACT_ID: Final = 20.0
"""Value of an item whose id or SKU is the query: above anything that words can reach."""
CODE_BEGINS: Final = 5.0
"""Value of an item whose id or SKU begins with the query."""
_FEW: Final = 50
_SMALL_SHARE: Final = 0.05
"""What more items than these begin with is no article number, but what all of them are called."""

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
class Codes:
    """Ids and article numbers in the form that their spellings share, in their order.

    Attributes
    ----------
    text : uint8, their UTF-8, one after the other
    offsets : int64 (c + 1,), code k is `text[offsets[k]:offsets[k + 1]]`
    items : int32 (c,), whose it is
    """

    text: NDArray[np.uint8]
    offsets: I64
    items: I32

    @classmethod
    def of(cls, documents: Sequence[Mapping[str, Any] | None]) -> Codes:
        """Of items as JSON objects."""
        pairs = sorted(
            {
                (code.encode("utf-8", "surrogatepass"), item)
                for item, document in enumerate(documents)
                if document is not None
                for number in numbers_of(document)
                if (code := code_of(number))
            }
        )
        lengths = np.asarray([len(code) for code, _ in pairs], dtype=np.int64)
        return cls(
            np.frombuffer(b"".join(code for code, _ in pairs), dtype=np.uint8),
            np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)]),
            np.asarray([item for _, item in pairs], dtype=np.int32),
        )

    def equal_and_beginning(self, code: str) -> tuple[I32, I32]:
        """The items that have a code, and those that have a longer one that begins with it."""
        wanted = code.encode("utf-8", "surrogatepass")
        every = range(len(self.items))
        first = bisect_left(every, wanted, key=self._code)
        longer = bisect_right(every, wanted, key=self._code)
        end = bisect_left(every, wanted + b"\xff", key=self._code)  # no UTF-8 has this byte
        return self.items[first:longer], self.items[longer:end]

    def _code(self, k: int) -> bytes:
        return self.text[self.offsets[k] : self.offsets[k + 1]].tobytes()


@dataclass(frozen=True)
class LexicalIndex:
    """What each item can be found by.

    Attributes
    ----------
    n_items : rows, with and without words
    words : the terms of id, title, brand and categories; numbers : ids and article numbers, in lower case
    codes : the same in all spellings; None for an index of an older snapshot, whose words are tokens
    """

    n_items: int
    words: Postings
    numbers: Postings
    codes: Codes | None = None

    @classmethod
    def of(cls, documents: Sequence[Mapping[str, Any] | None], *, older: bool = False) -> LexicalIndex:
        """Of items as JSON objects; None for one that can't be found any more.

        Parameters
        ----------
        older : as snapshots without codes have it
        """
        split = tokens_of if older else terms_of
        return cls(
            len(documents),
            Postings.of([] if document is None else split(_searchable(document)) for document in documents),
            Postings.of([] if document is None else numbers_of(document) for document in documents),
            None if older else Codes.of(documents),
        )

    def needs_of(self, query: str, synonyms: Synonyms | None = None) -> list[Need]:
        """What a query needs of the items in this index."""
        if self.codes is None:
            return [((token,),) for token in tokens_of(query)]
        return needs_of(query, synonyms)

    def items_with(self, need: Need) -> I32:
        """The items that meet a need, each once."""
        found = [reduce(np.intersect1d, [self.words.items_of(term) for term in alternative]) for alternative in need]
        return found[0] if len(found) == 1 else np.unique(np.concatenate(found))

    def scores(self, query: str, weights: Mapping[Need, float]) -> F32:
        """Float32 (n_items,): the summed weights of the needs that items meet; EXACT_ID for its very id."""
        found = np.zeros(self.n_items, dtype=np.float32)
        for need, weight in weights.items():
            found[self.items_with(need)] += np.float32(weight)
        code = asked_code(query) if self.codes is not None else None
        if code is not None and self.codes is not None:
            same, begun = self.codes.equal_and_beginning(code)
            if len(begun) <= max(_FEW, _SMALL_SHARE * self.n_items):
                found[begun] = CODE_BEGINS
            found[same] = EXACT_ID
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


def query_weights(query: str, indexes: Sequence[LexicalIndex], synonyms: Synonyms | None = None) -> dict[Need, float]:
    """Share of each need in the query, by its rarity over all `indexes`, which are of one age; shares add up to 1."""
    n = sum(index.n_items for index in indexes)
    idf = {
        need: float(np.log1p(n / (1 + sum(len(index.items_with(need)) for index in indexes))))
        for need in indexes[0].needs_of(query, synonyms)
    }
    total = sum(idf.values())
    return {need: value / total for need, value in idf.items()} if total > 0 else {}
