"""Write the SHA-256 of every wheel that a layer may be built from into its requirements.txt.

    python infra/checks/pin_layers.py layers/core layers/inference layers/parquet layers/rebuild infra/rebuild

Change the versions by hand, then run this. pip resolves each line for each CPython and CPU that the layers are built
for and reports the digests; nothing is installed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PYTHONS = ("3.11", "3.12", "3.13")
MACHINES = ("x86_64", "aarch64")
PINNED = re.compile(r"([a-z0-9-]+==[0-9.]+(?:post[0-9]+)?)")
TAGS = tuple(f"manylinux{tag}" for tag in ("_2_28", "_2_27", "_2_24", "_2_17", "2014"))  # as in layers/layer.mk


def digests(requirements: list[str], python: str, machine: str) -> dict[str, str]:
    """SHA-256 of the wheel that pip takes for each `name==version`.

    Raises
    ------
    subprocess.CalledProcessError : there is no wheel for one of them
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = ["--quiet", "--dry-run", "--no-deps", "--ignore-installed", "--only-binary=:all:"]
        options += ["--implementation=cp", f"--python-version={python}", f"--target={folder}", f"--report={report}"]
        options += [f"--platform={tag}_{machine}" for tag in TAGS]
        subprocess.run([sys.executable, "-m", "pip", "install", *options, *requirements], check=True)
        installed = json.loads(report.read_text())["install"]
    return {
        _plain(entry["metadata"]["name"]): entry["download_info"]["archive_info"]["hashes"]["sha256"]
        for entry in installed
    }


def pin(path: Path) -> None:
    """Rewrite one requirements.txt."""
    lines = path.read_text().splitlines()
    comments = [line for line in lines if line.startswith("#")]
    requirements = sorted(
        match[1] for line in lines if (match := re.match(r"([a-z0-9-]+==[0-9.]+(?:post[0-9]+)?)", line))
    )
    found: dict[str, set[str]] = {requirement: set() for requirement in requirements}
    for python in PYTHONS:
        for machine in MACHINES:
            by_name = digests(requirements, python, machine)
            for requirement in requirements:
                found[requirement].add(by_name[requirement.split("==")[0]])
    pinned = [
        " \\\n    ".join([requirement, *(f"--hash=sha256:{digest}" for digest in sorted(found[requirement]))])
        for requirement in requirements
    ]
    path.write_text("\n".join([*comments, *pinned]) + "\n")


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    for layer in sys.argv[1:]:
        pin(Path(layer) / "requirements.txt")
