"""Which text encoder a rebuild uses, and the files that travel with the snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from endcap.encoding import CONFIG_FILE, MODEL_FILE, TOKENIZER_FILE, TextEncoder
from endcap_rebuild.base_encoders import EncoderName, ensure_encoder, pick_encoder
from endcap_rebuild.settings import RebuildSettings


@dataclass(frozen=True)
class LoadedEncoder:
    """An encoder, and its files by name."""

    encoder: TextEncoder
    files: dict[str, bytes]


def load_encoder(settings: RebuildSettings, texts: Sequence[str]) -> LoadedEncoder:
    """The encoder that the settings name.

    Raises
    ------
    EncoderError : it can't be built or loaded
    """
    name = pick_encoder(texts) if settings.encoder == "auto" else settings.encoder
    if name in ("english", "multilingual"):
        folder = ensure_encoder(cast(EncoderName, name), settings.cache / "encoders")
    else:
        folder = Path(name)
    encoder = TextEncoder.from_dir(folder)
    return LoadedEncoder(
        encoder, {file: (folder / file).read_bytes() for file in (MODEL_FILE, TOKENIZER_FILE, CONFIG_FILE)}
    )
