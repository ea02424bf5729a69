"""What every door of the API ends in: a request, whom it is for, and what became of it on the way."""

from __future__ import annotations

from dataclasses import dataclass, replace

from endcap.errors import FieldError
from endcap.experiments.assignment import Assignment
from endcap.recommend.request import RecommendationRequest


@dataclass(frozen=True, slots=True)
class ResolvedRequest:
    """A request, whom it is for, and the digest that its cursors carry.

    Attributes
    ----------
    user_id : key of the profile it is for: the user's id, or that of an anonymous id; None for nobody
    anonymous_key : key of the profile to take instead where nothing is stored under that
    request : as the variant of an experiment has it, where the shopper got one
    plain : as it is without experiments
    assignment : the variant
    surface : where on which page the list is shown, in the shop's own words
    warnings : parameters that were left out
    scenario : the one that is named, which a variant may have replaced
    """

    user_id: str | None
    request: RecommendationRequest
    digest: bytes
    plain: RecommendationRequest
    assignment: Assignment | None = None
    surface: str | None = None
    anonymous_key: str | None = None
    warnings: tuple[FieldError, ...] = ()
    scenario: str | None = None
    session_id: str | None = None

    def completed(self) -> ResolvedRequest:
        """The same for a complete order of the candidates."""
        request, plain = (replace(one, complete=True) for one in (self.request, self.plain))
        return replace(self, request=request, plain=plain)

    def without_variant(self, reason: str) -> ResolvedRequest:
        """The same as if there were no experiment, with the reason why; as it is where there is none."""
        if self.assignment is None or self.assignment.not_served is not None:
            return self
        return replace(self, request=self.plain, assignment=replace(self.assignment, not_served=reason))
