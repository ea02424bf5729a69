"""Talking to the local stack as a storefront does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from endcap_local.stack import LocalStack

PATIENCE_S = 60  # on a machine that is busy with something else


def call(stack: LocalStack, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    sent = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    try:
        with urlopen(Request(stack.url + path, data, sent, method=method), timeout=30) as response:
            return response.status, json.loads(response.read() or "null")
    except HTTPError as error:
        return error.code, json.loads(error.read())


def get(stack: LocalStack, path: str, **parameters: object) -> Any:
    return ok(call(stack, "GET", f"{path}?{urlencode(parameters)}"))


def ask(stack: LocalStack, **body: object) -> Any:
    return ok(call(stack, "POST", "/recommendations", body))


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def ok(answer: tuple[int, Any]) -> Any:
    status, body = answer
    assert status < 300, body
    return body


def did(stack: LocalStack, user_id: str, *events: dict[str, object]) -> None:
    named = [{"user_id": user_id, "event_id": f"{user_id}-{n}", **event} for n, event in enumerate(events)]
    assert ok(call(stack, "POST", "/events", {"events": named}))["accepted"] == len(named)
    stack.wait_until_idle()


def comes_true(holds: Callable[[], object]) -> bool:
    """Whether it comes to hold, asked again and again; how soon, `tests.benchmarks.live` measures."""
    deadline = time.monotonic() + PATIENCE_S
    while not (held := holds()) and time.monotonic() < deadline:
        time.sleep(0.02)  # others need the processor too, and what is waited for may be among them
    return bool(held)
