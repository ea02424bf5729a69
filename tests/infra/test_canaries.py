"""A new version of what answers requests takes a tenth of them first, and is rolled back where it fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from endcap_local.template.template import expand
from tests.infra.stack import of_type

OPTIONAL = {"Storefront": "HasStorefront", "ReceiveWebhook": "HasShopSystems"}


@pytest.fixture(scope="module")
def behind_the_api(everything: dict[str, Any]) -> set[str]:
    """Logical ids, without their ending, of all functions that routes lead to."""
    paths = everything["Api"]["Body"]["paths"]
    uris = [
        operation["x-amazon-apigateway-integration"]["uri"]
        for operations in paths.values()
        for operation in operations.values()
    ]
    found = {re.search(r"function:endcap-local-(\w+)Function(:live)?/invocations", uri) for uri in uris}
    assert all(match and match[2] for match in found), "a route leads past the alias"
    return {match[1] for match in found if match}


@pytest.fixture(scope="module")
def canaries(root: Path) -> Mapping[str, Any]:
    return expand(root / "infra" / "canaries.yaml")[1]


def test_every_function_behind_the_api_is_called_by_its_alias(
    behind_the_api: set[str], everything: dict[str, Any]
) -> None:
    assert behind_the_api == {
        "Collect",
        "Recommend",
        "ManageItems",
        "ManageUsers",
        "Admin",
        "Storefront",
        "ReceiveWebhook",
    }
    for name in behind_the_api:
        assert everything[f"{name}FunctionAliaslive"]["Name"] == "live"
        assert everything[f"{name}Permission"]["FunctionName"].endswith(f"{name}Function:live")


def test_every_deployment_shifts_by_the_parameter_and_looks_at_its_alarms(
    behind_the_api: set[str], expanded: Mapping[str, Any], resolved: Callable[..., dict[str, Any]]
) -> None:
    for name in behind_the_api:
        group = expanded["Resources"][f"{name}FunctionDeploymentGroup"]
        assert group.get("Condition") == OPTIONAL.get(name)
        alias = expanded["Resources"][f"{name}FunctionAliaslive"]
        update = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
        assert update["DeploymentGroupName"] == {"Ref": f"{name}FunctionDeploymentGroup"}
        watched = group["Properties"]["AlarmConfiguration"]["Fn::If"]
        assert watched[0] == "ShiftSlowly"
        assert [alarm["Name"]["Fn::GetAtt"] for alarm in watched[1]["Alarms"]] == [
            ["Canaries", f"Outputs.{name}"],
            ["Canaries", "Outputs.Answers"],
        ]
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["Properties"]["AutoRollbackConfiguration"]["Events"]
    for canary, config in (("off", "AllAtOnce"), ("on", "Canary10Percent5Minutes")):
        stack = resolved(Canary=canary)
        groups = of_type(stack, "AWS::CodeDeploy::DeploymentGroup").values()
        assert {group["DeploymentConfigName"] for group in groups} == {f"CodeDeployDefault.Lambda{config}"}
        assert ("Canaries" in stack) == (canary == "on")
        assert all(bool(group["AlarmConfiguration"]) == (canary == "on") for group in groups)


def test_alarms_are_of_the_new_version_alone_and_of_answers(
    behind_the_api: set[str], canaries: Mapping[str, Any], expanded: Mapping[str, Any]
) -> None:
    alarms = {
        name: resource["Properties"]
        for name, resource in of_type(canaries["Resources"], "AWS::CloudWatch::Alarm").items()
    }
    assert set(alarms) == {f"{name}VersionAlarm" for name in behind_the_api} | {"AnswersAlarm"}
    given = expanded["Resources"]["Canaries"]["Properties"]["Parameters"]
    assert set(given) == set(canaries["Parameters"])
    for name in behind_the_api:
        dimensions = {d["Name"]: d["Value"] for d in alarms[f"{name}VersionAlarm"]["Dimensions"]}
        assert dimensions == {
            "FunctionName": {"Ref": f"{name}Function"},
            "Resource": {"Fn::Sub": f"${{{name}Function}}:live"},
            "ExecutedVersion": {"Ref": f"{name}Version"},
        }
        version = given[f"{name}Version"]
        version = version["Fn::If"][1] if name in OPTIONAL else version
        assert version["Fn::GetAtt"][0].startswith(f"{name}FunctionVersion")
        assert canaries["Outputs"][name]["Value"] == {"Ref": f"{name}VersionAlarm"}
    assert all(alarm["TreatMissingData"] == "notBreaching" for alarm in alarms.values())


def test_calls_of_receive_webhook_that_fail_are_kept_whichever_way_they_come(everything: dict[str, Any]) -> None:
    (target,) = everything["CommercetoolsRule"]["Targets"]
    assert target["Arn"].endswith("ReceiveWebhookFunction:live")
    config = everything["ReceiveWebhookFunctionEventInvokeConfig"]
    assert config["Qualifier"] in ("live", everything["ReceiveWebhookFunctionAliaslive"]["Name"])
