"""Hashes of files: worked out while a file's bytes are on their way, and not a second time when they are checked."""

from __future__ import annotations

import hashlib
from pathlib import Path

_noted: dict[Path, tuple[tuple[int, int, int], str]] = {}


def sha256_file(path: Path) -> str:
    """Hex sha256 of a file, read in blocks.

    Raises
    ------
    OSError : the file can't be read
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def note(path: Path, sha256: str) -> None:
    """Keep the hash of a file as it is now, for the next who asks `noted_or_read`."""
    _noted[path] = _state(path), sha256


def noted_or_read(path: Path) -> str:
    """Hex sha256 of a file: the noted one, once, if nobody has written to the file since; else it is read.

    Raises
    ------
    OSError : the file can't be read
    """
    state, sha256 = _noted.pop(path, (None, ""))
    return sha256 if state == _state(path) else sha256_file(path)


def _state(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
