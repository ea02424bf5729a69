import base64
import json
from http import HTTPStatus
from unittest.mock import patch

import pytest
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2
from pydantic import BaseModel

from endcap.api.http import (
    MAX_BODY_BYTES,
    BodyTooLargeError,
    http_app,
    json_answer,
    json_body,
    path_id,
    path_user,
    problem,
    resolve,
)
from endcap.api.routes import ROUTES, allowed_methods
from endcap.errors import (
    ConflictError,
    DependencyError,
    EncoderError,
    EndcapError,
    InvalidRequestError,
    NotFoundError,
    SnapshotIntegrityError,
    SnapshotMissingError,
    ThrottledError,
)
from endcap.validation import MAX_DEPTH, parsed


def request(body=None, *, base64_encoded=False, route="POST /things/{thing}", path_parameters=None):
    event = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": "/as/sent",
        "pathParameters": path_parameters,
        "requestContext": {"stage": "prod", "http": {"method": route.split()[0]}},
        "isBase64Encoded": base64_encoded,
    }
    return event if body is None else {**event, "body": body}


def read(body, **options):
    return json_body(APIGatewayProxyEventV2(request(body, **options)))


def nested(depth):
    return "[" * depth + "]" * depth


class TestBody:
    @pytest.mark.parametrize("value", [{"a": [1, 2.5, "用", None, True]}, [], "text", 0])
    def test_plain_or_in_base64_is_read(self, value):
        text = json.dumps(value)
        assert read(text) == value
        assert read(base64.b64encode(text.encode()).decode(), base64_encoded=True) == value

    def test_may_begin_with_a_byte_order_mark(self):
        assert read("\ufeff{}") == {}

    def test_of_256_kb_is_read_and_a_larger_one_is_not(self):
        assert MAX_BODY_BYTES == 256 * 1024
        largest = base64.b64encode(b'"' + b"x" * (MAX_BODY_BYTES - 2) + b'"').decode()
        assert len(read(largest, base64_encoded=True)) == MAX_BODY_BYTES - 2
        assert len(read(json.dumps("x" * (MAX_BODY_BYTES - 2)))) == MAX_BODY_BYTES - 2
        for text in ("x" * (MAX_BODY_BYTES - 1), "用" * (MAX_BODY_BYTES // 3), "x" * 10 * MAX_BODY_BYTES):
            with pytest.raises(BodyTooLargeError):
                read(json.dumps(text, ensure_ascii=False))
        with pytest.raises(BodyTooLargeError):
            read(base64.b64encode(b"1" * (MAX_BODY_BYTES + 1)).decode(), base64_encoded=True)

    def test_may_nest_sixteen_deep(self):
        assert read(nested(MAX_DEPTH))
        assert read('{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH)
        for depth in (MAX_DEPTH + 1, 2000, 100_000):
            with pytest.raises(InvalidRequestError, match="deep"):
                read(nested(depth))

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "{'a': 1}",
            "[1,]",
            "NaN",
            '{"a": Infinity}',
            "[-Infinity]",
            "1e400",
            "-1e400",
            "9" * 400,
            "9" * 5000,
            '"\\ud800"',
            '{"\\udfff": 1}',
            '["ok", {"a": ["\\ud83d"]}]',
            '{"a":' * 15 + '{"\\ud800": 1}' + "}" * 15,
            '"\ud800"',
            "\0",
        ],
    )
    def test_that_is_not_json_for_everybody_is_refused(self, text):
        with pytest.raises(InvalidRequestError):
            read(text)

    @pytest.mark.parametrize("data", [b"\xff", '"ü"'.encode("latin-1"), "{}".encode("utf-16"), b'"\xed\xa0\x80"'])
    def test_in_base64_is_utf_8_underneath(self, data):
        with pytest.raises(InvalidRequestError, match="UTF-8"):
            read(base64.b64encode(data).decode(), base64_encoded=True)

    @pytest.mark.parametrize("text", ["{}", "e30", "***", "ü", "e3*0="])
    def test_that_only_claims_to_be_base64_is_refused(self, text):
        with pytest.raises(InvalidRequestError):
            read(text, base64_encoded=True)

    def test_may_hold_pairs_of_surrogates(self):
        assert read('"\\ud83d\\ude00"') == "😀"

    def test_that_is_missing_is_no_json(self):
        with pytest.raises(InvalidRequestError):
            read(None)


class TestPaths:
    @pytest.mark.parametrize(
        "name",
        [
            "a",
            "a/b",
            "a b",
            "100%",
            "%2F",
            "%25",
            "灯/笼",
            "😀",
            "a?b=c#d",
            "..",
            "a+b",
            "{thing}",
            "a\\b",
            "<>",
            '"',
            "a;b",
        ],
    )
    def test_any_id_reaches_its_route_unchanged(self, name):
        app = http_app()

        @app.post("/things/<thing>")
        def post(thing):
            return json_answer({"thing": path_id(thing)})

        answer = resolve(app, request(path_parameters={"thing": name}), None)
        assert (answer["statusCode"], json.loads(answer["body"])) == (200, {"thing": name})

    def test_an_id_is_taken_in_normal_form_c(self):
        assert path_id("e%CC%81") == "\u00e9"

    @pytest.mark.parametrize("name", ["", "x" * 129, "%00", "a%0Ab"])
    def test_what_can_be_no_id_is_refused(self, name):
        with pytest.raises(InvalidRequestError):
            path_id(name)


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (InvalidRequestError("bad"), 400),
            (BodyTooLargeError("large"), 413),
            (NotFoundError("gone"), 404),
            (ConflictError("lost"), 503),
            (ThrottledError("slow"), 503),
            (DependencyError("down"), 503),
            (SnapshotMissingError("none"), 503),
            (SnapshotIntegrityError("torn"), 503),
            (EncoderError("broken"), 503),
            (EndcapError("something else"), 500),
            (ZeroDivisionError("secret"), 500),
        ],
    )
    def test_each_has_its_status_as_problem_json(self, error, status):
        app = http_app()

        @app.post("/things/<thing>")
        def post(thing):
            raise error

        answer = resolve(app, request(path_parameters={"thing": "a"}), None)
        body = json.loads(answer["body"])
        assert answer["statusCode"] == body["status"] == status
        assert answer["headers"]["Content-Type"] == "application/problem+json"
        assert body["title"] == HTTPStatus(status).phrase
        assert answer["headers"].get("Retry-After") == ("1" if status == 503 else None)
        assert body.get("errors") == ([{"field": "", "message": "bad"}] if status == 400 else None)
        assert "secret" not in answer["body"]

    def test_findings_are_listed(self):
        class Body(BaseModel):
            limit: int
            name: str

        with pytest.raises(InvalidRequestError) as caught:
            parsed(Body, {"limit": "many"})
        assert {error["field"] for error in caught.value.errors} == {"limit", "name"}

    def test_what_it_quotes_need_not_be_text(self):
        answer = problem(HTTPStatus.BAD_REQUEST, "no", [{"field": "\ud800", "message": "用"}])
        assert json.loads(answer.body.encode())["errors"] == [{"field": "?", "message": "用"}]

    def test_too_many_requests_are_told_when_to_come_again(self):
        assert problem(HTTPStatus.TOO_MANY_REQUESTS, "slowly").headers["Retry-After"] == "1"
        assert "Retry-After" not in problem(HTTPStatus.BAD_REQUEST, "no").headers

    def test_an_unknown_path_is_a_problem_too(self):
        answer = resolve(http_app(), request(route="GET /nowhere"), None)
        assert answer["statusCode"] == 404
        assert answer["headers"]["Content-Type"] == "application/problem+json"

    def test_a_problem_may_carry_more(self):
        answer = problem(HTTPStatus.METHOD_NOT_ALLOWED, "no", allow="GET, PUT", hint="用")
        assert answer.headers["Allow"] == "GET, PUT"
        assert '"hint": "用"' in answer.body
        assert "allow" not in json.loads(answer.body)


