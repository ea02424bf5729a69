"""The files of a snapshot: which arrays there are, how a file is checked, how the manifest is written and read.

A snapshot is a folder of immutable files and a `manifest.json` that is written last and names every one of them with
its size and sha256. Arrays are plain `.npy` files without pickle, so that a function can map them into memory. Nothing
here knows what the arrays mean; `endcap.snapshot.snapshot` does.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import mmap
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from endcap.checksums import noted_or_read, sha256_file
from endcap.errors import SnapshotIntegrityError, SnapshotMissingError
from endcap.filenames import MANIFEST
from endcap.snapshot.format import (
    ARRAYS,
    FORMAT_VERSION,
    FORMATS_READ,
    OPTIONAL_ARRAYS,
    OPTIONAL_FILES,
    SPECS,
    TEXT_FILES,
    ArraySpec,
    array_file,
)

# A manifest is a few KB; a larger one is not ours.
MAX_MANIFEST_BYTES: Final = 4 << 20
# Names of brands and categories, weights and metrics: a large catalogue has some megabytes of them.
MAX_TEXT_BYTES: Final = 64 << 20
# What differs between two runs over the same data: when, where, how long, and what was there before.
OUTSIDE_CONTENT_HASH: Final = ("content_hash", "version", "created", "catalog_as_of_ms", "parent_version", "run")
# Written for people; may hold dates, and no function reads them.
_OUTSIDE_CONTENT_FILES: Final = ("MODEL_CARD.md",)
MAX_HEADER_BYTES: Final = 1000
# As numpy writes a plain array's (numpy.lib.format, version 1.0); any other header is left to numpy's own reader.
_USUAL_HEADER: Final = re.compile(
    rb"\x93NUMPY\x01\x00(?P<length>..)\{'descr': '(?P<descr>[<|](?:[iu][1248]|f[248]|b1))', "
    rb"'fortran_order': (?P<fortran>False|True), "
    rb"'shape': \((?P<shape>(?:\d{1,18},|\d{1,18}(?:, \d{1,18})+)?)\), \} *\n",
    re.DOTALL,
)
_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,80}")


def canonical_json(value: object) -> bytes:
    """JSON with sorted keys and no spaces, the same bytes for equal values; refuses NaN and infinity."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def content_hash(manifest: Mapping[str, Any]) -> str:
    """Hex sha256 over everything in the manifest but time, host, durations and what came before.

    Two rebuilds of the same data with the same settings on one kind of machine have the same content hash.
    """
    kept = {key: value for key, value in manifest.items() if key not in OUTSIDE_CONTENT_HASH}
    kept["files"] = {name: entry for name, entry in manifest["files"].items() if name not in _OUTSIDE_CONTENT_FILES}
    return hashlib.sha256(canonical_json(kept)).hexdigest()


