"""What functions read here is there when they look: deadlines are for the tests that keep a clock of their own."""

from __future__ import annotations

import pytest

from tests.fakes.inline_workers import reading_inline

_reading_inline = pytest.fixture(scope="package", autouse=True)(reading_inline)
