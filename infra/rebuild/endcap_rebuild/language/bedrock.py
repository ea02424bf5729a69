"""A writer on Amazon Bedrock: Converse with a JSON schema for the output."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from botocore.config import Config

from endcap.aws.clients import aws_errors, client
from endcap.errors import EndcapError, RefusedError
from endcap_rebuild.language.openai import answered
from endcap_rebuild.language.retries import NotThisOneError, TryAgainError, tried
from endcap_rebuild.language.writer import Request, Sleep, Usage, WriterError, Written

WAITING: Final = Config(connect_timeout=5.0, read_timeout=120.0, retries={"mode": "standard", "total_max_attempts": 1})
_REFUSED: Final = ("AccessDenied", "ResourceNotFound", "UnrecognizedClient", "ExpiredToken", "InvalidSignature")


class BedrockWriter:
    """Asks a model of the account, in the region and by the credentials that boto3 finds.

    The role needs `bedrock:InvokeModel` on the model. Nothing leaves the account but for Bedrock itself.
    """

    at_once: Final = 1

    def __init__(self, model: str, service: Any = None, sleep: Sleep = time.sleep) -> None:
        self._model, self._sleep = model, sleep
        self._service = client("bedrock-runtime", WAITING) if service is None else service

    @property
    def name(self) -> str:
        """The kind and the model."""
        return f"bedrock:{self._model}"

    def write(self, requests: Sequence[Request], schema: Mapping[str, Any], most_tokens: int) -> Iterator[Written]:
        """See `Writer.write`."""
        for request in requests:
            yield self._one(request, schema, most_tokens)

    def _one(self, request: Request, schema: Mapping[str, Any], most_tokens: int) -> Written:
        asked = {"modelId": self._model, **converse_body(request, schema, most_tokens)}
        try:
            answer = tried(lambda: self._converse(asked), self._sleep)
        except NotThisOneError as exc:
            return Written(request.key, failed=str(exc))
        return read_converse(request.key, answer)

    def _converse(self, asked: Mapping[str, Any]) -> Any:
        try:
            with aws_errors("bedrock"):
                return self._service.converse(**asked)
        except RefusedError as exc:
            raise NotThisOneError(f"{self._model}: {exc}") from exc
        except (AttributeError, TypeError) as exc:  # botocore's own, of an answer that is none of Converse's
            raise NotThisOneError("an answer of another form") from exc
        except EndcapError as exc:
            if any(name in str(exc) for name in _REFUSED):
                raise WriterError(f"{self._model}: {exc}") from exc
            raise TryAgainError(str(exc)) from exc


def converse_body(request: Request, schema: Mapping[str, Any], most_tokens: int) -> dict[str, Any]:
    """A request as Converse takes it, but for the model."""
    return {
        "system": [{"text": request.system}],
        "messages": [{"role": "user", "content": [{"text": request.data}]}],
        "inferenceConfig": {"maxTokens": most_tokens, "temperature": 0.0},
        "outputConfig": {
            "textFormat": {
                "type": "json_schema",
                "structure": {"jsonSchema": {"name": "answer", "schema": json.dumps(schema)}},
            }
        },
    }


def read_converse(key: str, answer: Any) -> Written:
    """What Converse has answered."""
    try:
        told = answer.get("usage") or {}
        usage = Usage(int(told.get("inputTokens", 0)), int(told.get("outputTokens", 0)))
        content = answer["output"]["message"]["content"]
        text = "".join(part.get("text", "") for part in content)
    except (KeyError, TypeError, ValueError, AttributeError):
        return Written(key, failed="an answer of another form")
    return answered(key, text, usage, cut=answer.get("stopReason") == "max_tokens")
