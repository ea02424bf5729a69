"""Has new items described by a writer, where the current snapshot ranks by descriptions.

Trigger: the stream of the items table, where the stack names a writer; it is another reader of it than embed_item,
which waits for nothing here.
Guarantee: an answer is paid for once, whatever is killed or delivered again, and never beyond the budget; what was
written is stored with the text that it is about.
Retry: a record that failed for now is delivered again, its batch split in two, as often as the template says; one that
can't be described is named in the queue of its failures, and the next rebuild asks again.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.aws.item_rows import read_stream_image
from endcap.batch import Breaker
from endcap.describing.describe import BudgetError
from endcap.describing.rows import describe_row
from endcap.item_stream import ItemRecords
from endcap.live.described import DescribedCatalogue
from endcap.observability import logger, metrics, tracer
from endcap.runtime import Runtime

runtime = Runtime(background=True)
processor = BatchProcessor(event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)


def _describe(record: DynamoDBRecord, catalogue: DescribedCatalogue | None) -> None:
    image, before = (record.raw_event["dynamodb"].get(name) for name in ("NewImage", "OldImage"))
    if not image or "document" not in image or catalogue is None:  # a tombstone has no document
        return
    if before and before.get("text_hash") == image["text_hash"]:
        return  # a new price, or a vector: this text was asked about when it came, or by a rebuild, which is paid for
    row, writer = read_stream_image(image), runtime.describer.writer.name
    if writer != catalogue.by.writer:
        # The gate has judged what another one wrote.
        logger.warning("items not described: the snapshot's were by another writer", extra={"by": catalogue.by.writer})
    elif row.changed_at_ms > catalogue.loaded.catalog_as_of_ms:
        try:
            described = describe_row(row, catalogue, runtime.describer, runtime.items)
            metrics.add_metric("ItemsDescribed", MetricUnit.Count, described)
        except BudgetError:  # nobody has to look, and the next rebuild has a budget of its own
            metrics.add_metric("DescriptionsOverBudget", MetricUnit.Count, 1)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    # Once the writer can't be asked, it is not asked about the rest.
    records = ItemRecords(
        runtime,
        "describe_item",
        (Breaker("snapshot", most=1), runtime.described.get),
        (Breaker("writer", most=1), _describe),
        "ItemsNotDescribed",
    )
    with runtime.deadline.within(context):
        answer = process_partial_response(event, records.read, processor, context)
    if failed := answer["batchItemFailures"]:
        # Not RecordsFailed: deployments of other functions are rolled back by that, and this may be a server elsewhere.
        metrics.add_metric("DescriptionsFailed", MetricUnit.Count, len(failed))
    return dict(answer)
