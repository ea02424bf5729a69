"""How a candidate stands to the current snapshot, in numbers that a test can work out in its head."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from endcap.errors import SnapshotIntegrityError
from endcap.filenames import MANIFEST
from endcap.probes.current import CurrentItems, compared, read_current
from endcap.snapshot.figures import Compared
from endcap.snapshot.snapshot import Snapshot
from endcap_rebuild.data.columns import columns_of
from tests.fakes.poisons import seal
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot, toy_items

NOW_MS = CUTOFF_MS


@dataclass(frozen=True)
class Ids:
    names: tuple[str, ...]

    def row(self, name: str) -> int | None:
        return self.names.index(name) if name in self.names else None


@dataclass(frozen=True)
class Candidate:
    """As much of a snapshot as is compared."""

    item_ids: Ids
    popularity: Any


def named(n: int, first: int = 0) -> tuple[str, ...]:
    return tuple(f"item-{k}" for k in range(first, first + n))


def falling(n: int) -> Any:
    """The first is the most popular, the last not at all."""
    return np.arange(n, dtype=np.float32)[::-1].copy()


def compare(
    candidate: tuple[tuple[str, ...], Any], ids: tuple[str, ...], popularity: Any, sale: Any = None
) -> Compared:
    current = CurrentItems(ids, popularity, np.ones(len(ids), dtype=bool) if sale is None else sale)
    return compared(cast(Snapshot, Candidate(Ids(candidate[0]), candidate[1])), current)


def popular_kept(before: Any, after: Any) -> float | None:
    return compare((named(len(after)), after), named(len(before)), before).popular_kept


def test_an_empty_shop_loses_nothing() -> None:
    found = compare((named(3), falling(3)), (), falling(0))
    assert found == Compared(1.0, None, 0.0)
    assert compare(((), falling(0)), named(40), falling(40)) == Compared(0.0, 0.0, 1.0)


def test_shares_are_of_the_current_items() -> None:
    sale = np.asarray([True, True, False, False, False])
    found = compare((named(9, 2), falling(9)), named(5), falling(5), sale)
    assert (found.ids_kept, found.for_sale) == (0.6, 0.4)
    assert compare((named(1), falling(1)), named(1), falling(1)).ids_kept == 1.0
    assert compare((named(5), falling(5)), named(1), falling(1)).for_sale == 1.0


@pytest.mark.parametrize(("n", "compares"), [(29, False), (30, True), (1000, True)])
def test_popular_items_are_a_tenth_of_at_least_thirty(n: int, compares: bool) -> None:
    assert popular_kept(falling(n), falling(n)) == (1.0 if compares else None)


@pytest.mark.parametrize(("n", "top"), [(30, 3), (100, 10), (990, 99), (1000, 100), (1500, 100)])
def test_a_popular_item_may_stand_five_times_lower(n: int, top: int) -> None:
    before, after = falling(n), falling(n)
    after[0] = n - 1 - 5 * top + 0.5  # between those that stand at five times the number and one beyond
    assert popular_kept(before, after) == 1.0
    after[0] -= 1
    assert popular_kept(before, after) == pytest.approx((top - 1) / top)


def test_popular_items_that_are_gone_are_kept_by_nobody() -> None:
    found = compare((named(39, 1), falling(39)), named(40), falling(40))
    assert found.popular_kept == 0.75


def test_all_that_are_as_popular_as_the_last_of_them_count() -> None:
    before = falling(40)
    before[:8] = 39.0
    after = falling(40)[::-1].copy()
    after[:2] = 39.0
    assert popular_kept(before, after) == 0.25


def test_what_nobody_has_touched_is_not_popular() -> None:
    before = np.zeros(40, dtype=np.float32)
    assert popular_kept(before, falling(40)) is None
    before[7] = 1.0
    assert popular_kept(before, before) == 1.0
    assert popular_kept(before, np.zeros(40, dtype=np.float32)) == 0.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    expires = {2: NOW_MS - 1, 3: NOW_MS, 4: NOW_MS + 1}
    items = [replace(one, available=k != 1, expires_at_ms=expires.get(k)) for k, one in enumerate(toy_items(12))]
    found = tmp_path_factory.mktemp("current")
    build_toy_snapshot(found, 12, columns=columns_of(items))
    return found


class TestFiles:
    def test_what_is_for_sale_is_available_and_has_not_expired(self, folder: Path) -> None:
        found = read_current(folder, NOW_MS)
        assert [k for k, shown in enumerate(found.for_sale) if not shown] == [1, 2, 3]
        assert list(found.ids) == list(named(12))
        assert found.popularity.tolist() == np.log1p(np.maximum(0, 10 - np.arange(12))).astype(np.float32).tolist()

    def test_ids_of_a_snapshot_of_before_are_in_its_documents(self, folder: Path, tmp_path: Path) -> None:
        names = ("popularity.npy", "available.npy", "expires_at_ms.npy", "items.jsonl", MANIFEST)
        for name in names:
            (tmp_path / name).write_bytes((folder / name).read_bytes())
        manifest = json.loads((tmp_path / MANIFEST).read_bytes())
        seal(tmp_path, manifest)
        assert list(read_current(tmp_path, NOW_MS).ids) == list(named(12))
        (tmp_path / "items.jsonl").write_bytes(b"other bytes")
        with pytest.raises(SnapshotIntegrityError, match="can't be compared with"):
            read_current(tmp_path, NOW_MS)

    @pytest.mark.parametrize("manifest", [b"", b"[]", b"{}", b'{"files": {}}'])
    def test_a_manifest_that_says_nothing_is_an_error(self, tmp_path: Path, manifest: bytes) -> None:
        (tmp_path / MANIFEST).write_bytes(manifest)
        with pytest.raises(SnapshotIntegrityError, match="can't be compared with"):
            read_current(tmp_path, NOW_MS)
