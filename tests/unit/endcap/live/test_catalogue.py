"""Following the items that change: what is read, what stays where it can't be, and what an answer loses for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from endcap.catalog.item import Item
from endcap.catalog.row import ChangedRows, ItemRow
from endcap.errors import DependencyError, ThrottledError
from endcap.index.overlay import MAX_CHANGED, Overlay
from endcap.live.catalogue import POLL_S, REREAD_MS, LiveCatalogue
from endcap.live.waiting import READS_S, Waiting
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot
from tests.fakes.virtual_time import VirtualClock, VirtualWorkers

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
AT_MS = CUTOFF_MS + 3_600_000


class Table:
    """Rows, and the readings of them."""

    def __init__(self) -> None:
        self.rows: list[ItemRow] = []
        self.asked: list[int] = []
        self.failure: Exception | None = None
        self.raises = False
        self.before: Callable[[], None] = lambda: None

    def changes_since(self, since_ms: int, limit: int) -> ChangedRows:
        """See `endcap.live.catalogue.Changes`."""
        assert limit == MAX_CHANGED
        self.asked.append(since_ms)
        self.before()
        if self.raises:
            raise ThrottledError("slow down")
        return ChangedRows([row for row in self.rows if row.changed_at_ms >= since_ms], self.failure)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("snapshot"))


def shown(overlay: Overlay) -> set[str]:
    index = overlay.index
    return {index.item_id(row) for row in range(index.n_items) if index.available[row]}


@pytest.mark.parametrize("beside", [False, True])
class TestReading:
    def make(self, beside: bool) -> tuple[LiveCatalogue, Table, VirtualClock, Waiting | None]:
        clock, table = VirtualClock(), Table()
        waiting = Waiting(VirtualWorkers(clock), clock) if beside else None
        return LiveCatalogue(table, clock, waiting), table, clock, waiting

    def test_begins_with_the_snapshot_and_reads_the_last_half_minute_again(
        self, snapshot: Snapshot, beside: bool
    ) -> None:
        catalogue, table, clock, _ = self.make(beside)
        table.rows = [ItemRow("item-4", None, AT_MS)]
        assert "item-4" not in shown(catalogue.over(snapshot))
        clock.spend(POLL_S)
        catalogue.over(snapshot)
        assert table.asked == [CUTOFF_MS, AT_MS - REREAD_MS]

    def test_that_fails_midway_keeps_what_it_has_seen_and_begins_again(self, snapshot: Snapshot, beside: bool) -> None:
        catalogue, table, clock, waiting = self.make(beside)
        table.rows, table.failure = [ItemRow("item-4", None, AT_MS)], ThrottledError("slow down")
        assert "item-4" not in shown(catalogue.over(snapshot))
        assert waiting is None or waiting.lost == ("changes",)
        table.rows.append(ItemRow("item-5", None, AT_MS - 2 * REREAD_MS))  # of the page that was not read
        table.failure = None
        clock.spend(POLL_S)
        if waiting is not None:
            waiting.begin()
        assert not {"item-4", "item-5"} & shown(catalogue.over(snapshot))
        assert table.asked == [CUTOFF_MS, CUTOFF_MS]
        assert waiting is None or waiting.lost == ()

    def test_that_fails_leaves_what_is_known(self, snapshot: Snapshot, beside: bool) -> None:
        catalogue, table, clock, waiting = self.make(beside)
        table.rows = [ItemRow("item-4", None, AT_MS)]
        catalogue.over(snapshot)
        table.raises = True
        clock.spend(POLL_S)
        assert "item-4" not in shown(catalogue.over(snapshot))
        assert waiting is None or waiting.lost == ("changes",)

    def test_goes_on_over_the_next_snapshot(self, snapshot: Snapshot, beside: bool, tmp_path: Path) -> None:
        catalogue, table, _, _ = self.make(beside)
        table.rows = [ItemRow("item-4", None, AT_MS), ItemRow("new", Item("new", "Lamp"), AT_MS)]
        catalogue.over(snapshot)
        table.raises = True
        assert shown(catalogue.over(build_toy_snapshot(tmp_path, 41))) >= {"new"}
        assert "item-4" not in shown(catalogue.over(build_toy_snapshot(tmp_path / "again", 41)))

    def test_of_thousands_is_folded_once(self, snapshot: Snapshot, beside: bool) -> None:
        catalogue, table, clock, _ = self.make(beside)
        sold_out = [ItemRow(f"item-{k}", Item(f"item-{k}", available=False), AT_MS) for k in range(10)]
        feed = [ItemRow(f"x{k}", Item(f"x{k}", "mug"), AT_MS + k) for k in range(MAX_CHANGED)]
        table.rows = [*feed, *sold_out]
        first = catalogue.over(snapshot)
        assert not {f"item-{k}" for k in range(10)} & shown(first)
        for _ in range(3):
            assert catalogue.over(snapshot) is first
        clock.spend(POLL_S)
        assert catalogue.over(snapshot) is first


def test_late_changes_are_lost_for_one_and_there_for_the_next(snapshot: Snapshot) -> None:
    clock, table = VirtualClock(), Table()
    waiting = Waiting(VirtualWorkers(clock), clock)
    catalogue = LiveCatalogue(table, clock, waiting)
    table.rows, table.before = [ItemRow("item-4", None, AT_MS)], lambda: clock.spend(1.5)
    assert "item-4" in shown(catalogue.over(snapshot))
    assert waiting.lost == ("changes",)
    clock.spend(1.0)
    waiting.begin()
    assert "item-4" not in shown(catalogue.over(snapshot))
    assert waiting.lost == ()


def test_while_the_table_hangs_one_request_waits_for_its_changes_and_no_other(snapshot: Snapshot) -> None:
    clock, table = VirtualClock(), Table()
    waiting = Waiting(VirtualWorkers(clock), clock)
    catalogue = LiveCatalogue(table, clock, waiting)
    table.failure, table.before = DependencyError("no answer"), lambda: clock.spend(2 * READS_S)
    waited = []
    for at_s in range(100):
        clock.set(float(at_s))
        waiting.begin()
        catalogue.over(snapshot)
        assert waiting.lost == ("changes",)
        waited.append(clock.now_s - at_s)
    assert [took_s for took_s in waited if took_s > 0] == [pytest.approx(READS_S)]
    # AND they are there soon after it answers again, although nobody waits for that either
    table.failure, table.before = None, lambda: clock.spend(0.01)
    for at_s in (100.0, 100.0 + POLL_S, 100.1 + POLL_S):
        clock.set(at_s)
        waiting.begin()
        catalogue.over(snapshot)
    assert waiting.lost == ()


def test_vectors_of_another_encoder_are_not_laid_over(snapshot: Snapshot) -> None:
    table = Table()
    row = ItemRow("item-4", Item("item-4", "Lamp"), AT_MS, "hash", {b"othe": b"\1" * 8})
    table.rows = [row, replace(row, item_id="item-5", item=Item("item-5", "Lamp"))]
    changes = LiveCatalogue(table, VirtualClock()).over(snapshot).index.changes
    assert changes is not None
    assert not changes.has_vector.any()