def test_each_request_is_counted_once():
    with patch("endcap.api.http.metrics") as metrics:
        resolve(http_app(), request(route="GET /nowhere"), None)
    metrics.add_metric.assert_called_once_with("Requests", MetricUnit.Count, 1)


def test_answers_are_for_the_client_alone():
    answer = json_answer({"a": "用"})
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.body == '{"a":"用"}'


class TestRoutes:
    @pytest.mark.parametrize(
        ("path", "methods"),
        [
            ("/events", ["POST"]),
            ("/items/a", ["DELETE", "GET", "PATCH", "PUT"]),
            ("/items/%E7%81%AF", ["DELETE", "GET", "PATCH", "PUT"]),
            ("/users/a", ["DELETE", "PUT"]),
            ("/users/a/profile", ["GET"]),
            ("/events/", []),
            ("/", []),
            ("/nothing/here", []),
        ],
    )
    def test_a_path_knows_its_methods(self, path, methods):
        assert allowed_methods(path) == methods

    def test_no_two_functions_answer_one_route(self):
        keys = [(route.method, route.path) for route in ROUTES]
        assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("quoted", "key"),
    [("ann", "ann"), ("anon%3Ac", "anon:c"), ("anon:c", "anon:c"), ("anon:" + "c" * 128, "anon:" + "c" * 128)],
)
def test_a_path_names_a_user_or_an_anonymous_id(quoted, key):
    assert path_user(quoted) == key


@pytest.mark.parametrize("quoted", ["", "anon:", "anon%3A", "a" * 129, "anon:" + "c" * 129, "anon:%00"])
def test_a_path_that_can_name_nobody_is_refused(quoted):
    with pytest.raises(InvalidRequestError):
        path_user(quoted)
