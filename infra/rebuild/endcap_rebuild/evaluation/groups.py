"""Groups of items and of users for which figures are given apart.

What users are like is taken from what a shop says of them, never guessed: a file `users.csv[.gz]` with a column
`user_id` and one for each attribute (Personalize's headers are read as well), or the attributes and preferences in an
export of the profiles table.
"""

from __future__ import annotations

import base64
import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import F64, I32, I64
from endcap.catalog.item import Item
from endcap.errors import InvalidInputError
from endcap.identifiers import clean_id
from endcap.profiles.codec import ProfileFormatError, decode_profile
from endcap_rebuild.data.exports import exported_user_id, find_export
from endcap_rebuild.data.people import People

PROVIDERS: Final = ("provider", "seller", "vendor", "merchant", "supplier")
"""Attributes of items that are looked for where none is named, the first that items have."""
USER_FILES: Final = ("users.csv", "users.csv.gz")
MIN_USERS: Final = 20
"""Figures of fewer people say little about the group and much about its members."""
MAX_VALUES: Final = 12
MOST_GROUPS: Final = 15
OTHERS: Final = "(others)"
NONE: Final = "(none)"


@dataclass(frozen=True)
class ItemGroups:
    """Which group each item belongs to.

    names : the largest groups first, then `OTHERS` and `NONE` where there are such items
    of_item : int32 (n,), position in `names`
    """

    field: str
    names: tuple[str, ...]
    of_item: I32

    @property
    def sizes(self) -> I64:
        """int64 (groups,): items of each."""
        return np.bincount(self.of_item, minlength=len(self.names)).astype(np.int64)


@dataclass(frozen=True)
class UserGroups:
    """What is said of users.

    values : attribute -> user id -> value as text
    passed_over : attributes that make no groups: those with one value, or with too many
    """

    values: Mapping[str, Mapping[str, str]]
    passed_over: tuple[str, ...] = ()


def item_groups(items: Sequence[Item], provider: str | None = None) -> list[ItemGroups]:
    """By brand, and by the attribute that says who sells an item, where items have them.

    Parameters
    ----------
    provider : name of that attribute; None looks for one of `PROVIDERS`

    Raises
    ------
    InvalidInputError : no item has the attribute that was named
    """
    found = [_grouped("brand", [item.brand or "" for item in items])] if any(item.brand for item in items) else []
    name = provider or next((name for name in PROVIDERS if any(name in item.attributes for item in items)), None)
    if name is not None:
        values = [_text(item.attributes.get(name)) for item in items]
        if not any(values):
            raise InvalidInputError(f"no item has an attribute {name!r}")
        found.append(_grouped(name, values))
    return found


def _grouped(field: str, values: Sequence[str]) -> ItemGroups:
    counts = Counter(value for value in values if value)
    largest = [value for value, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_GROUPS]]
    names = list(largest)
    if len(counts) > len(largest):
        names.append(OTHERS)
    if not all(values):
        names.append(NONE)
    place = {name: number for number, name in enumerate(largest)}
    rest = len(largest)
    of_item = [place.get(value, rest) if value else len(names) - 1 for value in values]
    return ItemGroups(field, tuple(names), np.array(of_item, dtype=np.int32))


def _text(value: Any) -> str:
    """A value that can name a group; "" for lists and nothing."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}"
    return value if isinstance(value, str) else ""


def read_user_groups(folder: Path, users: Path | None = None, people: People | None = None) -> UserGroups:
    """What a folder, or a file that is named, says of users; empty where it says nothing.

    Parameters
    ----------
    people : by whose names users are told, as those of the events are

    Raises
    ------
    InvalidInputError : the file that was named is not there or has no column `user_id`
    """
    if users is not None and not users.is_file():
        raise InvalidInputError(f"{users} is not a file")
    file = users or next((folder / name for name in USER_FILES if (folder / name).is_file()), None)
    rows = _from_csv(file) if file is not None else _from_profiles(folder / "profiles")
    people = people or People()
    found: dict[str, dict[str, str]] = {}
    for user_id, said in rows:
        for name, value in said.items():
            if text := _text(value):
                found.setdefault(name, {})[people.name_of(user_id)] = text
    fitting = {name: values for name, values in found.items() if 2 <= len(set(values.values())) <= MAX_VALUES}
    return UserGroups(dict(sorted(fitting.items())), tuple(sorted(set(found) - set(fitting))))


def _from_csv(file: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with _lines(file) as lines:
        table = csv.reader(lines)
        header = [name.strip().lower() for name in next(table, [])]
        if "user_id" not in header:
            raise InvalidInputError(f"{file} has no column user_id")
        for row in table:
            said = {name: value.strip() for name, value in zip(header, row, strict=False)}
            try:
                user_id = clean_id(said.pop("user_id", ""))
            except ValueError:
                continue
            yield user_id, said


def _from_profiles(folder: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    export = find_export(folder)
    for file in () if export is None else export.files:
        with _lines(file) as lines:
            for line in lines:
                try:
                    row = json.loads(line)
                    user_id = exported_user_id(row)
                    profile = decode_profile(base64.b64decode(row["Item"]["profile"]["B"], validate=True))
                except (KeyError, TypeError, ValueError, ProfileFormatError, InvalidInputError):
                    continue  # the rebuild reports it
                yield user_id, {**(profile.attributes.value or {}), **(profile.preferences.value or {})}


def _lines(file: Path) -> IO[str]:
    if file.name.endswith(".gz"):
        return gzip.open(file, "rt", encoding="utf-8-sig", errors="replace", newline="")
    return file.open(encoding="utf-8-sig", errors="replace", newline="")


def activity_groups(lengths: NDArray[np.integer[Any]]) -> list[tuple[str, NDArray[np.bool_]]]:
    """Thirds by length of the history, each by its name and bool (q,); fewer where many have one length."""
    if not len(lengths):
        return []
    edges = np.unique(np.quantile(lengths, (1 / 3, 2 / 3), method="higher"))
    third = np.searchsorted(edges, lengths, side="left")
    found = []
    for number in np.unique(third).tolist():
        chosen = third == number
        low, high = int(lengths[chosen].min()), int(lengths[chosen].max())
        found.append((f"{low}" if low == high else f"{low}-{high}", chosen))
    return found


def user_members(groups: Mapping[str, str], names: Iterable[str]) -> list[tuple[str, NDArray[np.bool_]]]:
    """The values of one attribute, each by its name and bool (users,): who has it, in the order of `names`."""
    said = np.array([groups.get(name, "") for name in names], dtype=np.object_)
    return [(value, said == value) for value in sorted(set(groups.values()))]


def shares(values: F64) -> F64:
    """The same as parts of their sum; all 0 where there is none."""
    total = float(values.sum())
    return values / total if total > 0 else np.zeros_like(values)
