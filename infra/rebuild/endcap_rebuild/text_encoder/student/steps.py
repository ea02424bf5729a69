"""The steps of a student, and the verdict on it.

1. tuned_teacher    the teacher's last layers, tuned on what shoppers put together
2. teacher_vectors  the tuned teacher reads the catalogue (cached by text)
3. student          the base encoder with a cut vocabulary learns the teacher's rankings, and is exported as int8
4. student_gate     student and incumbent answer the same questions

Whatever is learned comes from before the validation window and leaves hidden items out, so that the gate's questions
are about the future and about items that are new to the student.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from endcap.arrays import F32
from endcap.encoders.text import CONFIG_FILE, ENCODER_FILES, MODEL_FILE, TOKENIZER_FILE, EncoderConfig
from endcap.errors import EncoderError
from endcap.snapshot.parts import ItemList
from endcap_rebuild.base_encoders import base_source
from endcap_rebuild.base_encoders.fit import fit_smoothing, run_float32
from endcap_rebuild.base_encoders.graph import encoder_graph
from endcap_rebuild.base_encoders.recipes import RECIPES, EncoderName, Recipe, Source
from endcap_rebuild.behaviour.sparse import matrix_of
from endcap_rebuild.steps.runner import Outputs, Step, json_array, json_value, run_steps
from endcap_rebuild.text.encoders import LoadedEncoder, encoder_of
from endcap_rebuild.text.vectors import TextVectorCache
from endcap_rebuild.text.whitening import fit_whitening
from endcap_rebuild.text_encoder.gate import compare
from endcap_rebuild.text_encoder.measurement import ChoiceJob
from endcap_rebuild.text_encoder.questions import hidden_items
from endcap_rebuild.text_encoder.student.listwise import train_by_lists
from endcap_rebuild.text_encoder.student.models import ModelVectors, PackagedModel, TextModel, load_teacher
from endcap_rebuild.text_encoder.student.pairs import drawn, nearest_lists, paired_step, partner_lists, ranked_step
from endcap_rebuild.text_encoder.student.plan import StudentSettings, settings_for, steps_of, texts_per_step
from endcap_rebuild.text_encoder.student.vocabulary import fit_vocabulary
from endcap_rebuild.training.device import device_of

Needed = Mapping[str, Outputs]

PARITY: Final = 1e-4
"""Largest difference between torch and onnxruntime in any number of a vector, before rounding to int8."""
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
    """

    choice: ChoiceJob
    base: EncoderName
    incumbent: LoadedEncoder

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
    outputs = run_steps(
        STUDENT_STEPS,
        job,
        {"seed": settings.seed, "max_cases": settings.max_cases, "training": asdict(job.training)},
        "-".join([job.choice.shop.key, job.base, job.incumbent.encoder.sha256, teacher.sha256]),
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
            **json_value(outputs["student"]["json"]),
        },
    }
    return (_student_of(outputs["student"]) if shipped else None), found


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
    reader = ModelVectors(job.teacher, job.training.tokens, job.device)
    cache = TextVectorCache(job.choice.settings.cache / "texts", reader)
    vectors = cache.vectors(job.choice.shop.texts, job.told("teacher_vectors"))
    job.teacher.module.cpu()
    return {"vectors": fit_whitening(vectors, 128).apply(vectors)}


def _student(job: StudentJob, needed: Needed) -> Outputs:
    training, texts = job.training, job.choice.shop.texts
    base, projection = base_source(job.base, job.choice.settings.cache / "encoders"), job.recipe.projection()
    said = [search.text for search in job.choice.shop.searches]
    said += [text for text in job.choice.split.train.text.tolist() if text]
    prefix = job.recipe.config.prefix
    tokenizer, kept = fit_vocabulary(base.tokenizer, (prefix + text for text in [*texts, *said]))
    words = base.weights.words
    cut = base.weights.with_words(words[kept] if isinstance(words, np.ndarray) else words.take(kept))
    model = PackagedModel(job.base, Source(cut, tokenizer), prefix, projection)
    vectors = needed["teacher_vectors"]["vectors"]
    lists, known = nearest_lists(vectors), np.flatnonzero(vectors.any(axis=1))
    count = steps_of(len(texts), model.per_token(training.trained_layers), training)

    def step(chance: np.random.Generator) -> Any:
        rows = drawn(lists, known, training.texts, training.partners, chance)
        return ranked_step(vectors, rows, training.temperature)

    losses = train_by_lists(
        model,
        texts,
        step,
        count,
        training.student_rate,
        training,
        job.checkpoint("student"),
        job.told("student"),
        (vectors,),
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


def _student_gate(job: StudentJob, needed: Needed) -> Outputs:
    student = _student_of(needed["student"])
    readings = [job.choice.reading(job.incumbent), job.choice.reading(student)]
    names = (job.incumbent.encoder.config.name, student.encoder.config.name)
    measured = [{"name": name, **reading.figures()} for name, reading in zip(names, readings, strict=True)]
    compared: dict[str, Any] = compare(readings[1], readings[0], job.choice.questions).document()
    compared["name"] = names[1]
    return {"json": json_array({"measured": measured, "compared": compared})}


def exported(model: PackagedModel, recipe: Recipe, texts: Sequence[str]) -> tuple[dict[str, bytes], dict[str, float]]:
    """The student's files by name, and how far they are from torch.

    Raises
    ------
    EncoderError : the float32 graph differs from torch by more than `PARITY`
    """
    name = recipe.config.name.removesuffix("-int8") + "-student"
    config = replace(recipe.config, name=name)
    source = Source(model.module.weights(), model.tokenizer)
    with torch.no_grad():
        expected = np.concatenate([model.vectors([text], config.max_tokens).numpy() for text in texts])
    exact = _encoder(encoder_graph(source.weights, config.max_tokens, "float32", recipe.projection()), source, config)
    parity = float(np.abs(exact.encoder.encode_many(texts) - expected).max())
    if not parity <= PARITY:
        raise EncoderError(f"torch and onnxruntime differ by {parity:.2g} in a text vector, more than {PARITY}")
    _, peaks = run_float32(source, replace(recipe, config=config), list(texts))
    smoothing = fit_smoothing(source.weights.layers, peaks)
    graph = encoder_graph(source.weights, config.max_tokens, "int8", recipe.projection(), smoothing)
    small = _encoder(graph, source, config)
    cosines = np.vecdot(small.encoder.encode_many(texts), expected)
    return small.files, {"parity": parity, "int8_cosine": round(float(cosines.mean()), 5), "bytes": len(graph)}


def _encoder(graph: bytes, source: Source, config: EncoderConfig) -> LoadedEncoder:
    return encoder_of({MODEL_FILE: graph, TOKENIZER_FILE: source.tokenizer, CONFIG_FILE: config.to_json().encode()})


def _student_of(outputs: Outputs) -> LoadedEncoder:
    return encoder_of({name: outputs[name].tobytes() for name in ENCODER_FILES})


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
