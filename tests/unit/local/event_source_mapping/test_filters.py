"""Filter criteria of event source mappings."""

from __future__ import annotations

import json

import pytest

from endcap_local.event_source_mapping.filters import parse_filters, passes
from endcap_local.template.intrinsics import TemplateError

RECORD = {
    "eventName": "MODIFY",
    "dynamodb": {
        "Keys": {"item_id": {"S": "Shoe-1"}},
        "NewImage": {"price": 20, "gone": None, "tags": ["a", "b"], "sold": True, "size.eu": 44},
    },
}


def filters(*patterns: object) -> dict[str, object]:
    return {"Filters": [{"Pattern": json.dumps(pattern)} for pattern in patterns]}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"eventName": ["INSERT", "MODIFY"]}, True),
        ({"eventName": ["REMOVE"]}, False),
        ({"eventName": ["MODIFY"], "missing": ["x"]}, False),
        ({"missing": [{"exists": False}]}, True),
        ({"eventName": [{"exists": False}]}, False),
        ({"eventName": [{"anything-but": ["REMOVE"]}]}, True),
        ({"eventName": [{"anything-but": "MODIFY"}]}, False),
        ({"dynamodb": {"Keys": {"item_id": {"S": [{"prefix": "Shoe"}]}}}}, True),
        ({"dynamodb": {"Keys": {"item_id": {"S": [{"suffix": "-2"}]}}}}, False),
        ({"dynamodb": {"Keys": {"item_id": {"S": [{"equals-ignore-case": "shoe-1"}]}}}}, True),
        ({"dynamodb": {"NewImage": {"price": [{"numeric": [">", 10, "<=", 20]}]}}}, True),
        ({"dynamodb": {"NewImage": {"price": [{"numeric": ["<", 20]}]}}}, False),
        ({"dynamodb": {"NewImage": {"price": ["20"]}}}, False),
        ({"dynamodb": {"NewImage": {"gone": [None]}}}, True),
        ({"dynamodb": {"NewImage": {"tags": ["b", "c"]}}}, True),
        ({"dynamodb": {"NewImage": {"price": [20.0]}}}, True),
        ({"dynamodb": {"NewImage": {"sold": [True]}}}, True),
        ({"dynamodb": {"NewImage": {"size": {"eu": [44]}}}}, True),  # AWS joins names by dots as well
        ({"dynamodb": {"NewImage": [{"exists": True}]}}, False),  # it asks for a value
        ({"dynamodb": {"Keys": [{"exists": False}]}}, True),
        ({"eventName": [{"anything-but": {"prefix": "REM"}}]}, True),
        ({"eventName": [{"anything-but": {"prefix": "MOD"}}]}, False),
        ({"$or": [{"eventName": ["REMOVE"]}, {"dynamodb": {"NewImage": {"price": [20]}}}]}, True),
    ],
)
def test_patterns_match_as_on_aws(pattern, expected):
    assert passes(parse_filters(filters(pattern)), RECORD) is expected


def test_any_of_several_filters_is_enough_and_none_lets_all_pass():
    either = parse_filters(filters({"eventName": ["INSERT"]}, {"eventName": ["MODIFY"]}))
    assert passes(either, RECORD)
    assert passes(parse_filters(None), RECORD)
    assert passes(parse_filters({"Filters": []}), RECORD)


@pytest.mark.parametrize(
    "pattern",
    [
        {"a": [{"cidr": "10.0.0.0/8"}]},
        {"a": [{"anything-but": {"wildcard": "*.png"}}]},
        {"a": [{"anything-but": [{"prefix": "b"}, "c"]}]},
        {"a": []},
        {"a": "plain"},
        {"$or": 1},
        {"$or": []},
        ["a"],
    ],
)
def test_rules_that_are_not_known_are_refused(pattern):
    with pytest.raises(TemplateError):
        parse_filters(filters(pattern))


def test_a_pattern_that_is_no_json_is_refused():
    with pytest.raises(TemplateError, match="not JSON"):
        parse_filters({"Filters": [{"Pattern": "{"}]})
