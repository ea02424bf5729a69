"""The OpenAPI document, put together from routes, operations and models."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

import endcap
from endcap.api.http import MAX_BODY_BYTES, RETRY_AFTER_S
from endcap.api.roles import DOOR, OPEN, SERVER, SIGNED
from endcap.api.routes import ROUTES, Route
from endcap.api.schemas import MAX_CONTEXT_CHARS
from endcap.identifiers import ANONYMOUS_PREFIX
from endcap.storefront.visits import COOKIE, NEW, NOBODY
from infra.openapi import answers, requests
from infra.openapi.operation import JSON, PROBLEM, Operation
from infra.openapi.operations import OPERATIONS
from infra.openapi.operator.answer import OperatorProblem
from infra.openapi.schemas import REF, TIMESTAMP, components, walked

ROOT: Final = Path(__file__).parents[2]
PATH: Final = ROOT / "layers" / "core" / "endcap" / "api" / "openapi.json"

_EXAMPLES: Final = {"user_id": "u-1001", "item_id": "item-20", "q": "steel lamp", "limit": 5, "fields": ["title"]} | {
    "name": "home",
    "version": "20260115T033412Z-5f0c",
}
_CATEGORY: Final = {"type": "string", "minLength": 1, "maxLength": 256, "description": "Only items of this category"}
_ABOUT: Final = {
    "events": "What shoppers do",
    "recommendations": "What to show",
    "items": "The catalogue",
    "personalize": "Calls as boto3's personalize-events and personalize-runtime clients send them",
    "users": "What shoppers may see, say and erase",
    "storefront": "What shoppers' browsers may do by themselves, where the stack has opened this door",
    "webhooks": "What shop systems send by themselves, signed, where the stack has been told their secrets",
    "operators": "What those who run the shop look at and steer; `endcap/look`, `endcap/steer`",
    "about": "The service itself",
}
_GATEWAY: Final = {
    401: "no valid token (AuthMode JWT), one at the storefront door that is no good, or a webhook's wrong signature",
    403: "not signed, not allowed, or without the scope that is needed",
    429: "too many requests",
    431: "request line and headers take more than 10 KB",
}
_SIGNATURES: Final = {"shopify": "X-Shopify-Hmac-Sha256", "woocommerce": "X-WC-Webhook-Signature"}
_REFUSED_BY_FUNCTIONS_TOO: Final = (401, 403, 429)


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document of the API."""
    types = _types()
    schemas, named = components(types)
    of_type = {id(kind): schemas[str(index)] for index, kind in enumerate(types)}
    named |= {"Id": _schema_of(named, "item_id"), "UserId": _schema_of(named, "user_id"), "Timestamp": dict(TIMESTAMP)}
    _refine(named)
    fields: dict[type[BaseModel] | None, Mapping[str, Any]] = {None: named["RecommendationRequest"]["properties"]}
    for model in _parameter_models():
        fields[model] = named.pop(model.__name__)["properties"]
    named = dict(sorted(named.items()))
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, of_type, fields)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Endcap",
            "version": endcap.__version__,
            "summary": "Real-time personalisation that a storefront owns",
            "description": "Every error of a function is a problem+json (RFC 9457). What the gateway itself refuses "
            "(not authorised, too many requests, too large) has its own body. Bodies take at most "
            f"{MAX_BODY_BYTES // 1024} KB of UTF-8 JSON, 16 levels deep, without NaN or infinite numbers.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [
            {
                "url": "https://{api}.execute-api.{region}.amazonaws.com",
                "variables": {"api": {"default": "abcdef1234"}, "region": {"default": "us-east-1"}},
            },
            {"url": "http://127.0.0.1:8787", "description": "endcap local, which asks for no authorisation"},
        ],
        "tags": [{"name": name, "description": text} for name, text in _ABOUT.items()],
        "security": _security((SERVER,)),
        "paths": paths,
        "components": {
            "securitySchemes": {
                "sigv4": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "AuthMode IAM: AWS Signature Version 4 for the service execute-api",
                },
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "AuthMode JWT: a token of your issuer, with one of the scopes if JwtScopes=require",
                },
                **{
                    f"{system}Signature": {
                        "type": "apiKey",
                        "in": "header",
                        "name": header,
                        "description": "base64 of HMAC-SHA256 over the body, by the secret that the stack was told",
                    }
                    for system, header in _SIGNATURES.items()
                },
                "visitor": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": COOKIE,
                    "description": "Whom the door has seen before; it sets the cookie itself",
                },
                "visitorToken": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Endcap-Visitor",
                    "description": f"The same for pages that can't rely on the cookie: the token, or `{NEW}` for one; "
                    f"`{NOBODY}` for who has not agreed to be known: nothing is read or kept of them",
                },
                "shopper": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Endcap-Shopper",
                    "description": "A token (JWT, HS256) in which the shop says who the shopper is",
                },
            },
            "responses": _shared_responses(),
            "schemas": named,
        },
    }


