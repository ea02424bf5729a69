"""The encoding of a file by its first bytes.

Detectors for web pages need paragraphs; a catalogue often has three words that are not ASCII. So each encoding is
tried on the words that have high bytes, and judged by how common the characters are that it makes of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\x84\x31\x95\x33", "gb18030"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_HIGH: Final = re.compile(rb"[\x80-\xff]+")
_LINES_WITH_HIGH: Final = re.compile(rb"[^\n]*[\x80-\xff][^\n]*")
_JUDGED_BYTES: Final = 1 << 14
_LEAST_SCORE: Final = 0.75
_FEWEST_HANGUL: Final = 12
"""Korean and the commoner half of Chinese have the same bytes: shorter texts count as Chinese."""
_SIGNS: Final = "\u2018\u2019\u201a\u201c\u201d\u201e\u2013\u2014\u2026\u2022\u20ac\u2122\u00a0£§©«®°²³´µ·¹º»½¿¡¼¾×"
_EASTERN: Final = re.compile(r"[^\W\d_][ĄąŁłŹźťŤŽžŠšŻżľĽŞş]|[ĄąŁłŹźťŤŽžŠšŻżľĽ][^\W\d_]")


def encoding_of(head: bytes, *, whole: bool) -> tuple[str, int]:
    """The encoding of a file by its first bytes, and how many of them are a byte order mark.

    Without a mark: UTF-16 by its zero bytes; UTF-8 where most of the high bytes are; else the one of `_CANDIDATES` that
    makes the most common characters of them. Bytes that are none of these stay UTF-8 and cost their rows.
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    zeros = head[:2048].count(0)
    if zeros and 4 * zeros >= len(head[:2048]):
        return ("utf-16-le" if head[1:2048:2].count(0) > head[0:2048:2].count(0) else "utf-16-be"), 0
    text = head if whole else head[: head.rfind(b"\n") + 1] or head
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return _legacy(text), 0
    return "utf-8", 0


def _legacy(text: bytes) -> str:
    runs = _HIGH.findall(text)
    if 2 * sum(map(_is_utf8, runs)) >= len(runs):
        return "utf-8"  # and the others are damage
    lines = b"\n".join(_LINES_WITH_HIGH.findall(text))
    judged = lines if len(lines) <= _JUDGED_BYTES else lines[: lines.rfind(b"\n", 0, _JUDGED_BYTES)]
    scores = {encoding: _score(judged, encoding, score) for encoding, score in _CANDIDATES.items()}
    best = max(scores, key=lambda encoding: scores[encoding])
    return best if scores[best] >= _LEAST_SCORE else "utf-8"


def _is_utf8(run: bytes) -> bool:
    try:
        run.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _score(text: bytes, encoding: str, score: Callable[[str], float]) -> float:
    try:
        return score(text.decode(encoding))
    except UnicodeDecodeError:
        return 0.0


def _share(text: str, weight: Callable[[str], float]) -> float:
    """The mean weight of the characters that are not ASCII; one before a small letter has eaten a half of its word."""
    high = [(sign, after) for sign, after in zip(text, text[1:] + "\n", strict=True) if sign > "\x7f"]
    return sum(0 if "a" <= after <= "z" else weight(sign) for sign, after in high) / len(high) if high else 0.0


def _chinese(text: str) -> float:
    def weight(sign: str) -> float:
        code = sign.encode("gb18030")
        if len(code) != 2 or code[1] < 0xA1:
            return 0.0
        return 1.0 if 0xB0 <= code[0] <= 0xD7 or 0xA1 <= code[0] <= 0xA3 else 0.6

    return _share(text, weight)


def _traditional(text: str) -> float:
    def weight(sign: str) -> float:
        code = sign.encode("big5")
        return float(len(code) == 2 and 0xA1 <= code[0] <= 0xC6)

    return 0.99 * _share(text, weight)


def _japanese(text: str) -> float:
    def weight(sign: str) -> float:
        code = sign.encode("shift_jis")
        kana = "\u3000" <= sign <= "\u30ff" or "\uff01" <= sign <= "\uff5e"
        return float(kana or (len(code) == 2 and 0x88 <= code[0] <= 0x9F))

    return 0.985 * _share(text, weight)


def _korean(text: str) -> float:
    hangul = [sign for sign in text if "\uac00" <= sign <= "\ud7a3"]
    return 1.01 * _share(text, lambda sign: "\uac00" <= sign <= "\ud7a3") if len(hangul) >= _FEWEST_HANGUL else 0.0


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W\d_]+", text) if not word.isascii()]


def _western(text: str) -> float:
    """Letters with accents stand among plain ones."""
    signs = [sign for sign in text if sign > "\x7f"]
    good = sum(sign in _SIGNS for sign in signs)
    for word in _words(text):
        plain = sum(sign < "\x80" for sign in word)
        if 3 * plain >= len(word) - 1 or len(word) == 1:
            good += len(word) - plain
    return 0.97 * good / len(signs) if signs and not _odd_letters(text) else 0.0


def _odd_letters(text: str) -> bool:
    """Whether signs or capitals stand within words: then it is another encoding's text."""
    return (
        "ÿ" in text
        or any(sign > "\u024f" and sign.isalpha() for sign in text)
        or re.search(r"[a-z][³¹¿£¥¯¾ª†‡ˆ‰€…–™¢¤¦¶]+[a-z]|[a-zà-ÿ][A-ZŠŽŸ][a-z]*[ŠŽŸ]|[a-zà-ÿ][ŠŽŸ]|\w§\w", text)
        is not None
    )


def _eastern(text: str) -> float:
    """Western rules, and letters that the West has not."""
    found = _western(text)
    return found + 0.01 if found and _EASTERN.search(text) else 0.0


def _cyrillic(text: str) -> float:
    words = [word for word in _words(text) if all("\u0400" <= sign <= "\u045f" for sign in word)]
    signs = [sign for sign in text if sign > "\x7f"]
    ordinary = sum(len(word) for word in words if word[1:] == word[1:].lower() or word.isupper())
    return 0.96 * (ordinary + sum(sign in _SIGNS for sign in signs)) / len(signs) if ordinary > 1 else 0.0


def _macintosh(text: str) -> float:
    return 0.9 * _western(text)


_CANDIDATES: Final[dict[str, Callable[[str], float]]] = {
    "gb18030": _chinese,
    "big5": _traditional,
    "shift_jis": _japanese,
    "euc_kr": _korean,
    "cp1252": _western,
    "cp1250": _eastern,
    "cp1251": _cyrillic,
    "mac_roman": _macintosh,
}
