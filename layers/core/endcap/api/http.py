"""HTTP as every function speaks it: bodies checked before use, and problem+json (RFC 9457) on every error."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2
from pydantic_core import to_json

from endcap.errors import (
    ConflictError,
    DependencyError,
    EncoderError,
    EndcapError,
    FieldError,
    ForbiddenError,
    InvalidInputError,
    InvalidRequestError,
    NotConfiguredError,
    NotFoundError,
    PreconditionError,
    SnapshotError,
    SnapshotMissingError,
    StoredDataError,
    ThrottledError,
    TooManyRequestsError,
    UnauthorisedError,
    UnderWayError,
)
from endcap.identifiers import anonymous_id_of, anonymous_key, clean_id
from endcap.observability import fault, logger, metrics
from endcap.validation import json_value

MAX_BODY_BYTES = 256 * 1024
RETRY_AFTER_S = 1


class BodyTooLargeError(InvalidRequestError):
    """The body is larger than it may be."""


def http_app() -> APIGatewayHttpResolver:
    """A Powertools resolver whose every error is a problem+json."""
    app = APIGatewayHttpResolver()
    app.exception_handler(EndcapError)(_endcap_problem)
    app.exception_handler(Exception)(_unexpected_problem)
    app.not_found(lambda _: problem(HTTPStatus.NOT_FOUND, "there is nothing at this path"))
    return app


def resolve(
    app: APIGatewayHttpResolver,
    event: dict[str, Any],
    context: Any,
    admit: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:
    """`app`'s answer to an HTTP API event of payload version 2, or why it gives none.

    Parameters
    ----------
    admit : lets the event through, or raises

    Powertools matches paths with a pattern that leaves out many characters an id may hold, so the path it sees is put
    together anew from the route's template and the quoted parameters; routes unquote what they are given.
    """
    metrics.add_metric("Requests", MetricUnit.Count, 1)
    try:
        if admit is not None:
            admit(event)
    except EndcapError as exc:
        return gateway_answer(_endcap_problem(exc))
    except Exception as exc:
        return gateway_answer(_unexpected_problem(exc))
    template = event.get("routeKey", "").partition(" ")[2]
    if template:
        path = template
        for name, value in (event.get("pathParameters") or {}).items():
            path = path.replace("{" + name + "}", quote(value, safe="", errors="surrogatepass"))
        event = {**event, "rawPath": path}
        event["requestContext"] = {**event["requestContext"], "stage": "$default"}
    return app.resolve(event, context)


def gateway_answer(response: Response[str]) -> dict[str, Any]:
    """An answer as the gateway takes it, for requests that reach no route."""
    headers = {**response.headers, "Content-Type": response.content_type} if response.content_type else response.headers
    return {
        "statusCode": response.status_code,
        "headers": headers,
        "body": response.body or "",
        "isBase64Encoded": False,
    }


def path_id(quoted: str) -> str:
    """The id that a path parameter names, in the form that events and items keep it in.

    Raises
    ------
    InvalidRequestError : it can't be an id
    """
    try:
        return clean_id(unquote(quoted))
    except ValueError as exc:
        raise InvalidRequestError([FieldError(field="path", message=f"the id {exc}")]) from None


def path_user(quoted: str) -> str:
    """The profile key that a path parameter names: a user's id, or `anon:` and an anonymous id.

    Raises
    ------
    InvalidRequestError : it can't be one
    """
    anonymous_id = anonymous_id_of(unquote(quoted))
    return path_id(quoted) if anonymous_id is None else anonymous_key(path_id(quote(anonymous_id, safe="")))


def json_body(event: APIGatewayProxyEventV2, most: int = MAX_BODY_BYTES) -> Any:
    """The JSON value of the request's body.

    Parameters
    ----------
    most : bytes that it may take

    Raises
    ------
    BodyTooLargeError : it takes more
    InvalidRequestError : no JSON, nested deeper than 16, NaN or infinite numbers, lone surrogates
    """
    return json_value(raw_body(event, most), "the body")


def raw_body(event: APIGatewayProxyEventV2, most: int = MAX_BODY_BYTES) -> bytes:
    """The request's body as it was sent.

    Raises
    ------
    BodyTooLargeError : it takes more than `most` bytes
    InvalidRequestError : the gateway's copy of it can't be read
    """
    raw: str = event.get("body") or ""
    too_large = BodyTooLargeError(f"the body may take at most {most // 1024} KB")
    if len(raw) > most * 4 // 3 + 4:
        raise too_large
    try:
        data = base64.b64decode(raw, validate=True) if event.get("isBase64Encoded") else raw.encode()
    except (binascii.Error, ValueError):
        raise InvalidRequestError("the body is not UTF-8 text") from None
    if len(data) > most:
        raise too_large
    return data


def problem(
    status: HTTPStatus, detail: str, errors: list[FieldError] | None = None, **extensions: Any
) -> Response[str]:
    """A problem+json answer, https://www.rfc-editor.org/rfc/rfc9457."""
    body: dict[str, Any] = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    if errors:
        body["errors"] = errors
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status in (503, 429) else {}
    if "allow" in extensions:
        headers["Allow"] = extensions.pop("allow")
    return Response(
        status_code=status.value,
        content_type="application/problem+json",
        # Clients can name fields with lone surrogates, which no answer can hold.
        body=json.dumps(body | extensions, ensure_ascii=False).encode(errors="replace").decode(),
        headers=headers,
    )


