"""A conversation in the pipeline: turns become a query before the ranking, a question comes after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from endcap.conversation.constraints import Followed
from endcap.filters.evaluate import FilterContext
from endcap.index.index import ItemIndex
from endcap.messages.language import Language, language_of
from endcap.recommend.request import RecommendationRequest


def begun(index: ItemIndex, request: RecommendationRequest) -> tuple[RecommendationRequest, Followed | None]:
    """The request with what its conversation comes to in the place of a query; as it is where there is none.

    Raises
    ------
    ExpressionError : a condition that the client sent can't be applied
    """
    if request.conversation is None:
        return request, None
    from endcap.conversation.turns import followed  # the grammar is read by the first request that wants it

    given = request.conversation
    constraints, words = followed(index, given.constraints, given.turns)
    request = replace(
        request,
        query=constraints.search or None,
        understood=constraints.wish,
        exclude_items=(*request.exclude_items, *constraints.without_items),
    )
    return request, Followed(constraints, words)


def ended(
    index: ItemIndex,
    request: RecommendationRequest,
    found: Followed | None,
    best: Sequence[int],
    page: Sequence[int],
    about: FilterContext,
) -> Followed | None:
    """What the conversation has come to, with what was shown and what is asked.

    Parameters
    ----------
    best : rows of the best items that meet the conditions, best first
    page : those of the items shown
    """
    if found is None:
        return None
    from endcap.conversation.question import drop_question, question

    language = _language(request)
    asked = question(index, best, found.constraints, language) if page else None
    if not page:
        asked = drop_question(index, found.constraints, about, language)
    constraints = replace(
        found.constraints,
        shown=tuple(index.item_id(row) for row in page),
        asked=found.constraints.asked if asked is None else (*found.constraints.asked, asked.about)[-20:],
    )
    return replace(found, constraints=constraints, question=asked)


def _language(request: RecommendationRequest) -> Language:
    """The one that is asked for, else that of what the shopper has said last."""
    turns = () if request.conversation is None else request.conversation.turns
    said = turns[-1].text if turns else "" if request.query is None else request.query
    return request.language or language_of({"title": said})
