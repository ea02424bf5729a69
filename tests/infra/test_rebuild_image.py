"""The image of the rebuild as far as it goes without Docker: what is copied into it is enough to run it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from endcap.snapshot.verify import verify_snapshot
from tests.fakes.toy_snapshot import TINY_ENCODER
from tests.fakes.training_root import write_training_root


@pytest.fixture(scope="module")
def dockerfile(root: Path) -> str:
    return (root / "infra" / "rebuild" / "Dockerfile").read_text()


def copied(dockerfile: str) -> list[str]:
    """Sources of the COPY lines, below the root of the repository."""
    return [source for line in re.findall(r"^COPY (.+)$", dockerfile, re.M) for source in line.split()[:-1]]


def test_builder_is_sent_what_is_copied_and_no_more(dockerfile: str, root: Path) -> None:
    lines = (root / "infra" / "rebuild" / "Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == set(copied(dockerfile))


def test_what_is_copied_runs_the_command_of_the_image(dockerfile: str, root: Path, tmp_path: Path) -> None:
    for source in copied(dockerfile):
        target = tmp_path / "source" / source
        target.parent.mkdir(parents=True, exist_ok=True)
        is_folder = (root / source).is_dir()
        shutil.copytree(root / source, target) if is_folder else shutil.copy(root / source, target)
    files = {"items.jsonl": b'{"id": "a", "title": "Mug"}\n'}
    ml = write_training_root(tmp_path / "ml", {"budget": "fast", "encoder": str(TINY_ENCODER)}, {"training": files})
    (entrypoint,) = re.findall(r"^ENTRYPOINT (.+)$", dockerfile, re.M)
    assert entrypoint == '["python", "-m", "endcap_rebuild.sagemaker"]'
    path = os.pathsep.join(str(tmp_path / "source" / name) for name in ("layers/core", "infra/rebuild"))
    command = [sys.executable, "-m", "endcap_rebuild.sagemaker", "train", "--root", str(ml)]
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    verify_snapshot(ml / "model")


def test_image_holds_no_secret(dockerfile: str) -> None:
    assert not re.search(r"SECRET|TOKEN|PASSWORD|AWS_ACCESS|index-url", dockerfile, re.I)
