"""Text out of what shops write HTML into: titles and descriptions."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import Final

_MARKUP: Final = re.compile(
    r"</?[a-zA-Z][^<>]*>|<!--|&(?:[a-zA-Z][a-zA-Z0-9]{1,30}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});"
)
_TAG: Final = re.compile(r"</?[a-zA-Z][^<>]*>|<!--")
_ROUNDS: Final = 4  # feeds escape what is escaped already
_UNREAD: Final = frozenset({"style", "script", "head", "template", "noscript"})
_INLINE: Final = frozenset(
    {"a", "abbr", "b", "em", "font", "i", "mark", "s", "small", "span", "strong", "sub", "sup", "u", "wbr"}
)
"""Elements in the middle of a word or a sentence; all others end one."""


def plain_text(text: str) -> str:
    """`text` without markup: elements and entities read, styles and scripts left out, white space as one space.

    What has neither elements nor entities stays as it is.
    """
    for _ in range(_ROUNDS):
        if not _MARKUP.search(text):
            break
        text = _read(text) if _TAG.search(text) else unescape(text)
        text = " ".join(text.split())
    return text


def _read(text: str) -> str:
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return "".join(reader.parts)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unread: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in _UNREAD:
            self._unread.append(tag)
        self._gap(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._gap(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._unread:
            del self._unread[self._unread.index(tag) :]
        self._gap(tag)

    def handle_data(self, data: str) -> None:
        if not self._unread:
            self.parts.append(data)

    def _gap(self, tag: str) -> None:
        if tag not in _INLINE:
            self.parts.append(" ")
