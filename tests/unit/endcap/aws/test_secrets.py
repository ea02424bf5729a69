"""The keys of pseudonyms: how often they are read, and what stays when they can't be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from endcap.aws.secrets import KEPT_S, PseudonymSecret
from endcap.errors import DependencyError, ThrottledError
from endcap.pseudonyms import PseudonymKeys

FIRST = {"1": "k" * 32}
BOTH = {**FIRST, "2": "l" * 32}


class Secrets:
    """Secrets Manager with one secret, on a clock."""

    def __init__(self) -> None:
        self.said: Any = {"SecretString": json.dumps(FIRST)}
        self.asked, self.now_s = list[str](), 100.0
        self.secret = PseudonymSecret(self, "the-arn", lambda: self.now_s)

    def get_secret_value(self, SecretId: str) -> Any:
        self.asked.append(SecretId)
        if isinstance(self.said, str):
            raise ClientError({"Error": {"Code": self.said}}, "GetSecretValue")
        return self.said

    def numbers(self) -> list[int]:
        return list(self.secret.get().by_number)


def test_keys_are_read_once_an_hour() -> None:
    secrets = Secrets()
    assert KEPT_S == 3600.0
    assert [secrets.numbers() for _ in range(3)] == [[1]] * 3
    secrets.said = {"SecretString": json.dumps(BOTH)}
    secrets.now_s += 3599.9
    assert secrets.numbers() == [1]
    secrets.now_s += 0.1
    assert [secrets.numbers(), secrets.numbers()] == [[1, 2]] * 2
    assert secrets.asked == ["the-arn"] * 2
    secrets.now_s += 3599.9
    assert (secrets.numbers(), len(secrets.asked)) == ([1, 2], 2)


def test_keys_are_read_at_once_whatever_the_clock_says() -> None:
    secrets = Secrets()
    secrets.now_s = -5.0
    assert secrets.numbers() == [1]
    secrets.now_s = 0.0
    assert (secrets.numbers(), len(secrets.asked)) == ([1], 1)


@pytest.mark.parametrize(
    "said", ["ThrottlingException", "AccessDeniedException", {"SecretString": "no json"}, {}, {"SecretString": None}]
)
def test_what_can_not_be_read_again_leaves_what_was_known_for_another_hour(said: Any) -> None:
    secrets = Secrets()
    secrets.numbers()
    secrets.said = said
    secrets.now_s += 3600
    assert [secrets.numbers() for _ in range(3)] == [[1]] * 3
    assert len(secrets.asked) == 2
    secrets.said = {"SecretString": json.dumps(BOTH)}
    secrets.now_s += 3600
    assert secrets.numbers() == [1, 2]


def test_what_was_never_read_is_an_error_and_asked_for_each_time() -> None:
    secrets = Secrets()
    for said, error in (("ThrottlingException", ThrottledError), ({"SecretBinary": b"k"}, DependencyError)):
        secrets.said = said
        with pytest.raises(error):
            secrets.secret.get()
    assert len(secrets.asked) == 2
    secrets.said = {"SecretString": json.dumps(FIRST)}
    assert secrets.secret.get() == PseudonymKeys({1: b"k" * 32})


def test_reading_gives_what_is_there_now_whatever_is_kept() -> None:
    secrets = Secrets()
    secrets.numbers()
    secrets.said = {"SecretString": json.dumps(BOTH)}
    assert list(secrets.secret.read().by_number) == [1, 2]
    assert secrets.numbers() == [1]
    secrets.said = {}
    with pytest.raises(DependencyError, match=r"^the secret with the keys of pseudonyms: must be a JSON object"):
        secrets.secret.read()
