"""Items: what the shop sells, the text by which an item is understood, and what counts as a change."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)

from endcap.catalog.categories import category_names
from endcap.catalog.image_vector import LEAST_WIDTH, MOST_WIDTH, image_levels, image_text
from endcap.catalog.markup import plain_text
from endcap.catalog.stock import STOCK_FIELDS, take_stock
from endcap.errors import FieldError, InvalidItemError
from endcap.identifiers import clean_text
from endcap.leniency import leniently, unknown_names
from endcap.validation import Id, digits, field_errors, not_bool, one_of, present, timestamp_ms, timestamp_number

MOST_CATEGORIES: Final = 1
"""Of its own that an item may have where tags of a writer's say more: with two it is described well enough by those."""
AttributeValue = str | float | bool | tuple[str, ...]

TITLE_CHARS = 300
DESCRIPTION_CHARS = 600
ATTRIBUTE_CHARS = 60
MAX_TEXT_ATTRIBUTES = 8
ITEM_TEXT_FIELDS: Final = ("title", "brand", "categories", "attributes", "description")
"""What an item's text is made of, in order; a snapshot may read fewer (`endcap.snapshot.snapshot.text_fields_of`)."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing for sale.

    Attributes
    ----------
    group_id : ties variants (sizes, colours) of one product; the item's own id where it has none
    created_at_ms, expires_at_ms : milliseconds since 1970
    image_vector : of the picture, int8 as `endcap.catalog.image_vector` has it; b"" where there is none
    """

    item_id: str
    title: str = ""
    group_id: str | None = None
    description: str = ""
    categories: tuple[str, ...] = ()
    brand: str = ""
    price: float | None = None
    currency: str | None = None
    available: bool = True
    created_at_ms: int | None = None
    expires_at_ms: int | None = None
    image_url: str | None = None
    url: str | None = None
    language: str | None = None
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    image_vector: bytes = b""

    @property
    def group(self) -> str:
        """What variants share."""
        return self.group_id or self.item_id


Text = Annotated[str, AfterValidator(clean_text)]
Label = Annotated[Text, Field(max_length=256), BeforeValidator(digits)]
Attribute = Annotated[
    bool | float | Annotated[Text, Field(max_length=4000)] | Annotated[list[Label], Field(max_length=100)],
    one_of("text, a list of texts, a finite number, true or false"),
]


