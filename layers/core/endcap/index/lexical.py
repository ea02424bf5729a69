"""Words of a query in titles, brands and ids: what a vector of meaning misses, such as names and article numbers.

Rare tokens count more (inverse document frequency); what a token is says `endcap.text.tokens`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from endcap.arrays import F32
from endcap.text.tokens import tokens_of

EXACT_ID: Final = 20.0
"""Value of an item whose id or SKU is the query: above anything that tokens can reach."""

NUMBER_ATTRIBUTES: Final = frozenset({"sku", "ean", "gtin", "upc", "isbn", "mpn", "article_number"})


class LexicalIndex:
    """Token -> the items that have it in id, title, brand or categories.

    Parameters
    ----------
    documents : items as JSON objects; None for one that can't be found any more
    """

    def __init__(self, documents: Sequence[Mapping[str, Any] | None]) -> None:
        self.n_items = len(documents)
        self._by_number: dict[str, list[int]] = {}
        postings: dict[str, list[int]] = {}
        for item, document in enumerate(documents):
            if document is None:
                continue
            for number in numbers_of(document):
                self._by_number.setdefault(number, []).append(item)
            for token in tokens_of(_searchable(document)):
                postings.setdefault(token, []).append(item)
        self._postings = {token: np.asarray(items, dtype=np.int32) for token, items in postings.items()}

    def document_frequency(self, token: str) -> int:
        """How many items have the token."""
        return len(self._postings.get(token, ()))

    def scores(self, query: str, weights: Mapping[str, float]) -> F32:
        """Float32 (n_items,): the summed weights of the tokens that each item has; EXACT_ID where `query` is its id."""
        found = np.zeros(self.n_items, dtype=np.float32)
        for token, weight in weights.items():
            if token in self._postings:
                found[self._postings[token]] += np.float32(weight)
        found[self._by_number.get(query.strip().lower(), [])] = EXACT_ID
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
