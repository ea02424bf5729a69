"""`endcap rebuild`: from a folder of items and events to a verified snapshot."""

from __future__ import annotations

import contextlib
import importlib.util
import platform
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from endcap.errors import InvalidInputError, SnapshotError
from endcap.snapshot.fairness import FairnessError
from endcap.snapshot.files import read_manifest
from endcap.snapshot.parts import TermWeight, Weights
from endcap.snapshot.verify import verify_snapshot
from endcap.snapshot.write import write_snapshot
from endcap_rebuild.data.dataset import Shop, read_shop
from endcap_rebuild.data.outliers import anonymous
from endcap_rebuild.data.row_weights import TARGETS
from endcap_rebuild.images.step import BESIDE as IMAGES_BESIDE
from endcap_rebuild.images.step import IMAGE_STEP, has_pictures
from endcap_rebuild.language.enrich import queries_of
from endcap_rebuild.language.own_weights import Gate, own_weights_of, with_gates
from endcap_rebuild.language.step import BESIDE, DESCRIBED_STEP, enrichment_key, report_of, weights_beside
from endcap_rebuild.parallel import crew_of, on_other_hosts, placed
from endcap_rebuild.parallel.protocol import Crew
from endcap_rebuild.settings import Progress, RebuildSettings, no_progress
from endcap_rebuild.steps.assembly import with_user_encoder
from endcap_rebuild.steps.fast import FAST_STEPS, FastJob, contents_of, fitted_of, load_index
from endcap_rebuild.steps.full import FULL_STEPS
from endcap_rebuild.steps.model_card import model_card
from endcap_rebuild.steps.runner import Outputs, json_value, run_steps
from endcap_rebuild.text_encoder.choose import choose_encoder, forget_incumbent

SnapshotManifest = dict[str, Any]

_CHANGE_DELAY_MS: Final = 60_000
_JUST_NOW: Final = timedelta(seconds=10)

Tell = Callable[[Shop], None]

BUDGETS = {"fast": FAST_STEPS, "full": FULL_STEPS}
DEVICES = ("auto", "cpu", "cuda")


def _tell_nobody(_: Shop) -> None:
    """A job's log is no place for ids; the manifest has what may be kept."""


def rebuild(settings: RebuildSettings, progress: Progress = no_progress, tell: Tell = _tell_nobody) -> SnapshotManifest:
    """Build a snapshot in `settings.out` and verify it.

    Other shards are started, or met, where `settings.shards` is more than 1; see `run_shard` for how they are run.
    Rows that can't be used don't stop it, unless they are more than `settings.reading.allow_bad` of all; the manifest's
    `run.read` lists the first of them with line and reason. Users who are no shoppers are in `run.outliers`, without
    their ids, as a snapshot outlives an erasure.

    Parameters
    ----------
    tell : gets what was read as soon as it is known: its report with samples of refused rows, and who is no shopper,
        which the manifest leaves out

    Returns
    -------
    the manifest

    Raises
    ------
    UnusableDataError : the data is not good enough to replace what works
    InvalidInputError : no item file, or a setting that makes no sense
    FairnessError : the lists are outside the limits; nothing was written
    EncoderError : the encoder can't be built or loaded
    ShardError : another shard has ended or does not answer
    SnapshotIntegrityError : what was written does not verify (a defect, or a failing disk)
    """
    settings = placed(_checked(settings))
    if settings.shard:
        raise InvalidInputError(f"shard {settings.shard} helps with a rebuild; shard 0 leads it")
    with crew_of(settings) as crew:
        return _rebuild(settings, crew, progress, tell)


def run_shard(
    settings: RebuildSettings, progress: Progress = no_progress, tell: Tell = _tell_nobody
) -> SnapshotManifest | None:
    """Run the shard that the settings, or torchrun's variables, name.

    Returns
    -------
    the manifest for shard 0; None for a shard that helped it, on another host

    Raises
    ------
    as `rebuild` does
    """
    settings = placed(_checked(settings))
    if not settings.shard:
        return rebuild(settings, progress, tell)
    if not on_other_hosts():
        raise InvalidInputError("shard 0 starts the others on its own machine; on other hosts MASTER_ADDR must name it")
    if importlib.util.find_spec("torch") is not None:  # without it nobody can be helped, see `crew_of`
        from endcap_rebuild.parallel.hosts import work

        work(settings.shard, settings.shards)
    return None


def _checked(settings: RebuildSettings) -> RebuildSettings:
    if settings.budget not in BUDGETS:
        raise InvalidInputError(f"no such budget: {settings.budget!r}; there are {', '.join(BUDGETS)}")
    if settings.target not in TARGETS:
        raise InvalidInputError(f"no such target: {settings.target!r}; there are {', '.join(TARGETS)}")
    if settings.device not in DEVICES:
        raise InvalidInputError(f"no such device: {settings.device!r}; there are {', '.join(DEVICES)}")
    return settings


