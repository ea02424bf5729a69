"""A headless Chromium for tests and screenshots: the one named, the one installed, or one out of npm.

    python -m infra.checks.chromium

prints its path, after fetching it (68 MB, once) where there is none. The package is made for Lambda: Chromium's
headless shell and the libraries that a bare Linux lacks, compressed by brotli. It is for x86-64.
"""

from __future__ import annotations

import io
import os
import platform
import shutil
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.checks.npm import Package, PackageError, unpacked

VARIABLE: Final = "CHROMIUM"
NAMES: Final = ("chromium", "chromium-browser", "chrome-headless-shell", "google-chrome-stable", "google-chrome")
PACKAGE: Final = Package(
    "@sparticuz/chromium",
    "147.0.0",
    "sha512-4ZKeAQQa8up2mt675qSitztLdbQrlf8BKdC5naeap+5Mv1OV1OlJdPoU+EJC/p5sQUJUQmN4r+q5+EhaaOUHpQ==",
)
_FONTS: Final = "/etc/fonts/fonts.conf"
_OWN_FONTS: Final = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{folder}</dir><dir>/usr/share/fonts</dir><cachedir>{folder}/cache</cachedir></fontconfig>
"""


@dataclass(frozen=True)
class Chromium:
    """How to start it.

    Attributes
    ----------
    path : the program
    environment : variables that it needs beside those of this process
    """

    path: Path
    environment: dict[str, str]


def find_chromium() -> Chromium:
    """One that can be started.

    Raises
    ------
    PackageError : there is none, and none can be fetched
    """
    if named := os.environ.get(VARIABLE):
        if not (found := shutil.which(named)):
            raise PackageError(f"{VARIABLE} names {named}, which is no program")
        return Chromium(Path(found), {})
    for name in NAMES:
        if found := shutil.which(name):
            return Chromium(Path(found), {})
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "AMD64"):
        raise PackageError(f"no Chromium on PATH; install one, or name one in {VARIABLE}")
    folder = unpacked(PACKAGE, _inflate) / "bin"
    environment = {"LD_LIBRARY_PATH": f"{folder / 'lib'}:{os.environ.get('LD_LIBRARY_PATH', '')}".rstrip(":")}
    if not Path(_FONTS).exists():
        environment["FONTCONFIG_PATH"] = str(folder / "fonts")
    return Chromium(folder / "chromium", environment)


def _inflate(package: Path) -> None:
    import brotli

    folder = package / "bin"
    program = folder / "chromium"
    program.write_bytes(brotli.decompress((folder / "chromium.br").read_bytes()))
    program.chmod(0o755)
    for name, into in (("al2023", folder), ("fonts", folder / "fonts"), ("swiftshader", folder)):
        with tarfile.open(fileobj=io.BytesIO(brotli.decompress((folder / f"{name}.tar.br").read_bytes()))) as archive:
            archive.extractall(into, filter="data")
    (folder / "fonts" / "fonts.conf").write_text(_OWN_FONTS.format(folder=PACKAGE.folder / "bin" / "fonts"))
    for compressed in folder.glob("*.br"):
        compressed.unlink()


if __name__ == "__main__":
    try:
        print(find_chromium().path)
    except PackageError as exc:
        sys.exit(str(exc))
