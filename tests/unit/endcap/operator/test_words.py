"""What operators are told, in every language and of everything."""

from __future__ import annotations

import string
from typing import get_args

import pytest

from endcap.messages.language import DEFAULT_LANGUAGE, LANGUAGES, Language
from endcap.operator.overview import State, attention
from endcap.operator.words import WORDS, placement, sentence
from endcap.recommend.diagnosis import Cause, NotDue
from endcap.recommend.placement import Means, Placed
from infra.openapi.operator.overview import Attention
from tests.chinese import halfwidth_in, touching_in

KINDS = set(get_args(Attention.model_fields["kind"].annotation))
WORST = State(
    0,
    40.0,
    signed=False,
    unusable=("scenarios", "experiments"),
    rates={"lists": 10.0, "degraded": 3.25, "events": 10.0, "refused": 3.25},
    quarantined=7,
    ending=({"until": 1},),
    rebuild_failed={"name": "nightly", "error": "no item"},
    promotion_refused={"version": "v2", "error": "coverage fell"},
)


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_everything_of_the_same(language: Language) -> None:
    words, english = WORDS[language], WORDS[DEFAULT_LANGUAGE]
    assert words.findings.keys() == {*get_args(Cause), "hidden"}
    assert words.attention.keys() == KINDS
    assert words.placed.keys() == set(get_args(Means))
    for told, expected in (
        (words.findings, english.findings),
        (words.attention, english.attention),
        (words.placed, english.placed),
    ):
        for key, text in told.items():
            assert places(text) | {"error"} == places(expected[key]) | {"error"}, key


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_that_can_need_attention_is_said_the_worst_first(language: Language) -> None:
    found = attention(WORST, language) + attention(State(0, None), language)
    assert {one["kind"] for one in found} == KINDS
    assert not [one for one in found if "{" in one["text"]]
    severities = [one["severity"] for one in attention(WORST)]
    assert severities == sorted(severities, key=["error", "warning", "info"].index)
    (refused,) = [one["text"] for one in found if one["kind"] == "promotion_refused"]
    assert "v2" in refused
    assert ("coverage fell" in refused) == (language == "en")
    assert not any(halfwidth_in(one["text"]) or touching_in(one["text"]) for one in found)


def test_what_is_hidden_until_a_moment_is_said_with_it_in_both_languages() -> None:
    finding = {"reason": "hidden", "by": "*", "until": 1_768_471_205_000}
    assert sentence(finding) == "Missing from this list because it is hidden everywhere until 15 Jan 2026, 10:00 UTC"
    assert sentence(finding, "zh") == "未出现在此列表中，因为该商品在 2026年1月15日 10:00（UTC）之前被所有列表屏蔽。"
    assert sentence({"reason": "score", "needed": None}, "zh") == "未出现在此列表中，因为列表位置已满。"


def test_what_scores_less_than_nothing_is_said_with_a_minus() -> None:
    finding = {"reason": "score", "score": -0.125, "needed": 0.745}
    assert (
        sentence(finding, "zh") == "未出现在此列表中，因为其他商品得分更高：它得 −0.125 分，进入列表至少需要 0.745 分。"
    )
    assert "it has \N{MINUS SIGN}0.125, and" in sentence(finding)


@pytest.mark.parametrize(
    ("deed", "english", "chinese"),
    [
        ("view", "the shopper viewed it", "该顾客曾浏览这件商品"),
        ("review", "the shopper reviewed it", "该顾客曾评价这件商品"),
        ("add_to_cart", "the shopper put it in the cart", "该顾客曾将这件商品加入购物车"),
        ("watched", "the shopper chose it", "该顾客曾关注这件商品"),
        (None, "the shopper has had to do with it", "该顾客对这件商品有过行为"),
    ],
)
def test_what_was_seen_is_said_by_what_was_done_with_it(deed: str | None, english: str, chinese: str) -> None:
    seen = {"reason": "seen"}
    assert sentence(seen, deed=deed) == f"Missing from this list because {english}, and the list leaves such items out"
    assert sentence(seen, "zh", deed=deed) == f"未出现在此列表中，因为{chinese}，而列表会过滤掉这类商品。"


@pytest.mark.parametrize("language", LANGUAGES)
def test_why_something_is_not_due_is_said_of_each_case(language: Language) -> None:
    told = {sentence({"reason": "not_due"}, language, not_due=why) for why in get_args(NotDue)}
    assert len(told) == len(get_args(NotDue))
    assert not any("{" in text or halfwidth_in(text) or touching_in(text) for text in told)


def test_what_places_an_item_is_said_with_the_place_it_would_have_without() -> None:
    pinned = Placed("pinned", position=2, rank_without=7)
    assert placement(pinned, 2) == "It stands at number 2 because it is pinned; without that it would stand at number 7"
    assert placement(pinned, 2, "zh") == "因为已置顶，所以排在第 2 位；否则会排在第 7 位。"
    gone = Placed("promoted", promotion="season")
    assert placement(gone, 3).endswith("“season” has this place; without that it would not be among the first 500")
    assert placement(Placed("lowered", weight=-0.25, rank_without=1), 4, "zh") == (
        "降权使其得分减少 0.250；否则会排在第 1 位。"
    )
    assert "brings back nothing" in placement(Placed("pinned_in_vain", position=1), None)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("by", get_args(Means))
def test_everything_that_places_an_item_is_said_in_whole_sentences(language: Language, by: Means) -> None:
    said = placement(Placed(by, position=2, promotion="季节", weight=0.5), 2, language)
    assert not {"{", "}"} & set(said)
    assert language == "en" or not (halfwidth_in(said) or touching_in(said))
