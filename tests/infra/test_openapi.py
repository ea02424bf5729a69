"""The contract: valid OpenAPI 3.1, up to date with the code, and its examples hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from endcap.api.openapi import openapi_document
from endcap.api.routes import ROUTES
from infra.openapi.document import document, text
from infra.openapi.operations import OPERATIONS

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    """The document as it is served."""
    served: dict[str, Any] = json.loads(openapi_document())
    return served


def operations(contract: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in contract["paths"].items()
        for method, operation in methods.items()
    }


def test_the_committed_document_is_what_the_code_says() -> None:
    assert openapi_document() == text(), "run make openapi"


def test_the_document_is_valid(contract: dict[str, Any]) -> None:
    assert contract["openapi"].startswith("3.1.")
    assert list(OpenAPIV31SpecValidator(contract).iter_errors()) == []


def test_every_route_is_described_and_nothing_else(contract: dict[str, Any]) -> None:
    assert set(operations(contract)) == {f"{route.method} {route.path}" for route in ROUTES}
    assert set(OPERATIONS) == {(route.method, route.path) for route in ROUTES}


def test_only_health_is_open(contract: dict[str, Any]) -> None:
    assert {key for key, operation in operations(contract).items() if operation.get("security") == []} == {
        "GET /health"
    }


def test_errors_are_problems(contract: dict[str, Any]) -> None:
    shared = contract["components"]["responses"]
    for key, operation in operations(contract).items():
        for status in {"400", "404", "413", "500", "503"} & set(operation["responses"]):
            name = operation["responses"][status]["$ref"].rsplit("/", 1)[1]
            if " /personalize/" in key and status == "400":
                assert "x-amzn-ErrorType" in shared[name]["headers"]
            else:
                assert PROBLEM in shared[name]["content"], (key, status)


def test_examples_hold(contract: dict[str, Any]) -> None:
    checked = 0
    for key, operation in operations(contract).items():
        for media in operation.get("requestBody", {}).get("content", {}).values():
            validator = Draft202012Validator({**media["schema"], "components": contract["components"]})
            for name, example in media.get("examples", {}).items():
                assert [error.message for error in validator.iter_errors(example["value"])] == [], (key, name)
                checked += 1
    assert checked > 5


def test_schemas_have_names_of_their_own(contract: dict[str, Any]) -> None:
    """Of two models of one name the schema would be called after the modules."""
    assert [name for name in contract["components"]["schemas"] if "__" in name] == []


def test_generating_twice_gives_the_same() -> None:
    assert json.dumps(document()) == json.dumps(document())
