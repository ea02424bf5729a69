"""A shopper's profile in a few sentences, in English or Chinese: likes, praise, complaints, and what they are after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from endcap.catalog.item import Item
from endcap.messages.language import Language, language_of
from endcap.messages.reasons import quoted
from endcap.profiles.summary.aspects import Sentiment
from endcap.profiles.summary.intent import RecentIntent
from endcap.profiles.summary.tags import Tag

MAX_LIKED: Final = 3
MAX_DISLIKED: Final = 2
CLEAR: Final = 0.2
"""A weaker sentiment is neither praise nor complaint."""

_ASPECTS: Final[Mapping[str, tuple[str, str]]] = {
    "quality": ("quality", "质量"),
    "price": ("price", "价格"),
    "delivery": ("delivery", "物流"),
    "service": ("service", "服务"),
    "fit": ("size and fit", "尺码"),
    "comfort": ("comfort", "舒适度"),
    "appearance": ("appearance", "外观"),
    "smell": ("smell", "气味"),
    "taste": ("taste", "口味"),
    "durability": ("durability", "耐用性"),
    "packaging": ("packaging", "包装"),
    "performance": ("performance", "性能"),
    "ease": ("ease of use", "易用性"),
    "authenticity": ("being as described", "与描述相符"),
}


def aspect_name(aspect: str, language: Language) -> str:
    """An aspect in words."""
    return _ASPECTS[aspect][0 if language == "en" else 1]


def usual_language(items: Iterable[Item]) -> Language:
    """The language that most of the items are described in; English where there are none."""
    spoken = [language_of({"title": item.title, "language": item.language}) for item in items]
    return "zh" if spoken.count("zh") > len(spoken) / 2 else "en"


def sentences(
    tags: Sequence[Tag], sentiments: Sequence[Sentiment], intent: RecentIntent | None, language: Language
) -> list[str]:
    """What is known, one sentence each; none about what is not known."""
    liked = dict.fromkeys(quoted(tag.name) for tag in tags if tag.weight > 0)
    disliked = dict.fromkeys(quoted(tag.name) for tag in tags if tag.weight < 0)
    praised = [aspect_name(one.aspect, language) for one in sentiments if one.score >= CLEAR]
    blamed = [aspect_name(one.aspect, language) for one in sentiments if one.score <= -CLEAR]
    zh = language == "zh"
    found = [
        _told(liked, MAX_LIKED, "您偏爱{}。" if zh else "You are drawn to {}.", language),
        _told(disliked, MAX_DISLIKED, "您不太喜欢{}。" if zh else "You tend to pass over {}.", language),
        _told(praised, MAX_LIKED, "您在评价中称赞{}。" if zh else "Your reviews praise {}.", language),
        _told(blamed, MAX_LIKED, "您在评价中对{}不太满意。" if zh else "Your reviews complain about {}.", language),
    ]
    return [text for text in found if text] + ([] if intent is None else _of_intent(intent, language))


def _of_intent(intent: RecentIntent, language: Language) -> list[str]:
    zh = language == "zh"
    found = []
    titles = [quoted(one.title or one.item_id) for one in intent.looked_at]
    compared = intent.categories[0] if intent.categories and intent.categories[0].items > 1 else None
    if compared is not None:
        name = quoted(compared.name)
        found.append(
            f"您最近比较了{name}类的{compared.items}件商品。"
            if zh
            else f"Lately you compared {compared.items} items of {name}."
        )
    elif titles:
        found.append(f"您最近看过{titles[0]}。" if zh else f"Lately you looked at {titles[0]}.")
    if intent.searches:
        times = "once" if intent.searches == 1 else f"{intent.searches} times"
        then = intent.chosen_after_search
        name = "" if then is None else quoted(then.title or then.item_id)
        if zh:
            found.append(f"您最近搜索了{intent.searches}次{f',随后看了{name}' if name else ''}。")
        else:
            found.append(f"You searched {times} lately{f', and then looked at {name}' if name else ''}.")
    cart = [quoted(one.title or one.item_id) for one in intent.in_cart]
    if cart:
        found.append(
            f"您的购物车里有{_listed(cart, language)}。" if zh else f"In your cart: {_listed(cart, language)}."
        )
    return found


def _told(names: Iterable[str], most: int, template: str, language: Language) -> str:
    first = list(names)[:most]
    return template.format(_listed(first, language)) if first else ""


def _listed(names: Sequence[str], language: Language) -> str:
    if language == "zh":
        return "、".join(names)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
