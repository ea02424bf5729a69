"""The order that a query asks for."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from endcap.understanding.wish import Sorting


class Order(NamedTuple):
    """An order and the place in the text that says it."""

    sort: Sorting
    start: int
    end: int


_NO_NEWS: Final = (
    r"york(?:er)?s?|baby|babies|born|newborn|home|house|year'?s?|moon|zealand|england|mexico|orleans|balance|wave|age|era|look|town|mums?|"
    r"moms?|mother|dad|father|parents?|job|testament|day|hampshire|jersey|world|beginnings?|leaf|me|you|skin|hair|car|driver|and|puppy|bride"
)
_OPENS: Final = r"(?:^|(?<=[,;.\0]))\s*"
_CLOSES: Final = r"(?=\s*(?:$|[,;.\0]))"
_SORTED: Final[tuple[tuple[Sorting, str], ...]] = (
    (
        "price_desc",
        r"\b(?:the\s+)?(?:most\s+expensive|priciest|costliest|dearest\s+priced?|most\s+costly|highest[\s-]+priced?)(?:\s+(?:first|ones?))?\b"
        r"|\b(?:sort(?:ed)?\s+)?(?:by\s+)?(?:price\s*:?\s*)?(?:from\s+)?high(?:est)?\s+to\s+low(?:est)?(?:\s+price)?\b|\bexpensive\s+(?:ones\s+)?first\b"
        r"|\b(?:sort(?:ed)?\s+by\s+)?price\s+desc(?:ending)?\b"
        r"|(?:按)?(?:照)?(?:价格|价钱)?(?:从|由)高到低(?:排序|排列|排)?|最贵的?|价格最高的?|(?:价格)?降序|最高价的?|贵的(?:优先|在前|排前面)",
    ),
    (
        "price_asc",
        r"\b(?:the\s+)?(?:cheapest|least\s+expensive|lowest[\s-]+priced?|inexpensive|low[\s-]priced)(?:\s+(?:first|ones?|possible|available))?\b"
        r"|\b(?:sort(?:ed)?\s+)?(?:by\s+)?(?:price\s*:?\s*)?(?:from\s+)?low(?:est)?\s+to\s+high(?:est)?(?:\s+price)?\b|\bcheap(?:er)?\s+(?:ones\s+)?first\b"
        r"|\b(?:sort(?:ed)?\s+by\s+)?price\s+asc(?:ending)?\b|\b(?:sort(?:ed)?|order(?:ed)?)\s+by\s+price\b"
        rf"|{_OPENS}(?:(?:some|a|any|really|very|something)\s+)?cheap(?:er)?\b(?!\s+(?:and\s+cheerful|looking|trick))|\b(?:cheap(?:er)?|low\s+price){_CLOSES}"
        r"|(?:按)?(?:照)?(?:价格|价钱)?(?:从|由)低到高(?:排序|排列|排)?|最便宜的?|价格最低的?|最低价的?|(?:价格)?升序|低价优先|便宜的(?:优先|在前|排前面)"
        r"|(?:更)?便宜(?:一点|一些|点|些)(?:儿)?的?|更便宜的?|便宜的",
    ),
    (
        "new",
        r"\b(?:the\s+)?(?:newest|latest|most\s+recent|new\s+arrivals?|new\s+in|just\s+in|newly\s+(?:added|arrived)|recently\s+added|brand\s+new)(?:\s+first)?\b"
        r"|\bwhat'?s\s+new(?:\s+in)?\b|\bnew(?:est)?\s+first\b|\bjust\s+(?:arrived|released|launched)\b"
        rf"|{_OPENS}new(?=\s+(?!(?:{_NO_NEWS})\b)[a-z])|\bnew{_CLOSES}"
        r"|最新(?:上架|上市|发布|推出|到货|款)?的?|新上架的?|刚上架的?|新上市的?|刚上市的?|新到的?|新品(?!种|味)|新款的?|新出的|上新",
    ),
    (
        "popular",
        r"\b(?:the\s+)?(?:best[\s-]+sell(?:ing|ers?)|bestsell(?:ing|ers?)|top[\s-]+sell(?:ing|ers?)|hot[\s-]+sell(?:ing|ers?)|most\s+(?:popular|bought|wanted|sold|loved)|"
        r"popular|trending|hottest)\b|\b(?:sort(?:ed)?|order(?:ed)?)\s+by\s+popularity\b|\bwhat\s+(?:others|everyone|people)\s+(?:buys?|is\s+buying|are\s+buying)\b"
        r"|卖得最好的?|卖的最好的?|最畅销的?|畅销的?|热销的?|最热销的?|热卖的?|销量最[高好]的?|销量高的?|销量第一的?|按销量(?:排序|排)?|最受欢迎的?|受欢迎的?|"
        r"最热门的?|热门的?|最火的?|火爆的?|爆款(?:的)?|人气最高的?|人气高的?|人气最旺的?|大家都(?:在)?买的?|买的人最多的?|最多人买的?",
    ),
)
_RULES: Final = tuple((sort, re.compile(pattern, re.IGNORECASE)) for sort, pattern in _SORTED)


def order_of(text: str) -> Order | None:
    """The first order that the text asks for; None for none."""
    found = [
        Order(sort, match.start(), match.end()) for sort, rule in _RULES if (match := rule.search(text)) is not None
    ]
    return min(found, key=lambda one: one.start, default=None)
