"""CloudEvents 1.0, structured or, over HTTP, binary.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#31-binary-content-mode

The envelope's source and id together are the id of what it holds, and its time is the time, where the data has none.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from endcap.events.formats.fields import derived_id, invalid, moment
from endcap.validation import timestamp_number

_REQUIRED = ("id", "source", "type")
_HEADER = "ce-"


class Envelope(NamedTuple):
    """What an envelope says of its data; `timestamp` as `parse_interaction` reads it."""

    data: Any
    foreign_id: str
    timestamp: float | None


def structured(headers: Mapping[str, str], body: Any) -> Any:
    """A request in binary mode, whose headers hold the attributes, as in structured mode; the body of any other.

    Parameters
    ----------
    headers : names in lower case
    """
    if _HEADER + "specversion" not in headers:
        return body
    attributes = {name[len(_HEADER) :]: unquote(value) for name, value in headers.items() if name.startswith(_HEADER)}
    return {**attributes, "data": body}


def matches(raw: Mapping[str, Any]) -> bool:
    """Whether `raw` has the shape of a CloudEvent."""
    return "specversion" in raw and "event_type" not in raw


def opened(raw: Mapping[str, Any]) -> Envelope:
    """The envelope `raw`.

    Raises
    ------
    InvalidInteractionError : it is no CloudEvent 1.0, or holds no JSON
    """
    if raw["specversion"] != "1.0":
        raise invalid("specversion", "must be 1.0")
    for name in _REQUIRED:
        if not isinstance(raw.get(name), str) or not raw[name]:
            raise invalid(name, "is required")
    time = raw.get("time")
    timestamp = None if time is None else timestamp_number(moment(time, "time"))
    return Envelope(_data(raw), derived_id(raw["source"], raw["id"]), timestamp)


def _data(raw: Mapping[str, Any]) -> Any:
    data = raw.get("data")
    if data is None and raw.get("data_base64") is not None:
        try:
            data = base64.b64decode(raw["data_base64"], validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise invalid("data_base64", "is not base64") from None
    if isinstance(data, str | bytes):
        try:
            data = json.loads(data)
        except (ValueError, RecursionError):
            raise invalid("data", "is not JSON") from None
    if not isinstance(data, Mapping | list):
        raise invalid("data", "must be an event or a list of events")
    return data
