"""What an evaluation has worked out already, one file per model, split and seed, so that a stopped one goes on."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

import endcap
import endcap_rebuild
from endcap.snapshot.files import canonical_json, replace_file
from endcap_rebuild.metrics.ranks import Ranked

_RANKED = tuple(field.name for field in fields(Ranked))


@dataclass(frozen=True)
class Result:
    """Ranks of one model, and what is to be said about it (JSON-able)."""

    ranked: Ranked
    notes: dict[str, Any]


@dataclass(frozen=True)
class Store:
    """Results in a folder; `split_key` names data, protocol and questions."""

    folder: Path
    split_key: str

    def result(self, model: str, seed: int, reads: Any, make: Callable[[], Result]) -> Result:
        """The kept result of a model, or that of `make`, which is kept.

        Parameters
        ----------
        reads : JSON-able; whatever else the result depends on, such as its code
        """
        key = hashlib.sha256(canonical_json([self.split_key, model, seed, reads])).hexdigest()[:24]
        path = self.folder / f"{model}-seed{seed}-{key}.npz"
        known = _read(path)
        if known is None:
            known = make()
            self.folder.mkdir(parents=True, exist_ok=True)
            arrays = {name: getattr(known.ranked, name) for name in _RANKED}
            arrays["notes"] = np.frombuffer(json.dumps(known.notes).encode(), dtype=np.uint8)
            replace_file(path, lambda file: np.savez(file, **arrays))
        return known


def _read(path: Path) -> Result | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return Result(Ranked(*(stored[name] for name in _RANKED)), json.loads(stored["notes"].tobytes()))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # not there, or cut off: it is worked out again


def code_digest(*parts: str) -> str:
    """Hex digest of source files: results of other code are not results of this one.

    Parameters
    ----------
    parts : names of modules or folders within `endcap_rebuild`; without any, all of it and all of `endcap`
    """
    rebuild = Path(endcap_rebuild.__file__).parent
    roots = [rebuild / part for part in parts] or [rebuild, Path(endcap.__file__).parent]
    digest = hashlib.sha256()
    for path in _sources(roots):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:24]


def _sources(roots: Iterable[Path]) -> list[Path]:
    return sorted(path for root in roots for path in (root.rglob("*.py") if root.is_dir() else [root]))
