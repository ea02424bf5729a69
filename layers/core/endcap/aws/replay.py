"""Sending strayed events to the events queue again: those of quarantine, and those of dead-letter queues.

A stray is removed from its place only after the queue has taken it, so a run that stops half-way loses nothing; and
since an event counts once however often it comes, one that is sent twice changes nothing. What still can't be used
goes back into quarantine as a new stray, which a run that is under way does not take up again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from endcap.aws.clients import aws_errors
from endcap.aws.queues import FIRST_SEEN, MAX_MESSAGE_BYTES
from endcap.aws.strays import MESSAGES, UNREADABLE, Slot, Stray
from endcap.errors import EndcapError
from endcap.validation import present, timestamp_number

TRIES: Final = 3
MOST_REASONS: Final = 1_000
OTHER_REASONS: Final = "other reasons"
"""What stands for those that come after the first thousand: reasons quote what clients sent, and so have no end."""
TOO_LARGE: Final = f"larger than the {MAX_MESSAGE_BYTES // 1024} KiB that go into a message"
Progress = Callable[[str, int, int], None]


@dataclass
class Outcome:
    """What a place held, and what became of it.

    Attributes
    ----------
    reasons : why they are there -> how many strays; one with several reasons counts for each
    chosen : how many were to be sent
    sent : how many the queue has taken
    refused : why the queue did not take the others -> how many; they stay where they are
    kept : how many the queue has taken but the place did not let go of; sending them again does no harm
    unseen : about how many there are besides, which this run did not look at
    """

    found: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    chosen: int = 0
    sent: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    kept: int = 0
    unseen: int = 0

    def note(self, stray: Stray) -> None:
        """Count one that was found."""
        self.found += 1
        for reason in set(stray.reasons):
            self.reasons[reason if reason in self.reasons or len(self.reasons) < MOST_REASONS else OTHER_REASONS] += 1


class Queue:
    """The events queue, as a replay sends to it.

    Parameters
    ----------
    sqs : a boto3 SQS client
    """

    def __init__(self, sqs: Any, url: str) -> None:
        self._sqs, self._url = sqs, url

    def send(self, bodies: Sequence[str], seen_ms: Sequence[int] = ()) -> dict[int, str]:
        """Send up to ten messages that fit into one call; what fails by the queue's own fault is tried again.

        Parameters
        ----------
        seen_ms : when each came for the first time; none of them is told where that is not known

        Returns
        -------
        index of each message that was not taken -> why
        """
        refused: dict[int, str] = {}
        told = [_seen(at_ms) for at_ms in seen_ms] or [{} for _ in bodies]
        left = {k: {"MessageBody": body, **more} for k, (body, more) in enumerate(zip(bodies, told, strict=True))}
        for number in range(TRIES):
            # Alone in the end, so that one that makes the whole call fail takes no other with it.
            parts = [left] if number < TRIES - 1 else [{k: message} for k, message in left.items()]
            faults = {k: fault for part in parts for k, fault in self._send(part).items()}
            refused |= {k: why for k, (why, _) in faults.items()}
            for k in left.keys() - faults.keys():
                refused.pop(k, None)
            left = {k: left[k] for k, (_, final) in faults.items() if not final}
            if not left:
                break
        return refused

    def _send(self, messages: Mapping[int, Mapping[str, Any]]) -> dict[int, tuple[str, bool]]:
        """Index of each message that was not taken -> why, and whether another try would end the same."""
        entries = [{"Id": str(k), **message} for k, message in messages.items()]
        try:
            with aws_errors("send events"):
                failed = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries).get("Failed", ())
        except EndcapError as exc:
            return {k: (str(exc), False) for k in messages}
        return {int(f["Id"]): (str(f.get("Code", "unknown")), bool(f.get("SenderFault"))) for f in failed}


def replay(
    place: Slot,
    queue: Queue | None,
    since_ms: int,
    started_ms: int,
    reason: str = "",
    limit: int | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Count the strays of a place and, given a queue, send the chosen ones to it.

    Parameters
    ----------
    since_ms, started_ms : strays that arrived from the one up to the other are looked at
    reason : chooses those with this text in one of their reasons, whatever its case
    limit : the most that are chosen; the run ends with the last of them

    Raises
    ------
    NotFoundError, ThrottledError, DependencyError : the place can't be read
    """
    outcome = Outcome()

    def chosen() -> Iterator[Stray]:
        for stray in place.strays(since_ms, started_ms):
            outcome.note(stray)
            if progress is not None:
                progress(place.name, outcome.found, 0)
            if any(reason.lower() in one.lower() for one in stray.reasons):
                outcome.chosen += 1
                yield stray

    try:
        some = islice(chosen(), limit)
        if queue is None:
            for _ in _packed(_sendable(some, outcome)):
                pass
        else:
            _send(place, queue, some, outcome)
    finally:
        place.close()
    outcome.unseen = place.unseen
    return outcome