def _rebuild(settings: RebuildSettings, crew: Crew | None, progress: Progress, tell: Tell) -> SnapshotManifest:
    started = time.monotonic()
    now = datetime.now(UTC)
    now_ms = int(now.timestamp() * 1000) if settings.now_ms is None else settings.now_ms
    progress("reading", 0, 1)
    shop = read_shop(
        settings.data,
        now_ms,
        settings.seed,
        settings.event_weights,
        settings.context_names,
        settings.ledger,
        settings.without_ledger,
        settings.reading,
        keep_outliers=settings.keep_outliers,
        may_be_empty=settings.may_be_empty,
        keys=settings.keys,
        progress=progress,
    )
    tell(shop)
    shop.report.require_good(settings.reading.allow_bad)
    written = queries_of(settings.enrichment, shop.items) if settings.enrichment and settings.student else ()
    job = FastJob(settings, shop, choose_encoder(settings, shop, progress, crew, written), progress, crew)
    described = [] if settings.enrichment is None else [Gate(DESCRIBED_STEP, BESIDE)]
    gates = (*described, *([Gate(IMAGE_STEP, IMAGES_BESIDE)] if has_pictures(job) else []))
    reads = ("seed", "dim", "max_cases", "target", "device", "shards")
    outputs = run_steps(
        with_gates(BUDGETS[settings.budget], gates),
        job,
        {name: getattr(settings, name) for name in reads} | {"enrichment": enrichment_key(settings)},
        "-".join([shop.key, job.loaded.encoder.sha256, *job.loaded.text_fields]),
        settings.work,
        progress,
    )
    progress("writing the snapshot", 0, 1)
    metrics = _metrics(job, outputs)
    if refusals := settings.fairness.refusals(metrics.get("fairness")):
        raise FairnessError(f"the lists are not as even as was asked for: {'; '.join(refusals)}")
    weights = _scaled_weights(job, outputs)
    parent = _parent(settings.before or settings.out)
    contents = contents_of(
        job,
        outputs,
        fitted_of(outputs["model"]),
        weights,
        shop.cutoff_ms,
        created=_created(now, parent),
        catalog_as_of_ms=_catalog_as_of_ms(shop, now_ms),
        metrics=metrics,
        model_card=model_card(shop, job.loaded, metrics, weights, settings),
        parent_version=parent.get("version"),
        run={
            "host": platform.node(),
            "machine": platform.machine(),
            "python": platform.python_version(),
            "seconds": round(time.monotonic() - started, 1),
            "budget": settings.budget,
            "shards": settings.shards,
            "read": shop.report.document(samples=False),
            "outliers": anonymous(shop.outliers),
        },
    )
    write_snapshot(settings.out, with_user_encoder(contents, outputs.get("encoder", {})))
    progress("checking the snapshot", 0, 1)
    manifest = verify_snapshot(settings.out)
    forget_incumbent(settings)
    return manifest


def _catalog_as_of_ms(shop: Shop, now_ms: int) -> int:
    """From when on changes of items are laid over the snapshot.

    A change is stamped before it reaches the table, so one from just before the export may not be in it.
    """
    return now_ms if shop.catalog_time_ms is None else shop.catalog_time_ms - _CHANGE_DELAY_MS


def _scaled_weights(job: FastJob, outputs: Mapping[str, Outputs]) -> Weights:
    """The tuned weights with the natural scales of the final model beside them."""
    chosen = json_value(outputs["weights"]["json"])
    with tempfile.TemporaryDirectory(prefix="endcap-draft-") as draft:
        contents = contents_of(job, outputs, fitted_of(outputs["model"]), Weights(), job.shop.cutoff_ms)
        contents = with_user_encoder(contents, outputs.get("encoder", {}))
        scales = load_index(Path(draft), contents).tables.scales
    terms = {name: TermWeight(weight, scales.get(name, 1.0)) for name, weight in chosen["weights"].items()}
    terms = weights_beside(terms, outputs.get("described"), scales, BESIDE)
    terms = weights_beside(terms, outputs.get("images"), scales, IMAGES_BESIDE)
    own = own_weights_of(outputs).get("weights", {})
    terms |= {name: TermWeight(weight, scales.get(name, 1.0)) for name, weight in own.items()}
    return Weights(terms, chosen["settings"], chosen["evidence"])


def _metrics(job: FastJob, outputs: Mapping[str, Outputs]) -> dict[str, Any]:
    shop = job.shop
    selection = json_value(outputs["selection"]["json"])
    shown = json_value(outputs["weights"]["json"])["fairness"]
    towers = {name: json_value(outputs[name]["json"]) for name in ("trial_encoder", "encoder") if outputs.get(name)}
    return {
        **({"text_encoder": job.loaded.choice} if job.loaded.choice else {}),
        **{name: made["metrics"] for name, made in towers.items()},
        "validation": json_value(outputs["weights"]["json"])["evidence"],
        "selection": selection,
        **({"fairness": shown} if shown else {}),
        **({"enrichment": report_of(outputs["described"])} if outputs.get("described") else {}),
        **({"images": report_of(outputs["images"])} if outputs.get("images") else {}),
        **({"own_weights": own} if (own := own_weights_of(outputs)) else {}),
        "clock_usable": shop.clock,
        "items": len(shop.items),
        "events": len(shop.table),
        "users": len(shop.table.user_ids),
    }


def _parent(before: Path) -> SnapshotManifest:
    try:
        return read_manifest(before)
    except SnapshotError:
        return {}


def _created(now: datetime, parent: SnapshotManifest) -> str:
    """A time in whole seconds, after that of a parent made just now: versions of equal content differ by it alone."""
    created = now.replace(microsecond=0)
    with contextlib.suppress(ValueError, TypeError):  # a parent that nobody has dated
        after = datetime.fromisoformat(str(parent.get("created"))) + timedelta(seconds=1)
        if created < after <= created + _JUST_NOW:
            created = after
    return created.strftime("%Y-%m-%dT%H:%M:%SZ")
