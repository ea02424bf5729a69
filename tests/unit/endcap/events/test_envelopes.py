"""What services put around events is taken off: nothing in it is lost, and none makes it cost without end."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.events.envelopes import MAX_DEPTH, MAX_OPENED_BYTES, Part, opened

EVENT = {"user_id": "q", "event_type": "purchase", "item_id": "en-010"}
SEGMENT = {"type": "track", "event": "Product Viewed", "userId": "q", "messageId": "m"}


def sns(message: object, message_id: str = "m-1") -> dict[str, Any]:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html"""
    text = message if isinstance(message, str) else json.dumps(message)
    return {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:shop",
        "Message": text,
        "Timestamp": "2025-11-01T00:00:00.000Z",
    }


def bridged(detail: object) -> dict[str, Any]:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html"""
    about = {"version": "0", "id": "e-1", "detail-type": "OrderPlaced", "source": "shop"}
    return {**about, "account": "123456789012", "time": "2025-11-01T00:00:00Z", "detail": detail}


def varint(value: int) -> bytes:
    digits = []
    while value > 0x7F:
        digits.append(0x80 | value & 0x7F)
        value >>= 7
    return bytes([*digits, value])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def aggregated(*records: bytes) -> bytes:
    """As the Kinesis Producer Library lays records together."""
    held = b"".join(field(3, varint(1 << 3) + varint(0) + field(3, record)) for record in records)
    body = field(1, b"key") + held
    return b"\xf3\x89\x9a\xc2" + body + hashlib.md5(body).digest()


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


WRAPPED = {
    "alone": encoded(EVENT),
    "list": encoded([EVENT]),
    "lines": encoded(EVENT) + b"\r\n\n" + encoded(EVENT) + b"\n",
    "SNS": encoded(sns(EVENT)),
    "EventBridge": encoded(bridged(EVENT)),
    "SNS of EventBridge": encoded(sns(bridged(EVENT))),
    "gzip": gzip.compress(encoded(EVENT)),
    "gzip in base64": base64.b64encode(gzip.compress(encoded(EVENT))),
    "KPL": aggregated(encoded(EVENT), encoded(EVENT)),
    "gzip in KPL": aggregated(gzip.compress(encoded(EVENT) + b"\n" + encoded(EVENT))),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_an_event_is_found_in_its_envelope(name: str) -> None:
    parts = opened(WRAPPED[name])
    assert parts
    for part in parts:
        assert part.problem == ""
        assert {key: part.value[key] for key in EVENT} == EVENT


@pytest.mark.parametrize("wrap", [sns, bridged])
def test_an_envelope_lends_its_id_and_time_to_events_that_have_none(wrap: Any) -> None:
    (first,), (again,), (other,) = (opened(encoded(wrap(e))) for e in (EVENT, EVENT, {**EVENT, "event_id": "own"}))
    assert first.value["event_id"] == again.value["event_id"]
    assert str(first.value["timestamp"]).startswith("2025-11-01T00:00:00")
    assert other.value["event_id"] == "own"
    (foreign,) = opened(encoded(wrap(SEGMENT)))
    assert foreign.value == SEGMENT


def test_events_of_one_envelope_are_different_events() -> None:
    parts = opened(encoded(sns([EVENT, EVENT, EVENT])))
    assert len({part.value["event_id"] for part in parts}) == 3
    assert len({part.value["event_id"] for message_id in "ab" for part in opened(encoded(sns(EVENT, message_id)))}) == 2


def test_a_bad_line_is_put_aside_alone() -> None:
    parts = opened(encoded(EVENT) + b"\nnonsense\n" + encoded(EVENT))
    assert [bool(part.problem) for part in parts] == [False, True, False]
    assert parts[1].text == "nonsense"


@pytest.mark.parametrize(
    "payload",
    [
        b"nonsense",
        b"\x1f\x8bnothing",
        gzip.compress(bytes(MAX_OPENED_BYTES + 1)),
        gzip.compress(encoded(EVENT))[:-9],
        b"\xf3\x89\x9a\xc2" + b"0" * 40,
        encoded({**sns(EVENT), "Message": 3}),
        b"[" * 100_000,
    ],
    ids=["text", "no gzip", "gzip bomb", "half a gzip", "no KPL", "SNS without text", "nested"],
)
def test_what_can_not_be_opened_says_why(payload: bytes) -> None:
    (part,) = opened(payload)
    assert part.problem


def test_envelopes_are_opened_to_a_depth() -> None:
    value: Any = EVENT
    for _ in range(MAX_DEPTH + 1):
        value = [value]
    (part,) = opened(encoded(value))
    assert part == Part(json.dumps([EVENT]), [EVENT])


KEYS = st.sampled_from(["Type", "TopicArn", "Message", "detail", "detail-type", "event_type", "a"])
LEAVES = st.none() | st.booleans() | st.integers() | st.text()


@given(st.recursive(LEAVES, lambda values: st.lists(values) | st.dictionaries(KEYS, values), max_leaves=8))
def test_any_json_is_opened_to_json(value: Any) -> None:
    assert all(part.problem or json.loads(part.text) == part.value for part in opened(encoded(value)))
