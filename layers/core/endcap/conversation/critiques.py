"""What is said about what was shown: "not that brand", "another colour", "warmer", "others"; in two languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

Deed = Literal["other", "same", "reject", "others", "anew", "any", "more", "less"]


class Critique(NamedTuple):
    """One thing said about what was shown, and where the text says it.

    Attributes
    ----------
    about : the facet, where it is about one, or "price"
    word : what there should be more or less of
    """

    deed: Deed
    start: int
    end: int
    about: str = ""
    word: str = ""


_FACETS: Final = {
    "brand": r"brands?|makes?|manufacturers?|labels?|牌子|品牌|厂家",
    "colour": r"colou?rs?|颜色|色系",
    "size": r"sizes?|尺码|尺寸|大小|规格",
    "material": r"materials?|fabrics?|材质|材料|面料",
    "category": r"categor(?:y|ies)|kinds?|types?|种类|类别|类型|类",
}
_ANY_FACET: Final = "|".join(f"(?P<{name}>{words})" for name, words in _FACETS.items())
_OTHER: Final = re.compile(
    r"(?:\b(?:(?:please\s+)?(?:not|no|nothing\s+(?:of|from|by)|without|except|other\s+than|anything\s+but|(?:i\s+)?(?:don'?t|do\s+not)\s+"
    r"(?:like|want))\s+(?:of\s+|from\s+|by\s+|in\s+)?(?:that|this|these|those|the\s+same)|(?:(?:in|from|of|by)\s+)?(?:an?\s+)?"
    r"(?:another|other|different))\s+"
    r"|(?:不要|不想要|不喜欢|别要|别|换个|换一个|换种|换一种|换|其他|其它|别的|另外的?|另一个|另一种|不同)"
    rf"(?:这个|这种|这|那个|那种|那|同样的?|个|种|的)*)(?:{_ANY_FACET})(?:的)?(?![a-z])",
    re.IGNORECASE,
)
_SAME: Final = re.compile(
    rf"(?:\b(?:(?:of|from|by|in)\s+)?(?:the\s+)?same\s+|(?:同一个|同一种|同样的?|相同的?|一样的?|同)(?:个|种)?)(?:{_ANY_FACET})(?:的)?(?![a-z])",
    re.IGNORECASE,
)
_OPEN: Final = re.compile(
    r"(?P<open>\b(?:any|whatever|forget(?:\s+about)?\s+the|no\s+matter\s+(?:what|which|the)|(?:i\s+)?(?:don'?t|do\s+not)\s+"
    r"(?:care|mind)(?:\s+about)?(?:\s+(?:the|what|which))?)\s+|任何|不管什么)?(?:\bthe\s+|什么)?"
    rf"(?:{_ANY_FACET}|(?P<price>\b(?:price|budget)|价[格位钱]|预算))(?![a-z])"
    r"(?(open)(?:\s+(?:is\s+)?(?:fine|ok(?:ay)?|will\s+do|works))?(?:都行|都可以|都好)?(?=\s*(?:$|[,.;!?。]|and\b|please\b))"
    r"|(?:\s+(?:doesn'?t|does\s+not)\s+matter\b|\s+(?:is\s+not|isn'?t)\s+important\b|无所谓|随便|不限|都行|都可以|都好|不重要))",
    re.IGNORECASE,
)
"""A facet or the price that may be anything from here on."""
_REJECT: Final = re.compile(
    r"\b(?:not|no)\s+(?P<it>this|that|it|these|those)(?:\s+ones?)?(?=\s*(?:$|[,.;!?]))"
    r"|\b(?:i\s+)?(?:don'?t|do\s+not)\s+(?:like|want)\s+(?P<it2>this|that|it|these|those|them|any(?:\s+of\s+(?:these|those|them))?)(?:\s+ones?)?"
    r"(?=\s*(?:$|[,.;!?]))"
    r"|(?:不要|不喜欢|不想要)(?P<it3>这个|那个|它|这件|这款|这些|那些|它们)(?=\s*(?:$|[,。;!?]))",
    re.IGNORECASE,
)
_OTHERS: Final = re.compile(
    r"\b(?:show\s+(?:me\s+)?)?(?:something|anything|some)\s+(?:else|different)\b|^\s*(?:show\s+(?:me\s+)?)?(?:the\s+)?(?:others?|next|more)"
    r"(?:\s+(?:ones?|options|choices|items|please))*\s*[.!?]?\s*$|\bwhat\s+else\b.*$"
    r"|换一批|换一些|再换一?[批些]?|看看别的|看别的|其他的呢?|别的呢?$|还有(?:别的|其他的?)?[吗呢么]?\??$",
    re.IGNORECASE,
)
_ANEW: Final = re.compile(
    r"\b(?:start\s+(?:over|again|anew|from\s+scratch)|forget\s+(?:it|that|all\s+that|everything)|reset|never\s?mind|scrap\s+that)\b"
    r"|重新(?:来过|来|开始|找)|从头(?:来|开始)|算了",
    re.IGNORECASE,
)
ANY: Final = re.compile(
    r"\s*(?:any|either|both|all|whatever|(?:it\s+)?(?:doesn'?t|does\s+not)\s+matter|(?:i\s+)?(?:don'?t|do\s+not)\s+(?:care|mind|know)|"
    r"no\s+preference|not\s+sure|any(?:thing)?(?:\s+is)?\s+(?:fine|ok(?:ay)?|will\s+do)|都可以|都行|都好|无所谓|随便|不限|不知道|没有偏好)\s*[.!。!]?\s*",
    re.IGNORECASE,
)
_STEMS: Final = """
warm cool soft hard light heavy thick thin dark bright small large long short wide narrow strong simple fancy sweet
fresh quiet loud fast slow deep tall flat plain cute smooth sturdy cosy cozy fluffy roomy firm loose tight clean crisp
mild rich spicy sharp safe
"""
_UNLIKE: Final = (
    *("warm cool", "soft hard", "light heavy", "thick thin", "dark bright", "small large", "long short"),
    *("wide narrow", "simple fancy", "quiet loud", "fast slow", "loose tight", "mild spicy", "soft firm"),
    *("大 小", "轻 重", "厚 薄", "长 短", "宽 窄", "软 硬", "亮 暗", "深 浅", "甜 淡", "松 紧"),
)
OPPOSITES: Final = {a: b for pair in _UNLIKE for a, b in (pair.split(), pair.split()[::-1])}
"""Words that can't both be asked for."""


