"""`sam build` on this machine: no Docker, no interpreter of the functions' version needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.checks.measure_build import BUDGET_BYTES, REBUILD_BUDGET_BYTES, measure

ROOT = Path(__file__).parents[2]
SAM = ROOT / ".venv-sam" / "bin" / "sam"
FUNCTIONS = len(list((ROOT / "functions").glob("*/app.py")))


class CloudFormationLoader(yaml.SafeLoader):
    """Reads YAML and takes tags such as !Ref for plain values."""


CloudFormationLoader.add_multi_constructor("!", lambda _loader, _tag, _node: None)


@pytest.mark.skipif(not SAM.exists(), reason="the SAM CLI is not installed (make check installs it)")
def test_sam_builds_a_stack_that_fits_lambda(tmp_path: Path) -> None:
    build = tmp_path / "build"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "SAM_CLI_TELEMETRY": "0",
        "PIP": f"{sys.executable} -m pip",
    }
    done = subprocess.run(
        [SAM, "build", "--build-dir", build, "--template-file", ROOT / "template.yaml"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    resources = resources_of(build / "template.yaml")
    nested = build / resources["Rebuilding"]["Properties"]["TemplateURL"]
    code = [
        folder / r["Properties"]["CodeUri"]
        for folder, found in ((build, resources), (nested.parent, resources_of(nested)))
        for r in found.values()
        if r["Type"] == "AWS::Serverless::Function"
    ]
    assert len(code) == FUNCTIONS + 1  # the one that rebuilds lies with the job
    assert all((folder / "app.py").exists() for folder in code)
    layer = nested.parent / resources_of(nested)["RebuildLayer"]["Properties"]["ContentUri"]
    assert (layer / "python" / "endcap_rebuild" / "requirements" / "core.txt").exists()
    assert (build / resources["Watching"]["Properties"]["TemplateURL"]).exists()
    sizes = measure(build)
    assert sizes["together"] < BUDGET_BYTES
    assert sizes["with the rebuild"] < REBUILD_BUDGET_BYTES


def resources_of(template: Path) -> dict[str, Any]:
    resources: dict[str, Any] = yaml.load(template.read_text(), CloudFormationLoader)["Resources"]
    return resources
