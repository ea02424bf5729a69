"""What a rebuild of the fast budget needs, by the size of a shop, and whether one call of Lambda has that.

The figures are those of rebuilds on one core of the machine that this was written on, of the bundled data and of shops
that were made up (tests/benchmarks/large_rebuild.py). Between them lie straight lines, and beyond the last one its line
goes on. Lambda ends a call after 15 minutes, and gives it 10 GB of memory and of /tmp at most:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LAMBDA_SECONDS: Final = 900
LAMBDA_MB: Final = 10_240
"""The most that a call can have of memory, and of /tmp."""
FREE_STORAGE_MB: Final = 512
"""Of /tmp, which every function has."""
MACHINE_CPUS: Final = 8
"""Of ml.m5.2xlarge, which training jobs of the fast budget run on."""
MB_PER_CPU: Final = 1_769
"""With so much memory a function has one processor: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""

_ITEMS: Final = (0, 1_500, 17_000, 100_000)
_SECONDS: Final = (15.0, 45.0, 240.0, 1_205.0)
_MB: Final = (450.0, 680.0, 2_700.0, 3_900.0)
"""By items: processor time without reading events and encoding texts, and memory without events."""
_SECONDS_PER_EVENT: Final = 27e-6
_BYTES_PER_EVENT: Final = 240
_TEXTS_PER_SECOND: Final = 60.0
"""Of the larger encoder on one core; the smaller one does twice as many."""
_FILES_PER_SECOND: Final = 200.0
"""Objects fetched ten at a time, each in 50 ms; not measured on AWS."""
_FETCHED_MB_PER_SECOND: Final = 40.0
_SNAPSHOT_MB: Final = 70.0
_SNAPSHOT_ITEM_KB: Final = 6.1
_SLOWER: Final = 1.4
"""What a processor of Lambda may take longer than the one that this was measured on."""
_JOB_START_SECONDS: Final = 240.0
"""Until a training job has its image and its packages; billed, and not measured on AWS."""
_SPARE_SECONDS, _SPARE_SHARE = 60.0, 0.1
"""Kept for what the estimate does not know: of the time, and of memory and /tmp."""


@dataclass(frozen=True, slots=True)
class RebuildSize:
    """What a rebuild reads.

    Attributes
    ----------
    new_texts : to be encoded, of no rebuild before
    files : objects of the archive and of the exports, `stored_mb` what they take together
    """

    items: int
    events: int
    new_texts: int = 0
    files: int = 0
    stored_mb: float = 0.0


@dataclass(frozen=True, slots=True)
class RebuildNeeds:
    """What a rebuild takes.

    Attributes
    ----------
    seconds, encoding_seconds : of one processor, for all but the encoding of texts, and for that
    fetching_seconds : of waiting for S3
    """

    seconds: float
    encoding_seconds: float
    fetching_seconds: float
    memory_mb: float
    storage_mb: float

    def seconds_on(self, cpus: float) -> float:
        """Time on so many processors of AWS: texts are encoded side by side, and nothing else is."""
        return self.fetching_seconds + _SLOWER * (self.seconds / min(1.0, cpus) + self.encoding_seconds / cpus)


@dataclass(frozen=True, slots=True)
class LambdaLimits:
    """What a function has."""

    memory_mb: int
    storage_mb: int = LAMBDA_MB
    seconds: float = LAMBDA_SECONDS

    @property
    def cpus(self) -> float:
        """Processors, of which there are never less than one's share."""
        return self.memory_mb / MB_PER_CPU


def needs_of(size: RebuildSize) -> RebuildNeeds:
    """What a rebuild of the fast budget needs."""
    snapshot_mb = _SNAPSHOT_MB + size.items * _SNAPSHOT_ITEM_KB / 1000
    return RebuildNeeds(
        _between(_SECONDS, size.items) + size.events * _SECONDS_PER_EVENT,
        size.new_texts / _TEXTS_PER_SECOND,
        size.files / _FILES_PER_SECOND + size.stored_mb / _FETCHED_MB_PER_SECOND,
        _between(_MB, size.items) + size.events * _BYTES_PER_EVENT / 1e6,
        size.stored_mb + 3 * snapshot_mb,  # two drafts to choose weights with, and the one that is published
    )


def lambda_seconds(needs: RebuildNeeds, limits: LambdaLimits) -> float:
    """How long a call takes, on the slow side."""
    return needs.seconds_on(limits.cpus)


def refusal(needs: RebuildNeeds, limits: LambdaLimits) -> str:
    """Why a call of Lambda is not to be tried, in words; empty where there is nothing against it."""
    seconds = lambda_seconds(needs, limits)
    for what, needed, most, unit in (
        ("time", seconds, limits.seconds - _SPARE_SECONDS, "s"),
        ("memory", needs.memory_mb, limits.memory_mb * (1 - _SPARE_SHARE), "MB"),
        ("disk", needs.storage_mb, limits.storage_mb * (1 - _SPARE_SHARE), "MB"),
    ):
        if needed > most:
            return f"it needs some {math.ceil(needed):,} {unit} of {what}, and a call has {math.floor(most):,} to give"
    return ""


@dataclass(frozen=True, slots=True)
class RebuildWay:
    """Where a rebuild runs by the estimate, "lambda" or "sagemaker", and for how long."""

    way: str
    seconds: float


def way_of(size: RebuildSize, limits: LambdaLimits) -> RebuildWay:
    """The way that a rebuild of the fast budget goes, and its billed seconds."""
    needs = needs_of(size)
    if not refusal(needs, limits):
        return RebuildWay("lambda", lambda_seconds(needs, limits))
    return RebuildWay("sagemaker", _JOB_START_SECONDS + needs.seconds_on(MACHINE_CPUS))


def _between(values: Sequence[float], items: int) -> float:
    at = min(max(bisect_right(_ITEMS, items), 1), len(_ITEMS) - 1)
    low, high = _ITEMS[at - 1], _ITEMS[at]
    return values[at - 1] + (values[at] - values[at - 1]) * (items - low) / (high - low)
