"""Packages of npm that tests and checks use, pinned by hash: fetched once, without Node."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.request import urlopen

TIMEOUT_S: Final = 300.0
DEFAULT_REGISTRY: Final = "https://registry.npmjs.org"


class PackageError(Exception):
    """A package can't be had, or is not the one that was pinned."""


@dataclass(frozen=True)
class Package:
    """A tarball of the registry.

    Attributes
    ----------
    integrity : `sha512-...`, as the registry and lock files write it
    """

    name: str
    version: str
    integrity: str

    @property
    def url(self) -> str:
        """Where the registry has it; NPM_CONFIG_REGISTRY names another registry."""
        registry = os.environ.get("NPM_CONFIG_REGISTRY", DEFAULT_REGISTRY).rstrip("/")
        return f"{registry}/{self.name}/-/{self.name.rpartition('/')[2]}-{self.version}.tgz"

    @property
    def folder(self) -> Path:
        """Where it is kept: in ${ENDCAP_CACHE:-~/.cache/endcap}/npm, by what is in it."""
        cache = Path(os.environ.get("ENDCAP_CACHE") or Path.home() / ".cache" / "endcap")
        digest = hashlib.sha256(self.integrity.encode()).hexdigest()[:12]
        return cache / "npm" / f"{self.name.rpartition('/')[2]}-{self.version}-{digest}"


def unpacked(package: Package, finish: Callable[[Path], None] | None = None) -> Path:
    """The folder of a package, fetched first where it is not there.

    Parameters
    ----------
    finish : called once with the folder before it is put into place

    Raises
    ------
    PackageError : it can't be fetched, or what came is not what was pinned
    """
    target = package.folder
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=target.parent) as scratch:
        folder = Path(scratch) / "package"
        _extract(_fetched(package), Path(scratch))
        if finish is not None:
            finish(folder)
        try:
            folder.rename(target)
        except OSError:
            if not target.is_dir():  # else another process was faster
                raise
    return target


def _fetched(package: Package) -> bytes:
    try:
        with urlopen(package.url, timeout=TIMEOUT_S) as answer:  # nosec B310 # the scheme is the registry's own
            content: bytes = answer.read()
    except OSError as exc:
        raise PackageError(f"{package.url} can't be fetched: {exc}") from exc
    found = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
    if found != package.integrity:
        raise PackageError(f"{package.url} is not what was pinned: it has {found}")
    return content


def _extract(content: bytes, into: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        archive.extractall(into, filter="data")
