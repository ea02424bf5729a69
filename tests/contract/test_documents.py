"""Documents in S3 that are changed on condition."""

from __future__ import annotations

from typing import Any

import pytest

from endcap.aws.documents import EditedDocument
from endcap.errors import ConflictError
from tests.fakes import moto_stack

KEY = "config/scenarios.json"


@pytest.fixture
def document() -> Any:
    with moto_stack.stack():
        yield EditedDocument(moto_stack.client("s3"), moto_stack.BUCKET, KEY)


def test_it_is_written_on_condition(document: EditedDocument) -> None:
    document.write(b"1", None)
    data, etag = document.found()
    assert data == b"1"
    document.write(b"2", etag)
    for seen in (etag, None):
        with pytest.raises(ConflictError):
            document.write(b"3", seen)
    assert document.found()[0] == b"2"


def test_a_write_that_was_sent_twice_has_not_lost_against_itself(document: EditedDocument) -> None:
    document.write(b"1", None)
    document.write(b"1", None)  # as boto3 does when the answer is lost
    etag = document.found()[1]
    document.write(b"2", etag)
    document.write(b"2", etag)
    assert document.found()[0] == b"2"
