"""The code of a rebuild as one archive that a training job on an image of AWS unpacks and runs.

An image of AWS (https://aws.github.io/deep-learning-containers/) brings Python, torch and a shell. The job installs, by
the digests of their wheels, the packages that the layers are pinned to into an environment of its own, and runs the
program that our own image runs too.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import endcap
import endcap_rebuild
from endcap_rebuild.sagemaker.publishing import Publisher

PREFIX: Final = "rebuild/code/"
ARCHIVE_NAME: Final = "code.tar.gz"
SCRIPT_NAME: Final = "train.sh"
REQUIREMENTS: Final = Path(endcap_rebuild.__file__ or "").parent / "requirements"
"""Where the build of the layer has put them."""
SCRIPT: Final = Path(__file__).parent / SCRIPT_NAME
_UNUSED: Final = ("__pycache__", "requirements")


def stage(bucket: Publisher, requirements: Path = REQUIREMENTS) -> str:
    """Put this code into the bucket where it is not there yet; gives the folder, with a slash at its end.

    Raises
    ------
    ThrottledError, DependencyError
    """
    archive = code_archive(tuple(sorted(requirements.glob("*.txt"))))
    folder = f"{PREFIX}{hashlib.sha256(archive + SCRIPT.read_bytes()).hexdigest()[:16]}/"
    there = bucket.sizes(folder)
    for name, body in ((ARCHIVE_NAME, archive), (SCRIPT_NAME, SCRIPT.read_bytes())):
        if f"{folder}{name}" not in there:
            bucket.put(f"{folder}{name}", body)
    return folder


@cache
def code_archive(requirements: tuple[Path, ...]) -> bytes:
    """Both packages below `code/` and pinned requirements below `requirements/`; the same bytes for the same files."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, path in (*_files(), *((f"requirements/{path.name}", path) for path in requirements)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = path.stat().st_size, 0o644
            with path.open("rb") as file:
                archive.addfile(entry, file)
    return packed.getvalue()


def _files() -> Iterator[tuple[str, Path]]:
    for package in (endcap, endcap_rebuild):
        root = Path(package.__file__ or "").parent
        for path in sorted(root.rglob("*")):
            if path.is_file() and not set(path.relative_to(root).parts) & {*_UNUSED} and path.suffix != ".pyc":
                yield f"code/{path.relative_to(root.parent).as_posix()}", path
