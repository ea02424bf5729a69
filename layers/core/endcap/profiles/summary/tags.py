"""Tags: what the items of a shopper's history have in common, each with a signed weight.

A tag weighs what the items that have it weigh together, so what was liked and returned alike cancels. Categories and
brands count from one item on; attributes and words of titles are tags only where they recur, since one item's title
says little about a person. So does what a writer has said of an item that has no category or one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

from endcap.catalog.item import MOST_CATEGORIES, Item
from endcap.text.tokens import Wording, common_words, normalized

KINDS: Final = ("category", "brand", "attribute", "generated", "word")
"""The more a shop has said itself that it is one, the sooner a tag lends its name."""
_PLURALS: Final = ("sses", "xes", "zes", "ches", "shes")
_SHORT: Final = 3
"""Letters of words such as "gas", of which the last tells nothing."""
RECURS: Final = 2
"""Items in which an attribute or a word of a title has to stand."""
MAX_TITLES: Final = 20
MAX_ATTRIBUTE_CHARS: Final = 40


@dataclass(frozen=True, slots=True)
class Tag:
    """Something that items have in common.

    Attributes
    ----------
    kind : "category", "brand", "attribute", "word" or "generated"
    items : ids of the items that have it
    """

    kind: str
    name: str
    weight: float
    items: frozenset[str] = field(default=frozenset(), compare=False)


def tags_of(
    items: Mapping[str, Item], weights: Mapping[str, float], generated: Mapping[str, Sequence[str]] | None = None
) -> list[Tag]:
    """The tags of weighted items, the strongest first, whatever their signs.

    Parameters
    ----------
    items : item id -> item; what is not known is left out
    weights : item id -> signed weight
    generated : item id -> tags that a writer has given the item
    """
    having: dict[tuple[str, str], set[str]] = {}
    known = {item_id: items[item_id] for item_id in weights if item_id in items}
    for item_id, item in known.items():
        for kind, name in (*_named(item), *_generated(item, generated or {})):
            having.setdefault((kind, name), set()).add(item_id)
    for word, item_ids in _recurring_words(known).items():
        having["word", word] = item_ids
    tags = [
        Tag(kind, name, sum(weights[i] for i in weights if i in item_ids), frozenset(item_ids))
        for (kind, name), item_ids in having.items()
        if kind in ("category", "brand") or len(item_ids) >= RECURS
    ]
    return sorted(tags, key=lambda tag: (-abs(tag.weight), tag.kind, tag.name))


def folded(tags: Sequence[Tag], weights: Mapping[str, float]) -> list[Tag]:
    """Tags, those together whose names are one to whoever reads: "Cake Tins", "cake tin" and "cake tins".

    A folded tag has the items of all of them, each counted once, and the name of the first of `KINDS`.

    Parameters
    ----------
    tags : the strongest first
    weights : item id -> signed weight
    """
    alike: dict[str, list[Tag]] = {}
    for tag in tags:
        alike.setdefault(_as_read(tag.name), []).append(tag)
    whole = [_as_one(group, weights) for group in alike.values()]
    return sorted(whole, key=lambda tag: (-abs(tag.weight), tag.kind, tag.name))


def _as_one(group: Sequence[Tag], weights: Mapping[str, float]) -> Tag:
    if len(group) == 1:
        return group[0]
    items = frozenset[str]().union(*(tag.items for tag in group))
    named = min(group, key=lambda tag: KINDS.index(tag.kind))
    return Tag(named.kind, named.name, sum(weight for item_id, weight in weights.items() if item_id in items), items)


def _as_read(name: str) -> str:
    """Equal for names that differ by case, spaces, hyphens, or singular and plural at most."""
    joined = "".join(normalized(name).replace("-", " ").split())
    if not joined.isascii() or len(joined) <= _SHORT:  # within Chinese a shorter word is another one
        return joined
    if joined.endswith(_PLURALS):
        joined = joined[:-2]
    elif joined.endswith("s") and not joined.endswith("ss"):
        joined = joined[:-1]
    return joined[:-2] + "y" if joined.endswith("ie") else joined


def _named(item: Item) -> Iterator[tuple[str, str]]:
    for name in item.categories[-1:]:
        yield "category", name
    if item.brand:
        yield "brand", item.brand
    for attribute, value in item.attributes.items():
        for text in (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ():
            if text and len(text) <= MAX_ATTRIBUTE_CHARS:
                yield "attribute", f"{attribute}: {text}"


def _generated(item: Item, generated: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    if len(item.categories) <= MOST_CATEGORIES:
        yield from (("generated", name) for name in generated.get(item.item_id, ()))


def _recurring_words(items: Mapping[str, Item]) -> dict[str, set[str]]:
    """Word or phrase -> the items whose titles have it; a phrase within a longer one of the same items is left out."""
    titles = {item_id: Wording.of(items[item_id].title) for item_id in list(items)[:MAX_TITLES]}
    plain = {i: normalized(items[i].title) for i in titles}
    words = {word: False for title in titles.values() for word in title.words}
    phrases = {
        phrase: True
        for a, b in combinations(titles.values(), 2)
        for phrase in common_words(Wording((), a.runs), Wording((), b.runs))
    }
    found: dict[str, set[str]] = {}
    for word, is_phrase in (words | phrases).items():
        holders = {i for i in titles if (word in plain[i] if is_phrase else word in titles[i].words)}
        if len(holders) >= RECURS:
            found[word] = holders
    return {
        word: holders
        for word, holders in found.items()
        if not any(word in other and word != other and word in phrases and found[other] == holders for other in found)
    }
