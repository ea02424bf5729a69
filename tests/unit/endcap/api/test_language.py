from __future__ import annotations

import pytest
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from endcap.api.language import language_asked
from endcap.errors import InvalidRequestError


def asked(parameter: str | None = None, accepted: str | None = None) -> str | None:
    event = {"headers": {} if accepted is None else {"Accept-Language": accepted}}
    if parameter is not None:
        event["queryStringParameters"] = {"language": parameter}
    return language_asked(APIGatewayProxyEventV2(event))


@pytest.mark.parametrize(
    ("parameter", "accepted", "language"),
    [
        (None, None, None),
        ("zh", "en", "zh"),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, "de, en-GB;q=0.5, zh;q=0.7", "zh"),
        (None, "zh;q=0, en;q=0.1", "en"),
        (None, "fr, *;q=0.1", None),
        (None, "en;q=x, zh;q=nan, zh ;q=inf", None),
        (None, ";;,=,zh", "zh"),
        (None, "", None),
    ],
)
def test_the_parameter_comes_before_the_header(
    parameter: str | None, accepted: str | None, language: str | None
) -> None:
    assert asked(parameter, accepted) == language


@pytest.mark.parametrize("parameter", ["", "de", "EN", "zh-CN"])
def test_another_language_is_refused(parameter: str) -> None:
    with pytest.raises(InvalidRequestError):
        asked(parameter)
