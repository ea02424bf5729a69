"""Folds what batches have counted into the two small objects that requests read.

Trigger: the stream of the counters table, filtered to notes of batches; where nothing is counted nothing starts it.
Guarantee: a note is in each object once before it is acknowledged; a note that can't be read is told of as lost, and
holds up no other.
Retry: a batch that failed comes again whole, and what of it is in an object already is not added again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.aws.counters import note_of
from endcap.errors import ConflictError, StoredDataError
from endcap.events.counts import LEVELS, Level
from endcap.events.folding import Folded, Note, decoded
from endcap.observability import fault, logger, metrics, tracer
from endcap.runtime import Runtime

TRIES: Final = 8
"""Folds of several shards of the stream may meet; each of them gets through when the others have."""

runtime = Runtime(background=True)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    with runtime.deadline.within(context):
        notes = list(_notes(event["Records"]))
        for level in LEVELS:
            _fold(level, notes, int(time.time() * 1000))
    metrics.add_metric("CountsFolded", MetricUnit.Count, len(notes))
    return {"batchItemFailures": []}


def _notes(records: Sequence[Mapping[str, Any]]) -> Iterator[Note]:
    for record in records:
        try:
            yield note_of(record)
        except StoredDataError as exc:
            fault("note of counts not readable", exc)
            metrics.add_metric("CountsLost", MetricUnit.Count, 1)


def _fold(level: Level, notes: Sequence[Note], now_ms: int) -> None:
    for tried in range(1, TRIES + 1):
        before, etag = _before(level, now_ms)
        folded = before.with_batch(notes, now_ms)
        if folded is None:
            return
        try:
            runtime.folded_counts.write(level, folded.encoded(), etag)
        except ConflictError:
            if tried == TRIES:
                raise
        else:
            return


def _before(level: Level, now_ms: int) -> tuple[Folded, str | None]:
    """What was folded so far, and its ETag; what versions before have counted, where nothing was."""
    found = runtime.folded_counts.read(level)
    if found is None:
        sums = runtime.counters.sums(level, now_ms - level.kept_ms)
        return Folded(level).with_counts(sums, now_ms), None
    data, etag = found
    try:
        return decoded(data, level), etag
    except StoredDataError as exc:  # a week of counts is lost, and those that follow are not
        fault("folded counts not readable", exc)
        metrics.add_metric("CountsLost", MetricUnit.Count, 1)
        return Folded(level), etag
