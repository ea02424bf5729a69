"""Names of files that packages know which must not know each other."""

from __future__ import annotations

from typing import Final

MANIFEST: Final = "manifest.json"
"""Of a snapshot; it is written last and deleted first, so that a folder without it is no snapshot."""

SIGNATURE: Final = "manifest.sig"
"""Beside it: written by a promotion, when everything else is there and was found sound."""
