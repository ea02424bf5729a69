"""Limits of the price that a query names."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from endcap.understanding.numbers import CHINESE, CHINESE_SCALES, ENGLISH, NOTES, UNITS, number, pattern

ABOUT: Final = 0.2
"""How far from a price is still about it, as a share of it."""


class Limits(NamedTuple):
    """Lowest and highest price, both included; None for no limit. `start`, `end`: where the text says it."""

    lowest: float | None
    highest: float | None
    start: int
    end: int


Bounds = tuple[float | None, float | None]
Value = Callable[[re.Match[str]], Bounds | None]
_BEFORE: Final = r"(?:(?:us|au|ca|hk)?\$|£|€|¥|(?:usd|gbp|eur|rmb|cny)\s?)"
_ZH_UNITS: Final = "元|块钱|块|圆|rmb|人民币|美元|美金|美?刀|英?镑|欧元?(?![式洲美])|便士|美分|¥"
_AFTER: Final = rf"(?:\s?(?:{UNITS})\b|p\b|\s?[$£€¥¢]|\s?(?:{_ZH_UNITS})钱?)"
_MEASURES: Final = (
    r"(?:cm|mm|m|km|in(?=\s*(?:$|[,.;)]|(?:by|x|wide|long|tall|deep|high)\b))|inch(?:es)?|ft|feet|foot|yards?|oz|"
    r"ounces?|fl|ml|cl|l|(?:[cdkm]\w+)?(?:lit|met)(?:re|er)s?|g|mg|kg|kilos?|grams?|lbs?|pints?|gallons?|years?|yrs?|"
    r"months?|mths?|weeks?|days?|hours?|hrs?|minutes?|mins?|seconds?|pcs|pieces?|packs?|pk|count|ct|sets?|sheets?|"
    r"pages?|rolls?|pairs?|tiers?|watts?|w|volts?|v|hz|mah|degrees?|players?|people|persons?|seaters?|year-olds?|x|"
    r"mph|gb|tb|mb|dpi|ply|calories|cal|stars?|items?|ingredients?|steps?|colou?rs?|layers?|drawers?|shades?|"
    r"bottles?|boxes|bags|proof|times|percent|am|pm)\b"
)
_NO_MEASURE: Final = rf"(?!\s*-?{_MEASURES}|\s*[%°\"'x×*/:]|-?\w|[.,]\d)"
_ALONE: Final = (
    r"(?=\s*(?:$|[,.;!?。、)\0]|(?:and|but|or|for|with|without|no|not|please|if|that|which|in|on|only|budget|thanks|"
    r"range|price)\b))"
)
_CHINESE_MEASURES: Final = (
    r"[克斤两米升尺寸平码岁个片支只件瓶包盒袋条双天秒年月周人度瓦层号匹倍页本套张段合次色种枚粒颗位室格孔级代口针股抽卷箱装座头组副束折斗档名"
    r"款台把杯碗桶罐]|公[斤分里]|[厘毫]米|毫[升安]|英[寸尺]|小时|分钟|cm|mm|ml|mah|kg|gb|hz|[glmwvx*×%°]"
)
_EN: Final = rf"(?:(?P<{{n}}b>{_BEFORE})\s?)?(?P<{{n}}>{ENGLISH})(?P<{{n}}a>{_AFTER})?"
_ZH: Final = rf"(?:(?P<{{n}}b>{_BEFORE})\s?)?(?P<{{n}}>{CHINESE})(?:\s?(?P<{{n}}a>{_ZH_UNITS})钱?)?"


def _en(name: str) -> str:
    return _EN.replace("{n}", name)


def _zh(name: str) -> str:
    return _ZH.replace("{n}", name)


_NOT_ZH_MEASURE: Final = rf"(?![\d.]|\s?(?:{_CHINESE_MEASURES}))"
_SPEND: Final = "spend(?:ing)?|pay(?:ing)?"
_PRICED: Final = rf"(?:\b(?:price[sd]?|cost(?:s|ing)?|budget|range|{_SPEND})\b|价[格位钱]?|预算|花)"
_KIDS: Final = "kids?|child(?:ren)?|girls?|boys?|toddlers?|bab(?:y|ies)"
_COUNTED: Final = (
    rf"age[sd]?|sized?s?|{_KIDS}|spf|level|no\.?|number|model|pack of|"
    r"sets? of|box of|grade|vol(?:ume)?|parts?|chapters?|pages?|type|version|series|stage|class|"
    r"height|width|length|waist|weigh(?:t|s|ing)|depth|diameter|capacity|uk|iphone|air|pro|mad"
)
_YOUNG: Final = pattern(
    rf"(?:\b(?:{_COUNTED})|身高|[体重]重|年龄|尺[寸码]|[长宽高]度|型号|码数|鞋码|容量|重量|直径|口径|功率|[胸腰]围|规格|第)[\s:]*$"
)
_PEOPLE: Final = pattern(rf"\b(?:{_COUNTED}|women|men|woman|man|ladies|people|adults?|skin|for|those|anyone)\s*$")
_CHILD: Final = pattern(rf"\b(?:age[sd]?|{_KIDS}|toys?|sons?|daughters?|grand\w+|years?|months?)\b|[岁宝孩婴童]")
_WORN: Final = pattern(r"\b(?:shoes?|boots?|socks?|slippers?|sandals?|jeans)\b|[鞋靴袜裤]")
_GOING: Final = rf"(?:(?:for|costs?|costing|price[sd]?|is|are|{_SPEND}|keep(?:ing)?(?: it)?|stay(?:ing)?|just) )*"
_NOT: Final = (
    r"(?:no|not|nothing|never|none|without|cannot|(?:do|does|wo|ca|should|must|would|is|are)n'?t|(?:do|does|will|can|"
    r"should|must) not)(?: (?:want(?:ing)? to|like to|willing to|to|be|afford|anything|go(?:ing)?|spend(?:ing)?|"
    r"pay(?:ing)?|cost(?:ing)?|priced|a penny|any))* "
)
_DEAR: Final = r"(?:more(?: (?:expensive|costly))?|higher|greater|pricier|dearer|costlier) than(?: or equal to)?"
_CHEAP: Final = r"(?:less(?: expensive)?|lower|fewer|cheaper) than(?: or equal to)?"
_MAX: Final = "max(?:imum)?"
_IS: Final = r"(?: (?:is|of|at|was|price|spend|cost|budget))*:?"
_MOST: Final = (
    rf"(?:{_GOING}(?:{_NOT}(?:{_DEAR}|over|above|beyond|past|exceed(?:ing)?)|under|below|beneath|underneath|{_CHEAP}|"
    rf"up\s?to|at (?:the )?(?:very )?most|(?:at|to) (?:a )?{_MAX}(?: of)?|{_MAX}\.?{_IS}|within|sub-?|capped at|"
    rf"(?:(?:price|spending|upper|my|a) )*(?:limit|cap|ceiling){_IS}|(?:(?:my|our|the|total|on|with|of|have|got|i|an?) "
    rf")*budget(?:ed)?(?: (?:is|of|at|was|up to|under|below|{_MAX}|at most|only))*:?)|<=?|≤)"
)
_HAVE: Final = (
    r"(?:(?:i'?ve|i|we|with|have|got|only|just|want to|can|to|would|like) )*(?:have|got|with|spend(?:ing)?|"
    r"pay|afford)(?: (?:only|just|got))*"
)
_OVER: Final = rf"(?:{_NOT}(?:{_CHEAP}|under|below|beneath))"
_LEAST: Final = (
    rf"(?:{_GOING}(?:over|above|{_DEAR}|at (?:the )?(?:very )?least|start(?:s|ing)? (?:at|from)|from|"
    rf"min(?:imum)?\.?{_IS}|upwards? of|north of|(?:in )?excess of|exceeding|beyond)|>=?|≥)"
)
_NEAR: Final = (
    r"(?:about|around|roughly|approx(?:imately)?\.?|circa|close to|"
    r"near(?:ly)?|in the (?:region|neighbou?rhood) of|some|~|≈)(?: the)?"
)
_DIGIT: Final = r"(?=\s*[\d.]+)"
_ZH_NOT: Final = r"(?:不要|别|不能|不可以?|不得|不准|不想|不会|不)[花再]?"
_ZH_MOST: Final = (
    rf"(?:{_ZH_NOT}(?:超[过出]?|[高大多贵]于|[高贵]过)|[低小少]于|[低少]过|不到|不足|便宜于|[最至顶]多(?:只?[能可]?以?(?:[出花给付用]|接受|承受))?|最[高贵]|撑死|(?:只?能|可以?)(?:接受|承受)|上限|封顶|限价|[控压]制?在|"
    rf"(?:想|打算|准备|愿意|[只就能])花|预算(?:是|为|在|只有|[就才有]|最多|上限|不超过|控制在)*:?|我[只就]?有|[<≤]=?{_DIGIT})"
)
_ZH_OVER: Final = rf"(?:{_ZH_NOT}(?:[低少小]于|低过|便宜于))"
_ZH_LEAST: Final = rf"(?:[高大多贵]于|[高贵]过|超[过出]|[至最]少|起码|最低|不止|[>≥]=?{_DIGIT})"
_ZH_CUE: Final = r"(?:价[格位钱]|售价|预算|大约|大概|差不多|约莫?|[是在为从]|介于)*"
_ZH_NEAR: Final = r"(?:左右|上下|附近|前后|的样子)"
_ZH_BOUND: Final = r"(?!\s?(?:以[内下里上]|之[内下上]|封顶|起步|起价|起的|往上|开外))"
_ZH_CLOSE: Final = r"(?=[的,。!?、\s\0]|$)"


def _amount(m: re.Match[str], name: str, unit: str = "") -> float | None:
    found = number(m[name])
    after = m[f"{name}a"] or unit
    return found / 100 if found is not None and re.match(r"\s?(?:pence|cents?|p$|¢|便士|美分)", after) else found


def _range(m: re.Match[str]) -> Bounds | None:
    low, high = _amount(m, "low", "" if m["lowb"] or m["highb"] else m["higha"] or ""), _amount(m, "high")
    if low is None or high is None:
        return None
    if m["low"].isdigit() and re.search("[k千百万]$", m["high"]) and low < 100:  # 1-2k, 三到五百
        low *= {"k": 1000, "千": 1000, "百": 100, "万": 10_000}[m["high"][-1]]
    elif re.fullmatch("[一二两三四五六七八九]", m["low"]) and re.fullmatch("[一二两三四五六七八九][百千万]", m["high"]):
        low *= CHINESE_SCALES[m["high"][-1]]
    return (low, high) if low <= high else None


def _pair(m: re.Match[str]) -> Bounds | None:
    """Two figures side by side: 两三百 is from 200 to 300."""
    low, high = number(m["x"]), number(m["y"])
    if low is None or high is None or (high != low + 1 and (low, high) != (3, 5)):
        return None
    return low * CHINESE_SCALES[m["s"]], high * CHINESE_SCALES[m["s"]]


def _some(m: re.Match[str]) -> Bounds | None:
    """几十 is anything of two digits, 十几 what follows ten."""
    if m["s"]:
        scale = CHINESE_SCALES[m["s"]]
        return scale, 10 * scale - 1
    ten = 10 * (number(m["t"] or "一") or 1)
    return ten, ten + 9


def _and_more(m: re.Match[str]) -> Bounds | None:
    """一百多 is up to the next hundred, 二十多 up to the next ten."""
    low = number(m["n"])
    if low is None or low < 10 or low % 1:
        return None
    scale = 1
    while low % (scale * 10) == 0:
        scale *= 10
    return low, low + scale - 1


def _said(shape: Callable[[float], Bounds]) -> Value:
    """What one amount says."""
    return lambda m: None if (found := _amount(m, "n")) is None else shape(found)


def _money(m: re.Match[str]) -> bool:
    """Whether a currency stands by any of the numbers."""
    groups = m.groupdict()
    amount = groups.get("n") or groups.get("high") or ""
    unit = any(value for name, value in groups.items() if name in ("nb", "na", "lowb", "lowa", "highb", "higha"))
    return unit or re.search(rf"\b(?:{NOTES})$|\.\d\d$", amount, re.IGNORECASE) is not None


def _of_things(m: re.Match[str]) -> bool:
    """Whether a bare number is an age, a size or the like, by what stands before it."""
    return not _money(m) and _YOUNG.search(m.string[: m.start()]) is not None


def _last(m: re.Match[str]) -> bool:
    """Whether two bare numbers at the end of what is wanted, or before it, can be nothing but prices."""
    low, high = number(m["low"]) or 0.0, number(m["high"]) or 0.0
    before, after = m.string[: m.start()].strip(" ,\0"), m.string[m.end() :]
    if not low < high or (low >= 1900 and high <= 2100) or _of_things(m) or re.search(r"\.\d(?!\d)", m[0]):
        return False
    if (high <= 18 and _CHILD.search(m.string)) or (low >= 20 and high <= 50 and _WORN.search(m.string)):
        return False
    if high >= 10 and re.match(r"\s+[一-龥]", after):  # Chinese words apart
        return True
    if not before:  # a comma
        return re.match(r"\s*[,;。、].*\w", after) is not None
    return re.match(_ALONE, after) is not None or after.startswith("的")


def _fits_range(m: re.Match[str]) -> bool:
    cued = re.search(rf"(?:{_PRICED})\W*(?:is|of|在|是|为)?\s*$", m.string[: m.start()], re.IGNORECASE) is not None
    return _money(m) or cued or _last(m)


def _fits(m: re.Match[str]) -> bool:
    return not _of_things(m)


def _closed(m: re.Match[str]) -> bool:
    """It is money, or nothing follows that could be counted."""
    return _money(m) or (not _of_things(m) and re.match(_ALONE, m.string[m.end() :]) is not None)


def _fits_least(m: re.Match[str]) -> bool:
    return _money(m) or (_fits(m) and _PEOPLE.search(m.string[: m.start()]) is None)


Fits = Callable[[re.Match[str]], bool]


def _rule(text: str, value: Value, fits: Fits = _fits) -> tuple[re.Pattern[str], Value, Fits]:
    return pattern(text), value, fits


_highest, _lowest = _said(lambda n: (None, n)), _said(lambda n: (n, None))
_about = _said(lambda n: (round(n * (1 - ABOUT), 2), round(n * (1 + ABOUT), 2)))
_TO: Final = r"(?:to|-|–|—|~|until|till|through|up to)"
_ZH_TO: Final = r"(?:到|至|-|~|—|–|〜)"
_PAIR: Final = r"(?P<x>[一二两三四五六七八])(?P<y>[二两三四五六七八九])(?P<s>[十百千万])"
_ZH_TAIL: Final = r"(?:之间|以内|左右|上下|区间|范围|的?价格|的?价位)?"
_TOP: Final = rf"{_MAX}|tops|at (?:the )?most|limit|budget|ceiling|cap"
_SPENT: Final = r"(?: to spend\b| (?:on|for)(?= (?:an?|the|some|my)\b))?"
_N: Final = rf"{_en('n')}{_NO_MEASURE}"
_NS: Final = rf"(?<![\w.]){_en('n')}"
_ZN: Final = _zh("n")
_ZH_RANGE: Final = rf"(?<![a-z\d.#-]){_ZH_CUE}{_zh('low')}\s*{_ZH_TO}\s*{_zh('high')}"
_RULES: Final = (
    _rule(rf"{_ZH_CUE}{_PAIR}\s?(?P<na>{_ZH_UNITS})钱?{_ZH_BOUND}{_ZH_TAIL}", _pair),
    _rule(rf"{_ZH_CUE}{_PAIR}(?:之间|左右|上下|区间|价位|{_ZH_CLOSE})", _pair),
    _rule(
        rf"{_ZH_CUE}好?(?:几(?P<s>[十百千万])|(?P<t>[二三四五六七八九]?)十几)(?:来|多)?\s?(?:(?:{_ZH_UNITS})钱?|(?=的)){_ZH_BOUND}",
        _some,
    ),
    _rule(rf"{_ZH_CUE}几(?:块钱|块|元)(?:钱)?{_ZH_CLOSE}", lambda _: (1.0, 9.0)),
    _rule(rf"{_ZH_CUE}(?P<n>{CHINESE})多\s?(?P<na>块钱|块|元|(?=的))钱?{_ZH_BOUND}", _and_more),
    _rule(rf"{_ZH_CUE}(?P<n>[一二两三四五六七八九]?[十百千])(?:来|把)(?P<na>块钱|块|元)钱?", _about),
    _rule(r"(?:上|过|破)(?P<n>[百千万])(?P<na>块钱|块|元|(?=的))钱?", _lowest),
    # ranges before limits: their halves look like these
    _rule(rf"{_ZH_CUE}{_zh('low')}\s*(?:{_ZH_TO}|和|与|跟)\s*{_zh('high')}{_NOT_ZH_MEASURE}\s?之间", _range),
    _rule(
        rf"\b(?:(?:priced?|costs?|costing|anywhere|somewhere|budget|range) )*(?:in )?between {_en('low')}\s*(?:and|to|"
        rf"-|–|&)\s*{_en('high')}{_NO_MEASURE}",
        _range,
    ),
    _rule(
        rf"(?:\b(?:anywhere |somewhere )?from |(?<![\w.#-])){_en('low')}\s*{_TO}\s*{_en('high')}{_NO_MEASURE}"
        r"(?: (?:price )?(?:range|budget))?",
        _range,
        _fits_range,
    ),
    _rule(rf"{_ZH_RANGE}(?=的)", _range),
    _rule(rf"{_ZH_RANGE}{_NOT_ZH_MEASURE}{_ZH_TAIL}", _range, _fits_range),
    _rule(rf"{_ZH_CUE}{_ZN}\s?{_ZH_NEAR}", _about),
    _rule(rf"(?:大约|大概|差不多){_ZN}(?=的)", _about),
    _rule(rf"预算(?:是|在|为|有)?(?:大约|大概|差不多|约莫?){_ZN}{_NOT_ZH_MEASURE}{_ZH_BOUND}", _about),
    _rule(rf"(?:大约|大概|差不多|约莫?){_ZN}{_NOT_ZH_MEASURE}{_ZH_BOUND}", _about, _money),
    _rule(rf"(?<![\w.])(?P<nb>{_BEFORE})?(?P<n>\d{{1,6}}(?:\.\d+)?)(?P<na>)-?ish\b", _about),
    _rule(rf"{_PRICED}(?: (?:is|of|at|range))*:?\s*{_NEAR}\s*{_N}", _about),
    _rule(rf"(?<!\w)(?:for )?{_NEAR}\s*{_N}", _about, _closed),
    _rule(rf"{_NS}(?:\s?-?ish| (?:or so|or thereabouts|give or take))\b", _about),
    # "no less than" before "less than"
    _rule(rf"{_ZH_OVER}\s*{_ZN}{_NOT_ZH_MEASURE}", _lowest, _fits_least),
    _rule(rf"(?<!\w){_OVER}\s*{_N}", _lowest, _fits_least),
    _rule(rf"{_NS} (?:or|and|&) (?:less|under|below|cheaper|lower|fewer|beneath)\b", _highest),
    _rule(rf"(?:\bon an? )?{_NS} (?:(?:is )?(?:my|the) )?(?:{_TOP})\b", _highest, _closed),
    _rule(rf"{_NS} to spend\b", _highest),
    _rule(
        rf"{_ZH_CUE}(?:{_ZH_MOST})?{_ZN}\s?"
        r"[及或]?(?:以内|以下|之内|之下|以里|封顶|打住|为限|预算|为?上限|顶天|到顶|搞定|拿下|最多|不到(?=的|[,。\s]|$)|内(?!衣|裤|胆|存|置|搭|饰))",
        _highest,
    ),
    _rule(rf"比{_ZN}(?:还|更)?(?:便宜|低)", _highest),
    _rule(rf"{_ZH_MOST}\s*(?:大概|大约)?{_ZN}{_NOT_ZH_MEASURE}{_ZH_BOUND}", _highest),
    _rule(rf"(?<!\w){_MOST}\s*(?:the (?=[£$€]))?{_N}(?: (?:mark|{_MAX}|tops)\b)?{_SPENT}", _highest),
    _rule(rf"(?<!\w){_HAVE} {_N}{_SPENT}", _highest, _money),
    _rule(rf"(?:\bfrom )?{_NS} (?:or|and|&) (?:more|up|over|above|higher|upwards?)\b", _lowest, _fits_least),
    _rule(rf"(?<![\w.])from {_en('n')} (?:up|upwards?|onwards?)\b", _lowest, _fits_least),
    _rule(rf"{_NS}\s?(?:\+|(?:up|plus)\b)", _lowest, _money),
    _rule(rf"{_NS} (?:upwards?|min(?:imum)?|at least)\b", _lowest, lambda m: _fits_least(m) and _closed(m)),
    _rule(
        rf"{_ZH_CUE}{_ZN}\s?[及或]?(?:以上|往上|朝上|起步|起价|开外|之上|打底|起(?=[,的\s]|$))", _lowest, _fits_least
    ),
    _rule(rf"比{_ZN}(?:还|更)?(?:贵|高)", _lowest),
    _rule(rf"(?<=[一-龥\s]){_ZN}\+(?=\s*(?:$|[,的]))", _lowest, _fits_least),
    _rule(rf"{_ZH_LEAST}\s*{_ZN}{_NOT_ZH_MEASURE}", _lowest, _fits_least),
    _rule(rf"(?<!\w){_LEAST}\s*{_N}", _lowest, lambda m: _fits_least(m) and _closed(m)),
)


def limits(text: str) -> list[Limits]:
    """Every limit of a query, in the order of the text; `text` has one width of characters."""
    found: list[Limits] = []
    left = text
    for rule, value, fits in _RULES:
        for match in list(rule.finditer(left)):
            bounds = value(match) if fits(match) else None
            if bounds is not None:
                found.append(Limits(*bounds, match.start(), match.end()))
        for one in found:
            left = left[: one.start] + "\0" * (one.end - one.start) + left[one.end :]
    return sorted(found, key=lambda one: one.start)
