"""What operators may send to the routes under `/admin/`, and in a preview."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from endcap.api.schemas import ExpressionText, ParameterValue, RecommendInput, ScenarioInput, listed
from endcap.experiments.config import ExperimentsInput
from endcap.filters.parser import MAX_LISTED
from endcap.messages.language import DEFAULT_AUDIENCE, DEFAULT_LANGUAGE, Audience, Language
from endcap.validation import Id, Name, OptionalUserId

MAX_PAGE: Final = 200
MAX_SHOPPERS: Final = 20
MAX_DRAFTS: Final = 10

Limit = Annotated[int, Field(ge=1, le=MAX_PAGE)]
Cursor = Annotated[str, Field(max_length=4096)]
Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=128)]
Reason = Annotated[str, Field(min_length=1, max_length=1000)]
Dimension = Literal["scenario", "surface", "variant", "day"]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class PageQuery(_Input):
    """A page of a list: `cursor` is what the page before has answered."""

    cursor: Cursor | None = None
    limit: Limit = 50


class HistoryQuery(_Input):
    """A page of a scenario's history: `cursor` is what the page before has answered."""

    cursor: Cursor | None = None


class ItemsQuery(PageQuery):
    """Which items: those for which `filter` holds, those that have the words of `q`, or that are not for sale."""

    filter: ExpressionText | None = None
    q: Annotated[str, Field(max_length=200)] | None = None


class DiagnosisQuery(_Input):
    """The list that an item is looked for in; `limit` is how long it is."""

    user_id: OptionalUserId = None
    scenario: Name | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    language: Language = DEFAULT_LANGUAGE


class ResultsQuery(_Input):
    """Days, both included (UTC), and what the figures are told apart by."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Annotated[Day | None, Field(alias="from")] = None
    to: Day | None = None
    by: Annotated[list[Dimension], BeforeValidator(listed), Field(max_length=4)] = ["scenario", "surface", "variant"]


class TailQuery(_Input):
    """What has come in since: `after` is the `cursor` of the answer before; without it, the latest."""

    after: Cursor | None = None
    limit: Limit = 50


class FilterCheck(_Input):
    """An expression to try, for a shopper where it speaks of what they did; `fields` asks for the values of fields."""

    filter: Annotated[str, Field(max_length=4000)] = ""
    parameters: Annotated[
        dict[Name, ParameterValue | Annotated[list[ParameterValue], Field(max_length=MAX_LISTED)]],
        Field(max_length=50),
    ] = {}
    user_id: OptionalUserId = None
    sample: Annotated[int, Field(ge=0, le=50)] = 12


class Promotion(_Input):
    """Why a snapshot is to be current whatever its gates say."""

    force: Reason | None = None


class Rollback(_Input):
    """The snapshot to go back to; without it, the one before."""

    version: Version | None = None


class Comparison(_Input):
    """Whose lists to make twice; without `user_ids`, those of nobody in particular."""

    user_ids: Annotated[list[Id], Field(max_length=MAX_SHOPPERS)] = []
    scenario: Name | None = None
    limit: Annotated[int, Field(ge=1, le=50)] = 10


class Replay(_Input):
    """Which strays to send again: by their keys, or all that one reason has brought there."""

    keys: Annotated[list[Annotated[str, Field(max_length=1024)]], Field(max_length=MAX_PAGE)] | None = None
    reason: Reason | None = None


class Experiments(ExperimentsInput):
    """All experiments: what is not named is over."""


class ScenarioDocument(ScenarioInput):
    """What a request of a scenario's name says unless it says otherwise; under `*`, what every list keeps to.

    `pinned`, `boost`, `promotions` and `hidden` may say `from` when and `until` when they count.
    """


class PreviewRequest(RecommendInput):
    """A list exactly as it would be live, with drafts in the place of what is published; nothing is recorded of it.

    `scenario` may be a document; `drafts` are documents by the names of the scenarios that they are to replace;
    `weights` come over the scenario's. With `audience` "staff" the reasons speak of the shopper, else to the shopper.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, title="PreviewRequest")

    preview: Literal[True]
    scenario: Name | ScenarioDocument | None = None  # type: ignore[assignment]
    drafts: Annotated[dict[Name, ScenarioDocument], Field(max_length=MAX_DRAFTS, default_factory=dict)]
    weights: Annotated[dict[str, float], Field(default_factory=dict)]
    audience: Audience = DEFAULT_AUDIENCE