def text() -> str:
    """The document as it is committed."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def _types() -> list[Any]:
    found: dict[int, Any] = {}
    for operation in OPERATIONS.values():
        for _, types in (*operation.bodies, *operation.answers):
            found |= {id(kind): kind for kind in types}
    extra = (
        answers.Problem,
        OperatorProblem,
        answers.GatewayRefusal,
        requests.SessionInteraction,
    )
    return [*found.values(), *extra, *_parameter_models()]


def _parameter_models() -> list[type[BaseModel]]:
    return list(dict.fromkeys(o.parameters for o in OPERATIONS.values() if o.parameters is not None))


def _schema_of(named: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The schema of an optional field of an interaction, where it is there."""
    schema: dict[str, Any] = dict(named["Interaction"]["properties"][field]["anyOf"][0])
    return schema


def _refine(named: dict[str, Any]) -> None:
    """Say what the models leave open, once, and nothing twice."""
    request = named["RecommendationRequest"]["properties"]
    named["Interaction"]["anyOf"] = [{"required": [name]} for name in ("user_id", "anonymous_id")]
    for schema in named.values():
        properties = schema.get("properties", {})
        if "interactions" in properties and "personalization" in properties:
            properties["interactions"]["items"] = _ref("SessionInteraction")
    ranking = named["RankingRequest"]["properties"]
    ranking |= {name: request[name] for name in ranking if name in request}

    shared = {name: dict(named[name]) for name in ("Id", "UserId", "Timestamp")}

    def shorten(schema: dict[str, Any]) -> None:
        for key, child in schema.items():
            for name, whole in shared.items():
                if child == whole:
                    schema[key] = _ref(name)
                elif isinstance(child, list):
                    schema[key] = [_ref(name) if one == whole else one for one in schema[key]]
        if schema.get("default", "") is None:
            del schema["default"]
        schema.pop("x-comma-separated", None)

    walked({name: schema for name, schema in named.items() if name not in shared}, shorten)


def _operation(
    route: Route, of_type: Mapping[int, Any], parameters_of: Mapping[type[BaseModel] | None, Mapping[str, Any]]
) -> dict[str, Any]:
    operation = OPERATIONS[route.method, route.path]
    found: dict[str, Any] = {"operationId": operation.name, "summary": operation.summary, "tags": [operation.tag]}
    if operation.description:
        found["description"] = operation.description
    parameters = [_path_parameter(name) for name in re.findall(r"\{(\w+)\}", route.path)]
    request = parameters_of[operation.parameters]
    parameters += [_query_parameter(name, request) for name in operation.query]
    if operation.conditional:
        parameters.append(_condition())
    if "scenario" in operation.query and operation.parameters is None:
        parameters += [_context_parameter(name) for name in ("category", "brand")]
    if parameters:
        found["parameters"] = parameters
    if operation.bodies:
        content = {media: {"schema": _any_of(types, of_type)} for media, types in operation.bodies}
        if operation.samples:
            content[JSON]["examples"] = _examples(route.function, operation.samples)
        found["requestBody"] = {"required": True, "content": content}
    found["responses"] = _responses(operation, route.path, of_type)
    if operation.open or route.needs != (SERVER,):
        found["security"] = _security(route.needs, route.path)
    return found


def _security(needs: Sequence[str], path: str = "") -> list[dict[str, list[str]]]:
    if OPEN in needs:
        return []
    if SIGNED in needs:
        return [{f"{path.rpartition('/')[2]}Signature": []}]
    if DOOR in needs:
        return [{}, {"visitor": []}, {"visitorToken": []}, {"shopper": []}]
    return [{"sigv4": []}, *({"bearer": [scope]} for scope in needs)]


