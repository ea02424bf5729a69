"""What operators are told, in every language and of everything."""

from __future__ import annotations

import string
from typing import get_args

import pytest

from endcap.messages.language import DEFAULT_LANGUAGE, LANGUAGES, Language
from endcap.operator.overview import State, attention
from endcap.operator.words import WORDS, sentence
from endcap.recommend.diagnosis import Cause
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
    for told, expected in ((words.findings, english.findings), (words.attention, english.attention)):
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
    assert sentence(finding) == "Missing from this list because it is hidden everywhere until 2026-01-15 10:00 UTC"
    assert sentence(finding, "zh") == "未出现在此列表中：在所有列表中至 2026-01-15 10:00 UTC 被屏蔽。"
    assert sentence({"reason": "score", "needed": None}, "zh") == "未出现在此列表中：列表位置已满。"
