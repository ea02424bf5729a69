"""The words by which an item is like a past one, a query or a review: those that stand in both, the rarest first.

How rare a word is comes from a sample of the catalogue, so that explaining a few items costs no index of all. Words of
the item's title count twice as much as words that only its description has.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from endcap.catalog.row import GENERATED_TAGS
from endcap.index.index import ItemIndex
from endcap.snapshot.lexical import numbers_of
from endcap.text.tokens import Wording, common_words

MAX_WORDS: Final = 5
_TITLE_FACTOR: Final = 2.0
_COMMON: Final = 0.25
"""Words of more than this share of the items tell none from another."""


class ItemWords:
    """The words of the items that an answer explains, each item read once.

    Parameters
    ----------
    documents : row -> item as a JSON object; read from the index where it is not there
    """

    def __init__(self, index: ItemIndex, documents: Mapping[int, Mapping[str, Any]]) -> None:
        self._index, self._documents = index, documents
        self._wordings: dict[int, Wording] = {}
        self._titles: dict[int, Wording] = {}
        self._shared: dict[tuple[int, int], tuple[str, ...]] = {}
        self._categories: dict[int, list[tuple[int, str]]] = {}
        self._past_categories: dict[int, frozenset[int]] = {}

    def shared_with_item(self, position: int, past: int) -> tuple[str, ...]:
        """What two items' texts have in common, at most `MAX_WORDS`; nothing of an item with itself."""
        if position == past:
            return ()
        if (position, past) not in self._shared:
            self._shared[position, past] = self._shared_with_item(position, past)
        return self._shared[position, past]

    def _shared_with_item(self, position: int, past: int) -> tuple[str, ...]:
        text, theirs = self._of(position), self._of(past)
        in_title = common_words(self._title_of(position), theirs)
        elsewhere = [word for word in common_words(text, theirs, cut=False) if word not in in_title]
        told = [word for word in (*in_title, *elsewhere) if not word[0].isdigit()]  # sizes and weights tell nothing
        return self._rarest([word for word in told if self._index.tables.rarity_of(word)[1] <= _COMMON], in_title)

    def shared_with_text(self, position: int, wording: Wording) -> tuple[str, ...]:
        """What an item's text has of a query's or a review's words, likewise; its id and article numbers count too."""
        text = self._of(position)
        in_title = common_words(self._title_of(position), wording)
        numbers = Wording.of(" ".join(sorted(numbers_of(self._document(position)))))
        words = (*in_title, *common_words(text, wording), *common_words(numbers, wording))
        return self._rarest(list(dict.fromkeys(words)), in_title)

    def shared_categories(self, position: int, past: int) -> tuple[str, ...]:
        """The categories that both items are in, the rarest first."""
        if position not in self._categories:
            self._categories[position] = self._categories_of(position)
        if past not in self._past_categories:
            self._past_categories[past] = frozenset(self._index.categories_of(past))
        own, theirs = self._categories[position], self._past_categories[past]
        return tuple([name for category, name in own if category in theirs][:MAX_WORDS])

    def shared_tags(self, position: int, past: int) -> tuple[str, ...]:
        """The tags that a writer has given both items."""
        own, theirs = self._tags(position), self._tags(past)
        return tuple([name for name in own if name in theirs][:MAX_WORDS])

    def _tags(self, position: int) -> list[str]:
        tags = self._document(position).get("attributes", {}).get(GENERATED_TAGS)
        return [str(name) for name in tags] if isinstance(tags, list | tuple) else []

    def _categories_of(self, position: int) -> list[tuple[int, str]]:
        """Number and name of an item's categories, the rarest first."""
        listed = [str(name) for name in self._document(position).get("categories", ())]
        names = {self._index.category_id(name): name for name in listed}
        rare = sorted(self._index.categories_of(position), key=self._index.tables.idf_of, reverse=True)
        return [(category, names[category]) for category in rare if category in names]

    def brand(self, position: int) -> tuple[str, ...]:
        """The brand of an item."""
        brand = str(self._document(position).get("brand") or "")
        return (brand,) if brand else ()

    def _rarest(self, words: Sequence[str], in_title: Collection[str]) -> tuple[str, ...]:
        worth = {
            word: self._index.tables.rarity_of(word)[0] * (_TITLE_FACTOR if word in in_title else 1.0) for word in words
        }
        told: list[str] = []
        for word in sorted(worth, key=lambda word: -worth[word]):
            if len(told) < MAX_WORDS and not any(word in longer for longer in told):
                told.append(word)
        return tuple(told)

    def _of(self, position: int) -> Wording:
        """The wording of an item's whole text."""
        if position not in self._wordings:
            self._wordings[position] = self._index.wording(position)
        return self._wordings[position]

    def _title_of(self, position: int) -> Wording:
        """The wording of its title."""
        if position not in self._titles:
            self._titles[position] = Wording.of(str(self._document(position).get("title") or ""))
        return self._titles[position]

    def _document(self, position: int) -> Mapping[str, Any]:
        known = self._documents.get(position)
        return self._index.document(position) if known is None else known
