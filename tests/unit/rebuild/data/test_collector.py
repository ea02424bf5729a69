"""The collector of reference cycles looks rarely while a folder is read, and as before afterwards."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from endcap.errors import InvalidInputError
from endcap_rebuild.data.check import check_folder
from endcap_rebuild.data.collector import rare_collections
from endcap_rebuild.data.options import ReadOptions


def fails_within(found: list[int]) -> None:
    with rare_collections():
        found.append(gc.get_threshold()[0])
        raise ValueError("within")


def test_rarely_within_and_as_before_after_an_error() -> None:
    before, found = gc.get_threshold(), list[int]()
    with pytest.raises(ValueError, match="within"):
        fails_within(found)
    assert found[0] > 100 * before[0]
    assert gc.get_threshold() == before


def test_a_dry_run_reads_so(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\na,Mug\n", encoding="utf-8")
    (tmp_path / "events.csv").write_text(
        "user_id,item_id,event_type,timestamp\nu,a,view,1790000000\n", encoding="utf-8"
    )
    found: list[int] = []
    before = gc.get_threshold()

    assert (
        check_folder(
            tmp_path, ReadOptions(), 1_800_000_000_000, progress=lambda *_: found.append(gc.get_threshold()[0])
        ).events
        == 1
    )

    assert found
    assert min(found) > before[0]
    assert gc.get_threshold() == before


def test_a_folder_that_can_not_be_read_leaves_it_as_it_was(tmp_path: Path) -> None:
    before = gc.get_threshold()
    with pytest.raises(InvalidInputError):
        check_folder(tmp_path, ReadOptions(), 0)
    assert gc.get_threshold() == before
