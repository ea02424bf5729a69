"""What shoppers typed, and what they chose next: the best search probes that a log can hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from endcap.events.interaction import Interaction
from endcap.events.types import SEARCH
from endcap_rebuild.data.event_table import EventTable

ANSWER_WITHIN_MS: Final = 30 * 60 * 1000
"""A choice later than this after a search was hardly its answer."""


@dataclass(frozen=True, order=True)
class Search:
    """One query of one user."""

    user_id: str
    time_ms: int
    text: str


def noting_searches(events: Iterable[Interaction], searches: list[Search]) -> Iterator[Interaction]:
    """The events, unchanged; their searches are added to the list on the way."""
    for event in events:
        if event.event_type == SEARCH and event.text:
            searches.append(Search(event.user_id, event.timestamp_ms, event.text))
        yield event


def answered(searches: Iterable[Search], table: EventTable) -> list[tuple[Search, int]]:
    """Each search with the item of the user's first positive event within half an hour after it; others left out."""
    user_of = {name: number for number, name in enumerate(table.user_ids)}
    bounds = table.user_bounds()
    found = []
    for search in searches:
        user = user_of.get(search.user_id)
        if user is None:
            continue
        rows = np.arange(bounds[user], bounds[user + 1])
        times = table.time_ms[rows]
        answers = rows[(times >= search.time_ms) & (times <= search.time_ms + ANSWER_WITHIN_MS)]
        answers = answers[table.strength[answers] > 0]
        if len(answers):
            found.append((search, int(table.item[answers[0]])))
    return found
