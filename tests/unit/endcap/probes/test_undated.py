"""Items that say no dates agree with columns that have none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from endcap.catalog.item import item_document
from endcap.probes.consistency import Differences, differences
from endcap_rebuild.data.columns import columns_of
from tests.fakes.toy_snapshot import build_toy_snapshot, toy_items


def test_an_item_without_a_date_has_none_in_the_columns(tmp_path: Path) -> None:
    items = [replace(item, created_at_ms=None) for item in toy_items(6)]
    documents = [item_document(item) for item in items]
    assert differences(build_toy_snapshot(tmp_path, 6, documents=documents, columns=columns_of(items))) == Differences(
        0, 0, 0
    )