def _responses(operation: Operation, path: str, of_type: Mapping[int, Any]) -> dict[str, Any]:
    responses: dict[int, dict[str, Any]] = {}
    for status, types in operation.answers:
        responses[status] = {"description": HTTPStatus(status).phrase}
        if types:
            responses[status]["content"] = {JSON: {"schema": _any_of(types, of_type)}}
    refused = {429, 431, 500, 503, *operation.problems, *(() if operation.open else (401, 403))}
    if operation.bodies or operation.query or "{" in path:
        refused.add(400)
    if operation.conditional:
        refused |= {412, 428}
    if operation.bodies:
        refused.add(413)  # of a function or, above 10 MB, of the gateway
    for status in refused:
        name = "InvalidInput" if operation.aws_errors and status == 400 else _response_name(status)
        responses[status] = {"$ref": f"#/components/responses/{name}"}
    return {str(status): responses[status] for status in sorted(responses)}


def _shared_responses() -> dict[str, Any]:
    problem, refusal = {"schema": _ref("Problem")}, {"schema": _ref("GatewayRefusal")}
    found: dict[str, Any] = {}
    for status in (400, 404, 409):
        found[_response_name(status)] = {"description": HTTPStatus(status).phrase, "content": {PROBLEM: problem}}
    conflict = {"schema": _ref("OperatorProblem")}
    for status in (412, 428):
        found[_response_name(status)] = {"description": HTTPStatus(status).phrase, "content": {PROBLEM: conflict}}
    for status, meaning in _GATEWAY.items():
        own = {PROBLEM: problem} if status in _REFUSED_BY_FUNCTIONS_TOO else {}
        found[_response_name(status)] = {"description": meaning, "content": {**own, JSON: refusal}}
    for status in (413, 500, 503):
        content = {PROBLEM: problem, JSON: refusal}
        found[_response_name(status)] = {"description": HTTPStatus(status).phrase, "content": content}
    error_type = {"description": "What an AWS SDK makes of it", "schema": {"const": "InvalidInputException"}}
    found["InvalidInput"] = {
        "description": "The request can't be used as it is",
        "headers": {"x-amzn-ErrorType": error_type},
        "content": {JSON: refusal},
    }
    wait = {"description": "Seconds to wait", "schema": {"type": "integer", "examples": [RETRY_AFTER_S]}}
    for status in (429, 503):
        found[_response_name(status)]["headers"] = {"Retry-After": wait}
    return found


def _response_name(status: int) -> str:
    return HTTPStatus(status).name.title().replace("_", "")


def _any_of(types: Sequence[Any], of_type: Mapping[int, Any]) -> dict[str, Any]:
    schemas = [of_type[id(kind)] for kind in types]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _condition() -> dict[str, Any]:
    return {
        "name": "If-Match",
        "in": "header",
        "description": "The `etag` of what is to be changed, as last seen; needed where there is something",
        "schema": {"type": "string"},
    }


def _path_parameter(name: str) -> dict[str, Any]:
    parameter = {"name": name, "in": "path", "required": True, "schema": _ref("Id"), "example": _EXAMPLES[name]}
    if name == "user_id":
        parameter["description"] = f"A user's id, or {ANONYMOUS_PREFIX!r} and an anonymous id"
    return parameter


def _query_parameter(name: str, request: Mapping[str, Any]) -> dict[str, Any]:
    schema = dict(_CATEGORY if name == "category" else request["query" if name == "q" and "q" not in request else name])
    if "anyOf" in schema:
        kinds = [kind for kind in schema.pop("anyOf") if kind != {"type": "null"}]
        schema = kinds[0] | schema
    if name == "q":
        schema = schema | {"pattern": r"\S"}
    parameter: dict[str, Any] = {"name": name, "in": "query", "required": name == "q", "schema": schema}
    if schema.get("type") == "array":
        parameter |= {"style": "form", "explode": False}
    return parameter | ({"example": _EXAMPLES[name]} if name in _EXAMPLES else {})


def _context_parameter(name: str) -> dict[str, Any]:
    return {
        "name": f"context.{name}",
        "in": "query",
        "description": f"The {name} of the page that the shopper looks at",
        "schema": {"type": "string", "maxLength": MAX_CONTEXT_CHARS},
    }


def _examples(function: str, samples: Sequence[str]) -> dict[str, Any]:
    found = {}
    for sample in samples:
        event = json.loads((ROOT / "events" / function / f"{sample}.json").read_text())
        found[sample.removeprefix("http-")] = {"value": json.loads(event["body"])}
    return found


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": REF.format(model=name)}
