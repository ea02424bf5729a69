"""Runs a state machine in moto's interpreter of the Amazon States Language, with the services played by functions.

The interpreter does paths, intrinsic functions, choices, retries and catches; here every call of a service is checked
against botocore's model of it and handed to a function. Nothing waits: waiting states and retries pass at once.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any
from unittest.mock import patch

import botocore.session
from botocore.validate import ParamValidator
from moto.core.config import default_user_config
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (
    StateTaskServiceLambda,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sqs import (
    StateTaskServiceSqs,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_unsupported import (
    StateTaskServiceUnsupported,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

from tests.fakes.moto_stack import client

Service = Callable[[Mapping[str, Any]], Any]
"""Parameters of a call -> its answer."""

_ROLE = "arn:aws:iam::123456789012:role/rebuild"
_TASKS = (StateTaskServiceAwsSdk, StateTaskServiceLambda, StateTaskServiceSqs, StateTaskServiceUnsupported)


class ServiceError(Exception):
    """What a service answers instead, as Step Functions names it."""

    def __init__(self, error: str, cause: str) -> None:
        self.error, self.cause = error, cause
        super().__init__(error, cause)


@dataclass(frozen=True)
class Execution:
    """How an execution ended, and the names of the states it went through in their order."""

    status: str
    output: Any
    error: str
    cause: str
    states: tuple[str, ...]


def run_machine(
    definition: Mapping[str, Any], given: Mapping[str, Any], services: Mapping[str, Service], name: str = "run-1"
) -> Execution:
    """Run a definition to its end, inside `moto_stack.stack()`.

    Parameters
    ----------
    services : functions by "service.action" in boto3's names
    """
    sfn = client("stepfunctions")
    with _played(services) as mistakes:
        machine = sfn.create_state_machine(name=f"machine-{name}", definition=json.dumps(definition), roleArn=_ROLE)
        started = sfn.start_execution(stateMachineArn=machine["stateMachineArn"], name=name, input=json.dumps(given))
        ended = sfn.describe_execution(executionArn=started["executionArn"])
        events = sfn.get_execution_history(executionArn=started["executionArn"])["events"]
    assert not mistakes, mistakes
    states = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
    output = json.loads(ended["output"]) if ended.get("output") else None
    return Execution(ended["status"], output, ended.get("error", ""), ended.get("cause", ""), tuple(states))


@contextmanager
def _played(services: Mapping[str, Service]) -> Iterator[list[str]]:
    """The services in place; gives what calls were wrong, as a machine may catch that too."""
    mistakes: list[str] = []

    def call(
        task: Any, env: Any, resource_runtime_part: Any, normalised_parameters: Any, state_credentials: Any
    ) -> None:
        service, action = task._get_boto_service_name(), task._get_boto_service_action()
        parameters = dict(normalised_parameters)
        if isinstance(parameters.get("MessageBody"), dict):  # which Step Functions writes as JSON
            parameters["MessageBody"] = json.dumps(parameters["MessageBody"])
        mistakes.extend(_mistakes(service, task.resource.api_action, parameters))
        try:
            answer = services[f"{service}.{action}"](parameters)
        except ServiceError as exc:
            details = TaskFailedEventDetails(
                resource=task._get_sfn_resource(),
                resourceType=task._get_sfn_resource_type(),
                error=exc.error,
                cause=exc.cause,
            )
            name = CustomErrorName(None) if exc.error.startswith("States.") else CustomErrorName(exc.error)
            name.error_name = exc.error
            failure = FailureEvent(env, name, HistoryEventType.TaskFailed, EventDetails(taskFailedEventDetails=details))
            raise FailureEventException(failure) from exc
        env.stack.append(answer)

    def ended(task: Any, env: Any, **_: Any) -> Callable[[], Any]:
        answer = env.stack.pop()
        return lambda: answer

    logging.getLogger("moto.stepfunctions").setLevel(logging.ERROR)  # it warns of services that it knows by their SDK
    with ExitStack() as patches:
        for task in _TASKS:
            patches.enter_context(patch.object(task, "_eval_service_task", call))
        patches.enter_context(
            patch.object(StateTaskServiceUnsupported, "_assert_integration_pattern_is_supported", lambda _: None)
        )
        patches.enter_context(patch.object(StateTaskServiceUnsupported, "_build_sync_resolver", ended))
        patches.enter_context(patch.object(WaitFunction, "_wait_interval", lambda *_, **__: None))
        patches.enter_context(patch.object(retrier_decl.time, "sleep", lambda _: None))
        patches.enter_context(patch.object(ExecutionWorker, "start", ExecutionWorker._execution_logic))
        patches.enter_context(patch.dict(default_user_config, {"stepfunctions": {"execute_state_machine": True}}))
        patches.enter_context(patch.object(AmazonStateLanguageParser, "parse", _parsed))
        yield mistakes


_parsed = lru_cache(maxsize=16)(AmazonStateLanguageParser.parse)
"""What moto reads several times for each execution, for seconds: what an execution does is kept in its environment."""


@cache
def _model(service: str) -> Any:
    """What botocore knows of a service; megabytes to read for some."""
    return botocore.session.get_session().get_service_model(service, api_version=None)


def _mistakes(service: str, action: str, parameters: Mapping[str, Any]) -> Iterator[str]:
    """Unknown, missing and mistyped parameters of a call."""
    shape = _model(service).operation_model(action[0].upper() + action[1:]).input_shape
    unknown = set(parameters) - set(shape.members)
    report = ParamValidator().validate(parameters, shape)
    if unknown or report.has_errors():
        yield f"{service}.{action}: unknown {sorted(unknown)}; {report.generate_report()}"
