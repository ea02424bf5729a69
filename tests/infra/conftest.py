"""The template as written and as CloudFormation gets it, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from endcap_local.template.intrinsics import Resolver
from endcap_local.template.template import expand

ROOT = Path(__file__).parents[2]
Resources = Mapping[str, Mapping[str, Any]]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def template() -> Mapping[str, Any]:
    """template.yaml as written."""
    return expand(ROOT / "template.yaml")[0]


@pytest.fixture(scope="session")
def expanded() -> Mapping[str, Any]:
    """template.yaml as plain CloudFormation."""
    return expand(ROOT / "template.yaml")[1]


@pytest.fixture(scope="session")
def monitoring() -> Mapping[str, Any]:
    """The nested template of alarms and the dashboard."""
    return expand(ROOT / "infra" / "monitoring.yaml")[1]


@pytest.fixture(scope="session")
def rebuilding() -> Mapping[str, Any]:
    """The nested template of the scheduled rebuild."""
    return expand(ROOT / "infra" / "rebuild.yaml")[1]


@pytest.fixture(scope="session")
def resolved(expanded: Mapping[str, Any]) -> Callable[..., dict[str, Any]]:
    """A function that gives the resources under some parameters, intrinsics and conditions resolved."""

    def resources(**parameters: str) -> dict[str, Any]:
        resolver = Resolver(expanded, parameters, "http://127.0.0.1:9")
        return {
            name: {"Type": resource["Type"], **resolver.resolve(resource.get("Properties", {}))}
            for name, resource in expanded["Resources"].items()
            if "Condition" not in resource or resolver.holds(resource["Condition"])
        }

    return resources


@pytest.fixture(scope="session")
def everything(resolved: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """All resources with every optional source switched on."""
    return resolved(
        StorefrontStreamArn="arn:aws:kinesis:us-east-1:123456789012:stream/shop",
        StorefrontQueueArn="arn:aws:sqs:us-east-1:123456789012:shop",
        StorefrontEventBusName="shop",
        AlarmTopicArn="arn:aws:sns:us-east-1:123456789012:ops",
        Storefront="on",
        StorefrontSecret="of-the-tests-0123456789-0123456789",
        StorefrontOrigins="https://shop.example,https://m.shop.example",
        ShopifySecretArn="arn:aws:secretsmanager:us-east-1:123456789012:secret:shopify-AbCdEf",
        WooCommerceSecretArn="arn:aws:secretsmanager:us-east-1:123456789012:secret:woocommerce-AbCdEf",
        CommercetoolsQueueArn="arn:aws:sqs:us-east-1:123456789012:commercetools",
        CommercetoolsEventBusName="aws.partner/commercetools.com/lamps-and-mugs/endcap",
        FileInbox="on",
        ItemWriter="openai",
        ItemWriterModel="small-1",
        ItemWriterUrl="https://models.example/v1",
        ItemWriterSecretArn="arn:aws:secretsmanager:us-east-1:123456789012:secret:models-AbCdEf",
        ItemWriterPrice="0.1,0.2",
        ItemWriterBudget="3",
    )
