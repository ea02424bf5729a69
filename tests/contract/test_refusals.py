"""Why a promotion did not succeed, kept for whoever asked for it and did not wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from endcap.aws.refusals import KEY, MAX_CHARS, Refusals
from endcap.errors import ConflictError
from endcap.snapshot.gates import GateError
from tests.fakes import moto_stack


@pytest.fixture
def refusals() -> Iterator[Refusals]:
    with moto_stack.stack():
        yield Refusals(moto_stack.client("s3"), moto_stack.BUCKET)


def put(data: bytes) -> None:
    moto_stack.client("s3").put_object(Bucket=moto_stack.BUCKET, Key=KEY, Body=data)


def test_a_reason_stays_until_something_is_promoted(refusals: Refusals) -> None:
    assert refusals.latest() is None
    for version, error in (("v2", GateError("coverage: 0.4 is too little")), ("v3", ConflictError("faster"))):
        with pytest.raises(type(error)), refusals.noting("promote", version):
            raise error
        found = refusals.latest()
        assert found is not None
        assert (found.what, found.version, found.error) == ("promote", version, str(error))
    with refusals.noting("rollback", "v1"):
        pass
    assert refusals.latest() is None


def test_where_nothing_was_refused_nothing_is_written(refusals: Refusals) -> None:
    with refusals.noting("promote", "v2"):
        pass
    assert moto_stack.objects(KEY) == {}


def test_what_nobody_has_raised_on_purpose_is_known_by_its_name_alone(refusals: Refusals) -> None:
    with pytest.raises(KeyError), refusals.noting("promote", "v2"):
        raise KeyError("somebody's words")
    found = refusals.latest()
    assert found is not None
    assert found.error == "KeyError"


def test_a_long_reason_is_cut(refusals: Refusals) -> None:
    with pytest.raises(GateError), refusals.noting("promote", "v2"):
        raise GateError("很" * 9_999)
    found = refusals.latest()
    assert found is not None
    assert found.error == "很" * MAX_CHARS


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"what": 1}', b"\xff", b'{"at_ms": "x"}', b"[" * 9_999])
def test_what_is_no_note_of_ours_says_nothing(refusals: Refusals, data: bytes) -> None:
    put(data)
    assert refusals.latest() is None


def test_a_store_that_is_away_changes_neither_a_success_nor_a_refusal() -> None:
    class Away:
        def __getattr__(self, _: str) -> Any:
            raise EndpointConnectionError(endpoint_url="s3")

    refusals = Refusals(Away(), "data")
    with refusals.noting("promote", "v2"):
        pass
    with pytest.raises(GateError), refusals.noting("promote", "v2"):
        raise GateError("no")
