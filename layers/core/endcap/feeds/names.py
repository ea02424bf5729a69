"""Names of columns and of types of events, as other shops spell them. A field is one row: its name, then its spellings.

Names are compared without case, spaces and signs: `Visitor ID`, `visitor_id` and `visitorId` are one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from endcap.events.types import ALIASES, EVENT_TYPES, GA4, PERSONALIZE, SEGMENT, EventType

_EVENT_FIELDS: Final[Mapping[str, str]] = {
    "user_id": "userid visitorid customerid memberid shopperid buyerid accountid uid user customer visitor "
    "reviewerid customeremail email",
    "anonymous_id": "anonymousid userpseudoid deviceid clientid cookieid",
    "item_id": "itemid productid sku asin parentasin movieid bookid articleid goodsid offerid stockcode productsku "
    "contentid item product",
    "event_type": "eventtype eventname event behaviortype behaviourtype interactiontype action behavior behaviour type",
    "value": "value eventvalue rating score grade stars overall",
    "timestamp": "timestamp eventtimestamp eventtime unixtime unixreviewtime datetime timestampms createdat ts time "
    "date invoicedate orderdate",
    "text": "text reviewtext review comment searchterm query",
    "session_id": "sessionid usersession session visitid",
    "event_id": "eventid messageid",
    "recommendation_id": "recommendationid",
    "user_agent": "useragent httpuseragent",
    "order_id": "orderid ordernumber ordername orderno transactionid invoiceno invoicenumber invoiceid",
    "position": "position",
    "properties": "properties",
}
_ITEM_FIELDS: Final[Mapping[str, str]] = {
    "item_id": "itemid id productid sku asin movieid bookid articleid goodsid offerid stockcode productsku",
    "title": "title name productname itemname producttitle itemtitle displayname productdisplayname",
    "group_id": "groupid itemgroupid parentid parentsku parentasin variantgroupid productgroupid styleid",
    "description": "description productdescription itemdescription bodyhtml body longdescription shortdescription "
    "summary",
    "categories": "categories category categorypath categoryname producttype googleproductcategory productcategory "
    "genres genre categorycode department categoryid",
    "brand": "brand vendor manufacturer brandname make",
    "price": "price saleprice unitprice regularprice listprice",
    "currency": "currency pricecurrency currencycode",
    "available": "available availability instock isinstock isavailable stockstatus",
    "stock": "stock quantity qty inventory stockquantity inventoryquantity inventoryqty stocklevel",
    "created_at": "createdat created dateadded creationtimestamp publishedat releasedate creationdate",
    "expires_at": "expiresat expirationdate expirationtimestamp",
    "image_url": "imageurl imagelink image imagesrc img imgurl images picture thumbnail baseimage",
    "url": "url link producturl permalink itemurl",
    "language": "language lang locale",
    "attributes": "attributes attrs",
}
EVENT_FIELDS: Final = tuple(_EVENT_FIELDS)
ITEM_FIELDS: Final = tuple(_ITEM_FIELDS)
_LEVELS: Final = re.compile(r"category(?:l|level)?\d")
_FURTHER: Final[Mapping[str, str]] = {
    "pageview": "view",
    "productview": "view",
    "detail": "view",
    "pv": "view",
    "cart": "add_to_cart",
    "basket": "add_to_cart",
    "atc": "add_to_cart",
    "transaction": "purchase",
    "order": "purchase",
    "buy": "purchase",
    "bought": "purchase",
    "sale": "purchase",
    "checkout": "purchase",
    "fav": "wishlist",
    "favorite": "wishlist",
    "favourite": "wishlist",
    "rate": "rating",
    "returned": "return",
}
"""Names of logs of other shops: Retailrocket, REES46, Taobao and the like."""


@lru_cache(maxsize=4096)
def spelled(name: str) -> str:
    """A name without case, spaces and signs."""
    return re.sub(r"[\W_]+", "", name).casefold()


def columns_of(
    found: Sequence[str], fields: Sequence[str], told: Mapping[str, str], *, item: bool = False
) -> dict[str, str]:
    """Our field -> the column that holds it. What was told comes first, then our own name, then other spellings."""
    table = _ITEM_FIELDS if item else _EVENT_FIELDS
    by_name, taken = {name.strip(): name for name in found}, dict[str, str]()
    ours = {spelled(theirs): field for theirs, field in told.items()}
    for name in found:
        field = ours.get(spelled(name))
        if field is not None:
            taken.setdefault(field, name)
    left = {spelled(name): name for name in reversed(found) if name not in taken.values()}
    for field in fields:
        if field in taken:
            continue
        if field in by_name and by_name[field] not in taken.values():
            taken[field] = by_name[field]
            continue
        for spelling in table[field].split():
            if spelling in left and left[spelling] not in taken.values() and left[spelling] not in fields:
                taken[field] = left[spelling]
                break
    return taken


def category_levels(found: Iterable[str]) -> list[str]:
    """Columns that hold one level of a category each: CATEGORY_L1, CATEGORY_L2, ..."""
    return sorted((name for name in found if _LEVELS.fullmatch(spelled(name))), key=spelled)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` resembles most; None where it resembles none."""
    by_spelling = {spelled(k): k for k in known}
    close = difflib.get_close_matches(spelled(name), by_spelling, 1, 0.6)
    return by_spelling[close[0]] if close else None


def event_type_names(told: Mapping[str, str], event_types: Mapping[str, EventType]) -> EventTypeNames:
    """How a file's names of types of events are read."""
    return EventTypeNames(told, event_types)


class EventTypeNames:
    """A file's own name of a type of event -> ours; names that nobody knows stay as they are."""

    def __init__(self, told: Mapping[str, str], event_types: Mapping[str, EventType]) -> None:
        self._told = {spelled(theirs): ours for theirs, ours in told.items()}
        self._types = event_types
        self._further: dict[str, str] = {}
        for names in (_FURTHER, SEGMENT, GA4, PERSONALIZE, ALIASES, {name: name for name in EVENT_TYPES}):
            self._further |= {spelled(theirs): ours for theirs, ours in names.items()}
        self._further |= {spelled(name): name for name in event_types}

    def __call__(self, name: str) -> str:
        """Our name of the type."""
        told = self._told.get(spelled(name))
        if told is not None:
            return told
        if name in self._types:
            return name
        return self._further.get(spelled(name), name)
