"""What the local stack runs, read from template.yaml.

1. AWS's own translator expands the SAM template offline, as CloudFormation does on deployment.
2. Parameters, conditions and intrinsic functions are evaluated against local names (`intrinsics.py`).
3. The resources that the local stack knows are collected into a `StackPlan`; the others have no local meaning.

A route, a table or an event source that is absent from the template, or whose condition is false, is absent locally.
"""

from __future__ import annotations

import copy
import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from endcap_local.template.authorizers import Authorizer, authorizers_of, guard_of
from endcap_local.template.intrinsics import REGION, Resolver, TemplateError

HTTP_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
ANY = "ANY"
_INTEGRATION = "x-amazon-apigateway-integration"
_FUNCTION_ARN = re.compile(r"arn:[^:]+:lambda:[^:]*:[^:]*:function:([^:/]+)")


@dataclass(frozen=True)
class LocalFunction:
    """One Lambda function: where its code lies here, and the settings that the handler can notice."""

    logical_id: str
    name: str
    code_dir: Path
    handler: str
    environment: Mapping[str, str]
    timeout_s: float
    memory_mb: int


@dataclass(frozen=True)
class Route:
    """One route of the HTTP API; `path` as in the template (`/items/{item_id}`, `/{proxy+}` or `$default`).

    Without an `authorizer` it is open to all; of the `scopes` a token needs one.
    """

    method: str
    path: str
    function: str
    authorizer: Authorizer | None = None
    scopes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The route key as events carry it, such as `GET /items/{item_id}`."""
        return self.path if self.path == "$default" else f"{self.method} {self.path}"


@dataclass(frozen=True)
class EventMapping:
    """One event source mapping; `source` is the service: sqs, dynamodb or kinesis."""

    logical_id: str
    function: str
    source: str
    source_name: str
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class StackPlan:
    """Everything that the local stack makes; resource maps go from physical name to resolved properties."""

    functions: Mapping[str, LocalFunction]
    routes: tuple[Route, ...]
    mappings: tuple[EventMapping, ...]
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    queues: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    buckets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    streams: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    delivery_streams: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    secrets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def load_plan(
    path: Path,
    endpoint: str,
    parameters: Mapping[str, str] | None = None,
    defaults: Mapping[str, str] | None = None,
) -> StackPlan:
    """Read a SAM template.

    Parameters
    ----------
    path : template.yaml; code directories are relative to its folder
    endpoint : base URL of the local engine, which queue URLs start with
    parameters : overrides of the template's parameters
    defaults : the same, of those that this template has

    Raises
    ------
    TemplateError : the template asks for something that has no local meaning, or a parameter is missing
    """
    source, expanded = expand(path)
    known = {name: value for name, value in (defaults or {}).items() if name in expanded.get("Parameters", {})}
    resolver = Resolver(expanded, known | dict(parameters or {}), endpoint)
    return plan_of(source, expanded, resolver, path.resolve().parent)


def expand(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The template as written, and as plain CloudFormation; no network, no credentials."""
    return copy.deepcopy(_expanded(path.read_text(encoding="utf-8")))


