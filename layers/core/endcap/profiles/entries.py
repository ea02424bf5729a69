"""What a profile keeps, one by one: what was done, written and shown, and what was said outright."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from endcap.events.types import step_of
from endcap.text.sentiment.aspects import ASPECTS

MAX_ASPECTS = 6
ASPECT_STEPS = 7
"""Steps between 0 and 1 in which the tone of an aspect is kept."""


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One interaction with one item.

    Attributes
    ----------
    key : 4 bytes of the SHA-256 of the event id
    value : what the client sent: a grade for ratings and reviews
    polarity : -1 to 1 in steps of 1/100, read from the text of a review that carries no value
    aspects : what a review praises and complains about, one byte each, see `pack_aspects`
    source : key of the anonymous id that handed it over, "" for the profile's own
    order : of purchases and returns 4 bytes of the SHA-256 of their order's id, b"" where that is unknown. A refund of
        a whole order has no item: its `item_id` is ""
    """

    timestamp_ms: int
    key: bytes
    event_type: str
    item_id: str
    value: float = float("-inf")
    polarity: float = float("-inf")
    aspects: bytes = b""
    source: str = ""
    order: bytes = b""

    @property
    def grade(self) -> float | None:
        """The client's grade, None where there is none."""
        return None if self.value == float("-inf") else self.value

    @property
    def tone(self) -> float | None:
        """The polarity of a review without a value, None elsewhere."""
        return None if self.polarity == float("-inf") else self.polarity

    @property
    def judged(self) -> dict[str, float]:
        """Aspect -> -1 to 1; aspects that this version does not know are left out."""
        return {ASPECTS[b >> 4]: (b & 15) / ASPECT_STEPS - 1 for b in self.aspects if b >> 4 < len(ASPECTS)}


def newest_first(entries: Iterable[Entry]) -> list[Entry]:
    """Entries by their time; of one moment, as of one request without times, by the order in which things are done."""
    return sorted(entries, key=lambda one: (one.timestamp_ms, step_of(one.event_type), one.key), reverse=True)


@dataclass(frozen=True, slots=True, order=True)
class TextSignal:
    """Words of the shopper, as the text encoder reads them; of a review what is about the thing.

    Attributes
    ----------
    item_id : the item reviewed or tagged, "" for a search
    polarity : -1 to 1; 1 for a search
    tag : 4 bytes that name the encoder
    vector : int8 (d_text,), the encoder's unit vector times 127; empty where no encoder was loaded
    source : as of an entry
    """

    timestamp_ms: int
    key: bytes
    event_type: str
    item_id: str
    polarity: float
    vector: bytes
    tag: bytes
    source: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Impression:
    """A time at which an item was shown; `key` is 4 bytes of the SHA-256 of its id, `source` as of an entry.

    Of a user's own only an item's latest is kept. Others are kept each: which of them a user turns out to own, an
    identify may say later.
    """

    timestamp_ms: int
    key: bytes
    source: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Register:
    """A JSON value of which the latest wins; `timestamp_ms` 0 means never set."""

    timestamp_ms: int = 0
    content: bytes = b""

    @property
    def value(self) -> Any:
        """The JSON value, None where it was never set."""
        return json.loads(self.content) if self.content else None


NEVER_SET = Register()


def register(value: Mapping[str, Any], at_ms: int) -> Register:
    """`value` as of `at_ms`, in one canonical spelling."""
    return Register(at_ms, json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


def pack_aspects(tones: Mapping[str, float]) -> bytes:
    """Aspect -> -1 to 1 as bytes: its number in the upper half, its tone in steps of a seventh in the lower.

    Of more than `MAX_ASPECTS` the clearest are kept.
    """
    clearest = sorted(tones, key=lambda name: (-abs(tones[name]), ASPECTS.index(name)))[:MAX_ASPECTS]
    return bytes(sorted(ASPECTS.index(name) << 4 | round((tones[name] + 1) * ASPECT_STEPS) for name in clearest))
