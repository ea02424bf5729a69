"""The API's contract as it is served: written by `make openapi`, read here."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def openapi_document() -> str:
    """The OpenAPI 3.1 document, as JSON."""
    return Path(__file__).with_name("openapi.json").read_text(encoding="utf-8")
