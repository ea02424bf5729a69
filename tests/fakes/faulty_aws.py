"""As much of AWS as lists are made through, in memory, every call of which can be made to fail in every way."""

from __future__ import annotations

import io
import random
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, IncompleteReadError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from endcap.aws.item_rows import item_row
from endcap.catalog.item import Item
from tests.fakes.virtual_time import VirtualClock

USUAL_S: Final = 0.01
SLOW_S: Final = 0.9
BUCKET: Final = "data-bucket"

Failure = Callable[["Call"], Any]


class Call:
    """One call that is made: which, with what limits of time, and what it would do without a fault."""

    def __init__(self, name: str, config: Config, clock: VirtualClock, proceed: Callable[[], Any]) -> None:
        self.name, self.config, self.clock, self.proceed = name, config, clock, proceed

    @property
    def attempts(self) -> int:
        """Tries that its client makes."""
        tries: int = self.config.retries["total_max_attempts"]  # type: ignore[attr-defined]
        return tries


def hang(call: Call) -> Any:
    """Nothing ever comes back: each try takes all the time that it has."""
    call.clock.spend(call.attempts * (call.config.connect_timeout + call.config.read_timeout))  # type: ignore[attr-defined]
    raise ReadTimeoutError(endpoint_url="https://aws")


def reset(call: Call) -> Any:
    """The connection is closed each time."""
    call.clock.spend(USUAL_S * call.attempts)
    raise ConnectionClosedError(endpoint_url="https://aws")


def error_500(call: Call) -> Any:
    """The service fails."""
    call.clock.spend(USUAL_S * call.attempts)
    raise ClientError(
        {"Error": {"Code": "InternalServerError"}, "ResponseMetadata": {"HTTPStatusCode": 500}}, call.name
    )


def throttle(call: Call) -> Any:
    """The service asks for patience; botocore waits up to a second before it tries again."""
    call.clock.spend(USUAL_S * call.attempts + 1.0 * (call.attempts - 1))
    raise _throttled(call)


def throttling(share: float, chance: random.Random) -> Failure:
    """The service refuses this share of the tries, and botocore waits for as long as chance has it."""

    def fail(call: Call) -> Any:
        for attempt in range(call.attempts):
            call.clock.spend(USUAL_S + (chance.random() if attempt else 0.0))
            if chance.random() >= share:
                return call.proceed()
        raise _throttled(call)

    return fail


def taking(seconds: float) -> Failure:
    """The right answer, after this long."""

    def answer(call: Call) -> Any:
        call.clock.spend(seconds)
        return call.proceed()

    return answer


