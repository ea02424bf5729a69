"""Promotions without AWS: snapshots in folders, a pointer in memory, and examinations in this process."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from endcap.errors import ConflictError, NotFoundError
from endcap.filenames import MANIFEST
from endcap.probes.measure import measure, verify
from endcap.signing import Signature
from endcap.snapshot.examination import LIMITS, Limits
from endcap.snapshot.figures import Measured
from endcap.snapshot.files import read_manifest
from endcap.snapshot.snapshot import load_snapshot

_DAY_MS: Final = 86_400_000
_NAMES: Final = ("created", "version", "content_hash")
_measured: dict[tuple[object, ...], Measured] = {}
_sound: set[bytes] = set()


def examine_here(
    folder: Path, compared: Path | None, now_ms: int, *, probing: bool = True, limits: Limits = LIMITS
) -> Measured | None:
    """`endcap.snapshot.examination.examine` in this process, without its limits: a start of Python is half a second.

    What bytes of a snapshot are found to be, they are found to be again: tests promote the same ones again and again.
    What is measured does not depend on when a snapshot was made, or what it is called.
    """
    held = _digest(folder)
    snapshot = None
    if held not in _sound:
        snapshot = verify(folder, lambda _: None)
        _sound.add(held)
    if not probing:
        return None
    key = (_measured_of(folder), None if compared is None else _measured_of(compared), now_ms // _DAY_MS)
    if key not in _measured:
        _measured[key] = measure(snapshot or load_snapshot(folder), compared, now_ms, lambda _: None)
    return _measured[key]


def _digest(folder: Path) -> bytes:
    """Of every file's name and bytes."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        digest.update(f"{path.name} {len(data)} ".encode() + data)
    return digest.digest()


def _measured_of(folder: Path) -> str:
    """What of a manifest its measures depend on."""
    manifest = read_manifest(folder)
    return json.dumps({name: value for name, value in manifest.items() if name not in _NAMES}, sort_keys=True)


@dataclass(frozen=True)
class Pointed:
    version: str
    previous: tuple[str, ...] = ()
    promotion: Mapping[str, Any] = field(default_factory=dict)
    signature: Signature | None = None

    def before(self, version: str) -> tuple[str, ...]:
        return tuple(one for one in (self.version, *self.previous) if one != version)


class Folders:
    """`endcap.snapshot.promote.Snapshots` over folders of this machine."""

    def __init__(self) -> None:
        self.folders: dict[str, Path] = {}
        self.pointer: Pointed | None = None

    def add(self, folder: Path, version: str | None = None) -> str:
        """Upload a snapshot; gives its version."""
        version = version or str(read_manifest(folder)["version"])
        self.folders[version] = folder
        return version

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
        self.pointer = Pointed(version, tuple(previous or ()), promotion, signature)
        return self.pointer

    def signature(self, version: str) -> Signature | None:
        return None

    def put_signature(self, version: str, signature: Signature) -> None:
        raise AssertionError("nobody signs here")

    def manifest(self, version: str) -> Mapping[str, Any]:
        if version not in self.folders:
            raise NotFoundError(version)
        return read_manifest(self.folders[version])

    @contextmanager
    def afresh(self) -> Iterator[Copies]:
        with TemporaryDirectory(prefix="endcap-afresh-") as folder:
            yield Copies(self, Path(folder))


@dataclass
class Copies:
    origin: Folders
    into: Path

    def download(self, version: str, names: Iterable[str] | None = None) -> Path:
        source, target = self.origin.folders[version], self.into / version
        target.mkdir()
        for name in (path.name for path in source.iterdir()) if names is None else (MANIFEST, *names):
            shutil.copyfile(source / name, target / name)
        return target
