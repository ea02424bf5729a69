"""What an environment builds once: here, who may call."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from endcap.live.waiting import READS_S
from endcap.observability import logger
from endcap.runtime import Runtime
from tests.fakes.moto_stack import ENVIRONMENT


@pytest.mark.parametrize(("authorisation", "warnings"), [("iam", 0), ("jwt", 1), ("scopes", 0)])
def test_a_start_warns_where_any_token_may_do_everything(authorisation: str, warnings: int) -> None:
    environment = {**ENVIRONMENT, "AUTHORISATION": authorisation}
    with patch.dict("os.environ", environment), patch.object(logger, "warning") as warning:
        for _ in range(2):  # two starts
            runtime = Runtime()
            assert runtime.guard is runtime.guard
            assert runtime.guard.authorisation == authorisation
    assert warning.call_count == 2 * warnings
    assert all("JwtScopes=require" in call.args[0] for call in warning.call_args_list)


def test_the_door_and_the_other_routes_share_their_limits() -> None:
    with patch.dict("os.environ", {**ENVIRONMENT, "CLIENT_RATES": "browser=5"}):
        runtime = Runtime()
        assert runtime.door.limits is runtime.guard.limits
        assert runtime.door.secrets == (ENVIRONMENT["STOREFRONT_SECRETS"],)
        assert "https://shop.example" in runtime.door.origins.allowed


@pytest.mark.parametrize(("patience", "expected_s"), [({}, READS_S), ({"READ_PATIENCE_SECONDS": "5"}, 5.0)])
def test_a_request_reads_for_as_long_as_the_environment_says(patience: dict[str, str], expected_s: float) -> None:
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "READ_PATIENCE_SECONDS"} | patience
    with patch.dict("os.environ", environment, clear=True):
        assert Runtime().waiting.patience_s == expected_s


@pytest.mark.parametrize(
    ("patience", "exposures_s", "archive_s"),
    [({}, (0.1, 0.1), (2, 10)), ({"CALL_PATIENCE_SECONDS": "5"}, (5, 5), (5, 10))],
)
def test_no_call_gives_up_before_the_environment_says_so(
    patience: dict[str, str], exposures_s: tuple[float, float], archive_s: tuple[float, float]
) -> None:
    asked: dict[str, Any] = {}

    def clients(service: str, config: Any) -> object:
        asked[service] = config
        return object()

    with patch.dict("os.environ", ENVIRONMENT | patience):
        runtime = Runtime(clients=clients)
        _ = runtime.exposures, runtime.archive_files
    limits = {service: (config.connect_timeout, config.read_timeout) for service, config in asked.items()}
    assert limits == {"firehose": exposures_s, "s3": archive_s}
    assert asked["firehose"].retries == {"mode": "standard", "total_max_attempts": 1}
