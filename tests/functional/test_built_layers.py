"""The layers as the makefiles build them: what is in them, how large they are, and that a build can be repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.checks.measure_build import BUDGET_BYTES, tree_bytes
from tests.functional.lambda_layers import VERSIONS, Runtime, build_layer, find_python, runtime_for, tree_digest

DEPLOYED = VERSIONS[-1]
AARCH64 = 183  # e_machine of an ELF header


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    python = find_python(DEPLOYED)
    if python is None:
        pytest.skip(f"this machine has no CPython {DEPLOYED}")
    return runtime_for(DEPLOYED, python)


def test_layers_stay_within_the_budget(runtime: Runtime) -> None:
    sizes = {name: tree_bytes(folder) for name, folder in (("core", runtime.core), ("inference", runtime.inference))}
    assert sum(sizes.values()) < BUDGET_BYTES, sizes


def test_nothing_is_shipped_that_lambda_has_or_serving_does_not_need(runtime: Runtime) -> None:
    top = {path.name for layer in (runtime.core, runtime.inference) for path in (layer / "python").iterdir()}
    assert {"endcap", "aws_lambda_powertools", "pydantic", "numpy", "onnxruntime", "tokenizers"} <= top
    assert not top & {"boto3", "botocore", "torch", "scipy", "huggingface_hub", "google", "flatbuffers", "endcap_local"}


def test_sources_come_compiled(runtime: Runtime) -> None:
    for folder in (runtime.core / "python" / "endcap", runtime.inference / "python" / "numpy"):
        compiled = {path.name.split(".")[0] for path in (folder / "__pycache__").glob("*.pyc")}
        assert compiled == {path.stem for path in folder.glob("*.py")}


@pytest.mark.prove
def test_two_builds_of_one_layer_are_equal(runtime: Runtime, tmp_path: Path) -> None:
    build_layer("core", tmp_path / "again", DEPLOYED, runtime.python)
    first, second = runtime.core / "python", tmp_path / "again" / "python"
    assert tree_digest([first], compiled=True) == tree_digest([second], compiled=True)
    assert {path.stat().st_mtime for path in second.rglob("*")} == {315_619_200.0}  # 2 January 1980


@pytest.mark.prove
def test_layers_build_for_the_other_cpu(tmp_path: Path) -> None:
    build_layer("core", tmp_path / "arm", DEPLOYED, "", architecture="arm64")
    assert not list(tmp_path.rglob("*.pyc"))  # no interpreter was given
    libraries = list(tmp_path.rglob("*.so"))
    assert libraries
    for library in libraries:
        header = library.read_bytes()[:20]
        assert int.from_bytes(header[18:20], "little") == AARCH64, library