def _throttled(call: Call) -> ClientError:
    return ClientError(
        {"Error": {"Code": "ThrottlingException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}, call.name
    )


def half_a_body(call: Call) -> Any:
    """The answer ends in the middle."""
    call.clock.spend(USUAL_S)
    if call.name.startswith("S3"):
        raise IncompleteReadError(actual_bytes=10, expected_bytes=20)
    raise ResponseParserError("Unable to parse response")


def garbage(call: Call) -> Any:
    """An answer without the parts that it should have."""
    call.clock.spend(USUAL_S)
    return {"Item": {}}


FAULTS: Final[Mapping[str, Failure]] = {
    "hang": hang,
    "slow": taking(SLOW_S),
    "reset": reset,
    "500": error_500,
    "throttle": throttle,
    "half a body": half_a_body,
    "garbage": garbage,
}


class FaultyAws:
    """Rows and objects of one account.

    Attributes
    ----------
    profiles, items : rows of the tables
    objects : contents by key
    files : key -> file, for what is downloaded
    faults : name of a call, such as `GetItem ProfilesTable` or `S3 config/scenarios.json` -> what becomes of it; a name
        that ends with `*` stands for all that begin so
    calls : names of the calls made so far
    sent : bodies of the messages that the queue took
    """

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.profiles: dict[str, dict[str, Any]] = {}
        self.items: dict[str, dict[str, Any]] = {}
        self.objects: dict[str, bytes] = {}
        self.files: dict[str, Path] = {}
        self.faults: dict[str, Failure] = {}
        self.calls: list[str] = []
        self.sent: list[str] = []

    def clients(self, service: str, config: Config) -> _Client:
        """The client of a service with these limits."""
        return _Client(self, service, config)

    def put_item(self, item: Item, at_ms: int) -> None:
        """Write a row of the items table."""
        self.items[item.item_id] = item_row(item, at_ms)

    def delete_item(self, item_id: str, at_ms: int) -> None:
        """Leave a tombstone."""
        row = item_row(Item(item_id), at_ms)
        self.items[item_id] = {name: row[name] for name in ("item_id", "changed_at", "change_shard")}

    def put_snapshot(self, folder: Path, version: str) -> None:
        """Upload a snapshot, and make it the current one."""
        for path in folder.iterdir():
            self.files[f"snapshots/{version}/{path.name}"] = path
        self.objects["snapshots/current.json"] = b'{"version": "%s"}' % version.encode()

    def made(self, name: str, config: Config, proceed: Callable[[], Any]) -> Any:
        """Make a call, or fail as its fault says."""
        self.calls.append(name)
        for wanted, fault in self.faults.items():
            if wanted == name or (wanted.endswith("*") and name.startswith(wanted[:-1])):
                return fault(Call(name, config, self._clock, proceed))
        self._clock.spend(USUAL_S)
        return proceed()


class _Client:
    def __init__(self, aws: FaultyAws, service: str, config: Config) -> None:
        self._aws, self._service, self._config = aws, service, config

    # DynamoDB

    def get_item(self, *, TableName: str, Key: dict[str, Any], **_: Any) -> Any:
        rows = self._aws.profiles if "user_id" in Key else self._aws.items
        ((value,),) = (part.values() for part in Key.values())
        found = rows.get(value)
        return self._made(f"GetItem {TableName}", lambda: {} if found is None else {"Item": found})

    def put_item(self, *, TableName: str, Item: dict[str, Any], **_: Any) -> Any:
        def put() -> dict[str, Any]:
            self._aws.profiles[Item["user_id"]["S"]] = Item
            return {}

        return self._made(f"PutItem {TableName}", put)

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> Any:
        ((table, asked),) = RequestItems.items()
        ids = [key["item_id"]["S"] for key in asked["Keys"] if "item_id" in key]
        found = [self._aws.items[item_id] for item_id in ids if item_id in self._aws.items]
        return self._made(f"BatchGetItem {table}", lambda: {"Responses": {table: found}, "UnprocessedKeys": {}})

    def update_item(self, *, TableName: str, ExpressionAttributeValues: dict[str, Any], **_: Any) -> Any:
        secret = ExpressionAttributeValues.get(":secret")
        return self._made(f"UpdateItem {TableName}", lambda: {"Attributes": {"secret": secret}})

    def query(self, *, TableName: str, ExpressionAttributeValues: dict[str, Any], **_: Any) -> Any:
        def rows() -> dict[str, Any]:
            shard = ExpressionAttributeValues[":shard"]
            since = int(ExpressionAttributeValues[":since"]["N"])
            changed = [
                row
                for row in self._aws.items.values()
                if row.get("change_shard") == shard and int(row["changed_at"]["N"]) >= since
            ]
            return {"Items": sorted(changed, key=lambda row: -int(row["changed_at"]["N"]))}

        return self._made(f"Query {TableName}", rows)

    def get_paginator(self, _: str) -> _Client:
        return self

    def paginate(self, **request: Any) -> Any:
        yield self.query(**request)

    # SQS, Firehose and S3

    def send_message(self, *, MessageBody: str, **_: Any) -> Any:
        return self._made("SendMessage", lambda: self._aws.sent.append(MessageBody) or {})

    def put_record(self, **_: Any) -> Any:
        return self._made("PutRecord", dict)

    def put_object(self, *, Key: str, **_: Any) -> Any:
        return self._made(f"Put {Key.partition('/')[0]}", dict)

    def get_object(self, *, Key: str, IfNoneMatch: str = "", **_: Any) -> Any:
        def read() -> dict[str, Any]:
            if Key in self._aws.files:
                return {"Body": io.BytesIO(self._aws.files[Key].read_bytes()), "ETag": "file"}
            if Key not in self._aws.objects:
                raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
            data = self._aws.objects[Key]
            if str(hash(data)) == IfNoneMatch:
                raise ClientError({"ResponseMetadata": {"HTTPStatusCode": 304}}, "GetObject")  # type: ignore[typeddict-item]
            return {"Body": io.BytesIO(data), "ETag": str(hash(data))}

        return self._made(f"S3 {Key}", read)

    def download_file(self, _: str, key: str, path: str, **__: Any) -> Any:
        return self._made(f"S3 {key}", lambda: shutil.copyfile(self._aws.files[key], path))

    def _made(self, name: str, proceed: Callable[[], Any]) -> Any:
        return self._aws.made(name, self._config, proceed)
