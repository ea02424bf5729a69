"""Static pages beside the API: packaged folders, and nothing that lies outside of them.

What is served is what was committed: no page has code of its own in it, and the headers see to it that none gets any,
whatever a shop's titles and its shoppers' reviews say. A page may ask this server alone.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from werkzeug.wrappers import Request, Response

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""No code or style inside a page, no HTML made from text, nothing from anywhere else, in nobody's frame."""
INDEX: Final = "index.html"
TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ts": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
_COMPRESSED: Final = frozenset({".ico", ".jpg", ".png", ".webp", ".woff2"})
_HEADERS: Final = {
    "cache-control": "no-cache",  # asked for again each time, and answered with 304 while it is the same
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True)
class Site:
    """A folder, and what its pages may do.

    Attributes
    ----------
    folder : holds `index.html`
    policy : Content-Security-Policy of each of its files
    """

    folder: Path
    policy: str = POLICY


class Pages:
    """Answers requests for files.

    Parameters
    ----------
    sites : path that begins and ends with a slash -> what lies there; the longest that fits is asked
    home : where `/` leads
    """

    def __init__(self, sites: Mapping[str, Site], home: str) -> None:
        self._sites = dict(sorted(sites.items(), key=lambda site: -len(site[0])))
        self._home = home

    def answer(self, request: Request, raw_path: str) -> Response | None:
        """The file asked for, or where it is; None where the path is none of ours."""
        if raw_path == "/":
            return _redirect(request, self._home)
        for prefix, site in self._sites.items():
            if raw_path + "/" == prefix:
                return _redirect(request, prefix)
            if raw_path.startswith(prefix):
                return _sent(request, site, raw_path.removeprefix(prefix) or INDEX)
        return None


def _redirect(request: Request, path: str) -> Response:
    query = request.query_string.decode("latin-1")
    return Response(status=302, headers={"location": f"{path}?{query}" if query else path, "cache-control": "no-store"})


def _sent(request: Request, site: Site, raw_name: str) -> Response:
    if request.method not in ("GET", "HEAD"):
        return Response(status=405, headers={"allow": "GET, HEAD"})
    file = _file(site.folder, unquote(raw_name))
    if file is None:
        return Response("There is no such page.\n", 404, content_type="text/plain; charset=utf-8")
    content = file.read_bytes()
    response = Response(content, content_type=TYPES[file.suffix], headers=_HEADERS)
    response.headers["content-security-policy"] = site.policy
    response.set_etag(hashlib.sha256(content).hexdigest()[:32])
    if file.suffix not in _COMPRESSED:
        response.headers["vary"] = "accept-encoding"
        if "gzip" in request.accept_encodings:
            response.set_data(gzip.compress(content, 6, mtime=0))
            response.headers["content-encoding"] = "gzip"
    return response.make_conditional(request.environ)


def _file(folder: Path, name: str) -> Path | None:
    parts = (name + INDEX if name.endswith("/") else name).split("/")
    if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts):
        return None
    file, root = folder.joinpath(*parts).resolve(), folder.resolve()
    if not file.is_relative_to(root) or file.suffix not in TYPES or not file.is_file():
        return None
    return file
