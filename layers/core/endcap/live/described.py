"""How the items of the current snapshot were described, for those that come in after it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from endcap.encoders.text import ENCODER_FILES
from endcap.errors import SnapshotIntegrityError
from endcap.live.snapshot import LoadedEncoder, read_encoder
from endcap.snapshot.described import DescribedBy, described_by
from endcap.snapshot.files import check_files, has_part, read_manifest

_NAMES: Final = "vocabularies.json"
DESCRIBED_FILES: Final = (*ENCODER_FILES, _NAMES)


@dataclass(frozen=True, slots=True)
class DescribedCatalogue:
    """What a new item is described by, so that it compares with the snapshot's.

    Attributes
    ----------
    brands : of the shop, which a text about another item may not name
    """

    loaded: LoadedEncoder
    by: DescribedBy
    brands: frozenset[str]


def read_described(folder: Path) -> DescribedCatalogue | None:
    """Of a snapshot's files; None where its descriptions count nothing, or it has no encoder.

    Raises
    ------
    SnapshotError, EncoderError
    """
    manifest = read_manifest(folder)
    described = has_part(manifest, "described") and has_part(manifest, "described_mean")
    by = described_by(manifest) if described or has_part(manifest, "tag") else None
    loaded = None if by is None else read_encoder(folder)
    if by is None or loaded is None:
        return None
    check_files(folder, {"files": {_NAMES: manifest["files"][_NAMES]}})
    try:
        brands = json.loads((folder / _NAMES).read_text(encoding="utf-8"))["brands"]
        return DescribedCatalogue(loaded, by, frozenset(str(name) for name in brands))
    except (KeyError, TypeError, ValueError) as exc:
        raise SnapshotIntegrityError(f"the snapshot's brands can't be read: {exc!r}") from exc
