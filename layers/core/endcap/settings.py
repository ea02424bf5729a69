"""What a function reads from its environment, checked once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from endcap.events.types import EventType, event_types


class SettingsError(RuntimeError):
    """The environment lacks a variable or holds an unusable one; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Names of the stack's resources and its few choices; the template sets all of them for every function.

    Attributes
    ----------
    profile_ttl_days : days after its last write that a profile expires, 0 for never
    anonymous_migration_days : how old what an anonymous id takes over from before may be, 0 for nothing at all
    event_types : the kinds of interaction with the storefront's own weights
    cursor_secret : what cursors are signed with; only the function that gives them has one
    """

    profiles_table: str
    items_table: str
    counters_table: str
    data_bucket: str
    events_queue_url: str
    archive_stream: str
    exposures_stream: str
    profile_ttl_days: int
    event_types: Mapping[str, EventType]
    cursor_secret: str = ""
    anonymous_migration_days: int = 0

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """The settings in `env`.

        Raises
        ------
        SettingsError : a variable is missing or unusable
        """

        def text(name: str) -> str:
            value = env.get(name, "")
            if not value:
                raise SettingsError(f"environment variable {name} is not set")
            return value

        def days(name: str) -> int:
            value = env.get(name, "0")
            if not (value.isascii() and value.isdigit()):
                raise SettingsError(f"environment variable {name} must be a whole number of days")
            return int(value)

        try:
            kinds = event_types(json.loads(env.get("EVENT_WEIGHTS") or "{}"))
        except (ValueError, AttributeError, TypeError) as exc:
            raise SettingsError(f"environment variable EVENT_WEIGHTS: {exc}") from exc
        return cls(
            profiles_table=text("PROFILES_TABLE"),
            items_table=text("ITEMS_TABLE"),
            counters_table=text("COUNTERS_TABLE"),
            data_bucket=text("DATA_BUCKET"),
            events_queue_url=text("EVENTS_QUEUE_URL"),
            archive_stream=text("ARCHIVE_STREAM"),
            exposures_stream=text("EXPOSURES_STREAM"),
            profile_ttl_days=days("PROFILE_TTL_DAYS"),
            event_types=kinds,
            cursor_secret=env.get("CURSOR_SECRET", ""),
            anonymous_migration_days=days("ANONYMOUS_MIGRATION_DAYS"),
        )
