"""The secret with the keys of pseudonyms, on moto."""

from __future__ import annotations

import json

import pytest

from endcap.aws.secrets import KEPT_S, PseudonymSecret
from endcap.errors import DependencyError
from tests.fakes import moto_stack

FIRST, SECOND = "k" * 64, "l" * 64


@pytest.fixture
def arn(stack: None) -> str:
    secretsmanager = moto_stack.client("secretsmanager")
    return str(secretsmanager.create_secret(Name="keys", SecretString=json.dumps({"1": FIRST}))["ARN"])


def say(arn: str, text: str) -> None:
    moto_stack.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=text)


def test_keys_are_kept_and_one_that_is_added_is_found_after_an_hour(arn: str) -> None:
    now_s = 0.0
    secret = PseudonymSecret(moto_stack.client("secretsmanager"), arn, lambda: now_s)
    assert secret.get().current == 1
    before = secret.get().of("ann")
    say(arn, json.dumps({"1": FIRST, "2": SECOND}))
    assert secret.get().current == 1
    now_s = KEPT_S
    assert secret.get().current == 2
    assert secret.get().of("ann", 1) == before
    say(arn, "damaged")
    now_s = 2 * KEPT_S
    assert secret.get().current == 2


@pytest.mark.parametrize("text", ["damaged", "{}", '{"1": "short"}'])
def test_what_is_no_key_can_be_mended(arn: str, text: str) -> None:
    say(arn, text)
    with pytest.raises(DependencyError) as caught:
        PseudonymSecret(moto_stack.client("secretsmanager"), arn).get()
    assert text not in str(caught.value) or text == "{}"


def test_no_secret_is_a_failure_that_may_pass(stack: None) -> None:
    with pytest.raises(DependencyError):
        PseudonymSecret(moto_stack.client("secretsmanager"), "none-such").get()
