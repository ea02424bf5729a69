"""What a query says that it does not want."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from endcap.text.tokens import CJK
from endcap.understanding.lexicon import COLOURS, MATERIALS, ZH_COLOURS, ZH_MATERIALS
from endcap.understanding.numbers import pattern


class Exclusion(NamedTuple):
    """Words that no item may mention, and where the text says it; none for a dislike that no word can tell."""

    words: tuple[str, ...]
    start: int
    end: int


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FILLER: Final = _words(
    "any anything the a an all of those these that this some more really too much kind type in made from with coloured"
)
_TAIL: Final = _words(
    """
one ones thing things item items stuff product products please thanks color colors colour colours
coloured colored type types kind kinds style styles brand brands version at all in it inside involved added either
"""
)
_PARTS: Final = _words("skin hair")
"""What nearly all items of a shop are for, so that the word before it is what is meant."""
_STOP: Final = _words(
    """
and or nor but for under over below above less without with in on at to from by max maximum about around between need
needs want wants please i i'm im i'd looking show give find just only no not that which who budget cheap cheapest up
than is are if because as since thanks instead something
"""
)
_DEGREES: Final = _words("too so very that as overly really")
_NO_THINGS: Final = _words(
    """
rinse show smoking entry parking chip chips tear tears frizz sew bake cook cooking drip slip spill touch nonsense name
line iron tie mess leak makeup more other matter way wash crease pull knot damage heat stick drill fuss fly one doubt
problem idea need limit limits budget longer wonder place snag filter fog fade crack
hassle less vacancy dogs ball running bull pain gain stress shave
streak streaks stain scratch poo bite lace cal carb time love regrets smudge smear transfer budge sting burn shed tangle
wrinkle peel sweat fear rush hurry
"""
)
_NOT_THINGS: Final = _words("only just your my all tested wanted needed included sure")
_LIFE: Final = pattern(
    r"\b(?:never|nothing|can'?t|cannot|couldn'?t|not|don'?t|go|goes|going|gone|do|live|leave|home|days?|life|world|man|"
    r"girl|doors?|beauty) $"
)
_DOES: Final = r"(?:(?:do|does|did|should|must|would)(?: not|n'?t)|cannot|can'?t|won'?t)"
_OF: Final = r"made (?:of|from|in|by|with|out of)"
_STRONG: Final = pattern(
    rf"(?<![\w/-])(?:(?:(?:i|we|he|she|it|they|that|which) )?{_DOES} (?:really )?(?:show(?: me)?|want(?: to (?:see|"
    rf"have|buy))?|like|need|include|give(?: me)?|recommend|send|have|contain|use|come with|care for)"
    rf"|(?:must|should)(?: not|n'?t) be|(?:i|we|she|he|they) {_DOES} (?:stand|wear|eat|tolerate)"
    r"|(?:please )?(?:exclud(?:e|ing)|excl\.?|avoid(?:ing)?|leav(?:e|ing) out|skip(?:ping)? (?:the|any|all)|"
    r"omit(?:ting)?|(?:i )?(?:hat|dislik)(?:es?|ing))"
    r"|except(?: for|ing)?|minus|(?:any(?:thing| (?:colou?r|brand|material|kind|type|scent))?|everything|all) "
    r"(?:but|except)|other than|rather than|instead of|apart from|aside from|besides|(?:but|and) (?:not|no|nothing)"
    rf"|(?:(?:(?:that|which|it|they)(?:'s| is| are)|is|are) )?not (?:{_OF}|from|by|contain(?:ing)?|with|includ(?:e|"
    rf"ing)|us(?:e|ing)|interested in|into|keen on|a fan of)"
    rf"|(?:(?:it|that|which|they) )?(?:isn'?t|aren'?t)(?: (?:{_OF}|from|by|in))?|nothing (?:with|in|from|by|{_OF}|"
    rf"containing|like)|none (?:of|in|from|with)|never(?= (?:in|with|from|by)\b)|(?:i'?m |is )?allergic to|"
    r"(?:i'd )?rather not(?: have)?|"
    r"(?:with|ha(?:s|ve)|having|contain(?:s|ing)?) no|free (?:of|from)|lacking|sans|neither)(?![\w-])"
)
_DEGREE: Final = pattern(r" \w+(?: [\w'-]+)?")
_WITHOUT: Final = pattern(r"(?<![\w-])(?:without|w/o)(?![\w-])")
_PLAIN: Final = pattern(r"(?<![\w-])(?:not|nothing|no)(?![\w-])")
_NO_NEGATION: Final = pattern(r"\b(?:do|does|did|can|could|will|should|may|me|why|or|if) $")
"""Before a "not" that says something of what somebody does."""
_IS: Final = pattern(r"(?:\b(?:is|was|i'm)|'s) $")
_DEED: Final = re.compile(
    r"(?!(?:earring|string|baking|spring|stocking|pudding|icing|clothing|packaging|lining|padding|coating|filling|"
    r"stuffing|flavou?ring|colou?ring|bedding)$)[a-z]{3,}ing"
)
"""Something that is not to happen, and no thing."""
_MINUS: Final = re.compile(r"(?<=\s)-(?P<what>[a-z]{3,})(?=\s|$)")
_STUFF: Final = rf"(?:{COLOURS}|{MATERIALS})"
_NON: Final = pattern(rf"(?<![\w-])no[nt]-(?P<what>{_STUFF})(?![\w-])")
_AFTERWARDS: Final = pattern(
    r"(?<=[,;.])\s*(?P<what>[a-z][a-z'-]*(?: [a-z'-]+)?) (?:excluded|unwanted|(?:is |are )?not (?:wanted|needed))"
    r"(?=\s*(?:$|[,;.]))"
)
_WORD: Final = pattern(rf"[^\W_{CJK}][^\s,;.!?()\0{CJK}]*")
_VALUES: Final = pattern(
    rf" (?P<what>{_STUFF}(?:, {_STUFF})*,? (?:n?or|and) {_STUFF}(?![\w-])|{_STUFF}(?= [a-z]{{3,}}|\W*$)"
    r"(?! (?:and|but|for|please|thanks|n?or|ones?|colou?r)\b))"
)
_LIST: Final = re.compile(r"\s*,\s*(?:(?:n?or|and) )?| (?:n?or|and) ")
_BREAK: Final = re.compile(r"[,;.!?()\0]|\s[-–—]+\s|$")
_LISTING: Final = pattern(
    r"\s*[a-z][\w'-]+(?:\s*,\s*[a-z][\w'-]+)+\s*,? (?:or|and|nor) [a-z][\w'-]+(?=\s*(?:$|[.;!?]))"
)
_COLOUR: Final = pattern(COLOURS)
_WHEN: Final = pattern(r"\s+(?:at|in|on|when|while|during)\b")
_MOST_WORDS: Final = 3

_ZH_SIGN: Final = r"[^,;。!?\0\s]"
_ZH_END: Final = r"(?=的|[,;。!?、\0\s]|$)"
_ZH_STRONG: Final = pattern(
    r"(?:千万|请|最好|[也都又既]|并且?|但|一定)*"
    r"(?:(?<!要)不要(?:推荐)?|(?<!是)不是|(?<!有)没有|没加|不(?:想[要买选]|想看到?|喜欢|需要|考虑|接受|[买看用加]|"
    r"含有?|包[含括]|带有?|添加|能[有含是]|可以有|希望[有是])|"
    r"别(?:给我(?:推荐)?|推荐|[选要来买有带])|排除|去[掉除]|避[开免]|拒绝|讨厌|过滤掉|屏蔽|剔除)"
    r"(?:任何|给我推荐|推荐|带有|含有|包含|使用|添加|[那这]种|给我|所有|[带含有用是买看])?"
    r"(?P<what>[^,;。!?\0\s的]{1,12}?)"
    r"(?:(?:成分|品牌|牌子|材[质料]|款式|颜色)(?=的|$|[,;。\s])|的?(?:谢谢|就行|就好|[哦啊吧呢了])(?=$|[,;。!\s]))"
    r"?(?=的|[,;。!?\0\s]|$)"
)
_ZH_EXCEPT: Final = re.compile(
    rf"(?:除了|除去|除开|除掉|除)(?P<what>{_ZH_SIGN}{{1,10}}?)(?:的?(?:之外|以外|外)"
    rf"(?:的?{_ZH_SIGN}{{0,4}}?都?(?:可以|行)(?=$|[,;。\s]))?"
    rf"|的?(?:都|什么|哪){_ZH_SIGN}{{0,6}}?(?:可以|行|要|好))|除了(?P<what5>{_ZH_SIGN}{{1,8}}?)(?=[,\s\0的]|$)"
    r"|(?P<what2>[^,;。!?\0\s的]{1,8}?)的?(?:除外|[以之]外(?=的)|[就都也]?(?:不要|不考虑|不行|免谈|算了)(?=$|[,;。]))"
    r"|对(?P<what3>[^,;。!?\0\s的]{1,6})过敏"
    rf"|非(?P<what4>[^,;。!?\0\s的洲凡常]{{2,4}}?(?=的)|(?:{ZH_MATERIALS})(?=[一-龥\s,]|$))"
)
_ZH_FREE: Final = pattern(
    r"无(?!花果|[糖线叶痕火印人骨袖缝框纺烟尘绳声敌限籽核刺刷极水菌毒味患机忧名心需须法比聊损级抗障主芯柄盖耳孔底感])"
    r"(?P<what>[一-龥]{1,4}?(?:[精剂素醛油醇酯酸汞铅胶粉]|皂基|味道)|麸质|蔗糖|花纹|图案|印花|logo|拉链|塑料|"
    rf"[香异气]味|花边|蕾丝|香料|荧光){_ZH_END}"
)
_ZH_DEGREE: Final = re.compile(r"[太更]|什么|那么|这么|很|过|特别|非常|高于|低于|钱|错过|担心|[怕了求止同知紧锈粘到得]")
_ZH_DONE_WITHOUT: Final = re.compile(rf"电[池源线]?|胶水?|[线水油盐糖]|{ZH_MATERIALS}")
"""What a thing may do without ("不用电池的"); what follows 不用 else is what somebody need not do."""
_ZH_LISTED: Final = re.compile(r"和(?!服)|或[者是]?|以及|[跟、与]|也?不[要是]")
_ZH_VALUE: Final = re.compile(rf"(?P<what>{ZH_COLOURS}|{ZH_MATERIALS})(?=[一-龥]{{2,}})")
_ZH_LAST: Final = re.compile(rf"(?:{ZH_COLOURS}|{ZH_MATERIALS})$")


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
        what = next(match[name] for name in ("what", "what2", "what3", "what4", "what5") if match[name])
        if re.match("不[要想喜需考含带是看买]|别", what):  # 不要 is another rule's
            continue
        named = _ZH_LAST.search(what) if match["what2"] and len(_listed(what)) == 1 else None
        skipped = 0 if named is None else named.start()
        yield Exclusion(_listed(what[skipped:]), match.start() + skipped, _after_of(text, match.end()))
    for match in _ZH_FREE.finditer(text):
        yield Exclusion((match["what"],), match.start(), _after_of(text, match.end()))
    for match in _ZH_STRONG.finditer(text):
        what = match["what"]
        end = _after_of(text, match.end())
        asked = match[0].partition(what)[0]
        if _ZH_DEGREE.match(what):
            if ("不要" in asked or "别要" in asked) and what[0] in "太那这很过特非":
                yield Exclusion((), match.start(), end)
            continue
        if "不用" in asked and not _ZH_DONE_WITHOUT.fullmatch(what):
            continue
        alone = (
            not continued and not text[: match.start()].strip(" ,\0") and not text[match.end() :].strip(" ,。!?\0的")
        )
        if alone:  # nothing is left that would be wanted, but behind a colour or a material
            named = _ZH_VALUE.match(what)
            if named is not None and asked.startswith(("不", "别")):
                yield Exclusion((named["what"],), match.start(), match.start("what") + named.end())
            continue
        yield Exclusion(_listed(what), match.start(), end)


def _after_of(text: str, end: int) -> int:
    return end + 1 if text[end : end + 1] == "的" else end


def _listed(what: str) -> tuple[str, ...]:
    parts = [part.strip().removesuffix("的") for part in _ZH_LISTED.split(what)]
    return tuple(part for part in parts if part)


def _english(text: str, continued: bool) -> Iterator[Exclusion]:
    for match in _STRONG.finditer(text):
        if (found := _unwanted(text, match, continued)) and not (
            match[0][:2].lower() in ("av", "fr") and _WHEN.match(text, found.end)
        ):
            yield found
    for match in _WITHOUT.finditer(text):
        if (found := _unwanted(text, match, continued)) and not _LIFE.search(text[: match.start()]):
            yield found
    for rule in (_MINUS, _NON, _AFTERWARDS):
        for match in rule.finditer(text):
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
    if plain := _of_stuff(text, match):
        yield plain
        return
    if match[0].lower() != "no" and following in _DEGREES:
        degree = _DEGREE.match(text, match.end())
        yield Exclusion((), match.start(), degree.end() if degree else match.end())
        return
    if not no and (
        _NO_NEGATION.search(text[: match.start()]) or (following in ("a", "an") and _IS.search(text[: match.start()]))
    ):
        return
    begun = bool(text[: match.start()].strip())
    if following in (_NO_THINGS if no else _NOT_THINGS if begun else _NOT_THINGS | {"for", "the", "a", "an"}):
        return
    at = match.end()
    if not no and following == "for":
        at = text.lower().index("for", at) + 3
    words, end = _phrase(text, at)
    named = re.search(r"\bi(?:'m| am) $|\d", text[: match.start()][-5:] + "".join(words), re.IGNORECASE)
    if not words or named or not (continued or _something_else(text, match.start(), end)):
        return
    before, after = text[: match.start()].rstrip(), text[end:].lstrip()
    opens = not before or before[-1] in ",;.!?(\0"
    closes = (
        not after
        or after[0] in ",;.!?)\0-–—"
        or _STOP.intersection(word.strip(",;.!?").lower() for word in after.split()[:1])
    )
    if closes and (before or continued or (opens and after and after[0] in ",;.!?\0-–—")):
        asked = re.search(r"\b(?:and|but|with|please)$", before) or re.match(r"\W*(?:please|thanks|thank)\b", after)
        if no and not opens and len(words[0].split()) > 1 and not asked:
            return
        yield Exclusion(words, match.start(), end)


def _unwanted(text: str, match: re.Match[str], continued: bool) -> Exclusion | None:
    """What follows, where anything else is wanted."""
    words, end = _phrase(text, match.end())
    if words and (continued or _something_else(text, match.start(), end) or " except" in match[0].lower()):
        return Exclusion(words, match.start(), end)
    return _of_stuff(text, match)


def _of_stuff(text: str, match: re.Match[str]) -> Exclusion | None:
    """Colours and materials that follow: "no red or blue mugs"."""
    found = _VALUES.match(text, match.end())
    return Exclusion(tuple(_LIST.split(found["what"])), match.start(), found.end()) if found else None


def _something_else(text: str, start: int, end: int) -> bool:
    """Whether anything is wanted beside what is not."""
    return bool(re.sub(r"\b(?:please|thanks|i|just)\b|[\s,;.!?()]+", "", text[:start] + text[end:]))


def _phrase(text: str, start: int) -> tuple[tuple[str, ...], int]:
    """The words that are not wanted, from `start` on, up to where something else begins."""
    stop = _BREAK.search(text, start)
    limit = stop.start() if stop else len(text)
    listed = _LISTING.match(text, start)
    if listed is not None:
        names = _LIST.split(listed[0].strip())
        if len({_COLOUR.fullmatch(name) is None for name in names}) == 1:
            return tuple(names), listed.end()
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
        inside = word != "in" or re.match(r" (?:it|them)\b", text[match.end() :]) is not None
        if word in _STOP or not inside or not word[0].isalnum() or len(parts[-1]) >= _MOST_WORDS:
            break
        skipping = False
        parts[-1].append(match[0].strip("'\""))
        end = match.end()
    if any(_DEED.fullmatch(word.lower()) for part in parts for word in part) or text[end : end + 5] == " than":
        return (), end
    phrases = []
    for part in parts:
        while part and part[-1].lower() in (_TAIL | _PARTS if len(part) > 1 else _TAIL):
            part.pop()
        if part:
            phrases.append(" ".join(part))
    return tuple(phrases), end
