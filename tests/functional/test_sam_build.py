"""`sam build` on this machine: no Docker, no interpreter of the functions' version needed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from infra.checks.measure_build import BUDGET_BYTES, measure

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
    resources = yaml.load((build / "template.yaml").read_text(), CloudFormationLoader)["Resources"]
    code = [r["Properties"]["CodeUri"] for r in resources.values() if r["Type"] == "AWS::Serverless::Function"]
    assert len(code) == FUNCTIONS
    assert all((build / uri / "app.py").exists() for uri in code)
    assert (build / resources["Watching"]["Properties"]["TemplateURL"]).exists()
    assert measure(build)["together"] < BUDGET_BYTES
