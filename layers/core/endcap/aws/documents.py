"""Small documents in S3 that somebody edits: read again only when they have changed."""

from __future__ import annotations

from typing import Any, Final

from botocore.exceptions import ClientError

from endcap.aws.clients import aws_errors
from endcap.errors import InvalidInputError

MAX_BYTES: Final = 1 << 20
"""People edit these; a larger one is no such document."""


class S3Document:
    """One object of a bucket.

    Parameters
    ----------
    s3 : a boto3 S3 client
    max_bytes : more than it can have
    """

    def __init__(self, s3: Any, bucket: str, key: str, max_bytes: int = MAX_BYTES) -> None:
        self._s3, self._bucket, self._key, self._max_bytes = s3, bucket, key, max_bytes

    def read(self, known_etag: str | None = None) -> tuple[bytes, str] | None:
        """Its bytes and ETag; None where it is still the one with `known_etag`.

        Raises
        ------
        NotFoundError : there is no such object
        InvalidInputError : it is larger than it can be
        ThrottledError, DependencyError
        """
        condition = {"IfNoneMatch": known_etag} if known_etag else {}
        with aws_errors(f"read {self._key}"):
            try:
                answer = self._s3.get_object(Bucket=self._bucket, Key=self._key, **condition)
            except ClientError as exc:
                if exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 304:
                    return None
                raise
            data = answer["Body"].read(self._max_bytes + 1)
        if len(data) > self._max_bytes:
            raise InvalidInputError(f"{self._key} is larger than {self._max_bytes} bytes")
        return data, answer["ETag"]
