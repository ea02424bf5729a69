"""Event patterns, as `FilterCriteria` of event source mappings use them.

Known: exact values, null, `prefix`, `suffix`, `equals-ignore-case`, `exists`, `anything-but` and `numeric`, nested
objects, and `$or`. Anything else is refused at start, so that no filter is silently wider locally than on AWS.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from endcap_local.template.intrinsics import TemplateError

_ABSENT = object()
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_RULES = {"prefix", "suffix", "equals-ignore-case", "exists", "anything-but", "numeric"}


def parse_filters(criteria: Mapping[str, Any] | None) -> tuple[Mapping[str, Any], ...]:
    """The patterns of a mapping's `FilterCriteria`; empty means that everything passes.

    Raises
    ------
    TemplateError : a pattern is no JSON object or uses a rule that is not known here
    """
    patterns = []
    for entry in (criteria or {}).get("Filters", ()):
        try:
            pattern = json.loads(entry["Pattern"])
        except ValueError as exc:
            raise TemplateError(f"filter pattern {entry['Pattern']!r} is not JSON") from exc
        _check(pattern)
        patterns.append(pattern)
    return tuple(patterns)


def passes(patterns: Sequence[Mapping[str, Any]], record: Mapping[str, Any]) -> bool:
    """Whether a record matches any of the patterns, or there are none."""
    return not patterns or any(_matches(pattern, record) for pattern in patterns)


def _check(pattern: Any) -> None:
    if not isinstance(pattern, dict):
        raise TemplateError(f"filter pattern {pattern!r} is not an object")
    for key, expected in pattern.items():
        if key == "$or":
            for alternative in expected:
                _check(alternative)
        elif isinstance(expected, dict):
            _check(expected)
        elif not isinstance(expected, list):
            raise TemplateError(f"filter pattern: {key} must be a list or an object")
        else:
            for rule in expected:
                if isinstance(rule, dict) and not (len(rule) == 1 and set(rule) <= _RULES):
                    raise TemplateError(f"filter pattern: {rule!r} is not known to the local stack")


def _matches(pattern: Mapping[str, Any], record: object) -> bool:
    for key, expected in pattern.items():
        if key == "$or":
            if not any(_matches(alternative, record) for alternative in expected):
                return False
            continue
        value = record.get(key, _ABSENT) if isinstance(record, Mapping) else _ABSENT
        if isinstance(expected, dict):
            if not _matches(expected, value):
                return False
        elif not any(_fits(rule, value) for rule in expected):
            return False
    return True


def _fits(rule: Any, value: Any) -> bool:
    if isinstance(value, list):
        return any(_fits(rule, element) for element in value)
    if not isinstance(rule, dict):
        return value is not _ABSENT and type(value) is type(rule) and bool(value == rule)
    (name, operand) = next(iter(rule.items()))
    if name == "exists":
        return (value is not _ABSENT) is bool(operand)
    if value is _ABSENT:
        return False
    if name == "anything-but":
        return not any(_fits(excluded, value) for excluded in (operand if isinstance(operand, list) else [operand]))
    if name == "numeric":
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return all(_COMPARISONS[sign](value, bound) for sign, bound in zip(operand[::2], operand[1::2], strict=True))
    if not isinstance(value, str):
        return False
    if name == "prefix":
        return value.startswith(str(operand))
    if name == "suffix":
        return value.endswith(str(operand))
    return value.casefold() == str(operand).casefold()
