"""`endcap evaluate`: Endcap and simpler models on one data set under one protocol.

1. data      read once, events of one moment in one random order
2. split     what may be known, what is asked (`protocols`)
3. baselines tuned on the validation questions, refitted, put to the test questions
4. Endcap    rebuilt on what may be known, then asked through the code that serves
5. report    the figures of all, side by side (`report`)

Each model's answers are kept, so that an evaluation that was stopped goes on with the model it was at.
"""

from __future__ import annotations

import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from endcap.snapshot.snapshot import load_snapshot
from endcap_rebuild.data.dataset import read_shop
from endcap_rebuild.data.people import People
from endcap_rebuild.evaluation.baselines import BEHAVIOUR_BASELINES
from endcap_rebuild.evaluation.bench import Bench, EvaluationSettings, questions_of
from endcap_rebuild.evaluation.data import Data, read_data, write_known
from endcap_rebuild.evaluation.groups import item_groups, read_user_groups
from endcap_rebuild.evaluation.models import Baseline, Known, rank, tuned
from endcap_rebuild.evaluation.peers import PEERS
from endcap_rebuild.evaluation.protocols import Part, Split
from endcap_rebuild.evaluation.rating import grades_of, rating_errors
from endcap_rebuild.evaluation.report import ENDCAP, Run, report_of
from endcap_rebuild.evaluation.serving import Shelf, pipeline_check, rank_served, standings
from endcap_rebuild.evaluation.store import Result, code_digest
from endcap_rebuild.evaluation.text_baselines import TEXT_BASELINES
from endcap_rebuild.job import rebuild
from endcap_rebuild.settings import Progress, RebuildSettings, no_progress
from endcap_rebuild.text.encoders import LoadedEncoder, load_encoder
from endcap_rebuild.text_encoder.choose import choose_encoder

BASELINES: Final[tuple[Baseline, ...]] = (*BEHAVIOUR_BASELINES, *TEXT_BASELINES)
# Code that a baseline's answers depend on.
_BASELINE_CODE: Final = (
    *(f"evaluation/{name}.py" for name in ("baselines", "data", "models", "protocols", "questions")),
    *("evaluation/peers.py", "evaluation/sasrec.py", "evaluation/text_baselines.py"),
    *("data/columns.py", "data/event_table.py", "data/row_weights.py", "metrics/ranking.py", "metrics/ranks.py"),
    *("behaviour/lists.py", "behaviour/popularity.py", "behaviour/sparse.py", "text/whitening.py"),
)
# Taken when this code is loaded: a file that is edited meanwhile must not stamp what older code worked out.
_BASELINE_DIGEST: Final = code_digest(*_BASELINE_CODE)
_ENDCAP_DIGEST: Final = code_digest()


def baselines_of(budget: str, peers: bool = False) -> tuple[Baseline, ...]:
    """The models to be compared with; "full" adds the one that needs torch, `peers` those of another library."""
    found = (*BASELINES, *PEERS) if peers else BASELINES
    if budget != "full":
        return found
    from endcap_rebuild.evaluation.sasrec import SASREC

    return (*found, SASREC)


def evaluate(settings: EvaluationSettings, progress: Progress = no_progress) -> dict[str, Any]:
    """Run the protocol and return the report (JSON-able; see `report.report_of`).

    Raises
    ------
    InvalidInputError : the data, the protocol or the budget can't be used
    EncoderError : the encoder can't be built or loaded
    """
    started = time.monotonic()
    now_ms, people = settings.now_ms or int(time.time() * 1000), People(settings.keys)
    data = read_data(settings.data, now_ms, settings.ignored_attributes, people, settings.reading, progress)
    groups = item_groups(data.shop.items, settings.provider)
    users = read_user_groups(settings.data, settings.users, people)
    benches = _benches(settings, data, progress)
    runs = [_run(bench, seed) for bench, seed in zip(benches, settings.seeds, strict=True)]
    about = {
        "data": settings.data.resolve().name,
        "protocol": settings.protocol,
        "repeats": settings.repeats,
        "target": settings.target,
        "budget": settings.budget,
        "seeds": list(settings.seeds),
        "max_cases": settings.max_cases,
        "ignored_attributes": list(settings.ignored_attributes),
        "encoder_choice": dict(benches[0].loaded.choice),
        "encoder": ", ".join(dict.fromkeys(bench.loaded.encoder.config.name for bench in benches)),
        "items": len(data.shop.items),
        "events": len(data.shop.table),
        "users": len(data.shop.table.user_ids),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "seconds": round(time.monotonic() - started, 1),
    }
    return report_of(about, runs, benches[0].white, groups, users)


def _benches(settings: EvaluationSettings, data: Data, progress: Progress) -> list[Bench]:
    """One for each seed; they are the same one unless the seed decides what may be known, and that the encoder."""
    if settings.encoder != "auto" and not settings.student:
        return [Bench(settings, data, load_encoder(settings.encoder, settings.cache), progress)] * len(settings.seeds)
    if settings.protocol != "cold":
        return [Bench(settings, data, _chosen(settings, data, settings.seeds[0], progress), progress)] * len(
            settings.seeds
        )
    return [Bench(settings, data, _chosen(settings, data, seed, progress), progress) for seed in settings.seeds]


