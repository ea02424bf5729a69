"""What is written about an item: its form, and what of it is grounded in what the shop says itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from endcap.catalog.item import Item, item_text
from endcap.describing.tags import AUDIENCES, OCCASIONS, THEMES, Tag
from endcap.identifiers import clean_text
from endcap.text.mentions import mentions
from endcap.text.tokens import normalized
from endcap.understanding.lexicon import COLOURS, MATERIALS

MAX_CHARS: Final = 60
BLURB_CHARS: Final = 240
MOST_TOKENS: Final = 300
"""Of one answer."""
Phrase = Annotated[str, Field(max_length=400)]
Phrases = Annotated[list[Phrase], Field(max_length=12)]


class Enriched(BaseModel):
    """What a writer says of an item."""

    model_config = ConfigDict(extra="forbid", title="Enriched")

    kind: Phrase = ""
    uses: Phrases = []
    for_whom: Phrases = []
    occasions: Phrases = []
    themes: Phrases = []
    queries: Phrases = []

    @property
    def tags(self) -> tuple[str, ...]:
        """Whom and what the item is for, of the closed list."""
        return (*self.for_whom, *self.occasions, *self.themes)


class Blurbed(Enriched):
    """The same with a sentence or two to show, which prompts ask for that say so."""

    model_config = ConfigDict(extra="forbid", title="Blurbed")

    blurb: Annotated[str, Field(max_length=1_000)] = ""


_QUOTES: Final = " \"'"
_EDGES: Final = " .,;:!?\"'。、"
_LINK: Final = re.compile(r"https?:|www\.|@|\b[\w-]+\.(?:com|net|org|cn|io|shop)\b|[<>{}\[\]`|\\]", re.IGNORECASE)
_ORDERS: Final = re.compile(
    r"\b(?:ignore|disregard|instructions?|system prompt|assistant|rank(?:ed)? first|best ?seller|buy now|click)\b"
    r"|忽略|指令|排第一|立即购买|点击",
    re.IGNORECASE,
)
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_EN_NAMES: Final = re.compile(rf"(?<![\w-])(?:{COLOURS}|{MATERIALS})(?![\w-])", re.IGNORECASE)
_ZH_NAMES: Final = re.compile(
    "不锈钢|陶瓷|骨瓷|玻璃|塑料|硅胶|真丝|蚕丝|羊毛|羊绒|牛皮|真皮|实木|纯棉|亚麻|竹|金属|纯银|[红橙黄绿青蓝紫黑白灰粉棕]色"
)


@dataclass(frozen=True)
class Grounded:
    """What was kept, and what was thrown away, with the reason."""

    kept: Enriched
    dropped: tuple[tuple[str, str, str], ...] = ()


def grounded(value: Any, item: Item, brands: Iterable[str] = (), form: type[Enriched] = Enriched) -> Grounded | None:
    """What of an answer is grounded in an item; None where it has not the form.

    A phrase goes that names a number, a colour, a material or a brand of the shop which the item's own text does not
    have, that has a link or markup in it, speaks to the reader, or is too long; a tag goes that is none of ours.

    Parameters
    ----------
    brands : of the shop
    form : that was asked for
    """
    try:
        told = form.model_validate(value)
    except ValidationError:
        return None
    source, others = _source(item), [b for b in brands if b and normalized(b) != normalized(item.brand)]
    dropped: list[tuple[str, str, str]] = []

    def kept(field: str, phrases: Sequence[str], most: int = MAX_CHARS) -> list[str]:
        found = []
        for phrase in dict.fromkeys(clean(text) for text in phrases):
            reason = _reason(phrase, source, others, most) if phrase else "empty"
            if reason:
                dropped.append((field, phrase, reason))
            else:
                found.append(phrase)
        return found

    def tags(field: str, names: Sequence[str], known: Sequence[Tag]) -> list[str]:
        ours = {tag.name for tag in known}
        dropped.extend((field, name, "no tag") for name in names if normalized(name) not in ours)
        return [name for name in dict.fromkeys(normalized(name) for name in names) if name in ours]

    found: dict[str, Any] = {
        "kind": next(iter(kept("kind", [told.kind])), ""),
        "uses": kept("uses", told.uses)[:3],
        "for_whom": tags("for_whom", told.for_whom, AUDIENCES),
        "occasions": tags("occasions", told.occasions, OCCASIONS),
        "themes": tags("themes", told.themes, THEMES),
        "queries": kept("queries", told.queries)[:3],
    }
    if isinstance(told, Blurbed):
        blurb = kept("blurb", [told.blurb], BLURB_CHARS)
        found["blurb"] = _line(told.blurb).strip(_QUOTES) if blurb else ""  # sentences end with their full stop
    return Grounded(form(**found), tuple(dropped))


def clean(text: str) -> str:
    """A phrase on one line, without what surrounds it."""
    return _line(text).strip(_EDGES)


def _line(text: str) -> str:
    try:
        return re.sub(r"\s+", " ", clean_text(text))
    except ValueError:
        return ""


def _source(item: Item) -> str:
    attributes = [f"{name} {value}" for name, value in item.attributes.items()]
    return normalized(" ".join([item_text(item), item.brand, *attributes]))


def _reason(phrase: str, source: str, other_brands: Sequence[str], most: int) -> str:
    """Why a phrase is thrown away; "" where it is kept."""
    plain = normalized(phrase)
    if len(phrase) > most:
        return "too long"
    if _LINK.search(phrase):
        return "link or markup"
    if _ORDERS.search(phrase):
        return "speaks to the reader"
    numbers = set(_NUMBER.findall(source))
    if any(number not in numbers for number in _NUMBER.findall(plain)):
        return "number"
    names = [*_EN_NAMES.findall(plain), *_ZH_NAMES.findall(plain)]
    if any(not mentions(source, name) and name not in source for name in names):
        return "colour or material"
    if any(len(brand) > 2 and mentions(plain, brand) and not mentions(source, brand) for brand in other_brands):
        return "another brand"
    return ""


def described_text(told: Enriched, fields: Iterable[str]) -> str:
    """What an encoder reads of it: the fields that were chosen, in one line; "" for nothing."""
    parts = [getattr(told, name) for name in fields]
    flat = [text for part in parts for text in ([part] if isinstance(part, str) else part) if text]
    return "; ".join(flat)
