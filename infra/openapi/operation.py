"""What is said of a route, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"


@dataclass(frozen=True)
class Operation:
    """One route.

    Attributes
    ----------
    name : operationId
    bodies : media type -> what may be sent as such
    answers : status -> what is answered; None for an empty answer
    query : names of fields of a recommendation request that are query parameters
    samples : files of events/<function>/ whose bodies are examples
    problems : statuses of problem+json beyond those that every route may give
    parameters : model of the query parameters, where it is not the recommendation request
    aws_errors : whether errors have the shape that AWS SDKs read, and no problem+json
    conditional : whether it changes what the header `If-Match` names
    """

    name: str
    summary: str
    tag: str
    description: str = ""
    bodies: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    answers: tuple[tuple[int, tuple[Any, ...]], ...] = ()
    query: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    problems: tuple[int, ...] = ()
    open: bool = False
    parameters: type[BaseModel] | None = None
    aws_errors: bool = False
    conditional: bool = False


def json_body(*types: Any) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    return ((JSON, types),)
