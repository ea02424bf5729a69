"""Real shops, small enough to start within seconds: a cut of a data set's folder, made when a test runs."""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from endcap_local.data_import.into_local import load_folder
from endcap_local.stack import LocalStack
from tests.fakes.short_polls import short_polls

ROOT = Path(__file__).parents[2]
SHARED_DATA = Path(os.environ.get("ENDCAP_SHARED_DATA", ROOT.parent / "shared" / "data"))
TINY_ENCODER = ROOT / "tests" / "data" / "tiny_encoder"


def data_of(name: str) -> Path:
    """The folder of a data set; skips the test where it is absent."""
    folder = SHARED_DATA / name
    if not folder.is_dir():
        pytest.skip(f"no data at {folder}")
    return folder


def write_cut(folder: Path, out: Path, n_items: int, n_users: int, most_events: int = 64) -> Path:
    """The items with the most events, and of the users who did no more than `most_events` with them the busiest."""
    with gzip.open(folder / "events.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    popular = {item for item, _ in Counter(row["item_id"] for row in rows).most_common(n_items)}
    rows = [row for row in rows if row["item_id"] in popular]
    counts = Counter(row["user_id"] for row in rows)
    users = set([user for user, n in counts.most_common() if n <= most_events][:n_users])
    with gzip.open(folder / "items.jsonl.gz", "rt", encoding="utf-8") as file:
        items = [line for line in file if json.loads(line)["id"] in popular]
    (out / "items.jsonl").write_text("".join(items), encoding="utf-8")
    with (out / "events.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0].keys())
        table.writeheader()
        table.writerows(row for row in rows if row["user_id"] in users)
    return out


def put_config(stack: LocalStack, name: str, document: object) -> None:
    """Change what a merchandiser keeps in the data bucket."""
    body = json.dumps(document).encode()
    stack.client("s3").put_object(Bucket=bucket_of(stack), Key=f"config/{name}.json", Body=body)


def recorded(stack: LocalStack, prefix: str) -> list[dict[str, Any]]:
    """What the delivery streams have written, once nothing is under way."""
    stack.wait_until_idle()
    s3, bucket = stack.client("s3"), bucket_of(stack)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
    return [json.loads(line) for key in keys for line in s3.get_object(Bucket=bucket, Key=key)["Body"].iter_lines()]


def bucket_of(stack: LocalStack) -> str:
    return stack.function("RecommendFunction").environment["DATA_BUCKET"]


@contextmanager
def serving(folder: Path, before: Mapping[str, object] | None = None) -> Iterator[LocalStack]:
    """A local stack with the folder imported, rebuilt and promoted; `before` that, `put_config` of these documents."""
    with short_polls(), LocalStack(ROOT / "template.yaml", redelivery_s=0) as stack:
        for name, document in (before or {}).items():
            put_config(stack, name, document)
        load_folder(stack, folder, lambda *_: None, str(TINY_ENCODER), max_cases=100)
        yield stack
