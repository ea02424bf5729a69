"""Event patterns, as `FilterCriteria` of event source mappings use them; moto matches them.

Known: exact values, null, `prefix`, `suffix`, `equals-ignore-case`, `exists`, `anything-but` and `numeric`, nested
objects, and `$or`. Anything else is refused at start, so that no filter is silently wider locally than on AWS, where
event source mappings take fewer rules than the event buses that moto's patterns are for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from moto.events.models import EventPattern

from endcap_local.template.intrinsics import TemplateError

_RULES = {"prefix", "suffix", "equals-ignore-case", "exists", "anything-but", "numeric"}


def parse_filters(criteria: Mapping[str, Any] | None) -> tuple[EventPattern, ...]:
    """The patterns of a mapping's `FilterCriteria`; empty means that everything passes.

    Raises
    ------
    TemplateError : a pattern is no JSON object or uses a rule that is not known here
    """
    return tuple(_parsed(entry["Pattern"]) for entry in (criteria or {}).get("Filters", ()))


def passes(patterns: Sequence[EventPattern], record: Mapping[str, Any]) -> bool:
    """Whether a record matches any of the patterns, or there are none."""
    return not patterns or any(pattern.matches_event(record) for pattern in patterns)


def _parsed(text: str) -> EventPattern:
    try:
        pattern = json.loads(text)
    except ValueError as exc:
        raise TemplateError(f"filter pattern {text!r} is not JSON") from exc
    _check(pattern)
    return EventPattern(text, pattern)


def _check(pattern: Any) -> None:
    if not isinstance(pattern, dict):
        raise TemplateError(f"filter pattern {pattern!r} is not an object")
    for key, expected in pattern.items():
        if isinstance(expected, dict):
            _check(expected)
        elif not isinstance(expected, list) or not expected:
            raise TemplateError(f"filter pattern: {key} must be a list that is not empty, or an object")
        else:
            check = _check if key == "$or" else _check_rule
            for rule in expected:
                check(rule)


def _check_rule(rule: Any) -> None:
    if not isinstance(rule, dict):
        return
    operand = rule.get("anything-but")
    known = len(rule) == 1 and set(rule) <= _RULES
    # A list holds what is excluded, never rules; moto would compare a rule as a value.
    if not known or (isinstance(operand, list) and any(isinstance(excluded, dict) for excluded in operand)):
        raise TemplateError(f"filter pattern: {rule!r} is not known to the local stack")
    _check_rule(operand)
