"""Names of files that packages know which must not know each other."""

from __future__ import annotations

from typing import Final

MANIFEST: Final = "manifest.json"
"""Of a snapshot; it is written last and deleted first, so that a folder without it is no snapshot."""

SIGNATURE: Final = "manifest.sig"
"""Beside it: written by a promotion, when everything else is there and was found sound."""

MONTH_ENDING: Final = ".events.parquet"
"""Of a file of the archive that holds a month, or a part of one, so that it is told from Parquet of others."""
