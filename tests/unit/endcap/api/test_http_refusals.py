"""What refusals say: of those before any route, of bodies, scopes, shares and preconditions."""

from __future__ import annotations

import base64
import json
from typing import Any
from unittest.mock import patch

import pytest
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from endcap.api.http import MAX_BODY_BYTES, BodyTooLargeError, gateway_answer, http_app, raw_body, resolve
from endcap.errors import ForbiddenError, PreconditionError, TooManyRequestsError

EVENT = {"routeKey": "GET /things", "rawPath": "/things", "requestContext": {"http": {"method": "GET"}}}


def refused(error: Exception) -> tuple[dict[str, Any], dict[str, Any], list[Any]]:
    """Answer, its body and what was counted, of a request that is not let through."""

    def admit(_: object) -> None:
        raise error

    with patch("endcap.api.http.metrics") as metrics:
        answer = resolve(http_app(), EVENT, None, admit)
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    assert answer["isBase64Encoded"] is False
    return answer, json.loads(answer["body"]), metrics.add_metric.call_args_list


def test_a_scope_that_would_help_is_named_and_nothing_where_none_would() -> None:
    answer, _, _ = refused(ForbiddenError("no", ["endcap/serve", "endcap/look"]))
    assert answer["statusCode"] == 403
    assert (
        answer["headers"]["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="endcap/serve endcap/look"'
    )
    answer, _, _ = refused(ForbiddenError("no"))
    assert (answer["statusCode"], "WWW-Authenticate" in answer["headers"]) == (403, False)


def test_who_had_their_share_is_counted_once_and_told_when_to_come_again() -> None:
    answer, _, counted = refused(TooManyRequestsError("slowly", 7))
    assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (429, "7")
    assert [call.args for call in counted if call.args[0] == "RequestsLimited"] == [
        ("RequestsLimited", MetricUnit.Count, 1)
    ]


def test_what_nobody_foresaw_before_a_route_is_an_answer_that_tells_nothing() -> None:
    answer, body, _ = refused(ZeroDivisionError("secret"))
    assert (answer["statusCode"], body["status"]) == (500, 500)
    assert "secret" not in answer["body"]


@pytest.mark.parametrize(("given", "status"), [(True, 412), (False, 428)])
def test_a_precondition_that_fails_is_told_from_one_that_is_missing(given: bool, status: int) -> None:
    answer, body, _ = refused(PreconditionError("changed", '"now"', given=given))
    assert (answer["statusCode"], body["etag"]) == (status, '"now"')
    assert "etag" not in refused(PreconditionError("gone", given=given))[1]


@pytest.mark.parametrize("base64_encoded", [False, True])
@pytest.mark.parametrize("most", [MAX_BODY_BYTES, 32 * 1024])
def test_a_body_that_is_too_large_is_told_how_large_it_may_be(most: int, base64_encoded: bool) -> None:
    for size in (most + 1, 4 * most):
        data = b"x" * size
        body = base64.b64encode(data).decode() if base64_encoded else data.decode()
        event = APIGatewayProxyEventV2({**EVENT, "body": body, "isBase64Encoded": base64_encoded})
        with pytest.raises(BodyTooLargeError, match=f"at most {most // 1024} KB"):
            raw_body(event, most)


def test_an_answer_without_a_body_or_a_type_has_none() -> None:
    from aws_lambda_powertools.event_handler import Response

    answer = gateway_answer(Response(status_code=204, headers={"A": "b"}))
    assert answer == {"statusCode": 204, "headers": {"A": "b"}, "body": "", "isBase64Encoded": False}
