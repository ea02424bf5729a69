"""What the API is sent, as models: those that the functions parse with, and the formats of others."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from endcap.api.conversations import ConversationInput
from endcap.api.schemas import MAX_LISTS, RankingInput, RecommendInput
from endcap.catalog.bulk import MAX_ITEMS
from endcap.catalog.item import ItemInput
from endcap.events.collect import MAX_EVENTS
from endcap.events.interaction import InteractionInput
from endcap.profiles.attributes import UserInput
from endcap.storefront.conversations import ConversationInput as DoorConversationInput
from endcap.storefront.events import MAX_EVENTS as MAX_DOOR_EVENTS
from endcap.storefront.requests import RecommendationsInput
from endcap.validation import Id

Text = Annotated[str, Field(min_length=1)]


class Interaction(InteractionInput):
    """Something that a shopper did. null and "" count as absent.

    An optional field that breaks its rule is left out, a text that is too long is cut, and the answer warns of both, as
    of fields that are not named here.

    It is a user's (`user_id`) or, without one, an anonymous id's; `identify` has both, and says that the anonymous id
    was the user up to then. Which of `item_id`, `text` and `value` is required depends on the type; a `return`
    that names an `order_id` and no item gives the whole order back. Without
    `event_id` the content and time serve as one; without `timestamp` the time of arrival counts.
    """


class SessionInteraction(Interaction):
    """An interaction of the running session; whose it is goes without saying."""


class StorefrontEvents(BaseModel):
    """What a visitor did, whatever it says about who did it; not `identify`, and no type of the shop's own."""

    events: Annotated[list[SessionInteraction], Field(min_length=1, max_length=MAX_DOOR_EVENTS)]
    sent_at: Annotated[
        int | None,
        Field(ge=0, description="When by the browser's clock; by how far that is off, the events' times are put right"),
    ] = None


class Foreign(BaseModel):
    """Something in another's format, of which only a part is read."""

    model_config = ConfigDict(extra="allow")


class ShopMessage(Foreign):
    """What a shop system sends of a topic, which a header names; its own documents say what is in it."""


class GA4Item(Foreign):
    """A product of a GA4 event."""

    item_id: Text | int | None = None
    index: int | None = None
    price: float | None = None
    quantity: float | None = None


class GA4Params(Foreign):
    """The parameters of a GA4 event that are read."""

    items: list[GA4Item] | None = None
    search_term: str | None = None
    transaction_id: str | None = None
    item_list_id: str | None = None
    recommendation_id: str | None = None
    session_id: str | int | None = None


class GA4Event(Foreign):
    """An event of GA4; those that are about no item are ignored."""

    name: Text
    params: GA4Params | None = None
    timestamp_micros: Annotated[int, Field(ge=0)] | None = None


class GA4Payload(Foreign):
    """Events as the Measurement Protocol of Google Analytics 4 sends them; one interaction for each item."""

    client_id: Text
    user_id: Text | None = None
    timestamp_micros: Annotated[int, Field(ge=0)] | None = None
    events: Annotated[list[GA4Event], Field(min_length=1, max_length=MAX_EVENTS)]


class SegmentProperties(Foreign):
    """The properties of a Segment event that are read."""

    product_id: str | int | None = None
    sku: str | None = None
    products: list[dict[str, Any]] | None = None
    query: str | None = None
    order_id: str | None = None


class SegmentCall(Foreign):
    """A call of Segment; `track` with e-commerce events of version 2, `identify` and `alias` are read."""

    type: Literal["track", "identify", "alias", "page", "screen", "group"]
    messageId: Text
    userId: str | None = None
    anonymousId: str | None = None
    event: str | None = None
    timestamp: str | None = None
    properties: SegmentProperties | None = None


class SegmentBatch(Foreign):
    """Calls of Segment, several at once."""

    batch: Annotated[list[SegmentCall], Field(min_length=1, max_length=MAX_EVENTS)]


class CloudEvent(Foreign):
    """A CloudEvent in structured mode; its source and id are the id of what it holds.

    `data` is an interaction, a list of them, or a payload of GA4 or Segment.
    """

    specversion: Literal["1.0"]
    id: Text
    source: Text
    type: Text
    time: str | None = None
    data: dict[str, Any] | list[dict[str, Any]]


class Events(BaseModel):
    """Events, each in Endcap's format or another's."""

    events: Annotated[
        list[Interaction | CloudEvent | SegmentCall | GA4Payload], Field(min_length=1, max_length=MAX_EVENTS)
    ]


CloudEvents = Annotated[list[CloudEvent], Field(min_length=1, max_length=MAX_EVENTS)]


class RecommendationRequest(RecommendInput):
    """What to rank, for whom, and by which rules."""


class ConversationRequest(ConversationInput):
    """What was said since the last answer, and the constraints that came with it; the rest as for any list."""


class StorefrontRequest(RecommendationsInput):
    """What a page may ask for; who asks is known by the visitor's or the shopper's token."""


class StorefrontConversation(DoorConversationInput):
    """What a visitor said since the last answer, and the constraints that came with it."""


class OneOfSeveral(RecommendInput):
    """One list of several: what it says itself comes before what stands beside `requests`."""


class RecommendationRequests(RecommendInput):
    """Several lists for one page that share no item; what stands beside `requests` holds for all of them."""

    requests: Annotated[list[OneOfSeveral], Field(min_length=1, max_length=MAX_LISTS)]


class RankingRequest(RankingInput):
    """A list to put into the shopper's order."""


class Item(ItemInput):
    """Something for sale. null and "" count as absent.

    An optional field that breaks its rule is left out, a text that is too long is cut, and the answer warns of both, as
    of fields that are not named here. Markup is read as text. Categories may come as a path (`A > B`), with bars
    (`A|B`) or as JSON in text.
    """

    availability: Annotated[str | None, Field(description="`in stock`, `out of stock` and the like")] = None
    in_stock: bool | None = None
    quantity: Annotated[float | None, Field(description="how many there are; with 0 the item is not for sale")] = None


class PutItem(Item):
    """Something for sale, whose id stands in the path."""

    item_id: Id | None = None  # type: ignore[assignment]


class PatchItem(PutItem):
    """What is to change of an item; null takes a field away, and what is not named stays."""


class Items(BaseModel):
    """Items to store; of two with one id the later counts."""

    items: Annotated[list[Item], Field(min_length=1, max_length=MAX_ITEMS)]


class User(UserInput):
    """What is said about a user outright; of two writes of a field the one with the later timestamp wins."""
