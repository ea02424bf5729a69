"""What a person reads when AWS refuses, or the SDK has nothing to ask with."""

from __future__ import annotations

import pytest
from botocore import exceptions

from endcap.aws.clients import aws_errors
from endcap.errors import EndcapError
from endcap_local.aws_setup import ADVICE, in_words

NO_STACK = "Stack with id nowhere does not exist"


def wrapped(error: Exception) -> EndcapError:
    with pytest.raises(EndcapError) as caught, aws_errors("read the outputs of nowhere"):
        raise error
    return caught.value


def test_a_service_s_own_message_is_brought_along_with_what_to_do() -> None:
    answer = {"Error": {"Code": "ValidationError", "Message": NO_STACK}}
    refused = exceptions.ClientError(answer, "DescribeStacks")  # type: ignore[arg-type]
    assert in_words(wrapped(refused)) == (
        f"read the outputs of nowhere: ValidationError: {NO_STACK}; {ADVICE['ValidationError']}"
    )


def test_an_unknown_code_keeps_its_message() -> None:
    refused = exceptions.ClientError({"Error": {"Code": "Odd", "Message": "why"}}, "DescribeStacks")
    assert in_words(wrapped(refused)) == "read the outputs of nowhere: Odd: why"


def test_lacking_credentials_and_regions_say_what_to_do() -> None:
    told = in_words(wrapped(exceptions.NoCredentialsError()))
    assert told.endswith(f": NoCredentialsError: Unable to locate credentials; {ADVICE['NoCredentialsError']}")
    assert in_words(exceptions.NoRegionError()) == f"You must specify a region; {ADVICE['NoRegionError']}"


def test_other_errors_are_left_as_they_are() -> None:
    assert in_words(EndcapError("no such snapshot.")) == "no such snapshot."
    assert in_words(wrapped(exceptions.ReadTimeoutError(endpoint_url="https://x"))).count("ReadTimeoutError") == 1


def test_what_is_advised_about_exists() -> None:
    named = {name for name in ADVICE if name.endswith(("Error", "NotFound")) and name != "ValidationError"}
    assert all(hasattr(exceptions, name) for name in named)
