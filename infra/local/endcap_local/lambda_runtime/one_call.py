"""One call of one function as Lambda would make it: a process of its own, AWS's runtime client, the built layers."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from endcap.errors import InvalidInputError
from endcap_local.lambda_runtime.runtime_api import ExecutionEnvironment, FunctionEndedError, FunctionError
from endcap_local.template.template import LocalFunction

LAYERS: Final = ("CoreLayer", "InferenceLayer", "ParquetLayer")
_OF_A_VERSION: Final = re.compile(r"\.cpython-(\d)(\d+)-(x86_64|aarch64)-")
_EXTENSIONS: Final = (".so", ".pyd")


@dataclass(frozen=True)
class Code:
    """Where a function is run from.

    function : its folder
    path : folders that it imports from, in order
    what : the same in words
    """

    function: Path
    path: tuple[Path, ...]
    what: str


@dataclass(frozen=True)
class Answer:
    """What came of a call: its value, or why there is none; and what the function wrote."""

    value: Any
    error: str | None
    log: str


def code_of(function: LocalFunction, root: Path, build: Path) -> Code:
    """The function as `sam build` has made it, where its layers fit this interpreter; else as the source has it.

    Parameters
    ----------
    root : the project's folder
    build : where `sam build` puts what it makes

    Raises
    ------
    InvalidInputError : AWS's runtime client is not installed
    """
    client = importlib.util.find_spec("awslambdaric")
    if client is None or client.origin is None:
        raise InvalidInputError("AWS's runtime client is missing: pip install awslambdaric")
    packages = Path(client.origin).parents[1]  # with boto3 beside it, as in Lambda's own image
    built, layers = build / function.logical_id, [build / layer / "python" for layer in LAYERS]
    present = [layer for layer in layers if layer.is_dir()]
    if (built / "app.py").is_file() and present:
        unfit = _unfit(present)
        if unfit is None:
            return Code(built, (*present, packages), f"as built in {build}")
        why = f"the layers in {build} are of {unfit}"
    else:
        why = f"nothing is built in {build}"
    return Code(function.code_dir, (root / "layers" / "core", packages), f"from the source, as {why}")


def call(code: Code, function: LocalFunction, event: object, environment: Mapping[str, str]) -> Answer:
    """Start the function, call it once, and end it.

    Parameters
    ----------
    environment : all of its variables
    """
    with tempfile.TemporaryDirectory(prefix="endcap-invoke-") as folder:
        log = Path(folder) / "log"
        own = {"PATH": os.environ.get("PATH", ""), "SNAPSHOT_CACHE": f"{folder}/snapshots", "TMPDIR": folder}
        process = ExecutionEnvironment(
            sys.executable, code.function, function.handler, code.path, own | dict(environment), function.timeout_s, log
        )
        value, error = None, None
        try:
            value = process.invoke(event)
        except (FunctionError, FunctionEndedError) as exc:
            error = str(exc.args[0])
        finally:
            process.close()
        return Answer(value, error, log.read_text(errors="replace"))


def body_of(answer: Any) -> Any:
    """The JSON in an HTTP answer, for people to read; the answer itself where it is none."""
    if isinstance(answer, dict) and isinstance(answer.get("body"), str) and not answer.get("isBase64Encoded"):
        try:
            return answer | {"body": json.loads(answer["body"])}
        except ValueError:
            return answer
    return answer


def _unfit(layers: list[Path]) -> str | None:
    """The Python and machine that layers were built for, where they are not these."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    here = (str(sys.version_info.major), str(sys.version_info.minor), machine)
    for layer in layers:
        for file in layer.rglob("*"):
            found = _OF_A_VERSION.search(file.name) if file.suffix in _EXTENSIONS else None
            if found is not None and found.groups() != here:
                return f"Python {found[1]}.{found[2]} on {found[3]}"
    return None
