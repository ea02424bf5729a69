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
PIN = re.compile(r"([a-z0-9-]+)==([0-9.]+(?:post[0-9]+)?)(?: +--hash=sha256:[0-9a-f]{64})+")
OF_A_JOB = ("layers/core", "layers/inference", "layers/rebuild", "infra/rebuild")


def pins(folder: str) -> dict[str, str]:
    text = (ROOT / folder / "requirements.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found = [
        re.fullmatch(r"([a-z0-9-]+)==([0-9.]+(?:post[0-9]+)?)(?: +--hash=sha256:[0-9a-f]{64})+", line) for line in lines
    ]
    assert all(found), "every line must be an exact version with the digests of its wheels (make pins)"
    return {match[1]: match[2] for match in found if match}


@pytest.mark.parametrize(
    ("layer", "wanted"),
    [("core", PROJECT["dependencies"]), ("inference", PROJECT["optional-dependencies"]["inference"])],
)
def test_layer_holds_what_pyproject_asks_for(layer: str, wanted: list[str]) -> None:
    pinned = pins(f"layers/{layer}")
    for line in wanted:
        requirement = Requirement(line)
        if requirement.name not in IN_THE_RUNTIME:
            assert requirement.specifier.contains(pinned[requirement.name]), line


@pytest.mark.parametrize("layer", ["core", "inference"])
def test_layer_ships_nothing_that_the_runtime_has_or_serving_does_not_need(layer: str) -> None:
    unwanted = {"boto3", "botocore", "torch", "scipy", "pandas", "faiss-cpu", "huggingface-hub", "onnx"}
    assert not unwanted & set(pins(f"layers/{layer}"))


@pytest.mark.parametrize("folder", ["layers/parquet", "layers/rebuild", "infra/rebuild"])
def test_rebuild_is_pinned_within_the_ranges_of_pyproject(folder: str) -> None:
    extras = PROJECT["optional-dependencies"]
    ranges = {
        requirement.name: requirement.specifier
        for line in (*PROJECT["dependencies"], *extras["rebuild"], *extras["parquet"])
        if not (requirement := Requirement(line)).extras
    }
    pinned = pins(folder)
    assert {name for name, version in pinned.items() if name in ranges and not ranges[name].contains(version)} == set()


def test_months_are_read_by_what_has_written_them() -> None:
    assert pins("layers/parquet").items() <= pins("layers/rebuild").items()


def test_training_job_gets_all_that_a_rebuild_can_import() -> None:
    """All but what the image has (torch), and what only commands of a developer's machine use."""
    pinned = {
        name
        for folder in ("layers/core", "layers/inference", "layers/rebuild", "infra/rebuild")
        for name in pins(folder)
    }
    extras = PROJECT["optional-dependencies"]
    wanted = {Requirement(line).name for line in (*PROJECT["dependencies"], *extras["inference"], *extras["rebuild"])}
    assert {name.lower() for name in wanted} - pinned == {"endcap", "jinja2", "python-dp"}
