"""The steps of a student, and the verdict on it.

1. tuned_teacher    the teacher's last layers, tuned on what shoppers put together
2. teacher_vectors  the tuned teacher reads the catalogue (cached by text)
3. student          the base encoder with a cut vocabulary learns the teacher's rankings, and is exported as int8
4. student_gate     student and incumbent answer the same questions

Where a writer has made up queries for the items (`--enrichment`), there are two students from each of three seeds, one
that has learned from the rankings alone and one from these pairs too, and `pairs_gate` says which kind goes on.

Whatever is learned comes from before the validation window and leaves hidden items out, so that the gate's questions
are about the future and about items that are new to the student.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from endcap.arrays import F32, F64
from endcap.errors import InvalidInputError
from endcap.snapshot.parts import ItemList
from endcap_rebuild.base_encoders import base_source
from endcap_rebuild.base_encoders.recipes import RECIPES, EncoderName, Recipe, Source
from endcap_rebuild.behaviour.sparse import matrix_of
from endcap_rebuild.steps.runner import Outputs, Step, json_array, json_value, run_steps
from endcap_rebuild.text.encoders import LoadedEncoder
from endcap_rebuild.text.vectors import TextVectorCache
from endcap_rebuild.text.whitening import fit_whitening
from endcap_rebuild.text_encoder.gate import SEARCH, compare, owners_of
from endcap_rebuild.text_encoder.measurement import ChoiceJob
from endcap_rebuild.text_encoder.questions import hidden_items
from endcap_rebuild.text_encoder.student.export import exported, student_of
from endcap_rebuild.text_encoder.student.listwise import Steps, train_by_lists
from endcap_rebuild.text_encoder.student.models import ModelVectors, PackagedModel, TextModel, load_teacher
from endcap_rebuild.text_encoder.student.pairs import Step as PairedStep
from endcap_rebuild.text_encoder.student.pairs import drawn, nearest_lists, paired_step, partner_lists, ranked_step
from endcap_rebuild.text_encoder.student.pairs_gate import HELD_OUT, SEEDS, pairs_verdict, values_of
from endcap_rebuild.text_encoder.student.plan import StudentSettings, settings_for, steps_of, texts_per_step
from endcap_rebuild.text_encoder.student.queries import QueryPairs, QuerySteps, pairs_of, probes_held_out
from endcap_rebuild.text_encoder.student.vocabulary import fit_vocabulary
from endcap_rebuild.training.device import device_of

Needed = Mapping[str, Outputs]

MIN_PAIRED: Final = 20
"""With fewer items that have partners there is nothing to learn."""
_CHECKED: Final = 100


@dataclass(frozen=True)
class StudentJob:
    """What the steps work on.

    Attributes
    ----------
    choice : data, questions and settings; base : the encoder that the student starts from
    incumbent : the encoder that it must beat
    written : queries that a writer has made up, and the row of each one's item
    """

    choice: ChoiceJob
    base: EncoderName
    incumbent: LoadedEncoder
    written: Sequence[tuple[str, int]] = ()

    @cached_property
    def device(self) -> torch.device:
        """Where is trained."""
        return device_of(self.choice.settings.device)

    @cached_property
    def training(self) -> StudentSettings:
        """Sizes of the training."""
        settings = self.choice.settings
        found = settings_for(self.device.type, settings.seed, settings.threads)
        return replace(found, texts=texts_per_step(len(self.choice.shop.texts), found))

    @cached_property
    def recipe(self) -> Recipe:
        """How the base encoder is made."""
        return RECIPES[self.base]

    @cached_property
    def teacher(self) -> TextModel:
        """The teacher as it was before any tuning."""
        settings = self.choice.settings
        return load_teacher(settings.teacher or self.base, settings.teacher_prompt, settings.cache)

    @cached_property
    def pairs(self) -> QueryPairs | None:
        """Queries that a writer has made up; None where there are none to learn from or to be judged by."""
        found = pairs_of(self.written, hidden_items(self.choice.shop, self.choice.settings.seed))
        return found if len(found.learned) >= MIN_PAIRED and found.held_out.any() else None

    @cached_property
    def partners(self) -> ItemList:
        """What shoppers put together before the window, hidden items left out."""
        shop, seed = self.choice.shop, self.choice.settings.seed
        return partner_lists(self.choice.split.train, hidden_items(shop, seed), shop.clock, seed)

    def told(self, step: str) -> Any:
        """Progress of one step."""
        return lambda done, total: self.choice.progress(step, done, total)

    def checkpoint(self, name: str) -> Path | None:
        """Where a training's state is kept."""
        work = self.choice.settings.work
        return None if work is None else work / f"{name}.pt"


