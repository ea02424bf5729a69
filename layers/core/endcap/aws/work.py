"""Work that operators start and others do: promotions, and rebuilds of the stack's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from endcap.aws.clients import aws_errors
from endcap.errors import NotConfiguredError


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

    def running(self) -> list[tuple[str, int]]:
        """Name and start, in milliseconds, of those that have not ended.

        Raises
        ------
        ThrottledError, DependencyError
        """
        if not self._arn:
            return []
        with aws_errors("list rebuilds"):
            answer = self._states.list_executions(stateMachineArn=self._arn, statusFilter="RUNNING", maxResults=10)
        return [(one["name"], int(one["startDate"].timestamp() * 1000)) for one in answer["executions"]]
