"""Whatever the contract allows to be sent is answered as the contract says, over HTTP, on the local stack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, assume, settings
from schemathesis.specs.openapi import checks

from endcap.api.openapi import openapi_document
from endcap.aws.snapshots import SnapshotBucket
from endcap_local.stack import LocalStack
from tests.fakes.toy_snapshot import build_toy_snapshot

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
ROOT = Path(__file__).parents[2]
MAX_URL = 9_000  # longer ones are the gateway's affair
CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a stack with the toy snapshot answers."""
    folder = tmp_path_factory.mktemp("snapshot")
    version = build_toy_snapshot(folder).version
    parameters = {"Storefront": "on", "StorefrontSecret": "s" * 32, "StorefrontClientRate": "0"}
    with LocalStack(ROOT / "template.yaml", parameters=parameters) as stack:
        bucket = SnapshotBucket(stack.client("s3"), stack.function("CollectFunction").environment["DATA_BUCKET"])
        bucket.upload(folder, version)
        bucket.flip(version, None)
        TOKENS[stack.url] = stack.start_token
        yield stack.url


TOKENS: dict[str, str] = {}


@pytest.fixture(scope="module")
def session(url: str) -> Iterator[requests.Session]:
    """One connection for all calls, by somebody who was told the token of this start."""
    with requests.Session() as kept:
        kept.headers["Endcap-Start"] = TOKENS[url]
        yield kept


schema = schemathesis.openapi.from_dict(json.loads(openapi_document()))


@schema.parametrize()
@settings(
    max_examples=6,  # beside some 5,000 that schemathesis makes at the borders of the schemas, and counts as explicit
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers_keep_the_contract(case: Any, url: str, session: requests.Session) -> None:
    request = requests.Request(**case.as_transport_kwargs(base_url=url)).prepare()
    assume(len(request.url or "") < MAX_URL)
    case.call_and_validate(base_url=url, session=session, checks=CHECKS)
