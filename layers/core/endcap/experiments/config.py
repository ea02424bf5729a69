"""Experiments as people write them: one JSON document in the data bucket, `config/experiments.json`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from endcap.errors import FieldError, InvalidInputError
from endcap.experiments.assignment import SHARE_DIGITS, SURFACES, Experiment, Surface, Variant
from endcap.ranking.terms.registry import TERMS
from endcap.recommend.request import WEIGHT
from endcap.validation import Name, json_value, parsed, timestamp_ms

KEY: Final = "config/experiments.json"
POLL_S: Final = 10.0
MAX_EXPERIMENTS: Final = 50
MAX_VARIANTS: Final = 10


class VariantInput(BaseModel):
    """A variant as the document has it."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: Name
    share: Annotated[float, Field(ge=0, le=1)]
    weights: dict[str, Annotated[float, Field(ge=WEIGHT.lowest, le=WEIGHT.highest)]] = {}
    scenario: Name | None = None
    snapshot: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=128)] | None = None


class ExperimentInput(BaseModel):
    """An experiment as the document has it."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: Name
    salt: Name | None = None
    variants: Annotated[list[VariantInput], Field(min_length=1, max_length=MAX_VARIANTS)]
    surfaces: Annotated[list[Surface], Field(min_length=1)] | None = None
    scenario: Name | None = None
    start: Annotated[int, BeforeValidator(timestamp_ms)] | None = None
    end: Annotated[int, BeforeValidator(timestamp_ms)] | None = None


class ExperimentsInput(BaseModel):
    """The document."""

    model_config = ConfigDict(extra="forbid")

    experiments: Annotated[list[ExperimentInput], Field(max_length=MAX_EXPERIMENTS)]


def read_experiments(data: bytes) -> tuple[Experiment, ...]:
    """The experiments of a document.

    Raises
    ------
    InvalidInputError : with every finding; a document with one bad experiment is not used at all
    """
    given = parsed(ExperimentsInput, json_value(data, "the file")).experiments
    if errors := _findings(given):
        raise InvalidInputError([FieldError(field=where, message=message) for where, message in errors])
    return tuple(_experiment(one) for one in given)


def _experiment(given: ExperimentInput) -> Experiment:
    return Experiment(
        given.name,
        given.salt or given.name,
        tuple(Variant(v.name, v.share, v.weights, v.scenario, v.snapshot) for v in given.variants),
        frozenset(given.surfaces or SURFACES),
        given.scenario,
        given.start,
        given.end,
    )


def _findings(given: Sequence[ExperimentInput]) -> list[tuple[str, str]]:
    found, names, versions = [], set[str](), set[str]()
    for k, experiment in enumerate(given):
        where = f"experiments.{k}"
        if experiment.name in names:
            found.append((f"{where}.name", "another experiment has the same name"))
        names.add(experiment.name)
        if experiment.start is not None and experiment.end is not None and experiment.start >= experiment.end:
            found.append((f"{where}.end", "must lie after start"))
        if round(sum(variant.share for variant in experiment.variants), SHARE_DIGITS) > 1:
            found.append((f"{where}.variants", "the shares must not add up to more than 1"))
        if len({variant.name for variant in experiment.variants}) < len(experiment.variants):
            found.append((f"{where}.variants", "two have the same name"))
        for n, variant in enumerate(experiment.variants):
            if unknown := sorted(set(variant.weights) - set(TERMS)):
                found.append((f"{where}.variants.{n}.weights", f"no such term: {', '.join(unknown)}"))
            versions |= {variant.snapshot} if variant.snapshot else set()
    if len(versions) > 1:
        found.append(("experiments", "must not name two snapshots: a function holds one beside the current one"))
    return found
