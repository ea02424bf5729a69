"""Text vectors of the catalogue, each text encoded once ever: a file cache by (encoder, text).

The cache is a folder per encoder with blocks of vectors. A block is written whole under its own name, so that rebuilds
may run side by side and an interrupted one loses at most one block.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from endcap.arrays import F32
from endcap.catalog.item import text_hash
from endcap.encoders.text import CONFIG_FILE, MODEL_FILE, TOKENIZER_FILE, EncoderConfig, TextEncoder
from endcap_rebuild.parallel.protocol import Crew, Shard

Progress = Callable[[int, int], None]  # done, total

_BLOCK: Final = 1_000
_HASH_BYTES: Final = 8
_KEPT_AS: Final = "text encoder"


class Encodes(Protocol):
    """What gives the vectors: a text encoder, or a model on a GPU."""

    @property
    def sha256(self) -> str:
        """Names it: another one has another digest."""

    @property
    def d_text(self) -> int:
        """Width of its vectors."""

    def encode_many(self, texts: Sequence[str], progress: Any = None, threads: int = 1) -> F32:
        """float32 (n, d_text), unit rows; progress is called with (done, total)."""


class TextVectorCache:
    """Vectors that one encoder gave, by the hash of the text.

    Parameters
    ----------
    folder : where caches of all encoders live
    encoder : whose vectors these are; its sha256 names the folder
    crew : other shards that encode too; needs `files`, those of the encoder
    """

    def __init__(
        self, folder: Path, encoder: Encodes, crew: Crew | None = None, files: Mapping[str, bytes] | None = None
    ) -> None:
        self._encoder, self._crew, self._files = encoder, crew, files or {}
        self._folder = folder / encoder.sha256[:32]
        self._vectors: dict[str, F32] = {}
        for block in sorted(self._folder.glob("*.npz")):
            self._read(block)

    def vectors(self, texts: Sequence[str], progress: Progress | None = None, threads: int = 1) -> F32:
        """float32 (n, d_text): row i belongs to texts[i]; an empty text has a zero row, for it says nothing.

        Parameters
        ----------
        progress : called with (done, total) while missing texts are encoded
        threads : texts encoded side by side
        """
        hashes = [text_hash(text) for text in texts]
        missing = {name: text for name, text in zip(hashes, texts, strict=True) if text and name not in self._vectors}
        parts = divided(missing, 1 if self._crew is None else self._crew.count)
        if self._crew is not None and missing:
            self._use_encoder(self._crew)
        finished = 0
        for start in range(0, max(map(len, parts)), _BLOCK):
            blocks = [part[start : start + _BLOCK] for part in parts]
            own, others = blocks[0], blocks[1:]

            def report(done: int, _: int, finished: int = finished) -> None:
                if progress is not None:
                    progress(finished + done, len(missing))

            if self._crew is not None:
                self._crew.send([EncodeTexts(tuple(missing[name] for name in block), threads) for block in others])
            self._add(own, self._encoder.encode_many([missing[name] for name in own], report, threads))
            answers = [] if self._crew is None else self._crew.answers()
            for block, vectors in zip(others, answers, strict=True):
                self._add(block, vectors)
            finished += len(own) + sum(map(len, others))
        if progress is not None and self._crew is not None and missing:
            progress(finished, len(missing))
        answer = np.zeros((len(texts), self._encoder.d_text), dtype=np.float32)
        for row, (name, text) in enumerate(zip(hashes, texts, strict=True)):
            if text:
                answer[row] = self._vectors[name]
        return answer

    def _use_encoder(self, crew: Crew) -> None:
        if crew.kept.get(_KEPT_AS) != self._encoder.sha256:
            crew.send([UseEncoder(self._files)] * (crew.count - 1))
            crew.answers()
            crew.kept[_KEPT_AS] = self._encoder.sha256

    def _add(self, names: Sequence[str], vectors: F32) -> None:
        if not names:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256("".join(names).encode()).hexdigest()[:16]
        unfinished = self._folder / f".{digest}-{os.getpid()}.part"
        hashes = np.frombuffer(bytes.fromhex("".join(names)), dtype=np.uint8).reshape(len(names), _HASH_BYTES)
        with unfinished.open("wb") as file:
            np.savez(file, hashes=hashes, vectors=vectors)
        unfinished.replace(self._folder / f"{digest}.npz")
        self._vectors.update(zip(names, vectors, strict=True))

    def _read(self, block: Path) -> None:
        try:
            with np.load(block, allow_pickle=False) as stored:
                hashes, vectors = stored["hashes"], stored["vectors"]
        except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile):
            return  # a damaged block: its texts are encoded again
        fits = vectors.ndim == 2 and vectors.shape[1] == self._encoder.d_text and hashes.shape == (len(vectors), 8)
        if fits and vectors.dtype == np.float32 and np.isfinite(vectors).all():
            self._vectors.update(zip((row.tobytes().hex() for row in hashes), vectors, strict=True))


def divided(names: Iterable[str], parts: int) -> list[list[str]]:
    """Hashes of texts by the shard that encodes them: the same text is the same shard's, whatever else there is."""
    shares: list[list[str]] = [[] for _ in range(parts)]
    for name in names:
        shares[int(name, 16) % parts].append(name)
    return shares


@dataclass(frozen=True)
class UseEncoder:
    """Take up a text encoder; its files by name."""

    files: Mapping[str, bytes]

    def __call__(self, shard: Shard) -> None:
        config = EncoderConfig.from_json(self.files[CONFIG_FILE])
        shard.kept[_KEPT_AS] = TextEncoder.from_bytes(self.files[MODEL_FILE], self.files[TOKENIZER_FILE], config)


@dataclass(frozen=True)
class EncodeTexts:
    """Encode some texts; answers float32 (n, d_text)."""

    texts: tuple[str, ...]
    threads: int

    def __call__(self, shard: Shard) -> F32:
        encoder: TextEncoder = shard.kept[_KEPT_AS]
        return encoder.encode_many(self.texts, threads=self.threads)
