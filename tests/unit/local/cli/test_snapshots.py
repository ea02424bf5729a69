"""`endcap snapshot`: which snapshots are signed, and who is asked to sign."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from endcap.aws.snapshots import POINTER, SnapshotBucket
from endcap_local.cli.app import app
from tests.fakes import moto_stack
from tests.fakes.kms import KEY, FakeKms
from tests.fakes.toy_snapshot import build_toy_snapshot


class FakeLambda:
    """The promote function, which notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.answer: dict[str, Any] = {}
        self.body = b"{}"

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        self.asked.append((FunctionName, json.loads(Payload)))
        return {**self.answer, "Payload": io.BytesIO(self.body)}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Version -> folder of two snapshots, the older first."""
    made = {}
    for day in (2, 3):
        folder = tmp_path_factory.mktemp(f"day{day}")
        made[build_toy_snapshot(folder, created=f"2026-01-0{day}T03:04:05Z").version] = folder
    return made


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeLambda]:
    with moto_stack.stack():
        kms, function = FakeKms(), FakeLambda()
        clients = {"s3": moto_stack.client("s3"), "kms": kms, "lambda": function}
        for module in ("endcap.aws.clients", "endcap_local.snapshots"):
            monkeypatch.setattr(f"{module}.client", lambda service, _=None: clients[service], raising=False)
        monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
        for name in ("DATA_BUCKET", "ITEMS_TABLE", "PROMOTE_FUNCTION", "SNAPSHOT_KEY"):
            monkeypatch.delenv(name, raising=False)
        yield function


def endcap(*options: str, bucket: str = moto_stack.BUCKET) -> Any:
    found = CliRunner().invoke(app, ["snapshot", *options, "--bucket", bucket, "--json"])
    return json.loads(found.stdout) if found.exit_code == 0 else found


def refused(*options: str) -> str:
    found = endcap(*options)
    assert found.exit_code != 0
    return str(found.output) + str(found.exception)


def states() -> dict[str, tuple[str, str]]:
    listed = endcap("list", "--key", KEY)["snapshots"]
    return {one["version"]: (one["place"], one["signature"]) for one in listed}


@pytest.mark.usefixtures("function")
def test_a_local_stack_signs_by_its_key_and_lists_what_is_signed(folders: dict[str, Path]) -> None:
    old, new = folders
    for version in folders:
        assert endcap("promote", str(folders[version]), "--key", KEY)["signed"] is True
    assert list(states().items()) == [(new, ("current", "signed")), (old, ("rollback 1", "signed"))]
    assert endcap("rollback", "--key", KEY)["version"] == old
    assert states() == {new: ("", "signed"), old: ("current", "signed")}
    assert "no snapshot before" in refused("rollback", "--key", KEY)
    signature = f"snapshots/{old}/manifest.sig"
    moto_stack.client("s3").put_object(Bucket=moto_stack.BUCKET, Key=signature, Body=b"{}")
    assert states()[old] == ("current", "wrong")


@pytest.mark.usefixtures("function")
def test_where_nobody_signs_all_goes_as_before(folders: dict[str, Path]) -> None:
    old, new = folders
    assert endcap("promote", str(folders[old])) == {
        "version": old,
        "previous": None,
        "embedded": 0,
        "forced": None,
        "signed": False,
    }
    assert set(json.loads(moto_stack.objects(POINTER)[POINTER])) == {"version", "previous", "promotion"}
    assert states() == {old: ("current", "unsigned")}
    endcap("promote", str(folders[new]))
    assert endcap("rollback")["version"] == old


@pytest.mark.usefixtures("function")
def test_a_signed_bucket_takes_no_promotion_without_a_key(folders: dict[str, Path]) -> None:
    old, new = folders
    endcap("promote", str(folders[old]), "--key", KEY)
    assert "has to be" in refused("promote", str(folders[new]))
    assert states()[old] == ("current", "signed")


@pytest.mark.usefixtures("function")
def test_approving_signs_and_leaves_what_is_current(folders: dict[str, Path]) -> None:
    old, new = folders
    endcap("promote", str(folders[old]), "--key", KEY)
    assert endcap("approve", str(folders[new]), "--key", KEY)["version"] == new
    assert states() == {old: ("current", "signed"), new: ("", "signed")}
    assert "--function" in refused("approve", new)


def test_on_aws_the_function_is_asked(folders: dict[str, Path], function: FakeLambda) -> None:
    old, new = folders
    bucket = SnapshotBucket(moto_stack.client("s3"), moto_stack.BUCKET)
    bucket.flip(new, bucket.flip(old, None))
    done = {"version": new, "previous": old, "embedded": 3}
    function.body = json.dumps(done).encode()
    assert endcap("promote", str(folders[new]), "--function", "promote-it") == done
    endcap("approve", new, "--function", "promote-it", "--force", "a try")
    endcap("rollback", "--function", "promote-it")
    assert function.asked == [
        ("promote-it", {"version": new, "force": None}),
        ("promote-it", {"version": new, "approve": True, "force": "a try"}),
        ("promote-it", {"rollback": True, "version": old}),  # by name: a second try goes no further back
    ]
    assert new in bucket.versions()  # the folder went up first


@pytest.mark.parametrize(
    ("answer", "body", "told"),
    [
        (
            {"FunctionError": "Unhandled"},
            b'{"errorMessage": "validation would fall"}',
            "refused: validation would fall",
        ),
        ({}, b"not json", "no JSON"),
        ({}, b"[]", "refused"),
    ],
)
def test_what_the_function_refuses_is_told(
    function: FakeLambda, answer: dict[str, Any], body: bytes, told: str
) -> None:
    function.answer, function.body = answer, body
    assert told in refused("promote", "v1", "--function", "promote-it")
