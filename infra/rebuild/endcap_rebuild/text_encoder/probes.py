"""Search probes made from a catalogue itself: pieces of titles, and brand with category."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from endcap.arrays import I64
from endcap.catalog.item import Item

# A query that so many items answer asks for nothing in particular.
_MOST_ANSWERS: Final = 10
_WORDS: Final = 2
_HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]{4,}")
_WORD: Final = re.compile(r"[^\W\d_][\w'-]+")
Probe = tuple[str, I64]


def probes_of(items: Sequence[Item], most: int, chance: np.random.Generator) -> list[Probe]:
    """Queries with the positions of the items that answer them, at most `most`.

    A fragment is two words of a title in the order of the title (two bigrams where the title is Chinese); every item
    whose title has both answers it. A brand with an item's narrowest category is answered by all items of both.
    """
    titles = [item.title.lower() for item in items]
    found: dict[str, I64] = {}
    for position in chance.permutation(len(items)).tolist():
        for query, answers in (_fragment(titles, position, chance), _shelf(items, position)):
            if query and 0 < len(answers) <= _MOST_ANSWERS:
                found.setdefault(query, answers)
        if len(found) >= most:
            break
    return list(found.items())[:most]


def _fragment(titles: Sequence[str], position: int, chance: np.random.Generator) -> Probe:
    title = titles[position]
    parts = [run[k : k + 2] for run in _HAN.findall(title) for k in range(0, len(run) - 1, 2)]
    parts = list(dict.fromkeys(parts or _WORD.findall(title)))
    if len(parts) <= _WORDS:
        return "", np.empty(0, dtype=np.int64)
    chosen = [parts[k] for k in sorted(chance.choice(len(parts), _WORDS, replace=False).tolist())]
    answers = [k for k, other in enumerate(titles) if all(part in other for part in chosen)]
    return " ".join(chosen), np.asarray(answers, dtype=np.int64)


def _shelf(items: Sequence[Item], position: int) -> Probe:
    own = items[position]
    if not own.brand or not own.categories:
        return "", np.empty(0, dtype=np.int64)
    answers = [
        k for k, item in enumerate(items) if item.brand == own.brand and item.categories[-1:] == own.categories[-1:]
    ]
    return f"{own.brand} {own.categories[-1]}", np.asarray(answers, dtype=np.int64)
