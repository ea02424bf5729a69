"""User profiles in DynamoDB: one item per user, written on condition of its version."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from endcap.aws.clients import aws_errors
from endcap.errors import ConflictError, InvalidInputError, StoredDataError
from endcap.identifiers import anonymous_id_of
from endcap.profiles.adoption import adopted
from endcap.profiles.codec import ProfileFormatError, decode_profile, encode_profile
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, remembers_erasure

MAX_TRIES = 6
MAX_PROFILE_BYTES = 64 * 1024
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """A profile with the count of its writes, 0 where nothing is stored."""

    profile: UserProfile = EMPTY_PROFILE
    version: int = 0


class ProfileTable:
    """The profiles table.

    Parameters
    ----------
    dynamodb : a boto3 DynamoDB client
    ttl_days : days after its last write that a row expires, 0 for never; one that remembers a deletion never does
    adopt_days : for how long an anonymous id without a row takes over what lies under its plain id (see `adoption`),
        0 for not at all; a second read where there is no row
    """

    def __init__(
        self,
        dynamodb: Any,
        table: str,
        ttl_days: int = 0,
        clock: Callable[[], float] = time.time,
        adopt_days: int = 0,
    ) -> None:
        self._dynamodb, self._table, self._ttl_days, self._clock = dynamodb, table, ttl_days, clock
        self._adopt_days = adopt_days

    def get(self, user_id: str, *, consistent: bool = False) -> StoredProfile:
        """The profile under a key; an empty one where there is none or it has expired.

        Raises
        ------
        ThrottledError, DependencyError
        """
        return self._stored(user_id, consistent)[0]

    def approximate_count(self) -> int:
        """How many profiles there are, as DynamoDB counts them every six hours or so.

        Raises
        ------
        ThrottledError, DependencyError
        """
        with aws_errors("count profiles"):
            return int(self._dynamodb.describe_table(TableName=self._table)["Table"]["ItemCount"])

    def update(self, user_id: str, change: Callable[[UserProfile], UserProfile]) -> tuple[UserProfile, UserProfile]:
        """Replace the user's profile p by change(p), whoever else writes meanwhile; (before, after).

        Nothing is written where nothing changes.

        Raises
        ------
        ConflictError : another writer won six times running
        ThrottledError, DependencyError
        """
        stored, row = self._stored(user_id, consistent=True)
        for attempt in range(MAX_TRIES):
            changed = change(stored.profile)
            if changed == stored.profile:
                return stored.profile, stored.profile
            try:
                self._write(self.row(user_id, changed, stored.version + 1), row)
            except ConflictError as exc:
                row = getattr(exc.__cause__, "response", {}).get("Item")
                stored = self.read(row)
                time.sleep(random.uniform(0, 0.02 * 2**attempt))  # nosec B311 # a wait, no secret
            else:
                return stored.profile, changed
        raise ConflictError("write profile: another writer won each time")

    def scan(self) -> Iterator[tuple[str, StoredProfile]]:
        """Every user's id and profile.

        Raises
        ------
        ThrottledError, DependencyError
        """
        with aws_errors("read profiles"):
            for page in self._dynamodb.get_paginator("scan").paginate(TableName=self._table):
                for row in page["Items"]:
                    yield row["user_id"]["S"], self.read(row)

    def rows_after(self, user_id: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Every user's id and row as it is, from behind a user's on in the table's own order; from the start for "".

        Raises
        ------
        ThrottledError, DependencyError
        """
        start = {"ExclusiveStartKey": {"user_id": {"S": user_id}}} if user_id else {}
        while True:
            with aws_errors("read profiles"):
                page = self._dynamodb.scan(TableName=self._table, ConsistentRead=True, **start)
            for row in page["Items"]:
                yield row["user_id"]["S"], row
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def raw(self, user_id: str) -> Mapping[str, Any] | None:
        """The row under a key as it is, readable or not; None where there is none.

        Raises
        ------
        StoredDataError : what came is no row of this user
        ThrottledError, DependencyError
        """
        row = self._row(user_id, consistent=True)
        if row is not None and row.get("user_id") != {"S": user_id}:
            raise StoredDataError("what the profiles table gave is no row of this user")
        return row

    def remove(self, user_id: str, version: int) -> int:
        """Remove a row that was read at this version; 1, or 0 where it has changed since or is not there.

        Raises
        ------
        ThrottledError, DependencyError
        """
        try:
            with aws_errors("remove profile"):
                answer = self._dynamodb.delete_item(
                    TableName=self._table,
                    Key={"user_id": {"S": user_id}},
                    ConditionExpression="attribute_not_exists(user_id) OR version = :version",
                    ExpressionAttributeValues={":version": {"N": str(version)}},
                    ReturnValues="ALL_OLD",
                )
        except ConflictError:
            return 0
        return int(bool(answer.get("Attributes")))

    def replace_unreadable(self, user_id: str, profile: UserProfile) -> None:
        """Put a profile in the place of a row that can't be read; nothing where it can, or another writer comes first.

        Raises
        ------
        StoredDataError : what came is no row of this user
        ThrottledError, DependencyError
        """
        found = self.raw(user_id)
        try:
            self.read(found)
        except StoredDataError:
            row = found or {}
        else:
            return
        known = {name: row[name] for name in ("version", "profile") if name in row}
        whole = {f"#{name}": name for name in known}
        condition: dict[str, Any] = {}
        if known:
            condition = {
                "ConditionExpression": " AND ".join(f"#{name} = :{name}" for name in known),
                "ExpressionAttributeNames": whole,
                "ExpressionAttributeValues": {f":{name}": value for name, value in known.items()},
            }
        number = row.get("version", {}).get("N", "")
        version = int(number) + 1 if number.isdigit() else 1
        with aws_errors("write profile"):
            self._dynamodb.put_item(TableName=self._table, Item=self.row(user_id, profile, version), **condition)

    def row(self, user_id: str, profile: UserProfile, version: int) -> dict[str, Any]:
        """`profile` as a DynamoDB item.

        Raises
        ------
        InvalidInputError : it is larger than 64 KB
        """
        data = encode_profile(profile)
        if len(data) > MAX_PROFILE_BYTES:
            raise InvalidInputError(f"a profile may take at most {MAX_PROFILE_BYTES} bytes")
        row: dict[str, Any] = {"user_id": {"S": user_id}, "profile": {"B": data}, "version": {"N": str(version)}}
        if self._ttl_days and not remembers_erasure(profile):
            row["ttl"] = {"N": str(int(self._clock()) + self._ttl_days * DAY_S)}
        return row

    def _stored(self, user_id: str, consistent: bool) -> tuple[StoredProfile, Mapping[str, Any] | None]:
        row = self._row(user_id, consistent)
        plain_id = anonymous_id_of(user_id)
        if row is None and plain_id is not None and self._adopt_days:
            before = self.read(self._row(plain_id, consistent))
            profile = adopted(before.profile, plain_id, int(self._clock() * 1000), self._adopt_days)
            return StoredProfile() if profile is None else StoredProfile(profile), None
        return self.read(row), row

    def _row(self, user_id: str, consistent: bool) -> Mapping[str, Any] | None:
        with aws_errors("read profile"):
            answer = self._dynamodb.get_item(
                TableName=self._table, Key={"user_id": {"S": user_id}}, ConsistentRead=consistent
            )
        row: Mapping[str, Any] | None = answer.get("Item")
        return row

    def _write(self, row: Mapping[str, Any], replaced: Mapping[str, Any] | None) -> None:
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(user_id)"}
        if replaced is not None:
            condition = {
                "ConditionExpression": "version = :version",
                "ExpressionAttributeValues": {":version": replaced["version"]},
            }
        with aws_errors("write profile"):
            self._dynamodb.put_item(
                TableName=self._table, Item=row, ReturnValuesOnConditionCheckFailure="ALL_OLD", **condition
            )

    def read(self, row: Mapping[str, Any] | None) -> StoredProfile:
        """The profile of a DynamoDB item; an empty one where there is none or it has expired.

        Raises
        ------
        ProfileFormatError : the row is damaged
        """
        if row is None:
            return StoredProfile()
        try:
            version, data = int(row["version"]["N"]), bytes(row["profile"]["B"])
            expired = "ttl" in row and int(row["ttl"]["N"]) <= self._clock()
        except (KeyError, TypeError, ValueError) as exc:
            raise ProfileFormatError("the profile's row is damaged") from exc
        # Expired rows stay readable until DynamoDB gets round to them, typically within two days.
        return StoredProfile(EMPTY_PROFILE if expired else decode_profile(data), version)
