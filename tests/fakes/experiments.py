"""Made-up experiments: what shoppers of two variants do, as arrays looked at again and again, and as an archive."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from endcap.experiments.assignment import Experiment, Variant, variant_of
from endcap_local.experiments.comparing import unit_values
from endcap_local.experiments.joining import VariantOutcome

F64 = NDArray[np.float64]
Looks = Iterator[tuple[F64, F64]]

EXPERIMENT = Experiment("blend", "blend", (Variant("control", 0.5), Variant("bolder", 0.5)))
START_MS = 1_795_305_600_000  # 2026-11-22
DAY = "2026/11/22"
SHARES = [{"name": variant.name, "share": variant.share} for variant in EXPERIMENT.variants]
CONFIG = {"experiments": [{"name": "blend", "variants": SHARES}]}


def conversions(chance: np.random.Generator, lift: float = 0.0) -> Looks:
    """One experiment looked at 20 times while 4,000 shoppers come to each variant; a tenth of the control's buy."""
    control, treatment = (chance.random(4000) < rate for rate in (0.1, 0.1 * (1 + lift)))
    for n in range(200, 4001, 200):
        yield control[:n].astype(np.float64), treatment[:n].astype(np.float64)


def clicks(chance: np.random.Generator, lift: float = 0.0) -> Looks:
    """Click-through rates of shoppers who come again and again, each with a rate of their own; 20 looks as well."""
    rates = chance.beta(0.5, 4.5, (2, 1000))
    rates[1] = np.minimum(rates[1] * (1 + lift), 1)
    lists, clicked = np.zeros((2, 1000)), np.zeros((2, 1000))
    for known in range(50, 1001, 50):
        came = chance.poisson(1.0, (2, known))
        lists[:, :known] += came
        clicked[:, :known] += chance.binomial(came, rates[:, :known])
        seen = [lists[k] > 0 for k in (0, 1)]
        first, second = (click_values(lists[k][seen[k]], clicked[k][seen[k]]) for k in (0, 1))
        yield first, second


def click_values(lists: F64, clicked: F64) -> F64:
    """Each shopper's number for the click-through rate."""
    nothing = np.zeros(len(lists))
    return unit_values(VariantOutcome(lists, clicked, nothing, nothing), "ctr")


def story(
    lift: float = 0.0, shoppers: int = 3000, lost: float = 0.0, seed: int = 7
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Exposures and events, one to five lists a shopper, of whom a twentieth buys at each.

    Parameters
    ----------
    lift : how much more often shoppers of the bolder variant buy
    lost : share of the bolder variant's shoppers whose exposures were never recorded
    """
    chance = Random(seed)
    exposures, events = [], []
    for n in range(shoppers):
        variant = variant_of(EXPERIMENT, f"u{n}")
        assert variant is not None
        bolder = variant.name == "bolder"
        if bolder and chance.random() < lost:
            continue
        for k in range(chance.choice((1, 1, 2, 5))):
            about = {"recommendation_id": f"r{n}-{k}", "user_id": f"u{n}", "timestamp": START_MS + n}
            shown = {"items": [{"item_id": "i1", "rank": 1, "propensity": 1.0}]}
            named = {"experiment": "blend", "variant": variant.name, "unit": f"u{n}"}
            exposures.append(about | shown | named)
            if chance.random() < 0.2:
                events.append(about | {"event_id": f"c{n}-{k}", "event_type": "click", "item_id": "i1"})
            if chance.random() < 0.05 * (1 + lift * bolder):
                value = round(chance.lognormvariate(3, 1), 2)
                events.append(
                    about | {"event_id": f"p{n}-{k}", "event_type": "purchase", "item_id": "i1", "value": value}
                )
    return exposures, events


def write(root: Path, name: str, documents: list[Any]) -> None:
    """A file of an archive, gzipped where its name says so."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(json.dumps(document) + "\n" for document in documents).encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)


def archive(root: Path, exposures: list[Any], events: list[Any], config: object = CONFIG) -> Path:
    """An archive in a folder, without a configuration where that is None."""
    half = len(exposures) // 2
    write(root, f"exposures/{DAY}/one.jsonl.gz", exposures[:half])
    write(root, f"exposures/{DAY}/two.jsonl", exposures[half:])
    write(root, f"events/{DAY}/one.jsonl.gz", events)
    if config is not None:
        write(root, "config/experiments.json", [config])
    return root
