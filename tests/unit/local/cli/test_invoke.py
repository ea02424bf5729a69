"""`endcap env-json`: what SAM hands over to a function; and wrong uses of `endcap invoke`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from endcap.errors import InvalidInputError
from endcap_local.cli.app import app

ROOT = Path(__file__).parents[4]
TEMPLATE = ["--template", str(ROOT / "template.yaml")]


def test_variables_lead_to_the_named_aws_as_a_container_reaches_it() -> None:
    done = CliRunner().invoke(app, ["env-json", "--aws-endpoint-url", "http://127.0.0.1:4567", *TEMPLATE])
    assert done.exit_code == 0, done.output
    variables = json.loads(done.stdout)
    assert {"CollectFunction", "RecommendFunction", "PromoteFunction"} <= set(variables)
    for own in variables.values():
        assert own["AWS_ENDPOINT_URL"] == "http://host.docker.internal:4567"
        assert own["EVENTS_QUEUE_URL"].startswith("http://host.docker.internal:4567/")
        assert own["POWERTOOLS_TRACE_DISABLED"] == "1"


def test_every_variable_is_one_that_the_template_declares() -> None:
    """SAM drops the others."""
    from endcap_local.template.template import load_plan

    done = CliRunner().invoke(app, ["env-json", "--host", "127.0.0.1", *TEMPLATE])
    plan = load_plan(ROOT / "template.yaml", "http://127.0.0.1:4566")
    declared = {function.logical_id: set(function.environment) for function in plan.functions.values()}
    assert {name: set(own) for name, own in json.loads(done.stdout).items()} == declared


def test_without_another_aws_the_deployed_functions_call_the_real_one() -> None:
    from endcap_local.template.template import load_plan

    plan = load_plan(ROOT / "template.yaml", "http://127.0.0.1:4566")
    assert {function.environment["AWS_ENDPOINT_URL"] for function in plan.functions.values()} == {""}


def test_an_unknown_function_is_told_with_those_there_are() -> None:
    done = CliRunner().invoke(app, ["invoke", "recomend", "--aws-endpoint-url", "http://127.0.0.1:1", *TEMPLATE])
    assert isinstance(done.exception, InvalidInputError)
    assert "recommend" in str(done.exception)


@pytest.mark.parametrize("text", ["", "{"])
def test_an_event_that_is_no_json_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "event.json").write_text(text)
    done = CliRunner().invoke(app, ["invoke", "collect", "-e", str(tmp_path / "event.json"), *TEMPLATE])
    assert isinstance(done.exception, InvalidInputError)
    assert "holds no JSON" in str(done.exception)
