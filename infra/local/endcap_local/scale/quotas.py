"""What AWS allows an account by default, in us-east-1, and which traffic takes it up."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from endcap_local.scale.batches import batch_s
from endcap_local.scale.parameters import NOW

_LAMBDA: Final = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
_DYNAMODB: Final = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html"
_PARTITIONS: Final = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"


@dataclass(frozen=True, slots=True)
class Traffic:
    """Of one second: lists asked for, events, and events in one message."""

    lists: float
    events: float
    events_per_message: float = 1.0

    @property
    def messages(self) -> float:
        """On the events queue."""
        return self.events / self.events_per_message


@dataclass(frozen=True, slots=True)
class Quota:
    """One limit.

    Attributes
    ----------
    limit : by default; of the unit that `takes` counts
    takes : how much of it some traffic takes up
    raised_by : who can
    """

    service: str
    what: str
    limit: float
    takes: Callable[[Traffic], float]
    raised_by: str
    source: str


ANSWER_S: Final = 0.06
COLLECT_S: Final = 0.02
"""As `endcap cost` assumes."""
BATCH_MESSAGES: Final = 10
BATCH_S: Final = batch_s(BATCH_MESSAGES, NOW)

QUOTAS: Final = (
    Quota(
        "API Gateway",
        "requests a second, of all the account's HTTP APIs",
        10_000,
        lambda t: t.lists + t.messages,
        "Service Quotas",
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html",
    ),
    Quota(
        "API Gateway",
        "`ApiRateLimit`, of this stack",
        500,
        lambda t: t.lists + t.messages,
        "the parameter",
        "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html",
    ),
    Quota(
        "Lambda",
        "copies at once, of all the account's functions; 10 in a new account",
        1_000,
        lambda t: t.lists * ANSWER_S + t.messages * COLLECT_S + t.messages / BATCH_MESSAGES * BATCH_S,
        "Service Quotas",
        _LAMBDA,
    ),
    Quota(
        "Lambda",
        "`UpdateConcurrency`, copies of update_profile",
        50,
        lambda t: t.messages / BATCH_MESSAGES * BATCH_S,
        "the parameter, to 1,000",
        "https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html",
    ),
    Quota(
        "DynamoDB",
        "write units a second of the profiles table (2 a shopper and batch)",
        40_000,
        lambda t: 2 * t.messages,
        "Service Quotas",
        _DYNAMODB,
    ),
    Quota(
        "DynamoDB",
        "write units a second of one partition: notes of counts, over four keys",
        4_000,
        lambda t: t.messages / BATCH_MESSAGES,
        "nobody; `NOTE_SHARDS` in the code",
        _PARTITIONS,
    ),
    Quota(
        "DynamoDB",
        "read units a second of the profiles table",
        40_000,
        lambda t: t.messages + t.lists / 2,
        "Service Quotas",
        _DYNAMODB,
    ),
    Quota(
        "Firehose",
        "requests a second of the stream of exposures, one a list",
        2_000,
        lambda t: t.lists,
        "a form of AWS's",
        "https://docs.aws.amazon.com/firehose/latest/dev/limits.html",
    ),
    Quota(
        "Firehose",
        "MB a second of the stream of exposures, 2.5 KB a list",
        5,
        lambda t: t.lists * 0.0025,
        "a form of AWS's",
        "https://docs.aws.amazon.com/firehose/latest/dev/limits.html",
    ),
    Quota(
        "Firehose",
        "requests a second of the stream of the archive, one a batch",
        2_000,
        lambda t: t.messages / BATCH_MESSAGES,
        "a form of AWS's",
        "https://docs.aws.amazon.com/firehose/latest/dev/limits.html",
    ),
    Quota(
        "SQS",
        "messages that are being worked on",
        120_000,
        lambda t: t.messages * BATCH_S,
        "nobody",
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html",
    ),
)


def full_at(quota: Quota, one: Traffic) -> float:
    """How many times `one` takes a quota up; infinite where it takes nothing of it."""
    taken = quota.takes(one)
    return quota.limit / taken if taken else math.inf
