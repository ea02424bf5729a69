"""Rows of the items table described by a writer."""

from __future__ import annotations

from typing import Protocol

from endcap.catalog.item import AttributeValue, item_text
from endcap.catalog.row import GENERATED_BLURB, GENERATED_TAGS, Generated, ItemRow
from endcap.describing.describe import Describer
from endcap.describing.enriched import Blurbed, Enriched, described_text
from endcap.describing.prompt import prompt_of
from endcap.encoders.quantize import quantize_unit
from endcap.errors import EncoderError, InvalidItemError
from endcap.live.described import DescribedCatalogue
from endcap.messages.language import language_of


class GeneratedStore(Protocol):
    """Where descriptions are kept."""

    def put_generated(self, item_id: str, text: str, generated: Generated, /) -> bool: ...


def describe_row(row: ItemRow, catalogue: DescribedCatalogue, describer: Describer, store: GeneratedStore) -> bool:
    """Store what the writer says of the row's text, unless that is there; whether anything was stored.

    Raises
    ------
    as `Describer.describe`, and InvalidInputError for a prompt that this version does not have
    """
    by, encoder = catalogue.by, catalogue.loaded.encoder
    if row.item is None:
        return False
    prompt, tag = prompt_of(by.prompt), by.tag(encoder.tag)
    asked = describer.asked(row.item, prompt)
    if row.generated is not None and (row.generated.key, row.generated.tag) == (asked.key, tag):
        return False
    told = describer.describe(asked, prompt, catalogue.brands)
    if told is None:
        raise InvalidItemError("the answer has not the form that was asked for")
    language = language_of({"title": row.item.title, "language": row.item.language})
    text = described_text(told, by.fields_of(language))
    try:
        vector = quantize_unit(encoder.encode(text)).tobytes() if text else b"\0" * encoder.d_text
    except EncoderError as exc:  # it is loaded, so this is about the text, now and later
        raise InvalidItemError("the description can't be encoded") from exc
    return store.put_generated(row.item_id, item_text(row.item), Generated(asked.key, attributes_of(told), tag, vector))


def attributes_of(told: Enriched) -> dict[str, AttributeValue]:
    """What of a description becomes attributes of its item, by names that say that they are generated."""
    blurb = told.blurb if isinstance(told, Blurbed) else ""
    return {**({GENERATED_TAGS: told.tags} if told.tags else {}), **({GENERATED_BLURB: blurb} if blurb else {})}
