"""What the local stack reads from a template."""

from __future__ import annotations

from pathlib import Path

import pytest

from endcap_local.template.intrinsics import Resolver, TemplateError
from endcap_local.template.template import load_plan

ROOT = Path(__file__).parents[4]
SAMPLE = ROOT / "tests/data/sam/template.yaml"
ENDPOINT = "http://127.0.0.1:4566"


@pytest.fixture(scope="module")
def plan():
    return load_plan(SAMPLE, ENDPOINT)


def function(plan, logical_id):
    return next(f for f in plan.functions.values() if f.logical_id == logical_id)


def test_functions_come_with_their_folder_handler_and_limits(plan):
    api = function(plan, "ApiFunction")
    assert api.code_dir == SAMPLE.parent / "api"
    assert (api.handler, api.timeout_s, api.memory_mb) == ("app.handler", 1.0, 256)
    assert function(plan, "WorkerFunction").timeout_s == 5.0


def test_intrinsic_functions_are_evaluated_against_local_names(plan):
    environment = function(plan, "ApiFunction").environment
    assert environment["SEEN_TABLE"] == "endcap-local-SeenTable"
    assert environment["QUEUE_URL"] == f"{ENDPOINT}/123456789012/endcap-local-WorkQueue"
    assert environment["BUCKET_ARN"] == "arn:aws:s3:::endcap-local-databucket"
    assert environment["FIRST_COLOUR"] == "red"
    assert environment["COLOURS"] == "red|green"
    assert environment["LAST_PART"] == "b"
    assert environment["NAMED"] == "endcap-local-5-endcap-local-SeenTable-${literal}"
    assert (environment["BOTH"], environment["ANY"]) == ("no", "no")
    assert "GONE" not in environment


def test_conditions_follow_the_parameters():
    arn = "arn:aws:kinesis:us-east-1:123456789012:stream/outside"
    plan = load_plan(SAMPLE, ENDPOINT, {"OutsideStreamArn": arn})
    environment = function(plan, "ApiFunction").environment
    assert (environment["BOTH"], environment["ANY"], environment["GONE"]) == ("no", "yes", "there")
    assert "outside" in {mapping.source_name for mapping in plan.mappings}
    assert not plan.rules
    assert load_plan(SAMPLE, ENDPOINT, {"BusName": "shop"}).rules


def test_routes_are_those_of_the_expanded_api_and_lead_through_the_alias(plan):
    assert {route.key for route in plan.routes} == {"ANY /echo/{thing}", "GET /echo/fixed", "GET /deep/{proxy+}"}
    assert {route.function for route in plan.routes} == {"endcap-local-ApiFunction"}


def test_event_sources_name_their_service_and_resource(plan):
    sources = {(mapping.source, mapping.source_name) for mapping in plan.mappings}
    assert sources == {("sqs", "endcap-local-WorkQueue"), ("kinesis", "clicks"), ("dynamodb", "endcap-local-SeenTable")}
    queue = next(mapping for mapping in plan.mappings if mapping.source == "sqs")
    assert queue.properties["BatchSize"] == "5"


def test_an_unknown_parameter_is_refused():
    with pytest.raises(TemplateError, match="no parameter Nope"):
        load_plan(SAMPLE, ENDPOINT, {"Nope": "1"})


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("AuthMode", "jwt", "one of IAM, JWT"),
        ("JwtIssuer", "http://issuer.example.com", "does not match"),
        ("LogRetentionDays", "2", "one of 1, 3"),
    ],
)
def test_a_value_that_cloudformation_would_refuse_is_refused(name, value, reason):
    with pytest.raises(TemplateError, match=rf"{name}.*{reason}"):
        load_plan(ROOT / "template.yaml", ENDPOINT, {name: value})
    assert load_plan(ROOT / "template.yaml", ENDPOINT, {"LogRetentionDays": "7", "JwtIssuer": "https://a"})


@pytest.mark.parametrize(
    "value",
    [{"Ref": "Nowhere"}, {"Fn::GetAtt": ["Nowhere", "Arn"]}, {"Fn::If": ["Nowhere", 1, 2]}, {"Fn::Cidr": ["a", 1, 2]}],
)
def test_what_cannot_be_evaluated_is_an_error_and_not_a_guess(value):
    with pytest.raises(TemplateError):
        Resolver({"Resources": {}}, {}, ENDPOINT).resolve(value)


def test_a_parameter_without_default_must_be_given():
    with pytest.raises(TemplateError, match="Needed"):
        Resolver({"Parameters": {"Needed": {"Type": "String"}}, "Resources": {}}, {}, ENDPOINT)


def test_the_projects_own_template_loads_and_every_handler_exists():
    plan = load_plan(ROOT / "template.yaml", ENDPOINT)
    assert {"POST /events", "GET /users/{user_id}/recommendations", "GET /health", "$default"} <= {
        route.key for route in plan.routes
    }
    for deployed in plan.functions.values():
        assert (deployed.code_dir / "app.py").is_file(), deployed.logical_id
        assert deployed.handler == "app.handler"


def test_no_variable_has_two_values_among_the_projects_functions():
    plan = load_plan(ROOT / "template.yaml", ENDPOINT)
    values: dict[str, set[str]] = {}
    for deployed in plan.functions.values():
        for name, value in deployed.environment.items():
            values.setdefault(name, set()).add(value)
    assert "PROFILES_TABLE" in values
    assert {name for name, found in values.items() if len(found) > 1} == set()  # they share one process locally


def test_the_storefronts_own_sources_appear_only_when_named():
    bare = load_plan(ROOT / "template.yaml", ENDPOINT)
    assert {mapping.source for mapping in bare.mappings} == {"sqs", "dynamodb"}
    arn = "arn:aws:kinesis:us-east-1:123456789012:stream/clicks"
    named = load_plan(ROOT / "template.yaml", ENDPOINT, {"StorefrontStreamArn": arn, "StorefrontEventBusName": "shop"})
    assert "kinesis" in {mapping.source for mapping in named.mappings}
    assert named.rules.keys() - bare.rules.keys() == {"endcap-local-StorefrontRule"}
