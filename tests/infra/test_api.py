"""The HTTP API of the template: its routes, who answers them, and that none is open by mistake."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from endcap.api.roles import DOOR, OPEN, SCOPES, SIGNED
from endcap.api.routes import PREFLIGHT, ROUTES, needs_of
from endcap.storefront.door import FRONT_HEADER, VIEWER_HEADER
from endcap.storefront.visits import COOKIE, SHOPPER_HEADER, VISITOR_HEADER
from endcap_local.template.template import expand
from tests.infra.stack import folder_of, of_type

METHODS = {"get", "put", "patch", "post", "delete", "options", "x-amazon-apigateway-any-method"}
ALL = (*ROUTES, PREFLIGHT)
UNCLOSED = {f"{route.method} {route.path}" for route in ALL if {OPEN, DOOR, SIGNED} & set(route.needs)}
WEBHOOKS = "arn:aws:secretsmanager:us-east-1:123456789012:secret:shopify-AbCdEf"


def operations(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path, methods in body["paths"].items():
        assert set(methods) <= METHODS
        for method, operation in methods.items():
            yield (path if path == "$default" else f"{method.upper()} {path}"), operation


@pytest.fixture(scope="session")
def api(everything: dict[str, Any]) -> dict[str, Any]:
    (api,) = of_type(everything, "AWS::ApiGatewayV2::Api").values()
    return api


def function_behind(operation: Mapping[str, Any]) -> str:
    uri = operation["x-amazon-apigateway-integration"]["uri"]
    name = uri.split(":function:")[1].removesuffix("/invocations").split(":")[0]
    return folder_of(name.rsplit("-", 1)[1])


def test_routes_are_those_of_the_code_and_a_default(api: dict[str, Any]) -> None:
    routes = {key: function_behind(operation) for key, operation in operations(api["Body"])}
    expected = {f"{route.method} {route.path}": route.function for route in ALL}
    assert routes == expected | {"$default": "collect"}


def test_events_come_in_payload_version_2(api: dict[str, Any]) -> None:
    for key, operation in operations(api["Body"]):
        integration = operation["x-amazon-apigateway-integration"]
        assert (integration["type"], integration["payloadFormatVersion"]) == ("aws_proxy", "2.0"), key


def test_path_parameters_are_declared(api: dict[str, Any]) -> None:
    for key, operation in operations(api["Body"]):
        declared = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path" and p["required"]}
        assert declared == {part[1:-1].rstrip("+") for part in key.split("/") if part.startswith("{")}, key


@pytest.mark.parametrize("mode", ["IAM", "JWT"])
def test_every_route_but_health_and_the_door_is_closed_in_each_mode(
    mode: str, resolved: Callable[..., dict[str, Any]]
) -> None:
    stack = resolved(
        Storefront="on",
        ShopifySecretArn=WEBHOOKS,
        AuthMode=mode,
        JwtIssuer="https://issuer.example.com",
        JwtAudience="storefront,app",
    )
    (api,) = of_type(stack, "AWS::ApiGatewayV2::Api").values()
    scheme = {"IAM": "AWS_IAM", "JWT": "jwt"}[mode]
    assert set(api["Body"]["components"]["securitySchemes"]) == {scheme}
    for key, operation in operations(api["Body"]):
        assert operation["security"] == ([] if key in UNCLOSED else [{scheme: []}]), key


def test_jwt_mode_checks_issuer_and_audience(resolved: Callable[..., dict[str, Any]]) -> None:
    stack = resolved(AuthMode="JWT", JwtIssuer="https://issuer.example.com", JwtAudience="storefront,app")
    (api,) = of_type(stack, "AWS::ApiGatewayV2::Api").values()
    authorizer = api["Body"]["components"]["securitySchemes"]["jwt"]["x-amazon-apigateway-authorizer"]
    assert authorizer["jwtConfiguration"] == {
        "issuer": "https://issuer.example.com",
        "audience": ["storefront", "app"],
    }
    assert authorizer["identitySource"] == "$request.header.Authorization"


def test_iam_mode_asks_for_signatures(api: dict[str, Any]) -> None:
    scheme = api["Body"]["components"]["securitySchemes"]["AWS_IAM"]
    assert scheme["x-amazon-apigateway-authtype"] == "awsSigv4"


REFERENCE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Collect:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: s3://bucket/key
      Handler: app.handler
      Runtime: python3.13
      Events:
        Events: {Type: HttpApi, Properties: {ApiId: !Ref Api, Method: post, Path: /events}}
        Rest: {Type: HttpApi, Properties: {ApiId: !Ref Api}}
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth: %s
"""
SAM_AUTH = {
    "IAM": "{EnableIamAuthorizer: true, DefaultAuthorizer: AWS_IAM}",
    "JWT": """
        DefaultAuthorizer: jwt
        Authorizers:
          jwt:
            IdentitySource: $request.header.Authorization
            JwtConfiguration: {issuer: "https://issuer.example.com", audience: [storefront, app]}""",
}


