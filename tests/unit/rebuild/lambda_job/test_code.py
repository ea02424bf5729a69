"""The code that a training job on an image of AWS runs, in an environment that has nothing of ours."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from endcap.snapshot.verify import verify_snapshot
from endcap_rebuild.lambda_job.code import ARCHIVE_NAME, SCRIPT, SCRIPT_NAME, code_archive, stage
from endcap_rebuild.sagemaker.publishing import Publisher
from tests.fakes.moto_stack import BUCKET, client, objects, stack
from tests.fakes.toy_snapshot import TINY_ENCODER
from tests.fakes.training_root import write_training_root

ROOT = Path(__file__).parents[4]
PINNED = {
    "core": ROOT / "layers" / "core",
    "inference": ROOT / "layers" / "inference",
    "rebuild": ROOT / "layers" / "rebuild",
    "job": ROOT / "infra" / "rebuild",
}
ITEMS = b'{"id": "a", "title": "Mug"}\n{"id": "b", "title": "Plate"}\n'


def channel(folder: Path, requirements: dict[str, str]) -> Path:
    """What SageMaker lays down of the code channel."""
    given = folder / "requirements"
    given.mkdir()
    for name, text in requirements.items():
        (given / f"{name}.txt").write_text(text)
    code = folder / "ml" / "input" / "data" / "code"
    code.mkdir(parents=True)
    (code / ARCHIVE_NAME).write_bytes(code_archive(tuple(sorted(given.glob("*.txt")))))
    shutil.copy(SCRIPT, code / SCRIPT_NAME)
    return code


def run(folder: Path, requirements: dict[str, str], python: str) -> subprocess.CompletedProcess[str]:
    """The container's entry point on a machine that can import nothing of this project."""
    code = channel(folder, requirements)
    choices = {"budget": "fast", "encoder": str(TINY_ENCODER)}
    write_training_root(folder / "ml", choices, {"training": {"items.jsonl": ITEMS}, "code": {}})
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AWS_"))}
    environment |= {"ENDCAP_ROOT": str(folder / "ml"), "ENDCAP_PYTHON": python, "TMPDIR": str(folder)}
    return subprocess.run(
        ["sh", str(code / SCRIPT_NAME)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_archive_holds_both_packages_and_is_the_same_each_time() -> None:
    pinned = (ROOT / "layers" / "core" / "requirements.txt",)
    packed = code_archive(pinned)
    assert packed == code_archive.__wrapped__(pinned)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        names = archive.getnames()
    assert {
        "code/endcap/errors.py",
        "code/endcap/messages/en.py",
        "code/endcap_rebuild/sagemaker/__main__.py",
        "code/endcap_rebuild/base_encoders/english.projection.npy",
        "requirements/requirements.txt",
    } <= set(names)
    assert not [name for name in names if "__pycache__" in name or "endcap_local" in name]


def test_code_is_staged_once_under_a_name_of_its_own() -> None:
    with stack():
        bucket = Publisher(client("s3"), BUCKET)
        folder = stage(bucket)
        written = objects(folder)
        assert set(written) == {f"{folder}{ARCHIVE_NAME}", f"{folder}{SCRIPT_NAME}"}
        before = client("s3").list_object_versions(Bucket=BUCKET, Prefix=folder)["Versions"]
        assert stage(bucket) == folder
        assert client("s3").list_object_versions(Bucket=BUCKET, Prefix=folder)["Versions"] == before


def test_job_whose_packages_can_not_be_had_says_so_where_sagemaker_looks(tmp_path: Path) -> None:
    done = run(tmp_path, {}, "/no/python")
    assert done.returncode == 1
    assert "could not be installed" in (tmp_path / "ml" / "output" / "failure").read_text()


@pytest.mark.prove
def test_code_rebuilds_a_shop_in_an_environment_that_has_nothing_but_the_pinned_packages(tmp_path: Path) -> None:
    python = getattr(sys, "_base_executable", sys.executable)
    requirements = {name: (folder / "requirements.txt").read_text() for name, folder in PINNED.items()}
    done = run(tmp_path, requirements, python)
    assert done.returncode == 0, done.stdout + done.stderr
    verify_snapshot(tmp_path / "ml" / "model")
