"""Previews answered: lists as they would be live, with what of their scenarios does not fit the catalogue."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from endcap.api.resolved import ResolvedRequest
from endcap.api.scenarios import EVERYWHERE
from endcap.desk.scenarios import remarks_of
from endcap.operator.preview import Preview
from endcap.runtime import Runtime
from endcap.serving.answers import answers
from endcap.serving.requests import request_parser


def previewed(runtime: Runtime, preview: Preview) -> dict[str, Any]:
    """The answer to a preview.

    Raises
    ------
    InvalidRequestError : what is left of its body is no request
    """
    reader = request_parser(runtime, drafts=preview.drafts)
    several = "requests" in preview.body
    asked = reader.lists(preview.body) if several else [reader.body(preview.body)]
    asked = [_remarked(runtime, preview, preview.applied(one)) for one in asked]
    lists = answers(runtime, asked, preview=True)
    return {"lists": lists} if several else lists[0]


def _remarked(runtime: Runtime, preview: Preview, asked: ResolvedRequest) -> ResolvedRequest:
    """A request that warns of what its scenario says in vain."""
    if asked.scenario is None:
        return asked
    document = preview.drafts.get(asked.scenario)
    if document is None:
        document = runtime.scenarios.named(asked.scenario)
    found = remarks_of(runtime, document, preview.drafts.get(EVERYWHERE))
    return replace(asked, warnings=(*asked.warnings, *found))
