"""What an evaluation is asked to do, and what all models of it share."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from endcap.pseudonyms import PseudonymKeys
from endcap.snapshot.files import canonical_json
from endcap_rebuild.data.options import PLAIN, ReadOptions
from endcap_rebuild.data.row_weights import NEXT_TARGET
from endcap_rebuild.evaluation.data import Data
from endcap_rebuild.evaluation.models import Known
from endcap_rebuild.evaluation.protocols import Part, Split, split
from endcap_rebuild.evaluation.store import Store
from endcap_rebuild.settings import Progress, cache_folder
from endcap_rebuild.text.encoders import LoadedEncoder
from endcap_rebuild.text.vectors import TextVectorCache
from endcap_rebuild.text.whitening import fit_whitening

_ITEM_DIM: Final = 128


@dataclass(frozen=True)
class EvaluationSettings:
    """What is evaluated, and how.

    Attributes
    ----------
    data : folder in the import format, or in any that a rebuild reads
    protocol : one of `protocols.PROTOCOLS`
    budget : of Endcap's rebuild, "fast" or "full"
    seeds : of the rebuild and, in the protocol "cold", of the items left out; figures are means over them
    repeats : ask for whole next orders, in which items may come again
    max_cases : most test questions; None for all
    target : what is asked for, and what Endcap's rebuild is tuned to find: "next" or "liked", see `is_target`
    ignored_attributes : attributes of items that no model may see
    encoder : as for a rebuild; what has to be measured is measured on what may be known
    student, teacher, teacher_prompt : as for a rebuild; a student learns from what may be known
    device : as for a rebuild; the models to compare with choose theirs
    cache : of encoders and text vectors
    work : where finished parts are kept; a folder of the cache when None
    now_ms : the clock, for tests; later events are refused
    provider : attribute of items that says who sells them; looked for when None (see `groups.PROVIDERS`)
    peers : whether models of another library are asked too (see `endcap_rebuild.evaluation.peers`)
    users : file that says what users are like; what the folder says when None (see `groups.read_user_groups`)
    keys : of the pseudonyms that an archive carries
    reading : how the files are to be read, where they don't say it themselves
    """

    data: Path
    protocol: str = "temporal"
    budget: str = "fast"
    seeds: tuple[int, ...] = (0,)
    repeats: bool = False
    max_cases: int | None = None
    ignored_attributes: tuple[str, ...] = ()
    encoder: str = "auto"
    cache: Path = field(default_factory=cache_folder)
    work: Path | None = None
    now_ms: int | None = None
    student: bool = False
    teacher: str = ""
    teacher_prompt: str | None = None
    device: str = "auto"
    provider: str | None = None
    users: Path | None = None
    target: str = NEXT_TARGET
    peers: bool = False
    keys: PseudonymKeys | None = field(default=None, repr=False)
    reading: ReadOptions = PLAIN

    @property
    def folder(self) -> Path:
        """Where finished parts are kept."""
        return self.work or self.cache / "evaluations"


@dataclass(frozen=True)
class Bench:
    """Everything that models of one evaluation share."""

    settings: EvaluationSettings
    data: Data
    loaded: LoadedEncoder
    progress: Progress

    @cached_property
    def cache(self) -> TextVectorCache:
        """Text vectors of the encoder, of items and of reviews."""
        return TextVectorCache(self.settings.cache / "texts", self.loaded.encoder)

    @cached_property
    def texts(self) -> Any:
        """float32 (n, d_text)."""
        return self.cache.vectors(self.data.shop.texts, lambda done, total: self.progress("text vectors", done, total))

    @cached_property
    def white(self) -> Any:
        """float32 (n, d_item)."""
        return fit_whitening(self.texts, _ITEM_DIM).apply(self.texts)

    def known(self, part: Part) -> Known:
        """What models of one part may know."""
        shop = self.data.shop
        return Known(part.table, part.cutoff_ms, shop.clock, shop.items, self.texts, self.white)

    def split(self, seed: int) -> Split:
        """The questions of one seed."""
        return questions_of(self.settings, self.data, seed)

    @cached_property
    def encoder_folder(self) -> Path:
        """The encoder's files, for rebuilds."""
        folder = self.settings.folder / f"encoder-{self.loaded.encoder.sha256[:24]}"
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.loaded.files.items():
            (folder / name).write_bytes(content)
        return folder

    @cached_property
    def store(self) -> Store:
        """Finished parts of this data and protocol."""
        settings = self.settings
        about = [self.data.key, settings.protocol, settings.repeats, settings.max_cases, self.loaded.encoder.sha256]
        about += [settings.target, self.loaded.text_fields]
        return Store(settings.folder, sha256(canonical_json(about)).hexdigest()[:24])


def questions_of(settings: EvaluationSettings, data: Data, seed: int) -> Split:
    """What may be known and what is asked, for one seed."""
    shop = data.shop
    return split(
        shop.table,
        shop.clock,
        len(shop.items),
        settings.protocol,
        settings.repeats,
        settings.max_cases,
        seed,
        settings.target,
    )