def _chosen(settings: EvaluationSettings, data: Data, seed: int, progress: Progress) -> LoadedEncoder:
    """The encoder that a rebuild of what one seed's models may know would choose."""
    part = questions_of(settings, data, seed).test
    with tempfile.TemporaryDirectory(prefix="endcap-evaluate-") as scratch:
        known = write_known(data, part.known, part.cutoff_ms, Path(scratch) / "data")
        work = settings.folder / f"steps-encoder-seed{seed}"
        wanted = _rebuild_settings(settings, known, Path(scratch) / "snapshot", work, seed, settings.encoder)
        wanted = replace(
            wanted, student=settings.student, teacher=settings.teacher, teacher_prompt=settings.teacher_prompt
        )
        shop = read_shop(known, settings.now_ms or int(time.time() * 1000), seed, {})
        return choose_encoder(wanted, shop, progress)


def _run(bench: Bench, seed: int) -> Run:
    """All models on the questions of one seed."""
    divided = bench.split(seed)
    # Only left-out items depend on the seed: other protocols put the same questions to the same baselines.
    baseline_seed = seed if bench.settings.protocol == "cold" else 0
    known = bench.known(divided.test)
    results: dict[str, Result] = {}
    skipped: dict[str, str] = {}
    baselines = baselines_of(bench.settings.budget, bench.settings.peers)
    for baseline in baselines:
        reason = baseline.unfit(known) if baseline.unfit is not None else None
        if reason is not None:
            skipped[baseline.name] = reason
            continue
        results[baseline.name] = baseline_result(bench, baseline, divided, known, baseline_seed)
        known.memo.clear()
    results[ENDCAP] = _endcap_result(bench, divided, seed)
    labels = {baseline.name: baseline.label for baseline in baselines}
    return Run(seed, divided, known, results, labels, skipped)


def baseline_result(bench: Bench, baseline: Baseline, divided: Split, known: Known, seed: int) -> Result:
    """A baseline's answers, with its setting and what each setting gave on the validation questions as notes."""

    def report(step: str) -> Any:
        return lambda done, total: bench.progress(f"{baseline.name}: {step}", done, total)

    def make() -> Result:
        trial = bench.known(divided.validation)
        setting, tried = tuned(baseline, trial, divided.validation, report("tuning"))
        trial.memo.clear()
        ranked = rank(baseline.fit(known, setting), divided.test, known, divided.left_out, report("ranking"))
        return Result(ranked, {"setting": dict(setting), "tried": tried})

    reads = [_BASELINE_DIGEST, [dict(setting) for setting in baseline.settings]]
    return bench.store.result(baseline.name, seed, reads, make)


def _endcap_result(bench: Bench, divided: Split, seed: int) -> Result:
    def report(step: str) -> Any:
        return lambda done, total: bench.progress(f"endcap: {step}", done, total)

    def make() -> Result:
        with _snapshot_of(bench, divided.test, seed) as shelf:
            questions = divided.test.questions
            ranked = rank_served(shelf, questions, divided.left_out, report("ranking"))
            manifest = shelf.snapshot.manifest
            notes = {
                "weights": {name: term.weight for name, term in shelf.snapshot.weights.terms.items()},
                "settings": dict(shelf.snapshot.weights.settings),
                "validation": manifest["metrics"]["validation"],
                "training_loss": manifest["metrics"].get("encoder", {}).get("loss", []),
                "rebuild_seconds": manifest["run"]["seconds"],
                "pipeline": pipeline_check(shelf, questions, report("pipeline")),
                "ratings": _ratings(bench, divided, shelf, seed) if rated else None,
            }
        shutil.rmtree(_steps_of(bench, seed), ignore_errors=True)
        return Result(ranked, notes)

    rated = seed == bench.settings.seeds[0]  # grades take a second snapshot; once is enough
    return bench.store.result(ENDCAP, seed, [_ENDCAP_DIGEST, bench.settings.budget, bench.settings.device, rated], make)


def _ratings(bench: Bench, divided: Split, shelf: Shelf, seed: int) -> dict[str, Any] | None:
    """Errors of predicted grades; None where there are too few."""
    grades = grades_of(divided)
    if grades is None:
        return None

    def report(done: int, total: int) -> None:
        bench.progress("endcap: grades", done, total)

    validation, test = grades
    found = {"test": standings(shelf, test.questions, report)}
    with _snapshot_of(bench, divided.validation, seed) as trial:
        found["validation"] = standings(trial, validation.questions, report)
    return rating_errors(bench.known(divided.validation), bench.known(divided.test), validation, test, found)


@contextmanager
def _snapshot_of(bench: Bench, part: Part, seed: int) -> Iterator[Shelf]:
    """A snapshot rebuilt from what one part may know; gone afterwards."""
    settings = bench.settings
    with tempfile.TemporaryDirectory(prefix="endcap-evaluate-") as scratch:
        known = write_known(bench.data, part.known, part.cutoff_ms, Path(scratch) / "data")
        out, work = Path(scratch) / "snapshot", _steps_of(bench, seed)
        wanted = _rebuild_settings(settings, known, out, work, seed, str(bench.encoder_folder))
        wanted = replace(wanted, text_fields=bench.loaded.text_fields)
        rebuild(wanted, bench.progress)
        yield Shelf(load_snapshot(wanted.out), bench.data, bench.cache)


def _steps_of(bench: Bench, seed: int) -> Path:
    """Where the finished steps of a rebuild wait for the next attempt."""
    return bench.settings.folder / f"steps-{bench.store.split_key}-seed{seed}"


def _rebuild_settings(
    settings: EvaluationSettings, data: Path, out: Path, work: Path | None, seed: int, encoder: str
) -> RebuildSettings:
    return RebuildSettings(
        data,
        out,
        encoder=encoder,
        budget=settings.budget,
        seed=seed,
        cache=settings.cache,
        work=work,
        now_ms=settings.now_ms,
        device=settings.device,
        target=settings.target,
    )
