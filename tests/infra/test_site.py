"""Pages of the documentation that are written from the code."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from endcap.api.routes import ROUTES
from endcap.events.types import EVENT_TYPES
from infra.site.hooks import on_page_markdown
from infra.site.reference import event_reference, http_reference


def at(path: str) -> Any:
    return SimpleNamespace(file=SimpleNamespace(src_uri=path))


def test_every_route_has_its_place_in_the_reference() -> None:
    page = http_reference()
    assert [route.path for route in ROUTES if f"### {route.method} {route.path}\n" not in page] == []
    assert "`ScenarioDocument`" in page
    assert '"event_type": "view"' in page


def test_every_type_of_event_has_a_row() -> None:
    page = event_reference()
    assert [name for name in EVENT_TYPES if f"| `{name}` |" not in page] == []
    assert "| `purchase` | 1 | 180 days |" in page


def test_links_out_of_the_docs_lead_to_a_page_or_nowhere() -> None:
    text = "[a](../SECURITY.md#x), [`b`](../infra/studio.yaml), [c](filters.md), [d](https://example.com)"
    told = on_page_markdown(text, at("studio.md"))
    assert told == "[a](SECURITY.md#x), `b`, [c](filters.md), [d](https://example.com)"
    deeper = on_page_markdown(
        "[a](../filters.md), [b](../../SECURITY.md), [c](../../infra/x.py)", at("storefront/a.md")
    )
    assert deeper == "[a](../filters.md), [b](../SECURITY.md), c"


def test_links_to_what_pages_are_written_from_lead_to_these_and_every_link_leads_to_a_file() -> None:
    text = "[a](../layers/core/endcap/api/openapi.json), [b](../layers/core/endcap/events/types.py)"
    assert on_page_markdown(text, at("index.md")) == "[a](http.md), [b](events.md)"
    docs = Path(__file__).parents[2] / "docs"
    links = [
        (page.name, target)
        for page in docs.rglob("*.md")
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert links == []


def test_places_of_a_page_that_are_named_as_such_exist() -> None:
    docs = Path(__file__).parents[2] / "docs"
    text = (docs / "operations.md").read_text(encoding="utf-8")
    headings = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"(?m)^#+ (.+)$", text)}
    assert [place for place in re.findall(r"\]\(#([^)]+)\)", text) if place not in headings] == []
