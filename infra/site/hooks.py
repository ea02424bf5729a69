"""What MkDocs is told beyond mkdocs.yml: pages that code writes, and links that lead out of docs/."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any, Final

from mkdocs.structure.files import File, Files

from infra.site.reference import event_reference, http_reference

ROOT: Final = Path(__file__).parents[2]
WRITTEN: Final = {"http.md": http_reference, "events.md": event_reference}
TAKEN: Final = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
"""Pages that lie beside docs/; what else lies there is code, and its links are only named."""
LED: Final = {name: name for name in TAKEN} | {
    "layers/core/endcap/api/openapi.json": "http.md",
    "layers/core/endcap/events/types.py": "events.md",
}
"""What a link out of docs/ names in the repository -> the page that stands for it in the site."""

_UPWARD: Final = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)#]+)(#[^)]*)?\)")
_INWARD: Final = re.compile(r"\]\(docs/([^)]+)\)")
_ASIDE: Final = re.compile(r"\[([^\]]+)\]\((?!https?:|#|mailto:|[\w-]+\.md)([^)]+)\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are not in docs/."""
    for name, write in WRITTEN.items():
        files.append(File.generated(config, name, content=write()))
    for name in TAKEN:
        text = _INWARD.sub(r"](\1)", (ROOT / name).read_text(encoding="utf-8"))
        files.append(File.generated(config, name, content=_ASIDE.sub(r"\1", text)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links out of docs/ lead to the page that stands for them, or to nothing."""
    here = posixpath.dirname(page.file.src_uri)
    return _UPWARD.sub(lambda found: _led(here, found), markdown)


def _led(here: str, found: re.Match[str]) -> str:
    text, path, part = found[1], found[2], found[3] or ""
    whole = posixpath.normpath(posixpath.join(here, path))
    if not whole.startswith("../"):
        return found[0]
    name = whole.removeprefix("../")
    return f"[{text}]({posixpath.relpath(LED[name], here or '.')}{part})" if name in LED else text
