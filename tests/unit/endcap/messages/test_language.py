"""Every language says everything, and fills in the same."""

from collections.abc import Iterator
from dataclasses import fields
from string import Formatter

import pytest

from endcap.events.types import EVENT_TYPES, NOT_IN_HISTORY
from endcap.messages.language import (
    DEFAULT_LANGUAGE,
    LANGUAGES,
    STAFF_TEXTS,
    TEXTS,
    Language,
    language_of,
    language_of_most,
    texts_for,
)
from endcap.messages.texts import TermTexts, Texts, filled
from endcap.operator.words import WORDS
from endcap.ranking.features import RankingSettings
from endcap.ranking.terms.registry import TERMS
from endcap.text.sentiment.aspects import ASPECTS
from tests.chinese import halfwidth_in, not_chosen_in, touching_in

OTHERS = [language for language in LANGUAGES if language != DEFAULT_LANGUAGE]
SAID_OF_TERMS = TermTexts._fields


def flat(texts: Texts) -> Iterator[tuple[str, str]]:
    """Every text of a language, by a path of names."""
    for field in fields(texts):
        value = getattr(texts, field.name)
        if isinstance(value, str):
            yield field.name, value
        elif isinstance(value, tuple):
            yield from ((f"{field.name}.{k}", form) for k, form in enumerate(value))
        elif field.name == "terms":
            yield from ((f"terms.{t}.{part}", getattr(v, part)) for t, v in value.items() for part in SAID_OF_TERMS)
        elif field.name != "script":
            yield from ((f"{field.name}.{key}", text) for key, text in value.items())


def filled_in(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_every_language_has_its_texts() -> None:
    assert set(TEXTS) == set(LANGUAGES)
    assert DEFAULT_LANGUAGE in LANGUAGES


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_says_all_that_another_says_and_nothing_else(language: Language) -> None:
    own, default = dict(flat(TEXTS[language])), dict(flat(TEXTS[DEFAULT_LANGUAGE]))
    assert set(own) == set(default)
    assert {name for name, text in own.items() if text} == {name for name, text in default.items() if text}


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_fills_in_the_same(language: Language) -> None:
    default = dict(flat(TEXTS[DEFAULT_LANGUAGE]))
    one = {"days.0", "every_days.0", "times.0", "last_hours.0", "searches.0"}  # "a day" needs no number
    for name, text in flat(TEXTS[language]):
        optional = {"n"} if name in one else set()
        assert filled_in(text) - optional == filled_in(default[name]) - optional, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_term_setting_aspect_and_deed_has_words(language: Language) -> None:
    texts = TEXTS[language]
    assert set(texts.terms) == set(TERMS)
    assert all(text.meaning for text in texts.terms.values())
    assert set(texts.settings) == {field.name for field in fields(RankingSettings)}
    assert set(texts.aspects) == set(ASPECTS)
    assert texts.done.keys() == texts.past.keys()
    assert set(texts.past) == set(EVENT_TYPES) - NOT_IN_HISTORY


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_ends_as_sentences_of_its_language_do(language: Language) -> None:
    texts = TEXTS[language]
    ends = [text for said in texts.terms.values() for text in said if text]
    assert all(text.endswith(texts.full_stop) for text in (*ends, *texts.choices.values(), texts.score))


def test_english_is_written_in_ascii_and_chinese_is_not() -> None:
    for name, text in flat(TEXTS["en"]):
        assert text.isascii(), name
    for part in ("terms", "settings", "choices", "aspects", "past"):
        assert not any(text.isascii() for name, text in flat(TEXTS["zh"]) if name.startswith(f"{part}.") and text)


def test_chinese_has_chinese_punctuation() -> None:
    for texts in (TEXTS["zh"], STAFF_TEXTS["zh"]):
        assert {name: text for name, text in flat(texts) if halfwidth_in(text)} == {}
    told = WORDS["zh"]
    assert [
        text for text in (told.missing, *told.findings.values(), *told.attention.values()) if halfwidth_in(text)
    ] == []


def test_chinese_has_one_word_for_one_thing_and_stands_apart_from_figures() -> None:
    told = WORDS["zh"]
    said = [text for texts in (TEXTS["zh"], STAFF_TEXTS["zh"]) for _, text in flat(texts)]
    said += [told.missing, *told.findings.values(), *told.attention.values(), *told.cost_assumed]
    assert [text for text in said if not_chosen_in(text) or touching_in(text)] == []


@pytest.mark.parametrize(
    ("template", "value", "said"),
    [
        ("共{n}件", 3, "共 3 件"),
        ("共{n}件", "三", "共三件"),
        ("占{n:.1%}的位置", 0.125, "占 12.5% 的位置"),
        ("“{n}”排名较低", "Mug", "“Mug”排名较低"),
        ("商品{n}", "杯子A款", "商品杯子A款"),
        ("{n} items", 3, "3 items"),
    ],
)
def test_what_is_filled_into_chinese_stands_apart_from_it(template: str, value: object, said: str) -> None:
    assert filled(template, n=value) == said


@pytest.mark.parametrize("text", ["第3位", "相似Mug", "约12%的"])
def test_what_touches_chinese_is_found(text: str) -> None:
    assert touching_in(text)


@pytest.mark.parametrize("text", ["第 3 位", "“Mug杯”", "2026年1月15日 18:00", "约 12% 的", "1月15日"])
def test_what_stands_apart_or_is_a_date_is_left(text: str) -> None:
    assert not touching_in(text)


@pytest.mark.parametrize("text", ["相似:羊毛被", "与您的选择,相似", "浏览过的“Mug”,它", "{name}(一)", "好?"])
def test_punctuation_of_half_a_width_is_found(text: str) -> None:
    assert halfwidth_in(text)


@pytest.mark.parametrize("text", ["相似：Mug, large", "“Mug, red (L)”相似。", "limit=10", "price < 20 AND x IN (1, 2)"])
def test_what_is_not_chinese_keeps_its_own_punctuation(text: str) -> None:
    assert not halfwidth_in(text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_staff_are_told_all_that_shoppers_are_told(language: Language) -> None:
    own, staff = dict(flat(TEXTS[language])), dict(flat(STAFF_TEXTS[language]))
    assert {name: bool(text) for name, text in own.items()} == {name: bool(text) for name, text in staff.items()}
    for name, text in own.items():
        assert filled_in(staff[name]) == filled_in(text), name
    assert texts_for(language) is TEXTS[language]
    assert texts_for(language, "staff") is STAFF_TEXTS[language]


@pytest.mark.parametrize(
    ("document", "language"),
    [
        ({"title": "红色杯子"}, "zh"),
        ({"title": "Mug"}, "en"),
        ({"title": "Mug", "language": "zh-Hant"}, "zh"),
        ({"title": "红色", "language": "EN-GB"}, "en"),
        ({"title": "红色", "language": "fr"}, "en"),
    ],
)
def test_an_item_is_spoken_of_in_its_own_language(document: dict[str, str], language: Language) -> None:
    assert language_of(document) == language


@pytest.mark.parametrize(
    ("titles", "language"),
    [(["杯子", "Cup", "茶壶"], "zh"), (["Cup", "杯子"], "en"), (["杯子", "Cup"], "zh"), ([], None)],
)
def test_several_items_are_spoken_of_in_the_language_of_most(titles: list[str], language: Language | None) -> None:
    assert language_of_most([{"title": title} for title in titles]) == language
