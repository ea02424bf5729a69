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


_HUES: Final = (
    "red|blue|green|yellow|black|white|pink|purple|brown|gr[ae]y|beige|orange|gold(?:en)?|silver|navy|turquoise|teal|"
    "burgundy|ivory|maroon|violet|lilac|magenta|cyan|khaki|charcoal|coral|nude|multicolou?red"
)
COLOURS: Final = (
    rf"(?:(?:light|dark|pale|deep|bright|hot|navy|royal|sky|baby|rose|pastel|neon|olive|mint|dusty)[\s-]+)?(?:{_HUES})"
)
_NOT_COLOURS: Final = (
    r"\s*-?(?:tea(?!\s*-?(?:sets?|towels?|cups?|pots?|lights?|cos[yi]|mugs?|trays?))|heads?|sugar|juice|wine|noise|"
    r"friday|standard|"
    r"oil|blossom|peel|hair dryer|fish|bull|label|board|smith|berry|currant|bean|rice|onion|carpet|pepper|magic|"
    r"screen|house|bird|"
    r"plated|free|hat|chocolate|cherry|syrup|musk|salt|lemonade)\b"
)
_OF_SOMEBODY: Final = r"(?<!for )(?<!on )(?<!of )(?<!cover )"
"""Before the colour of hair or teeth that a thing is for, and not its own."""
MATERIALS: Final = (
    "wooden|wood|metal|glass|cotton|silk|satin|leather|linen|ceramic|porcelain|plastic|paper|stainless steel|steel|"
    "wool|woollen|woolen|velvet|bamboo|enamel|felt|rattan|wicker|tin|zinc|brass|copper|marble|acrylic|canvas|crochet|"
    "knitted|"
    "polyester|rubber|silicone|stone|crystal"
)
_NOT_MATERIALS: Final = (
    r"(?! (?:pads?|balls?|swabs?|buds?|rounds?|candy|wool|proteins?|extract|peptides?|effect|look|finish|polish|"
    r"primer|clips?|pumice|oils?|cleaner|care|conditioner|water|skin|soap|gua|mask|free|ducks?|bands?|stamps?|charcoal|"
    r"spray|wash|detector)\b|[-]?free)"
)
_NO_KIND: Final = (
    r"(?<!tea )(?<!wine |shot |pint |beer |hour |cake )(?<!money |sweet )(?<!cookie |baking )(?<!looking |storage |"
    r"biscuit )"
    r"(?<!drinking |cocktail )(?<!champagne )"
)
"""Before a glass or a tin that is one, and not made of it."""


def _folded(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


_EN: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    (
        "colour",
        _folded(
            rf"(?<![\w-])(?:{_OF_SOMEBODY}(?P<v>{COLOURS})|(?P<w>{COLOURS})(?! (?:hair|teeth|skin|spots?|"
            rf"eyes)))(?![\w'])"
            rf"(?!{_NOT_COLOURS})"
        ),
    ),
    (
        "material",
        _folded(
            rf"(?<![\w-]){_NO_KIND}(?!paper)(?P<v>{MATERIALS})(?![\w'-]){_NOT_MATERIALS}"
            r"(?= (?!(?:and|but|under|below|over|above|for|with|without|not|no|max|up|from|between|about|around|"
            r"\d)\b)[a-z]|"
            r"\s*[,;]\s*| (?:and|or)\s)"
        ),
    ),
    (
        "material",
        _folded(
            rf"(?:\b(?:made (?:of|from|out of)|in) (?P<v>{MATERIALS})(?![\w'-])"
            rf"|,\s*(?P<w>{MATERIALS})(?=\s*(?:[,;]|$)))"
        ),
    ),
    ("material", _folded(r"\b(?P<v>wooden|woollen|woolen|knitted|stainless steel)(?![\w'-])")),
    (
        "size",
        _folded(
            r"(?<![\w-])(?P<v>extra large|extra small|large|small|medium|xxl|xl|xs)(?![\w'-])"
            r"(?! (?:talk|business|world|pores?|breeds?|dogs?|change|heat))"
        ),
    ),
)
ZH_COLOURS: Final = (
    "[深浅淡粉墨藏酒米乳奶天宝军玫驼金银亮暗纯原大正枣草湖橘]?(?:[红橙黄绿青蓝紫黑白灰粉棕褐金银木杏米咖]|咖啡|卡其|玫瑰金|香槟)色|[深浅亮素]色|"
    "藏青色?|米白色?|驼色|彩色|透明色?|裸色|豆沙色|焦糖色|牛油果绿|雾霾蓝|[酒玫枣粉]红|[墨军]绿|[天宝深浅]蓝|[深浅]灰"
)
ZH_MATERIALS: Final = (
    "棉麻|长绒棉|棉|亚麻|麻|真丝|蚕丝|桑蚕丝|丝绸|羊毛|羊绒|羽绒|鹅绒|鸭绒|牛皮|真皮|羊皮|皮革|皮|实木|木头|木质|木|竹|不锈钢|"
    "陶瓷|骨瓷|玻璃|塑料|硅胶|乳胶|金属|纯银|铝合金|珊瑚绒|法兰绒|天鹅绒|雪尼尔|铸铁|铁|铜|藤编|橡胶|牛津布|帆布"
)
_ZH_MADE: Final = (
    "棉麻|亚麻|真丝|[牛真]皮|实木|木质|不锈钢|陶瓷|骨瓷|玻璃|塑料|硅胶|珊瑚绒|法兰绒|铸铁|藤编|牛津布|帆布"
)
"""What things are named with that are made of it; a pillow of down is a kind of pillow."""
_ZH_FIRST: Final = r"(?:(?<![\u4e00-\u9fff纯全])|(?<=的))"
_ZH: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    ("colour", _folded(rf"(?<!不)(?P<v>{ZH_COLOURS})")),
    (
        "material",
        _folded(r"(?:[纯全]|100%)(?P<v>棉|麻|羊毛|羊绒|木|皮|铜|钢|银|亚麻)(?=[的,。\s]|$|(?<=棉)[\u4e00-\u9fff])"),
    ),
    ("material", _folded(rf"{_ZH_FIRST}(?P<v>{ZH_MATERIALS})(?:材质|质地|[制做质])?的")),
    (
        "material",
        _folded(
            rf"{_ZH_FIRST}(?P<v>{_ZH_MADE})(?:材质|质地|制)?(?=[\u4e00-\u9fff])(?![胶膜贴心棉纸袜清]|水(?![杯瓶壶]))"
        ),
    ),
    ("size", _folded(r"(?P<v>[特加超中]?[大小中]号|加大码|[大小中均]码)")),
    ("size", _folded(r"(?<![\d.])(?P<v>\d{2}(?:\.5)?)码")),
    ("size", _folded(r"(?<![\d.])(?P<v>[12](?:\.\d{1,2})?)(?:米|m)(?=[的床宽长高,。\s]|$)")),
    ("size", _folded(r"(?<![a-z\d])(?P<v>(?:xxx?|x)?l|xs|[sm])(?:[码号]|(?<=xl)(?=[\u4e00-\u9fff]))")),
)
_OR: Final = _folded(r"\s*(?:,?\s*or|或[者是]?|/)\s*$")


def facets(text: str, vocabulary: Vocabulary) -> list[Facet]:
    """The facets that a text names, in its order; ranges of the text that were read before are \\0."""
    found = [*vocabulary.brands_in(text)]
    for kind, rule in (*_EN, *_ZH):
        for m in rule.finditer(text):
            name = "w" if m["v"] is None else "v"
            found.append(Facet(kind, m[name], *m.span(name)))
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
