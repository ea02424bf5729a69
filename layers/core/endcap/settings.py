"""What a function reads from its environment, checked once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetPydanticSchema, ValidationError
from pydantic_core import core_schema

from endcap.events.types import EVENT_TYPES, EventType, event_types
from endcap.validation import field_errors


class SettingsError(RuntimeError):
    """The environment lacks a variable or holds an unusable one; the message names it."""


def _event_types(text: str) -> Mapping[str, EventType]:
    try:
        return event_types(json.loads(text or "{}"))
    except (AttributeError, TypeError) as exc:
        raise ValueError(str(exc)) from exc


def _whole_days(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("must be a whole number of days")
    return int(text)


_Text = Annotated[str, Field(min_length=1)]
_EventTypes = Annotated[
    Mapping[str, EventType],
    # Not PlainValidator, which also works out a schema for EventType: as long again at each cold start.
    GetPydanticSchema(lambda _source, _handler: core_schema.no_info_plain_validator_function(_event_types)),
]


class Settings(BaseModel):
    """Names of the stack's resources and its few choices; the template sets all of them for every function.

    Each is the environment variable of its name in capitals, unless it says another.

    Attributes
    ----------
    profile_ttl_days : days after its last write that a profile expires, 0 for never
    event_types : the types of interaction with the storefront's own weights
    cursor_secret : what cursors are signed with; only the function that gives them has one
    """

    model_config = ConfigDict(frozen=True, alias_generator=str.upper)

    profiles_table: _Text
    items_table: _Text
    counters_table: _Text
    data_bucket: _Text
    events_queue_url: _Text
    archive_stream: _Text
    exposures_stream: _Text
    profile_ttl_days: Annotated[int, BeforeValidator(_whole_days)] = 0
    event_types: _EventTypes = Field(default_factory=lambda: EVENT_TYPES, alias="EVENT_WEIGHTS")
    cursor_secret: str = Field("", repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """The settings in `env`.

        Raises
        ------
        SettingsError : variables are missing or unusable; all are named, and no value is told
        """
        try:
            return cls.model_validate(dict(env))
        except ValidationError as exc:
            told = "; ".join(f"{error['field']}: {error['message']}" for error in field_errors(exc))
            raise SettingsError(f"environment variables: {told}") from exc
