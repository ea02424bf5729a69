"""What is said about a user outright: attributes, preferences and consent."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from endcap.errors import FieldError, InvalidRequestError
from endcap.events.interaction import MAX_FUTURE_MS
from endcap.identifiers import clean_text
from endcap.leniency import nearest
from endcap.profiles.consent import emptied, refuses
from endcap.profiles.entries import NEVER_SET, register
from endcap.profiles.identity import ProfileStore, without_past
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, deletion, merge
from endcap.validation import one_of, parsed, timestamp_ms

MAX_STATEMENT_BYTES = 2048

Text = Annotated[str, Field(max_length=256), AfterValidator(clean_text)]
Value = Annotated[
    bool | float | Text | Annotated[list[Text], Field(max_length=50)],
    one_of("text, a list of texts, a finite number, true or false"),
]
Name = Annotated[str, Field(max_length=64), AfterValidator(clean_text)]
Values = Annotated[dict[Name, Value], Field(max_length=50)]


class UserInput(BaseModel):
    """The body of PUT /users/{user_id}; of two writes of one field the later timestamp wins."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, title="User")

    attributes: Values | None = None
    preferences: Values | None = None
    consent: Annotated[dict[Name, bool], Field(max_length=50)] | None = None
    timestamp: Annotated[int, BeforeValidator(timestamp_ms)] | None = None


PREFERENCES: Final = ("categories", "brands")
"""The preferences that rank; others are kept, and exported, and say nothing."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a shopper, or the shop for them, says: attributes, preferences and consent as registers."""

    said: UserProfile

    def state(
        self, key: str, store: ProfileStore, later: Callable[[str, int], None] | None = None
    ) -> tuple[UserProfile, tuple[str, ...]]:
        """Write it into the profile under `key`.

        A refusal empties the profile, as `delete_user` does, `later` likewise; while it lasts only consent is taken in.

        Returns
        -------
        the profile now, and the names of what was left out of it
        """

        def change(stored: UserProfile) -> UserProfile:
            merged = merge(stored, self.said)
            since_ms = merged.consent.timestamp_ms - 1
            if not refuses(merged):
                # What was done while they refused stays unknown, however late it comes.
                return merge(merged, deletion(since_ms)) if refuses(stored) else merged
            if refuses(stored):
                return emptied(merged)
            return emptied(without_past(key, merged, since_ms, store, later))

        _, after = store.update(key, change)
        left_out = (name for name in ("attributes", "preferences") if getattr(self.said, name) != NEVER_SET)
        return after, tuple(left_out) if refuses(after) else ()


def stated(body: Any, arrival_ms: int, warnings: list[FieldError] | None = None) -> Statement:
    """What `body` says.

    Parameters
    ----------
    warnings : preferences that rank nothing are added here

    Raises
    ------
    InvalidRequestError : the body can't be used, or states more than 2 KB in one field
    """
    given = parsed(UserInput, body)
    if given.preferences is not None:
        ranking = {name: [v] if isinstance(v, str) else v for name, v in given.preferences.items()}
        given.preferences |= {name: value for name, value in ranking.items() if name in PREFERENCES}
        if warnings is not None:
            warnings += _rank_nothing(given.preferences)
    at_ms = arrival_ms if given.timestamp is None else given.timestamp
    if at_ms > arrival_ms + MAX_FUTURE_MS:
        raise InvalidRequestError("the timestamp lies more than 5 minutes in the future")
    fields: dict[str, Any] = {}
    for name in ("attributes", "preferences", "consent"):
        value = getattr(given, name)
        if value is not None:
            if len(json.dumps(value, ensure_ascii=False).encode()) > MAX_STATEMENT_BYTES:
                raise InvalidRequestError(f"{name} may take at most {MAX_STATEMENT_BYTES} bytes of JSON")
            fields[name] = register(value, min(at_ms, arrival_ms))
    if not fields:
        raise InvalidRequestError("nothing is stated: give attributes, preferences or consent")
    return Statement(replace(EMPTY_PROFILE, **fields))


def _rank_nothing(preferences: Mapping[str, Any]) -> list[FieldError]:
    told = []
    for name, value in preferences.items():
        message = None
        if name not in PREFERENCES:
            meant = nearest(name, PREFERENCES)
            question = f"; did you mean {meant}?" if meant else f": {' and '.join(PREFERENCES)} do"
            message = f"is kept, and ranks nothing{question}"
        elif not isinstance(value, list):
            message = "is kept, and ranks nothing: it has to be a list of names"
        if message is not None:
            told.append(FieldError(field=f"preferences.{name}", message=message))
    return told
