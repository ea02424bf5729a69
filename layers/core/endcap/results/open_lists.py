"""Lists that something may still be done with, five minutes of them together, of which a run reads those that it needs.

A shop shows many lists, and most of what is done with one is done soon. So the book holds the names of these parts
alone, and a part holds nothing of a person: a shopper of an experiment is named by a mark that means something only
beside the book. Lists whose ids do not say when they were made stand in the book itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from endcap.list_ids import made_ms
from endcap.results.facts import ShownList

SPAN_MS: Final = 5 * 60_000
EARLY_MS: Final = 5 * 60_000
"""By how much clocks may differ."""


@dataclass(slots=True)
class OpenList:
    """A list that something may still be done with; `done` names what was counted of it."""

    shown: ShownList
    done: set[str] = field(default_factory=set)


Part = dict[str, "OpenList | bytes"]
"""Lists by id; those that nobody has asked for as they are stored."""
Fetch = Callable[[str], Part]
Read = Callable[[bytes], OpenList]


class OpenLists:
    """All open lists, by id.

    Parameters
    ----------
    names : of the parts that are stored, by the number of their five minutes
    fetch : gets a part by its name; without it nothing is stored
    read : a list of such a part

    Attributes
    ----------
    kept : lists that are in no part
    names : as above; who stores a part that has changed names it here
    """

    def __init__(
        self, names: dict[int, str] | None = None, fetch: Fetch | None = None, read: Read | None = None
    ) -> None:
        self.kept: dict[str, OpenList] = {}
        self.names = names or {}
        self._fetch, self._read = fetch, read
        self._parts: dict[int, Part] = {}
        self._changed: set[int] = set()

    def get(self, list_id: str) -> OpenList | None:
        """The list of an id; None where it is not open, or not known."""
        found, span = self.kept.get(list_id), _span(list_id)
        if found is not None or span is None:
            return found
        part = self._part(span)
        one = part.get(list_id)
        if isinstance(one, bytes) and self._read is not None:
            one = part[list_id] = self._read(one)
        return one if isinstance(one, OpenList) else None

    def add(self, one: OpenList) -> None:
        """Take in a list."""
        span = _span(one.shown.list_id)
        made = made_ms(one.shown.list_id)
        if span is None or made is None or abs(made - one.shown.at_ms) > EARLY_MS:
            self.kept[one.shown.list_id] = one
        else:
            self._part(span)[one.shown.list_id] = one
            self._changed.add(span)

    def note(self, list_id: str) -> None:
        """Something was counted of a list."""
        span = _span(list_id)
        if list_id not in self.kept and span is not None:
            self._changed.add(span)

    def close(self, last_ms: int) -> None:
        """Let go of lists of before that moment."""
        self.kept = {key: one for key, one in self.kept.items() if one.shown.at_ms >= last_ms}
        for span in [span for span in {*self.names, *self._parts} if (span + 1) * SPAN_MS + EARLY_MS < last_ms]:
            self.names.pop(span, None)
            self._parts.pop(span, None)
            self._changed.discard(span)

    def changed(self) -> Iterator[tuple[int, Part]]:
        """Parts that are to be stored, by the number of their five minutes."""
        for span in sorted(self._changed):
            yield span, self._parts[span]

    def _part(self, span: int) -> Part:
        if span not in self._parts:
            name = self.names.get(span)
            self._parts[span] = self._fetch(name) if name is not None and self._fetch is not None else {}
        return self._parts[span]


def _span(list_id: str) -> int | None:
    made = made_ms(list_id)
    return None if made is None else made // SPAN_MS
