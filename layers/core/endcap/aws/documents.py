"""Small documents in S3 that somebody edits: read again only when they have changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from endcap.aws.clients import aws_errors
from endcap.errors import ConflictError, InvalidInputError, NotFoundError

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


@dataclass(frozen=True, slots=True)
class DocumentVersion:
    """A version that the bucket keeps; one of a time when there was no document is `deleted`."""

    version_id: str
    at_ms: int
    deleted: bool


class EditedDocument(S3Document):
    """An object that is changed here, on condition that it is still what was read."""

    def found(self) -> tuple[bytes, str | None]:
        """Its bytes and ETag; nothing and None where there is none.

        Raises
        ------
        InvalidInputError, ThrottledError, DependencyError
        """
        try:
            read = self.read()
        except NotFoundError:
            return b"", None
        return read if read is not None else (b"", None)

    def write(self, data: bytes, etag: str | None) -> None:
        """Replace what has this ETag; None where there must be nothing yet.

        A write whose answer was lost is sent again, and then loses against itself: what lies there is what was written.

        Raises
        ------
        ConflictError : somebody else has written since
        ThrottledError, DependencyError
        """
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        try:
            with aws_errors(f"write {self._key}"):
                self._s3.put_object(
                    Bucket=self._bucket, Key=self._key, Body=data, ContentType="application/json", **condition
                )
        except ConflictError:
            if self.found()[0] != data:
                raise

    def versions(self) -> Iterator[DocumentVersion]:
        """What the bucket keeps of it, the latest first.

        Raises
        ------
        ThrottledError, DependencyError
        """
        with aws_errors(f"list versions of {self._key}"):
            pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=self._key)
            found = [
                DocumentVersion(entry["VersionId"], int(entry["LastModified"].timestamp() * 1000), deleted)
                for page in pages
                for kind, deleted in (("Versions", False), ("DeleteMarkers", True))
                for entry in page.get(kind, ())
                if entry["Key"] == self._key
            ]
        yield from sorted(found, key=lambda version: -version.at_ms)

    def version(self, version_id: str) -> bytes:
        """The bytes of a version.

        Raises
        ------
        NotFoundError, ThrottledError, DependencyError
        """
        with aws_errors(f"read a version of {self._key}"):
            answer = self._s3.get_object(Bucket=self._bucket, Key=self._key, VersionId=version_id)
            return bytes(answer["Body"].read(self._max_bytes))
