"""Reasons worded by a writer: nothing but what the evidence has is ever said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from endcap.explain.reasons import Evidence, Reason
from endcap.live.waiting import Waiting
from endcap.recommend.request import RankedItem, Recommendation
from endcap.writing.asked import Asked
from endcap.writing.phrases import MOST_ITEMS, Fact, Phrases, fact_of, faithful, worded
from tests.fakes.inline_workers import InlineWorkers

FACT = Fact("similar", ("view",), ("Red travel mug 450ml",), "en")
ZH = Fact("similar", ("view",), ("真丝枕套",), "zh")
REASON = Reason(
    "similar",
    0.4,
    "Like “Red travel mug 450ml”, which you looked at.",
    (
        Evidence("m", "Red travel mug 450ml", "view", ("red", "mug")),
        Evidence(None, None, "query", ("secret", "wish")),
    ),
)


class Writer:
    def __init__(self, *sentences: object) -> None:
        self.answer: object = {"sentences": list(sentences)}
        self.asked: list[Mapping[str, Any]] = []

    def write(self, system: str, data: Mapping[str, Any], most_tokens: int) -> object:
        self.asked.append(data)
        return self.answer


def phrases(writer: Writer) -> Phrases:
    return Phrases(writer, Asked(Waiting(InlineWorkers())))


def listed(*reasons: tuple[Reason, ...]) -> Recommendation:
    items = tuple(RankedItem(str(k), 1.0, k + 1, "content", own) for k, own in enumerate(reasons))
    return Recommendation(items, "v", "personal", False)


@pytest.mark.parametrize(
    "sentence",
    [
        "Because you looked at Red travel mug 450ml.",
        "You liked “red travel mug 450ml”, so this may suit you!",
        "It's similar to something you viewed recently.",
    ],
)
def test_what_the_evidence_has_may_be_said(sentence: str) -> None:
    assert faithful(sentence, FACT) == sentence


@pytest.mark.parametrize(
    "sentence",
    [
        "Because you looked at Blue travel mug.",  # another item
        "Like Acme, which you liked.",  # a brand
        "9 of 10 people like it.",  # numbers
        "Because you liked mugs of steel.",  # a material
        "Waterproof, as you like it.",  # a quality
        "你看过这个",  # another language
        "Because you looked at it: www.example.org",
        "",
        "it " * 100,
        7,
        None,
    ],
)
def test_what_it_has_not_is_thrown_away(sentence: object) -> None:
    assert faithful(sentence, FACT) is None


def test_chinese_sentences_are_held_to_it_as_well() -> None:
    assert faithful("因为你看过「真丝枕套」,这款很像", ZH) is not None
    assert faithful("因为你看过羊毛被", ZH) is None
    assert faithful("因为你看过真丝枕套,只要99元", ZH) is None
    assert faithful("Because you looked at 真丝枕套", ZH) is None


def test_a_writer_gets_codes_and_titles_alone() -> None:
    assert fact_of(REASON) == FACT
    writer = Writer("It is like what you viewed.")
    told = worded(listed((REASON,)), phrases(writer))
    assert writer.asked == [{"reasons": [FACT.document]}]
    assert set(FACT.document) == {"code", "deeds", "because", "language"}
    first = told.items[0].reasons[0]
    assert (first.text, first.written) == ("It is like what you viewed.", True)
    assert (first.kind, first.weight, first.evidence) == (REASON.kind, REASON.weight, REASON.evidence)


def test_the_sentence_stays_where_the_writers_is_no_good() -> None:
    told = worded(listed((REASON,)), phrases(Writer("Acme's finest for 9.99!")))
    assert told.items[0].reasons == (REASON,)


@pytest.mark.parametrize("answer", [None, [], {"sentences": "it"}, {"sentences": []}, {"sentences": ["it", "it"]}])
def test_answers_of_another_form_change_nothing(answer: object) -> None:
    writer = Writer()
    writer.answer = answer
    assert worded(listed((REASON,)), phrases(writer)).items[0].reasons == (REASON,)


def test_the_same_reason_is_asked_about_once() -> None:
    writer = Writer("It is like what you viewed.")
    known = phrases(writer)
    worded(listed((REASON,), (REASON,)), known)
    again = worded(listed((REASON,)), known)
    assert len(writer.asked) == 1
    assert again.items[0].reasons[0].written


def test_that_an_item_is_shown_for_its_own_past_is_no_writers_business() -> None:
    own = Reason("text", 0.4, "Higher, as it is something that you viewed before.", (Evidence("0", "Mug", "view"),))
    writer = Writer("It is like what you viewed.")
    assert worded(listed((own,)), phrases(writer)).items[0].reasons == (own,)
    assert writer.asked == []


def test_the_first_items_strongest_reasons_for_them_are_worded() -> None:
    against = Reason("similar", -0.4, "Against it.")
    many = [(Reason(f"term{k}", 0.4, "For it."),) for k in range(MOST_ITEMS + 2)]
    writer = Writer(*["It is like what you viewed."] * (MOST_ITEMS - 1))
    told = worded(listed((against,), *many[1:], ()), phrases(writer))
    written = [bool(item.reasons) and item.reasons[0].written for item in told.items]
    assert written == [False, *[True] * (MOST_ITEMS - 1), False, False, False]
