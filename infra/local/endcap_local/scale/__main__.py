"""`python -m endcap_local.scale [--check]`: writes the tables of docs/scale.md, or says whether they come out."""

from __future__ import annotations

import sys

from endcap_local.cli.cost import deployment_of
from endcap_local.scale.report import filled, page_path, tables
from endcap_local.serving import find_template


def main() -> int:
    """Write, or with `--check` compare; 1 where they differ."""
    template = find_template(None)
    path = page_path(template.resolve().parent)
    before = path.read_text(encoding="utf-8")
    after = filled(before, tables(deployment_of(template, {})))
    if "--check" in sys.argv[1:]:
        return int(after != before)
    path.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
