"""Merchant feeds in XML, item by item: RSS 2.0 and Atom with the names of Google's namespace.

https://support.google.com/merchants/answer/7052112

The standard library's Expat reads them as a stream. A feed comes from outside, so one that declares a document type is
refused before anything of it is read: without it there are no entities, neither external nor ones that multiply, which
is all that defusedxml would guard against here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any, Final
from xml.parsers import expat  # nosec B405 # see above: a document type is refused

from endcap.errors import InvalidInputError

_ITEMS: Final = frozenset({"item", "entry", "product"})
_READ_BYTES: Final = 1 << 16
MAX_ITEM_CHARS: Final = 1 << 20
MAX_DEPTH: Final = 32


def items(binary: IO[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The items of a feed with the line that each begins at: name of an element, without its prefix -> text.

    What comes several times, as further images do, is a list; what holds other elements is left out, but for the first
    text in it.

    Raises
    ------
    InvalidInputError : it is no XML, declares a document type, or nests or holds more than an item can
    """
    reader = _Reader()
    while True:
        data = binary.read(_READ_BYTES)
        try:
            reader.parser.Parse(data, not data)
        except expat.ExpatError as exc:
            yield from reader.taken()
            raise InvalidInputError(f"no XML from line {exc.lineno} on: {expat.ErrorString(exc.code)}") from None
        yield from reader.taken()
        if not data:
            return


class _Reader:
    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = _refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self._found: list[tuple[int, dict[str, Any]]] = []
        self._path: list[str] = []
        self._item: dict[str, Any] | None = None
        self._base = self._line = self._chars = 0
        self._parts: list[str] = []

    def taken(self) -> list[tuple[int, dict[str, Any]]]:
        """The items that have ended since."""
        found, self._found = self._found, []
        return found

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name.rpartition(":")[2])
        if len(self._path) > MAX_DEPTH:
            raise InvalidInputError(f"elements nest deeper than {MAX_DEPTH}")
        if self._item is None:
            if self._path[-1].lower() in _ITEMS and len(self._path) > 1:
                self._item, self._base, self._chars = {}, len(self._path), 0
                self._line = self.parser.CurrentLineNumber
        elif len(self._path) == self._base + 1:
            self._parts = []
            if attributes.get("href"):  # a link of Atom
                self._parts.append(attributes["href"])

    def _text(self, data: str) -> None:
        if self._item is not None and len(self._path) > self._base:
            self._chars += len(data)
            if self._chars > MAX_ITEM_CHARS:
                raise InvalidInputError(f"the item of line {self._line} holds more than {MAX_ITEM_CHARS} characters")
            self._parts.append(data)

    def _end(self, _: str) -> None:
        name, depth = self._path.pop(), len(self._path) + 1
        if self._item is None:
            return
        if depth == self._base:
            self._found.append((self._line, self._item))
            self._item = None
        elif depth == self._base + 1:
            value = " ".join(part for part in "".join(self._parts).split(" ") if part).strip()
            if value:
                before = self._item.get(name)
                if before is None:
                    self._item[name] = value
                else:
                    self._item[name] = [*before, value] if isinstance(before, list) else [before, value]


def _refuse(*_: object) -> None:
    raise InvalidInputError("the file declares a document type, which feeds have no use for")
