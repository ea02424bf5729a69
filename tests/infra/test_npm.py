"""Packages of npm: what is not what was pinned is not unpacked."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from infra.checks import npm
from infra.checks.npm import Package, PackageError, unpacked


def tarball(name: str) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = 5
        archive.addfile(member, io.BytesIO(b"hello"))
    return held.getvalue()


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ENDCAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", (tmp_path / "registry").as_uri())
    return tmp_path / "registry"


def publish(registry: Path, content: bytes, *, pinned: bytes | None = None) -> Package:
    digest = base64.b64encode(hashlib.sha512(pinned or content).digest()).decode()
    file = registry / "@scope/thing/-/thing-1.0.0.tgz"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return Package("@scope/thing", "1.0.0", f"sha512-{digest}")


def test_a_package_is_fetched_once(registry: Path) -> None:
    package = publish(registry, tarball("package/a.js"))
    finished: list[Path] = []
    folder = unpacked(package, finished.append)
    assert (folder / "a.js").read_text() == "hello"
    (registry / "@scope/thing/-/thing-1.0.0.tgz").unlink()
    assert unpacked(package, finished.append) == folder
    assert len(finished) == 1


def test_what_was_not_pinned_is_not_kept(registry: Path) -> None:
    package = publish(registry, tarball("package/a.js"), pinned=b"another")
    with pytest.raises(PackageError, match="not what was pinned"):
        unpacked(package)
    assert not package.folder.exists()


def test_nothing_is_written_outside_of_the_folder(registry: Path) -> None:
    package = publish(registry, tarball("../../../escaped"))
    with pytest.raises(tarfile.FilterError):
        unpacked(package)
    assert not list(registry.parent.rglob("escaped"))


def test_a_registry_that_does_not_answer_is_named(registry: Path) -> None:
    with pytest.raises(PackageError, match=r"thing-1\.0\.0\.tgz can't be fetched"):
        unpacked(Package("@scope/thing", "1.0.0", "sha512-x"))
    assert npm.DEFAULT_REGISTRY.startswith("https://")
