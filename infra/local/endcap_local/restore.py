"""Tables of a stack restored under another name, so that the stack can be pointed at them.

DynamoDB restores into a new table, and leaves there what it does not count as data: the stream, when rows expire,
recovery to a point in time, tags (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/pointintimerecovery_beforeyoubegin.html).
That is set here as the template has it. What the template's parameters are to say then is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from endcap.aws.clients import aws_errors
from endcap.errors import ConflictError, InvalidInputError, NotFoundError

Sleep = Callable[[float], None]
WAIT_S: Final = 20.0
LONGEST_S: Final = 24 * 3600.0
"""A restore takes from twenty minutes to some hours, by the size of the table."""


@dataclass(frozen=True, slots=True)
class TableKind:
    """What a table of the stack has beside its rows.

    Attributes
    ----------
    key : of its rows, name and type by part; for a table that is made anew
    stream : what its stream shows, None where it has none
    ttl : the attribute by which rows expire
    recovers : whether it can be restored; else it holds nothing that is worth it, and a new one is empty
    """

    name: str
    key: tuple[tuple[str, str], ...]
    stream: str | None = None
    ttl: str | None = None
    recovers: bool = True

    @property
    def parameter(self) -> str:
        """Of the template, that names a table in the place of the own one."""
        return f"Restored{self.name.title()}Table"

    @property
    def stream_parameter(self) -> str | None:
        """The same of its stream."""
        return f"Restored{self.name.title()}Stream" if self.stream else None


KINDS: Final[Mapping[str, TableKind]] = {
    kind.name: kind
    for kind in (
        TableKind("profiles", (("user_id", "S"),), ttl="ttl"),
        TableKind("items", (("item_id", "S"),), stream="NEW_AND_OLD_IMAGES"),
        TableKind("erasures", (("subject", "S"),)),
        TableKind("counters", (("shard", "S"), ("bucket", "N")), stream="NEW_IMAGE", ttl="ttl", recovers=False),
    )
}


def restore(
    dynamodb: Any, kind: TableKind, source: str, target: str, at: datetime | None, sleep: Sleep
) -> dict[str, str]:
    """Make the table `target` of what `source` held, or was deleted with, and set it up as the stack wants it.

    Doing it again, after it was cut off, goes on with the table that is there.

    Parameters
    ----------
    dynamodb : a boto3 DynamoDB client
    at : the moment, with its offset; None for the latest there is, which is some minutes ago
    sleep : waits some seconds

    Returns
    -------
    parameters of the template that point a stack at it

    Raises
    ------
    NotFoundError : neither the table nor a backup of it is there
    InvalidInputError : `target` is `source`
    ConflictError : it takes longer than a day
    ThrottledError, DependencyError
    """
    if source == target:
        raise InvalidInputError(f"{source} can't be restored into itself: name another table")
    tags = _tags(dynamodb, source)
    if _described(dynamodb, target) is None:
        if kind.recovers:
            _begin(dynamodb, source, target, at)
        else:
            _make(dynamodb, kind, target)
    arn = str(_awaited(dynamodb, target, sleep)["TableArn"])
    stream = _set_up(dynamodb, kind, target, tags, sleep)
    parameters = {kind.parameter: arn}
    if kind.stream_parameter:
        parameters[kind.stream_parameter] = stream
    return parameters


def _begin(dynamodb: Any, source: str, target: str, at: datetime | None) -> None:
    with aws_errors(f"restore {source}"):
        if _described(dynamodb, source) is not None:
            when: dict[str, Any] = {"UseLatestRestorableTime": True} if at is None else {"RestoreDateTime": at}
            dynamodb.restore_table_to_point_in_time(SourceTableName=source, TargetTableName=target, **when)
            return
        # A table that could be restored and was deleted leaves a backup of its last moment, for 35 days.
        found = dynamodb.list_backups(TableName=source, BackupType="ALL")["BackupSummaries"]
        if not found:
            raise NotFoundError(f"there is neither a table {source} nor a backup of it")
        latest = max(found, key=lambda backup: backup["BackupCreationDateTime"])
        dynamodb.restore_table_from_backup(TargetTableName=target, BackupArn=latest["BackupArn"])


def _make(dynamodb: Any, kind: TableKind, target: str) -> None:
    types = ("HASH", "RANGE")
    with aws_errors(f"make {target}"):
        dynamodb.create_table(
            TableName=target,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": of} for name, of in kind.key],
            KeySchema=[
                {"AttributeName": name, "KeyType": part} for (name, _), part in zip(kind.key, types, strict=False)
            ],
            SSESpecification={"Enabled": True},
        )


def _set_up(dynamodb: Any, kind: TableKind, target: str, tags: list[dict[str, str]], sleep: Sleep) -> str:
    """Everything beside the rows; the ARN of the stream, "" where it has none."""
    described = _awaited(dynamodb, target, sleep)
    with aws_errors(f"set up {target}"):
        if kind.stream and not described.get("StreamSpecification", {}).get("StreamEnabled"):
            stream = {"StreamEnabled": True, "StreamViewType": kind.stream}
            dynamodb.update_table(TableName=target, StreamSpecification=stream)
            described = _awaited(dynamodb, target, sleep)
        expiry = dynamodb.describe_time_to_live(TableName=target)["TimeToLiveDescription"]
        if kind.ttl and expiry["TimeToLiveStatus"] not in ("ENABLED", "ENABLING"):
            expires = {"Enabled": True, "AttributeName": kind.ttl}
            dynamodb.update_time_to_live(TableName=target, TimeToLiveSpecification=expires)
        if kind.recovers:
            recovery = {"PointInTimeRecoveryEnabled": True}
            dynamodb.update_continuous_backups(TableName=target, PointInTimeRecoverySpecification=recovery)
        if tags:
            dynamodb.tag_resource(ResourceArn=described["TableArn"], Tags=tags)
    return str(described.get("LatestStreamArn", ""))


def _tags(dynamodb: Any, source: str) -> list[dict[str, str]]:
    """Those that are the account's own; CloudFormation's nobody else may set."""
    described = _described(dynamodb, source)
    if described is None:
        return []
    with aws_errors(f"read the tags of {source}"):
        found = dynamodb.list_tags_of_resource(ResourceArn=described["TableArn"]).get("Tags", ())
    return [tag for tag in found if not tag["Key"].startswith("aws:")]


def _described(dynamodb: Any, table: str) -> dict[str, Any] | None:
    with aws_errors(f"look at {table}"):
        try:
            described: dict[str, Any] = dynamodb.describe_table(TableName=table)["Table"]
        except ClientError as exc:
            if exc.response.get("Error", {}).get("Code") == "ResourceNotFoundException":
                return None
            raise
    return described


def _awaited(dynamodb: Any, table: str, sleep: Sleep) -> dict[str, Any]:
    waited_s = 0.0
    while waited_s <= LONGEST_S:
        described = _described(dynamodb, table)
        if described is not None and described["TableStatus"] == "ACTIVE":
            return described
        sleep(WAIT_S)
        waited_s += WAIT_S
    raise ConflictError(f"{table} is not ready after a day")