@pytest.mark.parametrize("mode", ["IAM", "JWT"])
def test_body_is_what_sam_itself_writes_for_such_an_api(
    mode: str, resolved: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    # SAM can't choose its authoriser by parameter, so our body is written out; it must not differ otherwise.
    reference = tmp_path / "template.yaml"
    reference.write_text(REFERENCE % SAM_AUTH[mode])
    theirs = expand(reference)[1]["Resources"]["Api"]["Properties"]["Body"]
    stack = resolved(AuthMode=mode, JwtIssuer="https://issuer.example.com", JwtAudience="storefront,app")
    (api,) = of_type(stack, "AWS::ApiGatewayV2::Api").values()
    ours = api["Body"]
    assert ours["components"]["securitySchemes"] == theirs["components"]["securitySchemes"]
    for path, method in (("/events", "post"), ("$default", "x-amazon-apigateway-any-method")):
        mine, reference_operation = dict(ours["paths"][path][method]), dict(theirs["paths"][path][method])
        integrations = [operation.pop("x-amazon-apigateway-integration") for operation in (mine, reference_operation)]
        assert mine == reference_operation
        assert {**integrations[0], "uri": ""} == {**integrations[1], "uri": ""}


def test_the_table_says_of_every_route_of_the_template_who_may_call_it(api: dict[str, Any]) -> None:
    keys = {key for key, _ in operations(api["Body"])}
    assert keys - {"$default"} == {f"{route.method} {route.path}" for route in ALL}
    for key in keys:
        needs = needs_of(key)
        assert needs in ((OPEN,), (DOOR,), (SIGNED,)) or (needs and set(needs) <= set(SCOPES)), key
        assert (needs == (OPEN,)) == (key == "GET /health"), key
        assert (needs == (DOOR,)) == ("/storefront/" in key), key
        assert (needs == (SIGNED,)) == ("/webhooks/" in key), key


def test_there_is_no_door_unless_asked_for(resolved: Callable[..., dict[str, Any]]) -> None:
    stack = resolved()
    (api,) = of_type(stack, "AWS::ApiGatewayV2::Api").values()
    assert not [key for key, _ in operations(api["Body"]) if "storefront" in key]
    assert not [name for name, resource in stack.items() if "Storefront" in name]
    (stage,) = of_type(stack, "AWS::ApiGatewayV2::Stage").values()
    assert set(stage["RouteSettings"]) == {"GET /health"}


def test_there_are_no_webhooks_unless_asked_for(resolved: Callable[..., dict[str, Any]]) -> None:
    for stack in (resolved(), resolved(CommercetoolsQueueArn="arn:aws:sqs:us-east-1:123456789012:commercetools")):
        (api,) = of_type(stack, "AWS::ApiGatewayV2::Api").values()
        assert not [key for key, _ in operations(api["Body"]) if "webhooks" in key]
    assert "ReceiveWebhookFunction" not in resolved()
    assert "LoadFileFunction" not in resolved()


def test_monitors_and_browsers_have_limits_of_their_own(everything: dict[str, Any]) -> None:
    (stage,) = of_type(everything, "AWS::ApiGatewayV2::Stage").values()
    assert set(stage["RouteSettings"]) == UNCLOSED
    for key, settings in stage["RouteSettings"].items():
        rate = 10 if key == "GET /health" else 100 if "webhooks" in key else 200
        assert int(settings["ThrottlingRateLimit"]) == rate
        assert int(settings["ThrottlingBurstLimit"]) == 2 * rate


def test_the_front_proves_itself_to_the_door(resolved: Callable[..., dict[str, Any]], root: Path) -> None:
    key = "k" * 32
    assert "StorefrontFront" not in resolved(Storefront="on")
    assert "StorefrontFront" not in resolved(StorefrontFrontKey=key)
    stack = resolved(Storefront="on", StorefrontFrontKey=key)
    assert stack["StorefrontFunction"]["Environment"]["Variables"]["STOREFRONT_FRONT_KEY"] == key
    assert stack["StorefrontFront"]["Parameters"]["Key"] == key
    front = expand(root / "infra" / "front.yaml")[1]
    assert set(stack["StorefrontFront"]["Parameters"]) == set(front["Parameters"])
    (distribution,) = of_type(front["Resources"], "AWS::CloudFront::Distribution").values()
    (origin,) = distribution["Properties"]["DistributionConfig"]["Origins"]
    (header,) = origin["OriginCustomHeaders"]
    assert (header["HeaderName"].lower(), header["HeaderValue"]) == (FRONT_HEADER, {"Ref": "Key"})
    (policy,) = of_type(front["Resources"], "AWS::CloudFront::OriginRequestPolicy").values()
    config = policy["Properties"]["OriginRequestPolicyConfig"]
    forwarded = {name.lower() for name in config["HeadersConfig"]["Headers"]}
    assert {VIEWER_HEADER, VISITOR_HEADER, SHOPPER_HEADER, "origin", "content-type"} <= forwarded
    assert config["CookiesConfig"]["Cookies"] == [COOKIE]


def test_there_is_no_open_mode(template: Mapping[str, Any]) -> None:
    assert template["Parameters"]["AuthMode"]["AllowedValues"] == ["IAM", "JWT"]
    asserted = json.dumps(template["Rules"]["JwtNeedsAnIssuer"]["Assertions"])
    assert all(json.dumps({"Ref": name}) in asserted for name in ("JwtIssuer", "JwtAudience"))


def test_the_api_may_call_each_function_that_it_leads_to(api: dict[str, Any], everything: dict[str, Any]) -> None:
    permitted = set()
    for name, permission in of_type(everything, "AWS::Lambda::Permission").items():
        if name == "CommercetoolsRulePermission":
            assert permission["SourceArn"].split(":")[5][:5] == "rule/"
        if permission["Principal"] == "events.amazonaws.com":
            continue
        assert permission["Principal"] == "apigateway.amazonaws.com"
        assert ":execute-api:" in permission["SourceArn"]
        permitted.add(permission["FunctionName"].split(":function:")[-1])
    called = set()
    for _, operation in operations(api["Body"]):
        uri = operation["x-amazon-apigateway-integration"]["uri"]
        called.add(uri.split(":function:")[1].removesuffix("/invocations"))
    assert called == permitted


def test_calls_are_limited_and_logged_without_paths(everything: dict[str, Any]) -> None:
    (stage,) = of_type(everything, "AWS::ApiGatewayV2::Stage").values()
    assert int(stage["DefaultRouteSettings"]["ThrottlingRateLimit"]) == 500
    log_format = stage["AccessLogSettings"]["Format"]
    assert "$context.routeKey" in log_format
    assert "$context.path" not in log_format  # paths hold user ids


def test_metrics_of_each_route_are_billed_only_where_asked_for(resolved: Callable[..., dict[str, Any]]) -> None:
    for asked, measured in (({}, False), ({"RouteMetrics": "on"}, True)):
        (stage,) = of_type(resolved(**asked, Storefront="on"), "AWS::ApiGatewayV2::Stage").values()
        settings = [stage["DefaultRouteSettings"], *stage["RouteSettings"].values()]
        assert {bool(one["DetailedMetricsEnabled"]) for one in settings} == {measured}


def test_access_log_lies_where_its_policy_is_not_counted(everything: dict[str, Any]) -> None:
    # Elsewhere each API adds itself to one resource policy of 5,120 characters, and the tenth stage fails to be made:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-V2-CloudWatchLogs.html
    name = everything["ApiLogGroup"]["LogGroupName"]
    assert name.startswith("/aws/vendedlogs/")
