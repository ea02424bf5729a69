"""Two checkouts of Endcap beside each other: running either one's command, and the ratio of what both took.

    git worktree add ../before COMMIT

Both run under this interpreter and its packages, so that only Endcap's own code differs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

NOW = Path(__file__).parents[2]
_PACKAGES = ("layers/core", "infra/rebuild", "infra/local")
_MAIN = """
try:
    from endcap_local.cli.app import main
except ImportError:
    from endcap_local.cli import main
main()
"""


def run_python(checkout: Path, code: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
    """Run a program that imports a checkout's own code, on one thread, with these variables over those of this process.

    Raises
    ------
    subprocess.CalledProcessError : it failed
    """
    paths = os.pathsep.join(str(checkout / package) for package in _PACKAGES)
    own = {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    variables = {**os.environ, **(environment or {}), **own}
    command = [sys.executable, "-c", code, *arguments]
    try:
        subprocess.run(command, cwd=checkout, env=variables, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as failed:
        failed.add_note(failed.stderr)
        raise


def endcap(checkout: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
    """Run a checkout's own command, with these variables over those of this process.

    Raises
    ------
    subprocess.CalledProcessError : it failed
    """
    run_python(checkout, _MAIN, *arguments, environment=environment)


def middle(ratios: Sequence[float], seed: int = 0) -> tuple[float, float, float]:
    """The median, and the bounds of 95 % of the medians of as many drawn with replacement."""
    values = np.asarray(ratios)
    drawn = np.random.default_rng(seed).choice(values, (4000, len(values)))
    low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
    return float(np.median(values)), float(low), float(high)
