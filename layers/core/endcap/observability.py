"""One logger, tracer and set of metrics for every function.

Ids of users never go into logs, traces or metric dimensions: user ids are personal data, and dimensions cost money by
distinct value. The tracer records no responses or exceptions for the same reason (set in the template).
"""

from __future__ import annotations

import os

from aws_lambda_powertools import Logger, Metrics, Tracer

logger = Logger()
metrics = Metrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "endcap"))
tracer = Tracer()
