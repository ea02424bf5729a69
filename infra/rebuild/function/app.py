"""Rebuilds the snapshot from what an execution of the state machine has exported, where one call is enough for that.

Trigger: the rebuild's state machine, with `step`, `execution`, `hyperparameters` and `way`
    {"step": "plan", ...}      say which way to go, and stage the code for a training job
    {"step": "rebuild", ...}   rebuild and publish; {"handed_over": why} where a training job has to
Guarantee: what is published is whole, its manifest written last; promote checks it before it is served.
Retry: safe; a rebuild that is tried again publishes another version.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.aws.clients import BACKGROUND, client
from endcap.cost.rebuilds import LambdaLimits
from endcap.errors import InvalidInputError
from endcap.observability import logger
from endcap_rebuild.lambda_job.code import stage
from endcap_rebuild.lambda_job.inputs import inputs_of
from endcap_rebuild.lambda_job.plan import plan
from endcap_rebuild.lambda_job.run import rebuild_here
from endcap_rebuild.sagemaker.contract import choices_of
from endcap_rebuild.sagemaker.publishing import Publisher

FOLDER: Final = Path(tempfile.gettempdir()) / "endcap-rebuild"


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    bucket = Publisher(client("s3", BACKGROUND), os.environ["DATA_BUCKET"])
    memory_mb = int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
    execution, choices = str(event["execution"]), choices_of(event["hyperparameters"])
    if event["step"] == "plan":
        limits = LambdaLimits(memory_mb, int(os.environ["STORAGE_MB"]))
        made = plan(str(event["way"]), choices, inputs_of(bucket, execution), limits)
        logger.info("planned", extra=made.document())
        return {**made.document(), "code": stage(bucket)}
    if event["step"] != "rebuild":
        raise InvalidInputError(f"no such step: {event['step']!r}")
    encoders = Path(os.environ["ENDCAP_ENCODERS"])
    return rebuild_here(
        bucket, execution, choices, FOLDER, encoders, lambda: context.get_remaining_time_in_millis() / 1000, memory_mb
    )
