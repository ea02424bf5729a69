"""Parts of objects are read by themselves, and answered as moto answers them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import PropertyMock, patch

import pytest
from botocore.exceptions import ClientError
from moto.s3.models import FakeKey

from endcap_local.engine.engine import Engine

BODY = bytes(range(256)) * 4_000
KEY = "snapshots/v 1/items+ü.npy"


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    engine = Engine()
    try:
        client = engine.client("s3")
        client.create_bucket(Bucket="shop")
        client.put_object(Bucket="shop", Key=KEY, Body=BODY)
        yield client
    finally:
        engine.stop()


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=1000-1999", slice(1_000, 2_000)),
        ("bytes=1023000-", slice(1_023_000, None)),
        ("bytes=-10", slice(-10, None)),
        (f"bytes=5-{10 * len(BODY)}", slice(5, None)),
    ],
)
def test_a_part_is_read_without_the_rest(s3: Any, asked: str, part: slice) -> None:
    with patch.object(FakeKey, "value", PropertyMock(side_effect=AssertionError("all of it was read"))):
        answer = s3.get_object(Bucket="shop", Key=KEY, Range=asked)
        assert answer["Body"].read() == BODY[part]
    first = range(len(BODY))[part].start
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert answer["ContentRange"] == f"bytes {first}-{first + len(BODY[part]) - 1}/{len(BODY)}"
    assert answer["ContentLength"] == len(BODY[part])
    assert answer["ETag"] == s3.head_object(Bucket="shop", Key=KEY)["ETag"]


@pytest.mark.parametrize(
    ("more", "status"),
    [({"Range": f"bytes={len(BODY)}-"}, 416), ({"Range": "bytes=0-9", "IfMatch": '"another"'}, 412)],
)
def test_what_has_no_part_is_refused_as_ever(s3: Any, more: dict[str, str], status: int) -> None:
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket="shop", Key=KEY, **more)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket="shop", Key="another", Range="bytes=0-9")


def test_a_large_file_comes_down_whole_in_parts(s3: Any, tmp_path: Path) -> None:
    body = BODY * 20
    s3.put_object(Bucket="shop", Key="large", Body=body)
    s3.download_file("shop", "large", str(tmp_path / "large"))
    assert (tmp_path / "large").read_bytes() == body
