"""Every sentence that answers are made of, as it was when the languages became tables.

After a sentence was changed on purpose: `python -m tests.unit.endcap.messages.test_golden`, and read the difference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Literal

import pytest

from endcap.events.types import EVENT_TYPES
from endcap.messages.language import AUDIENCES, LANGUAGES, Audience, Language
from endcap.messages.reasons import deed_in_words, due_again, how_often, popular_in, sentence, sentence_without
from endcap.profiles.summary.aspects import Sentiment
from endcap.profiles.summary.intent import CategoryCount, Done, Named, RecentIntent
from endcap.profiles.summary.sentences import aspect_name, sentences
from endcap.profiles.summary.tags import Tag
from endcap.ranking.terms.registry import TERMS
from endcap.text.sentiment.aspects import ASPECTS
from tests.chinese import halfwidth_in, touching_in

GOLDEN = Path(__file__).parents[3] / "data" / "sentences.json"
NAMED = (((), ()), (("Mug", "Lamp"), ("purchase", "view")))
HABITS = [
    (times, since, own, usual)
    for times, since, own, usual in product((1, 2, 3), (None, 0.4, 9.0), (None, 1.0, 7.0), (None, 1.0, 30.0))
    if own is None or times > 1
]
CONTEXTS = [*product(("device",), ("mobile", "phone", "smartphone", "tablet", "desktop", "tv", "watch"))]
CONTEXTS += [("country", "de"), ("country", "france"), ("referrer", "search"), ("season", "winter")]
INTENTS = [
    RecentIntent(0, 1, categories, looked, cart, searches, then)
    for categories, looked, cart, searches, then in (
        ((CategoryCount("Mugs", 3),), (Done("m", "Mug", "view"),), (), 0, None),
        ((CategoryCount("Mugs", 1),), (Done("m", "", "purchase"),), (Named("m", "Mug"),), 1, None),
        ((), (), (Named("m", "Mug"), Named("l", "Lamp"), Named("c", "Cup")), 2, Done("l", "Lamp", "add_to_cart")),
        ((), (), (Named("m", "Mug"), Named("l", "Lamp")), 1, Done("l", "", "quiz_done")),
    )
]


def spoken(language: Language, audience: Audience) -> Iterator[str]:
    """All that can be said in a language to somebody, by way of an example each."""
    to: dict[Literal["audience"], Audience] = {"audience": audience}
    for term, weight, (names, kinds), label in product((*TERMS, "none"), (1.0, -1.0), NAMED, ("", "Home")):
        yield sentence(term, weight, language, names, kinds, label, **to)
        yield sentence(term, weight, language, names, kinds, label, ["red", "blue", "green", "grey"], **to)
        yield sentence(term, weight, language, names, kinds, label, borrowed=True, **to)
    for event_type in (*EVENT_TYPES, "quiz_done"):
        yield sentence("next", 1.0, language, ["Mug"], [event_type], **to)
    yield sentence("next", 1.0, language, ["Mug", "Lamp"], ["view", "view"], **to)
    for event_type, weight in product((*EVENT_TYPES, "quiz_done"), (1.0, -1.0)):
        yield sentence("text", weight, language, own=event_type, **to)
    yield sentence("text", 1.0, language, ["Mug"], ["view"], words=["red"], own="purchase", **to)
    for event_type, times in product((*EVENT_TYPES, "quiz_done"), (1, 4)):
        yield deed_in_words("Mug", event_type, times, language)
    for name, other in product(("Mug", ""), (None, 3, 14)):
        yield sentence_without(name, "purchase", 3, other, 500, language, **to)
    for times, hours in product((None, 0, 1, 12), (1, 6, 24, 168)):
        yield how_often(times, hours, language)
    yield from (due_again(*habit, language, **to) for habit in HABITS)
    yield from (popular_in(*where, language, against=against) for where in CONTEXTS for against in (False, True))
    yield from (aspect_name(aspect, language) for aspect in ASPECTS)
    tags = [Tag("brand", f"{'Dis' * (k % 2)}liked {k}", (-1) ** k) for k in range(8)]
    judged = [Sentiment(aspect, (-1) ** k, 1) for k, aspect in enumerate(ASPECTS[:8])]
    for intent in (None, *INTENTS):
        yield from sentences(tags, judged, intent, language, **to)
    yield from sentences(tags[:1], judged[1:2], None, language, **to)


def distinct(language: Language, audience: Audience) -> list[str]:
    """What is spoken, each once, in the order in which it is said first."""
    return list(dict.fromkeys(spoken(language, audience)))


@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_said_is_what_was_said(language: Language, audience: Audience) -> None:
    assert distinct(language, audience) == json.loads(GOLDEN.read_text(encoding="utf-8"))[f"{language} {audience}"]


def test_staff_are_told_of_the_shopper_and_shoppers_are_spoken_to() -> None:
    to_shopper = re.compile(r"\b(?:you|your|yours)\b|您|你", re.IGNORECASE)
    for language in LANGUAGES:
        assert [said for said in distinct(language, "staff") if to_shopper.search(said)] == []
        assert sum(bool(to_shopper.search(said)) for said in distinct(language, "shopper")) > 100


def test_chinese_sentences_have_chinese_punctuation_however_they_are_put_together() -> None:
    said = [text for audience in AUDIENCES for text in distinct("zh", audience)]
    assert [text for text in said if halfwidth_in(text) or touching_in(text)] == []


if __name__ == "__main__":
    told = {f"{language} {to}": distinct(language, to) for language in LANGUAGES for to in AUDIENCES}
    GOLDEN.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
