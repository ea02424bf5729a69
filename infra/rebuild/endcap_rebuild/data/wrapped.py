"""What tools put around the rows of a JSON export is taken off, where the first row shows it.

MongoDB's extended JSON, DynamoDB's typed values, hits and bulk lines of Elasticsearch, and the properties that Mixpanel
and Amplitude keep apart. A row that is none of these stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from typing import Any, Final

from endcap.feeds.names import EVENT_FIELDS, ITEM_FIELDS, columns_of

Values = Iterator[tuple[int, Any]]
_TYPED: Final = frozenset({"S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"})
_ACTIONS: Final = frozenset({"index", "create", "update"})
_NUMBERS: Final = frozenset({"$numberDecimal", "$numberDouble", "$numberInt", "$numberLong"})


def unwrapped(values: Values) -> Values:
    """The rows of a file, each with the line that it begins at."""
    first = next(values, None)
    if first is None:
        return
    rows = chain([first], values)
    taken_off = next((open_ for shows, open_ in _WRAPPINGS if _is(first[1], shows)), None)
    yield from rows if taken_off is None else taken_off(rows)


def _is(row: object, shows: Callable[[Mapping[str, Any]], bool]) -> bool:
    return isinstance(row, Mapping) and shows(row)


def _each(open_: Callable[[dict[str, Any]], Any]) -> Callable[[Values], Values]:
    """Opens row by row; what is no object is left to whoever refuses it."""
    return lambda rows: ((line, open_(row) if isinstance(row, dict) else row) for line, row in rows)


def _is_mongo(row: Mapping[str, Any]) -> bool:
    return any(
        isinstance(value, Mapping) and len(value) == 1 and next(iter(value))[:1] == "$" for value in row.values()
    )


def _document(row: dict[str, Any]) -> Any:
    """A document by the shop's own id, where it has one beside the database's."""
    own = {name: value for name, value in row.items() if name != "_id"}
    named = columns_of(list(own), ITEM_FIELDS, {}, item=True) | columns_of(list(own), EVENT_FIELDS, {})
    return _mongo(own if {"item_id", "user_id"} & set(named) else row)


def _mongo(value: Any) -> Any:
    """https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/"""
    if isinstance(value, list):
        return [_mongo(one) for one in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (name, said), *_ = value.items()
        if name == "$date" and isinstance(said, dict):
            return _number(said.get("$numberLong"))
        if name in _NUMBERS:
            return _number(said)
        if name in ("$oid", "$date", "$symbol"):
            return said
    return {name: _mongo(one) for name, one in value.items()}


def _number(text: Any) -> Any:
    with suppress(TypeError, ValueError):
        return json.loads(text)
    return text


def _is_dynamo(row: Mapping[str, Any]) -> bool:
    """Typed values of a catalogue or of events; not those of the stack's own tables, which `exports` reads."""
    item = row.get("Item")
    if not isinstance(item, Mapping) or set(row) != {"Item"} or not all(map(_is_typed, item.values())):
        return False
    names = list(map(str, item))
    event = columns_of(names, EVENT_FIELDS, {})
    return "title" in columns_of(names, ITEM_FIELDS, {}, item=True) or {"user_id", "item_id"} <= set(event)


def _is_typed(value: object) -> bool:
    return isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in _TYPED


def _dynamo(row: dict[str, Any]) -> Any:
    item = row.get("Item")
    return {name: _untyped(value) for name, value in item.items()} if isinstance(item, dict) else row


def _untyped(value: Any) -> Any:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html"""
    if not _is_typed(value):
        return value
    (kind, said), *_ = value.items()
    if kind == "N":
        return _number(said)
    if kind == "NULL":
        return None
    if kind == "NS" and isinstance(said, list):
        return [_number(one) for one in said]
    if kind == "L" and isinstance(said, list):
        return [_untyped(one) for one in said]
    if kind == "M" and isinstance(said, dict):
        return {name: _untyped(one) for name, one in said.items()}
    return said


def _hits_of(row: Mapping[str, Any]) -> list[Any] | None:
    hits = row.get("hits")
    found = hits.get("hits") if isinstance(hits, Mapping) else None
    return found if isinstance(found, list) else None


def _elastic(rows: Values) -> Values:
    """Documents, under their ids: of a search's answer, of its hits, or of lines for `_bulk`."""
    document_id: Any = None
    for line, row in rows:
        if not isinstance(row, dict):
            yield line, row
        elif (hits := _hits_of(row)) is not None:
            yield from ((line, _source(hit)) for hit in hits)
        elif "_source" in row:
            yield line, _source(row)
        elif _is_action(row):
            document_id = next(iter(row.values())).get("_id")
        else:
            yield line, _named(row, document_id)
            document_id = None


def _is_action(row: Mapping[str, Any]) -> bool:
    return len(row) == 1 and next(iter(row)) in _ACTIONS and isinstance(next(iter(row.values())), Mapping)


def _source(hit: Any) -> Any:
    source = hit.get("_source") if isinstance(hit, dict) else None
    return _named(source, hit.get("_id")) if isinstance(source, dict) else hit


def _named(document: dict[str, Any], document_id: Any) -> dict[str, Any]:
    return document if document_id is None or "id" in document else {"id": document_id, **document}


def _is_elastic(row: Mapping[str, Any]) -> bool:
    return _hits_of(row) is not None or isinstance(row.get("_source"), Mapping) or _is_action(row)


def _is_mixpanel(row: Mapping[str, Any]) -> bool:
    said = row.get("properties")
    return "event" in row and isinstance(said, Mapping) and "distinct_id" in said


def _mixpanel(row: dict[str, Any]) -> Any:
    """https://developer.mixpanel.com/reference/raw-event-export"""
    said = row.get("properties")
    if not isinstance(said, dict):
        return row
    own = {name: value for name, value in said.items() if name[:1] != "$" and not name.startswith("mp_")}
    return own | {
        "event_type": row.get("event"),
        "user_id": own.pop("distinct_id", None),
        "timestamp": said.get("time"),
    }


def _amplitude(row: dict[str, Any]) -> Any:
    """https://amplitude.com/docs/apis/analytics/export"""
    said = row.get("event_properties")
    if not isinstance(said, dict):
        return row
    return {name: value for name, value in said.items() if name not in row} | {
        name: value for name, value in row.items() if name != "event_properties"
    }


_WRAPPINGS: Final[tuple[tuple[Callable[[Mapping[str, Any]], bool], Callable[[Values], Values]], ...]] = (
    (_is_dynamo, _each(_dynamo)),
    (_is_elastic, _elastic),
    (_is_mixpanel, _each(_mixpanel)),
    (lambda row: isinstance(row.get("event_properties"), Mapping), _each(_amplitude)),
    (_is_mongo, _each(_document)),
)
