"""Work that operators start and others do: promotions, and rebuilds of the stack's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

from endcap.aws.clients import aws_errors
from endcap.errors import EndcapError, NotConfiguredError

LOOKED_AT: Final = 20
"""Of the latest rebuilds, running ones among them: one that has ended is looked for."""
_UNDER_WAY: Final = ("RUNNING", "PENDING_REDRIVE")
_DONE: Final = "SUCCEEDED"
_LATEST: Final = 50
"""Of an execution's events: a state that waits may have brought about as many since it was entered."""

Step = Literal["export", "prepare", "learn", "promote"]
STEPS: Final[Mapping[str, Step]] = {
    "Defaults": "export",
    "StartExport": "export",
    "WaitForExport": "export",
    "LookForEvents": "prepare",
    "Plan": "prepare",
    "Job": "prepare",
    "WaitForCapacity": "prepare",
    "Rebuild": "learn",
    "Train": "learn",
    "TrainInVpc": "learn",
    "Promote": "promote",
}
"""What a rebuild does from when it enters these states of infra/rebuild.asl.yaml."""


@dataclass(frozen=True, slots=True)
class Running:
    """A rebuild that has not ended.

    Attributes
    ----------
    step : what it does right now, None where that can't be read
    """

    name: str
    since_ms: int
    step: Step | None


@dataclass(frozen=True, slots=True)
class Ended:
    """A rebuild that has ended.

    Attributes
    ----------
    failure : why it failed, "" where it did not
    """

    name: str
    began_ms: int
    ended_ms: int
    failure: str


class Promotions:
    """The function that makes snapshots current; it is not waited for.

    Parameters
    ----------
    lambda_ : a boto3 Lambda client
    """

    def __init__(self, lambda_: Any, function: str) -> None:
        self._lambda, self._function = lambda_, function

    def start(self, event: Mapping[str, Any]) -> None:
        """Have it act on an event.

        Raises
        ------
        NotConfiguredError : nobody has said which function it is
        ThrottledError, DependencyError
        """
        if not self._function:
            raise NotConfiguredError("this stack can't promote from here")
        with aws_errors("start a promotion"):
            self._lambda.invoke(FunctionName=self._function, InvocationType="Event", Payload=json.dumps(event).encode())


class Rebuilds:
    """The state machine that rebuilds.

    Parameters
    ----------
    states : a boto3 Step Functions client
    arn : empty where the stack has none
    """

    def __init__(self, states: Any, arn: str) -> None:
        self._states, self._arn = states, arn

    @property
    def configured(self) -> bool:
        """Whether there is one."""
        return bool(self._arn)

    def start(self, name: str) -> None:
        """Start a rebuild of this name.

        Raises
        ------
        NotConfiguredError : the stack has no rebuild of its own
        ThrottledError, DependencyError
        """
        if not self._arn:
            raise NotConfiguredError("this stack has no rebuild of its own: deploy it with Rebuild=on")
        with aws_errors("start a rebuild"):
            self._states.start_execution(stateMachineArn=self._arn, name=name, input="{}")

    def running(self) -> list[Running]:
        """Those that have not ended.

        Raises
        ------
        ThrottledError, DependencyError
        """
        if not self._arn:
            return []
        with aws_errors("list rebuilds"):
            answer = self._states.list_executions(stateMachineArn=self._arn, statusFilter="RUNNING", maxResults=10)
        return [
            Running(one["name"], int(one["startDate"].timestamp() * 1000), self._step(one))
            for one in answer["executions"]
        ]

    def _step(self, execution: Mapping[str, Any]) -> Step | None:
        """What it does, by the state that it has entered last."""
        with suppress(EndcapError), aws_errors("read what a rebuild does"):
            told = self._states.get_execution_history(
                executionArn=execution["executionArn"],
                reverseOrder=True,
                maxResults=_LATEST,
                includeExecutionData=False,
            )
            entered = (one.get("stateEnteredEventDetails", {}).get("name") for one in told["events"])
            return next((STEPS[name] for name in entered if name in STEPS), None)
        return None

    def last_ended(self) -> Ended | None:
        """The latest one that is over; None where none is.

        Raises
        ------
        ThrottledError, DependencyError
        """
        if not self._arn:
            return None
        with aws_errors("list rebuilds"):
            answer = self._states.list_executions(stateMachineArn=self._arn, maxResults=LOOKED_AT)
        over = (one for one in answer["executions"] if one["status"] not in _UNDER_WAY)
        if (last := next(over, None)) is None:
            return None
        began_ms, ended_ms = (int(last[name].timestamp() * 1000) for name in ("startDate", "stopDate"))
        failure = "" if last["status"] == _DONE else self._why(last)
        return Ended(last["name"], began_ms, ended_ms, failure)

    def _why(self, execution: Mapping[str, Any]) -> str:
        """Why one has failed, or how it ended where that can't be read."""
        with suppress(EndcapError), aws_errors("describe a rebuild"):
            told = self._states.describe_execution(executionArn=execution["executionArn"])
            return str(told.get("cause") or told.get("error") or execution["status"])
        return str(execution["status"])
