"""Rows and objects of the local stack, written in bulk while other writers wait."""

from __future__ import annotations

import gzip
import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from endcap.aws.item_rows import item_row
from endcap.aws.profiles import ProfileTable, StoredProfile
from endcap.aws.secrets import PseudonymSecret
from endcap.catalog.item import Item
from endcap.events.interaction import Interaction, interaction_document
from endcap.events.types import IDENTIFY
from endcap.profiles.identity import apply_events
from endcap.profiles.profile import EMPTY_PROFILE, Encode, UserProfile, merge
from endcap.pseudonyms import pseudonymous
from endcap_local.stack import LocalStack
from endcap_rebuild.settings import Progress

READ_ROWS, WRITE_ROWS = 100, 25  # DynamoDB's limits for a batch
Row = TypeVar("Row")
_ANY_FUNCTION = "CollectFunction"  # has the names of all tables and of the bucket, as nearly every function


def variable_of(stack: LocalStack, name: str) -> str:
    return stack.function(_ANY_FUNCTION).environment[name]


def write_items(stack: LocalStack, items: Sequence[Item], progress: Progress) -> None:
    """Store the items that are new or changed."""
    table, now_ms = variable_of(stack, "ITEMS_TABLE"), int(time.time() * 1000)
    rows = {item.item_id: item_row(item, now_ms) for item in items}
    for row in rows.values():
        del row["change_shard"]  # the snapshot that follows has them; the index of changes is for what it has not

    def changed(stored: Mapping[str, Mapping[str, Any]], ids: Sequence[str]) -> list[dict[str, Any]]:
        return [rows[i] for i in ids if stored.get(i, {}).get("content_hash") != rows[i]["content_hash"]]

    _write(stack, table, "item_id", list(rows), changed, "items", progress)


def write_profiles(
    stack: LocalStack, events: Sequence[Interaction], encode: Encode | None, progress: Progress
) -> tuple[int, list[Interaction]]:
    """Fold the events as `update_profile` does, one row per shopper.

    Returns
    -------
    how many shoppers they are of, and the events that may be kept
    """
    unwanted: set[int] = set()
    table = variable_of(stack, "PROFILES_TABLE")
    rows = ProfileTable(stack.client("dynamodb"), table, int(variable_of(stack, "PROFILE_TTL_DAYS")))
    store = _Folded({user_id: stored.profile for user_id, stored in rows.scan()})
    by_user: dict[str, list[Interaction]] = defaultdict(list)
    for event in events:
        by_user[event.user_id].append(event)
    linked = any(event.event_type == IDENTIFY for event in events)
    parts: Sequence[Sequence[Interaction]] = [events] if linked else list(by_user.values())
    for number, part in enumerate(parts, start=1):
        apply_events(part, store, encode, unwanted=lambda event: unwanted.add(id(event)))
        progress("folding", number, len(parts))

    def changed(stored: Mapping[str, Mapping[str, Any]], ids: Sequence[str]) -> list[dict[str, Any]]:
        out = []
        for user_id in ids:
            before: StoredProfile = rows.read(stored.get(user_id))
            after = merge(before.profile, store.profiles[user_id])
            if after != before.profile:
                out.append(rows.row(user_id, after, before.version + 1))
        return out

    _write(stack, table, "user_id", sorted(store.touched), changed, "profiles", progress)
    return len(by_user), [event for event in events if id(event) not in unwanted]


def write_archive(stack: LocalStack, events: Sequence[Interaction]) -> None:
    """Keep the events where `update_profile` keeps them; the same events give the same object."""
    documents = [interaction_document(event) for event in events]
    if variable_of(stack, "PSEUDONYMS") == "on":
        keys = PseudonymSecret(stack.client("secretsmanager"), variable_of(stack, "PSEUDONYM_SECRET")).get()
        documents = [pseudonymous(document, keys) for document in documents]
    lines = "".join(json.dumps(document, separators=(",", ":")) + "\n" for document in documents).encode()
    if lines:
        name = f"events/import/{hashlib.sha256(lines).hexdigest()[:32]}.jsonl.gz"
        body = gzip.compress(lines, compresslevel=1, mtime=0)
        stack.client("s3").put_object(Bucket=variable_of(stack, "DATA_BUCKET"), Key=name, Body=body)


def _write(
    stack: LocalStack,
    table: str,
    key: str,
    ids: Sequence[str],
    changed: Callable[[Mapping[str, Mapping[str, Any]], Sequence[str]], list[dict[str, Any]]],
    step: str,
    progress: Progress,
) -> None:
    """Write the rows that `changed` makes of the stored ones, while nobody else writes."""
    for number, part in enumerate(_batched(ids, READ_ROWS)):
        with stack.engine.exclusive("dynamodb") as dynamodb:
            keys = [{key: {"S": row_id}} for row_id in part]
            found = dynamodb.batch_get_item(RequestItems={table: {"Keys": keys}})["Responses"][table]
            new = changed({row[key]["S"]: row for row in found}, part)
            for some in _batched(new, WRITE_ROWS):
                dynamodb.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": row}} for row in some]})
        progress(step, number * READ_ROWS + len(part), len(ids))


def _batched(rows: Sequence[Row], size: int) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


class _Folded:
    """Profiles in memory, and whose have changed."""

    def __init__(self, profiles: Mapping[str, UserProfile]) -> None:
        self.profiles, self.touched = dict(profiles), set[str]()

    def update(self, user_id: str, change: Callable[[UserProfile], UserProfile]) -> tuple[UserProfile, UserProfile]:
        """Replace the user's profile p by change(p); (before, after)."""
        before = self.profiles.get(user_id, EMPTY_PROFILE)
        after = change(before)
        if after != before:
            self.profiles[user_id] = after
            self.touched.add(user_id)
        return before, after
