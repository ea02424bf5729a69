"""A checked body as a request for recommendations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from endcap.api.schemas import RecommendInput, Timed, UnderstoodInput
from endcap.errors import FieldError, InvalidInteractionError, InvalidRequestError
from endcap.events.interaction import Interaction, parse_interaction
from endcap.events.types import EventType
from endcap.filters.parser import expression
from endcap.filters.tree import Expression, ExpressionError
from endcap.ranking.slots import Pin, Promotion
from endcap.recommend.request import Boost, RecommendationRequest
from endcap.understanding.wish import Reading, Understood

ANONYMOUS: Final = "anonymous"
_NOTHING: Final = expression("NOT available")  # stands for what can't be read until the findings are raised


def request_of(given: RecommendInput, now_ms: int | None = None) -> RecommendationRequest:
    """The request that a body describes, but for the session, the cursor and the weights.

    Parameters
    ----------
    now_ms : of what counts for a time only, what does so now is taken; None for all of it

    Raises
    ------
    InvalidRequestError : an expression can't be read
    """
    errors: list[FieldError] = []

    def read(text: str, where: str) -> Expression:
        try:
            return expression(text, where)
        except ExpressionError as exc:
            errors.extend(exc.errors)
            return _NOTHING

    if given.understood is not None and given.understood.filter is not None:
        read(given.understood.filter, "understood.filter")
    if given.understood is not None and given.query is not None:
        errors.append(FieldError(field="understood", message="comes in place of the query"))

    def now(timed: Timed) -> bool:
        return now_ms is None or timed.counts(now_ms)

    request = RecommendationRequest(
        limit=given.limit,
        query=given.query if given.understood is None else given.understood.search or None,
        understood=None if given.understood is None else _understood(given.understood),
        window=given.window,
        relation=given.relation,
        items=tuple(given.items),
        candidates=None if given.candidates is None else tuple(given.candidates),
        filter=None if given.filter is None else read(given.filter, "filter"),
        parameters=given.parameters,
        boosts=tuple(Boost(read(b.filter, f"boost.{k}.filter"), b.weight) for k, b in enumerate(given.boost) if now(b)),
        promotions=tuple(
            Promotion(p.name, read(p.filter, f"promotions.{k}.filter"), p.share)
            for k, p in enumerate(given.promotions)
            if now(p)
        ),
        pinned=tuple(Pin(pin.item_id, pin.position) for pin in given.pinned if now(pin)),
        caps=given.caps,
        exclude_items=(*given.exclude_items, *given.blocked, *(h.item_id for h in given.hidden if now(h))),
        exclude_seen=given.exclude_seen,
        personalization=given.personalization,
        diversity=given.diversity,
        calibration=given.calibration,
        exploration=given.exploration,
        rotation=given.rotation,
        context=given.context,
        fields=tuple(given.fields),
        explain=given.explain,
        counterfactual=given.counterfactual or given.without_event is not None or given.without_item is not None,
        without_event=given.without_event,
        without_item=given.without_item,
        language=given.language,
        as_of_ms=given.as_of,
    )
    if errors:
        raise InvalidRequestError(errors)
    return request


def _understood(given: UnderstoodInput) -> Understood:
    words = tuple(Reading(reading.text, reading.meaning) for reading in given.words)
    return Understood(given.search, given.filter, tuple(given.exclude), given.sort, words)


def session_of(given: RecommendInput, clock_ms: int, event_types: Mapping[str, EventType]) -> tuple[Interaction, ...]:
    """What a body says of the running session.

    Raises
    ------
    InvalidRequestError : with every finding
    """
    interactions, errors = [], []
    for index, raw in enumerate(given.interactions):
        try:
            whose = {"user_id": given.user_id or ANONYMOUS}
            interactions.append(parse_interaction(raw | whose, clock_ms, event_types))
        except InvalidInteractionError as exc:
            errors += [FieldError(field=f"interactions.{index}.{e['field']}", message=e["message"]) for e in exc.errors]
    if errors:
        raise InvalidRequestError(errors)
    return tuple(interactions)
