"""Named steps with named outputs, kept in a folder so that an interrupted rebuild goes on where it stopped.

A step's outputs are arrays. They are kept under a key made from the data, the code, the settings that the step reads
and the keys of the steps it needs: whatever changed is run again, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

import endcap
import endcap_rebuild
from endcap.errors import InvalidInputError
from endcap.snapshot.files import canonical_json, replace_file
from endcap.snapshot.parts import ItemList
from endcap_rebuild.settings import Progress

Outputs = Mapping[str, NDArray[Any]]
Job = TypeVar("Job")

_LIST_PARTS: Final = ("indptr", "indices", "weights")


@dataclass(frozen=True)
class Step(Generic[Job]):
    """One step of a rebuild.

    Attributes
    ----------
    needs : earlier steps whose outputs it reads
    settings : names of the settings that its outputs depend on
    run : (job, outputs of the needed steps by name) -> its outputs
    """

    name: str
    run: Callable[[Job, Mapping[str, Outputs]], Outputs]
    needs: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


def run_steps(
    steps: Sequence[Step[Job]],
    job: Job,
    settings: Mapping[str, object],
    data_key: str,
    folder: Path | None,
    progress: Progress,
) -> dict[str, Outputs]:
    """Run the steps in order, or take the outputs of an earlier run; returns all outputs by step.

    Parameters
    ----------
    settings : JSON-able values by name
    data_key : names the data
    folder : where outputs are kept; None keeps none

    Raises
    ------
    InvalidInputError : a step needs one that does not come before it
    """
    outputs: dict[str, Outputs] = {}
    keys: dict[str, str] = {}
    for number, step in enumerate(steps):
        if missing := [name for name in step.needs if name not in outputs]:
            raise InvalidInputError(f"step {step.name} needs {', '.join(missing)}")
        progress(step.name, number, len(steps))
        reads = {name: settings[name] for name in step.settings}
        parts = [code_key(), step.name, data_key, reads, [keys[name] for name in step.needs]]
        keys[step.name] = hashlib.sha256(canonical_json(parts)).hexdigest()[:24]
        path = folder / f"{step.name}-{keys[step.name]}.npz" if folder is not None else None
        kept = None if path is None else _read(path)
        outputs[step.name] = kept or step.run(job, {name: outputs[name] for name in step.needs})
        if path is not None and kept is None:
            _write(path, outputs[step.name])
    progress("steps", len(steps), len(steps))
    return outputs


@cache
def code_key() -> str:
    """Hex digest of the code that steps run: another version of it never takes up the outputs of this one."""
    digest = hashlib.sha256()
    for package in (endcap, endcap_rebuild):
        root = Path(str(package.__file__)).parent
        for path in sorted(root.rglob("*.py")):
            digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def json_array(value: object) -> NDArray[np.uint8]:
    """JSON as an array of bytes, so that it can be an output."""
    return np.frombuffer(canonical_json(value), dtype=np.uint8)


def json_value(array: NDArray[Any]) -> Any:
    """What `json_array` was given."""
    return json.loads(array.tobytes())


def list_arrays(lists: Mapping[str, ItemList]) -> dict[str, NDArray[Any]]:
    """Lists as outputs."""
    return {f"list_{name}_{part}": getattr(rows, part) for name, rows in lists.items() for part in _LIST_PARTS}


def lists_of(outputs: Outputs) -> dict[str, ItemList]:
    """The lists among a step's outputs."""
    names = [name[len("list_") : -len("_indptr")] for name in outputs if name.endswith("_indptr")]
    return {name: ItemList(*(outputs[f"list_{name}_{part}"] for part in _LIST_PARTS)) for name in names}


def _read(path: Path) -> dict[str, NDArray[Any]] | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None  # not there, or cut off: the step runs


def _write(path: Path, outputs: Outputs) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda file: np.savez(file, **outputs))  # type: ignore[arg-type]
