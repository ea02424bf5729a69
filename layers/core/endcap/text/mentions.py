"""Whether a text mentions something: as whole words, and not to say that it is free of it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from endcap.text.tokens import CJK, normalized

_CJK: Final = re.compile(f"[{CJK}]")
_DENIED_BEFORE: Final = re.compile(
    r"(?:\b(?:no|non|not|without|free of|free from|zero|0%)[\s-]+(?:\w+\s+or\s+)?"
    r"|(?:不含|不添加|无添加|没有|不带|不加|无|非|零|0|免|未加|未添加))$"
)
_DENIED_AFTER: Final = re.compile(r"[\s-]?(?:free\b|less\b|[ -]?除外)")


def mentions(text: str, words: str) -> bool:
    """Whether `text` has `words` in it: words of alphabets whole, in singular or plural; others anywhere.

    A mention that denies them ("sugar-free", "no glass", 不含酒精) is none.
    """
    pattern = _pattern(normalized(words))
    if pattern is None:
        return False
    plain = normalized(text)
    for match in pattern.finditer(plain):
        if not _DENIED_AFTER.match(plain, match.end()) and not _DENIED_BEFORE.search(plain[: match.start()]):
            return True
    return False


@lru_cache(maxsize=256)
def _pattern(words: str) -> re.Pattern[str] | None:
    parts = words.split()
    if not parts:
        return None
    head, last = parts[:-1], parts[-1]
    if last.isascii() and last.isalpha() and len(last) > 3:
        stem = (
            last[:-3] + "y" if last.endswith("ies") else last[:-1] if last.endswith("s") and last[-2] != "s" else last
        )
        plural = rf"{re.escape(stem[:-1])}(?:y|ies)" if stem.endswith("y") else rf"{re.escape(stem)}(?:e?s)?"
    else:
        plural = re.escape(last)
    body = r"[\s-]+".join([*map(re.escape, head), plural])
    left = "" if _CJK.match(words) else rf"(?<![^\W{CJK}])"
    right = "" if _CJK.match(words[-1]) else rf"(?![^\W{CJK}])"
    return re.compile(left + body + right)
