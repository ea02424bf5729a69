"""Sentences for the reasons of a recommendation, in English and Chinese, one per term and direction.

`{names}` stands for the past items that carried the term, `{deeds}` for them and what the shopper did with each,
`{label}` for a category or brand. A sentence of each kind exists without names, for when there is nothing to point at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from endcap.messages.language import Language

_TITLE_CHARS: Final = 60
_MAX_WORDS: Final = 3
_WORDED: Final = frozenset({"wording", "text", "words", "query", "lexical"})

_DID: Final[Mapping[str, tuple[str, str]]] = {
    "view": ("viewed", "浏览过"),
    "click": ("clicked", "点击过"),
    "add_to_cart": ("put in your cart", "加入过购物车"),
    "remove_from_cart": ("took out of your cart", "移出了购物车"),
    "purchase": ("bought", "购买过"),
    "return": ("returned", "退了货"),
    "rating": ("rated", "评过分"),
    "review": ("reviewed", "评价过"),
    "like": ("liked", "喜欢"),
    "dislike": ("disliked", "不喜欢"),
    "wishlist": ("saved", "收藏过"),
    "share": ("shared", "分享过"),
}
_DID_SOMETHING: Final = ("chose", "关注过")

# term -> (for, against), each (English, Chinese), each (with names or label, without)
_Pair = tuple[str, str]
_FOR: Final[Mapping[str, tuple[_Pair, _Pair]]] = {
    "similarity": (("", "Close to your taste as a whole."), ("", "符合您的整体喜好。")),
    "next": (
        ("Often chosen after {deeds}.", "Often chosen next."),
        ("选择了{deeds}的顾客,接下来常选它。", "顾客接下来常选它。"),
    ),
    "together": (
        ("Goes together with {deeds}.", "Often bought together with your choices."),
        ("常与{deeds}一起购买。", "常与您选择的商品一起购买。"),
    ),
    "neighbours": (
        ("Chosen by shoppers who, like you, chose {names}.", "Chosen by shoppers like you."),
        ("和您一样选择了{names}的顾客也选择了它。", "与您相似的顾客也选择了它。"),
    ),
    "wording": (
        ("Described much like {deeds}.", "Described much like your choices."),
        ("与{deeds}描述相近。", "与您选择的商品描述相近。"),
    ),
    "text": (
        ("Similar to {deeds}.", "Similar to your latest choices."),
        ("与{deeds}相似。", "与您最近的选择相似。"),
    ),
    "words": (
        ("Fits what you wrote about {names}.", "Fits what you searched for lately."),
        ("符合您对{names}的评价。", "符合您最近的搜索。"),
    ),
    "query": (("", "Matches the meaning of your search."), ("", "与您的搜索意思相符。")),
    "lexical": (("", "Contains the words of your search."), ("", "包含您搜索的词语。")),
    "popularity": (("", "Popular with other shoppers."), ("", "受其他顾客欢迎。")),
    "trend": (("", "In demand at the moment."), ("", "近期热门。")),
    "live_trend": (("", "In demand right now."), ("", "当前热门。")),
    "category": (
        ("From {label}, which interests you.", "From categories that interest you."),
        ("属于您感兴趣的类别:{label}。", "属于您感兴趣的类别。"),
    ),
    "brand": (
        ("From {label}, a brand you chose.", "From a brand you chose."),
        ("来自您选择的品牌{label}。", "来自您选择的品牌。"),
    ),
    "price": (("", "In your usual price range."), ("", "在您常选的价格范围内。")),
    "again": (("", "You chose this before."), ("", "您之前选择过它。")),
    "new_item": (("", "New in our range."), ("", "新品。")),
    "similar": (("Similar to {names}.", "Similar to what you look at."), ("与{names}相似。", "与您正在看的商品相似。")),
    "complement": (
        ("Often bought together with {names}.", "Goes with what you chose."),
        ("常与{names}一起购买。", "适合与您选择的商品搭配。"),
    ),
    "context": (("", "Popular where you are."), ("", "在您所处的环境中受欢迎。")),
    "due": (("", "You bought this before."), ("", "您购买过它。")),
    "boost": (("", "Favoured by the shop at the moment."), ("", "商家推荐。")),
}
_AGAINST: Final[Mapping[str, tuple[_Pair, _Pair]]] = {
    "next": (
        ("Lower, as it follows {names}, which did not suit you.", "Lower, as it follows what did not suit you."),
        ("排名较低:它常跟随不合您意的{names}。", "排名较低:它常跟随不合您意的商品。"),
    ),
    "together": (
        ("Lower, as it goes with {names}, which did not suit you.", "Lower, as it goes with what did not suit you."),
        ("排名较低:它常与不合您意的{names}搭配。", "排名较低:它常与不合您意的商品搭配。"),
    ),
    "wording": (
        ("Lower, as it is described much like {names}.", "Lower, as it is described like what did not suit you."),
        ("排名较低:它与不合您意的{names}描述相近。", "排名较低:它与不合您意的商品描述相近。"),
    ),
    "text": (
        ("Lower, as it resembles {names}, which did not suit you.", "Lower, as it is unlike your choices."),
        ("排名较低:它与不合您意的{names}相似。", "排名较低:它与您的选择不太相似。"),
    ),
    "words": (
        ("Lower, after what you wrote about {names}.", "Lower, as it is far from what you wrote."),
        ("排名较低:根据您对{names}的评价。", "排名较低:与您写过的内容相差较远。"),
    ),
    "category": (
        ("Lower, as {label} did not suit you.", "Lower, as such items did not suit you."),
        ("排名较低:{label}类商品不合您意。", "排名较低:此类商品不合您意。"),
    ),
    "similar": (
        ("Lower, as it is unlike {names}.", "Lower, as it is unlike what you look at."),
        ("排名较低:它与{names}不太相似。", "排名较低:它与您正在看的商品不太相似。"),
    ),
    "boost": (("", "Lower, as the shop sets it back at the moment."), ("", "排名较低:商家暂时降低了它的排名。")),
    "context": (("", "Lower, as it is less popular where you are."), ("", "排名较低:在您所处的环境中不太受欢迎。")),
    "rotation": (("", "Lower, as you were shown it lately."), ("", "排名较低:近期已向您展示过。")),
    "brand": (
        ("Lower, as {label} did not suit you.", "Lower, as its brand did not suit you."),
        ("排名较低:品牌{label}不合您意。", "排名较低:其品牌不合您意。"),
    ),
}
_AGAINST_ANY: Final[tuple[_Pair, _Pair]] = (
    ("Lower, because of {names}, which did not suit you.", "Lower for you."),
    ("排名较低:因为{names}不合您意。", "对您来说排名较低。"),
)


def sentence(
    term: str,
    weight: float,
    language: Language,
    names: Sequence[str] = (),
    kinds: Sequence[str] = (),
    label: str = "",
    words: Sequence[str] = (),
) -> str:
    """One sentence about one term.

    Parameters
    ----------
    weight : what the term adds to the score; its sign picks the wording
    names : titles of the items that carried it
    kinds : what the shopper did with each of them
    label : the category or brand that carried it
    words : of the item, those that carried it; told for terms that are about words
    """
    table = _FOR if weight >= 0 else _AGAINST
    side = 0 if language == "en" else 1
    pair = table.get(term, _FOR["similarity"] if weight >= 0 else _AGAINST_ANY)[side]
    with_names, plain = pair
    template = with_names if with_names and (label if "{label}" in with_names else names) else plain
    joined = (" and " if side == 0 else "、").join(quoted(name) for name in names)
    text = template.format(names=joined, deeds=_deeds(names, kinds, language), label=quoted(label))
    return _naming(text, words, language) if words and term in _WORDED and (names or weight >= 0) else text


def _naming(text: str, words: Sequence[str], language: Language) -> str:
    """A sentence with the words that it is about."""
    if language == "zh":
        return f"{text.removesuffix('。')}:{'、'.join(words[:_MAX_WORDS])}。"
    return f"{text.removesuffix('.')}: {', '.join(words[:_MAX_WORDS])}."


def sentence_without(name: str, kind: str, rank: int, other: int | None, most: int, language: Language) -> str:
    """What an item's rank would be without one past interaction.

    Parameters
    ----------
    name, kind : the past item's title, "" for a search, and what the shopper did with it
    rank, other : with and without; None where it is not among the first `most`
    """
    deed = _deeds([name], [kind], language) if name else "您的搜索" if language == "zh" else "your search"
    if language == "zh":
        place = f"不会进入前{most}名" if other is None else f"{'仍' if other == rank else '将'}排在第{other}位"
        return f"若没有{deed},它{place}。"
    place = (
        f"not be among the first {most}" if other is None else f"{'still ' if other == rank else ''}be number {other}"
    )
    return f"Without {deed}, it would {place}."


def _deeds(names: Sequence[str], kinds: Sequence[str], language: Language) -> str:
    """Past items and what the shopper did with them, said once where it was the same with all."""
    side = 0 if language == "en" else 1
    verbs = [_DID.get(kind, _DID_SOMETHING)[side] for kind in kinds]
    joined: dict[str, list[str]] = {}
    for name, verb in zip(names, verbs, strict=True):
        joined.setdefault(verb, []).append(quoted(name))
    if language == "zh":
        return "和".join(f"您{verb}的{'、'.join(same)}" for verb, same in joined.items())
    return ", and ".join(f"{' and '.join(same)}, which you {verb}" for verb, same in joined.items())


def how_often(times: int, hours: int, language: Language) -> str:
    """One sentence about how often an item was chosen in the last hours."""
    if language == "zh":
        return f"过去{f'{hours // 24}天' if hours > 24 else f'{hours}小时'}内约被选择{times}次。"
    span = "hour" if hours == 1 else f"{hours // 24} days" if hours > 24 else f"{hours} hours"
    return f"Chosen about {times} time{'s' * (times != 1)} in the last {span}."


def due_again(
    times: int, days_since: float | None, own_gap_days: float | None, usual_gap_days: float | None, language: Language
) -> str:
    """One sentence about when an item is bought again; days are None where they are not known.

    Parameters
    ----------
    times : purchases of the shopper
    own_gap_days, usual_gap_days : between two of the shopper's own purchases, of everyone's
    """
    side = 0 if language == "en" else 1
    if days_since is None:
        if times > 1:
            return (f"You bought this {times} times.", f"您购买过{times}次。")[side]
        return _FOR["due"][side][1]
    since = max(1, int(days_since))
    if own_gap_days is not None:
        gap = max(1, round(own_gap_days))
        if times > 2:
            return (
                f"You usually buy this {_every(gap)}; it has been {since}.",
                f"您通常每{gap}天购买一次,距上次已有{since}天。",
            )[side]
        return (
            f"You bought this again after {_days(gap)}; it has been {_days(since)}.",
            f"您曾在{gap}天后再次购买,距上次已有{since}天。",
        )[side]
    if usual_gap_days is None:
        return (f"You bought this {_days(since)} ago.", f"您在{since}天前购买过它。")[side]
    gap = max(1, round(usual_gap_days))
    return (
        f"Often bought again after about {_days(gap)}; you bought it {_days(since)} ago.",
        f"顾客常在约{gap}天后再次购买,您上次购买是在{since}天前。",
    )[side]


_DEVICES: Final = {
    "mobile": "手机",
    "phone": "手机",
    "smartphone": "手机",
    "tablet": "平板电脑",
    "desktop": "电脑",
    "tv": "电视",
}


def popular_in(name: str, value: str, language: Language, *, against: bool = False) -> str:
    """One sentence about demand in a context, such as ("device", "mobile"), that speaks for or against an item."""
    side = 0 if language == "en" else 1
    place = value.upper() if len(value) <= 3 else value.title()
    where = {
        "device": (f"on {value}", f"在{_DEVICES.get(value, value)}上"),
        "country": (f"in {place}", f"在{place}"),
        "referrer": (f"with shoppers who come from {value}", f"在来自{value}的顾客中"),
    }.get(name, (f"where {name} is {value}", f"在{name}为{value}时"))[side]
    if against:
        return f"Lower, as it is less popular {where}." if side == 0 else f"排名较低:{where}不太受欢迎。"
    return f"Popular {where}." if side == 0 else f"{where}受欢迎。"


def _every(days: int) -> str:
    return "every day" if days == 1 else f"every {days} days"


def _days(number: int) -> str:
    return "a day" if number == 1 else f"{number} days"


def quoted(title: str) -> str:
    """A title as part of a sentence: quoted, cut at a length that a sentence can bear."""
    cut = title if len(title) <= _TITLE_CHARS else title[: _TITLE_CHARS - 1].rstrip() + "…"
    return f"“{cut}”"
