"""Text encoders as a rebuild handles them: loaded, with the files that travel in the snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from endcap.catalog.item import ITEM_TEXT_FIELDS
from endcap.encoders.text import CONFIG_FILE, ENCODER_FILES, MODEL_FILE, TOKENIZER_FILE, EncoderConfig, TextEncoder
from endcap.errors import NotFoundError, SnapshotMissingError
from endcap_rebuild.base_encoders import ensure_encoder
from endcap_rebuild.base_encoders.recipes import EncoderName

if TYPE_CHECKING:
    from endcap.aws.snapshots import SnapshotBucket

BASE_ENCODERS = ("english", "multilingual")


@dataclass(frozen=True)
class LoadedEncoder:
    """An encoder, and its files by name.

    text_fields : fields of an item that it reads
    choice : how it came to be the one (JSON-able), for the metrics and the model card
    """

    encoder: TextEncoder
    files: dict[str, bytes]
    choice: Mapping[str, Any] = field(default_factory=dict)
    text_fields: tuple[str, ...] = ITEM_TEXT_FIELDS


def load_encoder(name: str, cache: Path) -> LoadedEncoder:
    """A base encoder by its name, or the encoder in a folder.

    Parameters
    ----------
    cache : folder of the rebuild's caches; a base encoder is built there first if need be

    Raises
    ------
    EncoderError : it can't be built or loaded
    """
    folder = ensure_encoder(cast(EncoderName, name), cache / "encoders") if name in BASE_ENCODERS else Path(name)
    encoder = TextEncoder.from_dir(folder)
    return LoadedEncoder(encoder, {file: (folder / file).read_bytes() for file in ENCODER_FILES})


def current_encoder(snapshots: SnapshotBucket) -> Path | None:
    """A folder with the text encoder of the current snapshot; None where nothing was promoted yet.

    Raises
    ------
    SnapshotIntegrityError, ThrottledError, DependencyError
    """
    try:
        pointer = snapshots.current()
        return snapshots.download(pointer.version, ENCODER_FILES) if pointer else None
    except (NotFoundError, SnapshotMissingError):
        return None


def encoder_of(files: dict[str, bytes]) -> LoadedEncoder:
    """The encoder that these files make.

    Raises
    ------
    EncoderError : they don't fit each other, or are unsafe
    """
    config = EncoderConfig.from_json(files[CONFIG_FILE])
    return LoadedEncoder(TextEncoder.from_bytes(files[MODEL_FILE], files[TOKENIZER_FILE], config), files)
