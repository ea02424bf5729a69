"""A proxy between the functions and one AWS service of the local engine that fails the way networks and services do.

A request is let through or failed as the mode is when it arrives. Where connections hang, those that are open stay
silent for ever, also in the middle of an answer, and so do new ones until the mode changes.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from endcap_local.bench.soak.schedule import Fault, Mode

_PIECE: Final = 64 * 1024
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER without patience: closing sends RST
_THROTTLED: Final[Mapping[str, tuple[str, str, str]]] = {
    "dynamodb": (
        "400 Bad Request",
        "application/x-amz-json-1.0",
        json.dumps({"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}),
    ),
    "s3": (
        "503 Slow Down",
        "application/xml",
        "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>",
    ),
}


class FaultProxy:
    """Listens on a free port of the loopback interface, with a thread of its own.

    Parameters
    ----------
    service : s3 or dynamodb; decides how throttling looks
    upstream : URL of the engine
    sleep : waits for a slow service

    Attributes
    ----------
    url : where it listens
    met : requests that arrived, by mode
    """

    def __init__(
        self, service: str, upstream: str, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self._service, self._sleep = service, sleep
        address = urlsplit(upstream)
        self._upstream = (str(address.hostname), int(address.port or 80))
        self._mode, self._delay_s = Mode.PASS, 0.0
        self.met: Counter[str] = Counter()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy {service}", daemon=True)
        self._thread.start()
        self._server: asyncio.Server = self._wait_for(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def set(self, fault: Fault | None) -> None:
        """Fail in this way from now on; None to let everything through."""
        self._wait_for(self._set(fault))

    def stop(self) -> None:
        """Break all connections and stop listening."""
        self._wait_for(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait_for(self, task: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(task, self._loop).result()

    async def _set(self, fault: Fault | None) -> None:
        self._mode, self._delay_s = (fault.mode, fault.delay_s) if fault else (Mode.PASS, 0.0)
        if self._mode is Mode.RESET:
            for writer in tuple(self._open):
                _reset(writer)

    async def _stop(self) -> None:
        self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(writer)
        try:
            if self._mode is Mode.RESET:
                self.met[Mode.RESET] += 1
                _reset(writer)
            else:
                await self._serve(reader, writer)
        except (OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # either side has gone
        finally:
            self._open.discard(writer)
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The requests of one connection, over one connection of its own to the engine."""
        head = await reader.readuntil(b"\r\n\r\n")
        back, forth = await asyncio.open_connection(*self._upstream)
        answers = asyncio.create_task(self._carry_back(back, writer))
        try:
            while True:
                mode = self._mode
                self.met[mode] += 1
                if mode is Mode.HANG:
                    await _until_closed(reader)
                    return
                if mode is Mode.THROTTLE:
                    await self._throttle(head, reader, writer)
                    return
                if mode is Mode.SLOW:
                    await self._sleep(self._delay_s)
                forth.write(head)
                async for piece in _body(head, reader):
                    forth.write(piece)
                    await forth.drain()
                head = await reader.readuntil(b"\r\n\r\n")
        finally:
            answers.cancel()
            forth.close()

    async def _carry_back(self, back: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await back.read(_PIECE):
                if self._mode is Mode.HANG:
                    return  # what has begun is never finished
                writer.write(piece)
                await writer.drain()
            writer.close()

    async def _throttle(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if b"expect: 100-continue" not in head.lower():  # else the body does not come before it is asked for
            async for _ in _body(head, reader):
                pass
        status, content_type, body = _THROTTLED[self._service]
        answer = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        content = "" if head.startswith(b"HEAD ") else body
        writer.write(f"{answer}Connection: close\r\n\r\n{content}".encode())
        await writer.drain()


async def _body(head: bytes, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The body that follows a request's head, piece by piece as it is on the wire."""
    parts = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    headers = {name.strip().lower(): value.strip() for name, _, value in parts}
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        size = -1
        while size:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            yield line + await reader.readexactly(size + 2)
        return
    left = int(headers.get(b"content-length", 0))
    while left:
        piece = await reader.readexactly(min(left, _PIECE))
        left -= len(piece)
        yield piece


async def _until_closed(reader: asyncio.StreamReader) -> None:
    while await reader.read(_PIECE):
        pass


def _reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
