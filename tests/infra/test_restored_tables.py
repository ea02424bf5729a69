"""A stack that is pointed at restored tables uses its own ones for nothing any more."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from endcap_local.restore import KINDS
from endcap_local.template.intrinsics import Resolver

ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/"
PARAMETERS = {kind.parameter: f"{ARN}shop-{kind.name}-2" for kind in KINDS.values()} | {
    kind.stream_parameter: f"{ARN}shop-{kind.name}-2/stream/2026-01-01T00:00:00.000"
    for kind in KINDS.values()
    if kind.stream_parameter
}


@pytest.fixture(scope="module")
def attached(resolved: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    return resolved(
        **PARAMETERS,
        RebuildImageUri="123456789012.dkr.ecr.us-east-1.amazonaws.com/rebuild:1",
        Storefront="on",
        StorefrontSecret="of-the-tests-0123456789-0123456789",
        FileInbox="on",
        ItemWriter="rules",
        ShopifySecretArn="arn:aws:secretsmanager:us-east-1:123456789012:secret:shopify-AbCdEf",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_refers_to_the_own_table_any_more(kind: str, attached: dict[str, Any]) -> None:
    own = f"endcap-local-{kind.title()}Table"
    rest = {name: resource for name, resource in attached.items() if name != f"{kind.title()}Table"}
    assert [name for name, resource in rest.items() if own in json.dumps(resource)] == []
    assert f"shop-{kind}-2" in json.dumps(rest)


def test_streams_are_those_of_the_restored_tables(attached: dict[str, Any]) -> None:
    for name, kind in (
        ("ItemsStreamMapping", "items"),
        ("DescribedItemsMapping", "items"),
        ("CountersStreamMapping", "counters"),
    ):
        assert attached[name]["EventSourceArn"].startswith(f"{ARN}shop-{kind}-2/stream/")


def test_outputs_name_the_tables_that_are_used(expanded: Mapping[str, Any]) -> None:
    resolver = Resolver(expanded, PARAMETERS, "http://127.0.0.1:9")
    for kind in KINDS:
        assert resolver.resolve(expanded["Outputs"][f"{kind.title()}TableName"]["Value"]) == f"shop-{kind}-2"


def test_a_table_with_a_stream_is_not_attached_without_it(expanded: Mapping[str, Any]) -> None:
    asked = json.dumps(expanded["Rules"])
    for kind in KINDS.values():
        if kind.stream_parameter:
            assert kind.stream_parameter in asked
