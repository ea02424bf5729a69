"""Requests for recommendations as they come over HTTP: every door of the API ends in one kind of request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from endcap.api.conversion import request_of, session_of
from endcap.api.cursors import digest_of, read_cursor
from endcap.api.resolved import ResolvedRequest
from endcap.api.schemas import MAX_LISTS, HiddenInput, RankingInput, RecommendInput
from endcap.errors import EndcapError, FieldError, InvalidRequestError
from endcap.events.types import EventType
from endcap.experiments.assignment import Experiment, assigned, surface_of, unit_of
from endcap.identifiers import anonymous_id_of, anonymous_key, named
from endcap.leniency import nearest, unknown_names
from endcap.recommend.request import RecommendationRequest
from endcap.text.terms import Synonyms
from endcap.validation import parsed

CONTEXT_PREFIX: Final = "context."
PARAMETER_PREFIX: Final = "parameters."
ITEM_DOOR: Final[Mapping[str, Any]] = {"exclude_seen": "none"}
"""Defaults of calls that are about something named: searching for, or looking at, what is known is normal."""

TRENDING_DOOR: Final[Mapping[str, Any]] = {**ITEM_DOOR, "window": "24h", "personalization": "off"}
TRENDING_PARAMETERS: Final = frozenset(
    {"window", "category", "surface", "limit", "cursor", "fields", "language", "explain"}
)

BODY_ONLY: Final = frozenset(
    {
        "interactions",
        "candidates",
        "understood",
        "context",
        "parameters",
        "relation",
        "items",
        "boost",
        "promotions",
        "pinned",
        "hidden",
        "caps",
    }
)


_LIST_NAMES: Final = tuple(RecommendInput.model_fields)
_KEEPS_OUT: Final = frozenset(
    {
        "user_id",
        "anonymous_id",
        "candidates",
        "filter",
        "parameters",
        "blocked",
        "hidden",
        "caps",
        "exclude_items",
        "exclude_seen",
        "personalization",
        "as_of",
    }
)
"""What a list would be another shopper's without, or would show what it should not."""


