"""Sentences for the reasons of a recommendation, made of the texts of a language."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Final

from endcap.messages.language import DEFAULT_AUDIENCE, Audience, Language, texts_for
from endcap.messages.texts import FALLBACK_TERM, TermTexts, Texts, counted, filled

_TITLE_CHARS: Final = 60
_MAX_WORDS: Final = 3
_WORDED: Final = frozenset({"wording", "text", "words", "query", "lexical"})


def sentence(
    term: str,
    weight: float,
    language: Language,
    names: Sequence[str] = (),
    event_types: Sequence[str] = (),
    label: str = "",
    words: Sequence[str] = (),
    *,
    own: str | None = None,
    borrowed: bool = False,
    audience: Audience = DEFAULT_AUDIENCE,
) -> str:
    """What is to be said about one term: one sentence, and another where both other items and its own past carried it.

    Parameters
    ----------
    weight : what the term adds to the score; its sign picks the sentence
    names : titles of the items that carried it, without the item itself: nothing is like, or chosen after, itself
    event_types : what the shopper did with each of them
    label : the category or brand that carried it
    words : of the item, those that carried it; said for terms that are about words
    own : what the shopper did with the item itself, where that carried the term
    borrowed : nobody has chosen the item yet: what behaviour says of it is said of items like it
    """
    texts = texts_for(language, audience)
    plain, named = _forms(language, audience, term, weight < 0, borrowed)
    if own is not None and weight < 0:
        return texts.own_against
    if own is not None and not names:
        return filled(texts.own, did=did([own], texts))
    template = named if named and (label if "{label}" in named else names) else plain
    if template is not plain:
        joined, deeds = _told(tuple(names), tuple(event_types), language, audience)
        text = filled(template, names=joined, deeds=deeds, label=quoted(label), did=did(event_types, texts))
    else:
        text = plain
    if words and term in _WORDED and (names or weight >= 0):
        text = _with_words(text, words, texts)
    return text if own is None else filled(texts.own_too, sentence=text, did=did([own], texts))


@cache
def _forms(language: Language, audience: Audience, term: str, against: bool, borrowed: bool) -> tuple[str, str]:
    """What to say about a term for or against an item, without and with something to point at."""
    texts = texts_for(language, audience)
    own = texts.terms.get(term, TermTexts(""))
    if borrowed and own.borrowed:
        return (texts.against, texts.against_named) if against else (own.borrowed, own.borrowed_named)
    if not against:
        own = own if own.plain else texts.terms[FALLBACK_TERM]
        return own.plain, own.named
    return (own.against, own.against_named) if own.against else (texts.against, texts.against_named)


def _with_words(text: str, words: Sequence[str], texts: Texts) -> str:
    """A sentence with the words that it is about."""
    listed = texts.list_joined.join(words[:_MAX_WORDS])
    return filled(texts.worded, sentence=text.removesuffix(texts.full_stop), words=listed)


def sentence_without(
    name: str,
    event_type: str,
    rank: int,
    other: int | None,
    most: int,
    language: Language,
    audience: Audience = DEFAULT_AUDIENCE,
) -> str:
    """What an item's rank would be without one past interaction.

    Parameters
    ----------
    name, event_type : the past item's title, "" for a search, and what was done with it
    rank, other : with and without; None where it is not among the first `most`
    """
    texts = texts_for(language, audience)
    deed = _deeds([name], [event_type], texts) if name else texts.your_search
    if other is None:
        return filled(texts.without_out, deed=deed, most=most)
    return filled(texts.without_same if other == rank else texts.without_other, deed=deed, other=other)


@lru_cache(maxsize=1024)
def _told(
    names: tuple[str, ...], event_types: tuple[str, ...], language: Language, audience: Audience
) -> tuple[str, str]:
    """Past items by their names alone, and with what the shopper did with them; many reasons point at the same ones."""
    texts = texts_for(language, audience)
    return texts.names_joined.join([quoted(name) for name in names]), _deeds(names, event_types, texts)


def _deeds(names: Sequence[str], event_types: Sequence[str], texts: Texts) -> str:
    """Past items and what the shopper did with them, said once where it was the same with all."""
    joined: dict[str, list[str]] = {}
    for name, event_type in zip(names, event_types, strict=True):
        joined.setdefault(texts.past.get(event_type, texts.past_other), []).append(quoted(name))
    return texts.deeds_joined.join(
        filled(texts.deed, names=texts.names_joined.join(same), did=did) for did, same in joined.items()
    )


def did(event_types: Sequence[str], texts: Texts) -> str:
    """What a shopper did with an item, as in "which you bought", by the first of some types of events."""
    return texts.past.get(event_types[0], texts.past_other) if event_types else texts.past_other


def deed_in_words(name: str, event_type: str, times: int, language: Language) -> str:
    """What a shopper did with one item, and how often: no whole sentence, but its part that says no time."""
    texts = texts_for(language)
    done = filled(texts.done.get(event_type, texts.done_other), name=quoted(name))
    return done if times == 1 else filled(texts.done_often, done=done, n=times)


def date_in_words(moment_ms: int, language: Language) -> str:
    """A day of UTC, as the language writes it."""
    texts, at = texts_for(language), datetime.fromtimestamp(moment_ms / 1000, UTC)
    # In Chinese the figures of a date touch its signs.
    return texts.date.format(year=at.year, month=texts.months[at.month - 1], day=at.day)


def how_often(times: int | None, hours: int, language: Language) -> str:
    """One sentence about how often an item was chosen in the last hours; None where that is not told."""
    texts = texts_for(language)
    span = filled(texts.last_days, n=hours // 24) if hours > 24 else counted(hours, texts.last_hours)
    if times is None:
        return filled(texts.chosen_at_all, span=span)
    return filled(texts.chosen, times=counted(times, texts.times), span=span)


def due_again(
    times: int,
    days_since: float | None,
    own_gap_days: float | None,
    usual_gap_days: float | None,
    language: Language,
    audience: Audience = DEFAULT_AUDIENCE,
) -> str:
    """One sentence about when an item is bought again; days are None where they are not known.

    Parameters
    ----------
    times : purchases of the shopper
    own_gap_days, usual_gap_days : between two of the shopper's own purchases, of everyone's
    """
    texts = texts_for(language, audience)
    if days_since is None:
        return filled(texts.bought_times, n=times) if times > 1 else texts.terms["due"].plain
    since = max(1, int(days_since))
    days = counted(since, texts.days)
    if own_gap_days is not None:
        gap = max(1, round(own_gap_days))
        if times > 2:
            return filled(texts.bought_usually, every=counted(gap, texts.every_days), since=since)
        return filled(texts.bought_again, gap=counted(gap, texts.days), since=days)
    if usual_gap_days is None:
        return filled(texts.bought_ago, since=days)
    return filled(texts.bought_by_others, gap=counted(max(1, round(usual_gap_days)), texts.days), since=days)


def popular_in(name: str, value: str, language: Language, *, against: bool = False) -> str:
    """One sentence about demand in a context, such as ("device", "mobile"), that speaks for or against an item."""
    texts = texts_for(language)
    said = {
        "device": texts.devices.get(value, value),
        "country": value.upper() if len(value) <= 3 else value.title(),
    }.get(name, value)
    where = filled(texts.contexts.get(name, texts.context_other), name=name, value=said)
    return filled(texts.unpopular if against else texts.popular, where=where)


def nearest_only(language: Language, audience: Audience = DEFAULT_AUDIENCE) -> str:
    """One sentence about an item that is near to what is searched for, and does not mean it."""
    return texts_for(language, audience).nearest_only


def quoted(title: str) -> str:
    """A title as part of a sentence: quoted, cut at a length that a sentence can bear."""
    cut = title if len(title) <= _TITLE_CHARS else title[: _TITLE_CHARS - 1].rstrip() + "…"
    return f"“{cut}”"
