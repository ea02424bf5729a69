"""What has come in lately: the newest objects of the archive and of quarantine, read a little at a time."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from endcap.aws.clients import aws_errors
from endcap.errors import NotFoundError

EVENTS: Final = "events/"
QUARANTINE: Final = "quarantine/"
MAX_OBJECTS: Final = 20
"""Read for one answer: each may hold a minute of a busy shop."""
MAX_SMALL_OBJECTS: Final = 100
"""Read for the first answer where they hold little, as those of a quiet shop do."""
_WHO: Final = ("user_id", "anonymous_id", "pseudonym", "anonymous_pseudonym")
_GZIP: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Seen:
    """An event, or what could not be one."""

    at_ms: int
    event: dict[str, Any]
    errors: tuple[dict[str, str], ...] = ()


class Tail:
    """The archive and the quarantine of a bucket.

    Parameters
    ----------
    s3 : a boto3 S3 client
    """

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    def since(self, after: str | None, now_ms: int, limit: int) -> tuple[list[Seen], str]:
        """What was written after what `after` names, oldest first and at most `limit`, and what to ask with next.

        Parameters
        ----------
        after : what an earlier answer gave; None for the latest there is

        Raises
        ------
        ThrottledError, DependencyError
        """
        key, _, stamp = (after or "").partition("|")
        since_ms = int(stamp) if stamp.isascii() and stamp.isdigit() else None
        keys = self._archived(key or None, now_ms)
        keys, found = self._latest(keys, limit) if after is None else self._of(keys[:MAX_OBJECTS])
        strays = self._strays(now_ms, since_ms)
        last_ms = max([since_ms or 0, *(at for _, at in strays)])
        found += [seen for one, _ in strays[-limit:] for seen in self._stray(one)]
        ordered = _first_of_each(sorted(found, key=lambda seen: seen.at_ms))[-limit:]
        return ordered, f"{keys[-1] if keys else key}|{last_ms}"

    def _of(self, keys: list[str]) -> tuple[list[str], list[Seen]]:
        return keys, [seen for one in keys for seen in self._events(one)]

    def _latest(self, keys: list[str], limit: int) -> tuple[list[str], list[Seen]]:
        """The latest objects with what is in them; of small ones as many as have `limit` events, or a few more."""
        read, found = self._of(keys[-MAX_OBJECTS:])
        for key in reversed(keys[-MAX_SMALL_OBJECTS:-MAX_OBJECTS]):
            if len(found) >= limit:
                break
            read, found = [key, *read], [*self._events(key), *found]
        return read, found

    def _archived(self, after: str | None, now_ms: int) -> list[str]:
        """Keys of the archive after one, ascending; without one, those of today, else of the day before."""
        today = datetime.fromtimestamp(now_ms / 1000, UTC)
        days = [f"{EVENTS}{day:%Y/%m/%d}/" for day in (today - timedelta(days=1), today)]
        if after is not None:
            return [key for day in days for key, _ in self._listed(day, after) if key > after]
        found = [key for key, _ in self._listed(days[1])]
        return found or [key for key, _ in self._listed(days[0])]

    def _strays(self, now_ms: int, since_ms: int | None) -> list[tuple[str, int]]:
        """Keys in quarantine and when they were written, the oldest first."""
        day = f"/{datetime.fromtimestamp(now_ms / 1000, UTC):%Y/%m/%d}/"
        found = [
            (key, at) for key, at in self._listed(QUARANTINE) if day in key and (since_ms is None or at > since_ms)
        ]
        return sorted(found, key=lambda pair: pair[1])[-MAX_OBJECTS:]

    def _listed(self, prefix: str, after: str = "") -> Iterator[tuple[str, int]]:
        start = {"StartAfter": after} if after else {}
        with aws_errors(f"list {prefix}"):
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix, **start):
                for entry in page.get("Contents", ()):
                    yield entry["Key"], int(entry["LastModified"].timestamp() * 1000)

    def _read(self, key: str) -> tuple[bytes, int]:
        try:
            with aws_errors("read what has come in"):
                answer = self._s3.get_object(Bucket=self._bucket, Key=key)
                data = answer["Body"].read()
        except NotFoundError:  # purged, or sent again meanwhile
            return b"", 0
        written_ms = int(answer["LastModified"].timestamp() * 1000)
        return (gzip.decompress(data) if data.startswith(_GZIP) else data), written_ms

    def _events(self, key: str) -> Iterator[Seen]:
        data, written_ms = self._read(key)
        for line in data.splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                yield Seen(written_ms, event)

    def _stray(self, key: str) -> Iterator[Seen]:
        data, _ = self._read(key)
        try:
            document = json.loads(data)
            yield Seen(int(document["arrival"]), {"payload": document["payload"]}, tuple(document["errors"]))
        except (ValueError, KeyError, TypeError):
            return


def _first_of_each(ordered: list[Seen]) -> list[Seen]:
    """What came in, without what had come before: an event that was sent again happened when it came first."""
    known, found = set[tuple[str, ...]](), []
    for seen in ordered:
        event_id = seen.event.get("event_id")
        name = (str(event_id), *(str(seen.event.get(who)) for who in _WHO))
        if seen.errors or event_id is None or name not in known:
            found.append(seen)
        known.add(name)
    return found
