"""Which of the items that events name the catalogue has: a hint for whoever sends them, worth little time.

An environment remembers what it found; it asks about a hundred ids at most, and not for a while after a failure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from endcap.aws.clients import aws_errors
from endcap.observability import logger

MOST_ASKED: Final = 100
"""Ids of one request, and keys of one call."""
MOST_REMEMBERED: Final = 50_000
PAUSE_S: Final = 30.0


class KnownItems:
    """What is known of the catalogue's ids.

    Parameters
    ----------
    dynamodb : makes a boto3 DynamoDB client, when one is needed
    clock : seconds that only go up
    """

    def __init__(self, dynamodb: Callable[[], Any], table: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._dynamodb, self._table, self._clock = dynamodb, table, clock
        self._client: Any = None
        self._known: dict[str, None] = {}
        self._quiet_until_s = 0.0

    def unknown(self, item_ids: Iterable[str]) -> set[str]:
        """Those of some ids that the catalogue surely lacks; none while it does not answer."""
        asked = [item_id for item_id in dict.fromkeys(item_ids) if item_id not in self._known][:MOST_ASKED]
        if not asked or self._clock() < self._quiet_until_s:
            return set()
        try:
            found = self._found(asked)
        except Exception as exc:  # events are worth more than a hint
            self._quiet_until_s = self._clock() + PAUSE_S
            logger.warning("catalogue not asked about items", extra={"error": type(exc).__name__})
            return set()
        known, unread = found
        if len(self._known) + len(known) > MOST_REMEMBERED:
            self._known.clear()
        self._known |= dict.fromkeys(known)
        return set(asked) - known - unread

    def _found(self, item_ids: list[str]) -> tuple[set[str], set[str]]:
        """Ids that there are, and ids that there was no answer about."""
        self._client = self._client or self._dynamodb()
        keys = [{"item_id": {"S": item_id}} for item_id in item_ids]
        wanted = {"Keys": keys, "ProjectionExpression": "item_id, content_hash"}
        with aws_errors("look for items"):
            answer = self._client.batch_get_item(RequestItems={self._table: wanted})
        rows = answer["Responses"].get(self._table, ())
        left = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", ())
        return {row["item_id"]["S"] for row in rows if "content_hash" in row}, {key["item_id"]["S"] for key in left}
