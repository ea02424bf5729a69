"""What lists are made from, and how long anybody waits for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from endcap.catalog.row import ChangedRows, ItemRow, PopularList
from endcap.errors import DependencyError, SnapshotIntegrityError, SnapshotMissingError
from endcap.live.catalogue import LiveCatalogue
from endcap.live.ladder import LOADING_S, START_AHEAD_S, START_S, Ladder
from endcap.live.popular import POLL_S, Popular
from endcap.live.transfer import MEASURED_S, STILL_S, Transfer
from endcap.live.waiting import READS_S, Waiting
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot, toy_items
from tests.fakes.virtual_time import VirtualClock, VirtualWorkers

POPULAR = PopularList("v1", tuple((item.item_id, item.title) for item in toy_items(5)))


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("snapshot"))


BYTES = 100 << 20


class Current:
    """The current snapshot, which takes its time to load once S3 has answered, its bytes at an even rate until then.

    Attributes
    ----------
    hangs_s : from when on no byte comes any more
    """

    def __init__(self, snapshot: Snapshot, waiting: Waiting, clock: VirtualClock, loads_s: float) -> None:
        self._snapshot, self._waiting, self._clock, self._ready_s = snapshot, waiting, clock, loads_s
        self.answers, self.missing = True, False
        self.error: Exception | None = None
        self.hangs_s = float("inf")
        self._transfer, self._came = Transfer(clock), 0

    @property
    def transfer(self) -> Transfer:
        now_s = min(self._clock.now_s, self._ready_s)
        if now_s < self.hangs_s:
            came = int(BYTES * now_s / self._ready_s) if self._ready_s else BYTES
            self._transfer.note(came - self._came, BYTES)
            self._came = came
        return self._transfer

    @property
    def loading(self) -> bool:
        return self.answers and not self.missing and self._clock.now_s < self._ready_s

    def get(self, wait_s: float = READS_S, /) -> Snapshot | None:
        """See `endcap.live.snapshot.Followed`."""
        if self.error is not None:
            raise self.error
        if self.missing:
            return None
        left_s = max(0.0, min(wait_s, self._waiting.left_s()))
        if self.hangs_s < self._ready_s:
            self._clock.spend(left_s)
            return None
        if self.answers and self._ready_s <= self._clock.now_s + left_s:
            self._clock.set(max(self._clock.now_s, self._ready_s))
            return self._snapshot
        self._clock.spend(left_s)
        return None


class Items:
    """The items table: the list, its items, and no changes."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock, self.list, self.answers = clock, POPULAR, True
        self.unread = frozenset[str]()
        self.changes: list[ItemRow] = []
        self.changes_take_s = 0.0

    def popular(self) -> PopularList | None:
        """See `endcap.live.popular.Items`."""
        if not self.answers:
            self.clock.spend(1.0)
            raise DependencyError("no answer")
        return self.list

    def many(self, item_ids: Iterable[str]) -> Mapping[str, ItemRow | None]:
        """See `endcap.live.popular.Items`."""
        known = {item.item_id: item for item in toy_items()}
        return {
            item_id: ItemRow(item_id, known[item_id], 1) if item_id in known else None
            for item_id in item_ids
            if item_id not in self.unread
        }

    def changes_since(self, _: int, __: int) -> ChangedRows:
        """See `endcap.live.catalogue.Changes`."""
        self.clock.spend(self.changes_take_s)
        return ChangedRows(self.changes)


class World:
    def __init__(self, snapshot: Snapshot, loads_s: float) -> None:
        self.clock = VirtualClock()
        self.waiting = Waiting(VirtualWorkers(self.clock), self.clock)
        self.items = Items(self.clock)
        self.current = Current(snapshot, self.waiting, self.clock, loads_s)
        catalogue = LiveCatalogue(self.items, self.clock, self.waiting)
        self.ladder = Ladder(self.current, catalogue, Popular(self.items, self.waiting), self.waiting)


def test_a_snapshot_that_is_loaded_in_time_is_what_lists_are_made_from(snapshot: Snapshot) -> None:
    world = World(snapshot, 0.3)
    assert world.ladder.begin(()) is snapshot
    assert world.ladder.over(snapshot).snapshot is snapshot
    assert world.waiting.lost == ()


def test_while_it_loads_the_list_of_the_last_promotion_is(snapshot: Snapshot) -> None:
    world = World(snapshot, 5.0)
    found = world.ladder.begin(["item-30", "nothing"])
    assert (found.version, list(found.item_ids)) == ("v1", [item_id for item_id, _ in POPULAR.items])
    index = world.ladder.over(found).index
    assert {index.item_id(row) for row in range(index.n_items) if index.available[row]} == {*found.item_ids, "item-30"}
    assert world.waiting.lost == ("snapshot",)
    assert world.clock.now_s <= READS_S
    world.clock.spend(5.0)
    world.waiting.begin()
    assert world.ladder.begin(()) is snapshot


def test_an_item_of_the_list_that_could_not_be_checked_is_not_shown_and_the_answer_says_so(snapshot: Snapshot) -> None:
    world, (first, *others) = World(snapshot, 60.0), [item_id for item_id, _ in POPULAR.items]
    for unread, lost in ((frozenset({first}), ("changes", "snapshot")), (frozenset[str](), ("snapshot",))):
        world.items.unread = unread
        world.waiting.begin()
        index = world.ladder.over(world.ladder.begin(())).index
        shown = {index.item_id(row) for row in range(index.n_items) if index.available[row]}
        assert (shown, world.waiting.lost) == ({*others, first} - unread, lost)
        world.clock.spend(POLL_S)