ImageVector = Annotated[
    bytes,
    BeforeValidator(image_levels),
    WithJsonSchema(
        {
            "description": "of its picture, by a model of the shop's; of one width in all of its items. A list of "
            "numbers, or the base64 that `GET /items/{item_id}` answers",
            "anyOf": [
                {
                    "type": "array",
                    "items": {"type": "number"},
                    "minItems": LEAST_WIDTH,
                    "maxItems": MOST_WIDTH,
                },
                {"type": "string", "maxLength": 4 * -(-MOST_WIDTH // 3)},
            ],
        }
    ),
]


def one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


class ItemInput(BaseModel):
    """An item as a client or a catalogue file sends it (design section 3)."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, title="Item", populate_by_name=True)

    item_id: Id = Field(validation_alias=AliasChoices("item_id", "id"))
    title: Annotated[Text, Field(max_length=1000), BeforeValidator(digits)] = ""
    group_id: Id | None = None
    description: Annotated[Text, Field(max_length=20_000)] = ""
    categories: Annotated[list[Label], Field(max_length=50), BeforeValidator(one_or_many)] = []
    brand: Label = ""
    price: Annotated[float, Field(ge=0), BeforeValidator(not_bool)] | None = None
    currency: Annotated[Text, Field(max_length=8)] | None = None
    available: bool = True
    created_at: Annotated[int, BeforeValidator(timestamp_ms)] | None = None
    expires_at: Annotated[int, BeforeValidator(timestamp_ms)] | None = None
    image_url: Annotated[Text, Field(max_length=2048)] | None = None
    url: Annotated[Text, Field(max_length=2048)] | None = None
    language: Annotated[Text, Field(max_length=16)] | None = None
    attributes: Annotated[dict[Annotated[Text, Field(max_length=128)], Attribute], Field(max_length=100)] = Field(
        default={}, validation_alias=AliasChoices("attributes", "attrs")
    )
    image_vector: ImageVector = b""


_ALIASES: Final = ("id", "attrs")
FIELDS: Final = (*ItemInput.model_fields, *_ALIASES, *STOCK_FIELDS[1:])
"""Every name that something about an item is read from."""
_CUT: Final = ("title", "description", "categories", "brand", "attributes", "attrs")
_REQUIRED: Final = ("item_id", "id")
_HINTS: Final = {
    "name": "title",
    "product_name": "title",
    "category": "categories",
    "product_type": "categories",
    "image": "image_url",
    "image_link": "image_url",
    "link": "url",
    "product_id": "item_id",
    "sku": "attributes.sku",
    "tags": "attributes",
    "vendor": "brand",
    "manufacturer": "brand",
    "item_group_id": "group_id",
    "parent_id": "group_id",
    "body_html": "description",
}
"""What other systems call things -> what they are called here."""


def parse_item(raw: object, warnings: list[FieldError] | None = None) -> Item:
    """The item that `raw` describes, as a shop sends it; null and "" count as absent.

    What is optional and breaks its rule is left out, and texts that are too long are cut. Markup is read as text, a
    path of categories as its parts, and what says in other words that an item is sold out as such.

    Parameters
    ----------
    warnings : what was left out, cut, or not understood is added here

    Raises
    ------
    InvalidItemError : it is no object, or its id can't be one; with every finding
    """
    given = given_item(raw, [] if warnings is None else warnings)
    return _item(given)


def given_item(raw: object, warnings: list[FieldError]) -> ItemInput:
    """What `raw` says of an item, see `parse_item`; `model_fields_set` holds what it names and can be used.

    Raises
    ------
    InvalidItemError : see `parse_item`
    """
    if not isinstance(raw, Mapping):
        raise InvalidItemError("an item must be an object")
    known = {name: value for name, value in present(raw).items() if name in FIELDS}
    told = unknown_names(raw.keys() - set(FIELDS), FIELDS, "field of an item", _HINTS)
    for key in ("attributes", "attrs"):
        if isinstance(known.get(key), Mapping):
            known[key] = _plain_attributes(present(known[key]))
    for key in ("title", "description"):
        if isinstance(known.get(key), str):
            known[key] = plain_text(known[key])
    if "categories" in known:
        known["categories"] = category_names(known["categories"])
    take_stock(known, told)
    try:
        given = leniently(ItemInput, known, _REQUIRED, _CUT, told)
    except ValidationError as exc:
        raise InvalidItemError(field_errors(exc)) from exc
    warnings += told
    return given


def _plain_attributes(given: Mapping[Any, Any]) -> dict[Any, Any]:
    """Attributes whose lists hold texts: numbers among them, as sizes are, as they are written."""
    return {
        name: [f"{v:g}" if isinstance(v, float) and math.isfinite(v) else v for v in value]
        if isinstance(value, list)
        else value
        for name, value in given.items()
    }


def stored_item(document: Mapping[str, Any]) -> Item:
    """The item of a document that `item_document` has written.

    Raises
    ------
    InvalidItemError : with every finding
    """
    try:
        return _item(ItemInput.model_validate(document))
    except ValidationError as exc:
        raise InvalidItemError(field_errors(exc)) from exc


def _item(given: ItemInput) -> Item:
    return Item(**item_values(given))


def item_values(given: ItemInput) -> dict[str, Any]:
    """The fields of an `Item`, by their names."""
    return {
        "item_id": given.item_id,
        "title": given.title.strip(),
        "group_id": given.group_id,
        "description": given.description.strip(),
        "categories": tuple(dict.fromkeys(c.strip() for c in given.categories if c.strip())),
        "brand": given.brand.strip(),
        "price": given.price,
        "currency": given.currency,
        "available": given.available,
        "created_at_ms": given.created_at,
        "expires_at_ms": given.expires_at,
        "image_url": given.image_url,
        "url": given.url,
        "language": given.language,
        "attributes": {k: tuple(v) if isinstance(v, list) else v for k, v in given.attributes.items()},
        "image_vector": given.image_vector,
    }


def item_document(item: Item) -> dict[str, Any]:
    """`item` as a JSON object, without what it does not say; `stored_item` reads it back unchanged."""
    document: dict[str, Any] = {"item_id": item.item_id, "title": item.title, "available": item.available}
    for name in ("group_id", "description", "brand", "price", "currency", "image_url", "url", "language"):
        value = getattr(item, name)
        if value not in (None, ""):
            document[name] = value
    if item.categories:
        document["categories"] = list(item.categories)
    if item.created_at_ms is not None:
        document["created_at"] = timestamp_number(item.created_at_ms)
    if item.expires_at_ms is not None:
        document["expires_at"] = timestamp_number(item.expires_at_ms)
    if item.attributes:
        document["attributes"] = {k: list(v) if isinstance(v, tuple) else v for k, v in item.attributes.items()}
    if item.image_vector:
        document["image_vector"] = image_text(item.image_vector)
    return document


def shown_document(item: Item) -> dict[str, Any]:
    """`item_document` without the vector of its picture: what is searched, filtered by and answered."""
    document = item_document(item)
    document.pop("image_vector", None)
    return document


def item_text(item: Item, fields: Sequence[str] = ITEM_TEXT_FIELDS) -> str:
    """The text by which `item` is understood: what an encoder reads, in training and in serving alike.

    Title, brand, the two most specific categories, short textual attributes, the beginning of the description.
    Numbers, flags and long attribute texts (washing instructions, legal notes) say little and are left out.

    Parameters
    ----------
    fields : some of `ITEM_TEXT_FIELDS`; an item that has none of these is read whole
    """
    short = [
        text
        for value in item.attributes.values()
        if not isinstance(value, bool | float | int)
        and len(text := value if isinstance(value, str) else ", ".join(value)) <= ATTRIBUTE_CHARS
    ]
    parts = {
        "title": item.title[:TITLE_CHARS],
        "brand": item.brand,
        "categories": ", ".join(item.categories[-2:]),
        "attributes": ", ".join(short[:MAX_TEXT_ATTRIBUTES]),
        "description": item.description[:DESCRIPTION_CHARS],
    }
    chosen = [name for name in fields if parts[name]] or ITEM_TEXT_FIELDS
    return ". ".join(part for name, part in parts.items() if part and name in chosen)


def document_text(document: Mapping[str, Any]) -> str:
    """`item_text` of an item as a JSON object, with all of its categories: the words by which it is explained."""
    categories = tuple(str(name) for name in document.get("categories", ()))
    item = Item(
        str(document.get("item_id", "")),
        str(document.get("title") or ""),
        description=str(document.get("description") or ""),
        categories=categories,
        brand=str(document.get("brand") or ""),
        attributes={k: tuple(v) if isinstance(v, list) else v for k, v in document.get("attributes", {}).items()},
    )
    return ". ".join([item_text(item), *categories[:-2]])


def text_hash(text: str) -> str:
    """16 hex digits that name `text`; embeddings are kept by (encoder, this)."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def content_hash(item: Item) -> str:
    """16 hex digits that change exactly when something about `item` changes."""
    canonical = json.dumps(item_document(item), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text_hash(canonical)
