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
from endcap.profiles.summary.intent import Done, Named, RecentIntent
from endcap.profiles.summary.tags import Tag

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
    tags : each thing once, as by `folded`
    audience : whom they speak to
    """
    texts = texts_for(language, audience)
    said = texts.portrait
    liked = [quoted(tag.name) for tag in tags if tag.weight > 0]
    disliked = [quoted(tag.name) for tag in tags if tag.weight < 0]
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


def _of_intent(intent: RecentIntent, said: Portrait, texts: Texts) -> Iterator[str]:
    several = intent.categories[0] if intent.categories and intent.categories[0].items > 1 else None
    if several is not None:
        yield filled(said.concerned, name=quoted(several.name), n=several.items)
    elif intent.looked_at:
        yield filled(said.lately, done=_done(intent.looked_at[0], texts))
    if intent.searches:
        then = intent.chosen_after_search
        template = said.searched if then is None else said.searched_then
        done = "" if then is None else _done(then, texts)
        yield filled(template, times=counted(intent.searches, texts.searches), done=done)
    if intent.in_cart:
        yield filled(said.in_cart, names=_listed([_title(one) for one in intent.in_cart], texts))


def _done(one: Done, texts: Texts) -> str:
    return filled(texts.done.get(one.event_type, texts.done_other), name=_title(one))


def _title(one: Named) -> str:
    return quoted(one.title or one.item_id)


def _listed(names: Sequence[str], texts: Texts) -> str:
    *first, last = names
    return texts.list_ended.join([texts.list_joined.join(first), last] if first else [last])
