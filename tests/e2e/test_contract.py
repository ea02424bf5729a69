"""Whatever the contract allows to be sent is answered as the contract says, over HTTP, on the local stack."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, assume, settings
from schemathesis.specs.openapi import checks

from endcap.api.openapi import openapi_document
from tests.fakes.effort import proved, proving
from tests.fakes.toy_stack import toy_stack

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")
MAX_URL = 9_000  # longer ones are the gateway's affair
FIRST: Final = 200
APART: Final = 8
"""Of each operation `make test` sends the first cases, and one in so many of the others; `make prove` all."""
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
    parameters = {"Storefront": "on", "StorefrontSecret": "s" * 32, "StorefrontClientRate": "0"}
    with toy_stack(tmp_path_factory.mktemp("snapshot"), parameters=parameters) as stack:
        TOKENS[stack.url] = stack.start_token
        yield stack.url


TOKENS: dict[str, str] = {}
MADE: Counter[str] = Counter()


@pytest.fixture(scope="module")
def session(url: str) -> Iterator[requests.Session]:
    """One connection for all calls, by somebody who was told the token of this start."""
    with requests.Session() as kept:
        kept.headers["Endcap-Start"] = TOKENS[url]
        yield kept


@pytest.fixture
def contract(request: pytest.FixtureRequest) -> schemathesis.BaseSchema:
    """A fixture, as all that is sent would else be made up by every worker that collects tests."""
    request.node._nodeid = request.node.nodeid  # schemathesis 4.32 asks for it, and pytest 9.2 has it no more
    return schemathesis.openapi.from_dict(json.loads(openapi_document()))


@proved
@schemathesis.pytest.from_fixture("contract").parametrize()
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
    operation = case.operation.label
    MADE[operation] += 1
    if MADE[operation] > FIRST and MADE[operation] % APART and not proving():
        return
    case.call_and_validate(base_url=url, session=session, checks=CHECKS)
