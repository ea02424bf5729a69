"""Write the OpenAPI document where the core layer carries it, or check that it is up to date.

python -m infra.openapi [--check]
"""

from __future__ import annotations

import sys

from infra.openapi.document import PATH, ROOT, text


def main() -> int:
    """Write, or check with `--check`; 1 when the committed document is out of date."""
    current = text()
    if "--check" not in sys.argv[1:]:
        PATH.write_text(current, encoding="utf-8")
        return 0
    if PATH.exists() and PATH.read_text(encoding="utf-8") == current:
        return 0
    print(f"{PATH.relative_to(ROOT)} is out of date: run make openapi", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
