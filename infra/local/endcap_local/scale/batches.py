"""How long update_profile takes for a batch."""

from __future__ import annotations

from typing import Final

from endcap_local.scale.parameters import DYNAMODB_MS, FIREHOSE_MS, Parameters

TIMEOUT_S: Final = 60
CALLS: Final = 2
"""Of DynamoDB for each shopper: a read and a write."""
RECORD_EVENTS: Final = 4_000
"""Of about 250 bytes, in a record of Firehose of 1,000 KB."""


def batch_s(shoppers: int, code: Parameters) -> float:
    """A batch that names so many shoppers, once each, on one processor.

    Writers share the processor, and wait beside each other. Around them are the look at the ledger, the archive, and
    the note of counts.
    """
    processor_ms = shoppers * code.shopper_ms
    waiting_ms = -(-shoppers // code.writers) * CALLS * DYNAMODB_MS
    # Side by side, whichever is longer hides the other; one after the other, neither hides anything.
    together_ms = processor_ms + waiting_ms if code.writers == 1 else max(processor_ms, waiting_ms)
    around_ms = 2 * DYNAMODB_MS + -(-shoppers // RECORD_EVENTS) * FIREHOSE_MS
    return (together_ms + around_ms) / 1000
