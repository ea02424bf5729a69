"""Interpreters of this machine, and the project's layers built for each by the project's own makefiles.

Builds are kept under .build/ and made anew only when what goes into them has changed.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.fakes.sharing import alone

ROOT = Path(__file__).parents[2]
BUILD = ROOT / ".build"
VERSIONS = ("3.11", "3.12", "3.13")
TARGETS = {
    "core": "build-CoreLayer",
    "inference": "build-InferenceLayer",
    "parquet": "build-ParquetLayer",
    "rebuild": "build-RebuildLayer",
}
SOURCES = {"rebuild": (ROOT / "infra" / "rebuild",)}
"""What goes into a layer beside its own folder."""


@dataclass(frozen=True)
class Runtime:
    """Folders to import from, as Lambda has them under /opt and in its own runtime."""

    version: str
    python: str
    core: Path
    inference: Path
    aws: Path

    def path(self, *, inference: bool) -> list[Path]:
        """What a function imports from, with or without the inference layer."""
        layers = [self.core, self.inference] if inference else [self.core]
        return [*(layer / "python" for layer in layers), self.aws]


@cache
def find_python(version: str) -> str | None:
    """An interpreter of this minor version, None where the machine has none."""
    found = [
        shutil.which(f"python{version}"),
        *map(str, sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))),
    ]
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        found.insert(0, sys.executable)
    for python in found:
        probe = [python or "", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        # A shim may be there without the interpreter behind it.
        if python and subprocess.run(probe, capture_output=True, text=True).stdout.strip() == version:
            return python
    return None


def newest_version() -> str:
    """The newest minor version that this machine has; where it has none, the one that is deployed."""
    return next((version for version in reversed(VERSIONS) if find_python(version)), VERSIONS[-1])


def runtime_for(version: str, python: str) -> Runtime:
    """Layers and runtime packages for an interpreter, built where they are not there yet."""
    with alone(BUILD / f"{version}.lock"):
        folders = {layer: _layer(layer, version, python) for layer in ("core", "inference")}
        return Runtime(version, python, folders["core"], folders["inference"], _runtime_packages(version))


def rebuild_layer(version: str, python: str) -> Path:
    """The layer that only the function has that rebuilds."""
    with alone(BUILD / f"{version}.lock"):
        return _layer("rebuild", version, python)


def build_layer(layer: str, folder: Path, version: str, compiler: str, architecture: str | None = None) -> None:
    """Build one layer into `folder` as `sam build` does; for this machine's CPU unless another is named."""
    folder.mkdir(parents=True)
    command = ["make", "--silent", "-C", str(ROOT / "layers" / layer), TARGETS[layer]]
    _run(
        *command,
        f"ARTIFACTS_DIR={folder}",
        f"LAYER_PYTHON={version}",
        f"LAYER_ARCH={architecture or _architecture()}",
        f"PIP={sys.executable} -m pip",
        f"COMPILER={compiler}",
    )


def tree_digest(folders: Sequence[Path], *, compiled: bool = False) -> str:
    """A hash of the names and contents of all files, with or without those of __pycache__."""
    digest = hashlib.sha256()
    for folder in folders:
        files = [folder] if folder.is_file() else sorted(p for p in folder.rglob("*") if p.is_file())
        for path in files:
            if compiled or "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _layer(layer: str, version: str, python: str) -> Path:
    sources = [ROOT / "layers" / layer, ROOT / "layers" / "layer.mk", *SOURCES.get(layer, ())]
    digest = tree_digest(sources)[:16]
    folder = BUILD / "layers" / f"{layer}-{version}-{digest}"
    if not (folder / ".built").exists():
        for stale in folder.parent.glob(f"{layer}-{version}-*"):
            shutil.rmtree(stale)
        # Only the version that is deployed gets .pyc files: compiling takes most of the time.
        build_layer(layer, folder, version, python if version == VERSIONS[-1] else "")
        (folder / ".built").touch()
    return folder


def _runtime_packages(version: str) -> Path:
    """boto3 and the runtime client, which Lambda's own image brings."""
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [line for line in dependencies["dependencies"] if line.startswith("boto3")]
    wanted += [line for line in dependencies["optional-dependencies"]["dev"] if line.startswith("awslambdaric")]
    digest = hashlib.sha256("\n".join(wanted).encode()).hexdigest()[:16]
    folder = BUILD / "runtime" / f"{version}-{digest}"
    if not (folder / ".built").exists():
        shutil.rmtree(folder, ignore_errors=True)
        platforms = [
            f"--platform={tag}_{platform.machine()}" for tag in ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
        ]
        options = ["--quiet", "--only-binary=:all:", f"--python-version={version}", *platforms, f"--target={folder}"]
        _run(sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *options, *wanted)
        (folder / ".built").touch()
    return folder


def _architecture() -> str:
    return "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
