"""Make the table by which searches fold traditional Chinese characters to simplified ones.

    python -m infra.checks.traditional TSCharacters.txt

The file is OpenCC's (https://github.com/BYVoid/OpenCC, data/dictionary; Apache License 2.0): for each traditional
character a line of it, a tab, and its simplified ones, the most usual first.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

TABLE: Final = Path(__file__).parents[2] / "layers" / "core" / "endcap" / "text" / "traditional.txt"
_HEAD: Final = """\
# Traditional characters, each followed by its simplified one; made by infra/checks/traditional.py.
# From data/dictionary/TSCharacters.txt of OpenCC, https://github.com/BYVoid/OpenCC, by its contributors,
# under the Apache License 2.0 (https://www.apache.org/licenses/LICENSE-2.0). Changed: one simplified character for each
# traditional one, and none beyond the Basic Multilingual Plane.
"""
_PAIRS_A_LINE: Final = 50


def table(lines: list[str]) -> str:
    """The file of pairs, from OpenCC's lines."""
    pairs = []
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        traditional, simplified = line.rstrip("\n").split("\t")
        first = simplified.split(" ")[0]
        if traditional != first and len(traditional) == len(first) == 1 and max(traditional, first) <= "\uffff":
            pairs.append(traditional + first)
    rows = ["".join(pairs[k : k + _PAIRS_A_LINE]) for k in range(0, len(pairs), _PAIRS_A_LINE)]
    return _HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    TABLE.write_text(table(Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()), encoding="utf-8")
