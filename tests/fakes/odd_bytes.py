"""Files that are not what they should be: cut, flipped, of other kinds, nested without end, with odd numbers."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path
from typing import Any, Final

import numpy as np

from endcap.checksums import sha256_file
from endcap.snapshot.files import content_hash

ODD_JSON: Final = (
    "NaN",
    "-1e999",
    "1e400",
    "null",
    "[]",
    "{}",
    "[[]]",
    '"x"',
    "true",
    "-1",
    "0",
    "9" * 400,
    "1e308",
    '"\\ud800"',
    "[" * 3000 + "]" * 3000,
    '{"a":' * 3000 + "1" + "}" * 3000,
    "12345678901234567890",
    "1.5",
)
ODD_HEADERS: Final = (
    "{'descr': '<f4', 'fortran_order': False, 'shape': (%s,), }" % ("9" * 20),
    "{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999,), }",
    "(" * 500,
    "{'descr': " + "[" * 300 + "]" * 300 + ", 'fortran_order': False, 'shape': (1,)}",
    "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
    "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,)}",
    "{'descr': '<f4', 'fortran_order': 1, 'shape': (-1,)}",
    "'''",
    "{1: 2, []: 3}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (True,)}",
    "{'descr': 'f99', 'fortran_order': False, 'shape': 3}",
    "\x00\x00",
)
ODD_NUMBERS: Final = (np.nan, np.inf, -1, 2**31 - 1, -(2**31), 1e30, 0, 255)


def damaged(data: bytes, name: str, chance: random.Random) -> bytes:
    """The bytes of a file, damaged as its name allows."""
    ways = [_flipped, _cut, _replaced]
    if name.endswith(".npy"):
        ways += [_odd_header, _odd_number]
    elif name.endswith((".json", ".jsonl")):
        ways += [_odd_leaf, _odd_leaf, lambda _, c: c.choice(ODD_JSON).encode()]
    return chance.choice(ways)(data, chance)


def _flipped(data: bytes, chance: random.Random) -> bytes:
    flipped = bytearray(data)
    for _ in range(chance.randrange(1, 10)):
        flipped[chance.randrange(len(flipped))] = chance.randrange(256)
    return bytes(flipped)


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _replaced(_: bytes, chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(400))


def _odd_header(_: bytes, chance: random.Random) -> bytes:
    header = chance.choice(ODD_HEADERS).encode()
    header += b" " * ((-len(header) - 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(chance.randrange(64))


def _odd_number(data: bytes, chance: random.Random) -> bytes:
    array = np.load(io.BytesIO(data)).copy()
    if array.size:
        with np.errstate(all="ignore"):
            array.reshape(-1)[chance.randrange(array.size)] = np.array(chance.choice(ODD_NUMBERS)).astype(array.dtype)
    written = io.BytesIO()
    np.save(written, array)
    return written.getvalue()


def _odd_leaf(data: bytes, chance: random.Random) -> bytes:
    """One value of a document, or of one of several lines, replaced by an odd one."""
    lines = data.split(b"\n")
    number = chance.randrange(max(1, len(lines) - 1))
    try:
        document = json.loads(lines[number])
    except ValueError:
        return chance.choice(ODD_JSON).encode()
    node: Any = document
    place: tuple[Any, Any] | None = None
    while isinstance(node, dict | list) and node and (place is None or chance.random() < 0.8):
        key = chance.choice(list(node)) if isinstance(node, dict) else chance.randrange(len(node))
        place, node = (node, key), node[key]
    odd = chance.choice(ODD_JSON)
    if place is None:
        return odd.encode()
    place[0][place[1]] = "@odd@"
    lines[number] = json.dumps(document, ensure_ascii=False).replace('"@odd@"', odd).encode("utf-8", "surrogatepass")
    return b"\n".join(lines)


def sealed(folder: Path) -> None:
    """Give a snapshot's manifest the sizes and hashes that its files have now."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    for name in manifest["files"]:
        file = folder / name
        manifest["files"][name] = {"sha256": sha256_file(file), "bytes": file.stat().st_size}
    manifest["content_hash"] = content_hash(manifest)
    path.write_text(json.dumps(manifest))
