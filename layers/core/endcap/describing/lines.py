"""Answers as they are kept: one JSON object each, with what they have cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.describing.writer import Price, Usage, Written


def line_of(answer: Written, price: Price) -> dict[str, Any]:
    """An answer, a failed one too, as it is kept."""
    return {
        "key": answer.key,
        "value": answer.value,
        "failed": answer.failed,
        "read": answer.usage.read,
        "written": answer.usage.written,
        "usd": price.of(answer.usage),
    }


def answer_of(line: Mapping[str, Any]) -> Written | None:
    """What was kept; None for what is no answer."""
    try:
        usage = Usage(int(line["read"]), int(line["written"]))
        return Written(str(line["key"]), line["value"], usage, str(line["failed"] or ""))
    except (KeyError, TypeError, ValueError):
        return None
