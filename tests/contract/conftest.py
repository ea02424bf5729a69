from collections.abc import Iterator

import pytest

from tests.fakes import moto_stack


@pytest.fixture
def stack() -> Iterator[None]:
    """The stack's tables, bucket, queue and streams in moto."""
    with moto_stack.stack():
        yield
