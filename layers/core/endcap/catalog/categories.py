"""Names of categories, out of every shape that shops write them in."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any, Final

_PATH: Final = re.compile(r"\s*(?:->|>|›|»|→|\||::)\s*|\s+/\s+")
_LIST: Final = re.compile(r"\s*;\s*")
_TIGHT_LIST: Final = re.compile(r"(?<=[^\s\d]),(?=\S)|,(?=[^\s\d])")
_NAMES: Final = ("name", "title", "label", "value")
_BELOW: Final = ("children", "subcategories")
_LEVEL: Final = re.compile(r"(?:lvl|level|l)_?\d+", re.IGNORECASE)
_DEEPEST: Final = 10
_LONGEST_LITERAL: Final = 10_000


def category_names(value: object) -> object:
    """Categories one by one, broadest first: of a path (`A > B`), a list with bars, JSON in text, or lists in a list.

    What is none of these comes back as it is.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | list | tuple | Mapping):
        return value
    names: list[Any] = []
    for name in _names(value, 0):
        if name not in names:
            names.append(name)
    return value if isinstance(value, Mapping) and names == [value] else names


def _names(value: Any, depth: int) -> Iterator[Any]:
    if depth > _DEEPEST:
        return
    if isinstance(value, str):
        literal = _literal(value.strip())
        if literal is None:
            yield from _of_text(value.strip())
        else:
            yield from _names(literal, depth + 1)
    elif isinstance(value, Mapping):
        yield from _of_mapping(value, depth + 1)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _names(part, depth + 1)
    elif isinstance(value, float) and value.is_integer():
        yield str(int(value))
    else:
        yield value


def _of_mapping(value: Mapping[Any, Any], depth: int) -> Iterator[Any]:
    """A category as an object, with those above and below it; one name for each level; one for each language."""
    name = next((value[key] for key in _NAMES if value.get(key)), None)
    if name is not None:
        for part in (value.get("parent"), name, *(value.get(key) for key in _BELOW)):
            if part is not None:
                yield from _names(part, depth)
        return
    levels = sorted(key for key in value if isinstance(key, str) and _LEVEL.fullmatch(key))
    for key in levels:
        yield from _names(value[key], depth)
    if not levels:
        texts = {key: text for key, text in value.items() if isinstance(text, str) and key != "id"}
        if texts:
            yield from _names(texts.get("en") or next(iter(texts.values())), depth)
        else:
            yield value


def _literal(text: str) -> Any:
    """A list or an object written as text, in JSON or as Python prints it; None where it is neither."""
    if text[:1] + text[-1:] not in ("[]", "{}") or len(text) > _LONGEST_LITERAL:
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(found, list | tuple | Mapping):
            return found
    return None


def _of_text(text: str) -> list[str]:
    if "&" in text:
        text = unescape(text)
    for form in (_PATH, _LIST, _TIGHT_LIST):
        parts = [name for part in form.split(text) if (name := part.strip())]
        if len(parts) > 1:
            return parts
    return [text.strip(" >|/;")] if text.strip(" >|/;") else []
