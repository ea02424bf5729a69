"""`endcap import --stack NAME` against the local stack, whose names a stack of CloudFormation says as on AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from endcap_local.cli.app import app
from endcap_local.engine.engine import CREDENTIALS
from endcap_local.stack import LocalStack
from endcap_local.template.intrinsics import REGION
from tests.fakes.toy_shop import chain_events
from tests.fakes.toy_snapshot import TINY_ENCODER, toy_items

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
ROOT = Path(__file__).parents[2]
RESOURCES = {"Topic": {"Type": "AWS::SNS::Topic"}}  # a stack has to have something


@pytest.fixture
def stack() -> Iterator[LocalStack]:
    with (
        LocalStack(ROOT / "template.yaml", redelivery_s=0) as running,
        pytest.MonkeyPatch.context() as patches,  # undone before the stack puts the environment back
    ):
        environment = running.function("CollectFunction").environment
        outputs = {
            "ApiUrl": running.url,
            "DataBucketName": environment["DATA_BUCKET"],
            "PromoteFunctionName": running.function("PromoteFunction").name,
        }
        body = {"Resources": RESOURCES, "Outputs": {key: {"Value": value} for key, value in outputs.items()}}
        running.client("cloudformation").create_stack(StackName="shop", TemplateBody=json.dumps(body))
        key, secret = CREDENTIALS.values()
        for name, value in (
            ("AWS_ENDPOINT_URL", running.engine.endpoint),
            ("AWS_ACCESS_KEY_ID", key),
            ("AWS_SECRET_ACCESS_KEY", secret),
            ("AWS_DEFAULT_REGION", REGION),
        ):
            patches.setenv(name, value)
        yield running


def test_one_command_from_a_folder_to_the_first_list(stack: LocalStack, tmp_path: Path) -> None:
    items = [{"item_id": item.item_id, "title": item.title} for item in toy_items(20)]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    events = [json.dumps({**row, "event_id": f"e{k}"}) for k, row in enumerate(chain_events(n_users=20, n_items=20))]
    (tmp_path / "events.jsonl").write_text("\n".join(events) + "\n")
    command = ["import", "--stack", "shop", "--data", str(tmp_path), "--encoder", str(TINY_ENCODER)]
    done = CliRunner().invoke(app, [*command, "--json"])
    assert done.exit_code == 0, done.output
    (told,) = [found for found in documents(done.stdout) if "first_answer" in found]
    assert (told["items"], told["events"], told["rejected"]) == (20, 120, 0)
    assert len(told["first_answer"]["titles"]) == 3
    assert told["first_answer"]["command"].startswith(f"curl '{stack.url}/users/")


def documents(text: str) -> Iterator[dict[str, Any]]:
    """The JSON in what a process has written: here the stack's functions write into the same output."""
    while text := text[text.find("{") :] if "{" in text else "":
        found, end = json.JSONDecoder().raw_decode(text)
        yield found
        text = text[end:]
