"""Pins of a scenario that can't count: of items that the list leaves out whatever is pinned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from endcap.api.conversion import request_of
from endcap.api.schemas import HiddenInput, PinInput, ScenarioInput
from endcap.arrays import I64
from endcap.errors import FieldError
from endcap.filters.eligibility import sellable
from endcap.filters.evaluate import FilterContext, mask_of
from endcap.filters.tree import Both, Expression, ExpressionError, History, Node, Not
from endcap.index.index import ItemIndex

_NOT_FOR_SALE: Final = "it is not for sale"
_HIDDEN_EVERYWHERE: Final = "it is hidden in every list"
_HIDDEN_HERE: Final = "it is hidden here"
_LEFT_OUT: Final = "the list leaves it out by name"
_NO_CANDIDATE: Final = "it is none of the list's candidates"
_FILTERED: Final = "the list's filter does not hold for it"


def pins_in_vain(
    given: ScenarioInput, index: ItemIndex, now_ms: int, everywhere: Sequence[HiddenInput] = ()
) -> list[FieldError]:
    """The pins that are not over and count for nothing, as far as that is so for every shopper.

    Parameters
    ----------
    everywhere : what every list leaves out
    """
    found = []
    for k, pin in enumerate(given.pinned):
        row = index.position(pin.item_id)
        if row is None or (pin.until is not None and pin.until <= now_ms):
            continue
        why = next(_kept_out(given, pin, index, row, max(now_ms, pin.from_ or now_ms), everywhere), None)
        if why is not None:
            title = index.document(row).get("title") or pin.item_id
            found.append(FieldError(field=f"pinned.{k}.item_id", message=f"“{title}” is pinned in vain: {why}"))
    return found


def _kept_out(
    given: ScenarioInput, pin: PinInput, index: ItemIndex, row: int, at_ms: int, everywhere: Sequence[HiddenInput]
) -> Iterator[str]:
    """What keeps an item out at a moment."""
    rows = np.asarray([row], dtype=np.int64)
    if not sellable(index, at_ms, rows)[0]:
        yield _NOT_FOR_SALE
    for hidden, why in ((everywhere, _HIDDEN_EVERYWHERE), (given.hidden, _HIDDEN_HERE)):
        if any(one.item_id == pin.item_id and one.counts(at_ms) for one in hidden):
            yield why
    if pin.item_id in {*given.blocked, *given.exclude_items}:
        yield _LEFT_OUT
    if given.candidates is not None and pin.item_id not in given.candidates:
        yield _NO_CANDIDATE
    wanted = request_of(given).filter
    if wanted is not None and not _may_hold(wanted, index, rows, FilterContext(at_ms, parameters=given.parameters)):
        yield _FILTERED


def _may_hold(wanted: Expression, index: ItemIndex, rows: I64, about: FilterContext) -> bool:
    """Whether a filter can hold for an item, whoever asks: what is said of a history, or by a request, may hold."""
    parts = wanted.tree.parts if isinstance(wanted.tree, Both) and wanted.tree.every else (wanted.tree,)
    for part in parts:
        if _of_history(part):
            continue
        try:
            if not mask_of(Expression(wanted.text, part, wanted.where), index, about, rows)[0]:
                return False
        except ExpressionError:  # a value comes with the request, or no item has the field, which is told by itself
            continue
    return True


def _of_history(node: Node) -> bool:
    match node:
        case Both():
            return any(map(_of_history, node.parts))
        case Not():
            return _of_history(node.part)
        case _:
            return isinstance(node, History)
