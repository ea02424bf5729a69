"""moto in a process of its own, writing down every call: who made it, which action, on what.

    python -m tests.functional.recorded_engine CALLS.jsonl

Prints its endpoint and serves until its standard input ends. Callers name themselves by AWS_SDK_UA_APP_ID.
"""

from __future__ import annotations

import io
import json
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TextIO
from urllib.parse import unquote

from endcap_local.engine.kms import TARGET_PREFIX, Keys, KmsApp
from endcap_local.keep_alive import KeepAliveServer

ARN = "arn:aws:{service}:us-east-1:123456789012:{rest}"
# Several operations are permitted under the name of another action.
ACTION_OF = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
}
INVOKED = re.compile("/2015-03-31/functions/([^/]+)/invocations$")
S3_ACTIONS = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}


class Recorder:
    """WSGI middleware that writes one JSON line a call."""

    def __init__(self, app: Callable[..., Iterable[bytes]], out: TextIO) -> None:
        self._app, self._out, self._lock = app, out, threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        target, body = environ.get("HTTP_X_AMZ_TARGET", ""), b""
        if target:
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
        caller = re.search(r"\bapp/(\S+)", environ.get("HTTP_USER_AGENT", ""))
        if caller:
            with self._lock:
                for action, arn in calls_of(environ, target, body):
                    self._out.write(json.dumps({"function": caller[1], "action": action, "arn": arn}) + "\n")
                self._out.flush()
        return self._app(environ, start_response)


def calls_of(environ: Mapping[str, Any], target: str, body: bytes) -> Iterator[tuple[str, str]]:
    """IAM actions and resources of one request."""
    service, _, operation = target.partition(".")
    if service.startswith("DynamoDB_"):
        parameters = json.loads(body)
        tables = [parameters["TableName"]] if "TableName" in parameters else list(parameters["RequestItems"])
        for table in tables:
            index = f"/index/{parameters['IndexName']}" if "IndexName" in parameters else ""
            yield f"dynamodb:{operation}", ARN.format(service="dynamodb", rest=f"table/{table}{index}")
    elif service == "AmazonSQS":
        queue = json.loads(body)["QueueUrl"].rsplit("/", 1)[1]
        yield f"sqs:{ACTION_OF.get(operation, operation)}", ARN.format(service="sqs", rest=queue)
    elif service.startswith("Firehose_"):
        stream = json.loads(body)["DeliveryStreamName"]
        yield f"firehose:{operation}", ARN.format(service="firehose", rest=f"deliverystream/{stream}")
    elif service == TARGET_PREFIX:
        yield f"kms:{operation}", json.loads(body)["KeyId"]
    elif service == "GraniteServiceVersion20100801":
        yield f"cloudwatch:{operation}", "*"
    elif service == "secretsmanager":
        secret = json.loads(body)["SecretId"]
        yield f"secretsmanager:{operation}", secret
    elif invoked := INVOKED.match(environ["PATH_INFO"]):
        yield "lambda:InvokeFunction", ARN.format(service="lambda", rest=f"function:{invoked[1]}")
    elif not target:
        bucket, _, key = unquote(environ["PATH_INFO"]).lstrip("/").partition("/")
        action = S3_ACTIONS.get(environ["REQUEST_METHOD"], environ["REQUEST_METHOD"]) if key else "ListBucket"
        query = environ.get("QUERY_STRING", "")
        if "versionId=" in query:
            action += "Version"
        elif not key and "versions" in query:
            action += "Versions"
        yield f"s3:{action}", f"arn:aws:s3:::{bucket}" + (f"/{key}" if key else "")
    else:
        yield target, "*"


def _with_kms(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    kms = KmsApp(Keys())

    def either(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        is_kms = environ.get("HTTP_X_AMZ_TARGET", "").startswith(TARGET_PREFIX)
        return (kms if is_kms else app)(environ, start_response)

    return either


def main() -> None:
    """Serve until standard input ends."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    with open(sys.argv[1], "a", encoding="utf-8") as out:  # noqa: PTH123 - a stream for the life of the process
        app = Recorder(_with_kms(DomainDispatcherApplication(create_backend_app)), out)
        server = KeepAliveServer(0, app)
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()


if __name__ == "__main__":
    main()
