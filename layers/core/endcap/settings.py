"""What a function reads from its environment, checked once."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from endcap.events.types import EventType, event_types

Authorisation = Literal["iam", "jwt", "scopes"]
"""How a stack tells callers apart.

iam : whoever the gateway has let in is a server; so is who may invoke the function by AWS credentials
jwt : the same, and tokens count whatever their scopes: what stacks had before there were roles
scopes : a token may what its scopes name, and without a caller nothing but open routes is answered
"""
AUTHORISATIONS: Final[tuple[Authorisation, ...]] = get_args(Authorisation)


MIN_SECRET_CHARS: Final = 32


class SettingsError(RuntimeError):
    """The environment lacks a variable or holds an unusable one; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Names of the stack's resources and its few choices; the template sets all of them for every function.

    Attributes
    ----------
    profile_ttl_days : days after its last write that a profile expires, 0 for never
    event_types : the kinds of interaction with the storefront's own weights
    cursor_secret : what cursors are signed with; only the functions that give them have one
    authorisation : how callers are told apart
    client_rates : role -> requests a second of one client, in one execution environment; 0 for no limit
    storefront_secrets : what tokens at the storefront door are signed with, the present one first
    storefront_origins : of the pages that may call the door from a browser
    storefront_front_key : what the front of the door proves itself by; empty for no front
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
    authorisation: Authorisation = "iam"
    client_rates: Mapping[str, float] = field(default_factory=dict)
    storefront_secrets: tuple[str, ...] = field(default=(), repr=False)
    storefront_origins: tuple[str, ...] = ()
    storefront_front_key: str = field(default="", repr=False)

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

        ttl_days = env.get("PROFILE_TTL_DAYS", "0")
        if not (ttl_days.isascii() and ttl_days.isdigit()):
            raise SettingsError("environment variable PROFILE_TTL_DAYS must be a whole number of days")
        try:
            kinds = event_types(json.loads(env.get("EVENT_WEIGHTS") or "{}"))
        except (ValueError, AttributeError, TypeError) as exc:
            raise SettingsError(f"environment variable EVENT_WEIGHTS: {exc}") from exc
        authorisation = next((one for one in AUTHORISATIONS if one == env.get("AUTHORISATION", "iam")), None)
        if authorisation is None:
            raise SettingsError(f"environment variable AUTHORISATION must be one of {', '.join(AUTHORISATIONS)}")
        return cls(
            profiles_table=text("PROFILES_TABLE"),
            items_table=text("ITEMS_TABLE"),
            counters_table=text("COUNTERS_TABLE"),
            data_bucket=text("DATA_BUCKET"),
            events_queue_url=text("EVENTS_QUEUE_URL"),
            archive_stream=text("ARCHIVE_STREAM"),
            exposures_stream=text("EXPOSURES_STREAM"),
            profile_ttl_days=int(ttl_days),
            event_types=kinds,
            cursor_secret=env.get("CURSOR_SECRET", ""),
            authorisation=authorisation,
            client_rates=_rates(env.get("CLIENT_RATES", "")),
            storefront_secrets=_secrets(env.get("STOREFRONT_SECRETS", "")),
            storefront_origins=tuple(env.get("STOREFRONT_ORIGINS", "").split()),
            storefront_front_key=env.get("STOREFRONT_FRONT_KEY", ""),
        )


def _secrets(text: str) -> tuple[str, ...]:
    """Secrets with spaces between.

    Raises
    ------
    SettingsError : one is so short that it could be guessed
    """
    secrets = tuple(text.split())
    if any(len(secret) < MIN_SECRET_CHARS for secret in secrets):
        raise SettingsError(f"environment variable STOREFRONT_SECRETS: at least {MIN_SECRET_CHARS} characters each")
    return secrets


def _rates(text: str) -> dict[str, float]:
    """`role=rate` pairs with spaces between.

    Raises
    ------
    SettingsError : it is nothing of the kind
    """
    try:
        pairs = [pair.split("=") for pair in text.split()]
        rates = {role: float(rate) for role, rate in pairs}
    except ValueError:
        raise SettingsError("environment variable CLIENT_RATES must be pairs such as browser=10") from None
    if not all(math.isfinite(rate) and rate >= 0 for rate in rates.values()):
        raise SettingsError("environment variable CLIENT_RATES must hold rates from 0 on")
    return rates
