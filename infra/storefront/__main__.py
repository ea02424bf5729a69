"""`python -m infra.storefront`: the kit's files, made from `src/` by esbuild; `--check` compares them.

esbuild is one program, fetched from npm by its hash; neither it nor Node is needed to use what is committed. Each file
says from which sources it was made, so that a check without esbuild finds what was forgotten.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from infra.checks.npm import Package, unpacked

ESBUILD: Final = Package(
    "@esbuild/linux-x64",
    "0.28.2",
    "sha512-4xTZr1FUmSoQW4XIWmit3tzQrUTZM+N3P0XV8xROKYF50XfI7xeO90+1bZvNwxIufQ9hDQVRJH5YhgPVF8A/HQ==",
)
HERE: Final = Path(__file__).parent
KIT: Final = HERE / "kit"
SHOP: Final = HERE.parent / "local" / "endcap_local" / "shop" / "static" / "endcap.js"
OUTPUTS: Final[Mapping[str, tuple[str, str, str]]] = {
    # file of the package: what it is made from, its form, the oldest JavaScript that has to read it
    "endcap.js": ("classic.js", "iife", "es2022"),
    "endcap.mjs": ("web.js", "esm", "es2022"),
    "core.mjs": ("core.js", "esm", "es2022"),
    "mini.cjs": ("mini.js", "cjs", "es2018"),
}


def sources_hash() -> str:
    """The first 8 digits of a hash over all sources, with their names."""
    told = hashlib.sha256()
    for path in sorted((HERE / "src").glob("*.js")):
        told.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return told.hexdigest()[:8]


def made(name: str) -> bytes:
    """What a file of the package should hold."""
    source, form, target = OUTPUTS[name]
    esbuild = unpacked(ESBUILD) / "bin" / "esbuild"
    esbuild.chmod(0o755)
    options = ["--bundle", "--minify", f"--format={form}", f"--target={target}", "--legal-comments=none"]
    done = subprocess.run([esbuild, HERE / "src" / source, *options], check=True, capture_output=True, timeout=60)
    return f"/*! Endcap, Apache-2.0, {sources_hash()} */\n".encode() + done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 where something is out of date")
    check = parser.parse_args().check
    status = 0
    for name in OUTPUTS:
        content = made(name)
        for path in [KIT / name, *([SHOP] if name == "endcap.js" else [])]:
            if check:
                if not path.is_file() or path.read_bytes() != content:
                    print(f"{path} is out of date: python -m infra.storefront", file=sys.stderr)
                    status = 1
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
    return status


if __name__ == "__main__":
    sys.exit(main())
