"""Which way a rebuild goes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from endcap.cost.rebuilds import LambdaLimits, RebuildSize
from endcap_rebuild.lambda_job.inputs import Inputs
from endcap_rebuild.lambda_job.plan import plan
from endcap_rebuild.sagemaker.contract import Choices

FAST = Choices(budget="fast")
SMALL = Inputs(RebuildSize(items=1_000, events=50_000), (), encoders=True)
LIMITS = LambdaLimits(3_008)


def test_what_fits_is_one_call() -> None:
    made = plan("auto", FAST, SMALL, LIMITS)
    assert (made.way, made.why) == ("lambda", "one call has what it needs")
    assert 0 < made.seconds < 840


@pytest.mark.parametrize(
    ("choices", "inputs", "why"),
    [
        (Choices(budget="full"), SMALL, "torch"),
        (replace(FAST, student=True), SMALL, "torch"),
        (FAST, replace(SMALL, unreadable=(".parquet",)), ".parquet"),
        (FAST, replace(SMALL, encoders=False), "no text encoder"),
        (FAST, replace(SMALL, size=RebuildSize(items=500_000, events=0)), "time"),
    ],
)
def test_what_one_call_can_not_do_is_a_training_job(choices: Choices, inputs: Inputs, why: str) -> None:
    made = plan("auto", choices, inputs, LIMITS)
    assert made.way == "sagemaker"
    assert why in made.why


def test_who_asks_for_a_way_gets_it_and_is_told_what_speaks_against_it() -> None:
    assert plan("sagemaker", FAST, SMALL, LIMITS).way == "sagemaker"
    asked = plan("lambda", FAST, replace(SMALL, encoders=False), LIMITS)
    assert asked.way == "lambda"
    assert "though no text encoder" in asked.why
