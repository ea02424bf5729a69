"""What each route takes and gives: everything about the API that its code does not say by itself."""

from __future__ import annotations

from typing import Any, Final

from endcap.api import parse, personalize
from endcap.api.schemas import RecommendInput
from endcap.operator.schemas import PreviewRequest
from endcap.storefront.requests import ListInput, SearchInput, TrendingInput
from infra.openapi import answers, list_answers, requests, user_answers
from infra.openapi.operation import JSON, Operation, json_body
from infra.openapi.operator.operations import OPERATOR_OPERATIONS

LIST_PARAMETERS: Final = tuple(
    name for name in RecommendInput.model_fields if name not in {"user_id", "query", *parse.BODY_ONLY}
)
"""Fields of a recommendation request that are query parameters too, wherever a list is answered."""
TRENDING: Final = ("window", "surface", "limit", "cursor", "fields", "language", "explain")


OPERATIONS: Final = {
    ("POST", "/events"): Operation(
        "postEvents",
        "Take events in",
        "events",
        "Events in Endcap's format, of GA4, of Segment or as CloudEvents. What is accepted is on the queue and in the "
        "shopper's profile within about a second; an event sent again with its id or its time counts once.",
        (
            (
                JSON,
                (
                    requests.Events,
                    requests.GA4Payload,
                    requests.SegmentCall,
                    requests.SegmentBatch,
                    requests.CloudEvent,
                ),
            ),
            ("application/cloudevents+json", (requests.CloudEvent,)),
            ("application/cloudevents-batch+json", (requests.CloudEvents,)),
        ),
        ((202, (answers.EventsAccepted,)),),
        samples=("http-events", "http-ga4-payload", "http-segment-batch"),
    ),
    ("POST", "/personalize/events"): Operation(
        "putPersonalizeEvents",
        "PutEvents of Amazon Personalize",
        "personalize",
        "Events of a session with `userId` also say who its earlier, anonymous events were.",
        json_body(personalize.PutEventsInput),
        ((200, ()),),
        samples=("http-personalize-events",),
        aws_errors=True,
    ),
    ("POST", "/personalize/recommendations"): Operation(
        "getPersonalizeRecommendations",
        "GetRecommendations of Amazon Personalize",
        "personalize",
        "A `filterArn` names a scenario by its last part; `filterValues` are that scenario's parameters.",
        json_body(personalize.GetRecommendationsInput),
        ((200, (list_answers.PersonalizeList,)),),
        samples=("http-personalize-recommendations",),
        aws_errors=True,
    ),
    ("POST", "/personalize/personalize-ranking"): Operation(
        "getPersonalizeRanking",
        "GetPersonalizedRanking of Amazon Personalize",
        "personalize",
        bodies=json_body(personalize.GetPersonalizedRankingInput),
        answers=((200, (list_answers.PersonalizeRanking,)),),
        samples=("http-personalize-ranking",),
        aws_errors=True,
    ),
    ("GET", "/openapi.json"): Operation("getOpenApi", "This document", "about", answers=((200, (dict[str, Any],)),)),
    ("GET", "/users/{user_id}/recommendations"): Operation(
        "getRecommendations",
        "Recommend to a shopper",
        "recommendations",
        "Values for `$name` in the filter come as `parameters.<name>`.",
        answers=((200, (list_answers.Recommendation,)),),
        query=("query", *LIST_PARAMETERS),
        problems=(404,),
    ),
    ("POST", "/recommendations"): Operation(
        "postRecommendations",
        "Recommend, with everything that a request can say",
        "recommendations",
        "Ranks for a known shopper, a running session, or nobody in particular; searches, re-ranks candidates, finds "
        "what goes with items. With `requests` it answers several lists that share no item. With `preview`, which "
        "needs `endcap/steer`, it ranks as live with drafts in the place of what is published, and keeps no record.",
        json_body(requests.RecommendationRequest, requests.RecommendationRequests, PreviewRequest),
        ((200, (list_answers.Recommendation, list_answers.Recommendations)),),
        samples=(
            "http-running-session",
            "http-preview",
            "http-merchandised",
            "http-cart-complements",
            "http-several-lists",
        ),
        problems=(404,),
    ),
    ("POST", "/conversations"): Operation(
        "postConversations",
        "Follow what a shopper says, turn by turn",
        "recommendations",
        "Nothing is kept: the client sends the `constraints` of the last answer back. Ranks as any other list.",
        json_body(requests.ConversationRequest),
        ((200, (list_answers.Conversation,)),),
        samples=("http-conversation", "http-conversation-goes-on"),
        problems=(404,),
    ),
    ("POST", "/users/{user_id}/rankings"): Operation(
        "postRankings",
        "Put given items into a shopper's order",
        "recommendations",
        "Every id is in the answer, once: what can't be sold after what can, and unknown ids last.",
        json_body(requests.RankingRequest),
        ((200, (list_answers.Recommendation,)),),
        samples=("http-rank-given-items",),
        problems=(404,),
    ),
    ("GET", "/items/{item_id}/similar"): Operation(
        "getSimilar",
        "Substitutes of an item",
        "recommendations",
        answers=((200, (list_answers.Recommendation,)),),
        query=("user_id", *LIST_PARAMETERS),
        problems=(404,),
    ),
    ("GET", "/items/{item_id}/together"): Operation(
        "getTogether",
        "What is bought together with an item",
        "recommendations",
        answers=((200, (list_answers.Recommendation,)),),
        query=("user_id", *LIST_PARAMETERS),
        problems=(404,),
    ),
    ("GET", "/search"): Operation(
        "search",
        "Search by meaning and by word",
        "recommendations",
        answers=((200, (list_answers.Recommendation,)),),
        query=("q", "user_id", *LIST_PARAMETERS),
        problems=(404,),
    ),
    ("GET", "/trending"): Operation(
        "getTrending",
        "What is in demand right now",
        "recommendations",
        "Approximate counts of the last hours, whoever asks.",
        answers=((200, (list_answers.Recommendation,)),),
        query=("category", *TRENDING),
    ),
    ("GET", "/parameters"): Operation(
        "getParameters",
        "The main parameters of the ranking",
        "about",
        "Weights, half-lives, defaults of requests, scenarios and experiments, as they are configured right now, in "
        "numbers and sentences; in the language of the parameter, else of the Accept-Language header, else in English.",
        answers=((200, (answers.Parameters,)),),
        query=("language",),
    ),
    ("GET", "/health"): Operation(
        "getHealth",
        "Whether a snapshot is loaded",
        "about",
        answers=((200, (answers.Health,)),),
        open=True,
    ),
    ("POST", "/items"): Operation(
        "postItems",
        "Store up to 500 items",
        "items",
        bodies=json_body(requests.Items),
        answers=((200, (answers.ItemsStored,)),),
    ),
    ("GET", "/items/{item_id}"): Operation(
        "getItem", "An item as it is stored", "items", answers=((200, (answers.StoredItem,)),), problems=(404,)
    ),
    ("PUT", "/items/{item_id}"): Operation(
        "putItem",
        "Store an item",
        "items",
        "It is rankable by its text within seconds. The whole item is replaced, so one that has a title needs one.",
        json_body(requests.PutItem),
        ((200, (answers.ItemStored,)),),
        samples=("http-put-item",),
    ),
    ("PATCH", "/items/{item_id}"): Operation(
        "patchItem",
        "Change what is named of an item",
        "items",
        "Price, stock or anything else; the rest stays as it is. null takes a field away.",
        json_body(requests.PatchItem),
        ((200, (answers.ItemStored,)),),
        samples=("http-patch-item",),
        problems=(404,),
    ),
    ("DELETE", "/items/{item_id}"): Operation(
        "deleteItem", "Take an item out", "items", answers=((204, ()),), problems=(404,)
    ),
    ("PUT", "/users/{user_id}"): Operation(
        "putUser",
        "State attributes, preferences and consent",
        "users",
        'A consent of {"personalization": false} is a refusal: what is stored of the shopper is dropped, and nothing '
        "is taken in until they consent again.",
        bodies=json_body(requests.User),
        answers=((200, (user_answers.UserStated,)),),
        samples=("http-put-preferences", "http-refuse"),
    ),
    ("DELETE", "/users/{user_id}"): Operation(
        "deleteUser",
        "Erase a shopper",
        "users",
        "Events from before, however late and whatever way they arrive, are not stored again. A purge takes what other "
        "stores hold out of them within the days that the stack promises.",
        answers=((200, (user_answers.Receipt,)), (202, (user_answers.ErasureAccepted,))),
    ),
    ("GET", "/users/{user_id}/profile"): Operation(
        "getProfile",
        "What is known about a shopper",
        "users",
        "In words and numbers: interests, what reviews praise and complain about, what the latest session points at. "
        "The language is that of the parameter, else of the Accept-Language header, else of the items.",
        answers=((200, (user_answers.Profile,)),),
        query=("language",),
        problems=(404,),
    ),
    ("GET", "/users/{user_id}/export"): Operation(
        "getExport",
        "Everything that is stored about a shopper",
        "users",
        "The whole profile, and which other stores may hold something. After an erasure, its signed receipt.",
        answers=((200, (user_answers.Export,)),),
        problems=(404,),
    ),
    ("POST", "/storefront/events"): Operation(
        "postStorefrontEvents",
        "Take a visitor's own events in",
        "storefront",
        "With the shopper's token they are the shopper's, and what the visitor did before becomes theirs too. An "
        "`event_id` of more than 64 characters counts by its hash; a purchase without `value` is worth the `price` of "
        "its `properties`, times their `quantity`.",
        json_body(requests.StorefrontEvents),
        ((202, (answers.StorefrontEventsAccepted,)),),
        samples=("http-events-as-somebody-else",),
        problems=(404,),
    ),
    ("POST", "/storefront/recommendations"): Operation(
        "postStorefrontRecommendations",
        "Recommend to the visitor",
        "storefront",
        "By a named scenario; rules of the shop's can't be sent. `interactions`: what was just done on these pages. "
        "`reasons` are those that speak for an item, so their weights need not add up to its score.",
        json_body(requests.StorefrontRequest),
        ((200, (list_answers.StorefrontRecommendation,)),),
        samples=("http-recommendations",),
        problems=(404,),
    ),
    ("POST", "/storefront/conversations"): Operation(
        "storefrontConversation",
        "Follow what a visitor says, turn by turn",
        "storefront",
        "As POST /conversations, with conditions of what any page shows: price, brand, title, categories, and what "
        "attributes tell of colour, size or material.",
        json_body(requests.StorefrontConversation),
        ((200, (list_answers.Conversation,)),),
        samples=("http-conversation",),
        problems=(404,),
    ),
    ("GET", "/storefront/search"): Operation(
        "storefrontSearch",
        "Search for the visitor",
        "storefront",
        answers=((200, (list_answers.StorefrontRecommendation,)),),
        query=tuple(name for name in SearchInput.model_fields if name != "context"),
        parameters=SearchInput,
        problems=(404,),
    ),
    ("GET", "/storefront/items/{item_id}/similar"): Operation(
        "getStorefrontSimilar",
        "Substitutes of an item, for the visitor",
        "storefront",
        answers=((200, (list_answers.StorefrontRecommendation,)),),
        query=tuple(name for name in ListInput.model_fields if name != "context"),
        problems=(404,),
        parameters=ListInput,
    ),
    ("GET", "/storefront/trending"): Operation(
        "getStorefrontTrending",
        "What is in demand right now",
        "storefront",
        answers=((200, (list_answers.StorefrontRecommendation,)),),
        query=tuple(TrendingInput.model_fields),
        parameters=TrendingInput,
        problems=(404,),
    ),
    ("POST", "/webhooks/shopify"): Operation(
        "postShopifyWebhook",
        "Take in what Shopify sends",
        "webhooks",
        "Orders, refunds, products and requests about people; sent twice they count once.",
        json_body(requests.ShopMessage),
        ((200, (answers.WebhookTaken,)), (202, (answers.WebhookIgnored,))),
        samples=("http-shopify-product-updated",),
        problems=(404,),
    ),
    ("POST", "/webhooks/woocommerce"): Operation(
        "postWooCommerceWebhook",
        "Take in what WooCommerce sends",
        "webhooks",
        "Orders, products and customers that were deleted; sent twice they count once.",
        json_body(requests.ShopMessage),
        ((200, (answers.WebhookTaken, answers.WebhookPing)), (202, (answers.WebhookIgnored,))),
        samples=("http-woocommerce-order-created",),
        problems=(404,),
    ),
    **OPERATOR_OPERATIONS,
}
