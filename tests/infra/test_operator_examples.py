"""The examples of what operators are answered are such answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from endcap.api.openapi import openapi_document

CONTRACT: dict[str, Any] = json.loads(openapi_document())
SCHEMAS = CONTRACT["components"]["schemas"]
ANSWERED = [name for name, schema in SCHEMAS.items() if "examples" in schema]


def test_most_answers_under_admin_have_an_example() -> None:
    assert len(ANSWERED) > 14


@pytest.mark.parametrize("name", ANSWERED)
def test_examples_are_of_their_schema(name: str) -> None:
    validator = Draft202012Validator({**SCHEMAS[name], "components": CONTRACT["components"]})
    for example in SCHEMAS[name]["examples"]:
        assert [error.message for error in validator.iter_errors(example)] == []


def test_examples_that_are_named_by_routes_are_there() -> None:
    lacking = []
    for path, methods in CONTRACT["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/admin/"):
                answer = operation["responses"].get("200", operation["responses"].get("202"))
                content = (answer or {}).get("content", {}).get("application/json", {}).get("schema", {})
                name = content.get("$ref", "/").rsplit("/", 1)[1]
                if name and "examples" not in SCHEMAS[name]:
                    lacking.append(f"{method} {path}: {name}")
    assert lacking in ([], ["post /admin/snapshots/{version}/compare: SnapshotComparison"])
