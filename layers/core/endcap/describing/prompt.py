"""Prompts: files with versions, and the form that each asks for.

A prompt's words are part of the name of its answers: none is ever taken for the answer to another prompt.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final

from endcap.describing.enriched import MAX_CHARS, MOST_TOKENS, Blurbed, Enriched
from endcap.describing.tags import AUDIENCES, OCCASIONS, THEMES, Tag
from endcap.errors import InvalidInputError
from endcap.messages.language import TEXTS, Language


def _schema(form: type[Enriched]) -> Mapping[str, Any]:
    return form.model_json_schema() | {"required": list(form.model_fields)}


SCHEMA: Final = _schema(Enriched)


def _phrases(most: int) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string", "maxLength": MAX_CHARS}, "minItems": 1, "maxItems": most}


_SMALL: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {"kind": {"type": "string", "maxLength": MAX_CHARS}, "uses": _phrases(1), "queries": _phrases(2)},
    "required": ["kind", "uses", "queries"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Prompt:
    """What a writer is told to do.

    Attributes
    ----------
    name : of its file, with the version
    schema : JSON schema of the answers
    most_tokens : of one answer
    form : that answers are read in
    """

    name: str
    schema: Mapping[str, Any] = field(default_factory=lambda: SCHEMA)
    most_tokens: int = MOST_TOKENS
    form: type[Enriched] = Enriched

    def system(self, language: Language) -> str:
        """The instructions for items in a language."""
        return _system(self.name, language)

    @property
    def digest(self) -> str:
        """Names its words."""
        return hashlib.sha256(self.system("en").encode()).hexdigest()[:12]


@cache
def _system(name: str, language: Language) -> str:
    def names(tags: Sequence[Tag]) -> str:
        return ", ".join(json.dumps(tag.name) for tag in tags)

    text = (files(__package__) / "prompts" / f"{name}.txt").read_text(encoding="utf-8")
    return text.format(
        language=TEXTS[language].name, audiences=names(AUDIENCES), occasions=names(OCCASIONS), themes=names(THEMES)
    )


PROMPTS: Final[Mapping[str, Prompt]] = {
    prompt.name: prompt
    for prompt in (
        Prompt("enrich-1"),
        Prompt("enrich-small-1", _SMALL, 120),
        Prompt("enrich-blurb-1", _schema(Blurbed), MOST_TOKENS + 120, Blurbed),
    )
}
"""The second is for models of less than about a billion weights: they need examples, and to be asked for less.
The third asks for a sentence or two to show as well.
"""
DEFAULT: Final = "enrich-1"
SMALL: Final = "enrich-small-1"


def prompt_of(name: str) -> Prompt:
    """The prompt with a name.

    Raises
    ------
    InvalidInputError : there is none
    """
    if name not in PROMPTS:
        raise InvalidInputError(f"{name} is no prompt; there are {', '.join(PROMPTS)}")
    return PROMPTS[name]
