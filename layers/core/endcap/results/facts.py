"""Records of the archive as results see them: lists that were shown, and what was done with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from endcap.events.types import ALIASES
from endcap.results.money import UNNAMED, currency_of
from endcap.validation import timestamp_ms

Kind = Literal["impression", "click", "cart", "purchase", "return"]
KINDS: Final[Mapping[str, Kind]] = {
    "impression": "impression",
    "click": "click",
    "view": "click",  # whoever opened the page of a shown item has clicked, whether the shop says so or not
    "add_to_cart": "cart",
    "purchase": "purchase",
    "return": "return",
}
PEOPLE: Final = ("pseudonym", "user_id", "anonymous_pseudonym", "anonymous_id")
"""Fields that name a person, the first that is there counting."""
_KEY_NUMBER: Final = "pseudonym_key"


@dataclass(frozen=True, slots=True)
class Cell:
    """What results are told apart by; "" for what a list did not say.

    Attributes
    ----------
    currency : of what was paid; what lists have brought besides has none
    """

    day: str
    scenario: str = ""
    surface: str = ""
    variant: str = ""
    currency: str = UNNAMED


@dataclass(frozen=True, slots=True)
class ShownList:
    """A list that was shown.

    Attributes
    ----------
    items : by position, from `first` on
    variant : of an experiment, as `<experiment>/<variant>`
    person : fields that name who got it, as the record has them
    unit : what the shopper was assigned to the variant by
    """

    list_id: str
    at_ms: int
    cell: Cell
    items: tuple[str, ...]
    first: int = 1
    person: Mapping[str, Any] = field(default_factory=dict)
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """Something that was done.

    Attributes
    ----------
    list_id : of the list that it names
    who : one text that names the person, for comparing
    cents : its value in hundredths; None where it has none
    currency : of that
    """

    kind: Kind
    event_id: str
    at_ms: int
    who: str
    item_id: str | None
    list_id: str | None
    position: int | None = None
    cents: int | None = None
    order: str | None = None
    person: Mapping[str, Any] = field(default_factory=dict)
    currency: str = UNNAMED


def shown_list(record: Mapping[str, Any]) -> ShownList | None:
    """A record of `exposures/`, of today's form or of the one before; None for what is none."""
    list_id, at_ms, items = record.get("recommendation_id"), record.get("at_ms", record.get("timestamp")), []
    if not isinstance(list_id, str) or not isinstance(at_ms, int) or isinstance(at_ms, bool):
        return None
    places = [place for place in _listed(record.get("items")) if isinstance(place, Mapping)]
    items = [str(place["item_id"]) for place in places if "item_id" in place]
    first = places[0].get("position", places[0].get("rank", 1)) if places else 1
    experiment, variant = record.get("experiment"), record.get("variant")
    day = datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d")
    named = f"{experiment}/{variant}" if isinstance(experiment, str) and isinstance(variant, str) else ""
    cell = Cell(day, _text(record.get("scenario")), _text(record.get("surface")), named)
    unit = record.get("unit")
    return ShownList(
        list_id,
        at_ms,
        cell,
        tuple(items),
        first if isinstance(first, int) else 1,
        person_of(record),
        unit if isinstance(unit, str) else None,
    )


def act_of(record: Mapping[str, Any]) -> Act | None:
    """A record of `events/`; None for what no result tells of."""
    name = str(record.get("event_type"))
    kind = KINDS.get(ALIASES.get(name, name))
    list_id, item_id = record.get("recommendation_id"), record.get("item_id")
    if kind is None or (kind != "return" and not isinstance(list_id, str)):
        return None
    try:
        at_ms = timestamp_ms(record.get("timestamp"))
    except ValueError:
        return None
    person, position = person_of(record), record.get("position")
    properties = record.get("properties")
    order = properties.get("order_id") if isinstance(properties, Mapping) else None
    return Act(
        kind,
        str(record.get("event_id")),
        at_ms,
        name_of(person),
        item_id if isinstance(item_id, str) else None,
        list_id if isinstance(list_id, str) else None,
        position if isinstance(position, int) and not isinstance(position, bool) else None,
        _cents(record.get("value")),
        str(order) if order is not None else None,
        person,
        currency_of(properties),
    )


def person_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a record that name a person, so that a purge can tell whose it is."""
    found = next(({name: record[name]} for name in PEOPLE if isinstance(record.get(name), str)), {})
    return found | ({_KEY_NUMBER: record[_KEY_NUMBER]} if found and _KEY_NUMBER in record else {})


def name_of(person: Mapping[str, Any]) -> str:
    """One text for who `person_of` names; "" for nobody."""
    name = next((name for name in PEOPLE if name in person), None)
    return "" if name is None else f"{name}:{person.get(_KEY_NUMBER, '')}:{person[name]}"


def _cents(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) > 1e12:
        return None
    return round(value * 100)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
