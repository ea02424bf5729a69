"""The layers' exact pins against the ranges of pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
IN_THE_RUNTIME = {"boto3"}


def pins(layer: str) -> dict[str, str]:
    text = (ROOT / "layers" / layer / "requirements.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found = [re.fullmatch(r"([a-z0-9-]+)==([0-9.]+)(?: +--hash=sha256:[0-9a-f]{64})+", line) for line in lines]
    assert all(found), "every line must be an exact version with the digests of its wheels (make pins)"
    return {match[1]: match[2] for match in found if match}


@pytest.mark.parametrize(
    ("layer", "wanted"),
    [("core", PROJECT["dependencies"]), ("inference", PROJECT["optional-dependencies"]["inference"])],
)
def test_layer_holds_what_pyproject_asks_for(layer: str, wanted: list[str]) -> None:
    pinned = pins(layer)
    for line in wanted:
        requirement = Requirement(line)
        if requirement.name not in IN_THE_RUNTIME:
            assert requirement.specifier.contains(pinned[requirement.name]), line


@pytest.mark.parametrize("layer", ["core", "inference"])
def test_layer_ships_nothing_that_the_runtime_has_or_serving_does_not_need(layer: str) -> None:
    unwanted = {"boto3", "botocore", "torch", "scipy", "pandas", "faiss-cpu", "huggingface-hub", "onnx"}
    assert not unwanted & set(pins(layer))
