"""How much memory the recommend function takes on a catalogue, looked at in a process that does nothing else."""

from __future__ import annotations

import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import endcap
from endcap.snapshot.format import EXACT_ELEMENTS
from endcap.snapshot.snapshot import Snapshot, load_snapshot
from endcap_local.bench.functions import BenchError, handler_module, stage
from endcap_local.bench.kinds import Asker
from endcap_local.bench.memory_aws import MemoryAws
from endcap_local.bench.smaps import Memory, own_memory

WARM_UP: Final = 5
UNKNOWN: Final[dict[str, Any]] = dict.fromkeys(
    ("private_mb", "private_by_kind_mb", "mapped_mb", "resident_mb", "private_over_in_use")
)
_LAZY: Final = ("onnxruntime", "simsimd", "tokenizers")
_VECTORS: Final = {"item": "item_vectors", "text": "text_vectors"}
_NO_COLUMN: Final = (
    *("item_offsets", "list_", "context_", "whitening_"),
    *("id_", "tie_keys", "word_", "number_", "white_"),  # the same in another form, which spares working it out
)


def bench_memory(snapshot: Snapshot, requests: int, functions: Path) -> dict[str, Any]:
    """Memory in a fresh process that answers so many requests of all kinds in turn; in millions of bytes.

    Returns
    -------
    `private_mb` : after a few of each kind, beyond the interpreter, all imports and the stand-ins for AWS
    `private_by_kind_mb` : the same as it grew, after a few of each kind, one kind after the other
    `mapped_mb` : pages of the snapshot's files in RAM at the same moment
    `resident_mb` : all that the process has in RAM after the requests, with interpreter and libraries
    `in_use_mb` : ids, columns and vectors that ranking reads
    All but the last are None where the system does not tell.
    """
    in_use = in_use_bytes(snapshot)
    command = [sys.executable, "-m", __name__, str(snapshot.directory.resolve()), str(functions.resolve())]
    done = subprocess.run([*command, str(requests)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"memory could not be measured: {done.stderr.strip().splitlines()[-1:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    if found["private_mb"] is not None:
        found["private_over_in_use"] = round(found["private_mb"] * 1e6 / in_use, 3)
    return {**found, "in_use_mb": _mb(in_use)}


def in_use_bytes(snapshot: Snapshot) -> int:
    """Bytes of the ids, of the columns, and of the vectors in the one form that is scanned.

    Lists, documents and encoders are not in it: a request reads a few rows of those.
    """
    ids = sum(len(item_id.encode()) for item_id in snapshot.item_ids)
    files, total = snapshot.manifest["files"], ids
    for name in snapshot.manifest["arrays"]:
        if not name.startswith((*_NO_COLUMN, *_VECTORS.values())):
            total += files[f"{name}.npy"]["bytes"]
    for dim, name in _VECTORS.items():
        exact = snapshot.n_items * snapshot.manifest["dims"][dim] <= EXACT_ELEMENTS
        total += files[f"{name}_{'f16' if exact else 'i8'}.npy"]["bytes"]
    return int(total)


def measured(folder: Path, functions: Path, requests: int) -> dict[str, Any]:
    """Memory of this process, which should be a fresh one, from before the snapshot is loaded to after the requests."""
    aws = MemoryAws()
    with stage(aws):
        for name in _LAZY:
            importlib.import_module(name)
        for module in pkgutil.walk_packages(endcap.__path__, "endcap."):
            importlib.import_module(module.name)
        handler_module(functions, "recommend")
        before = own_memory(folder)
        if before is None:
            return dict(UNKNOWN)
        asker = Asker(load_snapshot(folder), functions, aws)
        grown: dict[str, Memory] = {}
        for kind, event in asker.events.items():
            for turn in range(WARM_UP):
                asker.call(kind)(event(turn))
            grown[kind] = _memory(folder)
        warm, kinds = _memory(folder), list(asker.events)
        for turn in range(requests):
            kind = kinds[turn % len(kinds)]
            asker.call(kind)(asker.events[kind](turn))
        after = _memory(folder)
    return {
        **UNKNOWN,
        "private_mb": _mb(warm.private - before.private),
        "private_by_kind_mb": {kind: _mb(memory.private - before.private) for kind, memory in grown.items()},
        "mapped_mb": _mb(warm.mapped),
        "resident_mb": _mb(after.resident),
    }


def _memory(folder: Path) -> Memory:
    found = own_memory(folder)
    if found is None:
        raise BenchError("the system no longer tells how much memory there is")
    return found


def _mb(n_bytes: int) -> float:
    return round(n_bytes / 1e6, 1)


if __name__ == "__main__":
    print(json.dumps(measured(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))))