@dataclass(frozen=True)
class RequestParser:
    """Reads requests.

    Attributes
    ----------
    now_ms : the clock by which events of the running session are checked
    scenario : name -> defaults; raises InvalidRequestError for a name that is not configured
    cursor_secret : what cursors are signed with
    experiments : those that are configured, in their order
    shopper : key of the profile that every request is for, whatever the request says; None where it says it itself
    synonyms : what else may stand for the words of a query, asked where there is one
    everywhere : what is kept out of every list, asked once for each
    understand : whether queries are understood where the request does not say it
    """

    now_ms: int
    event_types: Mapping[str, EventType]
    scenario: Callable[[str], Mapping[str, Any]]
    cursor_secret: str
    experiments: Sequence[Experiment] = ()
    shopper: str | None = None
    synonyms: Callable[[], Synonyms | None] = lambda: None
    everywhere: Callable[[], Sequence[HiddenInput]] = tuple
    understand: bool = False

    def body(self, raw: object, defaults: Mapping[str, Any] | None = None) -> ResolvedRequest:
        """A body of POST /recommendations.

        Parameters
        ----------
        defaults : of the call; a scenario's come before them, the request's own values before both

        Raises
        ------
        InvalidRequestError : with every finding
        """
        own, warnings = known_parts(raw, _LIST_NAMES)
        given = parsed(RecommendInput, own)
        digest = digest_of({**(defaults or {}), **own})
        plain = self._request(own, defaults or {}, given.scenario, digest, given)
        user_id, other = given.user_id, None if given.anonymous_id is None else anonymous_key(given.anonymous_id)
        if self.shopper is not None:
            user_id, other = self.shopper, None
        key = user_id or other
        unit = unit_of(None if key is None else anonymous_id_of(key) or key, given.session_id, plain)
        assignment = assigned(self.experiments, unit, surface_of(plain), given.scenario, self.now_ms)
        asked = ResolvedRequest(
            key, plain, digest, plain, assignment, given.surface, other, warnings, given.scenario, given.session_id
        )
        if assignment is None:
            return asked
        variant, request = assignment.variant, plain
        try:
            if variant.scenario is not None:
                request = self._request(own, defaults or {}, variant.scenario, digest)
        except EndcapError:  # the scenario is gone, or asks for what this request can't give
            return asked.without_variant("scenario_unavailable")
        return replace(asked, request=replace(request, weights={**(request.weights or {}), **variant.weights} or None))

    def _request(
        self,
        own: Mapping[str, Any],
        defaults: Mapping[str, Any],
        scenario: str | None,
        digest: bytes,
        alone: RecommendInput | None = None,
    ) -> RecommendationRequest:
        """What the request says itself (`alone` where that was read), over a scenario's defaults, over the call's."""
        named = dict(self.scenario(scenario)) if scenario is not None else {}
        weights: Mapping[str, float] | None = named.pop("weights", None)
        more = {**defaults, **named}
        given = parsed(RecommendInput, {**more, **own}) if more or alone is None else alone
        clock_ms = self.now_ms if given.as_of is None else max(given.as_of, self.now_ms)
        asked = request_of(given, self.now_ms)
        hidden = tuple(one.item_id for one in self.everywhere() if one.counts(self.now_ms))
        return replace(
            asked,
            exclude_items=asked.exclude_items + hidden,
            interactions=session_of(given, clock_ms, self.event_types),
            shown_keys=() if given.cursor is None else read_cursor(self.cursor_secret, digest, given.cursor),
            synonyms=None if asked.query is None else self.synonyms(),
            understand=self.understand if given.understand is None else given.understand,
            weights=weights,
        )

    def lists(self, raw: Mapping[str, Any]) -> list[ResolvedRequest]:
        """A body with `requests`: what stands beside them is shared by all, what they say themselves comes first.

        Raises
        ------
        InvalidRequestError : the first list that can't be read, its findings under `requests.<index>`
        """
        requests, shared = raw["requests"], {name: value for name, value in raw.items() if name != "requests"}
        if not isinstance(requests, list) or not 1 <= len(requests) <= MAX_LISTS:
            raise _invalid("requests", f"must be a list of 1 to {MAX_LISTS} requests")
        if "cursor" in shared:
            raise _invalid("cursor", "belongs into one of the requests: every list has its own")
        asked = []
        for index, one in enumerate(requests):
            where = f"requests.{index}"
            if not isinstance(one, Mapping):
                raise _invalid(where, "must be an object")
            for name in ("user_id", "anonymous_id", "session_id", "interactions", "requests"):
                if name in one:
                    raise _invalid(f"{where}.{name}", "belongs beside requests: one call is for one shopper")
            try:
                asked.append(self.body({**shared, **one}))
            except InvalidRequestError as exc:
                found = [FieldError(field=f"{where}.{e['field']}", message=e["message"]) for e in exc.errors]
                raise InvalidRequestError(found) from exc
        return asked

    def query(
        self, parameters: Mapping[str, str], defaults: Mapping[str, Any] | None = None, **path: str | list[str]
    ) -> ResolvedRequest:
        """The query parameters of a GET, and what its path says.

        Raises
        ------
        InvalidRequestError : with every finding
        """
        body: dict[str, Any] = {**path, "context": {}, "parameters": {}}
        for name, value in parameters.items():
            if name.startswith(CONTEXT_PREFIX):
                body["context"][name.removeprefix(CONTEXT_PREFIX)] = value
            elif name.startswith(PARAMETER_PREFIX):
                body["parameters"][name.removeprefix(PARAMETER_PREFIX)] = value
            elif name in BODY_ONLY or name in path or (name == "user_id" and "anonymous_id" in path):
                raise _invalid(name, "is no query parameter")
            else:
                body["query" if name == "q" else name] = value
        return self.body({name: value for name, value in body.items() if value != {}}, defaults)

    def trending(self, parameters: Mapping[str, str]) -> ResolvedRequest:
        """The query parameters of GET /trending.

        Raises
        ------
        InvalidRequestError : with every finding
        """
        for name in sorted(set(parameters) & {"q", *_LIST_NAMES} - TRENDING_PARAMETERS):
            raise _invalid(name, "is no parameter of what is trending")
        body, warnings = known_parts(parameters, tuple(sorted(TRENDING_PARAMETERS)))
        category = body.pop("category", None)
        if category is not None:
            body |= {"filter": "categories CONTAINS $category", "parameters": {"category": category}}
        return replace(self.body(body, TRENDING_DOOR), warnings=warnings)

    def ranking(self, key: str, raw: object) -> ResolvedRequest:
        """A body of POST /users/{user_id}/rankings.

        Parameters
        ----------
        key : of the profile

        Raises
        ------
        InvalidRequestError : with every finding
        """
        own, warnings = known_parts(raw, tuple(RankingInput.model_fields))
        item_ids = list(dict.fromkeys(parsed(RankingInput, own).item_ids))
        del own["item_ids"]
        asked = self.body({**own, **named(key), "candidates": item_ids, "limit": len(item_ids)})
        return replace(asked.completed(), warnings=warnings)


def _invalid(field: str, message: str) -> InvalidRequestError:
    return InvalidRequestError([FieldError(field=field, message=message)])


def known_parts(raw: object, names: tuple[str, ...]) -> tuple[dict[str, Any], tuple[FieldError, ...]]:
    """A body without the names that nothing here has, and what is said of these.

    Raises
    ------
    InvalidRequestError : it is no object, or misspells what keeps things out of a list
    """
    if not isinstance(raw, Mapping):
        raise InvalidRequestError("the body must be an object")
    unknown = [name for name in raw if name not in names]
    if not unknown:
        return dict(raw), ()
    told = unknown_names(unknown, names, "parameter")
    refused = [w for w in told if nearest(w["field"], names) in _KEEPS_OUT]
    if refused:
        raise InvalidRequestError(
            [FieldError(field=w["field"], message=w["message"].replace(" and was left out", "")) for w in refused]
        )
    return {name: value for name, value in raw.items() if name in names}, tuple(told)
