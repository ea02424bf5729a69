"""Functions in moto, and what they read is there when they look: deadlines are for the tests that keep a clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.functions import Functions, published, stack_for_functions
from tests.fakes.inline_workers import reading_inline

_reading_inline = pytest.fixture(scope="package", autouse=True)(reading_inline)


@pytest.fixture
def functions(tmp_path: Path) -> Iterator[Functions]:
    """Fresh functions on a stack of their own, in which nothing has happened."""
    with stack_for_functions(tmp_path):
        yield Functions()


@pytest.fixture
def snapshot(functions: Functions, tmp_path: Path) -> str:
    """The version of a promoted toy snapshot, which carries the tiny encoder."""
    pointer = published(tmp_path).current()
    assert pointer is not None
    return pointer.version
