"""Limits of the price that a query names."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from endcap.understanding.numbers import CHINESE, ENGLISH, number

ABOUT: Final = 0.2
"""How far from a price is still about it, as a share of it."""


class Limits(NamedTuple):
    """Lowest and highest price, both included; None for no limit. `start`, `end`: where the text says it."""

    lowest: float | None
    highest: float | None
    start: int
    end: int


_BEFORE: Final = r"(?:us\$|\$|£|€|¥|(?:usd|gbp|eur|rmb|cny)\s?)"
_AFTER: Final = (
    r"(?:\s?(?:dollars?|bucks?|usd|pounds?|quid|gbp|euros?|eur|yuan|rmb|cny|pence|cents)\b|\s?[$£€¥]"
    r"|\s?(?:元|块钱|块|圆|人民币|美元|美金|英镑|欧元)(?:钱)?)"
)
_MEASURES: Final = (
    r"(?:cm|mm|m|km|in|inch(?:es)?|ft|feet|foot|yards?|oz|ounces?|fl|ml|cl|l|lit(?:re|er)s?|g|mg|kg|grams?|lbs?|years?|"
    r"yrs?|months?|mths?|weeks?|days?|hours?|hrs?|minutes?|mins?|seconds?|pcs|pieces?|packs?|pk|count|ct|sets?|sheets?|"
    r"rolls?|pairs?|tiers?|spf|watts?|w|volts?|v|degrees?|players?|people|persons?|year-olds?|x|mph|gb|tb|mb|dpi|ply|"
    r"calories|cal|carat|ct|stars?|items?|colou?rs?|layers?|drawers?|shades?|bottles?|boxes|bags|proof|times|am|pm)\b"
)
_NO_MEASURE: Final = rf"(?!\s*-?{_MEASURES}|\s*[%°\"'x×*/:]|-?\w|[.,]\d)"
_ALONE: Final = r"(?=\s*(?:$|[,.;!?。;!?、)]|(?:and|but|or|for|with|without|no|not|please|if|that|which|in|on|only)\b))"
_CHINESE_MEASURES: Final = (
    r"千克|公斤|克|斤|两|厘米|毫米|公分|公里|米|毫升|升|英寸|寸|码|岁|个|片|支|只|件|瓶|包|盒|袋|条|双|天|小时|分钟|"
    r"年|月|周|人|度|瓦|层|号|匹|倍|页|本|套|张|段|合|次|色|种|枚|粒|颗|位|室|格|孔|级|代|口|针|股|抽|卷|箱|只装|装|"
    r"cm|mm|ml|kg|g|l|m|w|寸屏|x|\*|×|%|°"
)
_ZH_UNITS: Final = "元|块钱|块|圆|rmb|人民币|美元|美金|刀|英镑|欧元|¥"
_EN: Final = rf"(?:(?P<{{n}}b>{_BEFORE})\s?)?(?P<{{n}}>{ENGLISH})(?P<{{n}}a>{_AFTER})?"
_ZH: Final = rf"(?:(?P<{{n}}b>{_BEFORE})\s?)?(?P<{{n}}>{CHINESE})(?:\s?(?P<{{n}}a>{_ZH_UNITS})钱?)?"


def _en(name: str) -> str:
    return _EN.replace("{n}", name)


def _zh(name: str) -> str:
    return _ZH.replace("{n}", name)


_NOT_ZH_MEASURE: Final = rf"(?![\d.]|\s?(?:{_CHINESE_MEASURES}))"
_PRICED: Final = r"(?:\bprice[sd]?\b|\bcost(?:s|ing)?\b|\bbudget\b|价格|价位|预算|价钱|售价)"
_COUNTED: Final = (
    r"age[sd]?|sizes?|kids?|child(?:ren)?|girls?|boys?|toddlers?|bab(?:y|ies)|spf|level|no\.?|number|model|pack\s+of|"
    r"set\s+of"
)
_YOUNG: Final = re.compile(rf"\b(?:{_COUNTED})\s*$", re.IGNORECASE)
_PEOPLE: Final = re.compile(
    rf"\b(?:{_COUNTED}|women|men|woman|man|ladies|people|adults?|skin|for|those|anyone|mature)\s*$", re.IGNORECASE
)
_MOST: Final = (
    r"(?:(?:for\s+|costs?\s+|priced?\s+|price\s+)?(?:under|below|beneath|less\s+than|lower\s+than|cheaper\s+than|fewer\s+than|"
    r"no\s+more\s+than|not\s+more\s+than|(?:nothing|not|never|isn'?t|don'?t\s+go)\s+(?:over|above|beyond|exceeding)|"
    r"not?\s+(?:to\s+)?exceed(?:ing)?|don'?t\s+(?:want\s+to\s+)?(?:spend|pay|exceed)\s+(?:more\s+than|over)?|"
    r"up\s?to|at\s+(?:the\s+)?most|at\s+max(?:imum)?|max(?:imum)?(?:\s+(?:price|of|budget))*:?|max\.|within|sub-?|underneath|"
    r"limit(?:\s+(?:of|is))?|capped\s+at|can(?:'t|not)\s+(?:spend|pay)\s+(?:more\s+than|over)|"
    r"i(?:\s+only)?(?:'ve|\s+have)(?:\s+got)?(?:\s+only)?(?=\s+[$£€\w-]+\s+(?:dollars|pounds|bucks|quid|euros|yuan)|\s+[$£€])|"
    r"(?:my\s+)?budget(?:\s+(?:is|of|up\s+to|under|around|about|max))*:?)|<=?|≤)"
)
_LEAST: Final = (
    r"(?:(?:for\s+|costs?\s+|priced?\s+|price\s+)?(?:over|above|more\s+than|at\s+least|higher\s+than|greater\s+than|no\s+less\s+than|"
    r"not\s+less\s+than|not\s+under|not\s+below|nothing\s+(?:under|below)|starting\s+(?:at|from)|from|min(?:imum)?(?:\s+(?:price|of))*:?|upwards\s+of|"
    r"exceeding|beyond|pricier\s+than|dearer\s+than|more\s+expensive\s+than)|>=?|≥)"
)
_NEAR: Final = r"(?:about|around|roughly|approx(?:imately)?\.?|circa|close\s+to|near(?:ly)?|some|~|≈)"
_ZH_MOST: Final = (
    r"(?:不要超过|别超过|不能超过|不超过|不要高于|不高于|不大于|不多于|低于|小于|少于|不到|便宜于|最多|至多|顶多|最高|不超|"
    r"上限|封顶|控制在|预算(?:是|为|在|只有|就|不超过|最多|有)?|我(?:只)?有|[<≤]=?(?=\s*[\d.]+\s?[元块]))"
)
_ZH_LEAST: Final = (
    r"(?:高于|大于|超过|多于|不低于|不少于|不小于|至少|最少|起码|最低|超出|贵于|[>≥]=?(?=\s*[\d.]+\s?[元块]))"
)


def _range(m: re.Match[str]) -> tuple[float | None, float | None] | None:
    low, high = number(m["low"]), number(m["high"])
    if low is None or high is None:
        return None
    if m["low"].isdigit() and re.search("[k千百万]$", m["high"]) and low < 100:  # 1-2k, 三到五百
        low *= {"k": 1000, "千": 1000, "百": 100, "万": 10_000}[m["high"][-1]]
    elif re.fullmatch("[一二两三四五六七八九]", m["low"]) and re.fullmatch("[一二两三四五六七八九][百千万]", m["high"]):
        low *= {"千": 1000, "百": 100, "万": 10_000}[m["high"][-1]]
    return (low, high) if low <= high else None


def _highest(m: re.Match[str]) -> tuple[float | None, float | None] | None:
    found = number(m["n"])
    return None if found is None else (None, found)


def _lowest(m: re.Match[str]) -> tuple[float | None, float | None] | None:
    found = number(m["n"])
    return None if found is None else (found, None)


def _about(m: re.Match[str]) -> tuple[float | None, float | None] | None:
    found = number(m["n"])
    return None if found is None else (round(found * (1 - ABOUT), 2), round(found * (1 + ABOUT), 2))


def _money(m: re.Match[str]) -> bool:
    """Whether a currency stands by any of the numbers."""
    return any(value for name, value in m.groupdict().items() if name.endswith(("a", "b")) and name != "n")


def _of_things(m: re.Match[str]) -> bool:
    """Whether a bare number is an age, a size or the like, by what stands before it."""
    return not _money(m) and _YOUNG.search(m.string[: m.start()]) is not None


def _segment(m: re.Match[str]) -> bool:
    """Whether nothing else stands between two commas."""
    before, after = m.string[: m.start()].rstrip(), m.string[m.end() :].lstrip()
    return (not before or before[-1] in ",;。、:") and (not after or after[0] in ",;。、") and len(m.string) > len(m[0])


def _fits_range(m: re.Match[str]) -> bool:
    cued = re.search(rf"(?:{_PRICED})\W*(?:is|of|在|是|为)?\s*$", m.string[: m.start()], re.IGNORECASE) is not None
    return _money(m) or cued or _segment(m)


def _fits_between(m: re.Match[str]) -> bool:
    return not _of_things(m) or _money(m)


def _fits(m: re.Match[str]) -> bool:
    return not _of_things(m)


def _fits_least(m: re.Match[str]) -> bool:
    return _money(m) or _PEOPLE.search(m.string[: m.start()]) is None


def _fits_money(m: re.Match[str]) -> bool:
    return _money(m)


Fits = Callable[[re.Match[str]], bool]
Value = Callable[[re.Match[str]], tuple[float | None, float | None] | None]


def _rule(pattern: str, value: Value, fits: Fits) -> tuple[re.Pattern[str], Value, Fits]:
    return re.compile(pattern, re.IGNORECASE), value, fits


_ZH_TAIL: Final = r"(?:之间|以内|左右|的价格|价位)?"
_RULES: Final = (
    # ranges first: their halves look like limits
    _rule(
        rf"(?:价格|价位|预算)?在?{_zh('low')}\s*(?:到|至|-|~|—|–|和|与)\s*{_zh('high')}{_NOT_ZH_MEASURE}\s?之间",
        _range,
        _fits,
    ),
    _rule(
        rf"\b(?:priced?\s+)?between\s+{_en('low')}\s*(?:and|to|-|–|&)\s*{_en('high')}{_NO_MEASURE}",
        _range,
        _fits_between,
    ),
    _rule(rf"\bfrom\s+{_en('low')}\s*(?:to|-|–)\s*{_en('high')}{_NO_MEASURE}", _range, _fits_range),
    _rule(rf"(?<![\w.]){_en('low')}\s*(?:to|-|–|~|until|through)\s*{_en('high')}{_NO_MEASURE}", _range, _fits_range),
    _rule(
        rf"(?<![\w.]){_zh('low')}\s*(?:到|至|-|~|—|–)\s*{_zh('high')}{_NOT_ZH_MEASURE}{_ZH_TAIL}", _range, _fits_range
    ),
    _rule(rf"(?<![\w.]){_zh('low')}\s*(?:到|至|-|~|—|–)\s*{_zh('high')}(?=的)", _range, _fits),
    # about
    _rule(rf"(?:大约|大概|差不多|约|预算)?{_zh('n')}\s?(?:左右|上下)", _about, _fits),
    _rule(rf"(?:大约|大概|差不多){_zh('n')}(?=的)", _about, _fits),
    _rule(rf"(?<![\w.])(?P<nb>{_BEFORE})?(?P<n>\d{{1,6}}(?:\.\d+)?)-?ish\b", _about, _fits),
    _rule(rf"(?:大约|大概|差不多|约莫|约){_zh('n')}{_NOT_ZH_MEASURE}", _about, _fits_money),
    _rule(rf"(?<!\w){_NEAR}\s*{_en('n')}{_NO_MEASURE}", _about, _fits_money),
    _rule(rf"(?<!\w){_NEAR}\s*{_en('n')}{_NO_MEASURE}{_ALONE}", _about, _fits),
    _rule(rf"(?<![\w.]){_en('n')}(?:\s?-?ish\b|\s+or\s+so\b|\s+or\s+thereabouts\b)", _about, _fits_money),
    # the most that may be paid
    _rule(rf"(?<![\w.]){_en('n')}\s+(?:or|and)\s+(?:less|under|below|cheaper|lower|fewer)\b", _highest, _fits),
    _rule(rf"(?<![\w.]){_en('n')}\s+(?:max(?:imum)?|tops|at\s+most|limit|budget|or\s+lower)\b", _highest, _fits_money),
    _rule(rf"(?<![\w.]){_en('n')}\s+(?:max(?:imum)?|tops|at\s+most|or\s+lower)\b{_ALONE}", _highest, _fits),
    _rule(
        rf"(?:价格|价钱|售价|预算)?在?{_zh('n')}\s?(?:以内|以下|之内|之下|以里|封顶|内(?!衣|裤|胆|存|置))",
        _highest,
        _fits,
    ),
    _rule(rf"比{_zh('n')}(?:还|更)?便宜", _highest, _fits),
    _rule(rf"{_ZH_MOST}\s*{_zh('n')}{_NOT_ZH_MEASURE}(?!以上)", _highest, _fits),
    _rule(
        rf"(?<![\w]){_MOST}\s*{_en('n')}{_NO_MEASURE}(?:\s+(?:max(?:imum)?|tops)\b)?(?:\s+to\s+spend\b|\s+(?:on|for)(?=\s+(?:an?|the|some)\b))?",
        _highest,
        _fits,
    ),
    # the least
    _rule(rf"(?<![\w.]){_en('n')}\s+(?:or|and)\s+(?:more|up|over|above|higher|upwards?)\b", _lowest, _fits_least),
    _rule(rf"(?<![\w.]){_en('n')}\s?\+", _lowest, _fits_money),
    _rule(rf"(?:价格|价钱|售价|预算)?在?{_zh('n')}\s?(?:以上|往上|起步|开外|之上|起(?=[,的]|$))", _lowest, _fits_least),
    _rule(rf"{_ZH_LEAST}\s*{_zh('n')}{_NOT_ZH_MEASURE}", _lowest, _fits_least),
    _rule(rf"(?<![\w]){_LEAST}\s*{_en('n')}{_NO_MEASURE}", _lowest, _fits_money),
    _rule(rf"(?<![\w]){_LEAST}\s*{_en('n')}{_NO_MEASURE}{_ALONE}", _lowest, _fits_least),
)


def limits(text: str) -> list[Limits]:
    """Every limit of a query, in the order of the text; `text` has one width of characters."""
    found: list[Limits] = []
    left = text
    for pattern, value, fits in _RULES:
        for match in list(pattern.finditer(left)):
            bounds = value(match) if fits(match) else None
            if bounds is not None:
                found.append(Limits(*bounds, match.start(), match.end()))
        for one in found:
            left = left[: one.start] + "\0" * (one.end - one.start) + left[one.end :]
    return sorted(found, key=lambda one: one.start)
