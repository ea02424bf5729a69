"""What the simulation rests on. Nothing here was chosen so that a result comes out.

Processor times were printed by `python -m tests.benchmarks.scale_parameters` on the machine of docs/results.md, while
others worked on it, of this version and of 25628eb, from before counts were folded and shoppers written side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Parameters:
    """Of one version of the code; times in milliseconds.

    Attributes
    ----------
    shopper_ms : processor time of one shopper's profile read, changed and written, with boto3's part
    writers : shoppers that a batch writes side by side
    """

    shopper_ms: float
    writers: int


BEFORE: Final = Parameters(shopper_ms=5.218, writers=1)
NOW: Final = Parameters(shopper_ms=5.968, writers=32)
PAGE_MS: Final = 199.21
"""Processor time of a page of counts, as a request of 25628eb read it."""

ROWS_PER_PAGE: Final = 170
"""Of rows with 250 counts, in a page of 1 MB, the most that DynamoDB gives at once:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html"""
FOLD_MS, FOLD_NOTE_MS = 4.056, 0.218
"""A fold into both objects with 4,000 items in each bucket, and what each note of ten items adds to it."""
LOOK_MS: Final = 0.942
"""A look at an object of which one bucket has changed."""
DYNAMODB_MS: Final = 5.0
"""Of a call of one row, there and back. AWS promises a single-digit number and no more; not measured:
https://aws.amazon.com/dynamodb/features/"""
FIREHOSE_MS: Final = 15.0
S3_MS: Final = 50.0
"""Of a call; assumed, not measured. AWS says of S3 some 100 to 200 ms for the first byte of a small object at worst:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html"""
ITEMS: Final = 100_000
POPULARITY: Final = 0.54
"""The k-th most popular item is chosen k ** -POPULARITY as often as the first: least squares through the logarithms of
the first thousand ranks of Online Retail, the data that ships with Endcap."""
