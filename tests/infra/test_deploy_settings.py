"""`sam deploy` without questions: each environment of samconfig.toml says everything that has no default."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from endcap_local.template.intrinsics import Resolver

ENVIRONMENTS = ("default", "sandbox", "production", "arm64")


@pytest.fixture(scope="module")
def config(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "samconfig.toml").read_text())


def overrides(config: Mapping[str, Any], environment: str) -> dict[str, str]:
    text = config[environment]["deploy"]["parameters"].get("parameter_overrides", "")
    return dict(pair.split("=", 1) for pair in shlex.split(text))


def test_every_parameter_has_a_default(template: Mapping[str, Any]) -> None:
    assert [name for name, parameter in template["Parameters"].items() if "Default" not in parameter] == []


def test_every_parameter_says_what_it_is(template: Mapping[str, Any]) -> None:
    assert [name for name, parameter in template["Parameters"].items() if not parameter.get("Description")] == []


def test_every_parameter_is_in_a_group(template: Mapping[str, Any]) -> None:
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert sorted(name for group in groups for name in group["Parameters"]) == sorted(template["Parameters"])


# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-rules.html
OF_RULES = {
    "And",
    "Contains",
    "EachMemberEquals",
    "EachMemberIn",
    "Equals",
    "Not",
    "Or",
    "RefAll",
    "ValueOf",
    "ValueOfAll",
}


def test_rules_use_what_cloudformation_takes_in_them(template: Mapping[str, Any]) -> None:
    used = set(re.findall(r'"Fn::(\w+)"', json.dumps(template["Rules"])))
    assert used <= OF_RULES


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_deploys_as_it_stands(
    environment: str, config: dict[str, Any], resolved: Callable[..., dict[str, Any]]
) -> None:
    settings = config[environment]["deploy"]["parameters"]
    assert settings["resolve_s3"] is True
    assert set(settings["capabilities"].split()) == {"CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"}
    assert config[environment]["global"]["parameters"]["stack_name"]
    assert resolved(**overrides(config, environment))  # names and values that the template takes


def test_a_sandbox_asks_nothing_and_bills_nothing_for_watching(
    config: dict[str, Any], resolved: Callable[..., dict[str, Any]]
) -> None:
    assert config["sandbox"]["deploy"]["parameters"]["confirm_changeset"] is False
    assert config["sandbox"]["global"] != config["production"]["global"]
    assert "Watching" not in resolved(**overrides(config, "sandbox"))


@pytest.mark.parametrize(("environment", "schedules"), [("sandbox", 0), ("production", 1)])
def test_stack_rebuilds_without_an_image_and_a_sandbox_when_somebody_says_so(
    environment: str,
    schedules: int,
    config: dict[str, Any],
    resolved: Callable[..., dict[str, Any]],
    rebuilding: Mapping[str, Any],
) -> None:
    given = resolved(**overrides(config, environment))["Rebuilding"]["Parameters"]
    assert given["ImageUri"] == ""
    resolver = Resolver(rebuilding, given, "http://127.0.0.1:9")
    assert resolver.holds("HasSchedule") == bool(schedules)


def test_production_shows_what_changes_and_is_watched(
    config: dict[str, Any], resolved: Callable[..., dict[str, Any]]
) -> None:
    assert config["production"]["deploy"]["parameters"]["confirm_changeset"] is True
    assert "Watching" in resolved(**overrides(config, "production"))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_everything_is_tagged_with_what_it_is_of(environment: str, config: dict[str, Any]) -> None:
    # CloudFormation puts a stack's tags on all that it makes, nested stacks included.
    tags = dict(tag.split("=") for tag in config[environment]["deploy"]["parameters"]["tags"].split())
    assert tags == {"application": "endcap", "environment": environment}