def train_student(job: StudentJob) -> tuple[LoadedEncoder | None, dict[str, Any]]:
    """The student where it is to be shipped, else None; and what happened, JSON-able.

    Raises
    ------
    EncoderError : the teacher can't be had, or the exported graph does not answer as torch does
    InvalidInputError : CUDA is asked for and there is none
    """
    paired = int((np.diff(job.partners.indptr) > 0).sum())
    if paired < MIN_PAIRED:
        return None, {"shipped": False, "reason": f"only {paired} items were chosen together with another one"}
    settings, teacher = job.choice.settings, job.teacher
    generated = [] if job.pairs is None else [job.pairs.digest]
    outputs = run_steps(
        STUDENT_STEPS if job.pairs is None else PAIRED_STEPS,
        job,
        {"seed": settings.seed, "max_cases": settings.max_cases, "training": asdict(job.training)},
        "-".join([job.choice.shop.key, job.base, job.incumbent.encoder.sha256, teacher.sha256, *generated]),
        settings.work,
        job.choice.progress,
    )
    verdict = json_value(outputs["student_gate"]["json"])
    shipped = bool(verdict["compared"]["wins"])
    found = {
        "shipped": shipped,
        "reason": "beats the incumbent" if shipped else "does not beat the incumbent by the margin",
        "teacher": teacher.name,
        **verdict,
        "training": {
            **asdict(job.training),
            **json_value(outputs["tuned_teacher"]["json"]),
            **json_value(_student_files(outputs)["json"]),
        },
    }
    if "pairs_gate" in outputs:
        found["generated_pairs"] = json_value(outputs["pairs_gate"]["json"])
    return (student_of(_student_files(outputs)) if shipped else None), found


def _tuned_teacher(job: StudentJob, _: Needed) -> Outputs:
    training, texts, lists = job.training, job.choice.shop.texts, job.partners
    pairs, anchors = matrix_of(lists), np.flatnonzero(np.diff(lists.indptr) > 0)
    count = steps_of(len(anchors), job.teacher.per_token(training.trained_layers), training)

    def step(chance: np.random.Generator) -> Any:
        return paired_step(pairs, drawn(lists, anchors, training.texts, training.partners, chance))

    losses = train_by_lists(
        job.teacher,
        texts,
        step,
        count,
        training.teacher_rate,
        training,
        job.checkpoint("tuned_teacher"),
        job.told("tuned_teacher"),
        (lists.indptr, lists.indices, lists.weights),
    )
    trained: dict[str, F32] = {
        name: p.detach().float().numpy() for name, p in job.teacher.module.named_parameters() if p.requires_grad
    }
    about = {"paired_items": len(anchors), "teacher_steps": count, "teacher_loss": _curve(losses)}
    arrays: dict[str, NDArray[Any]] = {f"parameter:{name}": value for name, value in trained.items()}
    return {**arrays, "json": json_array(about)}


def _teacher_vectors(job: StudentJob, needed: Needed) -> Outputs:
    parameters = dict(job.teacher.module.named_parameters())
    with torch.no_grad():
        for name, value in needed["tuned_teacher"].items():
            if name.startswith("parameter:"):
                parameters[name.removeprefix("parameter:")].copy_(torch.from_numpy(value))
    job.teacher.module.to(job.device).eval()
    folder = job.choice.settings.cache / "texts"
    reader = ModelVectors(job.teacher, job.training.tokens, job.device)
    vectors = TextVectorCache(folder, reader).vectors(job.choice.shop.texts, job.told("teacher_vectors"))
    whitening = fit_whitening(vectors, 128)
    found = {"vectors": whitening.apply(vectors)}
    if job.pairs is not None:
        reader = ModelVectors(job.teacher, job.training.tokens, job.device, asked=True)
        queries = TextVectorCache(folder, reader).vectors(job.pairs.queries, job.told("teacher_vectors"))
        found["queries"] = whitening.apply(queries)
    job.teacher.module.cpu()
    return found


