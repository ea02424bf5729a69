"""Which snapshot may follow which: promotions, rollbacks, approvals, and what is done with each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.catalog.item import Item
from endcap.catalog.row import ItemRow, PopularList
from endcap.errors import (
    ConflictError,
    EncoderError,
    SnapshotError,
    SnapshotIntegrityError,
    SnapshotMissingError,
    SnapshotOutdatedError,
)
from endcap.signing import SIGNATURE_BYTES, Signature, statement
from endcap.snapshot import promote as promote_module
from endcap.snapshot.candidate import Checked
from endcap.snapshot.promote import Promoted, approve, check_order, popular_list, promote, rollback
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.promotions import Pointed
from tests.fakes.toy_snapshot import build_toy_snapshot

OLD, MIDDLE, NEW, NEWEST = (f"2026010{day}T000000Z-{day * 12}" for day in ("1", "2", "3", "4"))
SHA256 = "ab" * 32


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("turns"), 12)


class Key:
    """Signs by hashing: what another key has signed is not its own."""

    def __init__(self, key_id: str = "ours") -> None:
        self.key_id = key_id

    def sign(self, signed: bytes) -> bytes:
        return hashlib.sha512(self.key_id.encode() + signed).digest()[:SIGNATURE_BYTES]

    def verify(self, signed: bytes, value: bytes) -> bool:
        return value == self.sign(signed)

    def of(self, version: str) -> Signature:
        return Signature(SHA256, self.sign(statement(version, SHA256)), self.key_id)


OURS = Key()


@dataclass
class Bucket:
    """A pointer and signatures in memory."""

    pointer: Pointed | None = None
    signed: dict[str, Signature] = field(default_factory=dict)
    flips: int = 0

    def seen(self) -> Pointed | None:
        return self.pointer

    def flip(
        self,
        version: str,
        expected: Pointed | None,
        signature: Signature | None,
        previous: Sequence[str] | None,
        promotion: Mapping[str, Any],
    ) -> Pointed:
        if expected != self.pointer:
            raise ConflictError("somebody else flipped")
        self.flips += 1
        self.pointer = Pointed(version, tuple(previous or ()), promotion, signature)
        return self.pointer

    def signature(self, version: str) -> Signature | None:
        return self.signed.get(version)

    def put_signature(self, version: str, signature: Signature) -> None:
        self.signed[version] = signature

    def manifest(self, version: str) -> Mapping[str, Any]:
        raise AssertionError(version)

    def afresh(self) -> Any:
        return _Nothing()

    @property
    def order(self) -> tuple[str, ...]:
        """What is current, and what there is to go back to."""
        assert self.pointer is not None
        return (self.pointer.version, *self.pointer.previous)


class _Nothing:
    def __enter__(self) -> _Nothing:
        return self

    def __exit__(self, *_exception: object) -> None: ...


class Shop:
    """The items table: rows that changed, vectors and the popular list that it was given."""

    def __init__(self, *rows: ItemRow) -> None:
        self.rows, self.asked = rows, list[tuple[int, int]]()
        self.vectors, self.popular = list[tuple[str, bytes]](), list[PopularList]()

    def changed_since(self, since_ms: int, limit: int) -> Sequence[ItemRow]:
        self.asked.append((since_ms, limit))
        return self.rows

    def put_popular(self, popular: PopularList) -> None:
        self.popular.append(popular)

    def put_vector(self, item_id: str, text: str, tag: bytes, vector: bytes, surplus: Iterable[bytes] = ()) -> bool:
        self.vectors.append((item_id, tag))
        return True


@pytest.fixture
def checks(toy: Snapshot, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What candidates were checked with, which all pass as the toy snapshot does."""
    asked: list[dict[str, Any]] = []

    def check(
        version: str,
        current: Pointed | None,
        bucket: object,
        copies: object,
        now_ms: int,
        force: str | None,
        storage_mb: int | None,
    ) -> Checked:
        believed = current.version if current else None
        asked.append(
            {"version": version, "current": believed, "now_ms": now_ms, "force": force, "storage_mb": storage_mb}
        )
        return Checked(toy, {"noted": version})

    monkeypatch.setattr(promote_module, "check", check)
    return asked


def went(bucket: Bucket, *versions: str, **options: Any) -> list[Promoted]:
    return [promote(version, bucket, None, now_ms=5, **options) for version in versions]


def test_each_promotion_follows_the_one_before(checks: list[dict[str, Any]]) -> None:
    bucket = Bucket()
    assert went(bucket, OLD, MIDDLE, NEW, storage_mb=512) == [
        Promoted(OLD, None, 0),
        Promoted(MIDDLE, OLD, 0),
        Promoted(NEW, MIDDLE, 0),
    ]
    assert bucket.order == (NEW, MIDDLE, OLD)
    assert bucket.pointer is not None
    assert bucket.pointer.promotion == {"noted": NEW}
    assert checks[-1] == {"version": NEW, "current": MIDDLE, "now_ms": 5, "force": None, "storage_mb": 512}


