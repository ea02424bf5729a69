"""Which way a rebuild goes: one call of Lambda where it fits, else a training job of SageMaker."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from endcap.cost.rebuilds import LambdaLimits, lambda_seconds, needs_of, refusal
from endcap_rebuild.lambda_job.inputs import Inputs
from endcap_rebuild.sagemaker.contract import Choices

LAMBDA: Final = "lambda"
SAGEMAKER: Final = "sagemaker"
AUTO: Final = "auto"


@dataclass(frozen=True)
class Plan:
    """The way, why, and what it rests on."""

    way: str
    why: str
    seconds: float
    memory_mb: float
    storage_mb: float

    def document(self) -> dict[str, Any]:
        """For the state machine."""
        return asdict(self)


def plan(asked: str, choices: Choices, inputs: Inputs, limits: LambdaLimits) -> Plan:
    """Choose.

    Parameters
    ----------
    asked : "auto", or the way that is to be taken whatever the estimate says
    limits : of the function that would do it
    """
    needs = needs_of(inputs.size)
    objection = _objection(choices, inputs) or refusal(needs, limits)
    if asked == AUTO:
        way, why = (SAGEMAKER, objection) if objection else (LAMBDA, "one call has what it needs")
    else:
        way, why = asked, "asked for" + (f", though {objection}" if objection and asked == LAMBDA else "")
    return Plan(way, why, round(lambda_seconds(needs, limits)), round(needs.memory_mb), round(needs.storage_mb))


def _objection(choices: Choices, inputs: Inputs) -> str:
    """What no call of Lambda could do, however small the shop."""
    if choices.budget != "fast":
        return f"the budget {choices.budget} trains with torch"
    if choices.student:
        return "a student is trained with torch"
    if inputs.unreadable:
        return f"the archive holds files in {', '.join(inputs.unreadable)}"
    if not inputs.encoders:
        return "no text encoder is there yet: none was staged, and nothing was promoted"
    return ""
