"""A file's hash that is known already is not worked out again, unless the file has changed since."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from unittest.mock import patch

import pytest

from endcap import checksums
from endcap.checksums import note, noted_or_read, sha256_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(b"contents")
    return tmp_path / "file"


def test_what_was_noted_is_told_once_and_read_from_then_on(path: Path) -> None:
    note(path, sha256_file(path))
    with patch.object(checksums, "sha256_file", side_effect=AssertionError("read again")):
        assert noted_or_read(path) == hashlib.sha256(b"contents").hexdigest()
    path.write_bytes(b"others..")
    assert noted_or_read(path) == hashlib.sha256(b"others..").hexdigest()


def test_a_file_that_was_written_to_since_is_read(path: Path) -> None:
    note(path, sha256_file(path))
    path.write_bytes(b"others..")
    os.utime(path, ns=(1, 1))
    assert noted_or_read(path) == hashlib.sha256(b"others..").hexdigest()


def test_a_file_that_took_the_place_of_another_is_read(path: Path, tmp_path: Path) -> None:
    note(path, sha256_file(path))
    times = path.stat()
    (tmp_path / "other").write_bytes(b"others..")
    os.utime(tmp_path / "other", ns=(times.st_atime_ns, times.st_mtime_ns))
    (tmp_path / "other").replace(path)
    assert noted_or_read(path) == hashlib.sha256(b"others..").hexdigest()
