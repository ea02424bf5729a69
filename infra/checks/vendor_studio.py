"""Write the libraries of the studio's pages from npm's packages, pinned by hash.

    python -m infra.checks.vendor_studio

What is written is committed: pages need neither Node nor a build. Browsers resolve no bare names without an inline map,
which the pages' policy forbids, so imports of other packages get the paths of their files here, and uPlot, which is a
script, becomes a module; nothing else is changed. `vendor/README.md` lists files, hashes and licences, and is tested.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.checks.npm import Package, unpacked

TARGET: Final = Path(__file__).parents[1] / "local/endcap_local/studio/static/vendor"
PREACT: Final = Package(
    "preact",
    "11.2.0",
    "sha512-/HfHI/7N84e6GrWBJ3J280z3mLaRJiDcSvj/A+y/4AbLnND/1UlGHe1sR6oYuTGwId0nP7dqDU9OnLxMPZ7xBg==",
)
HTM: Final = Package(
    "htm",
    "3.1.1",
    "sha512-983Vyg8NwUE7JkZ6NmOqpCZ+sh1bKv2iYTlUkzlWmA5JD2acKoxd4KVxbMmxX/85mtfdnDmTFoNKcg5DGAvxNQ==",
)
SIGNALS: Final = Package(
    "@preact/signals",
    "2.11.4",
    "sha512-Rb+5RPo9gWSaHtzJeauhHxiC8KP/IF2DEPkHPEOGOnuy2wnJzRqyeLRankUCYd6ADqtxS6GnWGv6Ie343d8aYw==",
)
SIGNALS_CORE: Final = Package(
    "@preact/signals-core",
    "1.14.5",
    "sha512-vcRv7Ityz5JVmeiVqIluLFzT/PDS/AlhHUpw3/aUWqcVUs6bDGIPXE/6RSC4evBNWYvnniozg5Syfj33al3gkg==",
)
UPLOT: Final = Package(
    "uplot",
    "1.6.32",
    "sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==",
)
_PATHS: Final = {
    "preact": "./preact.js",
    "preact/hooks": "./hooks.js",
    "@preact/signals-core": "./signals-core.js",
}
_SOURCE_MAP: Final = re.compile(r"\n?//# sourceMappingURL=\S+\s*$")


@dataclass(frozen=True)
class File:
    """A file of a package, and the name that it gets."""

    package: Package
    path: str
    name: str
    licence: str = "MIT"

    def content(self) -> str:
        """What is committed."""
        text = (unpacked(self.package) / self.path).read_text(encoding="utf-8")
        text = _SOURCE_MAP.sub("", text)
        for bare, path in _PATHS.items():
            text = text.replace(f'from"{bare}"', f'from"{path}"')
        if self.path.endswith("iife.min.js"):
            text = f"{text.rstrip()}\nexport default uPlot;"
        return text.rstrip() + "\n"


FILES: Final = (
    File(PREACT, "dist/preact.mjs", "preact.js"),
    File(PREACT, "hooks/dist/hooks.mjs", "hooks.js"),
    File(HTM, "dist/htm.mjs", "htm.js", "Apache-2.0"),
    File(SIGNALS, "dist/signals.mjs", "signals.js"),
    File(SIGNALS_CORE, "dist/signals-core.mjs", "signals-core.js"),
    File(UPLOT, "dist/uPlot.iife.min.js", "uplot.js"),
    File(UPLOT, "dist/uPlot.min.css", "uplot.css"),
)


def main() -> None:
    """Write all of it."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        (TARGET / file.name).write_text(file.content(), encoding="utf-8")
    (TARGET / "README.md").write_text("\n".join(_listed()) + "\n", encoding="utf-8")
    for package in dict.fromkeys(file.package for file in FILES):
        (TARGET / licence_name(package)).write_text((unpacked(package) / "LICENSE").read_text(encoding="utf-8"))


def licence_name(package: Package) -> str:
    """The file that holds a package's licence."""
    return f"LICENSE-{package.name.replace('@', '').replace('/', '-')}.txt"


def _listed() -> Iterator[str]:
    yield "# Libraries of the studio's pages"
    yield ""
    yield "Written by `python -m infra.checks.vendor_studio`; not to be changed by hand. Imports got the paths of their"
    yield "files, `uplot.js` became a module."
    yield ""
    yield "| file | sha256 | from | licence |"
    yield "| --- | --- | --- | --- |"
    for file in FILES:
        digest = hashlib.sha256((TARGET / file.name).read_bytes()).hexdigest()
        origin = f"{file.package.name} {file.package.version}, `{file.path}`"
        yield f"| `{file.name}` | `{digest}` | {origin} | {file.licence}, `{licence_name(file.package)}` |"


if __name__ == "__main__":
    main()
