"""All that answers say in English."""

from __future__ import annotations

from typing import Final

from endcap.messages.texts import TermTexts, Texts

TEXTS: Final = Texts(
    script=None,
    full_stop=".",
    names_joined=" and ",
    list_joined=", ",
    list_ended=" and ",
    worded="{sentence}: {words}.",
    days=("a day", "{n} days"),
    every_days=("every day", "every {n} days"),
    past={
        "view": "viewed",
        "click": "clicked",
        "add_to_cart": "put in your cart",
        "remove_from_cart": "took out of your cart",
        "purchase": "bought",
        "return": "returned",
        "rating": "rated",
        "review": "reviewed",
        "like": "liked",
        "dislike": "disliked",
        "wishlist": "saved",
        "share": "shared",
    },
    past_other="chose",
    deed="{names}, which you {did}",
    deeds_joined=", and ",
    terms={
        "similarity": TermTexts(
            meaning="Likeness to the shopper's whole history, by the user encoder.",
            plain="Close to your taste as a whole.",
        ),
        "next": TermTexts(
            meaning="Often chosen after items of the shopper's history.",
            plain="Often chosen next.",
            named="Often chosen after {deeds}.",
            against="Lower, as it follows what did not suit you.",
            against_named="Lower, as it follows {names}, which did not suit you.",
        ),
        "together": TermTexts(
            meaning="Often bought together with items of the history.",
            plain="Often bought together with your choices.",
            named="Goes together with {deeds}.",
            against="Lower, as it goes with what did not suit you.",
            against_named="Lower, as it goes with {names}, which did not suit you.",
        ),
        "neighbours": TermTexts(
            meaning="Chosen by shoppers who chose the same items.",
            plain="Chosen by shoppers like you.",
            named="Chosen by shoppers who, like you, chose {names}.",
        ),
        "wording": TermTexts(
            meaning="Described in the words of items of the history.",
            plain="Described much like your choices.",
            named="Described much like {deeds}.",
            against="Lower, as it is described like what did not suit you.",
            against_named="Lower, as it is described much like {names}.",
        ),
        "text": TermTexts(
            meaning="Close in meaning to the shopper's latest items.",
            plain="Similar to your latest choices.",
            named="Similar to {deeds}.",
            against="Lower, as it is unlike your choices.",
            against_named="Lower, as it resembles {names}, which did not suit you.",
        ),
        "words": TermTexts(
            meaning="Close in meaning to the shopper's own reviews and searches; a bad review counts against.",
            plain="Fits what you searched for lately.",
            named="Fits what you wrote about {names}.",
            against="Lower, as it is far from what you wrote.",
            against_named="Lower, after what you wrote about {names}.",
        ),
        "query": TermTexts(
            meaning="Close in meaning to what is searched for.",
            plain="Matches the meaning of your search.",
        ),
        "lexical": TermTexts(
            meaning="Has the words, or is the very id, that is searched for.",
            plain="Contains the words of your search.",
        ),
        "popularity": TermTexts(
            meaning="Often chosen by everyone, lately more than long ago.",
            plain="Popular with other shoppers.",
        ),
        "trend": TermTexts(
            meaning="Chosen more at the snapshot's cut-off than before.",
            plain="In demand at the moment.",
        ),
        "live_trend": TermTexts(
            meaning="Chosen often in the last hours.",
            plain="In demand right now.",
        ),
        "category": TermTexts(
            meaning="From categories that the shopper likes, or states.",
            plain="From categories that interest you.",
            named="From {label}, which interests you.",
            against="Lower, as such items did not suit you.",
            against_named="Lower, as {label} did not suit you.",
        ),
        "brand": TermTexts(
            meaning="From brands that the shopper likes, or states.",
            plain="From a brand you chose.",
            named="From {label}, a brand you chose.",
            against="Lower, as its brand did not suit you.",
            against_named="Lower, as {label} did not suit you.",
        ),
        "price": TermTexts(
            meaning="In the price range of the shopper's history.",
            plain="In your usual price range.",
        ),
        "again": TermTexts(
            meaning="Chosen before by this shopper.",
            plain="You chose this before.",
        ),
        "new_item": TermTexts(
            meaning="Nobody has touched it yet.",
            plain="New in our range.",
        ),
        "similar": TermTexts(
            meaning="Like the items that the request names.",
            plain="Similar to what you look at.",
            named="Similar to {names}.",
            against="Lower, as it is unlike what you look at.",
            against_named="Lower, as it is unlike {names}.",
        ),
        "complement": TermTexts(
            meaning="Bought together with the items that the request names.",
            plain="Goes with what you chose.",
            named="Often bought together with {names}.",
        ),
        "boost": TermTexts(
            meaning="What the request or the scenario adds.",
            plain="Favoured by the shop at the moment.",
            against="Lower, as the shop sets it back at the moment.",
        ),
        "rotation": TermTexts(
            meaning="Shown to the shopper lately; counts against, as far as the request asks for it.",
            against="Lower, as you were shown it lately.",
        ),
        "due": TermTexts(
            meaning="Bought before, and likely to be bought again about now; where the request asks for that.",
            plain="You bought this before.",
        ),
        "context": TermTexts(
            meaning="More in demand, or less, in the country, on the device or from the referrer of the request.",
            plain="Popular where you are.",
            against="Lower, as it is less popular where you are.",
        ),
    },
    against="Lower for you.",
    against_named="Lower, because of {names}, which did not suit you.",
    your_search="your search",
    nearest_only="Among the nearest in meaning to your search.",
    without_out="Without {deed}, it would not be among the first {most}.",
    without_same="Without {deed}, it would still be number {other}.",
    without_other="Without {deed}, it would be number {other}.",
    chosen="Chosen about {times} in the last {span}.",
    chosen_at_all="Chosen in the last {span}.",
    times=("{n} time", "{n} times"),
    last_hours=("hour", "{n} hours"),
    last_days="{n} days",
    bought_times="You bought this {n} times.",
    bought_ago="You bought this {since} ago.",
    bought_usually="You usually buy this {every}; it has been {since}.",
    bought_again="You bought this again after {gap}; it has been {since}.",
    bought_by_others="Often bought again after about {gap}; you bought it {since} ago.",
    contexts={
        "device": "on {value}",
        "country": "in {value}",
        "referrer": "with shoppers who come from {value}",
    },
    context_other="where {name} is {value}",
    devices={
        "mobile": "mobile",
        "phone": "phone",
        "smartphone": "smartphone",
        "tablet": "tablet",
        "desktop": "desktop",
        "tv": "tv",
    },
    popular="Popular {where}.",
    unpopular="Lower, as it is less popular {where}.",
    aspects={
        "quality": "quality",
        "price": "price",
        "delivery": "delivery",
        "service": "service",
        "fit": "size and fit",
        "comfort": "comfort",
        "appearance": "appearance",
        "smell": "smell",
        "taste": "taste",
        "durability": "durability",
        "packaging": "packaging",
        "performance": "performance",
        "ease": "ease of use",
        "authenticity": "being as described",
    },
    drawn_to="You are drawn to {names}.",
    passes_over="You tend to pass over {names}.",
    praises="Your reviews praise {names}.",
    complains="Your reviews complain about {names}.",
    compared="Lately you compared {n} items of {name}.",
    looked_at="Lately you looked at {name}.",
    searches=("once", "{n} times"),
    searched="You searched {times} lately.",
    searched_then="You searched {times} lately, and then looked at {name}.",
    in_cart="In your cart: {names}.",
    score=(
        "An item's score is the sum of its terms, each times weight / scale. Items are ranked by score; "
        "filters, variants, promotions, pins, caps, diversity and calibration then decide which of them a "
        "list shows. A scenario may replace weights; a query or given items reduce what history says to "
        "query_share."
    ),
    settings={
        "history_half_life_events": ("Newer items after which one counts half as much in the item-to-item lists."),
        "text_half_life_events": "The same for the meaning of recent items.",
        "affinity_half_life_events": "The same for categories, brands, prices and repeats.",
        "words_half_life_events": "The same for reviews and searches.",
        "time_half_life_factor": "Multiplies the half-lives of the event types.",
        "grade_strength": "How far a grade, against the shopper's usual one, changes what a rating counts.",
        "history_floor": "The smaller, the sooner a short or old history counts in full.",
        "query_share": "What is left of the other terms where something is searched for or named.",
        "demand_fade_days": ("Days from the cut-off at which popularity counts half to a known shopper; 0 = never."),
        "rotation_half_life_s": "Seconds after which a showing sets an item back half as much.",
    },
    choices={
        "limit": "How many items a list has.",
        "personalization": (
            "off = as if unknown, session = by the running session only, full = with the stored profile."
        ),
        "exclude_seen": (
            "What the shopper has had to do with and is left out: interacted = anything, purchased, or none."
        ),
        "diversity": "0 = by score, 1 = variety only.",
        "calibration": "How far the mix of categories follows that of the shopper's history.",
        "exploration": (
            "Share of the places that are drawn by chance, by stated probabilities among up to "
            "{arms} items; a {uniform:g} part of each draw is uniform."
        ),
        "rotation": "How much what the shopper was shown lately is set back.",
    },
    learned="The ranking has learned from what was done up to {date}.",
    strongest="For a known shopper these terms weigh most: {terms}.",
    strongest_term="{name} ({weight:g})",
    weightiest="Of events these count most: {events}.",
    weightiest_event="{name} {weight:g} (half after {days:g} days)",
    chosen_for_all="Unless a request or its scenario says otherwise: {choices}.",
    choice="{name} {value}",
    scenarios="Configured scenarios: {names}.",
)
