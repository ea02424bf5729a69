"""JSON values of a file: one a line, an array, an object that holds a list, or values one after the other."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

_LISTS: Final = ("items", "events", "products", "interactions", "data", "results", "records", "rows")
"""Names under which an object holds the rows of a whole file."""
_ROWS_OWN: Final = frozenset({"item_id", "id", "event", "event_name", "event_type", "user_id", "type"})
"""Names that a row has and a whole file has not."""
_KEPT_CHARS: Final = 1 << 16
_DECODER: Final = json.JSONDecoder()
Reject = Callable[[int, str, object], None]


def values(parts: Iterable[str], reject: Reject, most_chars: float = math.inf) -> Iterator[tuple[int, Any]]:
    """The values of a JSON file with the line that each begins at.

    Parameters
    ----------
    parts : text, each part whole lines
    reject : told (line, reason, text) of what is no JSON
    most_chars : of one value over several lines; one that is longer is none, and neither is what follows
    """
    parts = iter(parts)
    first = ""
    for part in parts:
        first += part
        if first.strip():
            break
    if not first.strip():
        return
    rest = _chained(first, parts)
    start = first.lstrip("\ufeff \t\r\n")
    if start[:1] in "[{" and not _is_a_line(start):
        yield from _streamed(rest, reject, most_chars)
    else:
        yield from _lines(rest, reject)


def _chained(first: str, parts: Iterable[str]) -> Iterator[str]:
    yield first
    yield from parts


def _is_a_line(text: str) -> bool:
    """Whether the first line is a whole value and no array of rows."""
    line = text.partition("\n")[0]
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        # A broken line among whole ones is a broken row; a beginning without an end is a value over several lines.
        return line.rstrip().endswith("}") or _looks_like_lines(text)
    if isinstance(value, dict):
        return "\n" in text.rstrip() or _rows_in(value) is None
    return not isinstance(value, list)


def _looks_like_lines(text: str) -> bool:
    following = text.split("\n", 2)[1:2]
    try:
        return bool(following) and isinstance(json.loads(following[0]), dict)
    except (ValueError, RecursionError):
        return False


def _lines(parts: Iterable[str], reject: Reject) -> Iterator[tuple[int, Any]]:
    number = 0
    for part in parts:
        for line in part.split("\n") if part[-1:] != "\n" else part[:-1].split("\n"):
            number += 1
            if not line or line.isspace():
                continue
            try:
                yield number, json.loads(line if number > 1 else line.lstrip("\ufeff"))
            except (ValueError, RecursionError) as exc:
                reject(number, f"not JSON: {exc}", line)


def _streamed(parts: Iterable[str], reject: Reject, most_chars: float) -> Iterator[tuple[int, Any]]:
    """Values over several lines: the elements of an array, or values one after the other."""
    source = iter(parts)
    buffer, at, line, counted = "", 0, 1, 0
    inside = False
    while True:
        at = _next_sign(buffer, at)
        line, counted = line + buffer.count("\n", counted, at), at
        if at == len(buffer) or at > _KEPT_CHARS:
            buffer, at, counted = buffer[at:] or next(source, ""), 0, 0
            if not buffer:
                return
            continue
        if buffer[at] in ",]" or (buffer[at] == "[" and not inside):
            inside = inside or buffer[at] == "["
            at += 1
            continue
        try:
            value, end = _DECODER.raw_decode(buffer, at)
        except (ValueError, RecursionError) as exc:
            more = _more(source, min(len(buffer) - at, most_chars)) if len(buffer) - at <= most_chars else ""
            if not more:
                reject(line, f"not JSON: {exc}", buffer[at : at + 200])
                return
            buffer += more
            continue
        found = None if inside or not isinstance(value, dict) else _rows_in(value)
        for element in [value] if found is None else found:
            yield line, element
        at = end


def _more(parts: Iterator[str], n_chars: float) -> str:
    """Further text, as long as what there is: so a long value is begun anew a few times, and not for each part."""
    found, size = [], 0
    for part in parts:
        found.append(part)
        size += len(part)
        if size >= n_chars:
            break
    return "".join(found)


def _rows_in(value: dict[str, Any]) -> list[Any] | None:
    """The rows that one object holds for a whole file; None where it is a row itself."""
    for name in _LISTS:
        found = value.get(name)
        if isinstance(found, list) and found and all(isinstance(row, dict) for row in found):
            return None if name == "events" or not _ROWS_OWN.isdisjoint(value) else found
    return None


def _next_sign(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n\ufeff":
        at += 1
    return at
