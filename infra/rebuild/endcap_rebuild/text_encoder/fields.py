"""Which fields of an item its text vector is made of, by the gate that chooses the encoder, on the same questions.

A long description may say what an item is, or drown its title in what all items say. The fields of the snapshot that is
being replaced stay unless others beat them by the gate's margin, for a change makes the stored vectors of items
worthless. Nothing but the sample is read for those that lose.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from endcap.catalog.item import ITEM_TEXT_FIELDS
from endcap.errors import SnapshotError
from endcap.snapshot.files import read_manifest
from endcap.snapshot.snapshot import text_fields_of
from endcap_rebuild.data.dataset import Shop
from endcap_rebuild.parallel.protocol import Crew
from endcap_rebuild.settings import Progress, RebuildSettings, no_progress
from endcap_rebuild.steps.runner import Outputs, Step, json_array, json_value, run_steps
from endcap_rebuild.text.encoders import LoadedEncoder
from endcap_rebuild.text_encoder.gate import asked_enough, judged
from endcap_rebuild.text_encoder.measurement import ChoiceJob
from endcap_rebuild.text_encoder.questions import MAX_ITEMS

Fields = tuple[str, ...]

CANDIDATES: Final[tuple[Fields, ...]] = (
    ITEM_TEXT_FIELDS,
    ("title",),
    ("title", "brand", "categories"),
    ("title", "brand", "categories", "attributes"),
    ("title", "brand", "categories", "description"),
)
INCUMBENT: Final = "incumbent-fields"
# A small catalogue is not read over and over: what is learned must stay small beside what a rebuild reads anyway.
_LEAST_SAMPLE: Final = 500


def choose_fields(
    settings: RebuildSettings, shop: Shop, loaded: LoadedEncoder, progress: Progress, crew: Crew | None = None
) -> LoadedEncoder:
    """The encoder with the fields that it is to read, and the evidence in its `choice` where there was a choice."""
    before = run_steps((Step(INCUMBENT, _before),), settings, {}, shop.key, settings.work, no_progress)
    incumbent: Fields = tuple(json_value(before[INCUMBENT]["json"]))
    candidates = distinct(shop, incumbent)
    loaded = replace(loaded, text_fields=incumbent)
    if len(candidates) < 2 or not len(shop.table):
        return loaded
    most = min(MAX_ITEMS, max(_LEAST_SAMPLE, len(shop.items) // 2))
    readers = [replace(loaded, text_fields=fields) for fields in candidates]
    job = ChoiceJob(settings, shop, readers, progress, crew, most)
    if not asked_enough(job.questions):
        return loaded
    outputs = run_steps(
        (Step("text_fields", _choose, settings=("seed", "max_cases")),),
        job,
        {"seed": settings.seed, "max_cases": settings.max_cases},
        "-".join([shop.key, loaded.encoder.sha256, *incumbent]),
        settings.work,
        progress,
    )
    found = json_value(outputs["text_fields"]["json"])
    chosen = readers[int(found.pop("winner"))]
    return replace(chosen, choice={**loaded.choice, "fields": {"chosen": list(chosen.text_fields), **found}})


def distinct(shop: Shop, incumbent: Fields) -> list[Fields]:
    """The incumbent first, and the other candidates as far as they make other texts of this catalogue."""
    seen: dict[tuple[str, ...], Fields] = {}
    for fields in (incumbent, *CANDIDATES):
        seen.setdefault(tuple(shop.texts_of(fields)), fields)
    return list(seen.values())


def _before(settings: RebuildSettings, _: Any) -> Outputs:
    """The fields of the snapshot before; all of them where there is none."""
    fields: Sequence[str] = ITEM_TEXT_FIELDS
    with suppress(SnapshotError, OSError):
        fields = text_fields_of(read_manifest(settings.before or settings.out))
    return {"json": json_array(list(fields))}


def _choose(job: ChoiceJob, _: Any) -> Outputs:
    names = [name_of(candidate) for candidate in job.candidates]
    best, found = judged([job.reading(candidate) for candidate in job.candidates], names, job.questions)
    return {"json": json_array({"winner": best, **found})}


def name_of(loaded: LoadedEncoder) -> str:
    """The fields in one word, for people."""
    return " + ".join(loaded.text_fields)
