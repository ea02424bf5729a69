"""What a candidate is asked and compared by."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.errors import SnapshotIntegrityError
from endcap.probes import consistency
from endcap.probes.answers import ENOUGH_S, routes_of
from endcap.probes.current import CurrentItems, compared, read_current
from endcap.probes.hostile_texts import hostile_texts
from endcap.probes.measure import measure
from endcap.probes.requests import Probe, probes
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.snapshot import Snapshot, load_snapshot
from tests.fakes.poisons import N_ITEMS, write_sound

NOW_MS = 1_790_000_000_000
ROUTES = {
    *("unknown", "known", "session", "similar", "together", "search", "ranking", "filtered", "arranged"),
    *("buy_again", "trending", "exploration"),
}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return load_snapshot(write_sound(tmp_path_factory.mktemp("sound")))


def current_of(snapshot: Snapshot, **changes: Any) -> CurrentItems:
    sale = np.asarray(snapshot.columns.available)
    same = CurrentItems(tuple(snapshot.item_ids), np.asarray(snapshot.popularity), sale)
    return replace(same, **changes)


def test_every_kind_of_list_is_asked_for(snapshot: Snapshot) -> None:
    asked = Counter(probe.kind for probe in probes(snapshot, NOW_MS))
    assert set(asked) == ROUTES
    assert 50 <= sum(asked.values()) <= 60


def test_a_sound_snapshot_answers_all_of_them(snapshot: Snapshot) -> None:
    steps: list[str] = []
    measured = measure(snapshot, snapshot.directory, NOW_MS, steps.append)
    for route in measured.routes.values():
        assert (route.failed, route.unsound, route.short, route.problem) == (0, 0, 0, "")
    assert (measured.items, measured.groups, measured.for_sale) == (N_ITEMS,) * 3
    assert measured.told_apart == {"texts": True, "shoppers": True}
    assert measured.texts_alike == pytest.approx(1, abs=0.01)
    assert measured.compared is not None
    assert (measured.compared.ids_kept, measured.compared.popular_kept, measured.compared.for_sale) == (1, 1, 1)
    assert steps[-1].startswith("request 5")


def test_what_fails_is_counted_and_told_once(snapshot: Snapshot) -> None:
    bad = RecommendationRequest(relation="similar", items=("no such item",))
    route = routes_of(snapshot, [Probe("similar", bad)] * 2, NOW_MS, lambda _: None)["similar"]
    assert (route.asked, route.failed) == (2, 2)
    assert route.problem.startswith("NotFoundError: ")


def test_what_lacks_items_is_counted(snapshot: Snapshot) -> None:
    probe = Probe("unknown", RecommendationRequest(limit=3), least=4)
    assert routes_of(snapshot, [probe], NOW_MS, lambda _: None)["unknown"].short == 1


def test_a_slow_kind_is_not_asked_for_ever(snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, int(ENOUGH_S)))
    monkeypatch.setattr("endcap.probes.answers.time.process_time", lambda: float(next(clock)))
    route = routes_of(snapshot, [Probe("known", RecommendationRequest())] * 9, NOW_MS, lambda _: None)["known"]
    assert (route.asked, route.typical_s) == (2, ENOUGH_S)


class TestCompared:
    def test_ids_that_are_gone_count(self, snapshot: Snapshot) -> None:
        ids = (*list(snapshot.item_ids)[:30], *(f"gone-{k}" for k in range(30)))
        assert compared(snapshot, current_of(snapshot, ids=ids)).ids_kept == 0.5

    def test_popular_items_that_are_popular_no_more_count(self, snapshot: Snapshot) -> None:
        backwards = np.asarray(snapshot.popularity)[::-1].copy()
        assert compared(snapshot, current_of(snapshot, popularity=backwards)).popular_kept == 0

    def test_where_all_is_as_popular_nothing_is_compared(self, snapshot: Snapshot) -> None:
        flat = np.ones(N_ITEMS, dtype=np.float32)
        assert compared(snapshot, current_of(snapshot, popularity=flat)).popular_kept is None

    def test_damaged_files_of_the_current_one_are_an_error(self, tmp_path: Path) -> None:
        folder = write_sound(tmp_path / "current")
        (folder / "popularity.npy").write_bytes(b"damaged")
        with pytest.raises(SnapshotIntegrityError, match="can't be compared with"):
            read_current(folder, NOW_MS)

    def test_what_has_expired_is_not_for_sale(self, snapshot: Snapshot) -> None:
        current = read_current(snapshot.directory, NOW_MS)
        assert current.for_sale.all()
        assert list(current.ids) == list(snapshot.item_ids)


class TestConsistency:
    def test_a_sound_snapshot_says_everything_once(self, snapshot: Snapshot) -> None:
        assert consistency.differences(snapshot) == consistency.Differences(0, 0, 0)

    def test_groups_are_the_documents(self, snapshot: Snapshot) -> None:
        merged = replace(snapshot, groups=np.asarray(snapshot.groups) // 2)
        assert consistency.differences(merged).groups == N_ITEMS // 2

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("price", 99.0),
            ("price", np.nan),
            ("brand", -1),
            ("available", False),
            ("expires_at_ms", 5),
            ("created_at_ms", 5),
        ],
    )
    def test_columns_are_the_documents(self, snapshot: Snapshot, name: str, value: float) -> None:
        values = np.array(getattr(snapshot.columns, name))
        values[4] = value
        other = replace(snapshot, columns=replace(snapshot.columns, **{name: values}))
        assert consistency.differences(other) == consistency.Differences(0, 1, 0)


def test_texts_that_are_hostile_repeat_and_then_end_otherwise() -> None:
    texts = list(hostile_texts(["word"]))
    assert 400 <= len(texts) <= 1000
    assert "a" * 64 + "!" in texts
    assert "word" * 64 + "!" in texts
    assert all(len(set(text[-2:])) == 2 or len(text) > 64 for text in texts)
