"""Files that two snapshots have in common: what is here for one of them need not be fetched again for the other.

A rebuild mostly ships the text encoder of the one before, which is most of the bytes of a small shop's snapshot.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from endcap.checksums import sha256_file
from endcap.filenames import MANIFEST

Copies = Mapping[tuple[str, str], Path]
"""By name and stated sha256."""


def copies_beside(folder: Path) -> Copies:
    """Local files of other versions than the one whose folder this is, by what their manifests say of them."""
    found: dict[tuple[str, str], Path] = {}
    for manifest in folder.parent.glob(f"*/{MANIFEST}"):
        other = manifest.parent
        if other == folder or other.name.startswith("."):  # of others, who forget theirs when they like
            continue
        with suppress(OSError, ValueError, AttributeError, KeyError):  # removed just now, or none of ours
            for name, stated in json.loads(manifest.read_bytes())["files"].items():
                if isinstance(stated, dict) and isinstance(stated.get("sha256"), str):
                    found[name, stated["sha256"]] = other / name
    return found


def link_copy(copies: Copies, name: str, sha256: object, to: Path) -> bool:
    """Make a file the same as one that is here already; False where none is, or it is not what was stated."""
    other = copies.get((name, str(sha256)))
    if other is None:
        return False
    try:
        os.link(other, to)
    except OSError:  # removed just now, not fetched yet, or a file system without hard links
        return False
    with suppress(OSError):
        if sha256_file(to) == sha256:
            return True
    to.unlink()  # before anybody writes into the file of the other version
    return False
