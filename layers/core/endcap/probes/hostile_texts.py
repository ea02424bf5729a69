"""Texts that bring out a tokenizer's expression that never comes to an end.

Such an expression has two ways to read the same letters, as `(a|aa)+$`, and tries them all where the text at last does
not fit: so each of these repeats something and ends otherwise. What grows slower shows in the long ones.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator
from typing import Final

TIMES: Final = 64
LONG: Final = 4000
_ENDS: Final = ("!", "a", "0", " a")
_OTHER_SCRIPTS: Final = "的é́я한あ☃😀 　"
_PAIRS: Final = ("ab", "Ab", "a1", "1a", "a-", "a.", "a'", "a_", "的a", "1.", "-1", "a ", "的 ")


def hostile_texts(words: Iterable[str] = ()) -> Iterator[str]:
    """Each printable sign, some pairs, and each of `words`, many times over and with another sign at the end."""
    for piece in (*string.printable[:95], *_OTHER_SCRIPTS, *_PAIRS):
        for end in _ENDS:
            yield piece * TIMES + (end if not piece.startswith(end) else "?")
    for piece in ("a", "1", "的", "."):
        yield piece * LONG + "!a"
    for word in words:
        yield word * TIMES + "!"
        yield f"{word} " * TIMES + "!"
