"""Scenarios as operators edit them: one at a time, on condition that it is still what they have seen."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from endcap.api.conversion import request_of
from endcap.api.scenarios import BUILT_IN, EVERYWHERE, findings
from endcap.api.schemas import HiddenInput, ScenarioInput
from endcap.errors import FieldError, InvalidRequestError, NotFoundError, PreconditionError
from endcap.filters.evaluate import FilterContext, mask_of
from endcap.filters.tree import Expression, ExpressionError
from endcap.identifiers import short_hash
from endcap.index.index import ItemIndex
from endcap.operator.pins import pins_in_vain
from endcap.validation import parsed

Document = Mapping[str, Any]
TIMED: Final = ("pinned", "boost", "promotions", "hidden")
"""Lists whose entries may count for a time only."""
_STANDING: Final[Mapping[str, Document]] = {**BUILT_IN, EVERYWHERE: {}}
"""What is there without a document."""


def etag_of(document: object) -> str:
    """What names the content of a document, as an HTTP header has it."""
    return f'"{short_hash(json.dumps(document, sort_keys=True, separators=(",", ":")), 8).hex()}"'


def names(known: Mapping[str, Document]) -> list[str]:
    """All scenarios, what every list keeps to first."""
    return sorted({*_STANDING, *known}, key=lambda name: (name != EVERYWHERE, name))


def scenario(known: Mapping[str, Document], name: str) -> dict[str, Any]:
    """A scenario as operators see it.

    Raises
    ------
    NotFoundError : there is none of this name
    """
    document = known.get(name, _STANDING.get(name))
    if document is None:
        raise NotFoundError("no scenario has this name")
    return {
        "name": name,
        "etag": etag_of(document),
        "built_in": name not in known,
        "document": document,
        "ending": list(_ending(document)),
    }


def _ending(document: Document) -> Iterator[dict[str, Any]]:
    given = parsed(ScenarioInput, document)
    found = [
        {"what": what, **_named(entry), "until": entry.until}
        for what in TIMED
        for entry in getattr(given, what)
        if entry.until is not None
    ]
    yield from sorted(found, key=lambda one: int(one["until"]))


def _named(entry: Any) -> dict[str, str]:
    item_id, name = getattr(entry, "item_id", None), getattr(entry, "name", None)
    return {"item_id": item_id} if item_id is not None else {"name": name} if name is not None else {}


def with_scenario(
    known: Mapping[str, Document], name: str, document: object, if_match: str | None, now_ms: int
) -> dict[str, Document]:
    """All scenarios with one of them replaced.

    Raises
    ------
    InvalidRequestError : the document can't be one, or says something new that has ended already
    PreconditionError : the scenario is not what the caller has seen
    """
    if errors := findings(name, document):
        raise InvalidRequestError([FieldError(field=_inner(e["field"], name), message=e["message"]) for e in errors])
    check_seen(known.get(name, _STANDING.get(name)), if_match)
    if not isinstance(document, Mapping):  # findings has said so
        raise InvalidRequestError("must be an object")
    if ended := list(_ended(document, known.get(name, {}), now_ms)):
        raise InvalidRequestError(ended)
    return {**known, name: dict(document)}


def _ended(document: Document, present: Document, now_ms: int) -> Iterator[FieldError]:
    """The entries that could never count; those that have counted and stand there since are no mistake."""
    given, standing = parsed(ScenarioInput, document), parsed(ScenarioInput, present)
    for what in TIMED:
        before = list(getattr(standing, what))
        for k, entry in enumerate(getattr(given, what)):
            if entry in before or entry.until is None:
                continue
            if entry.until <= now_ms:
                yield FieldError(field=f"{what}.{k}.until", message="lies in the past: it would never count")
            elif entry.from_ is not None and entry.from_ >= entry.until:
                yield FieldError(field=f"{what}.{k}.until", message="must lie after from")


def without_scenario(known: Mapping[str, Document], name: str, if_match: str | None) -> dict[str, Document]:
    """All scenarios but one; a built-in one is as it was before it had a document.

    Raises
    ------
    NotFoundError : there is no document of this name
    PreconditionError : the scenario is not what the caller has seen
    """
    if name not in known:
        raise NotFoundError("no scenario of this name is configured")
    check_seen(known[name], if_match)
    return {other: document for other, document in known.items() if other != name}


def check_seen(present: object, if_match: str | None) -> None:
    """Let a change through.

    Raises
    ------
    PreconditionError : there is something (`present` is not None) other than what `if_match` names, or nothing where it
        names something
    """
    etag = "" if present is None else etag_of(present)
    if if_match is None:
        if present is not None:
            raise PreconditionError("the header If-Match must say what is to be changed", etag, given=False)
        return
    wanted = [part.strip().removeprefix("W/") for part in if_match.split(",")]
    if present is None or not ({etag, etag.strip('"'), "*"} & set(wanted)):
        raise PreconditionError("somebody else has changed this meanwhile", etag)


def remarks(
    document: Document, index: ItemIndex, now_ms: int, everywhere: Sequence[HiddenInput] = ()
) -> list[FieldError]:
    """What of a scenario does not fit the catalogue as it is.

    Items that are not there, pins of what the list leaves out, fields that no item has.

    Parameters
    ----------
    everywhere : what every list leaves out
    """
    given = parsed(ScenarioInput, document)
    found = []
    for what in ("pinned", "hidden"):
        for k, entry in enumerate(getattr(given, what)):
            if index.position(entry.item_id) is None:
                found.append(FieldError(field=f"{what}.{k}.item_id", message="no item has this id"))
    found += pins_in_vain(given, index, now_ms, everywhere)
    request = request_of(given)
    expressions: list[Expression | None] = [request.filter]
    expressions += [boost.filter for boost in request.boosts] + [p.filter for p in request.promotions]
    for expression in filter(None, expressions):
        try:
            mask_of(expression, index, FilterContext(now_ms, parameters=given.parameters))
        except ExpressionError as exc:
            found += [e for e in exc.errors if "has no value" not in e["message"]]  # it comes with the request
    return found


def _inner(field: str, name: str) -> str:
    return field.removeprefix(f"{name}.") if field != name else ""
