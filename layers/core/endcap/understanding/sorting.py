"""The order that a query asks for."""

from __future__ import annotations

from typing import Final, NamedTuple

from endcap.understanding.numbers import pattern
from endcap.understanding.wish import Sorting


class Order(NamedTuple):
    """An order and the place in the text that says it."""

    sort: Sorting
    start: int
    end: int


_NO_NEWS: Final = (
    r"york(?:er)?s?|baby|babies|born|newborn|home|house|year'?s?|moon|zealand|england|mexico|orleans|balance|wave|age|"
    r"era|look|town|mums?|moms?|mother|dad|father|parents?|job|testament|day|hampshire|jersey|world|beginnings?|leaf|"
    r"me|you|skin|hair|car|driver|and|puppy|bride|school|life|delhi|grand\w+|pet|kitten"
)
_OPENS: Final = r"(?:^|(?<=[,;.\0]))\s*"
_CLOSES: Final = r"(?=\s*(?:$|[,;.\0]))"
_FIRST: Final = r"(?: (?:ones? )?(?:first|on top|at the top))"
_THAN: Final = rf"(?:{_FIRST}| than (?:this|that|these|those)|(?! than))(?: ones?)?"
_SORT: Final = r"\b(?:(?:sort(?:ed)?|order(?:ed)?|rank(?:ed)?|show) )?(?:(?:by|in|from|with) )?(?:the )?"
_PRICE: Final = rf"{_SORT}(?:price\s*:?\s*)?(?:from )?"
_LOW: Final = r"(?:low(?:est)?|cheap(?:est)?)"
_HIGH: Final = r"(?:high(?:est)?|expensive|dear(?:est)?)"
_ZH_SORT: Final = r"(?:的?(?:排序|排列|排在?前面?|排|优先|在前面?))?"
_ZH_PRICE: Final = r"(?:按照?)?(?:价格|价钱|售价)?"
_SORTED: Final[tuple[tuple[Sorting, str], ...]] = (
    (
        "price_desc",
        rf"{_SORT}(?:most expensive|priciest|costliest|dearest(?= (?:first|priced|ones?|at the top|[a-z]+ first))|"
        rf"highest[\s-]+priced?)(?:{_FIRST}| ones?)?\b"
        rf"|{_PRICE}{_HIGH}\s*(?:to|-)\s*{_LOW}(?: price)?\b|{_PRICE}desc(?:ending)?\b(?: (?:order|price))?"
        rf"|\b(?:something |a bit )?(?:more expensive|pricier|dearer|(?:expensive|pricey)(?={_FIRST}))(?! looking)"
        rf"{_THAN}\b|{_ZH_PRICE}(?:[从由](?:高到低|贵到便宜)|降序){_ZH_SORT}|(?:最贵|价格最高|最高价)的?{_ZH_SORT}"
        r"|先看贵的|越贵越好|贵的(?:先来|优先|在前|排前面)|(?:比这个)?[更再]贵的?|贵(?:一点|一些|点|些)儿?的?",
    ),
    (
        "price_asc",
        rf"{_SORT}(?:cheapest|least expensive|lowest[\s-]+(?:priced?|cost)|inexpensive|affordable|low[\s-]priced)"
        rf"(?:{_FIRST}| (?:ones?|possible|available))?\b"
        rf"|{_PRICE}{_LOW}\s*(?:to|-)\s*{_HIGH}(?: price)?\b|\bcheap(?:er)?{_FIRST}\b|"
        rf"{_PRICE}asc(?:ending)?\b(?: (?:order|price))?"
        r"|\b(?:sort|order|rank)(?:ed)? (?:it |them )?(?:by|on) price\b|\blowest first\b|\bin order of price\b|"
        r"^budget(?= (?!plan|book|track)[a-z]+$)|\bby price(?=\s*$)"
        rf"|\b(?:something |a bit )?(?:cheaper|less expensive)(?! looking){_THAN}\b"
        rf"|{_OPENS}(?:(?:some|a|any|really|very|something) )*cheap\b(?! (?:date|and cheerful|looking|trick|chic|"
        rf"thrills?|monday))|\b(?:cheap|low price){_CLOSES}"
        rf"|{_ZH_PRICE}(?:[从由](?:低到高|便宜到贵)|升序){_ZH_SORT}|(?:最便宜|最实惠|价格最低|最低价)的?{_ZH_SORT}|"
        rf"低价(?:优先|的)?|平价的?|(?:经济)?实惠(?:一?[点些]儿?)?的?|价格?[最更]?低(?:一?[点些]儿?)?的?(?:优先|在前|"
        rf"排前面)?(?!于|到)|先看便宜的|便宜的先来|越便宜越好|便宜优先"
        r"|便宜的(?:优先|在前|排前面)?|[更再]?便宜(?:一点|一些|点|些)儿?的?|(?:比这个|[更再])便宜的?|按价格(?:排序|"
        r"排列|排)",
    ),
    (
        "new",
        rf"{_SORT}(?:newest|latest(?! (?:gossip|craze))|most recent|new arrivals?|new in|just in(?! (?:time|case))|"
        rf"(?:newly|recently) (?:added|arrived|released)|brand new(?! day)|new releases?)(?:{_FIRST}| ones?)?\b"
        rf"|\bwhat'?s new(?: in)?\b|\bnew{_FIRST}\b|\b(?:that )?(?:have )?just (?:arrived|released|launched|"
        rf"c[ao]me (?:in|out))\b|(?:^|(?<=\0))\s*new(?= (?!(?:{_NO_NEWS})\b)[a-z])|\bnew{_CLOSES}"
        rf"|最新(?:上架|上市|发布|推出|到货|款)?的?{_ZH_SORT}|(?:新|刚刚?|最近)(?:上架|上市|到货)的?|[刚新才](?:出|"
        rf"到|上市?)的|(?:按|最新)上[架市]时间(?:排序?|先后)?|新品(?![种味])|新[款出]的?(?!门)|上新",
    ),
    (
        "popular",
        rf"{_SORT}(?:(?:best|top|hot|biggest)[\s-]*sell(?:ing|ers?)|most (?:popular|bought|wanted|sold|loved|liked|"
        rf"purchased)|best[\s-]loved|popular(?! (?:demand|songs?|science|culture|music))|trending|hottest|popularity)"
        rf"(?:{_FIRST}| ones?)?\b|\b(?:what )?(?:others|everyone|people)(?: else)?(?: (?:is|are))? (?:buys?|buying)\b"
        r"|\bwhat'?s (?:hot|popular)\b|\b(?:that|which) sells? (?:the )?best\b|\bfavou?rites? first\b|"
        r"\b(?:customer|shopper)s?'? favou?rites?\b"
        rf"|卖[得的]最?[好火多快]的?|最?[畅热]销的?|热卖的?|按?销量(?:最?[高好]|第一|从高到低|优先)的?{_ZH_SORT}|"
        rf"按(?:销量|人气|热度)(?:排序|排)?|^人气(?![天偶动])(?=[一-龥])|买[得的]?最?多的|抢手的?|最?受欢迎的?"
        r"|最?热门的?|[最很]火的?|火爆的?|爆款的?|人气最?[高旺]的?|大家都在?[买喜]欢?的?|买的人最?多的?|最多人买的?|"
        r"最流行的?",
    ),
)
_RULES: Final = tuple((sort, pattern(text)) for sort, text in _SORTED)


def order_of(text: str) -> Order | None:
    """The first order that the text asks for; None for none."""
    found = [
        Order(sort, match.start(), match.end()) for sort, rule in _RULES if (match := rule.search(text)) is not None
    ]
    return min(found, key=lambda one: one.start, default=None)
