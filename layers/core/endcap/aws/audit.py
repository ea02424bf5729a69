"""What operators have changed, kept in S3: one small object for each change, the latest listed first."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from endcap.aws.clients import aws_errors
from endcap.errors import ConflictError, NotConfiguredError

PREFIX: Final = "audit/"
_LAST_MS: Final = 9_999_999_999_999
"""S3 lists by name in ascending order, so names count down."""
_NOTHING_DONE: Final = (ConflictError, NotConfiguredError)


class AuditLog:
    """The changes of one stack.

    Parameters
    ----------
    s3 : a boto3 S3 client
    """

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self._bucket = s3, bucket

    @contextmanager
    def noting(self, record: Mapping[str, Any]) -> Iterator[None]:
        """Keep a record of what the block does: written before it, and taken back where it has certainly done nothing.

        Where a call has failed nobody knows what of it was done, and the record stays.

        Parameters
        ----------
        record : who, at (milliseconds), what, target, before, after

        Raises
        ------
        ThrottledError, DependencyError : it can't be written, and so the block is not run
        """
        key = f"{PREFIX}{_LAST_MS - int(record['at']):013d}-{uuid.uuid4().hex[:8]}.json"
        data = json.dumps(record, separators=(",", ":"), ensure_ascii=False, default=str).encode()
        with aws_errors("keep an audit record"):
            self._s3.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType="application/json")
        try:
            yield
        except _NOTHING_DONE:
            with aws_errors("take an audit record back"):
                self._s3.delete_object(Bucket=self._bucket, Key=key)
            raise

    def page(self, after: str | None, limit: int) -> tuple[list[dict[str, Any]], str | None]:
        """Records, the latest first, and what the next page comes after; None behind the last one.

        Raises
        ------
        ThrottledError, DependencyError
        """
        start = {"StartAfter": PREFIX + after} if after else {}
        with aws_errors("list audit records"):
            listed = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=PREFIX, MaxKeys=limit, **start)
        keys = [entry["Key"] for entry in listed.get("Contents", ())]
        records = []
        for key in keys:
            with aws_errors("read an audit record"):
                records.append(json.loads(self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()))
        return records, keys[-1].removeprefix(PREFIX) if listed.get("IsTruncated") and keys else None
