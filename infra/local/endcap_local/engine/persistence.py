"""Saves and loads the contents of tables, buckets and secrets as plain files, independent of the engine.

`tables/<table>.jsonl` holds one item per line in DynamoDB's own JSON, `buckets/<bucket>/<key>` the latest
version of each object, `secrets/<name>` what a secret says, for its owner alone to read. Queues and streams are not
kept: a clean stop drains nothing that is not in tables or buckets.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from endcap.aws.counters import NOTES
from endcap_local.engine.engine import Engine
from endcap_local.template.template import StackPlan


def save_state(folder: Path, plan: StackPlan, engine: Engine) -> None:
    """Write all items and objects to `folder`; what an earlier save left there is replaced."""
    dynamodb, s3 = engine.client("dynamodb"), engine.client("s3")
    for table in plan.tables:
        path = folder / "tables" / f"{table}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with _replacing(path).open("w", encoding="utf-8") as file:
            for page in dynamodb.get_paginator("scan").paginate(TableName=table):
                items = (item for item in page["Items"] if not _is_note(item))
                file.writelines(json.dumps(item, default=_encode) + "\n" for item in items)
        _replacing(path).replace(path)
    for bucket in plan.buckets:
        root = folder / "buckets" / bucket
        kept: set[Path] = set()
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for entry in page.get("Contents", ()):
                path = _object_path(root, entry["Key"])
                path.parent.mkdir(parents=True, exist_ok=True)
                with _replacing(path).open("wb") as file:
                    for chunk in s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].iter_chunks(1 << 20):
                        file.write(chunk)
                _replacing(path).replace(path)
                kept.add(path)
        for path in list(_files(root)):
            if path not in kept:
                path.unlink()
    for secret in plan.secrets:
        path = folder / "secrets" / secret
        path.parent.mkdir(parents=True, exist_ok=True)
        _replacing(path).touch(mode=0o600)
        said = engine.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
        _replacing(path).write_text(said, encoding="utf-8")
        _replacing(path).replace(path)


def load_state(folder: Path, plan: StackPlan, engine: Engine) -> None:
    """Put what `save_state` wrote into the tables, buckets and secrets; nothing saved means nothing loaded."""
    dynamodb, s3 = engine.client("dynamodb"), engine.client("s3")
    for table in plan.tables:
        path = folder / "tables" / f"{table}.jsonl"
        if path.is_file():
            with path.open(encoding="utf-8") as file:
                requests = [{"PutRequest": {"Item": json.loads(line, object_hook=_decode)}} for line in file]
            for start in range(0, len(requests), 25):
                dynamodb.batch_write_item(RequestItems={table: requests[start : start + 25]})
    for bucket in plan.buckets:
        root = folder / "buckets" / bucket
        for path in _files(root):
            key = path.relative_to(root).as_posix()
            s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
    for secret in plan.secrets:
        path = folder / "secrets" / secret
        if path.is_file():
            said = path.read_text(encoding="utf-8")
            engine.client("secretsmanager").put_secret_value(SecretId=secret, SecretString=said)


def _is_note(item: dict[str, Any]) -> bool:
    """Whether it is a batch's note of counts: folded into the bucket by now, and counted again if it came again."""
    return str(item.get("shard", {}).get("S", "")).startswith(NOTES)


def _object_path(root: Path, key: str) -> Path:
    path = (root / key).resolve()
    if not path.is_relative_to(root.resolve()):
        raise ValueError(f"object key {key!r} leads out of the folder")
    return path


def _files(root: Path) -> Iterator[Path]:
    return (path for path in sorted(root.resolve().rglob("*")) if path.is_file())


def _replacing(path: Path) -> Path:
    return path.with_name(path.name + ".new")


def _encode(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    raise TypeError(type(value))


def _decode(value: dict[str, Any]) -> Any:
    encoded = value.get("bytes") if len(value) == 1 else None  # an attribute of that name holds an object, not text
    return base64.b64decode(encoded) if isinstance(encoded, str) else value