@lru_cache(maxsize=8)
def _expanded(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    from samtranslator.public.exceptions import InvalidDocumentException
    from samtranslator.translator.transform import transform

    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns about metrics that only AWS collects
    source = _parsed(text)
    document = copy.deepcopy(source)
    for resource in document.get("Resources", {}).values():
        # The translator wants uploaded artefacts; where the code lies does not matter to the expansion.
        if resource["Type"] == "AWS::Serverless::Function":
            resource.setdefault("Properties", {})["CodeUri"] = {"Bucket": "local", "Key": "local"}
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            resource.setdefault("Properties", {})["ContentUri"] = {"Bucket": "local", "Key": "local"}
        elif resource["Type"] == "AWS::Serverless::StateMachine":
            resource.setdefault("Properties", {})["DefinitionUri"] = {"Bucket": "local", "Key": "local"}
    document.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    try:
        return source, transform(document, {}, _NoManagedPolicies())
    except InvalidDocumentException as exc:
        raise TemplateError("; ".join(cause.message for cause in exc.causes)) from exc


def _parsed(text: str) -> Any:
    """YAML with the short forms of intrinsic functions, read in C where that is at hand: ten times as fast."""
    import yaml
    from samtranslator.yaml_helper import intrinsics_multi_constructor

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Knows them."""

    Loader.add_multi_constructor("!", intrinsics_multi_constructor)
    return yaml.load(text, Loader)  # nosec B506 # a safe loader


def plan_of(source: Mapping[str, Any], expanded: Mapping[str, Any], resolver: Resolver, root: Path) -> StackPlan:
    """Collect the local resources of an expanded template."""
    resources = {
        logical_id: resource
        for logical_id, resource in expanded["Resources"].items()
        if "Condition" not in resource or resolver.holds(resource["Condition"])
    }

    def of_type(kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for logical_id, resource in resources.items():
            if resource["Type"] == kind:
                yield logical_id, resource.get("Properties", {})

    def by_name(kind: str) -> dict[str, Mapping[str, Any]]:
        return {resolver.name(logical_id): resolver.resolve(properties) for logical_id, properties in of_type(kind)}

    functions = {
        resolver.name(logical_id): _function(logical_id, properties, source, resolver, root)
        for logical_id, properties in of_type("AWS::Lambda::Function")
    }
    routes = [
        route
        for _, properties in of_type("AWS::ApiGatewayV2::Api")
        for route in _routes(resolver.resolve(properties.get("Body", {})))
    ]
    mappings = [
        _mapping(logical_id, resolver.resolve(properties))
        for logical_id, properties in of_type("AWS::Lambda::EventSourceMapping")
    ]
    used = {route.function for route in routes} | {mapping.function for mapping in mappings}
    if missing := used - set(functions):
        raise TemplateError(f"routes or event sources lead to functions not in the template: {sorted(missing)}")
    return StackPlan(
        functions=functions,
        routes=tuple(routes),
        mappings=tuple(mapping for mapping in mappings if mapping.properties.get("Enabled", True)),
        tables=by_name("AWS::DynamoDB::Table"),
        queues=by_name("AWS::SQS::Queue"),
        buckets=by_name("AWS::S3::Bucket"),
        streams=by_name("AWS::Kinesis::Stream"),
        delivery_streams=by_name("AWS::KinesisFirehose::DeliveryStream"),
        rules=by_name("AWS::Events::Rule"),
        secrets=by_name("AWS::SecretsManager::Secret"),
    )


def function_name_of(arn: str) -> str:
    """The function's name in the ARN of a function, version, alias or API integration; or the name itself."""
    match = _FUNCTION_ARN.search(arn)
    return match[1] if match else arn


class _NoManagedPolicies:
    """Stands in for the translator's look-up of managed policies in IAM, which local runs don't need."""

    def load(self) -> dict[str, str]:
        return {}


def _function(
    logical_id: str, properties: Mapping[str, Any], source: Mapping[str, Any], resolver: Resolver, root: Path
) -> LocalFunction:
    written = source["Resources"].get(logical_id, {}).get("Properties", {})
    defaults = source.get("Globals", {}).get("Function", {})
    code_uri = written.get("CodeUri", defaults.get("CodeUri"))
    if not isinstance(code_uri, str):
        raise TemplateError(f"{logical_id}: CodeUri must be a local folder")
    environment = resolver.resolve(properties.get("Environment", {}).get("Variables", {}))
    return LocalFunction(
        logical_id=logical_id,
        name=resolver.name(logical_id),
        code_dir=root / code_uri,
        handler=str(resolver.resolve(properties["Handler"])),
        environment={key: str(value) for key, value in environment.items()},
        timeout_s=float(resolver.resolve(properties.get("Timeout", 3))),
        memory_mb=int(resolver.resolve(properties.get("MemorySize", 128))),
    )


def _routes(body: Mapping[str, Any]) -> Iterator[Route]:
    authorizers = authorizers_of(body)
    for path, operations in (body.get("paths") or {}).items():
        for method, operation in operations.items():
            if method == "x-amazon-apigateway-any-method":
                verb = ANY
            elif method in HTTP_METHODS:
                verb = method.upper()
            else:
                continue  # parameters, summary and other fields of an OpenAPI path item
            integration = operation.get(_INTEGRATION, {})
            if str(integration.get("payloadFormatVersion", "2.0")) != "2.0":
                raise TemplateError(f"{verb} {path}: only payload format 2.0 is known to the local stack")
            match = _FUNCTION_ARN.search(str(integration.get("uri", "")))
            if match is None:
                raise TemplateError(f"{verb} {path}: the integration leads to no Lambda function")
            yield Route(verb, path, match[1], *guard_of(operation, authorizers))


def _mapping(logical_id: str, properties: Mapping[str, Any]) -> EventMapping:
    arn = str(properties.get("EventSourceArn", ""))
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] not in ("sqs", "dynamodb", "kinesis"):
        raise TemplateError(f"{logical_id}: event source {arn!r} is not known to the local stack")
    if properties.get("TumblingWindowInSeconds"):
        raise TemplateError(f"{logical_id}: tumbling windows are not known to the local stack")
    name = parts[5] if parts[2] == "sqs" else parts[5].split("/")[1]
    return EventMapping(logical_id, function_name_of(str(properties["FunctionName"])), parts[2], name, properties)
