"""Embeds items whose text is new to the current encoder.

Trigger: the stream of the items table.
Guarantee: an item's vector belongs to the text and the encoder that it is stored with.
Retry: a failed record is delivered again, its batch split in two; a vector that is there already is not made again.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.aws.items import read_stream_image
from endcap.encoders.items import embed_row
from endcap.observability import logger, metrics, tracer
from endcap.runtime import Runtime

runtime = Runtime(background=True)
processor = BatchProcessor(event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)


def embed_record(record: DynamoDBRecord) -> None:
    image = record.raw_event["dynamodb"].get("NewImage")
    loaded = runtime.encoder.get()
    if image and "document" in image and loaded:  # a tombstone has none
        row = read_stream_image(image)
        if row.changed_at_ms > loaded.catalog_as_of_ms:
            embedded = embed_row(row, loaded.encoder, runtime.items)
            metrics.add_metric("ItemsEmbedded", MetricUnit.Count, embedded)


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return dict(process_partial_response(event, embed_record, processor, context))
