"""Parts of objects, read by themselves: moto reads the whole object for each part that is asked for, once in memory
for each that is asked for at the same time. A snapshot of a million items is fetched in hundreds of parts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from endcap_local.template.intrinsics import ACCOUNT_ID

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_PART: Final = re.compile(r"bytes (\d+)-(\d+)/\d+")


def asks_for_part(environ: Mapping[str, Any]) -> bool:
    """Whether a request to S3 is for a part of an object as it is now."""
    plain = environ["REQUEST_METHOD"] == "GET" and not environ.get("QUERY_STRING")
    return plain and str(environ.get("HTTP_RANGE", "")).startswith("bytes=")


def answer_part(app: WsgiApp, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """What `app`, moto's S3, says of the part, and the part; `app` answers by itself what has none.

    Conditions, permissions and headers are those of a HEAD for the same part.
    """
    status, headers = _head(app, environ)
    names = {name.lower(): value for name, value in headers}
    part = _PART.fullmatch(names.get("content-range", ""))
    if not status.startswith("206") or part is None:
        return app(environ, start_response)
    first, last = int(part[1]), int(part[2])
    data = _read(str(environ["PATH_INFO"]), names.get("etag", ""), first, last + 1 - first)
    if data is None:
        return app(environ, start_response)
    kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
    start_response(status, [*kept, ("Content-Length", str(len(data)))])
    return [data]


def _head(app: WsgiApp, environ: Mapping[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    told: dict[str, Any] = {}

    def start(status: str, headers: list[tuple[str, str]], *_: object) -> None:
        told.update(status=status, headers=headers)

    body = app({**environ, "REQUEST_METHOD": "HEAD"}, start)
    for _ in body:
        pass
    if close := getattr(body, "close", None):
        close()
    return told["status"], told["headers"]


def _read(path: str, etag: str, first: int, n_bytes: int) -> bytes | None:
    """Bytes of an object; None where another one lies there by now."""
    from moto.backends import get_backend

    path = path.encode("latin-1").decode()  # as WSGI hands it on
    bucket, _, key = path.removeprefix("/").partition("/")
    found = get_backend("s3")[ACCOUNT_ID]["aws"].get_object(bucket, key)
    if found is None or found.etag != etag:
        return None
    with found.lock:
        found._value_buffer.seek(first)
        return bytes(found._value_buffer.read(n_bytes))