def send(place: Slot, queue: Queue, strays: Iterable[Stray]) -> Outcome:
    """Send some strays to the queue; those that it takes are gone from their place.

    Raises
    ------
    ThrottledError, DependencyError
    """
    outcome = Outcome()

    def chosen() -> Iterator[Stray]:
        for stray in strays:
            outcome.note(stray)
            outcome.chosen += 1
            yield stray

    _send(place, queue, chosen(), outcome)
    return outcome


def _send(place: Slot, queue: Queue, strays: Iterable[Stray], outcome: Outcome) -> None:
    for some, bodies in _packed(_sendable(strays, outcome)):
        failed = queue.send(bodies, [stray.seen_ms for stray in some])
        outcome.refused.update(failed.values())
        taken = [stray for k, stray in enumerate(some) if k not in failed]
        outcome.sent += len(taken)
        outcome.kept += len(place.remove(taken))


def message_body(stray: Stray) -> str:
    """What is sent for a stray: what came, with the time that it would have been given then.

    An event without a time is one of its arrival. Sent again it arrives again, and would be another event.
    """
    try:
        value = json.loads(stray.body)
        if isinstance(value, dict) and "detail-type" in value and isinstance(value.get("detail"), dict):
            value = value["detail"]  # the envelope of EventBridge, which its rule opens
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return stray.body
    if isinstance(value, dict) and isinstance(value.get("events"), list):
        value = {**value, "events": [_dated(event, stray.arrival_ms) for event in value["events"]]}
    # ASCII only, as everything that is queued: SQS refuses some characters that JSON strings may hold.
    return json.dumps(_dated(value, stray.arrival_ms), separators=(",", ":"))


def _seen(at_ms: int) -> dict[str, Any]:
    """What a message says of its first arrival: people who were erased since are not to come back with it."""
    return {"MessageAttributes": {FIRST_SEEN: {"DataType": "String", "StringValue": str(at_ms)}}}


def _dated(event: Any, arrival_ms: int) -> Any:
    """An event of Endcap's own format with a time; other formats have their own."""
    if not isinstance(event, dict) or "event_type" not in event or "timestamp" in present(event):
        return event
    return {**event, "timestamp": timestamp_number(arrival_ms)}


def _sendable(strays: Iterable[Stray], outcome: Outcome) -> Iterator[tuple[Stray, str]]:
    for stray in strays:
        body = message_body(stray)
        if not stray.handle:
            outcome.refused[UNREADABLE] += 1
        elif len(body.encode("utf-8", "replace")) > MAX_MESSAGE_BYTES:
            outcome.refused[TOO_LARGE] += 1
        else:
            yield stray, body


def _packed(messages: Iterable[tuple[Stray, str]]) -> Iterator[tuple[list[Stray], list[str]]]:
    """As many messages as one call takes, by their number and by their bytes together."""
    strays: list[Stray] = []
    bodies: list[str] = []
    size = 0
    for stray, body in messages:
        n_bytes = len(body.encode("utf-8", "replace"))
        if strays and (len(strays) == MESSAGES or size + n_bytes > MAX_MESSAGE_BYTES):
            yield strays, bodies
            strays, bodies, size = [], [], 0
        strays.append(stray)
        bodies.append(body)
        size += n_bytes
    if strays:
        yield strays, bodies