def test_without_a_clock_it_is_now(checks: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("endcap.snapshot.promote.time.time", lambda: 12.3456)
    promote(OLD, Bucket(), None)
    promote(OLD, Bucket(), None, now_ms=0)
    assert [asked["now_ms"] for asked in checks] == [12_345, 0]


def test_what_was_built_before_the_current_one_is_refused(checks: list[dict[str, Any]]) -> None:
    bucket = Bucket()
    went(bucket, NEW)
    with pytest.raises(SnapshotOutdatedError, match="is older than"):
        went(bucket, OLD, force="it has to be")
    assert bucket.order == (NEW,)
    assert len(checks) == 1
    check_order(NEW, NEW)
    check_order(NEWEST, NEW)
    check_order("by hand", NEW)
    check_order(OLD, "by hand")
    check_order(f"x{OLD}", NEW)


def test_promoted_again_it_stays_as_it_is_and_is_told_what_was_before(checks: list[dict[str, Any]]) -> None:
    bucket = Bucket()
    went(bucket, OLD, MIDDLE, NEW)
    shop = Shop()
    assert promote(NEW, bucket, shop).previous == MIDDLE
    assert (bucket.flips, bucket.order, len(shop.popular)) == (3, (NEW, MIDDLE, OLD), 1)
    assert went(Bucket(bucket.pointer and replace(bucket.pointer, previous=())), NEW)[0].previous is None


def test_a_reason_to_skip_the_gates_is_handed_on_and_told(checks: list[dict[str, Any]]) -> None:
    assert went(Bucket(), OLD, force="so")[0] == Promoted(OLD, None, 0, "so")
    assert checks[0]["force"] == "so"


class TestRollback:
    def test_goes_further_back_each_time(self, checks: list[dict[str, Any]]) -> None:
        bucket = Bucket()
        went(bucket, OLD, MIDDLE, NEW, NEWEST)
        gone = [rollback(bucket, None, now_ms=7) for _ in range(3)]
        assert [one.version for one in gone] == [NEW, MIDDLE, OLD]
        assert gone[0] == Promoted(NEW, NEWEST, 0, "rollback")
        assert bucket.order == (OLD,)
        assert checks[-1] == {
            "version": OLD, "current": MIDDLE, "now_ms": 7, "force": "rollback", "storage_mb": None
        }  # fmt: skip
        with pytest.raises(SnapshotMissingError):
            rollback(bucket, None)

    def test_to_a_version_that_is_known_leaves_what_was_before_that(self, checks: list[dict[str, Any]]) -> None:
        bucket = Bucket()
        went(bucket, OLD, MIDDLE, NEW, NEWEST)
        assert rollback(bucket, None, to=MIDDLE).version == MIDDLE
        assert bucket.order == (MIDDLE, OLD)

    def test_to_a_version_that_nobody_remembers_leaves_what_is_older(self, checks: list[dict[str, Any]]) -> None:
        bucket = Bucket(Pointed(NEWEST, (NEW, MIDDLE, OLD)))
        between = f"{MIDDLE[:8]}T120000Z-other"
        rollback(bucket, None, to=between)
        assert bucket.order == (between, MIDDLE, OLD)
        same = Bucket(Pointed(NEW, (OLD,)))
        rollback(same, None, to=NEW)
        assert same.order == (NEW, OLD)

    def test_needs_a_pointer_and_something_before_it(self, checks: list[dict[str, Any]]) -> None:
        for pointer in (None, Pointed(OLD), Pointed("")):
            with pytest.raises(SnapshotMissingError, match="no snapshot before"):
                rollback(Bucket(pointer), None)
        with pytest.raises(SnapshotMissingError):
            rollback(Bucket(), None, to=OLD)
        assert rollback(Bucket(Pointed(NEW)), None, to=OLD).version == OLD


class TestSignatures:
    def test_a_stack_that_signs_signs_each(self, checks: list[dict[str, Any]], toy: Snapshot) -> None:
        bucket = Bucket()
        went(bucket, OLD, NEW, signer=OURS)
        assert set(bucket.signed) == {OLD, NEW}
        assert bucket.pointer is not None
        assert bucket.pointer.signature == bucket.signed[NEW]
        assert bucket.order == (NEW, OLD)

    def test_after_a_signed_one_comes_no_unsigned_one(self, checks: list[dict[str, Any]]) -> None:
        bucket = Bucket()
        went(bucket, OLD, signer=OURS)
        with pytest.raises(SnapshotError, match="has to be"):
            went(bucket, NEW)
        assert bucket.order == (OLD,)

    def test_what_was_promoted_before_there_were_signatures_is_followed_and_signed(
        self, checks: list[dict[str, Any]]
    ) -> None:
        bucket = Bucket()
        went(bucket, OLD, MIDDLE)
        # The same version again: only its signature is new.
        assert went(bucket, MIDDLE, signer=OURS)[0] == Promoted(MIDDLE, OLD, 0)
        assert (bucket.flips, bucket.order) == (3, (MIDDLE, OLD))
        assert bucket.pointer is not None
        assert bucket.pointer.signature == bucket.signed[MIDDLE]

    def test_a_pointer_that_somebody_else_made_says_nothing_of_what_may_follow(
        self, checks: list[dict[str, Any]]
    ) -> None:
        for signature in (Key("theirs").of(NEWEST), OURS.of(OLD)):
            bucket = Bucket(Pointed(NEWEST, (NEW, MIDDLE), {}, signature))
            assert went(bucket, OLD, signer=OURS)[0].previous is None
            assert bucket.order == (OLD,)
            assert checks[-1]["current"] is None

    def test_a_damaged_pointer_is_replaced(self, checks: list[dict[str, Any]]) -> None:
        bucket = Bucket(Pointed(""))
        assert went(bucket, OLD)[0].previous is None
        assert checks[-1]["current"] is None

    def test_approved_is_signed_and_not_current(self, checks: list[dict[str, Any]]) -> None:
        bucket = Bucket()
        went(bucket, NEW, signer=OURS)
        signature = approve(OLD, bucket, OURS, force="an old one", storage_mb=9, now_ms=3)
        assert bucket.signed[OLD] == signature
        assert bucket.order == (NEW,)
        assert checks[-1] == {
            "version": OLD, "current": NEW, "now_ms": 3, "force": "an old one", "storage_mb": 9
        }  # fmt: skip

    def test_other_files_under_a_signed_name_are_refused(self, checks: list[dict[str, Any]]) -> None:
        bucket = Bucket(signed={OLD: OURS.of(OLD)})
        with pytest.raises(SnapshotIntegrityError, match="not the one that was signed"):
            went(bucket, OLD, signer=OURS)
        assert bucket.pointer is None


class TestItems:
    def row(self, name: str, title: str = "red mug") -> ItemRow:
        return ItemRow(name, Item(item_id=name, title=title), 9)

    def test_that_changed_since_get_the_new_encoders_vectors_before_the_flip(
        self, checks: list[dict[str, Any]], toy: Snapshot
    ) -> None:
        shop, bucket = Shop(self.row("a"), ItemRow("gone", None, 9), self.row("b")), Bucket()
        assert promote(OLD, bucket, shop).embedded == 2
        assert [item_id for item_id, _ in shop.vectors] == ["a", "b"]
        assert shop.asked == [(toy.catalog_as_of_ms, 100_000)]
        assert shop.popular == [popular_list(toy)]

    def test_that_can_not_be_embedded_hold_nobody_up(
        self, checks: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def embed(row: ItemRow, *_: object) -> bool:
            if row.item_id == "bad":
                raise EncoderError("this text")
            return row.item_id != "has one"

        monkeypatch.setattr(promote_module, "embed_row", embed)
        shop, bucket = Shop(*map(self.row, ("a", "bad", "has one", "b"))), Bucket()
        assert promote(OLD, bucket, shop).embedded == 2
        assert bucket.order == (OLD,)

    def test_are_left_alone_where_the_snapshot_has_no_encoder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bare = build_toy_snapshot(tmp_path, 12, encoder_files={}, encoder_name="")
        monkeypatch.setattr(promote_module, "check", lambda *_: Checked(bare, {}))
        shop = Shop(self.row("a"))
        assert promote(OLD, Bucket(), shop).embedded == 0
        assert shop.vectors == []
        assert len(shop.popular) == 1


class TestPopular:
    def test_of_equal_items_the_earlier_comes_first(self, toy: Snapshot) -> None:
        level = replace(toy, popularity=np.ones(toy.n_items, dtype=np.float32))
        assert [item_id for item_id, _ in popular_list(level).items] == [f"item-{k}" for k in range(12)]

    def test_the_most_popular_comes_first_of_each_group(self, toy: Snapshot) -> None:
        popularity = np.arange(toy.n_items, dtype=np.float32)
        groups = np.asarray([0, 0, 1, 1, *range(2, 10)], dtype=np.asarray(toy.groups).dtype)
        found = popular_list(replace(toy, popularity=popularity, groups=groups)).items
        assert [item_id for item_id, _ in found] == [*(f"item-{k}" for k in range(11, 3, -1)), "item-3", "item-1"]

    def test_a_document_without_a_title_has_an_empty_one(self, toy: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(type(toy), "document", lambda _, row: {} if row == 0 else {"title": f"t{row}"})
        assert popular_list(toy).items[:2] == (("item-0", ""), ("item-1", "t1"))


def test_where_somebody_else_flips_meanwhile_that_is_a_conflict(checks: list[dict[str, Any]], tmp_path: Path) -> None:
    class Overtaken(Bucket):
        def afresh(self) -> Any:
            self.pointer = Pointed(NEWEST)
            return super().afresh()

    with pytest.raises(ConflictError):
        went(Overtaken(Pointed(OLD)), NEW)
