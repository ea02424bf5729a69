"""Previews: lists as they would be live, with drafts in the place of what is published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from endcap.api.resolved import ResolvedRequest
from endcap.api.scenarios import findings
from endcap.errors import FieldError, InvalidRequestError
from endcap.messages.language import AUDIENCES, DEFAULT_AUDIENCE, Audience
from endcap.operator.schemas import MAX_DRAFTS
from endcap.ranking.terms.registry import TERMS

DRAFT: Final = "draft"
"""What a scenario is called that comes without a name."""
_OWN: Final = ("preview", "drafts", "weights", "audience")


@dataclass(frozen=True, slots=True)
class Preview:
    """A request for a preview, taken apart.

    Attributes
    ----------
    body : what is left of it: a request like any other
    drafts : scenarios by name, checked
    weights : term -> weight, over what scenario and variant say
    audience : whom its sentences speak to
    """

    body: dict[str, Any]
    drafts: Mapping[str, Mapping[str, Any]]
    weights: Mapping[str, float]
    audience: Audience = DEFAULT_AUDIENCE

    def applied(self, asked: ResolvedRequest) -> ResolvedRequest:
        """A request with these weights, whatever scenario and variant say, and told to this audience."""
        request, plain = (
            replace(one, weights={**(one.weights or {}), **self.weights} or None, audience=self.audience)
            for one in (asked.request, asked.plain)
        )
        return replace(asked, request=request, plain=plain)


def preview_of(raw: object) -> Preview | None:
    """The preview that a body of POST /recommendations asks for; None where it asks for a list.

    Raises
    ------
    InvalidRequestError : with every finding in its drafts
    """
    if not isinstance(raw, Mapping) or "preview" not in raw:
        return None
    if raw["preview"] is not True:
        raise _invalid("preview", "must be true, or left out")
    body = {name: value for name, value in raw.items() if name not in _OWN}
    given = raw.get("drafts", {})
    if not isinstance(given, Mapping) or len(given) > MAX_DRAFTS:
        raise _invalid("drafts", f"must be an object of at most {MAX_DRAFTS} scenarios")
    drafts = dict(given)
    if isinstance(body.get("scenario"), Mapping):
        drafts[DRAFT] = body["scenario"]
        body["scenario"] = DRAFT
    weights = raw.get("weights") or {}
    audience = raw.get("audience", DEFAULT_AUDIENCE)
    if not isinstance(audience, str) or audience not in AUDIENCES:
        raise _invalid("audience", f"must be one of {', '.join(AUDIENCES)}")
    errors = [
        FieldError(field=f"drafts.{e['field']}", message=e["message"])
        for name, document in drafts.items()
        for e in findings(name, document)
    ]
    errors += _of_weights(weights)
    if errors:
        raise InvalidRequestError(errors)
    return Preview(body, drafts, dict(weights), audience)


def _of_weights(weights: object) -> list[FieldError]:
    if not isinstance(weights, Mapping):
        return [FieldError(field="weights", message="must be an object of terms and numbers")]
    return [
        FieldError(field=f"weights.{name}", message="no such term, or no number")
        for name, value in weights.items()
        if name not in TERMS or isinstance(value, bool) or not isinstance(value, int | float)
    ]


def _invalid(field: str, message: str) -> InvalidRequestError:
    return InvalidRequestError([FieldError(field=field, message=message)])
