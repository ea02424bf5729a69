"""Public prices that `endcap cost` multiplies with, each with the page that states it.

US dollars, us-east-1, on demand, without tax. The pages change and could not be read by a program here: the figures are
those that several public documents quoted from them on the date below. `--prices` replaces any of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from endcap.errors import InvalidInputError

AS_OF: Final = "2026-11-22"
REGION: Final = "us-east-1"


@dataclass(frozen=True, slots=True)
class Price:
    """One price.

    Attributes
    ----------
    usd : for one `unit`
    free : units a month that the free tier without an end gives an account
    tier : from how many units a month on another price holds, and that price; None for one price throughout
    """

    usd: float
    unit: str
    source: str
    free: float = 0.0
    tier: tuple[float, float] | None = None

    def cost(self, quantity: float, free_tier: bool = False) -> float:
        """US dollars for `quantity` units a month."""
        billed = max(0.0, quantity - self.free) if free_tier else quantity
        if self.tier is None or billed <= self.tier[0]:
            return billed * self.usd
        return self.tier[0] * self.usd + (billed - self.tier[0]) * self.tier[1]


_API: Final = "https://aws.amazon.com/api-gateway/pricing/"
_CLOUDWATCH: Final = "https://aws.amazon.com/cloudwatch/pricing/"
_DYNAMODB: Final = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
_KMS: Final = "https://aws.amazon.com/kms/pricing/"
_LAMBDA: Final = "https://aws.amazon.com/lambda/pricing/"
_PERSONALIZE: Final = "https://aws.amazon.com/personalize/pricing/"
_SECRETS: Final = "https://aws.amazon.com/secrets-manager/pricing/"
_S3: Final = "https://aws.amazon.com/s3/pricing/"

MILLION: Final = 1_000_000

PRICES: Final[Mapping[str, Price]] = MappingProxyType(
    {
        "http_api_requests": Price(1.00 / MILLION, "request", _API, tier=(300 * MILLION, 0.90 / MILLION)),
        "lambda_requests": Price(0.20 / MILLION, "request", _LAMBDA, free=MILLION),
        "lambda_x86_64": Price(0.0000166667, "GB-second", _LAMBDA, free=400_000),
        "lambda_arm64": Price(0.0000133334, "GB-second", _LAMBDA, free=400_000),
        "dynamodb_writes": Price(0.625 / MILLION, "write unit", _DYNAMODB),
        "dynamodb_reads": Price(0.125 / MILLION, "read unit", _DYNAMODB),
        "dynamodb_storage": Price(0.25, "GB-month", _DYNAMODB, free=25),
        "dynamodb_recovery": Price(0.20, "GB-month", _DYNAMODB),
        "sqs_requests": Price(0.40 / MILLION, "request", "https://aws.amazon.com/sqs/pricing/", free=MILLION),
        "firehose": Price(0.029, "GB in records of 5 KB", "https://aws.amazon.com/firehose/pricing/"),
        "s3_storage": Price(0.023, "GB-month", _S3),
        "s3_writes": Price(0.005 / 1000, "PUT", _S3),
        "s3_reads": Price(0.0004 / 1000, "GET", _S3),
        "data_out": Price(0.09, "GB", "https://aws.amazon.com/ec2/pricing/on-demand/", free=100),
        "logs_ingested": Price(0.50, "GB", _CLOUDWATCH, free=5),
        "logs_stored": Price(0.03, "GB-month", _CLOUDWATCH, free=5),
        "metrics": Price(0.30, "metric-month", _CLOUDWATCH, free=10),
        "alarms": Price(0.10, "alarm-metric-month", _CLOUDWATCH, free=10),
        "dashboards": Price(3.00, "dashboard-month", _CLOUDWATCH, free=3),
        "kms_keys": Price(1.00, "key-month", _KMS),
        "kms_signatures": Price(0.15 / 10_000, "request on an elliptic-curve key", _KMS),
        "traces": Price(5.00 / MILLION, "trace", "https://aws.amazon.com/xray/pricing/", free=100_000),
        "secrets": Price(0.40, "secret-month", _SECRETS),
        "secret_reads": Price(0.05 / 10_000, "call", _SECRETS),
        "lambda_storage": Price(0.0000000309, "GB-second of /tmp beyond 512 MB", _LAMBDA),
        "rebuild_cpu_hours": Price(0.461, "hour of ml.m5.2xlarge", "https://aws.amazon.com/sagemaker/ai/pricing/"),
        "rebuild_hours": Price(1.408, "hour of ml.g5.xlarge", "https://aws.amazon.com/sagemaker/ai/pricing/"),
        "personalize_requests": Price(0.15 / 1000, "recommendation", _PERSONALIZE),
        "personalize_training": Price(0.002 / 1000, "interaction of a training", _PERSONALIZE),
        "personalize_ingestion": Price(0.05, "GB", _PERSONALIZE),
    }
)


def with_prices(changes: Mapping[str, object]) -> Mapping[str, Price]:
    """The prices with some in US dollars replaced; a price that replaces another has no tiers.

    Raises
    ------
    InvalidInputError : a name that is no price, or a value that can't be one
    """
    prices = dict(PRICES)
    for name, usd in changes.items():
        if name not in prices:
            raise InvalidInputError(f"there is no price {name!r}; prices are {', '.join(prices)}")
        if isinstance(usd, bool) or not isinstance(usd, int | float) or not 0 <= usd < float("inf"):
            raise InvalidInputError(f"the price {name} must be a number of US dollars")
        prices[name] = replace(prices[name], usd=float(usd), tier=None)
    return prices
