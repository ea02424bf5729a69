"""What a query says that it does not want."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from endcap.text.tokens import CJK
from endcap.understanding.facets import COLOURS, MATERIALS


class Exclusion(NamedTuple):
    """Words that no item may mention, and where the text says it; none for a dislike that no word can tell."""

    words: tuple[str, ...]
    start: int
    end: int


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FILLER: Final = _words(
    """
any the a an all of those these that this some more really too much kind type in
"""
)
_TAIL: Final = _words(
    """
one ones thing things item items stuff option options product products please thanks color colors colour colours
coloured colored type types kind kinds style styles brand brands version at all in it inside involved added
"""
)
_STOP: Final = _words(
    """
and or but for under below over above less with without in on at to from by max maximum about around between need
needs want wants please i i'm im looking show give just only no not that which who budget cheap cheapest up than is
are if because
"""
)
_DEGREES: Final = _words(
    """
too so very that as overly really
"""
)
_NO_THINGS: Final = _words(
    """
rinse show smoking entry parking chip chips tears tear frizz sew bake cook cooking drip slip spill touch nonsense
name line iron tie mess leak makeup more other matter way wash crease pull knot damage heat stick drill fuss fly one
doubt problem idea need limit limits budget brainer longer wonder place snag bleach-out filter fog fade crack wax-
strip hassle less vacancy trespassing dogs ball swimming fishing running junk peeking bull pain stress worries shave
streak stain scratch poo bite lace cal carb time love regrets
"""
)
_NOT_THINGS: Final = _words("only just a an your my")
_LIFE: Final = re.compile(
    r"(?:\b(?:never|nothing|can'?t|cannot|couldn'?t|not|don'?t|go|goes|going|gone|do|live|leave|home|days?|life|world|man|girl|doors?)\s+)$",
    re.IGNORECASE,
)
_STRONG: Final = re.compile(
    r"(?<![\w-])(?:(?:i\s+)?(?:do\s+not|don'?t|dont|doesn'?t)\s+(?:show\s+me|show|want|like|need|include|give\s+me|recommend|send|have|contain|use)"
    r"|(?:please\s+)?(?:exclud(?:e|ing)|avoid(?:ing)?|leave\s+out|leaving\s+out|skip(?:ping)?|omit(?:ting)?|hate|dislike|rule\s+out|filter\s+out)"
    r"|except(?:\s+for|ing)?|minus|anything\s+but|any\s+(?:colou?r|brand|material|kind|type)\s+(?:but|except)|everything\s+but|other\s+than|apart\s+from|aside\s+from|but\s+not|but\s+no|and\s+not|and\s+no"
    r"|(?:that\s+(?:is|are)\s+|is\s+|are\s+)?not\s+(?:made\s+(?:of|from|in|by|with)|from|by|containing|with|including)"
    r"|(?:isn'?t|aren'?t)(?:\s+made\s+(?:of|from|in|by))?|nothing\s+(?:with|in|from|by|made\s+of)|allergic\s+to|sick\s+of|with\s+no|has\s+no"
    r"|having\s+no|contain(?:s|ing)?\s+no|free\s+(?:of|from)|lacking|sans)(?![\w-])",
    re.IGNORECASE,
)
_WITHOUT: Final = re.compile(r"(?<![\w-])(?:without|w/o)(?![\w-])", re.IGNORECASE)
_PLAIN: Final = re.compile(r"(?<![\w-])(?:not|nothing|no)(?![\w-])", re.IGNORECASE)
_MINUS: Final = re.compile(r"(?<=\s)-(?P<what>[a-z]{3,})(?=\s|$)")
_WORD: Final = re.compile(rf"[^\W_{CJK}][^\s,;.!?()\0{CJK}]*", re.IGNORECASE)
_VALUE: Final = re.compile(
    rf"\s+(?P<what>{COLOURS}|{MATERIALS})(?=\s+[a-z]{{3,}})(?!\s+(?:and|but|for)\b)", re.IGNORECASE
)
_BREAK: Final = re.compile(r"[,;.!?()\0]|$")
_MOST_WORDS: Final = 3

_ZH_END: Final = r"(?=的|[,;。!?、\0\s]|$)"
_ZH_STRONG: Final = re.compile(
    r"(?:千万)?(?:不要|别要|不想要|不想买|不喜欢|不需要|别给我推荐|别给我|别推荐|不要推荐|别来|别买|不看|不含有|不含|不包含|不包括|不带有|"
    r"不带|没有|没加|不添加|不加|不用|不是|排除|去掉|去除|避开|拒绝|讨厌|过滤掉|屏蔽|剔除)"
    r"(?:任何|给我推荐|推荐|带有|含有|包含|使用|添加|那种|给我|带|含|有|用|是|买)?"
    rf"(?P<what>[^,;。!?\0\s的]{{1,12}}?)(?:(?:成分|品牌|牌子|材质|款式)(?=的|$|[,;。]))?{_ZH_END}"
)
_ZH_EXCEPT: Final = re.compile(
    r"(?:除了|除去|除开|除)(?P<what>[^,;。!?\0\s]{1,10}?)(?:之外|以外|外|的?都(?:可以|行|要)|(?=,))"
    r"|(?P<what2>[^,;。!?\0\s的]{1,8})的?(?:除外|都?不要(?=$|[,;。]))"
    r"|非(?P<what3>[^,;。!?\0\s的洲凡常]{2,4}?)(?=的)"
)
_ZH_DEGREE: Final = re.compile(
    r"^(?:太|那么|这么|很|过于|特别|非常|过|超过|高于|低于|钱|错过|担心|怕|了|求|止|同|知|紧|锈|粘|到|得)"
)
_ZH_VERBS: Final = re.compile(
    r"^(?:洗|手洗|打孔|打|插|充|煮|开|换|安装|拧|擦|钉|熨|组装|清洗|弯腰|手|动手|等|排队|担心)"
)
_ZH_LISTED: Final = re.compile(r"和(?!服)|或者|或是|或|以及|跟|、|也不要|与")


def exclusions(text: str, *, continued: bool = False) -> list[Exclusion]:
    """What the text does not want, in its order; ranges of the text that were read before are \\0.

    Parameters
    ----------
    continued : whether what is wanted was said before, so that a text of nothing but this is no name
    """
    found = [*_chinese(text, continued), *_english(text, continued)]
    kept: list[Exclusion] = []
    for one in sorted(found, key=lambda e: (e.start, -e.end)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def _chinese(text: str, continued: bool) -> Iterator[Exclusion]:
    for match in _ZH_EXCEPT.finditer(text):
        what = match["what"] or match["what2"] or match["what3"]
        end = match.end() + 1 if text[match.end() : match.end() + 1] == "的" else match.end()
        yield Exclusion(_listed(what), match.start(), end)
    for match in _ZH_STRONG.finditer(text):
        what = match["what"]
        end = match.end() + 1 if text[match.end() : match.end() + 1] == "的" else match.end()
        if _ZH_DEGREE.match(what):
            if text[match.start() : match.start() + 2] in ("不要", "别要") and what[0] in "太那这很过特非":
                yield Exclusion((), match.start(), end)
            continue
        if text[match.start() : match.start() + 2] in ("不用",) and _ZH_VERBS.match(what):
            continue
        alone = (
            not continued and not text[: match.start()].strip(" ,\0") and not text[match.end() :].strip(" ,。!?\0的")
        )
        if alone:  # nothing is left that would be wanted
            continue
        yield Exclusion(_listed(what), match.start(), end)


def _listed(what: str) -> tuple[str, ...]:
    parts = [part.strip().removesuffix("的") for part in _ZH_LISTED.split(what)]
    return tuple(part for part in parts if part)


def _english(text: str, continued: bool) -> Iterator[Exclusion]:
    for match in _STRONG.finditer(text):
        words, end = _phrase(text, match.end())
        if words and (continued or _something_else(text, match.start(), end)):
            yield Exclusion(words, match.start(), end)
    for match in _WITHOUT.finditer(text):
        words, end = _phrase(text, match.end())
        wanted = continued or _something_else(text, match.start(), end)
        if words and wanted and not _LIFE.search(text[: match.start()]):
            yield Exclusion(words, match.start(), end)
    for match in _MINUS.finditer(text):
        yield Exclusion((match["what"],), match.start(), match.end())
    for match in _PLAIN.finditer(text):
        yield from _plain(text, match, continued)


def _plain(text: str, match: re.Match[str], continued: bool) -> Iterator[Exclusion]:
    """`no` and `not`, which are part of many a name, count at the end of what they stand in only."""
    rest = text[match.end() :].split()
    following = rest[0].strip(",.").lower() if rest else ""
    if not following or not following[0].isalpha():
        return
    no = match[0].lower() != "not"
    plain = _VALUE.match(text, match.end())
    if plain is not None and (continued or _something_else(text, match.start(), plain.end())):
        yield Exclusion((plain["what"],), match.start(), plain.end())
        return
    if not no and following in _DEGREES:
        degree = re.compile(r"\s+\w+(?:\s+[\w'-]+)?").match(text, match.end())
        yield Exclusion((), match.start(), degree.end() if degree else match.end())
        return
    begun = bool(text[: match.start()].strip())
    if following in (_NO_THINGS if no else _NOT_THINGS if begun else _NOT_THINGS | {"for", "the"}):
        return
    at = match.end()
    if not no and following == "for":
        at = text.lower().index("for", at) + 3
    words, end = _phrase(text, at)
    named = re.search(r"\bi(?:'m|\s+am)\s+$|\d", text[: match.start()][-5:] + "".join(words), re.IGNORECASE)
    if not words or named or not (continued or _something_else(text, match.start(), end)):
        return
    before, after = text[: match.start()].rstrip(), text[end:].lstrip()
    opens = not before or before[-1] in ",;.!?(\0"
    closes = (
        not after
        or after[0] in ",;.!?)\0"
        or _STOP.intersection(word.strip(",;.!?").lower() for word in after.split()[:1])
    )
    if closes and (before or continued or (opens and after and after[0] in ",;.!?\0")):
        if no and not opens and len(words[0].split()) > 1 and not re.search(r"\b(?:and|but|with|please)$", before):
            return
        yield Exclusion(words, match.start(), end)


def _something_else(text: str, start: int, end: int) -> bool:
    """Whether anything is wanted beside what is not."""
    return bool(re.sub(r"[\s,;.!?()]+", "", text[:start] + text[end:]))


def _phrase(text: str, start: int) -> tuple[tuple[str, ...], int]:
    """The words that are not wanted, from `start` on, up to where something else begins."""
    stop = _BREAK.search(text, start)
    limit = stop.start() if stop else len(text)
    parts: list[list[str]] = [[]]
    end, skipping = start, True
    for match in _WORD.finditer(text, start, limit):
        word = match[0].lower().strip("'\"")
        if skipping and word in _FILLER:
            continue
        if word in ("or", "and", "nor") and parts[-1]:
            following = text[match.end() : limit].split()
            if not following or following[0].lower() in _STOP or not following[0][0].isalpha():
                break
            parts.append([])
            skipping = True
            continue
        if word in _STOP or not word[0].isalnum() or len(parts[-1]) >= _MOST_WORDS:
            break
        skipping = False
        parts[-1].append(match[0].strip("'\""))
        end = match.end()
    phrases = []
    for part in parts:
        while part and part[-1].lower() in _TAIL:
            part.pop()
        if part:
            phrases.append(" ".join(part))
    return tuple(phrases), end
