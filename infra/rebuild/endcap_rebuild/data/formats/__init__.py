"""Exports of shops and platforms, recognised by their columns. A format is a row of `FORMS`.

`shopify`, `woocommerce`, `magento` and `retailrocket` say things in several rows or in their own way, and have a
module; the other formats differ in names alone, which `endcap.feeds.names` has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from endcap.events.formats import cloudevents, ga4, segment
from endcap.feeds.names import EVENT_FIELDS, ITEM_FIELDS, columns_of, spelled
from endcap_rebuild.data.formats import ga4_bigquery, magento, retailrocket, shopify, woocommerce
from endcap_rebuild.data.options import AUTO

ITEMS: Final = "items"
EVENTS: Final = "events"
USERS: Final = "users"
Row = tuple[int, dict[str, Any]]
ItemRows = Callable[[Iterable[Row]], Iterator[Row]]


@dataclass(frozen=True)
class Form:
    """One kind of file of a format.

    Attributes
    ----------
    needs : spelled names of columns, all of which it has
    lacks : spelled names of columns, none of which it has
    items : its rows, by their own column names -> documents of items
    why_not : why it is passed over, where nothing in it is of use
    """

    format: str
    role: str
    needs: frozenset[str]
    lacks: frozenset[str] = frozenset()
    items: ItemRows | None = None
    why_not: str = ""


def _form(
    format_: str, role: str, needs: str, lacks: str = "", items: ItemRows | None = None, why_not: str = ""
) -> Form:
    return Form(format_, role, frozenset(needs.split()), frozenset(lacks.split()), items, why_not)


FORMS: Final = (
    _form("shopify", ITEMS, "handle title variantprice", items=shopify.items),
    _form("shopify", ITEMS, "urlhandle title price", items=shopify.items),
    _form("shopify", EVENTS, "name lineitemname createdat"),
    _form("woocommerce", ITEMS, "sku name type regularprice", items=woocommerce.items),
    _form("magento", ITEMS, "sku producttype attributesetcode", items=magento.items),
    _form("retailrocket", EVENTS, "timestamp visitorid event itemid"),
    _form("retailrocket", ITEMS, "timestamp itemid property value", items=retailrocket.items),
    _form("retailrocket", "", "categoryid parentid", "itemid id", why_not="a tree of numbered categories has no names"),
    _form("movielens", EVENTS, "userid movieid rating"),
    _form("movielens", ITEMS, "movieid title"),
    _form("movielens", "", "userid movieid tag", why_not="tags are no events of an item"),
    _form("movielens", "", "movieid imdbid", why_not="it links to other catalogues"),
    _form("merchant-feed", ITEMS, "id title link imagelink"),
    _form("merchant-feed", ITEMS, "id title googleproductcategory"),
)
_PERSONALIZE: Final = frozenset({"USER_ID", "ITEM_ID"})
_ABOUT_ITEMS: Final = frozenset(
    {"title", "price", "description", "categories", "brand", "available", "image_url", "url"}
)


@dataclass(frozen=True)
class Recognised:
    """What a file is: its format, its role ("" for none), and how its rows become items."""

    format: str
    role: str
    items: ItemRows | None = None
    why_not: str = ""


def recognise(
    columns: Sequence[str], first: Any, *, table: bool, told: Mapping[str, str], source: str = AUTO, role: str = ""
) -> Recognised:
    """What a file is, by its columns or its first JSON value.

    Parameters
    ----------
    told : the shop's own names of columns -> ours
    source : the format that it is said to be in
    role : what its name says that it holds
    """
    names = {spelled(column) for column in columns}
    if not table and "regular_price" in columns:
        names.discard("regularprice")  # of the API, whose categories and images are objects, and not of the export
    if not table and isinstance(first, Mapping) and (found := _of_document(first)):
        return found
    for form in FORMS:
        if source in (AUTO, form.format) and form.needs <= names and not form.lacks & names and role in ("", form.role):
            return Recognised(form.format, form.role, form.items, form.why_not)
    event = columns_of(columns, EVENT_FIELDS, told)
    item = columns_of(columns, ITEM_FIELDS, told, item=True)
    if not role:
        # Numbered texts with a label each are a catalogue only where they call themselves items.
        about = _ABOUT_ITEMS & set(item) if "item_id" in columns else (_ABOUT_ITEMS - {"categories"}) & set(item)
        known = {"user_id", "anonymous_id"} & set(event) or {"session_id", "timestamp"} <= set(event)
        if "item_id" in event and known:
            role = EVENTS
        elif "item_id" in item and (about or _PERSONALIZE & set(columns)):
            role = ITEMS
        elif "user_id" in event and "item_id" not in item:
            role = USERS
    if _PERSONALIZE & set(columns):
        return Recognised("personalize", role)
    own = {"item_id", "id"} if role == ITEMS else {"user_id", "item_id", "event_type"}
    plain = own & set(columns) if role == ITEMS else own <= set(columns)
    return Recognised("endcap" if plain else "csv" if table else "endcap", role)


def _of_document(first: Mapping[str, Any]) -> Recognised | None:
    if ga4_bigquery.matches(first):
        return Recognised("ga4-bigquery", EVENTS)
    if shopify.is_product(first):
        return Recognised("shopify", ITEMS, shopify.json_items)
    if segment.matches(first) or segment.is_batch(first):
        return Recognised("segment", EVENTS)
    if cloudevents.matches(first) or ga4.matches(first) or isinstance(first.get("events"), list):
        return Recognised("endcap", EVENTS)
    return None


def nearest_format(columns: Sequence[str]) -> str | None:
    """The format whose columns a file has most of; None where it has fewer than half of any."""
    names = {spelled(column) for column in columns}
    best = max(FORMS, key=lambda form: len(form.needs & names) / len(form.needs))
    return best.format if 2 * len(best.needs & names) >= len(best.needs) else None
