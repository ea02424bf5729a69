"""`--encoder auto` and `--student`: candidates, the gate, and who is shipped; then what it reads of items (`fields`).

The incumbent is the encoder of the snapshot that is being replaced, or else the one that suits the catalogue's script.
It stays unless another one beats it by a margin: each change makes every stored vector worthless.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.encoders.text import ENCODER_FILES
from endcap.errors import EncoderError, InvalidInputError, SnapshotError
from endcap.snapshot.files import read_manifest
from endcap_rebuild.base_encoders import pick_encoder
from endcap_rebuild.data.dataset import Shop
from endcap_rebuild.parallel.protocol import Crew
from endcap_rebuild.settings import Progress, RebuildSettings, no_progress
from endcap_rebuild.steps.runner import Outputs, Step, json_array, json_value, run_steps
from endcap_rebuild.text.encoders import BASE_ENCODERS, LoadedEncoder, encoder_of, load_encoder
from endcap_rebuild.text_encoder.fields import choose_fields
from endcap_rebuild.text_encoder.gate import asked_enough, judged
from endcap_rebuild.text_encoder.measurement import ChoiceJob

_INCUMBENT: Final = "incumbent"


def choose_encoder(
    settings: RebuildSettings,
    shop: Shop,
    progress: Progress,
    crew: Crew | None = None,
    written: Sequence[tuple[str, int]] = (),
) -> LoadedEncoder:
    """The encoder that a rebuild uses, with the evidence in its `choice`.

    Parameters
    ----------
    crew : other shards that encode too
    written : queries that a writer has made up for a student, and the row of each one's item

    Raises
    ------
    EncoderError : it can't be built or loaded, or the student's teacher can't
    InvalidInputError : a teacher without a student, or a student of an encoder that is no base encoder
    """
    if not settings.student and (settings.teacher or settings.teacher_prompt is not None):
        raise InvalidInputError("a teacher teaches a student: ask for one with --student, or leave the teacher out")
    if settings.student and settings.encoder not in ("auto", *BASE_ENCODERS):
        names = ", ".join(("auto", *BASE_ENCODERS))
        raise InvalidInputError(f"a student starts from a base encoder: the encoder must be one of {names}")
    chosen = _chosen(settings, shop, progress, crew)
    if settings.student:
        student, story = _student(settings, shop, chosen, progress, written)
        chosen = replace(student or chosen, choice={**chosen.choice, "student": story})
    if settings.text_fields is not None:
        return replace(chosen, text_fields=settings.text_fields)
    return choose_fields(settings, shop, chosen, progress, crew) if settings.encoder == "auto" else chosen


def _chosen(settings: RebuildSettings, shop: Shop, progress: Progress, crew: Crew | None) -> LoadedEncoder:
    if settings.encoder != "auto":
        return load_encoder(settings.encoder, settings.cache)
    by_script = pick_encoder(shop.texts)
    parent = _parent(settings, shop, by_script)
    incumbent = parent or load_encoder(by_script, settings.cache)
    why = "of the snapshot before" if parent else "by the catalogue's script"
    if not len(shop.table):
        return replace(incumbent, choice={"reason": f"{why}; there are no interactions to measure by"})
    rivals, missing = _rivals(settings, by_script, incumbent)
    if not rivals:
        return replace(incumbent, choice={"reason": f"{why}; no other encoder suits it", **missing})
    job = ChoiceJob(settings, shop, [incumbent, *rivals], progress, crew)
    if not asked_enough(job.questions):
        return replace(incumbent, choice={"reason": f"{why}; too few questions to measure by", **missing})
    key = "-".join([shop.key, *(candidate.encoder.sha256 for candidate in job.candidates)])
    outputs = run_steps(
        (Step("encoder_choice", _choose, settings=("seed", "max_cases")),),
        job,
        {"seed": settings.seed, "max_cases": settings.max_cases},
        key,
        settings.work,
        progress,
    )
    found = json_value(outputs["encoder_choice"]["json"])
    winner = job.candidates[int(found.pop("winner"))]
    return replace(winner, choice={**found, **missing, "incumbent": why})


def _choose(job: ChoiceJob, _: Any) -> Outputs:
    readings = [job.reading(candidate) for candidate in job.candidates]
    best, found = judged(readings, [candidate.encoder.config.name for candidate in job.candidates], job.questions)
    for row, candidate in zip(found["measured"], job.candidates, strict=True):
        row["sha256"] = candidate.encoder.sha256
    reason = "beats the incumbent" if best else "no other encoder beats the incumbent by the margin"
    return {"json": json_array({"winner": best, "reason": reason, **found})}


def _student(
    settings: RebuildSettings,
    shop: Shop,
    incumbent: LoadedEncoder,
    progress: Progress,
    written: Sequence[tuple[str, int]],
) -> tuple[LoadedEncoder | None, dict[str, Any]]:
    """The student where it is to be shipped, and what happened."""
    reason = None
    if importlib.util.find_spec("torch") is None:
        reason = "torch is not installed (pip install 'endcap[training]')"
    elif not len(shop.table):
        reason = "there are no interactions to learn from"
    job = ChoiceJob(settings, shop, [incumbent], progress)
    if reason is None and not asked_enough(job.questions):
        reason = "too few questions to measure by"
    if reason is not None:
        return None, {"shipped": False, "reason": reason}
    from endcap_rebuild.text_encoder.student.steps import StudentJob, train_student

    return train_student(StudentJob(job, incumbent.encoder.config.language, incumbent, written))


def _parent(settings: RebuildSettings, shop: Shop, by_script: str) -> LoadedEncoder | None:
    """The encoder of the snapshot before, if it is there and can read the catalogue's script.

    It is kept with the finished steps, for a rebuild that was killed may have begun to replace that snapshot.
    """
    step = Step(_INCUMBENT, _files_before)
    outputs = run_steps((step,), settings, {}, shop.key, settings.work, no_progress)[_INCUMBENT]
    files = {name: array.tobytes() for name, array in outputs.items() if name != "json"}
    try:
        parent = encoder_of(files) if files else None
    except EncoderError:
        return None
    return parent if parent and parent.encoder.config.language in ("multilingual", by_script) else None


def _files_before(settings: RebuildSettings, _: Any) -> Outputs:
    """The encoder's files of the snapshot before; without its manifest a folder is none."""
    folder = settings.before or settings.out
    try:
        if settings.before is None:
            read_manifest(folder)
        files = {name: (folder / name).read_bytes() for name in ENCODER_FILES}
    except (SnapshotError, OSError):
        files = {}
    arrays: dict[str, NDArray[Any]] = {name: np.frombuffer(raw, dtype=np.uint8) for name, raw in files.items()}
    return {**arrays, "json": json_array(sorted(files))}


def forget_incumbent(settings: RebuildSettings) -> None:
    """Look at the snapshot before anew next time, now that another one has taken its place."""
    for path in settings.work.glob(f"{_INCUMBENT}-*.npz") if settings.work else ():
        path.unlink()


def _rivals(
    settings: RebuildSettings, by_script: str, incumbent: LoadedEncoder
) -> tuple[list[LoadedEncoder], dict[str, Any]]:
    """The base encoders that suit the script and are not the incumbent; those that can't be had, with the reason."""
    suitable = BASE_ENCODERS if by_script == "english" else ("multilingual",)
    rivals, missing = [], {}
    for name in suitable:
        try:
            rival = load_encoder(name, settings.cache)
        except EncoderError as exc:
            missing[name] = str(exc).splitlines()[0]
            continue
        if rival.encoder.sha256 != incumbent.encoder.sha256:
            rivals.append(rival)
    return rivals, {"not_measured": missing} if missing else {}
