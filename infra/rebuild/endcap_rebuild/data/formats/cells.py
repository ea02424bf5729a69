"""Cells of rows, as texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from endcap.feeds.values import is_absent


def text_of(row: Mapping[str, Any], name: str) -> str:
    """What stands under a name; empty where nothing does, or a word for nothing."""
    text = str(row.get(name) or "").strip()
    return "" if is_absent(text) else text
