"""The parameters of the ranking in words, each in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

Said = tuple[str, str]
"""English, Chinese."""

SCORE: Final[Said] = (
    "An item's score is the sum of its terms, each times weight / scale. Items are ranked by score; filters, variants, "
    "promotions, pins, caps, diversity and calibration then decide which of them a list shows. A scenario may replace "
    "weights; a query or given items reduce what history says to query_share.",
    "商品得分是各项得分之和,每项乘以权重/尺度。商品按得分排序;筛选、变体、推广、置顶、上限、多样性和校准再决定列表展示哪些。"
    "场景可替换权重;有搜索词或指定商品时,历史的影响降为query_share。",
)
TERM_MEANINGS: Final[Mapping[str, Said]] = MappingProxyType(
    {
        "similarity": (
            "Likeness to the shopper's whole history, by the user encoder.",
            "与顾客全部历史的相似度,由用户编码器计算。",
        ),
        "next": ("Often chosen after items of the shopper's history.", "常在顾客历史中的商品之后被选择。"),
        "together": ("Often bought together with items of the history.", "常与历史中的商品一起购买。"),
        "neighbours": ("Chosen by shoppers who chose the same items.", "被选择过相同商品的顾客选择。"),
        "wording": ("Described in the words of items of the history.", "描述用词与历史中的商品相同。"),
        "text": ("Close in meaning to the shopper's latest items.", "含义与顾客最近的商品相近。"),
        "words": (
            "Close in meaning to the shopper's own reviews and searches; a bad review counts against.",
            "含义与顾客自己的评价和搜索相近;差评为负。",
        ),
        "query": ("Close in meaning to what is searched for.", "含义与搜索词相近。"),
        "lexical": ("Has the words, or is the very id, that is searched for.", "包含搜索的词语,或编号即搜索词。"),
        "popularity": ("Often chosen by everyone, lately more than long ago.", "被所有顾客经常选择,近期的计入更多。"),
        "trend": ("Chosen more at the snapshot's cut-off than before.", "在快照截止时比之前更多被选择。"),
        "live_trend": ("Chosen often in the last hours.", "最近几小时经常被选择。"),
        "category": ("From categories that the shopper likes, or states.", "属于顾客喜欢或声明的类别。"),
        "brand": ("From brands that the shopper likes, or states.", "来自顾客喜欢或声明的品牌。"),
        "price": ("In the price range of the shopper's history.", "在顾客历史的价格范围内。"),
        "again": ("Chosen before by this shopper.", "该顾客以前选择过。"),
        "new_item": ("Nobody has touched it yet.", "还没有人接触过。"),
        "similar": ("Like the items that the request names.", "与请求指定的商品相似。"),
        "complement": ("Bought together with the items that the request names.", "与请求指定的商品一起购买。"),
        "boost": ("What the request or the scenario adds.", "请求或场景所加的分。"),
        "rotation": (
            "Shown to the shopper lately; counts against, as far as the request asks for it.",
            "近期已向顾客展示过;按请求的程度扣分。",
        ),
        "context": (
            "More in demand, or less, in the country, on the device or from the referrer of the request.",
            "在请求所述的国家、设备或来源中更受欢迎,或不太受欢迎。",
        ),
        "due": (
            "Bought before, and likely to be bought again about now; where the request asks for that.",
            "以前买过,现在可能再次购买;仅在请求要求时计入。",
        ),
    }
)
SETTING_MEANINGS: Final[Mapping[str, Said]] = MappingProxyType(
    {
        "history_half_life_events": (
            "Newer items after which one counts half as much in the item-to-item lists.",
            "在商品关联列表中,每隔多少件更新的商品,影响减半。",
        ),
        "text_half_life_events": ("The same for the meaning of recent items.", "近期商品含义的同样设置。"),
        "affinity_half_life_events": (
            "The same for categories, brands, prices and repeats.",
            "类别、品牌、价格和重复购买的同样设置。",
        ),
        "words_half_life_events": ("The same for reviews and searches.", "评价和搜索的同样设置。"),
        "time_half_life_factor": ("Multiplies the half-lives of the event types.", "乘以各事件类型的半衰期。"),
        "grade_strength": (
            "How far a grade, against the shopper's usual one, changes what a rating counts.",
            "评分相对顾客平均分,改变评价影响的程度。",
        ),
        "history_floor": (
            "The smaller, the sooner a short or old history counts in full.",
            "越小,短的或旧的历史越早完全计入。",
        ),
        "query_share": (
            "What is left of the other terms where something is searched for or named.",
            "有搜索词或指定商品时,其他各项保留的比例。",
        ),
        "demand_fade_days": (
            "Days from the cut-off at which popularity counts half to a known shopper; 0 = never.",
            "距截止多少天后,热门度对已知顾客减半;0表示从不。",
        ),
        "rotation_half_life_s": (
            "Seconds after which a showing sets an item back half as much.",
            "展示后多少秒,扣分减半。",
        ),
    }
)
CHOICE_MEANINGS: Final[Mapping[str, Said]] = MappingProxyType(
    {
        "limit": ("How many items a list has.", "列表的商品数。"),
        "personalization": (
            "off = as if unknown, session = by the running session only, full = with the stored profile.",
            "off=视为未知顾客,session=仅按当前会话,full=使用已存档案。",
        ),
        "exclude_seen": (
            "What the shopper has had to do with and is left out: interacted = anything, purchased, or none.",
            "排除顾客接触过的商品:interacted=任何接触,purchased=已购买,none=不排除。",
        ),
        "diversity": ("0 = by score, 1 = variety only.", "0=只按得分,1=只求多样。"),
        "calibration": (
            "How far the mix of categories follows that of the shopper's history.",
            "类别比例在多大程度上符合顾客的历史。",
        ),
        "exploration": (
            "Share of the places that are drawn by chance, by stated probabilities among up to {arms} items; a "
            "{uniform:g} part of each draw is uniform.",
            "随机抽取的位置比例,按公布的概率在最多{arms}件商品中抽取;每次抽取有{uniform:g}的部分为均匀分布。",
        ),
        "rotation": (
            "How much what the shopper was shown lately is set back.",
            "近期已向顾客展示过的商品被后移的程度。",
        ),
    }
)
