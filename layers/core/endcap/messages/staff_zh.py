"""What answers say in Chinese to the shop's own people: of a shopper, not to one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from endcap.messages.texts import Portrait
from endcap.messages.zh import TEXTS

_OWN: Final = TEXTS.terms

STAFF_TEXTS: Final = replace(
    TEXTS,
    deed="该顾客{did}的{names}",
    terms={
        **_OWN,
        "similarity": _OWN["similarity"]._replace(
            plain="符合该顾客的整体喜好。",
            against="排名较低：与该顾客的整体喜好相差较远。",
        ),
        "next": _OWN["next"]._replace(
            against="排名较低：它常跟随不合该顾客心意的商品。",
            against_named="排名较低：它常跟随不合该顾客心意的{names}。",
        ),
        "together": _OWN["together"]._replace(
            plain="常与该顾客选择的商品一起购买。",
            against="排名较低：它常与不合该顾客心意的商品搭配。",
            against_named="排名较低：它常与不合该顾客心意的{names}搭配。",
            borrowed="描述与常和该顾客选择的商品搭配的商品相近。",
        ),
        "neighbours": _OWN["neighbours"]._replace(
            plain="与该顾客相似的顾客也选择了它。",
            named="和该顾客一样选择了{names}的顾客也选择了它。",
            borrowed_named="描述与和该顾客一样选择了{names}的顾客所选的商品相近。",
        ),
        "wording": _OWN["wording"]._replace(
            plain="与该顾客选择的商品描述相近。",
            against="排名较低：它与不合该顾客心意的商品描述相近。",
            against_named="排名较低：它与不合该顾客心意的{names}描述相近。",
        ),
        "text": _OWN["text"]._replace(
            plain="与该顾客最近的选择相似。",
            against="排名较低：它与该顾客的选择不太相似。",
            against_named="排名较低：它与不合该顾客心意的{names}相似。",
        ),
        "words": _OWN["words"]._replace(
            plain="符合该顾客最近写过或搜索过的内容。",
            named="符合该顾客对{names}的评价。",
            against="排名较低：与该顾客写过的内容相差较远。",
            against_named="排名较低：根据该顾客对{names}的评价。",
        ),
        "described": _OWN["described"]._replace(
            plain="种类和用途与该顾客最近的选择相近。",
            against="排名较低：种类和用途与该顾客的选择相差较远。",
            against_named="排名较低：种类和用途与不合该顾客心意的{names}相近。",
        ),
        "described_query": _OWN["described_query"]._replace(
            plain="种类和用途与搜索词相符。",
            against="排名较低：种类和用途与搜索词相差较远。",
        ),
        "image": _OWN["image"]._replace(
            plain="外观与该顾客最近的选择相近。",
            against="排名较低：外观与该顾客的选择相差较远。",
            against_named="排名较低：外观与不合该顾客心意的{names}相近。",
        ),
        "image_similar": _OWN["image_similar"]._replace(
            plain="外观与正在看的商品相近。",
            against="排名较低：外观与正在看的商品相差较远。",
        ),
        "tags": _OWN["tags"]._replace(
            plain="场合、人群或主题与该顾客最近的选择相同。",
            against="排名较低：场合、人群或主题与该顾客的选择不同。",
            against_named="排名较低：场合、人群或主题与不合该顾客心意的{names}相同。",
        ),
        "query": _OWN["query"]._replace(
            plain="与搜索词的意思相符。",
            against="排名较低：与搜索词的意思相差较远。",
        ),
        "lexical": _OWN["lexical"]._replace(plain="包含搜索的词语。"),
        "category": _OWN["category"]._replace(
            plain="属于该顾客感兴趣的类目。",
            named="属于该顾客感兴趣的类目：{label}。",
            against="排名较低：此类商品不合该顾客心意。",
            against_named="排名较低：{label}类商品不合该顾客心意。",
        ),
        "brand": _OWN["brand"]._replace(
            plain="来自该顾客选择的品牌。",
            named="来自该顾客选择的品牌{label}。",
            against="排名较低：其品牌不合该顾客心意。",
            against_named="排名较低：品牌{label}不合该顾客心意。",
        ),
        "price": _OWN["price"]._replace(plain="在该顾客常选的价格范围内。"),
        "again": _OWN["again"]._replace(
            plain="该顾客之前对它有过行为。",
            named="该顾客之前{did}的商品。",
        ),
        "similar": _OWN["similar"]._replace(
            plain="与正在看的商品相似。",
            against="排名较低：它与正在看的商品不太相似。",
        ),
        "complement": _OWN["complement"]._replace(
            plain="适合与该顾客选择的商品搭配。",
            borrowed="描述与适合和该顾客所选商品搭配的商品相近。",
        ),
        "rotation": _OWN["rotation"]._replace(against="排名较低：近期已向该顾客展示过。"),
        "due": _OWN["due"]._replace(plain="该顾客购买过它。"),
        "context": _OWN["context"]._replace(
            plain="在该顾客所处的环境中受欢迎。",
            against="排名较低：在该顾客所处的环境中不太受欢迎。",
        ),
    },
    against="对该顾客来说排名较低。",
    against_named="排名较低：因为{names}不合该顾客心意。",
    own="排名较高：它是该顾客之前{did}的商品。",
    own_too="{sentence}它也是该顾客之前{did}的商品。",
    own_against="排名较低：它之前不合该顾客心意。",
    your_search="该搜索",
    nearest_only="含义与搜索词较为接近。",
    bought_times="该顾客购买过{n}次。",
    bought_ago="该顾客在{since}前购买过它。",
    bought_usually="该顾客通常{every}购买一次，距上次购买已有{since}天。",
    bought_again="该顾客曾在{gap}后再次购买，距上次购买已有{since}。",
    bought_by_others="顾客常在约{gap}后再次购买，该顾客上次购买是在{since}前。",
    portrait=Portrait(
        drawn_to="偏爱{names}。",
        passes_over="不太喜欢{names}。",
        praises="在评价中称赞{names}。",
        complains="在评价中对{names}不太满意。",
        concerned="最近关注了{name}类的{n}件商品。",
        lately="最近曾{done}。",
        searched="最近搜索了{times}。",
        searched_then="最近搜索了{times}，随后{done}。",
        in_cart="购物车里有{names}。",
    ),
)
