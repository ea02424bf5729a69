"""What a call will cost, told from what it asks for before any of it is done.

The unit is a millisecond of one core's time, as `python -m tests.benchmarks.costliest` measures it, rounded up. A call
above `BUDGET` is refused, so that no single one holds up the others for long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from endcap.errors import FieldError, InvalidRequestError
from endcap.filters.parser import expression
from endcap.filters.tree import Both, Compare, Contains, Expression, Mentions, Node, Not, OneOf
from endcap.recommend.request import RecommendationRequest

BUDGET: Final = 500.0

_LIST, _LIST_PER_ITEM = 6.0, 0.15e-3
_REASONS = 0.15  # of one item shown
_CONDITION_PER_ITEM = 0.015e-3
_TEXT_PER_ITEM = 0.25e-3  # a condition on a text that is no equality, the first time it is asked
_TEXTS_OF_A_TURN = 6  # conditions that words bring, as in a query that is understood
_LISTED_VALUE = 0.01
_PROMOTION_PER_ITEM = 0.05e-3
_CAPS_PER_ITEM = 0.5e-3  # of each kind of cap
_VARIETY, _CALIBRATION = 0.06, 0.25  # of one place
_VARIED_PLACES = 300
_EVENT, _ENCODED_TEXT, _MOST_TEXTS = 0.02, 25.0, 5
_COUNTERFACTUALS, _AGAIN, _ORDERED = 10, 0.6, 4.0  # lists made anew, as long as lists can be, but without words


@dataclass(frozen=True, slots=True)
class _Conditions:
    """The conditions of one list: how many there are, values in lists, and texts that have to be read through."""

    count: int
    values: int
    texts: frozenset[tuple[str, str, object]]


def check_cost(requests: Sequence[RecommendationRequest], n_items: int) -> None:
    """Whether a call is within the budget.

    Parameters
    ----------
    requests : the lists of one call
    n_items : of the catalogue

    Raises
    ------
    InvalidRequestError : it is not; the message says what it would cost, and what of it costs most
    """
    parts = cost_of(requests, n_items)
    total = sum(parts.values())
    if total <= BUDGET:
        return
    dearest = max(parts, key=lambda name: parts[name])
    message = (
        f"the call would cost {total:.0f} units, {BUDGET:.0f} are allowed; "
        f"most of it, {parts[dearest]:.0f}, is {dearest} in a catalogue of {n_items} items"
    )
    raise InvalidRequestError([FieldError(field="requests" if len(requests) > 1 else "", message=message)])


def cost_of(requests: Sequence[RecommendationRequest], n_items: int) -> dict[str, float]:
    """What each part of a call costs."""
    found = [_conditions_of(request) for request in requests]
    # A condition on a text is answered once for all that ask it.
    texts = frozenset[tuple[str, str, object]]().union(*(conditions.texts for conditions in found))
    parts = dict.fromkeys(("lists", "filters", "reasons", "variety", "promotions", "caps", "events", "what-ifs"), 0.0)
    parts["conditions on texts"] = len(texts) * n_items * _TEXT_PER_ITEM
    turns = sum(max(0, len(one.conversation.turns) - 1) for one in requests if one.conversation is not None)
    parts["conditions on texts"] += turns * _TEXTS_OF_A_TURN * n_items * _TEXT_PER_ITEM
    for request, conditions in zip(requests, found, strict=True):
        ranking = _LIST + n_items * _LIST_PER_ITEM
        filters = n_items * _CONDITION_PER_ITEM * conditions.count + _LISTED_VALUE * conditions.values
        places = min(request.limit, _VARIED_PLACES)
        variety = places * (_VARIETY * (request.diversity > 0) + _CALIBRATION * (request.calibration > 0))
        promotions = n_items * _PROMOTION_PER_ITEM * len(request.promotions)
        caps = n_items * _CAPS_PER_ITEM * len(request.caps)
        texts_said = (request.query is not None) + sum(bool(event.text) for event in request.interactions)
        if request.explain:
            parts["reasons"] += _REASONS * request.limit
        if request.counterfactual:
            again = _ORDERED + _AGAIN * ranking + filters + promotions + caps
            if variety:
                again += variety * _VARIED_PLACES / places
            parts["what-ifs"] += _COUNTERFACTUALS * again
        parts["lists"] += ranking
        parts["filters"] += filters
        parts["variety"] += variety
        parts["promotions"] += promotions
        parts["caps"] += caps
        parts["events"] += _EVENT * len(request.interactions) + _ENCODED_TEXT * min(texts_said, _MOST_TEXTS)
    return parts


def _conditions_of(request: RecommendationRequest) -> _Conditions:
    expressions: list[Expression] = [boost.filter for boost in request.boosts]
    expressions += [promotion.filter for promotion in request.promotions]
    if request.filter is not None:
        expressions.append(request.filter)
    wish = request.understood if request.conversation is None else request.conversation.constraints.wish
    if wish is not None and wish.filter is not None:
        expressions.append(expression(wish.filter, "understood.filter"))
    leaves = [leaf for expression in expressions for leaf in _leaves(expression.tree)]
    values = sum(_listed(leaf, request) for leaf in leaves if isinstance(leaf, OneOf))
    texts = frozenset(key for leaf in leaves if (key := _text_key(leaf, request)) is not None)
    excluded = () if wish is None else wish.exclude
    texts |= {(field, "mentions", word.casefold()) for word in excluded for field in ("title", "brand", "attributes")}
    return _Conditions(len(leaves) + len(excluded), values, texts)


def _leaves(node: Node) -> Iterator[Node]:
    """The conditions of a tree, which is at most as deep as expressions may be."""
    if isinstance(node, Both):
        for part in node.parts:
            yield from _leaves(part)
    elif isinstance(node, Not):
        yield from _leaves(node.part)
    else:
        yield node


def _listed(leaf: OneOf, request: RecommendationRequest) -> int:
    total = 0
    for value in leaf.values:
        given = request.parameters.get(value.parameter) if value.parameter is not None else None
        total += len(given) if isinstance(given, list | tuple) else 1
    return total


def _text_key(leaf: Node, request: RecommendationRequest) -> tuple[str, str, object] | None:
    """What names a condition that reads through the texts of a field; None for any other."""
    match leaf:
        case Contains(field, value):
            operator = "in"
        case Mentions(field, value):
            operator = "mentions"
        case Compare(field, operator, value) if field.sort in ("text", "any") and operator not in ("=", "!="):
            pass
        case _:
            return None
    asked = value.literal if value.parameter is None else request.parameters.get(value.parameter, f"${value.parameter}")
    return field.name, operator, str(asked).casefold()
