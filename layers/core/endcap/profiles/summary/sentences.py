"""A shopper's profile in a few sentences: likes, praise, complaints, and what they are after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from endcap.catalog.item import Item
from endcap.messages.language import (
    DEFAULT_AUDIENCE,
    DEFAULT_LANGUAGE,
    LANGUAGES,
    TEXTS,
    Audience,
    Language,
    language_of,
    texts_for,
)
from endcap.messages.reasons import quoted
from endcap.messages.texts import Portrait, Texts, counted, filled
from endcap.profiles.summary.aspects import Sentiment
from endcap.profiles.summary.intent import Named, RecentIntent
from endcap.profiles.summary.tags import Tag
from endcap.text.mentions import mentions
from endcap.text.tokens import normalized

MAX_LIKED: Final = 3
MAX_DISLIKED: Final = 2
CLEAR: Final = 0.2
"""A weaker sentiment is neither praise nor complaint."""


def aspect_name(aspect: str, language: Language) -> str:
    """An aspect in words."""
    return TEXTS[language].aspects[aspect]


def tag_name(name: str, language: Language) -> str:
    """A tag of the closed list in words."""
    return TEXTS[language].tags.get(name, name)


def usual_language(items: Iterable[Item]) -> Language:
    """The language that more than half of the items are described in; the default where none is."""
    spoken = [language_of({"title": item.title, "language": item.language}) for item in items]
    return next((code for code in LANGUAGES if spoken.count(code) > len(spoken) / 2), DEFAULT_LANGUAGE)


def sentences(
    tags: Sequence[Tag],
    sentiments: Sequence[Sentiment],
    intent: RecentIntent | None,
    language: Language,
    audience: Audience = DEFAULT_AUDIENCE,
) -> list[str]:
    """What is known, one sentence each; none about what is not known.

    Parameters
    ----------
    audience : whom they speak to
    """
    texts = texts_for(language, audience)
    said = texts.portrait
    liked = _apart(tag.name for tag in tags if tag.weight > 0)
    disliked = _apart(tag.name for tag in tags if tag.weight < 0)
    praised = [texts.aspects[one.aspect] for one in sentiments if one.score >= CLEAR]
    blamed = [texts.aspects[one.aspect] for one in sentiments if one.score <= -CLEAR]
    of_tastes = (
        (said.drawn_to, liked, MAX_LIKED),
        (said.passes_over, disliked, MAX_DISLIKED),
        (said.praises, praised, MAX_LIKED),
        (said.complains, blamed, MAX_LIKED),
    )
    found = [filled(template, names=_listed(list(names)[:most], texts)) for template, names, most in of_tastes if names]
    return found + ([] if intent is None else list(_of_intent(intent, said, texts)))


def _apart(names: Iterable[str]) -> list[str]:
    """Names in quotes, each thing once: a category "Bags" and the word "bag" of titles are one to whoever reads."""
    told: list[str] = []
    for name in names:
        if not any(_same(name, other) for other in told):
            told.append(name)
    return [quoted(name) for name in told]


def _same(name: str, other: str) -> bool:
    """Whether two names differ in case, or in singular and plural, at most."""
    one, two = (normalized(text).replace("-", " ") for text in (name, other))
    if one == two:
        return True
    # Within Chinese a shorter word is another one, and so is a part of a phrase.
    alike = one.isascii() and two.isascii() and len(one.split()) == len(two.split())
    return alike and (mentions(one, two) or mentions(two, one))


def _of_intent(intent: RecentIntent, said: Portrait, texts: Texts) -> Iterator[str]:
    compared = intent.categories[0] if intent.categories and intent.categories[0].items > 1 else None
    if compared is not None:
        yield filled(said.compared, name=quoted(compared.name), n=compared.items)
    elif intent.looked_at:
        yield filled(said.looked_at, name=_title(intent.looked_at[0]))
    if intent.searches:
        then = intent.chosen_after_search
        template = said.searched if then is None else said.searched_then
        name = "" if then is None else _title(then)
        yield filled(template, times=counted(intent.searches, texts.searches), name=name)
    if intent.in_cart:
        yield filled(said.in_cart, names=_listed([_title(one) for one in intent.in_cart], texts))


def _title(one: Named) -> str:
    return quoted(one.title or one.item_id)


def _listed(names: Sequence[str], texts: Texts) -> str:
    *first, last = names
    return texts.list_ended.join([texts.list_joined.join(first), last] if first else [last])
