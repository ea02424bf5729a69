"""Colours, sizes, materials and brands that a query names."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, Protocol

from endcap.understanding.kinds import Kind
from endcap.understanding.wish import Condition


class Facet(NamedTuple):
    """A value that the items must have, and where the text names it.

    Attributes
    ----------
    value : as the shop or the text writes it
    either : whether it is an alternative to the facet before
    """

    kind: Kind
    value: str
    start: int
    end: int
    either: bool = False


class Vocabulary(Protocol):
    """What a shop calls its things."""

    def brands_in(self, text: str, /) -> list[Facet]:
        """Brands that a text names."""

    def condition(self, facet: Facet, /) -> str | None:
        """A filter that holds for the items that have it; None where no item does."""


class NoVocabulary:
    """That of a shop without items."""

    def brands_in(self, _text: str, /) -> list[Facet]:
        """None."""
        return []

    def condition(self, _facet: Facet, /) -> str | None:
        """None."""
        return None


COLOURS: Final = (
    "red|blue|green|yellow|black|white|pink|purple|brown|gr[ae]y|beige|orange|gold(?:en)?|silver|navy|turquoise|teal|"
    "burgundy|ivory|maroon|violet|lilac|magenta|cyan|khaki|charcoal|multicolou?red"
)
_NOT_COLOURS: Final = (
    r"\s*-?(?:tea|heads?|sugar|juice|wine|noise|friday|standard|oil|blossom|peel|hair\s+dryer|fish|bull|label|board|smith|"
    r"berry|currant|"
    r"bean|rice|onion|carpet|pepper|magic|screen|house|bird|plated|free)\b"
)
MATERIALS: Final = (
    "wooden|wood|metal|glass|cotton|silk|satin|leather|linen|ceramic|porcelain|plastic|paper|stainless steel|steel|"
    "wool|woollen|woolen|velvet|bamboo|enamel|felt|rattan|wicker|tin|zinc|brass|copper|marble|acrylic|canvas|crochet|knitted|"
    "polyester|rubber|silicone|stone|crystal"
)
_NOT_MATERIALS: Final = (
    r"(?!\s+(?:pads?|balls?|swabs?|buds?|rounds?|candy|wool|proteins?|extract|peptides?|effect|look|finish|polish|"
    r"primer|clips?|pumice|oils?|cleaner|water|skin|soap|gua|mask|free)\b|[-]?free)"
)
_SIZES: Final = "extra large|extra small|large|small|medium|jumbo|xxl|xl|xs"
_EN: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    ("colour", re.compile(rf"(?<![\w-])(?P<v>{COLOURS})(?![\w'])(?!{_NOT_COLOURS})", re.IGNORECASE)),
    (
        "material",
        re.compile(
            rf"(?<![\w-])(?P<v>{MATERIALS})(?![\w'-]){_NOT_MATERIALS}"
            r"(?=\s+(?!(?:and|but|under|below|over|above|for|with|without|not|no|max|up|from|between|about|around|\d)\b)[a-z]|\s*[,;]\s*|\s+(?:and|or)\s)",
            re.IGNORECASE,
        ),
    ),
    ("material", re.compile(rf"\b(?:made\s+(?:of|from|out\s+of)|in)\s+(?P<v>{MATERIALS})(?![\w'-])", re.IGNORECASE)),
    ("size", re.compile(rf"(?<![\w-])(?P<v>{_SIZES})(?![\w'-])(?!\s+(?:talk|business|world|pores?))", re.IGNORECASE)),
)
_ZH_COLOURS: Final = (
    "(?:深|浅|淡|粉|墨|藏|酒|米|乳|奶|天|宝|军|玫|驼|金|银|亮|暗|纯|原)?(?:红|橙|黄|绿|青|蓝|紫|黑|白|灰|粉|棕|褐|金|银|木|杏|米|咖啡|卡其|玫瑰金)色|"
    "藏青色?|米白色?|驼色|彩色|透明色?|裸色|豆沙色|焦糖色|牛油果绿|雾霾蓝"
)
_ZH_MATERIALS: Final = (
    "棉麻|长绒棉|棉|亚麻|麻|真丝|蚕丝|桑蚕丝|丝绸|羊毛|羊绒|羽绒|鹅绒|鸭绒|牛皮|真皮|羊皮|皮革|皮|实木|木头|木质|木|竹|不锈钢|"
    "陶瓷|骨瓷|玻璃|塑料|硅胶|乳胶|金属|纯银|铝合金|珊瑚绒|法兰绒|天鹅绒|雪尼尔|铸铁|铁|铜|藤编|橡胶|牛津布|帆布"
)
_ZH: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    ("colour", re.compile(rf"(?P<v>{_ZH_COLOURS})")),
    ("material", re.compile(r"(?:纯|全|100%)(?P<v>棉|麻|羊毛|羊绒|木|皮|铜|钢|银|亚麻)(?=的|[,。]|$)")),
    ("material", re.compile(rf"(?<![\u4e00-\u9fff纯全])(?P<v>{_ZH_MATERIALS})(?:材质|质地|制|做|质)?的")),
    ("material", re.compile(rf"(?<=的)(?P<v>{_ZH_MATERIALS})(?:材质|质地|制|做|质)?的")),
    ("size", re.compile(r"(?P<v>(?:特|加|超|中)?[大小中]号|加大码|[大小中均]码)")),
    ("size", re.compile(r"(?<![\d.])(?P<v>\d{2}(?:\.5)?)码")),
    ("size", re.compile(r"(?<![\d.])(?P<v>[12](?:\.\d{1,2})?)(?:米|m)(?=的|床|宽|长|高|$|[,。 ])")),
    ("size", re.compile(r"(?<![a-z])(?P<v>xxxl|xxl|xl|xs|[sml])(?:码|号)", re.IGNORECASE)),
)
_OR: Final = re.compile(r"\s*(?:,?\s*or|或者|或是|或|/)\s*$", re.IGNORECASE)


def facets(text: str, vocabulary: Vocabulary) -> list[Facet]:
    """The facets that a text names, in its order; ranges of the text that were read before are \\0."""
    found = [*vocabulary.brands_in(text)]
    for kind, rule in (*_EN, *_ZH):
        found += [Facet(kind, m["v"], m.start("v"), m.end("v")) for m in rule.finditer(text)]
    kept: list[Facet] = []
    for one in sorted(found, key=lambda facet: (facet.start, facet.kind != "brand", -facet.end)):
        if kept and one.start < kept[-1].end:
            continue
        joined = bool(kept) and kept[-1].kind == one.kind and _OR.match(text[kept[-1].end : one.start].lstrip("的"))
        kept.append(one._replace(either=bool(joined)))
    return kept


def filter_of(found: list[Facet], vocabulary: Vocabulary) -> tuple[list[Condition], list[Facet]]:
    """The conditions that hold for items with all of the facets, and the facets that any item of the shop has."""
    groups: list[list[tuple[Facet, str]]] = []
    known: list[Facet] = []
    for facet in found:
        condition = vocabulary.condition(facet)
        if condition is None:
            continue
        if facet.either and known and groups:
            groups[-1].append((facet, condition))
        else:
            groups.append([(facet, condition)])
        known.append(facet)
    return [_either(group) for group in groups], known


def _either(group: list[tuple[Facet, str]]) -> Condition:
    tests = [test for _, test in group]
    text = " / ".join(facet.value for facet, _ in group)
    return Condition(group[0][0].kind, tests[0] if len(tests) == 1 else f"({' OR '.join(tests)})", text)
