"""Whose the records of an archive are, whether they carry ids or pseudonyms.

A pseudonym stands where an id does, by a name that says which key made it. With the keys at hand everybody goes by one
name, that of the newest key: plain ids are given theirs, and a shopper whose id is known (from the profiles table, or
from plain records read before) is recognised under older keys. Without keys a shopper is as many people as there are
keys, and as there are kinds of records.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from endcap.errors import InvalidInputError
from endcap.events.interaction import Interaction
from endcap.events.types import IDENTIFY
from endcap.identifiers import anonymous_id_of, anonymous_key
from endcap.pseudonyms import (
    ANONYMOUS_PSEUDONYM,
    MAX_NUMBER,
    NUMBER,
    PSEUDONYM,
    PseudonymKeys,
    is_pseudonym,
    name_of,
    names_of,
)

_FORM: Final = re.compile("[A-Za-z0-9_-]{22}")
KEYS_ASKED: Final = (
    "the archive holds pseudonyms of a key that was not given, so nobody can say which of them are to be left out: "
    "give the stack's keys (--pseudonym-keys)"
)


class People:
    """One name for each shopper of an archive.

    Parameters
    ----------
    keys : the stack's; None where there are none at hand

    Attributes
    ----------
    must_know : why records whose ids nobody can match are refused; "" where they are read all the same
    """

    def __init__(self, keys: PseudonymKeys | None = None) -> None:
        self._keys, self.must_know = keys, ""
        self._names: dict[str, str] = {}
        self._newest: dict[str, str] = {}
        self._others: dict[str, tuple[str, ...]] = {}

    def name_of(self, profile_key: str) -> str:
        """How the events of a profile are named, by its key; from then on older pseudonyms of it are, too."""
        anonymous_id = anonymous_id_of(profile_key)
        if is_pseudonym(said := profile_key if anonymous_id is None else anonymous_id):
            newest = self._newest.get(said, said)
            return newest if anonymous_id is None else anonymous_key(newest)
        if self._keys is None:
            return profile_key
        name = self._names.get(profile_key)
        if name is None:
            name = self._names[profile_key] = name_of(self._keys.current, self._keys.of(profile_key))
            older = names_of(profile_key, self._keys)
            self._newest |= dict.fromkeys(older, name)
            self._others[name] = (profile_key, *older)
        return name if anonymous_id is None else anonymous_key(name)

    def names_of(self, name: str) -> tuple[str, ...]:
        """Every name that a ledger may have for whom `name_of` names so, as far as they are known."""
        anonymous_id = anonymous_id_of(name)
        if not is_pseudonym(said := name if anonymous_id is None else anonymous_id):
            return (name,)
        return self._others.get(said, (said,))

    def named(self, event: Interaction) -> Interaction:
        """An event that was read by `readable`, by the names of those that it is of."""
        if self._keys is None:
            return event
        key = self.name_of(event.user_id)
        other = None if event.anonymous_id is None else self.name_of(anonymous_key(event.anonymous_id))
        anonymous_id = None if other is None else anonymous_id_of(other)
        if (key, anonymous_id) == (event.user_id, event.anonymous_id):
            return event
        return replace(event, user_id=key, anonymous_id=anonymous_id)

    def readable(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row of an archive, with pseudonyms where ids are.

        Raises
        ------
        ValueError : its pseudonyms are none
        InvalidInputError : it is of a key that is not there, and `must_know`
        """
        if not pseudonyms_in(row):
            return row
        number = row[NUMBER]
        if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MAX_NUMBER:
            raise ValueError(f"{NUMBER} must be a number from 1 to {MAX_NUMBER}")
        if self.must_know and (self._keys is None or number not in self._keys.by_number):
            raise InvalidInputError(self.must_know)
        found = {name: value for name, value in row.items() if name not in (PSEUDONYM, ANONYMOUS_PSEUDONYM, NUMBER)}
        for field, name in ((PSEUDONYM, "user_id"), (ANONYMOUS_PSEUDONYM, "anonymous_id")):
            if field in row:
                if not isinstance(row[field], str) or not _FORM.fullmatch(row[field]):
                    raise ValueError(f"{field} is no pseudonym")
                found[name] = name_of(number, row[field])
        if row.get("event_type") == IDENTIFY:
            found["anonymous_key"] = ""  # what is written with pseudonyms is of after anonymous ids had keys
        return found


def user_of(record: Mapping[str, Any], people: People) -> str:
    """The name of the user that a raw record of an archive is of; "" where it says none."""
    return _named_in(record, PSEUDONYM, "user_id", people)


def unit_of(record: Mapping[str, Any], people: People) -> str | None:
    """The name of what an experiment has assigned, as an exposure says it; None where it says none."""
    return _named_in(record, "unit", "unit", people) or None


def _named_in(record: Mapping[str, Any], pseudonym: str, plain: str, people: People) -> str:
    number, said = record.get(NUMBER), record.get(pseudonym if NUMBER in record else plain)
    if not isinstance(said, str):
        return ""
    return people.name_of(said if number is None else name_of(number, said))


def pseudonyms_in(row: Mapping[str, Any]) -> bool:
    """Whether a row of an archive says whose it is by pseudonyms."""
    return NUMBER in row and (PSEUDONYM in row or ANONYMOUS_PSEUDONYM in row)
