"""A server that answers as OpenAI's chat completions and as Bedrock's Converse do, faults included.

Wire formats: https://platform.openai.com/docs/api-reference/chat/create and
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[[dict[str, Any]], Any]
"""The item of a request, or all of one about none -> the answer; a text is sent as it is, anything else as JSON."""


def plain_reply(item: dict[str, Any]) -> Any:
    """What a good writer says of a title."""
    words = str(item["title"]).split()
    return {
        "kind": words[-1],
        "uses": [f"using a {words[-1]}"],
        "for_whom": [],
        "occasions": [],
        "themes": [],
        "queries": [f"a {words[-1]} for home"],
    }


@dataclass
class Fault:
    """What is answered once in place of an answer; status 0 breaks the connection off."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"


@dataclass
class ChatServer:
    """What it is to say, and what it was asked."""

    url: str
    reply: Reply = plain_reply
    faults: list[Fault] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    cut: bool = False

    def items(self) -> list[str]:
        """The titles that it was asked about, in order."""
        return [json.loads(user_of(body))["item"]["title"] for body in self.asked]


def user_of(body: dict[str, Any]) -> str:
    """The words of the shop in a request of either kind."""
    message = body["messages"][-1]["content"]
    return message if isinstance(message, str) else message[0]["text"]


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    """The server on a free port of this machine, until the end of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if server.faults:
                self._send(server.faults.pop(0))
                return
            server.asked.append(body)
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            asked = json.loads(user_of(body))
            said = server.reply(asked.get("item", asked))
            text = said if isinstance(said, str) else json.dumps(said)
            found = _openai(body, text) if self.path.endswith("/chat/completions") else None
            if re.fullmatch(r"/model/[^/]+/converse", self.path):
                found = _converse(text)
            self._send(Fault(404) if found is None else Fault(200, {}, json.dumps(found).encode()))

        def _send(self, fault: Fault) -> None:
            if not fault.status:
                self.connection.close()
                return
            self.send_response(fault.status)
            for name, value in {"content-type": "application/json", **fault.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(fault.body)))
            self.end_headers()
            self.wfile.write(fault.body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    def _openai(body: dict[str, Any], text: str) -> dict[str, Any]:
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": body["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": "length" if server.cut else "stop",
                }
            ],
            "usage": {"prompt_tokens": 300, "completion_tokens": 60, "total_tokens": 360},
        }

    def _converse(text: str) -> dict[str, Any]:
        return {
            "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
            "stopReason": "max_tokens" if server.cut else "end_turn",
            "usage": {"inputTokens": 300, "outputTokens": 60, "totalTokens": 360},
            "metrics": {"latencyMs": 5},
        }

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = ChatServer(f"http://127.0.0.1:{http.server_address[1]}")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
