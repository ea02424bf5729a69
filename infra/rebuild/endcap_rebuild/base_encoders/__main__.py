"""Builds base encoders and prints where they are: python -m endcap_rebuild.base_encoders [multilingual] [english]"""

from __future__ import annotations

import sys
import time

from endcap.encoders.text import MODEL_FILE, TextEncoder
from endcap_rebuild.base_encoders import ensure_encoder
from endcap_rebuild.base_encoders.recipes import RECIPES


def main(names: list[str]) -> int:
    """Exit status: 0, or 2 for a name that doesn't exist."""
    unknown = [name for name in names if name not in RECIPES]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(RECIPES)}", file=sys.stderr)
        return 2
    rows = []
    for name in RECIPES:
        if not names or name in names:
            start = time.perf_counter()
            folder = ensure_encoder(name, progress=lambda step: print(step, file=sys.stderr))
            seconds = time.perf_counter() - start
            size = (folder / MODEL_FILE).stat().st_size
            rows.append((name, f"{size / 1e6:.1f}", TextEncoder.from_dir(folder).sha256, f"{seconds:.1f}", str(folder)))
    for row in (("encoder", "graph MB", "sha256", "seconds", "path"), *rows):
        print("{:<14}{:>8}  {:<64}  {:>7}  {}".format(*row))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
