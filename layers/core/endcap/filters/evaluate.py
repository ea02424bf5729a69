"""Filter expressions applied to an index: one boolean per item."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import numpy as np

from endcap.arrays import I64, Mask
from endcap.events.types import EVENT_TYPES, NOT_IN_HISTORY, PAST_FORMS, EventType
from endcap.filters.eligibility import variants_of
from endcap.filters.tree import (
    Both,
    Compare,
    Contains,
    Exists,
    Expression,
    ExpressionError,
    Field,
    History,
    Mentions,
    Node,
    Not,
    OneOf,
    Recent,
    Scalar,
    Value,
    checked,
)
from endcap.index.columns import Column
from endcap.index.index import ItemIndex
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile

INTERACTED: Final = "interacted"
USER: Final = "user."


@dataclass(frozen=True)
class FilterContext:
    """What an expression may refer to beside the items.

    Attributes
    ----------
    parameters : name -> text, number, true or false, or a list of them
    profile : whose history counts; its attributes are the parameters `$user.<name>`
    """

    now_ms: int
    profile: UserProfile = EMPTY_PROFILE
    parameters: Mapping[str, Any] = field(default_factory=dict)
    event_types: Mapping[str, EventType] = field(default_factory=lambda: EVENT_TYPES)


def mask_of(wanted: Expression, index: ItemIndex, about: FilterContext, among: I64 | None = None) -> Mask:
    """Items for which the expression holds: bool (n_items,), or one for each row of `among`.

    Raises
    ------
    ExpressionError : a parameter without value or of the wrong kind, a field that no item has, no kind of interaction
    """
    try:
        mask = _mask(wanted.tree, index, about)
    except ExpressionError as exc:
        raise ExpressionError(exc.plain, exc.position, wanted.where) from None
    return mask if among is None else mask[among]


def _mask(node: Node, index: ItemIndex, about: FilterContext) -> Mask:
    match node:
        case Not(part):
            return ~_mask(part, index, about)
        case Both(every, parts):
            masks = [_mask(part, index, about) for part in parts]
            return np.asarray((np.logical_and if every else np.logical_or).reduce(masks), dtype=np.bool_)
        case Compare(where, sign, value):
            scalars = _scalars(value, where, sign, about)
            return _any(index, where, [partial(Column.compared, sign=sign, value=s) for s in scalars])
        case OneOf(where, values):
            found = [s for value in values for s in _scalars(value, where, "=", about, several=True)]
            return _any(index, where, [partial(Column.compared, sign="=", value=s) for s in found])
        case Contains(where, value):
            texts = _scalars(value, Field(where.name, "text", where.position), "=", about)
            return _any(index, where, [partial(Column.containing, text=str(t)) for t in texts])
        case Mentions(where, value):
            texts = _scalars(value, Field(where.name, "text", where.position), "=", about)
            return _any(index, where, [partial(Column.mentioning, words=str(t)) for t in texts])
        case Exists(where):
            return _everywhere(index, where, Column.present)
        case Recent(where, within_s):
            since_ms = about.now_ms - within_s * 1000
            return _any(index, where, [partial(Column.compared, sign=">=", value=since_ms)])
        case History():
            return _history(node, index, about)


def _any(index: ItemIndex, where: Field, tests: list[Callable[[Column], Mask | None]]) -> Mask:
    """Items with a value of the field that passes any of the tests."""
    return _everywhere(index, where, lambda column: column.items_with([test(column) for test in tests]))


def _everywhere(index: ItemIndex, where: Field, holds: Callable[[Column], Mask]) -> Mask:
    """Items for whose field it holds; changed items by what they are now."""
    base, fresh = _columns(index, where)
    mask = np.zeros(index.n_items, dtype=np.bool_)
    if base is not None:
        mask[: base.n_items] = holds(base)
    if index.changes is not None:
        mask[index.changed] = False if fresh is None else holds(fresh)
    return mask


def _columns(index: ItemIndex, where: Field) -> tuple[Column | None, Column | None]:
    base, fresh = index.tables.fields, None if index.changes is None else index.changes.fields
    if where.sort != "any":
        return base.field(where.name), None if fresh is None else fresh.field(where.name)
    found = base.attribute(where.name), None if fresh is None else fresh.attribute(where.name)
    if found == (None, None) and not where.stated:
        hint = f"attributes.{where.name} names an attribute that no item needs to have"
        raise ExpressionError(f'no item has a field "{where.name}" ({hint})', where.position)
    return found


def _scalars(value: Value, where: Field, sign: str, about: FilterContext, *, several: bool = False) -> list[Scalar]:
    """What `value` stands for; nothing for a shopper's attribute that is not there or of another kind."""
    if value.parameter is None:
        found = [] if value.literal is None else [value.literal]
    else:
        given = _given(value.parameter, value.position, about)
        listed = given if several and isinstance(given, list | tuple) else [] if given is None else [given]
        found = []
        for one in listed:
            try:
                found.append(checked(where.sort, sign, one, value.position))
            except ExpressionError:
                if not value.parameter.startswith(USER):  # what a shopper has stored is no fault of the request
                    raise
    return [_as_kept(one) for one in found] if where.name == "price" and where.sort == "number" else found


def _given(name: str, position: int, about: FilterContext) -> Any:
    if name.startswith(USER):
        attributes = about.profile.attributes.value
        return attributes.get(name.removeprefix(USER)) if isinstance(attributes, Mapping) else None
    given = about.parameters.get(name)
    if given is None:
        raise ExpressionError(f"parameter ${name} has no value", position)
    return given


def _as_kept(price: Scalar) -> Scalar:
    """A price in the 32 bits that the snapshot keeps it in, so that 19.99 equals 19.99."""
    with np.errstate(over="ignore"):
        return float(np.float32(price))


def _history(node: History, index: ItemIndex, about: FilterContext) -> Mask:
    event_type = PAST_FORMS.get(node.event_type, node.event_type)
    known = set(about.event_types) - NOT_IN_HISTORY
    if event_type != INTERACTED and event_type not in known:
        forms = ", ".join([INTERACTED, *sorted(PAST_FORMS)])
        message = f'expected a comparison after "{node.event_type}", or a kind of interaction: {forms}'
        raise ExpressionError(message, node.position)
    since_ms = float("-inf") if node.within_s is None else about.now_ms - node.within_s * 1000
    entries = (*about.profile.interactions, *about.profile.strong)
    done = {e.item_id for e in entries if event_type in (INTERACTED, e.event_type) and e.timestamp_ms >= since_ms}
    return variants_of(index, index.positions(done))
