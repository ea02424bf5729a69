"""Print what `sam build` made, and fail when a function with its layers comes near Lambda's limit.

    python3 infra/checks/measure_build.py .aws-sam/build

Lambda takes 250 MB unzipped for a function and its layers together; the budget leaves room for growth. Models are
not part of it: they travel in the snapshot.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

BUDGET_BYTES = 170 * 1_000_000
REBUILD_BUDGET_BYTES = 245 * 1_000_000
"""Of the function that rebuilds, which has a third layer."""
FUNCTIONS = Path(__file__).parents[2] / "functions"
LAYERS = ("CoreLayer", "InferenceLayer")


def tree_bytes(folder: Path) -> int:
    """Bytes of all files under a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def measure(build: Path) -> dict[str, int]:
    """Bytes of each layer under a build folder, the largest function (its one file), and their sum."""
    sizes = {name: tree_bytes(build / name) for name in LAYERS}
    sizes["largest function"] = max(path.stat().st_size for path in FUNCTIONS.glob("*/app.py"))
    sizes["together"] = sum(sizes.values())
    sizes["ParquetLayer"] = tree_bytes(build / "ParquetLayer")
    sizes["RebuildLayer"] = tree_bytes(build / "Rebuilding" / "RebuildLayer")
    sizes["with the rebuild"] = sizes["together"] + sizes["RebuildLayer"]
    return sizes


def main() -> int:
    """Measure the folder named on the command line."""
    sizes = measure(Path(sys.argv[1]).resolve())
    for name, size in sizes.items():
        print(f"{name:<18}{size / 1e6:8.1f} MB unzipped")
    for name, budget in (("together", BUDGET_BYTES), ("with the rebuild", REBUILD_BUDGET_BYTES)):
        if sizes[name] > budget:
            print(f"{name} over the budget of {budget / 1e6:.0f} MB: {json.dumps(sizes)}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
