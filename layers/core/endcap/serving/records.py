"""What is kept and counted of the lists that were shown, and of whom it may tell."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any, Final

from aws_lambda_powertools.metrics import MetricUnit

from endcap.api.resolved import ResolvedRequest
from endcap.api.responses import exposure
from endcap.live.waiting import WRITE_S
from endcap.observability import logger, metrics
from endcap.profiles.consent import refuses
from endcap.profiles.profile import UserProfile
from endcap.pseudonyms import nameless, pseudonymous
from endcap.recommend.request import Recommendation
from endcap.runtime import Runtime
from endcap.snapshot.snapshot import Snapshot

DAY_MS: Final = 86_400_000
PREVIEW: Final = "preview-"
"""What the id of a list begins with that nobody was shown: no event joins to it."""


def may_be_told(runtime: Runtime, profile: UserProfile, asked: ResolvedRequest) -> bool:
    """Whether a list's record may name its shopper, and a writer be asked for it.

    Not where they refuse, where the request wants nothing personal, or where nobody could read what they say of it.
    """
    known = "profile" not in runtime.waiting.lost
    return known and not refuses(profile) and asked.request.personalization != "off"


def exposures_of(
    runtime: Runtime,
    named: Sequence[tuple[str, ResolvedRequest, Recommendation]],
    user_id: str | None,
    now_ms: int,
    profile: UserProfile,
) -> list[dict[str, Any]]:
    """The records of what is shown, which name nobody who does not want it, or of whom that is not known.

    Where the keys of pseudonyms can't be had in time they name nobody at all: plain ids are not what the stack keeps.
    """
    keys = None if runtime.pseudonyms is None else runtime.pseudonyms.keys()
    found = []
    for name, one, shown in named:
        document = exposure(shown, name, user_id, now_ms, one)
        if not may_be_told(runtime, profile, one):
            document = nameless(document)
        elif keys is not None:
            document = pseudonymous(document, keys)
        elif runtime.pseudonyms is not None:
            document = nameless(document)
            metrics.add_metric("ExposuresUnnamed", MetricUnit.Count, 1)
        found.append(document)
    return found


def keep(runtime: Runtime, documents: list[dict[str, Any]]) -> None:
    """Have the records written; where that fails or takes too long they are lost, and counted as such."""
    try:
        runtime.exposure_writes.begin(partial(runtime.exposures.put, documents)).result(WRITE_S)
    except Exception as exc:  # an answer is worth more than its record
        logger.warning("exposure not recorded", extra={"error": type(exc).__name__})
        metrics.add_metric("ExposuresLost", MetricUnit.Count, 1)


def count(n_lists: int, lost: Collection[str], snapshot: Snapshot, now_ms: int) -> None:
    """Metrics of an answer: its lists, whether it did without something (`lost`), the age of what they come from."""
    metrics.add_metric("Recommendations", MetricUnit.Count, n_lists)
    if lost:
        metrics.add_metric("DegradedAnswers", MetricUnit.Count, 1)
    if "snapshot" not in lost:
        metrics.add_metric("SnapshotAgeDays", MetricUnit.NoUnit, max(0, now_ms - snapshot.catalog_as_of_ms) / DAY_MS)
