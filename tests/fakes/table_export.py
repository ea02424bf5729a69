"""A table's export as DynamoDB lays it down in S3, from rows as boto3's client gives them.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport.Output.html
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

EXPORTED_AT: Final = "2026-01-02T03:04:05.678Z"
EXPORTED_AT_MS: Final = 1_767_323_045_678


def export_files(
    rows: Iterable[Mapping[str, Any]], export_id: str = "01767323045678-1a2b3c4d", exported_at: str = EXPORTED_AT
) -> dict[str, bytes]:
    """Contents by key below the export's prefix: two partitions with rows, an empty one, manifests and checksums."""
    lines = [json.dumps({"Item": {name: _typed(value) for name, value in row.items()}}) for row in rows]
    root = f"AWSDynamoDB/{export_id}/"
    parts: Sequence[Sequence[str]] = (lines[::2], lines[1::2], ())
    files = {
        f"{root}data/part{number}asdf.json.gz": gzip.compress("".join(f"{line}\n" for line in part).encode())
        for number, part in enumerate(parts)
    }
    manifest = [
        {
            "itemCount": len(part),
            "md5Checksum": base64.b64encode(hashlib.md5(data).digest()).decode(),
            "etag": hashlib.md5(data).hexdigest() + "-1",
            "dataFileS3Key": key,
        }
        for (key, data), part in zip(files.items(), parts, strict=True)
    ]
    summary = {
        "version": "2020-06-30",
        "exportArn": f"arn:aws:dynamodb:us-east-1:123456789012:table/shop/export/{export_id}",
        "startTime": exported_at,
        "endTime": exported_at,
        "tableArn": "arn:aws:dynamodb:us-east-1:123456789012:table/shop",
        "exportTime": exported_at,
        "s3Bucket": "data-bucket",
        "s3Prefix": None,
        "s3SseAlgorithm": "AES256",
        "manifestFilesS3Key": f"{root}manifest-files.json",
        "billedSizeBytes": 0,
        "itemCount": len(lines),
        "outputFormat": "DYNAMODB_JSON",
        "exportType": "FULL_EXPORT",
    }
    files[f"{root}_started"] = b""
    for name, content in (
        ("manifest-summary", json.dumps(summary)),
        ("manifest-files", "".join(json.dumps(entry) + "\n" for entry in manifest)),
    ):
        files[f"{root}{name}.json"] = content.encode()
        files[f"{root}{name}.checksum"] = base64.b64encode(hashlib.md5(content.encode()).digest())
    return files


def _typed(value: Mapping[str, Any]) -> dict[str, Any]:
    """An attribute as JSON has it: bytes in base64."""
    return {kind: base64.b64encode(v).decode() if isinstance(v, bytes) else v for kind, v in value.items()}