def replace_file(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write a file beside `path` and move it into place, so that whoever maps the old one keeps the old one."""
    unfinished = path.with_name(f".{path.name}.part")
    with unfinished.open("wb") as file:
        write(file)
    unfinished.replace(path)


def write_files(
    directory: Path, arrays: Mapping[str, NDArray[Any]], blobs: Mapping[str, bytes], manifest: Mapping[str, Any]
) -> dict[str, Any]:
    """Write arrays and blobs, then the manifest with their sizes, hashes, dtypes and shapes.

    An existing snapshot in `directory` stops being one first: its manifest goes before any file is replaced.

    Returns
    -------
    the complete manifest, with `content_hash` and `version` filled in
    """
    directory.mkdir(parents=True, exist_ok=True)
    stale: set[str] = set()
    with contextlib.suppress(SnapshotMissingError, SnapshotIntegrityError):
        stale = set(read_manifest(directory)["files"])
    (directory / MANIFEST).unlink(missing_ok=True)
    for name, array in arrays.items():
        plain = np.ascontiguousarray(array, dtype=SPECS[name].dtype)
        replace_file(directory / array_file(name), lambda f, a=plain: np.save(f, a, allow_pickle=False))  # type: ignore[misc]
    for name, blob in blobs.items():
        replace_file(directory / name, lambda f, b=blob: f.write(b))  # type: ignore[misc]
    names = sorted([*(array_file(name) for name in arrays), *blobs])
    for name in stale - set(names):
        (directory / name).unlink(missing_ok=True)
    full = dict(manifest)
    full["format_version"] = FORMAT_VERSION
    full["arrays"] = {
        name: {"dtype": SPECS[name].dtype, "shape": list(array.shape)} for name, array in sorted(arrays.items())
    }
    full["files"] = {
        name: {"sha256": sha256_file(directory / name), "bytes": (directory / name).stat().st_size} for name in names
    }
    full["content_hash"] = content_hash(full)
    stamp = re.sub(r"[^0-9TZ]", "", str(full.get("created", "")))
    full["version"] = f"{stamp}-{full['content_hash'][:12]}".lstrip("-")
    replace_file(directory / MANIFEST, lambda f: f.write(json.dumps(full, indent=1, sort_keys=True).encode()))  # type: ignore[arg-type]
    return full


def read_manifest(directory: Path) -> dict[str, Any]:
    """The manifest of a snapshot folder, its own structure checked; files are not touched.

    Raises
    ------
    SnapshotMissingError : there is no manifest, so no complete snapshot
    SnapshotIntegrityError : it is not JSON of this format, names a file outside the folder, or its hash is wrong
    """
    path = directory / MANIFEST
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_MANIFEST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise SnapshotMissingError(f"{directory} holds no {MANIFEST}") from exc
    if len(raw) > MAX_MANIFEST_BYTES:
        raise SnapshotIntegrityError("the manifest is too large")
    try:
        manifest = json.loads(raw)
    except Exception as exc:
        raise SnapshotIntegrityError("the manifest is not JSON") from exc
    if not isinstance(manifest, dict) or manifest.get("format_version") not in FORMATS_READ:
        raise SnapshotIntegrityError(f"the manifest is of no format version among {FORMATS_READ}")
    for key in ("files", "arrays", "dims", "scales", "counts"):
        if not isinstance(manifest.get(key), dict):
            raise SnapshotIntegrityError(f"the manifest has no {key}")
    for name, entry in manifest["files"].items():
        if not _FILE_NAME.fullmatch(name):
            raise SnapshotIntegrityError(f"the manifest names the file {name!r}")
        if not isinstance(entry, dict) or not isinstance(entry.get("bytes"), int) or not entry.get("sha256"):
            raise SnapshotIntegrityError(f"the manifest's entry for {name} is incomplete")
    expected = {*(array_file(name) for name in ARRAYS), *TEXT_FILES}
    if missing := sorted(expected - set(manifest["files"])):
        raise SnapshotIntegrityError(f"the manifest lacks {', '.join(missing)}")
    if unknown := sorted(set(manifest["files"]) - expected - set(OPTIONAL_FILES)):
        raise SnapshotIntegrityError(f"the manifest names {', '.join(unknown)}, which the format does not know")
    for part in OPTIONAL_ARRAYS.values():
        if 0 < len({array_file(name) for name in part} & set(manifest["files"])) < len(part):
            raise SnapshotIntegrityError(f"the manifest names only some of {', '.join(part)}")
    try:
        actual_hash = content_hash(manifest)
    except Exception as exc:
        raise SnapshotIntegrityError("the manifest holds what has no hash, as a number that is not finite") from exc
    if actual_hash != manifest.get("content_hash"):
        raise SnapshotIntegrityError("the manifest does not match its content hash")
    return manifest


def read_text_file(path: Path) -> bytes:
    """A file of names or numbers, whole.

    Raises
    ------
    SnapshotIntegrityError : it is larger than such a file can be
    """
    with path.open("rb") as file:
        raw = file.read(MAX_TEXT_BYTES + 1)
    if len(raw) > MAX_TEXT_BYTES:
        raise SnapshotIntegrityError(f"{path.name} is larger than {MAX_TEXT_BYTES} bytes")
    return raw


def check_files(directory: Path, manifest: Mapping[str, Any]) -> None:
    """Compare size and sha256 of every file with the manifest.

    Raises
    ------
    SnapshotIntegrityError : a file is missing, truncated, longer or changed
    """
    for name, entry in manifest["files"].items():
        path = directory / name
        try:
            size = path.stat().st_size
        except OSError as exc:
            raise SnapshotIntegrityError(f"{name} is missing") from exc
        if size != entry["bytes"]:
            raise SnapshotIntegrityError(f"{name} has {size} bytes, the manifest says {entry['bytes']}")
        if noted_or_read(path) != entry["sha256"]:
            raise SnapshotIntegrityError(f"{name} does not match its sha256")


def has_part(manifest: Mapping[str, Any], part: str) -> bool:
    """Whether a snapshot has the arrays of a part of `OPTIONAL_ARRAYS`."""
    return all(array_file(name) in manifest["files"] for name in OPTIONAL_ARRAYS[part])


def load_array(directory: Path, name: str, sizes: dict[str, int]) -> NDArray[Any]:
    """Map one array of the format, after its header has been compared with the format and the file's size.

    Parameters
    ----------
    sizes : sizes by name known so far ("items", "d_item", ...); a name met for the first time is added

    Raises
    ------
    SnapshotIntegrityError : wrong dtype, order or shape, or a header that promises more or less than the file holds
    """
    spec, path = SPECS[name], directory / array_file(name)
    try:
        file = path.open("rb")
    except OSError as exc:
        raise SnapshotIntegrityError(f"{path.name} has no valid npy header") from exc
    with file:
        shape, fortran_order, dtype, header_bytes = _header_of(file, path.name)
        size_bytes = os.fstat(file.fileno()).st_size
        _check_header(spec, path.name, shape, fortran_order, dtype, sizes)
        promised = header_bytes + math.prod(shape) * dtype.itemsize
        if promised != size_bytes:
            raise SnapshotIntegrityError(f"{path.name} has {size_bytes} bytes, its header promises {promised}")
        if 0 in shape:  # an empty array cannot be mapped; there is nothing to map either
            return np.empty(shape, dtype)
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    # As np.load would, which reads the header once more and resolves the path: a fifth of a cold start together.
    return np.frombuffer(mapped, dtype, math.prod(shape), header_bytes).reshape(shape)


def _header_of(file: BinaryIO, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, order and type that an npy file's header says, and the bytes up to the data."""
    if usual := _USUAL_HEADER.match(file.read(MAX_HEADER_BYTES)):
        shape = tuple(int(size) for size in usual["shape"].split(b",") if size.strip())
        if int.from_bytes(usual["length"], "little") == usual.end() - usual.end("length"):
            return shape, usual["fortran"] == b"True", np.dtype(usual["descr"].decode()), usual.end()
    file.seek(0)
    try:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise SnapshotIntegrityError(f"{name} is npy version {version}, not 1.0")
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file, max_header_size=MAX_HEADER_BYTES)
    except SnapshotIntegrityError:
        raise
    except Exception as exc:  # numpy reads a header as Python: SyntaxError, TokenError, RecursionError, TypeError, ...
        raise SnapshotIntegrityError(f"{name} has no valid npy header") from exc
    return tuple(int(size) for size in shape), fortran_order, dtype, file.tell()


def _check_header(
    spec: ArraySpec,
    name: str,
    shape: tuple[int, ...],
    fortran_order: bool,
    dtype: np.dtype[Any],
    sizes: dict[str, int],
) -> None:
    if dtype != np.dtype(spec.dtype) or dtype.hasobject:
        raise SnapshotIntegrityError(f"{name} holds {dtype}, not {spec.dtype}")
    if fortran_order and len(shape) > 1:
        raise SnapshotIntegrityError(f"{name} is in Fortran order")
    if len(shape) != len(spec.shape):
        raise SnapshotIntegrityError(f"{name} has {len(shape)} axes, not {len(spec.shape)}")
    for size, symbol in zip(shape, spec.shape, strict=True):
        expected = sizes["items"] + 1 if symbol == "items+1" else sizes.setdefault(symbol, size) if symbol else size
        if size != expected:
            raise SnapshotIntegrityError(f"{name} has shape {shape}, but {symbol} is {expected}")