def _comparative(stem: str) -> str:
    if stem.endswith("e"):
        return stem + "r"
    if stem.endswith("y"):
        return stem[:-1] + "ier"
    doubled = re.search(r"[^aeiou][aeiou][^aeiouwxy]$", stem) is not None
    return stem + stem[-1] * doubled + "er"


_COMPARATIVES: Final = {_comparative(stem): stem for stem in _STEMS.split()} | {"bigger": "large", "smaller": "small"}
_BIT: Final = r"(?:(?:a\s+)?(?:little|bit|lot)\s+|much\s+|slightly\s+|something\s+|somewhat\s+|even\s+)*"
_NOT_SAID: Final = r"(?<!no\s)(?<!not\s)(?<!n't\s)"
"""Before what "no bigger than 10cm" asks for no more of."""
_MORE: Final = re.compile(
    rf"{_NOT_SAID}\b{_BIT}(?:(?P<c>{'|'.join(_COMPARATIVES)})(?:\s+than\s+(?:this|that|these|those|it)\b|(?!\s+than\b))|more\s+(?!expensive|pricey|costly|than|options|choices|please|of|or|items)(?P<m>[a-z]{{4,}}))"
    r"(?:\s+ones?)?\b"
    r"|(?:更|再|要|稍微|有点)+(?P<z>[\u4e00-\u9fff]{1,4}?)(?:一点|一些|点|些)(?:儿)?(?:的)?"
    r"|(?P<z2>保暖|暖和|结实|简单|好看|安静|柔软|轻便|大|小|轻|重|厚|薄|长|短|宽|窄|软|硬|亮|暗|深|浅|甜|淡|松|紧)(?:一点|一些|点|些)(?:儿)?(?:的)?",
    re.IGNORECASE,
)
_LESS: Final = re.compile(
    rf"\b{_BIT}less\s+(?!expensive|pricey|costly|than)(?P<l>[a-z]{{3,}})\b|(?:不要|别)(?:那么|这么|太)(?P<z>[\u4e00-\u9fff]{{1,3}})(?=的|$|[,。;!?])",
    re.IGNORECASE,
)
_PRICES: Final = ("便宜", "贵", "实惠", "划算")


def critiques(text: str) -> list[Critique]:
    """What a text says about what was shown, in its order."""
    kept: list[Critique] = []
    for one in sorted(_found(text), key=lambda c: (c.start, -c.end)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def _found(text: str) -> Iterator[Critique]:
    for match in _ANEW.finditer(text):
        yield Critique("anew", *match.span())
    for rule, deed in ((_OTHER, "other"), (_SAME, "same")):
        for match in rule.finditer(text):
            about = next(name for name in _FACETS if match[name])
            yield Critique("other" if deed == "other" else "same", *match.span(), about)
    for match in _OPEN.finditer(text):
        yield Critique("any", *match.span(), next(name for name in (*_FACETS, "price") if match[name]))
    for match in _REJECT.finditer(text):
        said = next(match[name] for name in ("it", "it2", "it3") if match[name]).lower()
        several = re.match(r"these|those|them|any|这些|那些|它们", said) is not None
        yield Critique("reject", *match.span(), word="all" if several else "")
    for match in _OTHERS.finditer(text):
        yield Critique("others", *match.span())
    for match in _LESS.finditer(text):
        yield Critique("less", *match.span(), word=(match["l"] or match["z"]).lower())
    for match in _MORE.finditer(text):
        word = (match["m"] or match["z"] or match["z2"] or _COMPARATIVES[(match["c"] or "").lower()]).lower()
        if word not in _PRICES:
            yield Critique("more", *match.span(), word=word)
