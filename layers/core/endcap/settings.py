"""What a function reads from its environment, checked once."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetPydanticSchema, ValidationError
from pydantic_core import core_schema

from endcap.events.types import EVENT_TYPES, EventType, event_types
from endcap.shops.message import ItemIds
from endcap.validation import field_errors

Authorisation = Literal["iam", "jwt", "scopes"]
"""How a stack tells callers apart.

iam : whoever the gateway has let in is a server; so is who may invoke the function by AWS credentials
jwt : the same, and tokens count whatever their scopes: what stacks had before there were roles
scopes : a token may what its scopes name, and without a caller nothing but open routes is answered
"""

SignaturePolicy = Literal["require", "warn"]
"""Which snapshots functions load.

require : signed ones
warn : also what was promoted before there were signatures, until the stack's next promotion
"""

PseudonymsPolicy = Literal["on", "read", "off"]
"""What archive and exposures name shoppers by.

on : pseudonyms
read : plain ids; what was written under pseudonyms can still be told
off : plain ids, in a stack that never had keys
"""

MIN_SECRET_CHARS: Final = 32


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


def _whole_seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("must be a whole number of seconds")
    return int(text)


def _secrets(text: str) -> tuple[str, ...]:
    secrets = tuple(text.split())
    if any(len(secret) < MIN_SECRET_CHARS for secret in secrets):
        raise ValueError(f"at least {MIN_SECRET_CHARS} characters each")
    return secrets


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _rates(text: str) -> dict[str, float]:
    try:
        rates = {role: float(rate) for role, rate in (pair.split("=") for pair in text.split())}
    except ValueError:
        raise ValueError("must be pairs such as browser=10") from None
    if not all(math.isfinite(rate) and rate >= 0 for rate in rates.values()):
        raise ValueError("must hold rates from 0 on")
    return rates


_Days = Annotated[int, BeforeValidator(_whole_days)]
_Seconds = Annotated[int, BeforeValidator(_whole_seconds)]
_Text = Annotated[str, Field(min_length=1)]
_EventTypes = Annotated[
    Mapping[str, EventType],
    # Not PlainValidator, which also works out a schema for EventType: as long again at each cold start.
    GetPydanticSchema(lambda _source, _handler: core_schema.no_info_plain_validator_function(_event_types)),
]


class Settings(BaseModel):
    """Names of the stack's resources and its few choices; the template sets all of them but one for every function.

    Each is the environment variable of its name in capitals, unless it says another.

    Attributes
    ----------
    profile_ttl_days : days after its last write that a profile expires, 0 for never
    event_types : the types of interaction with the storefront's own weights
    cursor_secret : what cursors are signed with; only the functions that give them have one
    anonymous_migration_days : how old what an anonymous id takes over from before may be, 0 for nothing at all
    live_counts_seconds : after how long a request looks for newer live counts
    read_patience_seconds : how long a request waits for all that it reads together, which the local stack alone says;
        None for `endcap.live.waiting.READS_S`
    call_patience_seconds : how long a call waits at the least for its service, which the local stack alone says; None
        for what `endcap.aws.clients` has
    erasure_days : within how many days what was erased is taken out of every store
    stream_failures_queue_url : where the function that reads a stream tells what it gave up
    authorisation : how callers are told apart
    client_rates : role -> requests a second of one client, in one execution environment; 0 for no limit
    excluded_users : keys of profiles whose events count for nobody else
    snapshot_key : ARN of the key that snapshots are signed with; empty where nobody signs
    snapshot_signature : which snapshots are loaded
    snapshot_storage_mb : what a function has to keep snapshots in, MiB; None where that is not known
    pseudonyms : whether archive and exposures are told pseudonyms; `read` knows the keys of those told before
    pseudonym_secret : ARN of the keys of pseudonyms; empty where there are none
    storefront_secrets : what tokens at the storefront door are signed with, the present one first
    storefront_origins : of the pages that may call the door from a browser
    promote_function : name of the function that promotes; only the function that operators call knows it
    rebuild_state_machine : ARN of what rebuilds; empty where the stack has none
    archive_buffer_seconds : after how long at most what came in lies in the archive
    deployment : what of the template the month's cost goes by, as JSON
    storefront_front_key : what the front of the door proves itself by; empty for no front
    shopify_secret, woocommerce_secret : ARN of what webhooks are signed with; empty for none
    shop_item_ids : what items of shop systems are called by
    shop_language : of their texts, where they come in several
    understand : whether queries are understood where a request does not say it
    writer_model : of Amazon Bedrock, that may do what `query_writer` and `reason_writer` say; empty for none
    query_writer : whether it reads queries that are to be understood
    reason_writer : whether it words reasons
    inbox_queue_url : where S3 tells of files that a shop puts into the bucket
    profile_tags : whether profiles in words name tags that a writer has given items, where rankings go by them
    item_writer : who describes new items
    item_writer_model : its name, for the writers that have several
    item_writer_url : of a server with the API of OpenAI, up to and with /v1
    item_writer_secret : ARN of the key to that server; empty for none
    item_writer_price : of a million tokens, US dollars, as READ,WRITTEN; empty for nothing
    item_writer_budget : US dollars, of all that it is ever asked
    """

    model_config = ConfigDict(frozen=True, alias_generator=str.upper)

    profiles_table: _Text
    items_table: _Text
    counters_table: _Text
    erasures_table: _Text
    data_bucket: _Text
    events_queue_url: _Text
    archive_stream: _Text
    exposures_stream: _Text
    profile_ttl_days: _Days = 0
    anonymous_migration_days: _Days = 0
    live_counts_seconds: _Seconds = 15
    read_patience_seconds: _Seconds | None = None
    call_patience_seconds: _Seconds | None = None
    erasure_days: _Days = 30
    event_types: _EventTypes = Field(default_factory=lambda: EVENT_TYPES, alias="EVENT_WEIGHTS")
    excluded_users: Annotated[frozenset[str], BeforeValidator(lambda text: frozenset(text.split()))] = frozenset()
    cursor_secret: str = Field("", repr=False)
    stream_failures_queue_url: str = ""
    authorisation: Authorisation = "iam"
    client_rates: Annotated[dict[str, float], BeforeValidator(_rates)] = {}
    snapshot_key: str = ""
    snapshot_signature: SignaturePolicy = "warn"
    snapshot_storage_mb: Annotated[int, Field(ge=1)] | None = None
    pseudonyms: PseudonymsPolicy = "on"
    pseudonym_secret: str = ""
    storefront_secrets: Annotated[tuple[str, ...], BeforeValidator(_secrets)] = Field((), repr=False)
    storefront_origins: Annotated[tuple[str, ...], BeforeValidator(_words)] = ()
    storefront_front_key: str = Field("", repr=False)
    promote_function: str = ""
    rebuild_state_machine: str = ""
    archive_buffer_seconds: _Seconds = 60
    deployment: str = ""
    shopify_secret: str = ""
    woocommerce_secret: str = ""
    shop_item_ids: ItemIds = "variant"
    shop_language: str = "en"
    inbox_queue_url: str = ""
    profile_tags: Literal["on", "off"] = "off"
    item_writer: Literal["none", "rules", "openai", "bedrock"] = "none"
    item_writer_model: str = ""
    item_writer_url: str = ""
    item_writer_secret: str = ""
    item_writer_price: str = ""
    item_writer_budget: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    understand: Literal["on", "off"] = "off"
    writer_model: str = ""
    query_writer: Literal["on", "off"] = "off"
    reason_writer: Literal["on", "off"] = "off"

    @property
    def tells_pseudonyms(self) -> bool:
        """Whether archive and exposures are told no ids."""
        return bool(self.pseudonym_secret) and self.pseudonyms == "on"

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
