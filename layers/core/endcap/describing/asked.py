"""What a writer is asked about an item, and the name of its answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from endcap.catalog.item import Item, item_document
from endcap.describing.prompt import Prompt
from endcap.describing.writer import Request
from endcap.messages.language import Language, language_of

MOST_DESCRIPTION: Final = 600


@dataclass(frozen=True)
class Asked:
    """An item, its language, and the name of its answer."""

    item: Item
    language: Language
    key: str


def asked_about(item: Item, prompt: Prompt, writer: str) -> Asked:
    """An item as a writer with this name is asked about it."""
    language = language_of({"title": item.title, "language": item.language})
    version = f"{prompt.name}:{prompt.digest}"
    return Asked(item, language, key_of(_data(item), language, version, writer, prompt.schema))


def request_of(one: Asked, prompt: Prompt) -> Request:
    """What a writer is asked about an item."""
    return Request(one.key, prompt.system(one.language), _data(one.item))


def key_of(text: str, language: str, prompt: str, writer: str, schema: Mapping[str, Any]) -> str:
    """Names an answer: the item's text, the language, the version of the prompt, who writes, the form."""
    parts = [text, language, prompt, writer, json.dumps(schema, sort_keys=True)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _data(item: Item) -> str:
    """The item as JSON; marks with which models set roles apart can't be spelled in it."""
    document = item_document(item)
    kept = {name: document[name] for name in ("title", "categories", "brand", "attributes") if document.get(name)}
    if item.description:
        kept["description"] = item.description[:MOST_DESCRIPTION]
    plain = json.dumps({"item": kept}, ensure_ascii=False, sort_keys=True)
    return plain.replace("<", "\\u003c").replace(">", "\\u003e")
