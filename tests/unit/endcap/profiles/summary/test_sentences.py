from __future__ import annotations

import re

import pytest

from endcap.catalog.item import Item
from endcap.events.interaction import Interaction
from endcap.events.types import DAY_S, EVENT_TYPES, event_types
from endcap.profiles.profile import profile_of
from endcap.profiles.summary.aspects import Sentiment, sentiments_of
from endcap.profiles.summary.intent import CategoryCount, Done, Named, RecentIntent
from endcap.profiles.summary.sentences import aspect_name, sentences, usual_language
from endcap.profiles.summary.tags import Tag
from endcap.text.sentiment.aspects import ASPECTS

NOW_MS = 1_768_471_200_000
TAGS = [Tag("category", "garden", 2.0), Tag("brand", "Acme", -1.0), Tag("word", "rose", 0.5)]
SENTIMENTS = [Sentiment("quality", 0.6, 2), Sentiment("fit", -0.5, 1), Sentiment("price", 0.1, 1)]
MUG, LAMP = Named("m", "Mug"), Named("l", "")
BOUGHT = Done("l", "", "purchase")
INTENT = RecentIntent(1, 2, (CategoryCount("lamps", 3),), (BOUGHT,), (MUG, LAMP), 2, BOUGHT)


def test_a_portrait_says_each_thing_once_in_both_languages() -> None:
    assert sentences(TAGS, SENTIMENTS, INTENT, "en") == [
        "You are drawn to “garden” and “rose”.",
        "You tend to pass over “Acme”.",
        "Your reviews praise quality.",
        "Your reviews complain about size and fit.",
        "Lately you paid attention to 3 items of “lamps”.",
        "You searched 2 times lately, and then bought “l”.",
        "In your cart: “Mug” and “l”.",
    ]
    assert sentences(TAGS, SENTIMENTS, INTENT, "zh") == [
        "您偏爱“garden”和“rose”。",
        "您不太喜欢“Acme”。",
        "您在评价中称赞质量。",
        "您在评价中对尺码不太满意。",
        "您最近关注了“lamps”类的 3 件商品。",
        "您最近搜索了 2 次，随后购买“l”。",
        "您的购物车里有“Mug”和“l”。",
    ]


def test_others_are_told_of_the_shopper_and_not_as_if_they_were_one() -> None:
    told = {code: sentences(TAGS, SENTIMENTS, INTENT, code, audience="staff") for code in ("en", "zh")}
    assert told["en"][:2] == ["Drawn to “garden” and “rose”.", "Tends to pass over “Acme”."]
    assert told["zh"][0] == "偏爱“garden”和“rose”。"
    assert not re.search(r"\byou|您|你", " ".join([*told["en"], *told["zh"]]), re.IGNORECASE)
    assert [len(texts) for texts in told.values()] == [7, 7]


def test_nothing_is_said_of_what_is_not_known() -> None:
    assert sentences([], [], None, "en") == []
    alone = RecentIntent(1, 2, (CategoryCount("lamps", 1),), (Done("m", "Mug", "view"),), (), 1, None)
    assert sentences([], [], alone, "en") == ["Lately you viewed “Mug”.", "You searched once lately."]
    assert sentences([], [], alone, "zh") == ["您最近曾浏览“Mug”。", "您最近搜索了 1 次。"]


@pytest.mark.parametrize(
    ("event_type", "english", "chinese"),
    [
        ("add_to_cart", "Lately put “Mug” in the cart.", "最近曾将“Mug”加入购物车。"),
        ("purchase", "Lately bought “Mug”.", "最近曾购买“Mug”。"),
        ("quiz_done", "Lately chose “Mug”.", "最近曾关注“Mug”。"),
    ],
)
def test_what_was_put_into_the_cart_or_bought_is_not_said_to_have_been_looked_at(
    event_type: str, english: str, chinese: str
) -> None:
    intent = RecentIntent(1, 2, (), (Done("m", "Mug", event_type),), (), 0, None)
    assert sentences([], [], intent, "en", "staff") == [english]
    assert sentences([], [], intent, "zh", "staff") == [chinese]


def test_every_aspect_has_a_name_in_both_languages() -> None:
    names = {(aspect_name(a, "en"), aspect_name(a, "zh")) for a in ASPECTS}
    assert len(names) == len(ASPECTS)


def test_language_is_that_of_most_items() -> None:
    english, chinese = Item("a", "Mug"), Item("b", "杯子")
    assert usual_language([]) == "en"
    assert usual_language([english, chinese]) == "en"
    assert usual_language([english, chinese, chinese]) == "zh"


def test_sentiment_is_the_mean_of_reviews_and_newer_ones_count_more() -> None:
    half_life_ms = round(EVENT_TYPES["review"].half_life_s * 1000)

    def review(text: str, age_ms: int, value: float | None = None) -> Interaction:
        return Interaction(text, "u", "review", NOW_MS - age_ms, "i", value, text)

    profile = profile_of(
        [review("excellent quality", 0), review("terrible quality, nice price", half_life_ms), review("很好", 5)]
    )
    quality, price = sentiments_of(profile, NOW_MS, EVENT_TYPES)
    assert (quality.aspect, quality.reviews) == ("quality", 2)
    assert quality.score == pytest.approx((1 - 0.5) / 1.5)
    assert (price.aspect, price.score, price.reviews) == ("price", pytest.approx(4 / 7), 1)
    short_lived = event_types({"review": {"weight": 1, "half_life_days": 0.001}})
    aged = profile_of([review("excellent quality", round(4000 * DAY_S * 1000))])
    assert [one.score for one in sentiments_of(aged, NOW_MS, short_lived)] == [0.0]
