"""What an import reads, and what it says it has done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from endcap.catalog.item import Item
from endcap.errors import EndcapError
from endcap.events.interaction import Interaction
from endcap.events.types import NOT_IN_HISTORY
from endcap_rebuild.data.people import People
from endcap_rebuild.data.report import ReadReport


class ImportFailedError(EndcapError):
    """The stack did not take what it was given."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What is in the stack now.

    Attributes
    ----------
    shoppers : distinct users of the events
    refused : rows that were read but not taken by the API
    version : the snapshot that is current, None where none was built
    read : what reading the folder found, as `ReadReport.document`
    """

    items: int
    events: int
    shoppers: int
    refused: int
    version: str | None
    read: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """All of it as one JSON object; `rejected` are the rows that the API did not take."""
        done = {"items": self.items, "events": self.events, "shoppers": self.shoppers}
        return {**self.read, **done, "rejected": self.refused, "version": self.version}


def people_with_ids() -> People:
    """Who names the shoppers of a file that is imported: they need the ids that profiles are kept under."""
    people = People()
    people.must_know = "the events carry pseudonyms, and nobody can say into whose profiles they go: import plain ids"
    return people


def counted(events: Iterator[Interaction], items: Sequence[Item], report: ReadReport) -> Iterator[Interaction]:
    """The events; those of items that the catalogue does not have are counted in the report."""
    known = {item.item_id for item in items}
    for event in events:
        if event.item_id is not None and event.item_id not in known and event.event_type not in NOT_IN_HISTORY:
            report.unknown_item(event.item_id)
        yield event
