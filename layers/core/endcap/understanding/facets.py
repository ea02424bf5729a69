"""Colours, sizes, materials and brands that a query names."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, Protocol

from endcap.understanding.kinds import Kind
from endcap.understanding.lexicon import COLOURS, MATERIALS, SHADES, SIZES, STUFFS, ZH_COLOURS, ZH_MADE, ZH_MATERIALS
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

    def named_in(self, text: str, /) -> list[Facet]:
        """Brands that a text names, and values of the attributes that tell colour, size or material."""

    def condition(self, facet: Facet, /) -> str | None:
        """A filter that holds for the items that have it; None where no item does."""


class NoVocabulary:
    """That of a shop without items."""

    def named_in(self, _text: str, /) -> list[Facet]:
        """None."""
        return []

    def condition(self, _facet: Facet, /) -> str | None:
        """None."""
        return None


_NOT_COLOURS: Final = (
    r"\s*-?(?:tea(?!\s*-?(?:sets?|towels?|cups?|pots?|lights?|cos[yi]|mugs?|trays?))|heads?|sugar|juice|wine|noise|"
    r"friday|standard|oil|blossom|peel|fish|bull|label|board|smith|berry|currant|bean|rice|onion|carpet|pepper|magic|"
    r"screen|house|bird|plated|free|hat|chocolate|cherry|syrup|musk|salt|lemonade)\b"
)
_OF_SOMEBODY: Final = r"(?<!for )(?<!on |of )(?<!cover )"
"""Before the colour of hair or teeth that a thing is for, and not its own."""
_NOT_MATERIALS: Final = (
    r"(?! (?:pads?|balls?|swabs?|buds?|rounds?|candy|wool|proteins?|extract|peptides?|effect|look|finish|polish|"
    r"primer|clips?|pumice|oils?|cleaner|care|conditioner|water|skin|soap|gua|mask|free|ducks?|bands?|stamps?|charcoal|"
    r"spray|wash|detector)\b|[-]?free)"
)
_NO_KIND: Final = (
    r"(?<!tea )(?<!wine |shot |pint |beer |hour |cake )(?<!money |sweet )(?<!cookie |baking )(?<!looking |storage |"
    r"biscuit )(?<!drinking |cocktail )(?<!champagne )"
)
"""Before a glass or a tin that is one, and not made of it."""


def _folded(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


_NO_LIMIT: Final = r"(?<!under |below |above |least )(?<!over |than )(?<!\d and )(?<!to )(?<![于过到至少多])"
"""Before a size that is not what the thing measures, but the most or least that it may."""
_NEXT: Final = "but|under|below|over|above|for|with|without|not|no|max|up|from|between|about|around"
_ENDS: Final = rf"(?=\s*(?:$|[,;.\0])| (?:and|or|{_NEXT}|please|only|ones?|at|in|if|by|\d))"
_EN: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    (
        "colour",
        _folded(
            rf"(?<![\w-])(?:{_OF_SOMEBODY}(?P<v>{COLOURS})|(?P<w>{COLOURS})(?! (?:hair|teeth|skin|spots?|"
            rf"eyes)))(?![\w'])(?!{_NOT_COLOURS})"
        ),
    ),
    ("colour", _folded(rf"\bin (?:a )?(?P<v>{SHADES})(?:{_ENDS}| (?=colou?r))")),
    (
        "colour",
        _folded(
            rf"(?<![\w-])(?P<v>{SHADES})(?=[\s-]+colou?r(?:ed)?\b|(?: (?:and|or) |/)(?:{COLOURS})\b)"
            rf"|\b(?:{COLOURS})(?: (?:and|or) |/)(?P<w>{SHADES}){_ENDS}"
            r"|^(?:an? |the |small |large )?(?P<x>cream(?= (?:candle|cushion|photo|picture|frame|jug|lantern|bag|lace|"
            r"wall|mug|plate|bowl|tray|vase|clock|hook|heart|basket|box|towel|bath|cake|lamp|sofa|chair|rug|throw|"
            r"wooden|metal|ceramic|enamel|cotton|felt|hanging|drawer)))"
        ),
    ),
    (
        "material",
        _folded(
            rf"(?<![\w-]){_NO_KIND}(?!paper)(?P<v>{MATERIALS})(?![\w'-]){_NOT_MATERIALS}"
            rf"(?= (?!(?:and|{_NEXT}|\d)\b)[a-z]|\s*[,;]\s*| (?:and|or)\s)"
        ),
    ),
    (
        "material",
        _folded(
            rf"(?:\b(?:made (?:of|from|out of)|in|with|of|be|real|pure|solid|genuine|100%) (?P<v>{MATERIALS})"
            rf"(?![\w'-]){_ENDS}|,\s*(?P<w>{MATERIALS})(?=\s*(?:[,;]|$))|(?<=[a-z] )(?P<x>{STUFFS}){_ENDS})"
        ),
    ),
    ("material", _folded(r"\b(?P<v>wooden|woollen|woolen|knitted|stainless steel)(?![\w'-])")),
    (
        "size",
        _folded(
            rf"(?<![\w-])(?P<v>{SIZES})(?![\w'-])(?! (?:talk|business|world|pores?|breeds?|dogs?|change|heat|day|bang|"
            r"me\b|mouse|eye|lash|curls?|volume|waves?|skin|sexy|brother|sister|ben|foot|top|five))(?<!big(?= hair))"
        ),
    ),
    (
        "size",
        _folded(
            _NO_LIMIT + r"(?<![a-z\d.\-–~/*×])(?<!x |\d )(?P<v>\d{1,3}(?:\.\d)?(?:\s?[cm]m| ?-?inch|寸|厘米|公分|英寸))"
            r"(?![a-z\d*×])(?! (?:to|x|-)|\s?(?:[到至~-]|以[上下内]|左右))"
        ),
    ),
    ("size", _folded(r"(?<![\w.])(?P<v>\d{2,3}[*x×]\d{2,3}(?:cm|厘米)?)(?![\w*×.])")),
)
_ZH_FIRST: Final = r"(?:(?<![一-龥])|(?<=[的要是用个款式士生童色]))"
_ZH_KINDS: Final = r"(?![枕被褥](?![头子芯套])|[胶膜贴心棉纸袜清]|水(?![杯瓶壶]))"
"""What is a kind of thing with the material in its name: a pillow of down, glass cleaner."""
_ZH: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    ("colour", _folded(rf"(?<!不)(?P<v>{ZH_COLOURS})")),
    ("colour", _folded(r"(?:(?<![一-龥])|(?<=[要选]))(?P<v>[红橙黄绿蓝紫黑白灰粉棕])的(?=$|[,。\s\0])")),
    (
        "material",
        _folded(r"(?:[纯全]|100%)(?P<v>棉|麻|羊毛|羊绒|木|皮|铜|钢|银|亚麻)(?=[的,。\s]|$|(?<=棉)[一-龥])"),
    ),
    ("material", _folded(rf"{_ZH_FIRST}(?P<v>{ZH_MATERIALS})子?(?:材质|质地|[制做质])?(?:的|(?=[,。\s\0]|$))")),
    (
        "material",
        _folded(rf"(?:{_ZH_FIRST}|(?<=[纯全]))(?P<v>{ZH_MADE})(?:材质|质地|制)?(?=[一-龥]){_ZH_KINDS}"),
    ),
    ("size", _folded(r"(?P<v>[特加超中]?[大小中]号|加大码|[大小中均]码|迷你|[特超]大(?=[一-龥]))")),
    ("size", _folded(r"(?<![\d.])(?P<v>\d{2}(?:\.5)?)码")),
    ("size", _folded(_NO_LIMIT + r"(?<![\d.])(?P<v>[12](?:\.\d{1,2})?)(?:米|m)(?=[的床宽长高,。\s]|$)")),
    ("size", _folded(r"(?<![a-z\d])(?P<v>(?:xxx?|x)?l|xs|[sm])(?:[码号]|(?<=xl)(?=[一-龥]))")),
)
SAID: Final = _folded(r"(?:\b(?:by|from|brand)\s+)$")
"""Before a brand, whatever else it may mean."""
_OR: Final = _folded(r"\s*(?:,?\s*or|或[者是]?|/)\s*$")


def facets(text: str, vocabulary: Vocabulary) -> list[Facet]:
    """The facets that a text names, in its order; ranges of the text that were read before are \\0."""
    found = [*vocabulary.named_in(text)]
    for kind, rule in (*_EN, *_ZH):
        for m in rule.finditer(text):
            name = m.lastgroup or "v"
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
