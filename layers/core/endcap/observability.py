"""One logger, tracer and set of metrics for every function.

Ids of users never go into logs, traces or metric dimensions: user ids are personal data, and dimensions cost money by
distinct value. The tracer records no responses or exceptions for the same reason (set in the template).
"""

from __future__ import annotations

import os
import traceback
from pathlib import PurePath

from aws_lambda_powertools import Logger, Metrics, Tracer

logger = Logger()
metrics = Metrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "endcap"))
tracer = Tracer()


def fault(what: str, exc: BaseException) -> None:
    """Log what kind of thing went wrong and where in the code; not its message, which may repeat what somebody sent."""
    places = [f"{PurePath(f.filename).name}:{f.lineno} {f.name}" for f in traceback.extract_tb(exc.__traceback__)]
    logger.error(what, extra={"error": type(exc).__name__, "at": places[-12:]}, stacklevel=2)
