"""A new version of each function takes a tenth of its calls, and is rolled back where it fails or loses anything."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

from endcap_local.template.intrinsics import Resolver
from endcap_local.template.template import expand
from tests.infra.stack import of_type, statements_of

OPTIONAL = {
    "Storefront": "HasStorefront",
    "ReceiveWebhook": "HasShopSystems",
    "LoadFile": "HasInbox",
    "DescribeItem": "DescribesItems",
}
BEHIND_THE_API = ("Collect", "Recommend", "ManageItems", "ManageUsers", "Admin", "Storefront", "ReceiveWebhook")
WATCHED: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(BEHIND_THE_API, ("Answers",)),
    "ReceiveWebhook": ("Answers", "RecordsFailed", "Quarantine"),
    "UpdateProfile": ("RecordsFailed", "Quarantine", "CountsLost", "EventsQueueAge"),
    "EmbedItem": ("RecordsFailed", "StreamFailures", "EmbedItemAge"),
    "FoldCounts": ("CountsLost", "FoldCountsAge"),
    "LoadFile": ("RecordsFailed", "FilesFailed"),
    "DescribeItem": (),  # what it loses may be for want of a server elsewhere, and the next rebuild makes it good
    "Promote": (),
    "PurgeErased": (),
    "SummariseResults": (),
}
"""What each function can lose without an error of its own: outputs of infra/canaries.yaml."""
REBUILD = "RebuildSnapshot"
"""The one function of infra/rebuild.yaml."""
ON = {"Canary": "on", "Rebuild": "on", "FileInbox": "on", "ItemWriter": "rules"}
LAMBDA_ARN = re.compile(r":function:([\w-]+?)Function\b(:\w+)?")


@pytest.fixture(scope="module")
def canaries(root: Path) -> Mapping[str, Any]:
    return expand(root / "infra" / "canaries.yaml")[1]


@pytest.fixture(scope="module")
def rebuild(resolved: Callable[..., dict[str, Any]], rebuilding: Mapping[str, Any]) -> dict[str, Any]:
    """The resources of the nested stack."""
    resolver = Resolver(rebuilding, resolved(**ON)["Rebuilding"]["Parameters"], "http://127.0.0.1:9")
    return {
        name: {"Type": resource["Type"], **resolver.resolve(resource.get("Properties", {}))}
        for name, resource in rebuilding["Resources"].items()
        if "Condition" not in resource or resolver.holds(resource["Condition"])
    }


def test_no_function_is_left_out(expanded: Mapping[str, Any], rebuilding: Mapping[str, Any]) -> None:
    for template, names in ((expanded, set(WATCHED)), (rebuilding, {REBUILD})):
        resources = template["Resources"]
        functions = {name.removesuffix("Function") for name in of_type(resources, "AWS::Lambda::Function")}
        assert functions == names
        aliases = of_type(resources, "AWS::Lambda::Alias")
        groups = of_type(resources, "AWS::CodeDeploy::DeploymentGroup")
        assert set(aliases) == {f"{name}FunctionAliaslive" for name in names}
        assert set(groups) == {f"{name}FunctionDeploymentGroup" for name in names}
        for name in names:
            update = aliases[f"{name}FunctionAliaslive"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
            assert update["DeploymentGroupName"] == {"Ref": f"{name}FunctionDeploymentGroup"}
            group = groups[f"{name}FunctionDeploymentGroup"]
            assert group.get("Condition") == OPTIONAL.get(name)
            assert "DEPLOYMENT_STOP_ON_ALARM" in group["Properties"]["AutoRollbackConfiguration"]["Events"]


def watched_by(group: Mapping[str, Any]) -> list[Any]:
    """The names of the alarms of a deployment group, as they are written."""
    condition, alarms, _ = group["Properties"]["AlarmConfiguration"]["Fn::If"]
    assert condition == "ShiftSlowly"
    return [alarm["Name"] for alarm in alarms["Alarms"]]


def test_every_deployment_looks_at_its_version_and_at_what_is_lost(
    expanded: Mapping[str, Any], rebuilding: Mapping[str, Any]
) -> None:
    for name, losses in WATCHED.items():
        found = watched_by(expanded["Resources"][f"{name}FunctionDeploymentGroup"])
        assert [alarm["Fn::GetAtt"] for alarm in found] == [["Canaries", f"Outputs.{one}"] for one in (name, *losses)]
        assert len(found) <= 10  # the most that a deployment group takes
    group = rebuilding["Resources"][f"{REBUILD}FunctionDeploymentGroup"]
    assert watched_by(group) == [{"Ref": f"{REBUILD}VersionAlarm"}]


def test_all_of_them_shift_by_the_one_parameter(
    resolved: Callable[..., dict[str, Any]], rebuilding: Mapping[str, Any]
) -> None:
    for canary, config in (("off", "AllAtOnce"), ("on", "Canary10Percent5Minutes")):
        stack = resolved(**{**ON, "Canary": canary})
        nested = Resolver(rebuilding, stack["Rebuilding"]["Parameters"], "http://127.0.0.1:9")
        own = nested.resolve(rebuilding["Resources"][f"{REBUILD}FunctionDeploymentGroup"]["Properties"])
        groups = [own, *of_type(stack, "AWS::CodeDeploy::DeploymentGroup").values()]
        assert {group["DeploymentConfigName"] for group in groups} == {f"CodeDeployDefault.Lambda{config}"}
        assert all(bool(group["AlarmConfiguration"]) == (canary == "on") for group in groups)
        assert ("Canaries" in stack) == nested.holds("ShiftSlowly") == (canary == "on")


def test_alarms_of_versions_are_of_the_new_one_alone(
    canaries: Mapping[str, Any], expanded: Mapping[str, Any], rebuilding: Mapping[str, Any]
) -> None:
    alarms = of_type(canaries["Resources"], "AWS::CloudWatch::Alarm")
    given = expanded["Resources"]["Canaries"]["Properties"]["Parameters"]
    assert set(given) == set(canaries["Parameters"])
    for name in WATCHED:
        dimensions = {d["Name"]: d["Value"] for d in alarms[f"{name}VersionAlarm"]["Properties"]["Dimensions"]}
        assert dimensions == {
            "FunctionName": {"Ref": f"{name}Function"},
            "Resource": {"Fn::Sub": f"${{{name}Function}}:live"},
            "ExecutedVersion": {"Ref": f"{name}Version"},
        }
        version = given[f"{name}Version"]
        version = version["Fn::If"][1] if name in OPTIONAL else version
        assert version["Fn::GetAtt"][0].startswith(f"{name}FunctionVersion")
    own = rebuilding["Resources"][f"{REBUILD}VersionAlarm"]["Properties"]["Dimensions"]
    (version,) = [d["Value"]["Fn::GetAtt"][0] for d in own if d["Name"] == "ExecutedVersion"]
    assert version.startswith(f"{REBUILD}FunctionVersion")


def test_every_alarm_is_looked_at_and_calm_where_nothing_is_reported(canaries: Mapping[str, Any]) -> None:
    alarms = of_type(canaries["Resources"], "AWS::CloudWatch::Alarm")
    outputs = {name: output["Value"]["Ref"] for name, output in canaries["Outputs"].items()}
    assert sorted(outputs.values()) == sorted(alarms)
    assert set(outputs) == {*WATCHED, *(loss for losses in WATCHED.values() for loss in losses)}
    for name, output in canaries["Outputs"].items():
        assert output.get("Condition") == alarms[outputs[name]].get("Condition"), name
    for alarm in alarms.values():
        assert alarm["Properties"]["TreatMissingData"] == "notBreaching"
        assert alarm["Properties"]["Period"] * alarm["Properties"]["EvaluationPeriods"] < 300  # before all is led there


def called(value: object) -> Iterator[tuple[str, str | None]]:
    """Functions that the ARNs in a value name, without their ending, and the alias behind each."""
    for match in LAMBDA_ARN.finditer(json.dumps(value)):
        yield match[1].rsplit("-", 1)[-1], match[2]


STARTING = {
    "AWS::ApiGatewayV2::Api": "Body",
    "AWS::Events::Rule": "Targets",
    "AWS::Lambda::EventSourceMapping": "FunctionName",
    "AWS::Lambda::Permission": "FunctionName",
    "AWS::Scheduler::Schedule": "Target",
    "AWS::Serverless::StateMachine": "DefinitionSubstitutions",
    "AWS::StepFunctions::StateMachine": "DefinitionSubstitutions",
}


def test_nothing_leads_past_an_alias(everything: dict[str, Any], rebuild: Mapping[str, Any]) -> None:
    seen = set()
    for resource in (*everything.values(), *rebuild.values()):
        for function, alias in called(resource.get(STARTING.get(resource["Type"], ""))):
            assert alias == ":live", (function, resource)
            seen.add(function)
    admin = everything["AdminFunction"]["Environment"]["Variables"]["PROMOTE_FUNCTION"]
    assert admin == "endcap-local-PromoteFunction:live"
    assert seen == {*WATCHED, REBUILD}


def test_who_starts_a_function_may_call_its_alias_and_what_the_version_before_calls(
    everything: dict[str, Any], rebuild: Mapping[str, Any]
) -> None:
    promote = "arn:aws:lambda:us-east-1:123456789012:function:endcap-local-PromoteFunction"
    for arn in (promote, f"{promote}:live"):
        assert any(s.allows("lambda:InvokeFunction", arn) for s in statements_of("AdminFunction", everything))
    (statement,) = [
        one
        for policy in rebuild["RebuildRole"]["Policies"]
        for one in policy["PolicyDocument"]["Statement"]
        if one["Action"] == "lambda:InvokeFunction"
    ]
    own = [arn for arn in statement["Resource"] if REBUILD in arn]
    assert set(statement["Resource"]) == {promote, f"{promote}:live", *own}
    assert {arn.endswith(":live") for arn in own} == {True, False}


def test_calls_nobody_waits_for_are_kept_by_the_alias_that_they_come_through(everything: dict[str, Any]) -> None:
    (target,) = everything["CommercetoolsRule"]["Targets"]
    assert target["Arn"].endswith("ReceiveWebhookFunction:live")
    for name in ("ReceiveWebhook", "Promote"):
        config = everything[f"{name}FunctionEventInvokeConfig"]
        assert config["Qualifier"] in ("live", everything[f"{name}FunctionAliaslive"]["Name"])


def referred(value: object, names: set[str]) -> set[str]:
    """Resources that a value waits for."""
    if isinstance(value, list):
        return {name for one in value for name in referred(one, names)}
    if not isinstance(value, Mapping):
        return set()
    found = {name for one in value.values() for name in referred(one, names)}
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
            found.add(name)
        case {"Fn::Sub": text}:
            found |= set(re.findall(r"\$\{(\w+)", text if isinstance(text, str) else text[0]))
    return found & names


def test_no_resource_waits_for_itself(expanded: Mapping[str, Any], rebuilding: Mapping[str, Any]) -> None:
    """An alias waits for its alarms, and these for all new versions: a function that named another's alias would wait
    for its own version."""
    for template in (expanded, rebuilding):
        resources = template["Resources"]
        waits = {}
        for name, resource in resources.items():
            parts = [resource.get(part, {}) for part in ("Properties", "UpdatePolicy")]
            depends = resource.get("DependsOn", [])
            depends = {depends} if isinstance(depends, str) else set(depends)
            waits[name] = (referred(parts, set(resources)) | depends) - {name}
        assert len(tuple(TopologicalSorter(waits).static_order())) == len(resources)


def test_schedules_are_named_by_cloudformation_so_that_two_stacks_may_have_one(everything: dict[str, Any]) -> None:
    assert all("Name" not in schedule for schedule in of_type(everything, "AWS::Scheduler::Schedule").values())
