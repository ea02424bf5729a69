"""Embeds items whose text is new to the current encoder.

Trigger: the stream of the items table.
Guarantee: an item's vector belongs to the text and the encoder that it is stored with; an item that can't be embedded
is named in the queue of stream failures, and holds up no other.
Retry: a record that failed for now is delivered again, its batch split in two, for as long as the template says; a
vector that is there already is not made again.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.aws.item_rows import read_stream_image
from endcap.batch import Breaker
from endcap.encoders.items import embed_row
from endcap.errors import EncoderError, InvalidItemError
from endcap.item_stream import ItemRecords
from endcap.live.snapshot import LoadedEncoder
from endcap.observability import logger, metrics, tracer
from endcap.runtime import Runtime

runtime = Runtime(background=True)
processor = BatchProcessor(event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)


def _embed(record: DynamoDBRecord, loaded: LoadedEncoder | None) -> None:
    image = record.raw_event["dynamodb"].get("NewImage")
    if not image or "document" not in image or not loaded:  # a tombstone has no document
        return
    try:
        row = read_stream_image(image)
        if row.changed_at_ms > loaded.catalog_as_of_ms:
            embedded = embed_row(row, loaded.encoder, runtime.items, loaded.text_fields)
            metrics.add_metric("ItemsEmbedded", MetricUnit.Count, embedded)
    except EncoderError as exc:  # it is loaded, so this is about the text, now and later
        raise InvalidItemError("the text can't be encoded") from exc


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    records = ItemRecords(
        runtime,
        "embed_item",
        (Breaker("text encoder", most=1), runtime.encoder.get),
        (Breaker("items"), _embed),
        "ItemsNotEmbedded",
    )
    with runtime.deadline.within(context):
        answer = process_partial_response(event, records.read, processor, context)
    if failed := answer["batchItemFailures"]:
        metrics.add_metric("RecordsFailed", MetricUnit.Count, len(failed))
    return dict(answer)