def json_answer(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Response[str]:
    """A JSON answer that nobody but the client may keep."""
    return Response(
        status_code=status.value,
        content_type="application/json",
        body=to_json(value).decode(),
        headers={"Cache-Control": "private, no-store"},
    )


def _endcap_problem(exc: EndcapError) -> Response[str]:
    match exc:
        case BodyTooLargeError():
            return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(exc))
        case InvalidInputError():
            return problem(HTTPStatus.BAD_REQUEST, "the request can't be used as it is", exc.errors)
        case UnauthorisedError():
            return _with_headers(problem(HTTPStatus.UNAUTHORIZED, str(exc)), **{"WWW-Authenticate": _OWN_SCHEME})
        case ForbiddenError():
            refusal = problem(HTTPStatus.FORBIDDEN, str(exc))
            return _with_headers(refusal, **_challenge(exc.scopes)) if exc.scopes else refusal
        case TooManyRequestsError():
            metrics.add_metric("RequestsLimited", MetricUnit.Count, 1)
            limited = problem(HTTPStatus.TOO_MANY_REQUESTS, str(exc))
            return _with_headers(limited, **{"Retry-After": str(exc.retry_after_s)})
        case NotFoundError():
            return problem(HTTPStatus.NOT_FOUND, str(exc))
        case PreconditionError():
            status = HTTPStatus.PRECONDITION_FAILED if exc.given else HTTPStatus.PRECONDITION_REQUIRED
            return problem(status, str(exc), None, **({"etag": exc.etag} if exc.etag else {}))
        case NotConfiguredError() | UnderWayError():
            return problem(HTTPStatus.CONFLICT, str(exc))
        case ConflictError() | ThrottledError() | DependencyError():
            logger.warning("dependency failed", extra={"error": str(exc)})
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "a service that this needs is busy; try again")
        case StoredDataError():  # no outage: trying again would not help
            logger.error("stored data not readable", extra={"error": str(exc)})
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "what is stored can't be read; this is logged")
        case SnapshotMissingError():
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(exc))
        case SnapshotError() | EncoderError():
            logger.exception("no usable snapshot")
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, "no usable snapshot; try again later")
        case _:
            return _unexpected_problem(exc)


_OWN_SCHEME = 'Endcap error="invalid_token"'  # a 401 has to name one, and the tokens come in headers of their own


def _challenge(scopes: Sequence[str]) -> dict[str, str]:
    """https://www.rfc-editor.org/rfc/rfc6750#section-3.1"""
    return {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{" ".join(scopes)}"'}


def _with_headers(response: Response[str], **headers: str) -> Response[str]:
    response.headers.update(headers)
    return response


def _unexpected_problem(exc: Exception) -> Response[str]:
    fault("unexpected error", exc)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "an unexpected error, logged under this request's id")
