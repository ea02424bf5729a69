"""A candidate before the gates: what is fetched, what it is compared with, and what is noted of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from endcap.errors import DependencyError, InvalidRequestError, NotFoundError, SnapshotIntegrityError
from endcap.snapshot import candidate
from endcap.snapshot.candidate import Checked, check, force_of
from endcap.snapshot.examination import files_compared
from endcap.snapshot.figures import Figures, Measured
from endcap.snapshot.gates import Case, GateError
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.promotions import Pointed
from tests.fakes.toy_snapshot import build_toy_snapshot

NOW_MS = 1_790_000_000_000


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("candidate"), 12)


@dataclass
class World:
    """The bucket with the candidate and the current one, the process that measures, and the gates."""

    folder: Path
    current: Any = None
    measured: Measured | None = None
    fetched: list[tuple[str, Any]] = field(default_factory=list)
    examined: list[dict[str, Any]] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)

    def download(self, version: str, names: Iterable[str] | None = None) -> Path:
        self.fetched.append((version, None if names is None else tuple(names)))
        return self.folder if names is None else Path(version)

    def manifest(self, version: str) -> Mapping[str, Any]:
        if isinstance(self.current, Exception):
            raise self.current
        found: Mapping[str, Any] = self.current
        return found

    def examine(self, folder: Path, compared: Path | None, now_ms: int, *, probing: bool) -> Measured | None:
        self.examined.append({"folder": folder, "compared": compared, "now_ms": now_ms, "probing": probing})
        return self.measured if probing else None

    def check(self, version: str, pointer: Pointed | None, **options: Any) -> Checked:
        return check(version, pointer, self, self, NOW_MS, **options)


@pytest.fixture
def world(toy: Snapshot, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(toy.directory, {"files": {}, "version": "old"}, Measured(12, 12, 6))
    monkeypatch.setattr(candidate, "examine", made.examine)
    monkeypatch.setattr(candidate, "check_gates", made.cases.append)
    return made


def figures(version: str, **more: Any) -> dict[str, Any]:
    return Figures(version, **more).as_document()


def test_a_first_one_is_compared_with_nothing(world: World, toy: Snapshot) -> None:
    found = world.check(toy.version, None, storage_mb=7)
    assert world.fetched == [(toy.version, None)]
    assert world.examined == [{"folder": toy.directory, "compared": None, "now_ms": NOW_MS, "probing": True}]
    (case,) = world.cases
    assert (case.current, case.before, case.storage_mb, case.now_ms) == (None, (), 7, NOW_MS)
    assert (case.manifest, case.measured) == (toy.manifest, world.measured)
    assert found.noted == {"forced": None, "last": [Figures.of(toy.manifest, 0.5).as_document()]}
    assert found.snapshot.version == toy.version


def test_the_next_is_compared_with_the_current_one_and_those_before(world: World, toy: Snapshot) -> None:
    last = [figures("other", items=1), None, figures("old", items=5), 7, {"items": 3}]
    found = world.check(toy.version, Pointed("old", promotion={"last": last}))
    assert world.fetched == [(toy.version, None), ("old", files_compared(world.current))]
    assert world.examined[0]["compared"] == Path("old")
    (case,) = world.cases
    assert case.current == world.current
    assert case.before == (Figures("old", items=5), Figures("other", items=1))
    assert [one["version"] for one in found.noted["last"]] == [toy.version, "old", "other"]


def test_of_a_pointer_that_noted_nothing_the_manifest_counts(world: World, toy: Snapshot) -> None:
    for promotion in ({}, {"last": None}, {"last": "x"}, {"last": [figures("other")]}):
        world.check(toy.version, Pointed("old", promotion=promotion))
        assert world.cases[-1].before[0] == Figures.of(world.current)


def test_five_are_remembered_and_none_of_them_twice(world: World, toy: Snapshot) -> None:
    last = [figures(f"v{k}") for k in range(6)] + [figures(toy.version, items=1)]
    found = world.check(toy.version, Pointed("v0", promotion={"last": last}))
    assert [one.version for one in world.cases[0].before] == ["v0", "v1", "v2", "v3", "v4"]
    assert [one["version"] for one in found.noted["last"]] == [toy.version, "v0", "v1", "v2", "v3"]
    again = world.check(toy.version, Pointed("v0", promotion={"last": [last[-1], last[0]]}))
    assert [one["version"] for one in again.noted["last"]] == [toy.version, "v0"]


def test_the_current_one_itself_is_looked_at_and_compared_with_nothing(world: World, toy: Snapshot) -> None:
    world.check(toy.version, Pointed(toy.version))
    assert world.fetched == [(toy.version, None)]
    assert (world.cases[0].current, world.cases[0].before) == (None, ())


def test_what_is_forced_is_verified_and_nothing_more(world: World, toy: Snapshot) -> None:
    world.current = NotFoundError("lost")
    found = world.check(toy.version, Pointed("old", promotion={"last": [figures("old")]}), force="so")
    assert world.examined == [{"folder": toy.directory, "compared": None, "now_ms": NOW_MS, "probing": False}]
    assert (world.cases, world.fetched) == ([], [(toy.version, None)])
    assert found.noted == {"forced": "so", "last": [Figures.of(toy.manifest).as_document()]}


@pytest.mark.parametrize("error", [NotFoundError("lost"), SnapshotIntegrityError("damaged")])
def test_without_the_current_one_the_gates_can_not_tell(world: World, toy: Snapshot, error: Exception) -> None:
    world.current = error
    with pytest.raises(GateError, match=rf"^there is nothing to compare with.*{error}"):
        world.check(toy.version, Pointed("old"))
    world.current = DependencyError("away")
    with pytest.raises(DependencyError):
        world.check(toy.version, Pointed("old"))


def test_a_shop_of_nothing_has_a_share_of_nothing(world: World, toy: Snapshot) -> None:
    for measured, share in ((Measured(0, 0, 0), 0.0), (Measured(1, 1, 1), 1.0)):
        world.measured = measured
        assert world.check(toy.version, None).noted["last"][0]["for_sale"] == share


def test_the_manifest_is_that_of_the_version(world: World, toy: Snapshot) -> None:
    with pytest.raises(SnapshotIntegrityError, match=f"^the manifest of other is that of {toy.version}$"):
        world.check("other", None)
    assert world.cases == []
    assert json.dumps(world.check(toy.version, None).noted)


@pytest.mark.parametrize(
    ("given", "reason"),
    [("x", "x"), ("x" * 500, "x" * 500), ("  why ", "why"), (True, "no reason given"), (False, None), (None, None)],
)
def test_a_reason_has_up_to_500_characters(given: Any, reason: str | None) -> None:
    assert force_of(given) == reason


@pytest.mark.parametrize("given", ["x" * 501, " ", "", "a\tb", 0, 1.5, [], {}])
def test_what_is_no_reason_is_told_by_its_field(given: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        force_of(given)
    assert caught.value.errors == [{"field": "force", "message": "must say why, in 1 to 500 characters"}]
