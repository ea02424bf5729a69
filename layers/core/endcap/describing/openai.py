"""A writer behind the API that OpenAI made usual: vLLM, llama.cpp, Ollama and hosted models take it alike.

`POST {base}/chat/completions` with `response_format` of the kind `json_schema`, as of
https://platform.openai.com/docs/api-reference/chat/create. Some servers take the schema and do not keep to it, so
answers are checked by who asks.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3

from endcap.describing.retries import NotThisOneError, TryAgainError, tried
from endcap.describing.writer import Request, Sleep, Usage, WriterError, Written

CONNECT_S: Final = 5.0
READ_S: Final = 120.0
MOST_BYTES: Final = 1 << 20
_THIS_ONE: Final = frozenset({400, 413, 422})
_AGAIN: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_LOCAL: Final = ("127.0.0.1", "::1", "localhost")


class OpenAiWriter:
    """Asks a server for one answer after the other.

    Parameters
    ----------
    base_url : up to and with `/v1`; https, or http to this machine, since the shop's texts and the key go there
    key : sent as a bearer token where there is one

    Raises
    ------
    WriterError : the URL is none that texts may be sent to
    """

    at_once: Final = 1

    def __init__(self, base_url: str, model: str, key: str | None = None, sleep: Sleep = time.sleep) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise WriterError(f"{base_url}: no web address that ends like /v1")
        if parts.scheme == "http" and not is_local(base_url):
            raise WriterError(f"{base_url}: texts leave this machine by https alone")
        self._url, self._model, self._sleep = f"{base_url.rstrip('/')}/chat/completions", model, sleep
        self._headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
        self._http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=CONNECT_S, read=READ_S))

    @property
    def name(self) -> str:
        """The kind and the model."""
        return f"openai:{self._model}"

    def write(self, requests: Sequence[Request], schema: Mapping[str, Any], most_tokens: int) -> Iterator[Written]:
        """See `Writer.write`."""
        for request in requests:
            yield self._one(request, schema, most_tokens)

    def _one(self, request: Request, schema: Mapping[str, Any], most_tokens: int) -> Written:
        body = {"model": self._model, **chat_body(request, schema, most_tokens)}
        try:
            answer = tried(lambda: self._post(body), self._sleep)
        except NotThisOneError as exc:
            return Written(request.key, failed=str(exc))
        return read_answer(request.key, answer)

    def _post(self, body: Mapping[str, Any]) -> Any:
        try:
            found = self._http.request("POST", self._url, body=json.dumps(body).encode(), headers=self._headers)
        except urllib3.exceptions.HTTPError as exc:
            raise TryAgainError(type(exc).__name__) from exc
        if found.status in _AGAIN:
            raise TryAgainError(f"status {found.status}", _seconds(found.headers.get("retry-after")))
        if found.status in _THIS_ONE:
            raise NotThisOneError(f"refused with {found.status}: {found.data[:200].decode(errors='replace')}")
        if found.status != 200:
            raise WriterError(f"{self._url} answers {found.status}: {found.data[:200].decode(errors='replace')}")
        try:
            return json.loads(found.data[:MOST_BYTES])
        except ValueError as exc:
            raise TryAgainError("an answer that is no JSON") from exc


def chat_body(request: Request, schema: Mapping[str, Any], most_tokens: int) -> dict[str, Any]:
    """A request as that API takes it, but for the model's name."""
    return {
        "messages": [
            {"role": "system", "content": request.system},
            {"role": "user", "content": request.data},
        ],
        "temperature": 0,
        "max_tokens": most_tokens,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": dict(schema)},
        },
    }


def read_answer(key: str, answer: Any) -> Written:
    """What such an API has answered."""
    try:
        told = answer.get("usage") or {}
        usage = Usage(int(told.get("prompt_tokens", 0)), int(told.get("completion_tokens", 0)))
        choice = answer["choices"][0]
        text = choice["message"]["content"]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return Written(key, failed="an answer of another form")
    return answered(key, text, usage, cut=choice.get("finish_reason") == "length")


def is_local(base_url: str) -> bool:
    """Whether a server is on this machine."""
    return urlsplit(base_url).hostname in _LOCAL


def _seconds(header: str | None) -> float | None:
    try:
        return None if header is None else float(header)
    except ValueError:  # a date
        return None


def answered(key: str, text: object, usage: Usage, *, cut: bool) -> Written:
    """What a model has said, as JSON; some put it between the fences of a code block."""
    if cut:
        return Written(key, usage=usage, failed="cut off at the most tokens")
    plain = str(text or "").strip().removeprefix("```json").removeprefix("```").removesuffix("```")
    try:
        return Written(key, json.loads(plain), usage)
    except (ValueError, RecursionError):
        return Written(key, usage=usage, failed="no JSON")
