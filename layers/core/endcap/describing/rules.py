"""A writer without a model: what titles and categories say outright, in the words of a table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from endcap.describing.tags import AUDIENCES, OCCASIONS, THEMES, Tag
from endcap.describing.writer import Request, Written
from endcap.text.mentions import mentions


class RulesWriter:
    """The kind is the last category or the last words of the title; tags are those that the text mentions."""

    at_once: Final = 1

    @property
    def name(self) -> str:
        """There is but one."""
        return "rules:1"

    def write(self, requests: Sequence[Request], schema: Mapping[str, Any], most_tokens: int) -> Iterator[Written]:
        """See `Writer.write`; costs nothing and never fails."""
        del schema, most_tokens
        for request in requests:
            yield Written(request.key, _of(json.loads(request.data)["item"]))


def _of(item: Mapping[str, Any]) -> dict[str, Any]:
    text = " ".join([str(item.get("title") or ""), str(item.get("description") or ""), *item.get("categories", ())])
    categories = [str(name) for name in item.get("categories", ())]
    words = str(item.get("title") or "").split()
    return {
        "kind": categories[-1] if categories else " ".join(words[-2:]),
        "uses": [],
        "for_whom": _told(text, AUDIENCES),
        "occasions": _told(text, OCCASIONS),
        "themes": _told(text, THEMES),
        "queries": [],
    }


def _told(text: str, tags: Sequence[Tag]) -> list[str]:
    return [tag.name for tag in tags if any(mentions(text, word) for word in tag.words)]
