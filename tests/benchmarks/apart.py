"""What two snapshots of one data set have in common, file by file: of two versions of the code, or of two settings.

    python -m tests.benchmarks.apart BEFORE AFTER

A file is alike, new, gone or different; of an array that differs it says by how much, of a document which fields do.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Final

import numpy as np

ALIKE, NEW, GONE, DIFFERENT = "alike", "new", "gone", "different"
_NOT_COMPARED: Final = frozenset({"MODEL_CARD.md", "manifest.json", "manifest.sig"})
"""Of when and where it was made, or of the hashes of the others."""


def apart(before: Path, after: Path) -> dict[str, tuple[str, str]]:
    """File -> (what became of it, what differs) of two folders of snapshots, by name."""
    old, new = ({path.name: path for path in folder.iterdir()} for folder in (before, after))
    found: dict[str, tuple[str, str]] = {}
    for name in sorted((old.keys() | new.keys()) - _NOT_COMPARED):
        if name not in old:
            found[name] = (NEW, "")
        elif name not in new:
            found[name] = (GONE, "")
        elif old[name].read_bytes() == new[name].read_bytes():
            found[name] = (ALIKE, "")
        else:
            found[name] = (DIFFERENT, _difference(old[name], new[name]))
    return found


def _difference(before: Path, after: Path) -> str:
    if before.suffix == ".npy":
        return _of_arrays(np.load(before), np.load(after))
    if before.suffix == ".json":
        old, new = (json.loads(path.read_text()) for path in (before, after))
        return ", ".join(_fields(old, new)[:12])
    return f"{before.stat().st_size:,} and {after.stat().st_size:,} bytes"


def _of_arrays(before: np.ndarray[Any, Any], after: np.ndarray[Any, Any]) -> str:
    if before.shape != after.shape or before.dtype != after.dtype:
        return f"{before.dtype} {before.shape} and {after.dtype} {after.shape}"
    old, new = before.astype(np.float64), after.astype(np.float64)
    unlike = ~((old == new) | (np.isnan(old) & np.isnan(new)))
    most = np.abs(old - new)[unlike].max(initial=0.0)
    return f"{int(unlike.sum()):,} of {unlike.size:,} numbers, by {most:.3g} at most"


def _fields(before: Any, after: Any, path: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        names = sorted(before.keys() | after.keys())
        missing = object()
        return [
            field
            for name in names
            for field in _fields(before.get(name, missing), after.get(name, missing), f"{path}.{name}".lstrip("."))
        ]
    return [] if before == after else [path]


def main() -> None:
    """Compare two folders and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    options = parser.parse_args()
    found = apart(options.before, options.after)
    for name, (became, what) in found.items():
        if became != ALIKE:
            print(f"{became:9}  {name}" + (f": {what}" if what else ""))
    print(f"{sum(became == ALIKE for became, _ in found.values())} of {len(found)} files are alike")


if __name__ == "__main__":
    main()