def test_without_a_list_a_request_waits_on_as_long_as_s3_answers(snapshot: Snapshot) -> None:
    world = World(snapshot, 5.0)
    world.items.list = None  # type: ignore[assignment]
    assert world.ladder.begin(()) is snapshot
    assert world.clock.now_s == pytest.approx(5.0)
    late = World(snapshot, 60.0)
    late.items.list = None  # type: ignore[assignment]
    with pytest.raises(DependencyError):
        late.ladder.begin(())
    assert late.clock.now_s < LOADING_S + 2 * READS_S < 10  # the function's limit


def test_without_s3_and_without_a_list_it_says_so_in_time(snapshot: Snapshot) -> None:
    world = World(snapshot, 5.0)
    world.current.answers = world.items.answers = False
    with pytest.raises(DependencyError):
        world.ladder.begin(())
    assert world.clock.now_s <= READS_S


@pytest.mark.parametrize("error", [SnapshotIntegrityError("damaged"), DependencyError("no answer")])
def test_what_is_wrong_with_the_snapshot_is_said_where_there_is_no_list(snapshot: Snapshot, error: Exception) -> None:
    world = World(snapshot, 5.0)
    world.current.error = error
    assert world.ladder.begin(()).version == "v1"
    world.items.list = None  # type: ignore[assignment]
    world.clock.spend(60)
    world.waiting.begin()
    with pytest.raises(type(error)):
        world.ladder.begin(())


def test_before_the_first_promotion_there_is_nothing(snapshot: Snapshot) -> None:
    world = World(snapshot, 0.0)
    world.current.missing = True
    for ask in (lambda: world.ladder.begin(()), world.ladder.loaded):
        with pytest.raises(SnapshotMissingError):
            ask()


@pytest.mark.parametrize(
    ("loads_s", "answers", "ahead", "took_s"),
    [
        (1.0, True, False, 1.0),
        (6.0, True, False, 6.0),
        (60.0, True, False, READS_S),
        (60.0, True, True, 60.0),
        (600.0, True, True, READS_S + START_AHEAD_S),
        (60.0, False, True, READS_S),
    ],
    ids=["loaded", "just in time", "too large", "nobody waits", "nobody waits, and too large", "S3 away"],
)
def test_a_start_loads_what_fits_by_the_rate_at_which_it_comes(
    snapshot: Snapshot, loads_s: float, answers: bool, ahead: bool, took_s: float
) -> None:
    world = World(snapshot, loads_s)
    world.current.answers = answers
    world.ladder.start(ahead=ahead)
    assert world.clock.now_s == pytest.approx(took_s, abs=0.15)
    assert READS_S + START_S < 10  # what Lambda gives a start that a request waits for


@pytest.mark.parametrize(
    ("hangs_s", "ahead", "took_s"),
    [(0.0, False, STILL_S), (0.0, True, STILL_S), (2.0, True, 2.0 + STILL_S), (2.0, False, 2.6)],
    ids=["at once", "at once, nobody waits", "later, nobody waits", "later: the rest would not be here in time"],
)
def test_a_start_waits_three_seconds_for_bytes_that_come_no_more(
    snapshot: Snapshot, hangs_s: float, ahead: bool, took_s: float
) -> None:
    world = World(snapshot, 5.0)
    world.current.hangs_s = hangs_s
    world.ladder.start(ahead=ahead)
    assert world.clock.now_s == pytest.approx(took_s, abs=0.15)
    world.waiting.begin()
    assert world.ladder.begin(()).version == POPULAR.version  # and lists are made from what there is meanwhile


def test_what_did_not_fit_a_start_goes_on_behind_the_list(snapshot: Snapshot) -> None:
    world = World(snapshot, 60.0)
    world.ladder.start(ahead=False)
    world.waiting.begin()
    assert world.ladder.begin(()).version == POPULAR.version
    world.clock.spend(60.0)
    world.waiting.begin()
    assert world.ladder.begin(()) is snapshot


def test_a_rate_says_nothing_before_it_was_measured() -> None:
    clock = VirtualClock()
    transfer = Transfer(clock)
    transfer.note(1, 1_000)
    clock.spend(MEASURED_S / 2)
    assert transfer.left_s() == 0
    clock.spend(MEASURED_S / 2)
    assert transfer.left_s() == pytest.approx(999 * MEASURED_S)
    transfer.note(999, 1_000)
    clock.spend(60)
    assert (transfer.left_s(), transfer.stands_still) == (0, False)  # it is over: what takes time now is reading it
    transfer.begin()
    clock.spend(STILL_S)
    assert transfer.stands_still


def test_a_start_also_reads_what_has_changed(snapshot: Snapshot) -> None:
    world = World(snapshot, 0.5)
    world.items.changes = [ItemRow("item-4", None, CUTOFF_MS + 1)]
    world.items.changes_take_s = 2.0
    world.ladder.start(ahead=False)
    assert world.clock.now_s == pytest.approx(2.5)
    world.items.changes_take_s = 0.0
    world.waiting.begin()
    index = world.ladder.over(world.ladder.begin(())).index
    assert not index.available[4]
    assert (world.waiting.lost, world.clock.now_s) == ((), pytest.approx(2.5))
