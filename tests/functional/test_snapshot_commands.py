"""`endcap snapshot promote` and `rollback` on a bucket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from endcap.aws.snapshots import SnapshotBucket
from endcap.snapshot.gates import GateError
from endcap_local.cli.app import app
from tests.fakes.moto_stack import BUCKET, client, stack
from tests.fakes.poisons import write_poison, write_sound


@pytest.fixture(autouse=True)
def _stack() -> Iterator[None]:
    with stack():
        yield


def command(*options: str) -> Result:
    return CliRunner().invoke(app, ["snapshot", *options, "--bucket", BUCKET, "--json"])


def pointer() -> Any:
    return SnapshotBucket(client("s3"), BUCKET).current()


def test_a_folder_goes_up_and_what_is_worse_needs_a_reason(tmp_path: Path) -> None:
    good, worse = write_sound(tmp_path / "good"), write_poison(tmp_path / "worse", "quality of half")
    first = json.loads(command("promote", str(good)).stdout)
    assert (first["previous"], first["forced"]) == (None, None)
    refused = command("promote", str(worse))
    assert isinstance(refused.exception, GateError) or refused.exit_code == 1
    assert pointer().version == first["version"]
    assert command("promote", str(worse), "--force", " ").exit_code != 0
    forced = json.loads(command("promote", str(worse), "--force", "measured otherwise").stdout)
    assert (forced["previous"], forced["forced"]) == (first["version"], "measured otherwise")
    # AND back again, whatever the gates would say
    back = json.loads(command("rollback").stdout)
    assert (back["version"], back["forced"], pointer().version) == (first["version"], "rollback", first["version"])
