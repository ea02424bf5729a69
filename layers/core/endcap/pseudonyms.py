"""Pseudonyms: what an archive says in place of the ids of shoppers.

A pseudonym is the HMAC-SHA256 of an id under a key of the stack, with the number of the key beside it. Whoever has no
key can follow one shopper through the archive and can't say who it is; whoever has one finds the records of an id by
working out its pseudonym. Keys are added and never replaced, so that older records can still be told.

Item ids, ids of events and of lists stay as they are: a rebuild joins and orders by them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from endcap.identifiers import anonymous_key

PSEUDONYM: Final = "pseudonym"
ANONYMOUS_PSEUDONYM: Final = "anonymous_pseudonym"
NUMBER: Final = "pseudonym_key"
"""The fields of a record: of its user, of its anonymous id, and the number of the key that both are made with."""
PSEUDONYM_BYTES: Final = 16
"""Of the HMAC's 32: https://www.rfc-editor.org/rfc/rfc2104#section-5 allows half."""
MIN_KEY_CHARS: Final = 32
MAX_NUMBER: Final = 9_999
_IDS: Final = frozenset({"user_id", "anonymous_id", "anonymous_key", "session_id", "unit"})
_PREFIX: Final = "pseudonym:"
_SESSION: Final = "\0session\0"
"""Before the id of a session; no id of a shopper can hold it."""


@dataclass(frozen=True, slots=True)
class PseudonymKeys:
    """The keys of a stack by their numbers; the one with the highest number makes new pseudonyms."""

    by_number: Mapping[int, bytes] = field(repr=False)

    @classmethod
    def read(cls, text: str) -> PseudonymKeys:
        """The keys in a JSON object of number -> key, such as `{"1": "..."}`.

        Raises
        ------
        ValueError : it is none, or a key is too short; no key is told
        """
        try:
            said = json.loads(text)
        except ValueError:
            said = None
        if not isinstance(said, dict) or not said:
            raise ValueError('must be a JSON object of numbers and keys, such as {"1": "..."}')
        keys: dict[int, bytes] = {}
        for name, key in said.items():
            number = int(name) if name.isascii() and name.isdigit() else 0
            if not 1 <= number <= MAX_NUMBER or name != str(number):
                raise ValueError(f"keys are numbered from 1 to {MAX_NUMBER}")
            if not isinstance(key, str) or len(key) < MIN_KEY_CHARS:
                raise ValueError(f"key {number} must be a text of at least {MIN_KEY_CHARS} characters")
            keys[number] = key.encode()
        return cls(keys)

    @property
    def current(self) -> int:
        """The number of the key that makes new pseudonyms."""
        return max(self.by_number)

    def of(self, profile_key: str, number: int | None = None) -> str:
        """The pseudonym of a shopper, by the key of their profile: the user's id, or `anonymous_key` of an id.

        Raises
        ------
        KeyError : there is no key of this number
        """
        secret = self.by_number[self.current if number is None else number]
        digest = hmac.digest(secret, profile_key.encode(), hashlib.sha256)
        return urlsafe_b64encode(digest[:PSEUDONYM_BYTES]).rstrip(b"=").decode()

    def all_of(self, profile_key: str) -> dict[int, str]:
        """Every pseudonym that records of a shopper may carry, by the number of its key."""
        return {number: self.of(profile_key, number) for number in self.by_number}


def name_of(number: int, pseudonym: str) -> str:
    """How a shopper of a record is named where ids are: by a pseudonym and the number of its key."""
    return f"{_PREFIX}{number}:{pseudonym}"


def is_pseudonym(name: str) -> bool:
    """Whether a user's or an anonymous id is the name of a pseudonym."""
    return name.startswith(_PREFIX)


def names_of(profile_key: str, keys: PseudonymKeys) -> list[str]:
    """Every name that a shopper may have in records, by the key of their profile."""
    return [name_of(number, pseudonym) for number, pseudonym in keys.all_of(profile_key).items()]


def pseudonymous(document: Mapping[str, Any], keys: PseudonymKeys) -> dict[str, Any]:
    """An event's or an exposure's document with pseudonyms in place of its ids; the other fields as they are."""
    found = nameless(document)
    if document.get("user_id") is not None:
        found[PSEUDONYM] = keys.of(document["user_id"])
    if document.get("anonymous_id") is not None:
        found[ANONYMOUS_PSEUDONYM] = keys.of(anonymous_key(document["anonymous_id"]))
    if document.get("session_id") is not None:
        found["session_id"] = keys.of(_SESSION + document["session_id"])
    if document.get("unit") is not None:
        found["unit"] = keys.of(document["unit"])
    return found | {NUMBER: keys.current}


def nameless(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document without anything that it is known by whose it is."""
    return {name: value for name, value in document.items() if name not in _IDS}


class Stream(Protocol):
    """Keeps documents; all or none."""

    def put(self, documents: Sequence[Mapping[str, Any]]) -> None: ...


class PseudonymousStream:
    """A stream that is told no ids: what can't be given pseudonyms does not go into it.

    Parameters
    ----------
    keys : the keys, raises where they can't be had
    """

    def __init__(self, stream: Stream, keys: Callable[[], PseudonymKeys]) -> None:
        self._stream, self._keys = stream, keys

    def put(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Write `documents` with pseudonyms.

        Raises
        ------
        DependencyError, ThrottledError : the keys can't be had, or some were not taken
        InvalidInteractionError : one of them fits no record
        """
        keys = self._keys()
        self._stream.put([pseudonymous(document, keys) for document in documents])
