"""AWS's control plane on this machine: MiniStack, in an environment of its own.

Templates go to it as `sam package` leaves them, but for what it can't make: `tests/data/not_deployed.json`.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import WaiterError

from endcap_local.template.template import expand

ROOT: Final = Path(__file__).parents[2]
PYTHON: Final = ROOT / ".venv-emulator" / "bin" / "python"
LIST: Final = ROOT / "tests" / "data" / "not_deployed.json"
REGION: Final = "us-east-1"
ACCOUNT: Final = "123456789012"
ARTIFACTS: Final = "artifacts"
_START_S: Final = 60.0
_IAM: Final = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]

Aws = Callable[[str], Any]
"""Makes a client of a service."""


@contextmanager
def emulator() -> Iterator[Aws]:
    """The emulator with an account that has nothing in it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tempfile.mkdtemp(prefix="endcap-emulator-")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": folder,
        "TMPDIR": folder,
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "LOG_LEVEL": "ERROR",
        "IOT_MTLS_ENABLED": "0",
    }
    command = [PYTHON, "-m", "hypercorn", "ministack.app:app", "--bind", f"127.0.0.1:{port}", "--log-level", "ERROR"]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    endpoint = f"http://127.0.0.1:{port}"
    try:
        _answers(f"{endpoint}/_ministack/health", process)
        yield lambda service: boto3.client(
            service,
            region_name=REGION,
            endpoint_url=endpoint,
            aws_access_key_id=ACCOUNT,  # which is how it is told whose account it is
            aws_secret_access_key="test",
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def left_out() -> dict[str, dict[str, str]]:
    """Template -> name of a resource -> why the emulator can't make it."""
    found: dict[str, dict[str, str]] = json.loads(LIST.read_text())["resources"]
    return found


def packaged(aws: Aws, template: str, *, whole: bool = False) -> str:
    """Upload a template with what it refers to, and give its address.

    Parameters
    ----------
    template : its path in the repository
    whole : with what the emulator can't make, too
    """
    document = expand(ROOT / template)[1]
    source = expand(ROOT / template)[0]
    for name, resource in document["Resources"].items():
        written, properties = source["Resources"].get(name, {}).get("Properties", {}), resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::Lambda::Function":
                code = _folder(template, source, written.get("CodeUri"))
                properties["Code"] = {"S3Bucket": ARTIFACTS, "S3Key": _uploaded(aws, f"{name}.zip", _zipped(code))}
            case "AWS::Lambda::LayerVersion":
                properties["Content"] = {"S3Bucket": ARTIFACTS, "S3Key": _uploaded(aws, "layer.zip", _zipped(None))}
            case "AWS::CloudFormation::Stack":
                properties["TemplateURL"] = packaged(aws, properties["TemplateURL"], whole=whole)
            case "AWS::StepFunctions::StateMachine":
                definition = (ROOT / template).parent / written["DefinitionUri"]
                key = _uploaded(aws, definition.name, definition.read_bytes())
                properties["DefinitionS3Location"] = {"Bucket": ARTIFACTS, "Key": key}
    if not whole:
        _leave_out(document, left_out().get(template, {}))
    key = _uploaded(aws, template.replace("/", "-") + ".json", json.dumps(document).encode())
    return f"{aws('s3').meta.endpoint_url}/{ARTIFACTS}/{key}"


def deploy(aws: Aws, name: str, url: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Create a stack, and give what is said of it when that has come to its end."""
    cloudformation = aws("cloudformation")
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    cloudformation.create_stack(StackName=name, TemplateURL=url, Parameters=given, Capabilities=_IAM)
    return settled(aws, name)


def settled(aws: Aws, name: str) -> dict[str, Any]:
    """What is said of a stack when its creation has come to its end, good or bad."""
    cloudformation = aws("cloudformation")
    with suppress(WaiterError):
        waiter = cloudformation.get_waiter("stack_create_complete")
        waiter.wait(StackName=name, WaiterConfig={"Delay": 0.05, "MaxAttempts": int(_START_S / 0.05)})
    return dict(cloudformation.describe_stacks(StackName=name)["Stacks"][0])


def _leave_out(document: dict[str, Any], names: Mapping[str, str]) -> None:
    resources = document["Resources"]
    for name in names:
        del resources[name]
    for resource in resources.values():
        for key in ("UpdatePolicy", "DependsOn"):
            if any(name in json.dumps(resource.get(key)) for name in names):
                del resource[key]
    outputs = document.get("Outputs", {})
    for output in [key for key, value in outputs.items() if any(name in json.dumps(value) for name in names)]:
        del outputs[output]


def _folder(template: str, source: Mapping[str, Any], written: str | None) -> Path:
    uri = written or source["Globals"]["Function"]["CodeUri"]
    return (ROOT / template).parent / uri


def _zipped(folder: Path | None) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("python/README", "what `sam build` puts here is measured by other tests")
        for path in sorted(folder.glob("*.py")) if folder else ():
            archive.write(path, path.name)
    return packed.getvalue()


def _uploaded(aws: Aws, key: str, body: bytes) -> str:
    aws("s3").put_object(Bucket=ARTIFACTS, Key=re.sub(r"^[./]+", "", key), Body=body)
    return key


def _answers(url: str, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + _START_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > ends:
                raise AssertionError("the emulator did not start") from None
            time.sleep(0.05)
