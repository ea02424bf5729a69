"""Takes in files of events and catalogue feeds that a shop puts into the bucket.

Trigger: the inbox queue, to which S3 tells of objects under inbox/events/ and inbox/items/.
Guarantee: every usable row is on the events queue or in the catalogue before its message is acknowledged; the others
stand with their lines in inbox/reports/, as does what became of the file.
Retry: safe; a file is gone on with where the run before ended, and a row that is taken twice changes nothing.
"""

from __future__ import annotations

import time
from typing import Any, Final

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.aws.inbox import objects_of
from endcap.aws.queues import FailedMessage
from endcap.batch import retryable
from endcap.errors import InvalidInputError, NotFoundError
from endcap.feeds.load import Run, Task, load
from endcap.observability import fault, logger, metrics, tracer
from endcap.runtime import Runtime

MOST_WAITING: Final = 20
"""Messages of events that may wait: what shoppers do right now must not queue up behind a file."""
PAUSE_S: Final = 0.5

runtime = Runtime(background=True)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    failed = []
    with runtime.deadline.within(context):
        for record in event["Records"]:
            try:
                _take(record["body"])
            except Exception as exc:
                logger.warning("file failed and will be tried again", extra={"error": type(exc).__name__})
                failed.append(record["messageId"])
                _put_off(record)
    if failed:
        metrics.add_metric("RecordsFailed", MetricUnit.Count, len(failed))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _take(body: str) -> None:
    try:
        tasks = [Task(**told) for told in objects_of(body)]
    except (InvalidInputError, TypeError) as exc:
        fault("message of the inbox not readable", exc)
        metrics.add_metric("FilesFailed", MetricUnit.Count, 1)
        return
    for task in tasks:
        runtime.deadline.check()
        _load(task)


def _load(task: Task) -> None:
    try:
        with runtime.inbox.fetched(task.key, task.etag, task.version) as path:
            run = load(
                path,
                task,
                lambda: runtime.items,
                lambda: runtime.queue,
                runtime.settings.event_types,
                _may_go_on,
            )
    except NotFoundError:
        logger.info("the file is gone, or another one lies there, which is told of by itself")
        return
    except InvalidInputError as exc:
        run = Run(Task(**{**task.document(), "failure": str(exc)}), done=True)
    except Exception as exc:
        if retryable(exc):
            raise
        fault("file not read", exc)  # trying again would end the same way
        run = Run(Task(**{**task.document(), "failure": f"can't be read: {type(exc).__name__}"}), done=True)
    _settle(task, run)


def _may_go_on() -> bool:
    while not runtime.deadline.ends_work:
        if runtime.queue.waiting() <= MOST_WAITING:
            return True
        time.sleep(PAUSE_S)
    return False


def _settle(task: Task, run: Run) -> None:
    if run.refusals:
        lines = [refusal.json() for refusal in run.refusals]
        runtime.inbox.report(task.key, f"{task.etag[:16]}-{task.rows:09}.errors.jsonl", lines)
    for name, count in (
        ("FileRowsAccepted", run.task.accepted - task.accepted),
        ("FileRowsRefused", run.task.refused - task.refused),
        ("ItemsChanged", run.task.changed - task.changed),
        ("FieldsLeftOut", run.warnings),
    ):
        if count:
            metrics.add_metric(name, MetricUnit.Count, count)
    if not run.done:
        runtime.inbox.go_on(run.task.document())
        return
    runtime.inbox.report(task.key, f"{task.etag[:16]}.report.json", {**run.task.document(), "failed": run.task.failed})
    if run.task.failed:
        metrics.add_metric("FilesFailed", MetricUnit.Count, 1)


def _put_off(record: dict[str, Any]) -> None:
    try:
        times = int(record["attributes"]["ApproximateReceiveCount"])
        runtime.redelivery.put_off([FailedMessage(record["eventSourceARN"], record["receiptHandle"], times)])
    except Exception as exc:  # it comes again all the same, when the queue's own time is over
        fault("message not put off", exc)
