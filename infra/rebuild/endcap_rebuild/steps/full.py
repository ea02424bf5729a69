"""The steps that `--budget full` adds: a user encoder of the part before the validation window, then of everything.

1. trial_encoder  trained before the window, so that the weights are tuned with honest similarities; chooses how much
                  the soft labels count and whether the graph is shipped as int8
2. encoder        trained on everything with what the trial chose; left out when the tuned weight of `similarity` is 0

Both need torch; importing this module does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from endcap.encoders.quantize import dequantize_unit, quantize_unit
from endcap.events.types import EventType, event_types
from endcap_rebuild.behaviour.fit import LIST_WIDTH
from endcap_rebuild.behaviour.lists import ListSettings, fitted_neighbours, fitted_next
from endcap_rebuild.behaviour.sparse import top_per_row
from endcap_rebuild.data.event_table import EventTable, settled
from endcap_rebuild.data.row_weights import with_type_weights
from endcap_rebuild.steps.fast import FAST_STEPS, FastJob, Needed
from endcap_rebuild.steps.runner import Outputs, Step, json_array, json_value
from endcap_rebuild.text.whitening import Whitening
from endcap_rebuild.user_encoder.plan import TowerSettings
from endcap_rebuild.user_encoder.sequences import TowerData, kept_rows, tower_data
from endcap_rebuild.user_encoder.soft_labels import ListsOf
from endcap_rebuild.user_encoder.texts import review_tokens

MIN_EVENTS: Final = 1_000
"""With fewer events a network learns nothing that the lists do not say better."""


_MACHINES: Final = ("device", "shards")
"""Sums come out a little different on other machines; what they are added up to is kept apart."""


def _trial_encoder(job: FastJob, needed: Needed) -> Outputs:
    """A user encoder of the part before the validation window; nothing where there is too little to learn from."""
    from endcap_rebuild.user_encoder.validation import Validation

    split, event_types = job.split, _event_types(job)
    if not len(split.cases):
        return {}
    data = _data(job, needed, split.train)
    everything = _data(job, needed, job.shop.table)
    targets = np.searchsorted(kept_rows(job.shop.table, event_types), split.cases.target)
    settings = TowerSettings(seed=job.settings.seed, threads=job.settings.threads, device=job.settings.device)
    return _trained(job, needed, "trial_encoder", split.train, data, settings, Validation(everything, targets))


def _encoder(job: FastJob, needed: Needed) -> Outputs:
    """The user encoder of everything; nothing where the trial gave none or its weight is 0."""
    trial = needed["trial_encoder"]
    if not trial or json_value(needed["weights"]["json"])["weights"].get("similarity", 0.0) <= 0:
        return {}
    chosen = json_value(trial["json"])
    settings = replace(TowerSettings(**chosen["settings"]), threads=job.settings.threads, device=job.settings.device)
    table = settled(job.shop.table, job.shop.cutoff_ms)  # as profiles are read when they are served
    data = _data(job, needed, table)
    return _trained(job, needed, "encoder", table, data, settings, None, chosen["metrics"]["int8"])


def _trained(
    job: FastJob,
    needed: Needed,
    name: str,
    table: EventTable,
    data: TowerData,
    settings: TowerSettings,
    validation: Any,
    as_int8: bool = False,
) -> Outputs:
    from endcap_rebuild.user_encoder.job import train_user_encoder

    if len(data.user) < MIN_EVENTS or not bool(np.any(data.user[1:] == data.user[:-1])):
        return {}
    result = train_user_encoder(
        data,
        settings,
        None if job.settings.work is None else job.settings.work / name,
        lambda done, total: job.progress(name, done, total),
        validation,
        _lists_of(job, needed, table, data),
        as_int8=as_int8,
        crew=job.crew,
    )
    kept = {key: value for key, value in asdict(result.settings).items() if key not in ("threads", "device")}
    return {
        "model": np.frombuffer(result.model, dtype=np.uint8),
        "projection": np.frombuffer(result.projection_file, dtype=np.uint8),
        "item_vectors": result.item_vectors,
        "json": json_array({"settings": kept, "metrics": result.metrics}),
    }


def _event_types(job: FastJob) -> Mapping[str, EventType]:
    return event_types(job.settings.event_weights)


def _data(job: FastJob, needed: Needed, table: EventTable) -> TowerData:
    whitening = Whitening(needed["whitening"]["mean"], needed["whitening"]["projection"])

    def white_of(texts: list[str]) -> NDArray[np.float32]:
        # Through the bytes of a profile, as the encoder will meet them when it serves.
        return whitening.apply(dequantize_unit(quantize_unit(job.cache.vectors(texts, threads=job.settings.threads))))

    texts = review_tokens(table, white_of, whitening.projection.shape[1])
    white = needed["whitening"]["item_vectors"]
    return tower_data(table, white, job.shop.clock, texts, _event_types(job))


def _lists_of(job: FastJob, needed: Needed, table: EventTable, data: TowerData) -> ListsOf:
    """Lists from the events of some users, as the fast steps count them but without imputation."""
    selection = json_value(needed["selection"]["json"])
    settings = ListSettings(**selection["lists"])
    table = with_type_weights(table, selection["type_weights"])

    def lists_of(users: NDArray[np.bool_]) -> list[Any]:
        chosen = np.append(users, np.zeros(len(table.user_ids), dtype=np.bool_))[table.user]
        part = table.rows(chosen)
        follows = fitted_next(part, data.n_items, settings, job.settings.seed)
        alike = fitted_neighbours(part, data.n_items, settings)
        return [top_per_row(matrix, LIST_WIDTH) for matrix in (follows, alike)]

    return lists_of


def _full_steps() -> Sequence[Step[FastJob]]:
    steps: list[Step[FastJob]] = []
    for step in FAST_STEPS:
        if step.name == "weights":
            steps.append(
                Step(
                    "trial_encoder",
                    _trial_encoder,
                    needs=("whitening", "selection"),
                    settings=("seed", "max_cases", "target", *_MACHINES),
                )
            )
            step = replace(step, needs=(*step.needs, "trial_encoder"))
        steps.append(step)
    needs = ("whitening", "selection", "trial_encoder", "weights")
    return (*steps, Step("encoder", _encoder, needs=needs, settings=("seed", *_MACHINES)))


FULL_STEPS: Final[Sequence[Step[FastJob]]] = _full_steps()
