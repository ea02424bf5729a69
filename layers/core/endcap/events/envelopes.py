"""What services on the way put around events: gzip, KPL aggregates, SNS, EventBridge, lists, and lines of JSON.

What is found inside is read as if it had come alone. The id and the time that SNS and EventBridge give a message become
the event's where it has none of its own, so that a message that they deliver twice counts once.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from endcap.events.formats.fields import derived_id
from endcap.protobuf import ProtobufError, fields

MAX_DEPTH: Final = 4
"""Envelopes in envelopes: SNS to SQS through EventBridge has three."""
MAX_OPENED_BYTES: Final = 6 << 20
"""Of what a payload unpacks to; a record of Kinesis has 1 MiB, a message of SQS 256 KiB."""
MAX_PARTS: Final = 10_000
_GZIP: Final = b"\x1f\x8b"
_GZIP_BASE64: Final = b"H4sI"
_KPL: Final = b"\xf3\x89\x9a\xc2"
_MD5_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Part:
    """Something that a payload holds.

    Attributes
    ----------
    text : as it came, for whoever looks through quarantine
    value : as JSON
    problem : why it can't be read; "" where it can
    """

    text: str
    value: Any = None
    problem: str = ""


def opened(payload: bytes) -> list[Part]:
    """What a record's payload holds, out of all its envelopes: one part where there are none.

    A payload of which more would be read than `MAX_OPENED_BYTES`, `MAX_PARTS` or `MAX_DEPTH` allow is one part with a
    problem.
    """
    parts: list[Part] = []
    for part in _unpacked(payload, MAX_DEPTH):
        parts.append(part)
        if len(parts) > MAX_PARTS:
            return [Part(_text(payload), problem=f"the record holds more than {MAX_PARTS} events")]
    return parts


def _unpacked(payload: bytes, depth: int) -> Iterator[Part]:
    """From bytes to JSON."""
    if depth and payload[: len(_KPL)] == _KPL and (records := _aggregated(payload)) is not None:
        for record in records:
            yield from _unpacked(record, depth - 1)
        return
    if depth and (packed := _gzipped(payload)) is not None:
        plain = _gunzipped(packed)
        if plain is None:
            yield Part(_text(payload), problem="the record is no gzip, or too large when unpacked")
        else:
            yield from _unpacked(plain, depth - 1)
        return
    value = _json(payload)
    if not isinstance(value, _Unreadable):
        yield from _inside(value, depth)
        return
    lines = [line for line in payload.splitlines() if line.strip()]
    if depth and len(lines) > 1 and not isinstance(_json(lines[0]), _Unreadable):
        for line in lines:
            yield from _unpacked(line, depth - 1)
        return
    yield Part(_text(payload), problem="the record is not valid JSON")


def _inside(value: Any, depth: int) -> Iterator[Part]:
    """From an envelope of JSON to what it holds."""
    if depth and isinstance(value, list) and value and not any(_is_cloudevent(one) for one in value):
        for one in value:
            yield from _inside(one, depth - 1)
    elif depth and isinstance(value, Mapping) and value.get("Type") == "Notification" and "TopicArn" in value:
        message = value.get("Message")
        if isinstance(message, str):
            held = _unpacked(message.encode("utf-8", "surrogatepass"), depth - 1)
            yield from _known(held, value["TopicArn"], value.get("MessageId"), value.get("Timestamp"))
        else:
            yield Part(json.dumps(value), problem="the SNS notification has no Message")
    elif depth and isinstance(value, Mapping) and "detail-type" in value and isinstance(value.get("detail"), Mapping):
        held = _inside(value["detail"], depth - 1)
        yield from _known(held, value.get("source"), value.get("id"), value.get("time"))
    else:
        yield _part(value)


def _part(value: Any) -> Part:
    try:
        return Part(json.dumps(value), value)
    except RecursionError:  # what nests too deep to be written again is not worth reading
        return Part("", problem="the record is not valid JSON")


def _known(held: Iterator[Part], source: object, message_id: object, time: object) -> Iterator[Part]:
    """The parts that an envelope holds; events of Endcap's own with its id and time where they have none."""
    parts = list(islice(held, MAX_PARTS + 1))
    for index, part in enumerate(parts):
        if part.problem or not (isinstance(part.value, Mapping) and "event_type" in part.value):
            yield part  # those of others carry ids and times of their own
            continue
        known: dict[str, Any] = {"timestamp": time} if isinstance(time, str) else {}
        if isinstance(message_id, str) and message_id:
            known["event_id"] = derived_id(str(source), message_id, *([index] if len(parts) > 1 else ()))
        yield _part({**known, **part.value})


def _is_cloudevent(value: object) -> bool:
    return isinstance(value, Mapping) and "specversion" in value


class _Unreadable:
    """In place of JSON that can't be read."""


def _json(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError):
        return _Unreadable()


def _gzipped(payload: bytes) -> bytes | None:
    if payload[:2] == _GZIP:
        return payload
    if payload[:4] == _GZIP_BASE64:  # a queue's messages are text
        try:
            return base64.b64decode(payload, validate=True)
        except (binascii.Error, ValueError):
            return None
    return None


def _gunzipped(packed: bytes) -> bytes | None:
    """None where it is damaged or too large."""
    reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = reader.decompress(packed, MAX_OPENED_BYTES + 1)
    except zlib.error:
        return None
    return plain if reader.eof and len(plain) <= MAX_OPENED_BYTES else None


def _aggregated(payload: bytes) -> list[bytes] | None:
    """The records that the Kinesis Producer Library has put together; None where it has not.

    https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
    """
    body, digest = payload[len(_KPL) : -_MD5_BYTES], payload[-_MD5_BYTES:]
    if hashlib.md5(body, usedforsecurity=False).digest() != digest:
        return None
    try:
        records = [value for field, value in fields(memoryview(body)) if field == 3 and not isinstance(value, int)]
        found = [bytes(v) for one in records for field, v in fields(one) if field == 3 and not isinstance(v, int)]
    except ProtobufError:
        return None
    return found


def _text(payload: bytes) -> str:
    return payload.decode("utf-8", "backslashreplace")
