"""The bundled shop; SOURCE.md beside this says where it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Final

DEMO_DATA: Final = Path(__file__).parent
