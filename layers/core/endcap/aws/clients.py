"""boto3 clients with time limits, and AWS errors turned into ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.parsers import ResponseParserError

from endcap.batch import WRITERS, Deadline
from endcap.errors import (
    ConflictError,
    DeadlineError,
    DependencyError,
    NotFoundError,
    RefusedError,
    ThrottledError,
)

Clients = Callable[[str, Config], Any]
"""Makes the client of a service, with its limits of time."""

REQUEST_PATH = Config(
    connect_timeout=0.15, read_timeout=0.25, retries={"mode": "standard", "total_max_attempts": 2}, tcp_keepalive=True
)
"""For reads and writes that a caller waits for: two tries of at most 0.4 s, no more than a request may wait for all."""

SENDING = Config(
    connect_timeout=0.5, read_timeout=1.0, retries={"mode": "standard", "total_max_attempts": 2}, tcp_keepalive=True
)
"""For what a caller would have to send again, events and items: two tries of at most 1.5 s."""

LOADING = Config(
    connect_timeout=1.0, read_timeout=5.0, retries={"mode": "standard", "total_max_attempts": 2}, tcp_keepalive=True
)
"""For snapshots that are loaded beside the requests: two tries of at most 6 s a file, and what was fetched stays."""

BACKGROUND = Config(
    connect_timeout=2.0, read_timeout=10.0, retries={"mode": "standard", "total_max_attempts": 4}, tcp_keepalive=True
)
"""For calls whose answers may be large, such as snapshots, and that nobody waits for."""

BATCH = Config(
    connect_timeout=1.0,
    read_timeout=3.0,
    retries={"mode": "standard", "total_max_attempts": 2},
    tcp_keepalive=True,
    max_pool_connections=WRITERS,
)
"""For the small calls of functions that a queue or a stream waits for: two tries of at most 4 s, many side by side."""

BEST_EFFORT = Config(
    connect_timeout=0.1, read_timeout=0.1, retries={"mode": "standard", "total_max_attempts": 1}, tcp_keepalive=True
)
"""For calls that an answer must not wait for: one try of at most 0.2 s."""

_CONFLICT = {"ConditionalCheckFailedException", "PreconditionFailed", "412", "ConditionalRequestConflict", "409"}
# Of an object; a missing table or stream is a fault of the stack.
_MISSING = {"NoSuchKey", "NoSuchVersion", "404", "NotFound"}
_THROTTLED = {
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "ServiceUnavailableException",
    "TooManyRequestsException",
    "ThrottledException",
    "Throttling",
}
_REFUSED = {"ValidationException", "InvalidArgumentException", "InvalidMessageContents", "InvalidParameterValue"}


def client(service: str, config: Config = REQUEST_PATH) -> Any:
    """A boto3 client for `service`."""
    return boto3.client(service, config=config)  # type: ignore[call-overload]


def patient(clients: Clients, seconds: float) -> Clients:
    """`clients` with limits of no less than `seconds`, for services that share a busy machine with their callers."""

    def made(service: str, config: Config) -> Any:
        limits = {name: max(seconds, getattr(config, name)) for name in ("connect_timeout", "read_timeout")}
        return clients(service, config.merge(Config(**limits)))

    return made


class _TooLateError(BotoCoreError):
    fmt = "the invocation's time is nearly over"


def ending_with(client: Any, deadline: Deadline) -> Any:
    """`client`, which from now on sends no call, and no further try of one, that is too late."""

    def refuse(**_: object) -> None:
        if deadline.ends_calls:
            raise _TooLateError

    if hasattr(client, "meta"):  # stand-ins have no events
        client.meta.events.register_first("before-send", refuse)
    return client


@contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """Turn botocore's errors into Endcap's, by code.

    Raises
    ------
    ConflictError, NotFoundError, ThrottledError, RefusedError, DeadlineError, DependencyError
    """
    try:
        yield
    except ClientError as exc:
        code = exc.response.get("Error", {}).get("Code", "")
        message = f"{what}: {code}"
        if code in _CONFLICT:
            raise ConflictError(message) from exc
        if code in _MISSING:
            raise NotFoundError(message) from exc
        if code in _THROTTLED:
            raise ThrottledError(message) from exc
        if code in _REFUSED:
            raise RefusedError(message) from exc
        raise DependencyError(message) from exc
    except _TooLateError as exc:
        raise DeadlineError(f"{what}: {exc}") from exc
    except ParamValidationError as exc:  # its text repeats the parameters
        raise RefusedError(f"{what}: {type(exc).__name__}") from None
    except (BotoCoreError, Boto3Error, ResponseParserError) as exc:
        raise DependencyError(f"{what}: {type(exc).__name__}") from exc
