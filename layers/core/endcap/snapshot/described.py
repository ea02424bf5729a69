"""By whom the items of a snapshot were described, and what of that counts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

TAG_BYTES: Final = 4
Shares = tuple[float, float]
"""What descriptions count of the weights of `described` and `described_query`, each from 0 to 1."""


@dataclass(frozen=True, slots=True)
class DescribedBy:
    """Who has described the items, as a gate of the rebuild took it.

    Attributes
    ----------
    writer, prompt : names of who wrote, and of the instructions
    fields : of what was written, which the vectors are made of; none where its vectors count nothing
    shares : by the language of an item
    other_shares : of languages that the gate was not asked about
    language_fields : of the languages whose vectors are made of other fields
    tags : names of the tags by which items with no category or one are near, in their order; none where they are not
    """

    writer: str
    prompt: str
    fields: tuple[str, ...]
    shares: Mapping[str, Shares] = field(default_factory=dict)
    other_shares: Shares = (1.0, 1.0)
    language_fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tags: tuple[str, ...] = ()

    def fields_of(self, language: str) -> tuple[str, ...]:
        """What vectors of items in a language are made of."""
        return self.language_fields.get(language, self.fields)

    def shares_of(self, language: str) -> Shares:
        """Of items in a language."""
        return self.shares.get(language, self.other_shares)

    def tag(self, encoder_tag: bytes) -> bytes:
        """4 bytes that name vectors of such descriptions by an encoder."""
        parts = [self.writer, self.prompt, *self.fields]
        for language, fields in sorted(self.language_fields.items()):
            parts += ["", language, *fields]
        return hashlib.sha256(b"described\0" + encoder_tag + "\0".join(parts).encode()).digest()[:TAG_BYTES]


def described_by(manifest: Mapping[str, Any]) -> DescribedBy | None:
    """What the manifest says of it; None where no description counts, or a rebuild of before made the snapshot."""
    told = manifest.get("metrics", {}).get("enrichment")
    try:
        tags = tuple(str(name) for name in told.get("tags", ()))
        if not told["fields"] and not tags:
            return None
        return DescribedBy(
            str(told["writer"]),
            str(told["prompt"]),
            tuple(str(name) for name in told["fields"]),
            {str(language): _shares(pair) for language, pair in told["shares"].items()},
            _shares(told["other_shares"]),
            {str(language): tuple(map(str, own)) for language, own in told.get("language_fields", {}).items()},
            tags,
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _shares(pair: Any) -> Shares:
    history, query = (min(1.0, max(0.0, float(share))) for share in pair)
    return history, query
