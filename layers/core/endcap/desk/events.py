"""What comes in, what could not be used, and what operators have changed."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any, Final

from endcap.aws.replay import send
from endcap.aws.strays import Stray
from endcap.desk.changes import noted
from endcap.desk.cursors import closed, no_cursor, opened
from endcap.errors import FieldError, InvalidRequestError
from endcap.operator.schemas import MAX_PAGE, PageQuery, Replay, TailQuery
from endcap.runtime import Runtime

MAX_PAYLOAD_CHARS: Final = 4000


def tail(runtime: Runtime, given: TailQuery) -> dict[str, Any]:
    """What has come in since.

    Raises
    ------
    InvalidRequestError : the cursor is none of ours
    """
    seen, cursor = runtime.tail.since(opened(given.after), int(time.time() * 1000), given.limit)
    return {
        "events": [
            {"at": one.at_ms, "event": one.event, "refused": bool(one.errors), "errors": list(one.errors)}
            for one in seen
        ],
        "cursor": closed(cursor),
        "delay_s": runtime.settings.archive_buffer_seconds,
    }


def quarantine(runtime: Runtime, given: PageQuery) -> dict[str, Any]:
    """A page of what could not be used.

    Raises
    ------
    InvalidRequestError : the cursor is none of ours
    """
    after = opened(given.cursor)
    if after is not None and not _at(after):
        raise no_cursor()
    strays, after = runtime.strays.page(after, given.limit)
    reasons = Counter(reason for stray in strays for reason in stray.reasons)
    found: dict[str, Any] = {"strays": [_told(stray) for stray in strays], "reasons": dict(reasons)}
    return found | ({"cursor": closed(after)} if after else {})


def replay(runtime: Runtime, who: str, given: Replay) -> dict[str, Any]:
    """Send strays again: those of some keys, or those that one reason has brought there.

    Raises
    ------
    InvalidRequestError : neither is named
    """
    if (given.keys is None) == (given.reason is None):
        raise InvalidRequestError([FieldError(field="keys", message="either keys or reason must say which")])
    if given.keys is not None:
        strays = runtime.strays.of_keys(given.keys)
    else:
        page, _ = runtime.strays.page(None, MAX_PAGE)
        strays = [stray for stray in page if given.reason in stray.reasons]
    target = given.reason or f"{len(strays)} strays"
    with noted(runtime, who, "replay", target, [stray.key for stray in strays], None):
        outcome = send(runtime.strays, runtime.replays, strays)
    return {"found": outcome.found, "sent": outcome.sent, "refused": sum(outcome.refused.values())}


def audit(runtime: Runtime, given: PageQuery) -> dict[str, Any]:
    """A page of what operators have changed, the latest first.

    Raises
    ------
    InvalidRequestError : the cursor is none of ours
    """
    records, after = runtime.audit.page(opened(given.cursor), given.limit)
    return {"records": records} | ({"cursor": closed(after)} if after else {})


def _told(stray: Stray) -> dict[str, Any]:
    return {
        "key": stray.key,
        "source": stray.key.split("/")[1] if stray.key.count("/") > 1 else "",
        "arrived_at": stray.arrival_ms,
        "errors": [_error(reason) for reason in stray.reasons],
        "payload": stray.body[:MAX_PAYLOAD_CHARS],
    }


def _error(reason: str) -> dict[str, str]:
    field, colon, message = reason.partition(": ")
    return {"field": field, "message": message} if colon else {"field": "", "message": reason}


def _at(cursor: str) -> bool:
    """Whether a cursor begins with a moment, as those of quarantine do."""
    at_ms, bar, _ = cursor.partition("|")
    return bool(bar) and at_ms.isascii() and at_ms.isdigit()
