"""One logger, tracer and set of metrics for every function.

Ids of users never go into logs, traces or metric dimensions: user ids are personal data, and dimensions cost money by
distinct value. The tracer records no responses or exceptions for the same reason (set in the template).
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import PurePath
from typing import TypeVar, cast

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.shared.functions import strtobool

Handler = TypeVar("Handler", bound=Callable[..., object])


class Untraced:
    """In the place of a tracer that is switched off, which would import the X-Ray SDK: a fifth of a cold start."""

    def capture_lambda_handler(self, handler: Handler) -> Handler:
        """The handler itself."""
        return handler


logger = Logger()
metrics = Metrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "endcap"))
_disabled = strtobool(os.environ.get("POWERTOOLS_TRACE_DISABLED", "false"))
tracer = cast(Tracer, Untraced()) if _disabled else Tracer()


def fault(what: str, exc: BaseException) -> None:
    """Log what kind of thing went wrong and where in the code; not its message, which may repeat what somebody sent."""
    places = [f"{PurePath(f.filename).name}:{f.lineno} {f.name}" for f in traceback.extract_tb(exc.__traceback__)]
    logger.error(what, extra={"error": type(exc).__name__, "at": places[-12:]}, stacklevel=2)
