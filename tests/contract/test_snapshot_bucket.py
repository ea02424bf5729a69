"""Snapshots in S3: the pointer that is flipped on a condition, downloads, and following the current one."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from botocore.exceptions import EndpointConnectionError, ResponseStreamingError
from botocore.stub import ANY, Stubber

from endcap import checksums
from endcap.aws.downloads import ONE_CALL_BYTES
from endcap.aws.pointer import GENERATIONS, Pointer
from endcap.aws.snapshots import POINTER, SnapshotBucket
from endcap.errors import (
    ConflictError,
    DependencyError,
    NotFoundError,
    SnapshotIntegrityError,
    SnapshotMissingError,
    ThrottledError,
)
from endcap.live.snapshot import POLL_S, RETRY_S, Followed
from tests.fakes import moto_stack
from tests.fakes.odd_bytes import ODD_JSON


@pytest.fixture
def s3(stack: None) -> Any:
    return moto_stack.client("s3")


@pytest.fixture
def bucket(s3: Any, tmp_path: Path) -> SnapshotBucket:
    return SnapshotBucket(s3, moto_stack.BUCKET, tmp_path / "cache")


@pytest.fixture
def publish(bucket: SnapshotBucket, tmp_path: Path) -> Callable[..., None]:
    """Uploads a snapshot of one small file."""

    def upload(version: str, words: str = "words", **files: str) -> None:
        folder = tmp_path / f"made-{version}"
        folder.mkdir(exist_ok=True)
        contents = {"words.txt": words, **files}
        for name, text in contents.items():
            (folder / name).write_text(text)
        (folder / "manifest.json").write_text(
            json.dumps({"version": version, "files": {name: {} for name in contents}})
        )
        bucket.remove(version)
        bucket.upload(folder, version)

    return upload


class TestPointer:
    def test_is_missing_before_the_first_promotion(self, bucket: SnapshotBucket) -> None:
        with pytest.raises(SnapshotMissingError):
            bucket.current()

    def test_names_the_current_version_and_the_one_before(self, bucket: SnapshotBucket) -> None:
        first = bucket.flip("v1", None)
        second = bucket.flip("v2", first)
        assert bucket.current() == second == Pointer("v2", second.etag, previous=("v1",))

    def test_keeps_what_was_noted_with_the_flip(self, bucket: SnapshotBucket) -> None:
        noted = {"forced": "so", "last": [{"version": "v1"}]}
        flipped = bucket.flip("v1", None, promotion=noted)
        assert bucket.current() == flipped
        assert flipped.promotion == noted
        assert bucket.flip("v2", flipped).promotion == {}

    def test_is_not_read_again_while_it_stays(self, bucket: SnapshotBucket) -> None:
        first = bucket.flip("v1", None)
        assert bucket.current(first.etag) is None
        second = bucket.flip("v2", first)
        assert bucket.current(first.etag) == second

    def test_flips_only_from_what_was_seen(self, bucket: SnapshotBucket) -> None:
        first = bucket.flip("v1", None)
        bucket.flip("v2", first)
        with pytest.raises(ConflictError):
            bucket.flip("v3", first)
        with pytest.raises(ConflictError):
            bucket.flip("v3", None)
        assert bucket.current() is not None
        assert bucket.current().version == "v2"  # type: ignore[union-attr]

    def test_names_the_last_generations(self, bucket: SnapshotBucket) -> None:
        pointer = None
        for number in range(9):
            pointer = bucket.flip(f"v{number}", pointer)
        assert pointer is not None
        assert pointer.previous == ("v7", "v6", "v5", "v4", "v3")
        assert len(pointer.previous) == GENERATIONS
        assert bucket.flip("v5", pointer).previous == ("v8", "v7", "v6", "v4", "v3")

    def test_of_before_there_were_signatures_is_read(self, s3: Any, bucket: SnapshotBucket) -> None:
        def read(body: dict[str, Any]) -> tuple[str, tuple[str, ...], object]:
            s3.put_object(Bucket=moto_stack.BUCKET, Key=POINTER, Body=json.dumps(body).encode())
            pointer = bucket.current()
            assert pointer is not None
            return pointer.version, pointer.previous, pointer.signature

        assert read({"version": "v2", "previous": "v1"}) == ("v2", ("v1",), None)
        assert read({"version": "v1", "previous": None}) == ("v1", (), None)
        # What was before this one is newer: it was rolled back from, and is nothing to go back to.
        assert read({"version": "v1", "previous": "v2"}) == ("v1", (), None)

    @pytest.mark.parametrize(
        ("code", "status", "expected"),
        [
            ("PreconditionFailed", 412, ConflictError),
            ("ConditionalRequestConflict", 409, ConflictError),
            ("SlowDown", 503, ThrottledError),
            ("InternalError", 500, DependencyError),
            ("AccessDenied", 403, DependencyError),
        ],
    )
    def test_answers_of_s3_to_a_flip(
        self, s3: Any, bucket: SnapshotBucket, code: str, status: int, expected: type[Exception]
    ) -> None:
        with Stubber(s3) as stub:
            stub.add_client_error(
                "put_object",
                code,
                http_status_code=status,
                expected_params={
                    "Bucket": moto_stack.BUCKET,
                    "Key": POINTER,
                    "Body": ANY,
                    "ContentType": "application/json",
                    "IfMatch": '"seen"',
                },
            )
            with pytest.raises(expected):
                bucket.flip("v2", Pointer("v1", '"seen"'))

    @pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"{}", b'"v1"', b"null", b"3"])
    def test_that_is_damaged_is_told(self, s3: Any, bucket: SnapshotBucket, body: bytes) -> None:
        s3.put_object(Bucket=moto_stack.BUCKET, Key=POINTER, Body=body)
        with pytest.raises(SnapshotIntegrityError):
            bucket.current()


class TestFiles:
    def test_go_up_with_the_manifest_last(
        self, s3: Any, bucket: SnapshotBucket, publish: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        order: list[str] = []
        put = s3.put_object

        def noted(**asked: Any) -> Any:
            order.append(asked["Key"])
            return put(**asked)

        monkeypatch.setattr(s3, "put_object", noted)
        publish("v1", **{"zebra.txt": "z"})
        assert order == ["snapshots/v1/words.txt", "snapshots/v1/zebra.txt", "snapshots/v1/manifest.json"]

    def test_without_a_manifest_are_no_version(
        self, s3: Any, bucket: SnapshotBucket, publish: Callable[..., None]
    ) -> None:
        publish("v2")
        publish("v1")
        s3.put_object(Bucket=moto_stack.BUCKET, Key="snapshots/v3/words.txt", Body=b"torn")
        bucket.flip("v1", None)
        assert bucket.versions() == ["v1", "v2"]
        with pytest.raises(NotFoundError):
            bucket.download("v3")

    def test_are_written_once(
        self, s3: Any, bucket: SnapshotBucket, publish: Callable[..., None], tmp_path: Path
    ) -> None:
        publish("v1", **{"zebra.txt": "z"})
        folder = tmp_path / "made-v1"
        bucket.upload(folder, "v1")  # the same again, as after an interruption
        (folder / "zebra.txt").write_text("another")
        with pytest.raises(ConflictError, match=r"another zebra\.txt"):
            bucket.upload(folder, "v1")
        assert moto_stack.objects("snapshots/v1/zebra.txt") == {"snapshots/v1/zebra.txt": b"z"}

    def test_come_down_with_the_manifest_that_was_asked_for(
        self, s3: Any, bucket: SnapshotBucket, publish: Callable[..., None]
    ) -> None:
        publish("v1")
        (manifest,) = moto_stack.objects("snapshots/v1/manifest.json").values()
        bucket.download("v1", None, hashlib.sha256(manifest).hexdigest())
        s3.put_object(Bucket=moto_stack.BUCKET, Key="snapshots/v1/manifest.json", Body=manifest + b" ")
        with pytest.raises(SnapshotIntegrityError, match="not the one that was signed"):
            bucket.download("v1", None, hashlib.sha256(manifest).hexdigest())

    def test_of_another_manifest_are_not_kept(self, bucket: SnapshotBucket, publish: Callable[..., None]) -> None:
        publish("v1", "first")
        bucket.download("v1")
        publish("v1", "second", **{"other.txt": "o"})
        assert (bucket.download("v1") / "words.txt").read_text() == "second"

    def test_that_are_small_take_one_call_each_and_one_more_where_it_breaks_off(
        self, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "sized"
        folder.mkdir()
        contents = {"words.txt": b"words", "zebra.txt": b"z", "nothing.txt": b""}
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        files = {name: {"bytes": len(content)} for name, content in contents.items()}
        (folder / "manifest.json").write_text(json.dumps({"version": "v1", "files": files}))
        bucket = SnapshotBucket(s3, moto_stack.BUCKET, tmp_path / "fetched")
        bucket.upload(folder, "v1")
        calls: list[str] = []
        get = s3.get_object

        class BreaksOff:
            def read(self, _: int) -> bytes:
                raise ResponseStreamingError(error="connection broken")

        def noted(**asked: Any) -> Any:
            calls.append(asked["Key"].rpartition("/")[2])
            return {"Body": BreaksOff()} if calls == ["manifest.json", "zebra.txt"] else get(**asked)

        monkeypatch.setattr(s3, "get_object", noted)
        monkeypatch.setattr(s3, "download_file", None)
        found = bucket.download("v1", ["zebra.txt"])
        assert (found / "zebra.txt").read_bytes() == b"z"
        bucket.download("v1")
        assert {path.name: path.read_bytes() for path in found.iterdir() if path.name in contents} == contents
        assert sorted(calls) == [*["manifest.json"] * 2, "nothing.txt", "words.txt", "zebra.txt", "zebra.txt"]
        # AND one that has grown is told from its size without being read whole
        s3.put_object(Bucket=moto_stack.BUCKET, Key="snapshots/v1/words.txt", Body=b"words and more")
        with pytest.raises(SnapshotIntegrityError, match="another size"):
            SnapshotBucket(s3, moto_stack.BUCKET, tmp_path / "again").download("v1")

    def test_tell_how_far_they_have_come(self, s3: Any, bucket: SnapshotBucket) -> None:
        contents = {"large.bin": bytes(ONE_CALL_BYTES + 1), "small.bin": b"small"}
        for name, body in contents.items():
            s3.put_object(Bucket=moto_stack.BUCKET, Key=f"snapshots/v1/{name}", Body=body)
        manifest = json.dumps({"files": {name: {"bytes": len(body)} for name, body in contents.items()}}).encode()
        s3.put_object(Bucket=moto_stack.BUCKET, Key="snapshots/v1/manifest.json", Body=manifest)
        told: list[tuple[int, int]] = []
        for wanted in (["small.bin"], None):  # what is here already is not waited for
            del told[:]
            bucket.download("v1", wanted, None, lambda *heard: told.append(heard))
            of_all = len(contents["small.bin" if wanted else "large.bin"])
            assert {most for _, most in told} == {of_all}
            assert (told[0], sum(came for came, _ in told)) == ((0, of_all), of_all)

    def test_come_down_again_where_they_are_wanted_afresh(
        self, s3: Any, bucket: SnapshotBucket, publish: Callable[..., None]
    ) -> None:
        publish("v1", "first")
        bucket.download("v1")
        s3.put_object(Bucket=moto_stack.BUCKET, Key="snapshots/v1/words.txt", Body=b"changed")
        with bucket.afresh() as copies:
            folder = copies.download("v1")
            assert (folder / "words.txt").read_text() == "changed"
        assert not folder.exists()
        assert (bucket.download("v1") / "words.txt").read_text() == "first"

    def test_come_down_once(self, s3: Any, bucket: SnapshotBucket, publish: Callable[..., None]) -> None:
        publish("v1", "first")
        folder = bucket.download("v1")
        s3.put_object(Bucket=moto_stack.BUCKET, Key="snapshots/v1/words.txt", Body=b"changed behind our back")
        assert bucket.download("v1") == folder
        assert (folder / "words.txt").read_text() == "first"
        assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "words.txt"]
        bucket.forget("v1")
        assert (bucket.download("v1") / "words.txt").read_text() == "changed behind our back"

    @pytest.mark.parametrize("lost", [None, "changed", "removed", "half", "manifest"])
    def test_of_another_version_are_not_fetched_again(
        self, s3: Any, bucket: SnapshotBucket, monkeypatch: pytest.MonkeyPatch, lost: str | None
    ) -> None:
        large = bytes(ONE_CALL_BYTES + 1)

        def put(version: str, **contents: bytes) -> None:
            files = {
                name: {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
                for name, body in contents.items()
            }
            everything = {**contents, "manifest.json": json.dumps({"version": version, "files": files}).encode()}
            for name, body in everything.items():
                s3.put_object(Bucket=moto_stack.BUCKET, Key=f"snapshots/{version}/{name}", Body=body)

        put("v1", encoder=large, words=b"first", same=b"s")
        put("v2", encoder=large, words=b"other", same=b"s")
        first = bucket.download("v1")
        match lost:
            case "changed":
                (first / "encoder").write_bytes(large[:-1] + b"x")
            case "removed":
                (first / "encoder").unlink()
            case "half":
                (first / "encoder").write_bytes(large[:-1])
            case "manifest":
                (first / "manifest.json").write_text("{")
        fetched: list[str] = []
        get, load = s3.get_object, s3.download_file
        monkeypatch.setattr(s3, "get_object", lambda **asked: fetched.append(asked["Key"]) or get(**asked))
        monkeypatch.setattr(s3, "download_file", lambda *at, **how: fetched.append(at[1]) or load(*at, **how))
        told: list[int] = []
        second = bucket.download("v2", told=lambda came, _: told.append(came))
        kept = {None: {"encoder", "same"}, "manifest": set()}.get(lost, {"same"})
        assert {key.rpartition("/")[2] for key in fetched} == {"manifest.json", "encoder", "words", "same"} - kept
        assert sum(told) == len(large) + 6
        bucket.forget("v1")
        assert {path.name: path.read_bytes() for path in second.iterdir() if path.name != "manifest.json"} == {
            "encoder": large,
            "words": b"other",
            "same": b"s",
        }

    def test_are_hashed_while_they_come_down(self, bucket: SnapshotBucket, publish: Callable[..., None]) -> None:
        publish("v1", "first")
        path = bucket.download("v1") / "words.txt"
        with patch.object(checksums, "sha256_file", side_effect=AssertionError("read a second time")):
            assert checksums.noted_or_read(path) == hashlib.sha256(b"first").hexdigest()

    def test_come_down_by_name_where_the_snapshot_has_them(
        self, bucket: SnapshotBucket, publish: Callable[..., None]
    ) -> None:
        publish("v1", **{"other.txt": "o"})
        folder = bucket.download("v1", ["other.txt", "encoder.onnx"])
        assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "other.txt"]

    @pytest.mark.parametrize("name", ["../escape", "a/b", "/etc/passwd", "", "..", ".hidden", "a\\b"])
    def test_never_land_outside_of_their_folder(self, s3: Any, bucket: SnapshotBucket, name: str) -> None:
        manifest = json.dumps({"files": {name: {}}}).encode()
        s3.put_object(Bucket=moto_stack.BUCKET, Key="snapshots/v1/manifest.json", Body=manifest)
        with pytest.raises(SnapshotIntegrityError):
            bucket.download("v1")
        with pytest.raises(SnapshotIntegrityError):
            bucket.download(name)
        with pytest.raises(SnapshotIntegrityError):
            bucket.forget(name)

    def test_of_another_size_than_stated_are_not_kept(self, s3: Any, bucket: SnapshotBucket) -> None:
        manifest = json.dumps({"files": {"words.txt": {"bytes": 5}}}).encode()
        s3.put_object(Bucket=moto_stack.BUCKET, Key="snapshots/v1/manifest.json", Body=manifest)
        s3.put_object(Bucket=moto_stack.BUCKET, Key="snapshots/v1/words.txt", Body=b"x" * 1000)
        with pytest.raises(SnapshotIntegrityError):
            bucket.download("v1")
        s3.put_object(Bucket=moto_stack.BUCKET, Key="snapshots/v1/words.txt", Body=b"right")
        assert (bucket.download("v1") / "words.txt").read_text() == "right"

    @pytest.mark.parametrize(
        "body", [*(text.encode() for text in ODD_JSON), b"\xff", b" " * (5 << 20) + b'{"version": "v1", "files": {}}']
    )
    def test_are_not_led_astray_by_odd_pointers_and_manifests(
        self, s3: Any, bucket: SnapshotBucket, body: bytes
    ) -> None:
        for key in ("snapshots/current.json", "snapshots/v1/manifest.json"):
            s3.put_object(Bucket=moto_stack.BUCKET, Key=key, Body=body)
        with pytest.raises(SnapshotIntegrityError):
            bucket.current()
        with pytest.raises(SnapshotIntegrityError):
            bucket.manifest("v1")

    @pytest.mark.parametrize("body", [b"", b"torn", b"[]", b"{}", b'{"files": []}'])
    def test_with_a_damaged_manifest_are_told(self, s3: Any, bucket: SnapshotBucket, body: bytes) -> None:
        s3.put_object(Bucket=moto_stack.BUCKET, Key="snapshots/v1/manifest.json", Body=body)
        with pytest.raises(SnapshotIntegrityError):
            bucket.manifest("v1")

    def test_that_can_not_go_up_are_told(
        self, s3: Any, publish: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(**_: object) -> None:
            raise EndpointConnectionError(endpoint_url="https://s3")

        monkeypatch.setattr(s3, "put_object", refuse)
        with pytest.raises(DependencyError):
            publish("v1")


class TestFollowed:
    """A reader that takes the words of a snapshot, and finds fault with some."""

    @pytest.fixture
    def now_s(self) -> list[float]:
        return [0.0]

    @pytest.fixture
    def followed(self, bucket: SnapshotBucket, now_s: list[float]) -> Followed[str]:
        def read(folder: Path) -> str:
            words = (folder / "words.txt").read_text()
            if words.startswith("damaged"):
                raise SnapshotIntegrityError(words)
            return words

        return Followed(bucket, read, clock=lambda: now_s[0])

    @pytest.fixture
    def flip(self, bucket: SnapshotBucket) -> Callable[[str], None]:
        def to(version: str) -> None:
            try:
                current = bucket.current()
            except SnapshotMissingError:
                current = None
            bucket.flip(version, current)

        return to

    def test_is_nothing_before_the_first_promotion(self, followed: Followed[str]) -> None:
        assert followed.get() is None

    def test_swaps_when_a_new_one_is_promoted_at_the_next_poll(
        self, followed: Followed[str], publish: Callable[..., None], flip: Callable[[str], None], now_s: list[float]
    ) -> None:
        publish("v1", "first")
        publish("v2", "second")
        flip("v1")
        assert followed.get() == "first"
        flip("v2")
        now_s[0] += POLL_S - 0.1
        assert followed.get() == "first"
        now_s[0] += 0.1
        assert followed.get() == "second"

    def test_is_read_once_while_the_pointer_stays(
        self, followed: Followed[str], publish: Callable[..., None], flip: Callable[[str], None], now_s: list[float]
    ) -> None:
        publish("v1", "first")
        flip("v1")
        first = followed.get()
        now_s[0] += POLL_S
        assert followed.get() is first

    def test_keeps_the_last_good_one_until_a_good_one_comes(
        self,
        s3: Any,
        followed: Followed[str],
        publish: Callable[..., None],
        flip: Callable[[str], None],
        now_s: list[float],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        # GIVEN a good snapshot, and a damaged one after it
        publish("v1", "first")
        flip("v1")
        assert followed.get() == "first"
        publish("v2", "damaged")
        flip("v2")
        downloads: list[str] = []
        download = s3.download_file

        def noted(name: str, key: str, path: str, **more: Any) -> None:
            downloads.append(key)
            download(name, key, path, **more)

        monkeypatch.setattr(s3, "download_file", noted)
        # WHEN it is polled for a while
        for _ in range(10):
            now_s[0] += POLL_S
            assert followed.get() == "first"
        # THEN the damaged one was fetched once, not with each poll
        assert downloads.count("snapshots/v2/words.txt") == 1
        # AND a good one is taken, as is the same version once it was mended
        publish("v2", "mended")
        now_s[0] += RETRY_S
        assert followed.get() == "mended"

    def test_keeps_the_last_good_one_where_there_is_no_room_for_the_next(
        self,
        s3: Any,
        tmp_path: Path,
        followed: Followed[str],
        publish: Callable[..., None],
        flip: Callable[[str], None],
        now_s: list[float],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        publish("v1", "first")
        publish("v2", "second")
        flip("v1")
        assert followed.get() == "first"
        flip("v2")
        download = s3.download_file

        def full(name: str, key: str, path: str, **more: Any) -> None:
            if key.endswith("words.txt"):
                raise OSError(errno.ENOSPC, "No space left on device")
            download(name, key, path, **more)

        monkeypatch.setattr(s3, "download_file", full)
        now_s[0] += POLL_S
        assert followed.get() == "first"
        assert (tmp_path / "cache" / "v1").exists()
        assert not (tmp_path / "cache" / "v2").exists()  # what was fetched of it takes no room
        monkeypatch.undo()
        now_s[0] += RETRY_S
        assert followed.get() == "second"

    def test_keeps_the_last_good_one_where_s3_does_not_answer(
        self,
        s3: Any,
        followed: Followed[str],
        publish: Callable[..., None],
        flip: Callable[[str], None],
        now_s: list[float],
    ) -> None:
        publish("v1", "first")
        flip("v1")
        assert followed.get() == "first"
        now_s[0] += POLL_S
        with Stubber(s3) as stub:
            stub.add_client_error("get_object", "InternalError", http_status_code=500)
            assert followed.get() == "first"

    def test_tells_where_nothing_usable_was_ever_there_and_tries_each_time(
        self, followed: Followed[str], publish: Callable[..., None], flip: Callable[[str], None]
    ) -> None:
        publish("v1", "damaged")
        flip("v1")
        for _ in range(2):
            with pytest.raises(SnapshotIntegrityError):
                followed.get()
        publish("v1", "mended")
        assert followed.get() == "mended"

    def test_a_rollback_leaves_the_files_that_others_are_fetching(
        self,
        bucket: SnapshotBucket,
        followed: Followed[str],
        publish: Callable[..., None],
        flip: Callable[[str], None],
        now_s: list[float],
    ) -> None:
        # GIVEN one that has just gone on from the first snapshot, whose files it is going to let go of
        publish("v1", "first")
        publish("v2", "second")
        flip("v1")
        assert followed.get() == "first"
        flip("v2")
        now_s[0] += POLL_S
        assert followed.get() == "second"
        # WHEN the first one is current again, and another in the same folder has fetched it
        flip("v1")
        folder = bucket.download("v1")
        beside = folder / ".half of a file"
        beside.touch()
        now_s[0] += POLL_S
        # THEN it is what is followed, and nothing of it went
        assert followed.get() == "first"
        assert beside.exists()

    def test_files_that_another_took_away_are_fetched_at_the_next_look(
        self, bucket: SnapshotBucket, publish: Callable[..., None], flip: Callable[[str], None], now_s: list[float]
    ) -> None:
        reads: list[str] = []

        def read(folder: Path) -> str:
            reads.append(folder.name)
            if len(reads) == 2:
                bucket.forget(folder.name)  # as another that lets go of it does
            return (folder / "words.txt").read_text()

        followed = Followed(bucket, read, clock=lambda: now_s[0])
        publish("v1", "first")
        publish("v2", "second")
        flip("v1")
        assert followed.get() == "first"
        flip("v2")
        now_s[0] += POLL_S
        assert followed.get() == "first"
        now_s[0] += POLL_S
        assert followed.get() == "second"
        assert reads == ["v1", "v2", "v2"]
