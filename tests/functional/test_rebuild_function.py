"""The function that rebuilds, under AWS's own runtime client and with nothing but the built layers to import."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from endcap.aws.item_rows import item_row
from endcap.aws.snapshots import SnapshotBucket
from endcap.snapshot.verify import verify_snapshot
from endcap_local.lambda_runtime.runtime_api import ExecutionEnvironment
from endcap_local.template.intrinsics import Resolver
from endcap_local.template.template import expand
from endcap_rebuild.base_encoders import ensure_encoder
from endcap_rebuild.base_encoders.recipes import RECIPES
from infra.checks.measure_build import REBUILD_BUDGET_BYTES, tree_bytes
from tests.fakes.table_export import export_files
from tests.fakes.toy_shop import chain_events
from tests.fakes.toy_snapshot import toy_items
from tests.functional.lambda_layers import ROOT, VERSIONS, Runtime, find_python, rebuild_layer, runtime_for

FUNCTION = ROOT / "infra" / "rebuild" / "function"
DEPLOYED = VERSIONS[-1]
BUCKET = "data-bucket"
NEVER_CALLED = {
    "s3:AbortMultipartUpload",  # of an upload that fails half-way
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "secretsmanager:GetSecretValue",  # of stacks with pseudonyms
}


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    python = find_python(DEPLOYED)
    if python is None:
        pytest.skip(f"this machine has no CPython {DEPLOYED}")
    return runtime_for(DEPLOYED, python)


@pytest.fixture(scope="module")
def layer(runtime: Runtime) -> Path:
    return rebuild_layer(DEPLOYED, runtime.python)


@pytest.fixture(scope="module")
def nested() -> Mapping[str, Any]:
    """The resources of the nested template, resolved."""
    _, expanded = expand(ROOT / "infra" / "rebuild.yaml")
    given = dict.fromkeys(expanded["Parameters"], "") | {
        "Bucket": BUCKET,
        "BucketArn": f"arn:aws:s3:::{BUCKET}",
        "FunctionMemory": "3008",
        "LogLevel": "INFO",
        "StackName": "shop",
    }
    resolver = Resolver(expanded, given, "http://127.0.0.1:9")
    wanted = ("RebuildSnapshotFunction", "RebuildSnapshotRole")
    return {name: resolver.resolve(expanded["Resources"][name]["Properties"]) for name in wanted}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str, Path]]:
    """A client of moto's S3, moto's endpoint, and the file that its calls are written to."""
    calls = tmp_path_factory.mktemp("engine") / "calls.jsonl"
    command = [sys.executable, "-m", "tests.functional.recorded_engine", str(calls)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        endpoint = process.stdout.readline().strip()
        s3 = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(proxies={}),
        )
        s3.create_bucket(Bucket=BUCKET)
        yield s3, endpoint, calls
        process.stdin.close()


@pytest.fixture(scope="module")
def function(
    runtime: Runtime,
    layer: Path,
    nested: Mapping[str, Any],
    engine: tuple[Any, str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ExecutionEnvironment]:
    folder = tmp_path_factory.mktemp("function")
    properties = nested["RebuildSnapshotFunction"]
    environment = {
        **properties["Environment"]["Variables"],
        "ENDCAP_ENCODERS": str(folder / "encoders"),
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": engine[1],
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_SDK_UA_APP_ID": "rebuild_snapshot",
        "NO_PROXY": "127.0.0.1",
        "PATH": os.defpath,
        "TMPDIR": str(folder),
    }
    started = ExecutionEnvironment(
        runtime.python,
        FUNCTION,
        properties["Handler"],
        [*runtime.path(inference=True)[:2], layer / "python", runtime.aws],
        {name: str(value) for name, value in environment.items()},
        float(properties["Timeout"]),
        folder / "log",
    )
    yield started
    started.close()


def lay_out(s3: Any, execution: str) -> None:
    """What the state machine has exported, an archive, and an encoder as `endcap import --stack` stages it."""
    for key, body in export_files([item_row(item, 1) for item in toy_items(20)]).items():
        s3.put_object(Bucket=BUCKET, Key=f"exports/{execution}/items/{key}", Body=body)
    for table in ("profiles", "erasures"):
        for key, body in export_files([]).items():
            s3.put_object(Bucket=BUCKET, Key=f"exports/{execution}/{table}/{key}", Body=body)
    lines = [json.dumps({**row, "event_id": f"e{k}"}) for k, row in enumerate(chain_events(n_users=20, n_items=20))]
    archive = gzip.compress("\n".join(lines).encode() + b"\n")
    s3.put_object(Bucket=BUCKET, Key="events/2026/01/02/a.jsonl.gz", Body=archive)
    folder = ensure_encoder("english")
    for path in folder.iterdir():
        s3.upload_file(str(path), BUCKET, f"encoders/{RECIPES['english'].folder}/{path.name}")


def test_function_and_its_layers_fit_lambda(runtime: Runtime, layer: Path) -> None:
    parts = {"core": runtime.core, "inference": runtime.inference, "rebuild": layer, "function": FUNCTION}
    sizes = {name: tree_bytes(folder) for name, folder in parts.items()}
    assert sum(sizes.values()) <= REBUILD_BUDGET_BYTES, sizes


def test_one_call_plans_and_another_rebuilds_with_nothing_but_the_layers(
    function: ExecutionEnvironment,
    engine: tuple[Any, str, Path],
    nested: Mapping[str, Any],
    tmp_path: Path,
) -> None:
    s3, _, calls = engine
    lay_out(s3, "run-1")
    event = {"execution": "run-1", "way": "auto", "hyperparameters": {"budget": "fast", "bucket": BUCKET}}
    planned = function.invoke({**event, "step": "plan"})
    assert (planned["way"], planned["why"]) == ("lambda", "one call has what it needs")
    staged = s3.list_objects_v2(Bucket=BUCKET, Prefix=planned["code"])["Contents"]
    assert {entry["Key"].removeprefix(planned["code"]) for entry in staged} == {"code.tar.gz", "train.sh"}

    answer = function.invoke({**event, "step": "rebuild"})
    assert "snapshot" in answer, answer
    snapshots = SnapshotBucket(s3, BUCKET, tmp_path)
    manifest = verify_snapshot(snapshots.download(answer["snapshot"]["version"]))
    assert (manifest["counts"]["items"], manifest["counts"]["events"]) == (20, 120)

    role = nested["RebuildSnapshotRole"]["Policies"][0]["PolicyDocument"]["Statement"]
    allowed = [s for s in role if s["Effect"] == "Allow"]
    made = {(call["action"], call["arn"]) for call in map(json.loads, calls.read_text().splitlines())}
    for action, arn in made:
        assert any(
            action in listed(s["Action"]) and any(fnmatchcase(arn, pattern) for pattern in listed(s["Resource"]))
            for s in allowed
        ), (action, arn)
    granted = {action for s in allowed for action in listed(s["Action"])}
    assert granted - {action for action, _ in made} <= NEVER_CALLED


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