def _student(job: StudentJob, needed: Needed, name: str = "student", seed: int = 0, *, paired: bool = False) -> Outputs:
    """A student.

    Parameters
    ----------
    seed : added to the rebuild's
    paired : whether half of its steps are about generated queries
    """
    training, texts = replace(job.training, seed=job.training.seed + seed), job.choice.shop.texts
    pairs = job.pairs
    base, projection = base_source(job.base, job.choice.settings.cache / "encoders"), job.recipe.projection()
    said = [search.text for search in job.choice.shop.searches]
    said += [text for text in job.choice.split.train.text.tolist() if text]
    said += [] if pairs is None else [pairs.queries[number] for number in pairs.learned.tolist()]
    prefix = job.recipe.config.prefix
    tokenizer, kept = fit_vocabulary(base.tokenizer, (prefix + text for text in [*texts, *said]))
    words = base.weights.words
    cut = base.weights.with_words(words[kept] if isinstance(words, np.ndarray) else words.take(kept))
    model = PackagedModel(job.base, Source(cut, tokenizer), prefix, projection)
    vectors = needed["teacher_vectors"]["vectors"]
    lists, known = nearest_lists(vectors), np.flatnonzero(vectors.any(axis=1))
    count = steps_of(len(texts), model.per_token(training.trained_layers), training)

    def ranked(chance: np.random.Generator) -> PairedStep:
        rows = drawn(lists, known, training.texts, training.partners, chance)
        return ranked_step(vectors, rows, training.temperature)

    step: Steps = ranked
    read, drawn_from = list(texts), [vectors]
    if paired and pairs is not None:
        queries = needed["teacher_vectors"]["queries"]
        read, drawn_from = [*texts, *pairs.queries], [vectors, queries, pairs.items]
        step = QuerySteps(ranked, vectors, queries, pairs, training.texts, training.temperature)
    losses = train_by_lists(
        model,
        read,
        step,
        count,
        training.student_rate,
        training,
        job.checkpoint(name),
        job.told(name),
        drawn_from,
        texts,
    )
    files, checks = exported(model, job.recipe, [text for text in texts if text][:_CHECKED])
    about = {
        "student_steps": count,
        "student_loss": _curve(losses),
        "pieces": [len(words) if isinstance(words, np.ndarray) else len(words.codes), len(kept)],
        **checks,
    }
    arrays: dict[str, NDArray[Any]] = {name: np.frombuffer(content, dtype=np.uint8) for name, content in files.items()}
    return {**arrays, "json": json_array(about)}


def _pairs_gate(job: StudentJob, needed: Needed) -> Outputs:
    if job.pairs is None:  # the step is only there with them
        raise InvalidInputError("there are no generated queries to be judged by")
    probes, overlaps = probes_held_out(job.choice.questions, job.pairs)

    def values(name: str) -> dict[str, F64]:
        loaded = student_of(needed[name])
        return values_of(job.choice.reading(loaded), job.choice.reading(loaded, probes))

    asked = {HELD_OUT: owners_of(probes)[SEARCH], **owners_of(job.choice.questions)}
    without, with_pairs = ([values(f"{kind}_{seed}") for seed in range(SEEDS)] for kind in ("student", "paired"))
    return {"json": json_array(pairs_verdict(asked, without, with_pairs, overlaps))}


def _student_files(outputs: Needed) -> Outputs:
    """What there is of the student that goes on."""
    if "pairs_gate" not in outputs:
        return outputs["student"]
    return outputs["paired_0" if json_value(outputs["pairs_gate"]["json"])["taken"] else "student_0"]


def _student_gate(job: StudentJob, needed: Needed) -> Outputs:
    student = student_of(_student_files(needed))
    readings = [job.choice.reading(job.incumbent), job.choice.reading(student)]
    names = (job.incumbent.encoder.config.name, student.encoder.config.name)
    measured = [{"name": name, **reading.figures()} for name, reading in zip(names, readings, strict=True)]
    compared: dict[str, Any] = compare(readings[1], readings[0], job.choice.questions).document()
    compared["name"] = names[1]
    return {"json": json_array({"measured": measured, "compared": compared})}


def _curve(losses: Sequence[float], points: int = 10) -> list[float]:
    """Means of a few stretches."""
    parts = np.array_split(np.asarray(losses), min(points, len(losses)))
    return [round(float(np.nanmean(part)), 4) for part in parts if not np.isnan(part).all()]


STUDENT_STEPS: Final[Sequence[Step[StudentJob]]] = (
    Step("tuned_teacher", _tuned_teacher, settings=("seed", "max_cases", "training")),
    Step("teacher_vectors", _teacher_vectors, needs=("tuned_teacher",), settings=("training",)),
    Step("student", _student, needs=("teacher_vectors",), settings=("seed", "training")),
    Step("student_gate", _student_gate, needs=("student",), settings=("seed", "max_cases")),
)
_BOTH: Final = tuple(f"{kind}_{seed}" for seed in range(SEEDS) for kind in ("student", "paired"))
PAIRED_STEPS: Final[Sequence[Step[StudentJob]]] = (
    *STUDENT_STEPS[:2],
    *(
        Step(
            name,
            partial(_student, name=name, seed=int(name[-1]), paired=name.startswith("paired")),
            needs=("teacher_vectors",),
            settings=("seed", "training"),
        )
        for name in _BOTH
    ),
    Step("pairs_gate", _pairs_gate, needs=_BOTH, settings=("seed", "max_cases")),
    Step("student_gate", _student_gate, needs=("pairs_gate", *_BOTH), settings=("seed", "max_cases")),
)
