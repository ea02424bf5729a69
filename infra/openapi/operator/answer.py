"""What answers to operators share: an example each, and types of fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from infra.openapi.answers import Answer, Problem, absent_rather_than_null

Name = str
Etag = Annotated[str, Field(description="as the `ETag` header has it; goes back as `If-Match`")]
Share = Annotated[float, Field(ge=0, le=1)]


def example(value: dict[str, Any]) -> ConfigDict:
    """The configuration of an answer that looks like this."""

    def extra(schema: dict[str, Any]) -> None:
        absent_rather_than_null(schema)
        schema["examples"] = [value]

    told: Callable[[dict[str, Any]], None] = extra
    return ConfigDict(extra="forbid", json_schema_extra=told)


class Interval(Answer):
    """A value and where it lies with the confidence of the answer."""

    value: float
    low: float
    high: float


class OperatorProblem(Problem):
    """A problem; `etag` is what the thing has now, where a condition did not hold."""

    etag: str | None = None
