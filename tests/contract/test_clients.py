"""Clients that end with their invocation, and AWS errors by what can be done about them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from endcap.aws.clients import BATCH, aws_errors, ending_with
from endcap.batch import Deadline
from endcap.errors import ConflictError, DeadlineError, DependencyError, NotFoundError, RefusedError, ThrottledError
from tests.fakes import moto_stack
from tests.fakes.failing_calls import FailingCalls


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "mallory"}}, "Call")


@pytest.mark.parametrize(
    ("raised", "becomes"),
    [
        (client_error("ConditionalCheckFailedException"), ConflictError),
        (client_error("PreconditionFailed"), ConflictError),
        (client_error("NoSuchKey"), NotFoundError),
        (client_error("ProvisionedThroughputExceededException"), ThrottledError),
        (client_error("SlowDown"), ThrottledError),
        (client_error("ValidationException"), RefusedError),
        (client_error("InvalidArgumentException"), RefusedError),
        (client_error("ResourceNotFoundException"), DependencyError),
        (client_error("AccessDeniedException"), DependencyError),
        (ParamValidationError(report="mallory"), RefusedError),
        (ReadTimeoutError(endpoint_url="https://mallory"), DependencyError),
        (ResponseParserError("mallory"), DependencyError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_aws_errors_become_ours_and_repeat_nothing_of_the_call(raised: Exception, becomes: type) -> None:
    with pytest.raises(becomes) as told, aws_errors("call"):
        raise raised
    assert type(told.value) is becomes
    assert "mallory" not in str(told.value)


class TestEndingWithTheInvocation:
    @pytest.fixture
    def aws(self, stack: None) -> Any:
        aws = FailingCalls()
        with aws.installed():
            yield aws

    @staticmethod
    def read(client: Any) -> None:
        with aws_errors("read"):
            client.get_item(TableName=moto_stack.PROFILES, Key={"user_id": {"S": "u"}})

    def test_no_call_is_sent_when_it_is_too_late(self, aws: FailingCalls) -> None:
        deadline = Deadline()
        client = ending_with(aws.client("dynamodb", BATCH), deadline)
        with deadline.within(aws.context("function", 60)):
            aws.sleep(44)
            self.read(client)
            aws.sleep(2)
            with pytest.raises(DeadlineError):
                self.read(client)
        assert len(aws.calls) == 1
        self.read(client)  # the invocation is over, and the next one has a time of its own

    def test_no_second_try_of_a_call_is_either(self, aws: FailingCalls) -> None:
        deadline = Deadline()
        client = ending_with(aws.client("dynamodb", BATCH), deadline)
        with deadline.within(aws.context("function", 60)), aws.failing("hang", "dynamodb.GetItem"):
            aws.sleep(42)
            with pytest.raises(DeadlineError):
                self.read(client)
        assert len(aws.calls) == 1
        assert aws.now_s < 60

    def test_a_stand_in_without_events_is_left_as_it_is(self) -> None:
        stand_in = SimpleNamespace()
        assert ending_with(stand_in, Deadline()) is stand_in
