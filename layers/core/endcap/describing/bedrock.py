"""A writer on Amazon Bedrock: Converse with a JSON schema for the output."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from endcap.describing.openai import answered
from endcap.describing.retries import NotThisOneError, TryAgainError, tried
from endcap.describing.writer import Request, Sleep, Usage, WriterError, Written
from endcap.errors import EndcapError, RefusedError

_REFUSED: Final = ("AccessDenied", "ResourceNotFound", "UnrecognizedClient", "ExpiredToken", "InvalidSignature")


class BedrockWriter:
    """Asks a model of the account. The role needs `bedrock:InvokeModel` on it.

    Parameters
    ----------
    converse : as `endcap.aws.converse.Converse` calls the service
    """

    at_once: Final = 1

    def __init__(self, model: str, converse: Callable[..., Any], sleep: Sleep = time.sleep) -> None:
        self._model, self._converse, self._sleep = model, converse, sleep

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
            answer = tried(lambda: self._ask(asked), self._sleep)
        except NotThisOneError as exc:
            return Written(request.key, failed=str(exc))
        return read_converse(request.key, answer)

    def _ask(self, asked: Mapping[str, Any]) -> Any:
        try:
            return self._converse(**asked)
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
