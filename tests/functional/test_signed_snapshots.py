"""What is served is what promote has signed, whatever becomes of the files in the bucket."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from endcap.aws.keys import SigningKey
from endcap.aws.pointer import read_pointer
from endcap.aws.snapshots import POINTER, SnapshotBucket
from endcap.errors import (
    DependencyError,
    SnapshotError,
    SnapshotIntegrityError,
    SnapshotMissingError,
    SnapshotOutdatedError,
)
from endcap.live.challenger import Challenger
from endcap.live.snapshot import POLL_S, RETRY_S, Followed, read_encoder
from endcap.runtime import Runtime
from endcap.settings import SettingsError
from endcap.signing import Trust
from endcap.snapshot.gates import GateError
from endcap.snapshot.promote import approve, promote, rollback
from endcap.snapshot.snapshot import Snapshot, load_snapshot
from tests.fakes import moto_stack
from tests.fakes.kms import KEY, FakeKms
from tests.fakes.toy_snapshot import build_toy_snapshot

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")


@dataclass
class World:
    """A bucket with snapshots of some days in it, and a key."""

    root: Path
    made: dict[str, Path]
    kms: FakeKms
    now_s: float = 0.0
    uploaded: set[str] = field(default_factory=set)

    @property
    def s3(self) -> Any:
        return moto_stack.client("s3")

    @property
    def key(self) -> SigningKey:
        return SigningKey(self.kms, KEY)

    def bucket(self, name: str) -> SnapshotBucket:
        return SnapshotBucket(self.s3, moto_stack.BUCKET, self.root / name)

    def upload(self, *versions: str) -> None:
        for version in set(versions) - self.uploaded:
            self.bucket("upload").upload(self.made[version], version)
            self.uploaded.add(version)

    def promote(self, version: str, **options: Any) -> Any:
        self.upload(version)
        return promote(version, self.bucket("promotion"), None, **{"signer": self.key, **options})

    def approve(self, version: str) -> None:
        self.upload(version)
        approve(version, self.bucket("promotion"), self.key)

    def rollback(self, **options: Any) -> Any:
        return rollback(self.bucket("promotion"), None, signer=self.key, **options)

    def environment(self, name: str, *, required: bool = False) -> Followed[str]:
        """A function's, which tells what it would serve: the version, and the items in their order of popularity."""

        def read(folder: Path) -> str:
            snapshot = load_snapshot(folder)
            return f"{snapshot.version} {snapshot.popularity.tobytes().hex()[:16]}"

        trust = Trust(self.key, required=required)
        return Followed(self.bucket(name), read, clock=lambda: self.now_s, trust=trust)

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=moto_stack.BUCKET, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=moto_stack.BUCKET, Key=key)["Body"].read())

    def current(self) -> Any:
        return self.bucket("look").current()

    def later(self) -> None:
        self.now_s += RETRY_S


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Version -> folder of four snapshots, built a day apart."""
    found = {}
    for day in range(2, 6):
        folder = tmp_path_factory.mktemp(f"day{day}")
        found[build_toy_snapshot(folder, created=f"2026-01-0{day}T03:04:05Z").version] = folder
    return found


@pytest.fixture
def world(made: dict[str, Path], tmp_path: Path) -> Iterator[World]:
    with moto_stack.stack():
        yield World(tmp_path, made, FakeKms())


@pytest.fixture
def days(made: dict[str, Path]) -> list[str]:
    return sorted(made)


class TestPointer:
    def test_says_what_was_signed_by_whom_and_when(self, world: World, days: list[str]) -> None:
        for version in days:
            world.promote(version)
        body = json.loads(world.get(POINTER))
        assert set(body) == {
            "version",
            "manifest_sha256",
            "signature",
            "key_id",
            "promoted_at",
            "previous",
            "promotion",
        }
        assert (body["version"], body["key_id"], body["previous"]) == (days[3], KEY, [days[2], days[1], days[0]])
        beside = json.loads(world.get(f"snapshots/{days[3]}/manifest.sig"))
        assert {name: body[name] for name in ("version", "manifest_sha256", "signature", "key_id")} == beside

    def test_of_today_is_read_by_what_is_signed_a_second_time(self, world: World, days: list[str]) -> None:
        world.promote(days[0])
        before = world.get(POINTER)
        world.promote(days[0])  # as a retry does
        assert world.get(POINTER) == before
        assert world.kms.calls.count("Sign") == 1


class TestUpgrade:
    """A bucket of before there were signatures."""

    @pytest.fixture(autouse=True)
    def old(self, world: World, days: list[str]) -> None:
        world.upload(days[0], days[1])
        world.put(POINTER, json.dumps({"version": days[1], "previous": days[0]}).encode())

    def test_is_served_as_it_is(self, world: World, days: list[str]) -> None:
        served = world.environment("one").get()
        assert served is not None
        assert served.startswith(days[1])
        assert world.kms.calls == []

    def test_is_refused_where_signatures_are_required(self, world: World) -> None:
        with pytest.raises(SnapshotIntegrityError, match="not signed"):
            world.environment("one", required=True).get()

    def test_is_signed_without_a_rebuild_and_nothing_is_loaded_again(self, world: World, days: list[str]) -> None:
        one = world.environment("one")
        served = one.get()
        assert world.promote(days[1]).previous == days[0]
        world.later()
        assert one.get() is served
        assert (world.root / "one" / days[1] / "manifest.json").exists()  # its files are in use
        assert world.environment("two", required=True).get() == served
        assert world.current().previous == (days[0],)

    def test_ends_with_the_first_promotion(self, world: World, days: list[str]) -> None:
        one = world.environment("one")
        one.get()
        world.promote(days[2])
        world.later()
        served = one.get()
        assert served is not None
        assert served.startswith(days[2])
        world.put(POINTER, json.dumps({"version": days[3], "previous": days[2]}).encode())
        world.later()
        assert one.get() is served

    def test_what_it_was_rolled_back_from_is_no_way_back(self, world: World, days: list[str]) -> None:
        world.put(POINTER, json.dumps({"version": days[0], "previous": days[1]}).encode())
        with pytest.raises(SnapshotMissingError):
            world.rollback()

    def test_can_be_rolled_back_into_signatures(self, world: World, days: list[str]) -> None:
        assert world.rollback().version == days[0]
        assert world.environment("one", required=True).get() is not None


class TestEveryByte:
    """One byte of any file changes nothing but what can still be loaded."""

    @staticmethod
    def keys(version: str) -> list[str]:
        return [POINTER, *sorted(moto_stack.objects(f"snapshots/{version}/"))]

    @pytest.mark.parametrize(
        "place",
        [
            pytest.param(0.0, id="first", marks=pytest.mark.prove),
            pytest.param(0.5, id="middle"),
            pytest.param(1.0, id="last", marks=pytest.mark.prove),
        ],
    )
    def test_of_the_current_folder(self, world: World, days: list[str], place: float) -> None:
        world.promote(days[0])
        world.promote(days[1])
        warm = world.environment("warm")
        served = warm.get()
        assert served is not None
        kept: set[str] = set()
        cold = world.root / "cold" / days[1]
        for key in self.keys(days[1]):
            whole = world.get(key)
            at = round(place * (len(whole) - 1))
            world.put(key, whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            world.later()
            assert warm.get() is served, key
            # A function that starts, with the files fetched that nobody has changed.
            shutil.copytree(world.root / "warm" / days[1], cold, copy_function=os.link)
            (cold / key.rpartition("/")[2]).unlink(missing_ok=True)
            try:
                assert world.environment("cold").get() == served, key
                kept.add(key.rpartition("/")[2])
            except (SnapshotIntegrityError, SnapshotError):
                pass
            shutil.rmtree(cold, ignore_errors=True)
            world.put(key, whole)
        assert kept <= {
            "manifest.sig",
            "current.json",
        }  # the pointer has its own copy, and some of its bytes say nothing
        assert world.environment("after").get() == served

    def test_of_the_pointer(self, world: World, days: list[str]) -> None:
        for version in days[:3]:
            world.promote(version)
        served = world.environment("one").get()
        whole = world.get(POINTER)
        trust = Trust(world.key)
        for at in range(len(whole)):
            for flip in (1, 32):  # another letter, and the same in the other case
                try:
                    pointer = read_pointer(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :], "etag")
                    trust.check(pointer.version, pointer.signature)
                except SnapshotIntegrityError:
                    continue
                assert pointer.signature is not None
                assert (pointer.version, pointer.signature.manifest_sha256) == (
                    days[2],
                    json.loads(whole)["manifest_sha256"],
                ), at
        assert world.environment("two").get() == served

    def test_a_sound_snapshot_in_place_of_the_signed_one_is_not_served(self, world: World, days: list[str]) -> None:
        world.promote(days[0])
        warm = world.environment("warm")
        served = warm.get()
        for path in world.made[days[1]].iterdir():  # self-consistent, hashes and all
            world.put(f"snapshots/{days[0]}/{path.name}", path.read_bytes())
        world.later()
        assert warm.get() is served
        with pytest.raises(SnapshotIntegrityError, match="not the one that was signed"):
            world.environment("cold").get()
        for again in (world.promote, world.approve):  # nor is it signed again
            with pytest.raises(SnapshotIntegrityError, match=f"is that of {days[1]}"):
                again(days[0])

    def test_the_signed_one_with_other_notes_is_not_signed_again(self, world: World, days: list[str]) -> None:
        world.promote(days[0])
        key = f"snapshots/{days[0]}/manifest.json"
        world.put(key, world.get(key) + b"\n")  # as sound as before, and still that of the version
        for again in (world.promote, world.approve):
            with pytest.raises(SnapshotIntegrityError, match="not the one that was signed"):
                again(days[0])

    def test_the_encoder_alone_is_bound_too(self, world: World, days: list[str]) -> None:
        world.promote(days[0])
        trust = Trust(world.key, required=True)
        files = ("text_encoder.onnx", "tokenizer.json", "encoder.json")
        assert Followed(world.bucket("one"), read_encoder, files, trust=trust).get() is not None
        manifest = f"snapshots/{days[0]}/manifest.json"
        world.put(manifest, world.get(manifest) + b" ")
        with pytest.raises(SnapshotIntegrityError):
            Followed(world.bucket("two"), read_encoder, files, trust=trust).get()

    def test_a_damaged_pointer_is_mended_by_the_next_promotion(self, world: World, days: list[str]) -> None:
        world.promote(days[0])
        for damage in (b"{", world.get(POINTER).replace(b'"20260102', b'"99990102')):
            world.put(POINTER, damage)
            assert world.promote(days[1]).version == days[1]
            served = world.environment("one").get()
            assert served is not None
            assert served.startswith(days[1])


class TestOrder:
    def test_a_late_retry_does_not_replace_a_newer_one(self, world: World, days: list[str]) -> None:
        world.promote(days[2])
        for options in ({}, {"force": True}):
            with pytest.raises(SnapshotOutdatedError):
                world.promote(days[1], **options)
        assert world.current().version == days[2]

    def test_each_rollback_goes_further_back(self, world: World, days: list[str]) -> None:
        for version in days:
            world.promote(version)
        assert [world.rollback().version for _ in range(3)] == [days[2], days[1], days[0]]
        with pytest.raises(SnapshotMissingError):
            world.rollback()
        assert world.promote(days[3]).previous == days[0]
        assert world.rollback(to=days[1]).version == days[1]
        assert world.current().previous == (days[0],)

    def test_a_rollback_that_names_its_version_may_be_tried_again(self, world: World, days: list[str]) -> None:
        for version in days[:3]:
            world.promote(version)
        for _ in range(2):
            assert world.rollback(to=days[1]).version == days[1]
            assert world.current().previous == (days[0],)

    def test_a_signed_bucket_gets_no_unsigned_pointer(self, world: World, days: list[str]) -> None:
        world.promote(days[0])
        with pytest.raises(SnapshotError, match="has to be"):
            world.promote(days[1], signer=None)
        assert world.current().version == days[0]

    def test_each_promotion_fetches_what_is_there_now(self, world: World, days: list[str]) -> None:
        world.promote(days[0], signer=None)
        name = f"snapshots/{days[0]}/popularity.npy"
        whole = world.get(name)
        world.put(name, whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(SnapshotIntegrityError):
            world.promote(days[0], signer=None)
        assert not list((world.root / "promotion").iterdir())  # nor does it leave anything behind


class TestKey:
    def test_that_is_away_keeps_what_is_served_and_is_asked_again(self, world: World, days: list[str]) -> None:
        world.promote(days[0])
        warm, cold = world.environment("warm"), world.environment("cold")
        served = warm.get()
        world.promote(days[1])
        world.kms.down = True
        world.now_s += POLL_S
        assert warm.get() is served
        with pytest.raises(DependencyError):
            cold.get()
        world.kms.down = False
        world.now_s += POLL_S
        assert str(warm.get()).startswith(days[1])
        assert str(cold.get()).startswith(days[1])

    def test_is_asked_once_for_each_version(self, world: World, days: list[str]) -> None:
        world.promote(days[0])
        one = world.environment("one")
        world.kms.calls.clear()
        for _ in range(5):
            one.get()
            world.later()
        assert world.kms.calls == ["Verify"]


class TestExperiments:
    """What an experiment names is approved, not promoted."""

    @staticmethod
    def challenger(world: World, *, required: bool) -> Callable[[str], Snapshot | None]:
        bucket = world.bucket("challenger")
        return lambda version: Challenger(bucket, lambda: 0.0, trust=Trust(world.key, required=required)).get(version)

    def test_only_signed_ones_are_loaded(self, world: World, days: list[str]) -> None:
        world.promote(days[0])
        pointer = world.get(POINTER)
        get = self.challenger(world, required=True)
        world.upload(days[1])
        assert get(days[1]) is None
        world.approve(days[1])
        loaded = get(days[1])
        assert loaded is not None
        assert loaded.version == days[1]
        assert world.get(POINTER) == pointer

    def test_in_a_bucket_of_before_they_go_on(self, world: World, days: list[str]) -> None:
        world.upload(days[1])
        assert self.challenger(world, required=False)(days[1]) is not None

    @pytest.mark.parametrize("name", ["manifest.sig", "manifest.json", "popularity.npy"])
    def test_a_changed_one_is_not_loaded(self, world: World, days: list[str], name: str) -> None:
        world.approve(days[1])
        key = f"snapshots/{days[1]}/{name}"
        whole = world.get(key)
        world.put(key, whole[:-10] + bytes([whole[-10] ^ 1]) + whole[-9:])
        assert self.challenger(world, required=True)(days[1]) is None

    def test_the_gates_hold_for_them_too(self, world: World, days: list[str], tmp_path: Path) -> None:
        world.promote(days[0])
        small = build_toy_snapshot(tmp_path / "small", 12).version
        world.bucket("upload").upload(tmp_path / "small", small)
        with pytest.raises(GateError):
            approve(small, world.bucket("promotion"), world.key)
        approve(small, world.bucket("promotion"), world.key, force=True)


def test_a_function_that_must_see_signatures_has_to_know_the_key() -> None:
    runtime = Runtime(clients=lambda service, config: None)
    vars(runtime)["settings"] = replace_settings(snapshot_signature="require")
    with pytest.raises(SettingsError, match="SNAPSHOT_KEY"):
        _ = runtime.trust


def test_a_runtime_checks_by_its_settings() -> None:
    kms = FakeKms()
    asked: list[tuple[str, Config]] = []

    def clients(service: str, config: Config) -> Any:
        asked.append((service, config))
        return kms

    runtime = Runtime(clients=clients)
    vars(runtime)["settings"] = replace_settings(snapshot_key=KEY)
    assert runtime.trust.signs
    assert [service for service, _ in asked] == ["kms"]


def replace_settings(**changes: Any) -> Any:
    from endcap.settings import Settings

    return Settings.from_env(moto_stack.ENVIRONMENT).model_copy(update=changes)
