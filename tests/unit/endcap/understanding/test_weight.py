"""What understanding adds to a function: read by the first query that asks for it, and no more than it was given."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import json, sys
import endcap.serving.answers
before = set(sys.modules)
import endcap.understanding.grammar
added = {name: sys.modules[name].__file__ for name in set(sys.modules) - before if name.startswith("endcap.")}
print(json.dumps({"added": added, "before": sorted(before)}))
"""
MOST_BYTES = 60_000


def test_the_grammar_is_read_at_its_first_use_and_adds_at_most_60_kb() -> None:
    told = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    found = json.loads(told.stdout)
    assert "endcap.understanding.grammar" in found["added"]
    assert "endcap.understanding.prices" not in found["before"]
    assert sum(Path(file).stat().st_size for file in found["added"].values()) <= MOST_BYTES
