"""Everything that a stack's stores hold, as bytes in which an id or a word can be looked for."""

from __future__ import annotations

import base64
import io
import json
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np

from endcap.parquet import MAGIC, read_records
from tests.fakes import moto_stack

_ENCODINGS = ("utf-8", "utf-16-le", "utf-32-le")


def every_version(prefix: str = "") -> bytes:
    """All bytes below a prefix of the bucket, replaced and deleted versions included, as they are and unpacked."""
    s3, found = moto_stack.client("s3"), []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=moto_stack.BUCKET, Prefix=prefix):
        for version in page.get("Versions", ()):
            where = {"Key": version["Key"], "VersionId": version["VersionId"]}
            data = s3.get_object(Bucket=moto_stack.BUCKET, **where)["Body"].read()
            found += [version["Key"].encode(), *unpacked(data)]
    return b"\n".join(found)


def every_table() -> bytes:
    """All rows of all tables."""
    return b"\n".join(table_bytes(name) for name in moto_stack.client("dynamodb").list_tables()["TableNames"])


def table_bytes(name: str) -> bytes:
    """All rows of a table, and what their bytes say."""
    rows = moto_stack.client("dynamodb").scan(TableName=name)["Items"]
    values = [value for row in rows for typed in row.values() for value in typed.values()]
    return json.dumps(rows, default=repr).encode() + b"\n".join(v for v in values if isinstance(v, bytes))


def unpacked(data: bytes) -> Iterator[bytes]:
    """The bytes of an object, and what is packed in them: gzip as far as it goes, zip, Parquet, failed deliveries."""
    yield data
    if data[:2] == b"\x1f\x8b":
        yield from unpacked(zlib.decompressobj(wbits=31).decompress(data))
    elif data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield from unpacked(archive.read(name))
    elif data[:4] == MAGIC:
        yield json.dumps(list(read_records(io.BytesIO(data))), ensure_ascii=False).encode()
    elif data[:6] == b"\x93NUMPY":
        array = np.load(io.BytesIO(data), allow_pickle=False)
        if array.dtype.kind in "US":
            yield "\n".join(map(str, array.ravel().tolist())).encode()
    for line in data.splitlines():
        if line.startswith(b'{"') and b'"rawData"' in line:
            yield base64.b64decode(json.loads(line)["rawData"])


def holds(data: bytes, mark: str) -> bool:
    """Whether a text stands in bytes: as it is, as JSON escapes it, in hex, or in base64 wherever in a longer text."""
    plain = [mark.encode(encoding) for encoding in _ENCODINGS] + [json.dumps(mark)[1:-1].encode()]
    shifted = [base64.b64encode(b"x" * k + mark.encode())[4:-4] for k in range(3)]
    hashed = [mark.encode().hex().encode()]
    return any(form in data for form in (*plain, *shifted, *hashed))
