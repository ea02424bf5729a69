"""What a rebuild is asked to do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from endcap.erasure.ledger import Ledger
from endcap.events.contexts import CONTEXT_NAMES
from endcap.pseudonyms import PseudonymKeys
from endcap.snapshot.fairness import FairnessLimits
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.row_weights import NEXT_TARGET
from endcap_rebuild.progress import Progress as Progress
from endcap_rebuild.progress import no_progress as no_progress


def cache_folder() -> Path:
    """${ENDCAP_CACHE:-~/.cache/endcap}: encoders and text vectors that are never made twice."""
    return Path(os.environ.get("ENDCAP_CACHE") or Path.home() / ".cache" / "endcap")


@dataclass(frozen=True)
class RebuildSettings:
    """Inputs, output and choices of one rebuild.

    Attributes
    ----------
    data : folder to read (see `reading`)
    may_be_empty : a folder without items gives a snapshot without items, over which the first ones are laid
    out : folder that becomes the snapshot
    encoder : "auto" (measured on the shop's own interactions, by the catalogue's script without any), "multilingual",
        "english", or the folder of an encoder
    text_fields : fields of an item that the encoder reads (see `endcap.catalog.item.item_text`); None for those that
        the gate of "auto" chooses, and all of them where an encoder is named
    budget : "fast" needs numpy and scipy only; "full" adds the user encoder, and needs torch
    seed : the same seed, data and machine type give the same content hash
    cache : where encoders and text vectors are kept between rebuilds
    work : where finished steps are kept, so that an interrupted rebuild resumes; None keeps none
    threads : texts encoded side by side
    dim : widest item vector; small catalogues get fewer dimensions
    target : what weights are tuned to find: "next" or "liked", see `endcap_rebuild.data.row_weights.is_target`
    max_cases : most validation cases that weights are tuned on
    context_names : properties of events in which demand is counted apart (see `endcap.ranking.terms.context`)
    event_weights : a storefront's own types of events and their weights (see `endcap.events.types.event_types`)
    now_ms : the clock, for tests; later events are refused
    device : "cpu", "cuda", or "auto" for CUDA where there is one
    shards, shard : how many processes share the work, and which of them this one is; 0 leads and writes (see `shards`)
    student : train a text encoder on the shop's interactions, and ship it where the gate says that it is better
    teacher : of the student: a folder, a name on the hub, "multilingual" or "english"; the base encoder's when ""
    teacher_prompt : put before each text that the teacher reads; None for what its own configuration says
    before : folder of the snapshot that is replaced, whose encoder "auto" keeps unless another one beats it; `out`
        when None
    ledger : of erasures, beside what the data hold of it
    without_ledger : whether an archive may be read that has no ledger of erasures
    reading : how the files of `data` are to be read, where they don't say it themselves
    keep_outliers : learn from bots and other users who are no shoppers, too (see `outliers`); they are named anyway
    fairness : limits on what lists show; lists outside of them become no snapshot
    keys : of the pseudonyms that the archive of `data` carries
    enrichment : folder of what `endcap enrich` has had written about the items; None uses nothing of the kind
    """

    data: Path
    out: Path
    encoder: str = "auto"
    budget: str = "fast"
    seed: int = 0
    cache: Path = field(default_factory=cache_folder)
    work: Path | None = None
    threads: int = 1
    dim: int = 128
    max_cases: int = 8_000
    target: str = NEXT_TARGET
    event_weights: Mapping[str, object] = field(default_factory=dict)
    context_names: tuple[str, ...] = CONTEXT_NAMES
    now_ms: int | None = None
    device: str = "auto"
    shards: int = 1
    shard: int = 0
    before: Path | None = None
    student: bool = False
    teacher: str = ""
    teacher_prompt: str | None = None
    may_be_empty: bool = False
    ledger: Ledger | None = None
    without_ledger: bool = False
    reading: ReadOptions = field(default_factory=ReadOptions)
    keep_outliers: bool = False
    fairness: FairnessLimits = field(default_factory=FairnessLimits)
    keys: PseudonymKeys | None = field(default=None, repr=False)
    text_fields: tuple[str, ...] | None = None
    enrichment: Path | None = None
