"""What answers say in English to the shop's own people: of a shopper, not to one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from endcap.messages.en import TEXTS
from endcap.messages.texts import Portrait

_OWN: Final = TEXTS.terms

STAFF_TEXTS: Final = replace(
    TEXTS,
    past={
        **TEXTS.past,
        "add_to_cart": "put in the cart",
        "remove_from_cart": "took out of the cart",
    },
    deed="{names}, which the shopper {did}",
    terms={
        **_OWN,
        "similarity": _OWN["similarity"]._replace(
            plain="Close to the shopper's taste as a whole.",
            against="Lower, as it is far from the shopper's taste as a whole.",
        ),
        "next": _OWN["next"]._replace(
            against="Lower, as it follows what did not suit the shopper.",
            against_named="Lower, as it follows {names}, which did not suit the shopper.",
        ),
        "together": _OWN["together"]._replace(
            plain="Often bought together with the shopper's choices.",
            against="Lower, as it goes with what did not suit the shopper.",
            against_named="Lower, as it goes with {names}, which did not suit the shopper.",
            borrowed="Its description is like that of items that go with the shopper's choices.",
        ),
        "neighbours": _OWN["neighbours"]._replace(
            plain="Chosen by shoppers like this one.",
            named="Chosen by shoppers who, like this one, chose {names}.",
            borrowed="Its description is like that of items chosen by shoppers like this one.",
            borrowed_named=(
                "Its description is like that of items chosen by shoppers who, like this one, chose {names}."
            ),
        ),
        "wording": _OWN["wording"]._replace(
            plain="Described much like the shopper's choices.",
            against="Lower, as it is described like what did not suit the shopper.",
        ),
        "text": _OWN["text"]._replace(
            plain="Similar to the shopper's latest choices.",
            against="Lower, as it is unlike the shopper's choices.",
            against_named="Lower, as it resembles {names}, which did not suit the shopper.",
        ),
        "words": _OWN["words"]._replace(
            plain="Fits what the shopper wrote or searched for lately.",
            named="Fits what the shopper wrote about {names}.",
            against="Lower, as it is far from what the shopper wrote.",
            against_named="Lower, after what the shopper wrote about {names}.",
        ),
        "described": _OWN["described"]._replace(
            plain="Similar in kind and use to what the shopper chose lately.",
            against="Lower, as its kind and use are far from the shopper's choices.",
            against_named="Lower, as it is similar in kind and use to {names}, which did not suit the shopper.",
        ),
        "described_query": _OWN["described_query"]._replace(
            plain="Its kind and use fit the search.",
            against="Lower, as its kind and use are far from the search.",
        ),
        "image": _OWN["image"]._replace(
            plain="Looks like what the shopper chose lately.",
            against="Lower, as it looks unlike the shopper's choices.",
            against_named="Lower, as it looks like {names}, which did not suit the shopper.",
        ),
        "image_similar": _OWN["image_similar"]._replace(
            plain="Looks like what is looked at.",
            against="Lower, as it looks unlike what is looked at.",
        ),
        "tags": _OWN["tags"]._replace(
            plain="For the same occasions, people or themes as what the shopper chose lately.",
            against="Lower, as it is for other occasions, people or themes than the shopper's choices.",
            against_named="Lower, as it is for the same occasion, people or theme as {names}, which did not suit the "
            "shopper.",
        ),
        "query": _OWN["query"]._replace(
            plain="Matches the meaning of the search.",
            against="Lower, as its meaning is far from the search.",
        ),
        "lexical": _OWN["lexical"]._replace(plain="Contains the words of the search."),
        "category": _OWN["category"]._replace(
            plain="From categories that interest the shopper.",
            named="From {label}, which interests the shopper.",
            against="Lower, as such items did not suit the shopper.",
            against_named="Lower, as {label} did not suit the shopper.",
        ),
        "brand": _OWN["brand"]._replace(
            plain="From a brand that the shopper chose.",
            named="From {label}, a brand that the shopper chose.",
            against="Lower, as its brand did not suit the shopper.",
            against_named="Lower, as {label} did not suit the shopper.",
        ),
        "price": _OWN["price"]._replace(plain="In the shopper's usual price range."),
        "again": _OWN["again"]._replace(
            plain="The shopper has had to do with this before.",
            named="Something that the shopper {did} before.",
        ),
        "new_item": _OWN["new_item"]._replace(plain="New in the shop's range."),
        "similar": _OWN["similar"]._replace(
            plain="Similar to what is looked at.",
            against="Lower, as it is unlike what is looked at.",
        ),
        "complement": _OWN["complement"]._replace(
            plain="Goes with what the shopper chose.",
            borrowed="Its description is like that of items that go with what the shopper chose.",
        ),
        "rotation": _OWN["rotation"]._replace(against="Lower, as the shopper was shown it lately."),
        "due": _OWN["due"]._replace(plain="The shopper bought this before."),
        "context": _OWN["context"]._replace(
            plain="Popular where the shopper is.",
            against="Lower, as it is less popular where the shopper is.",
        ),
    },
    against="Lower for this shopper.",
    against_named="Lower, because of {names}, which did not suit the shopper.",
    own="Higher, as it is something that the shopper {did} before.",
    own_too="{sentence} It is also something that the shopper {did} before.",
    own_against="Lower, as it did not suit the shopper before.",
    your_search="the search",
    nearest_only="Among the nearest in meaning to the search.",
    bought_times="The shopper bought this {n} times.",
    bought_ago="The shopper bought this {since} ago.",
    bought_usually="The shopper usually buys this {every}; it has been {since}.",
    bought_again="The shopper bought this again after {gap}; it has been {since}.",
    bought_by_others="Often bought again after about {gap}; the shopper bought it {since} ago.",
    portrait=Portrait(
        drawn_to="Drawn to {names}.",
        passes_over="Tends to pass over {names}.",
        praises="Their reviews praise {names}.",
        complains="Their reviews complain about {names}.",
        concerned="Lately paid attention to {n} items of {name}.",
        lately="Lately {done}.",
        searched="Searched {times} lately.",
        searched_then="Searched {times} lately, and then {done}.",
        in_cart="In their cart: {names}.",
    ),
)
