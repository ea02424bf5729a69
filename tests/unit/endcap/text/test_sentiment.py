"""review_polarity: graded words, grammar rules, bounds, and the measured lists."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.text.sentiment import review_polarity
from endcap.text.sentiment.lexicon import lexicon, read_lexicon, simplified
from tests.benchmarks.polarity import english_rows, measure, sampled_rows

SHARED_DATA = Path(os.environ.get("ENDCAP_SHARED_DATA", Path(__file__).parents[5] / "shared" / "data"))
CHINESE_REVIEWS = SHARED_DATA / "zh-shopping-reviews" / "texts.csv.gz"
TARGET = 0.75


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("excellent", 1.0),
        ("very good", 1.0),
        ("good", 0.6),
        ("so-so", 0.0),
        ("bad", -0.6),
        ("terrible", -1.0),
        ("very bad", -1.0),
        ("非常好", 1.0),
        ("很好", 0.6),
        ("一般", 0.0),
        ("很差", -0.6),
        ("非常差", -1.0),
    ],
)
def test_grades_stand_near_their_place_on_the_scale(text: str, expected: float) -> None:
    assert review_polarity(text) == pytest.approx(expected, abs=0.15)


@pytest.mark.parametrize(
    "grades",
    [("excellent", "good", "so-so", "bad", "terrible"), ("非常好", "很好", "一般", "很差", "非常差")],
)
def test_grades_keep_their_order(grades: tuple[str, ...]) -> None:
    scores = [review_polarity(grade) for grade in grades]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(scores)


@pytest.mark.parametrize(
    "text",
    [
        "love it",
        "not bad at all",
        "I can't recommend it enough",
        "No leaks, no smell, no noise.",
        "The smell was gone after a day.",
        "Looks fragile, but it is excellent.",
        "Although the delivery was slow, the dress is gorgeous.",
        "I expected trash. It is great.",
        "没有异味",
        "不掉色",
        "噪音很小",
        "性价比很高",
        "價格不貴，品質很好",
        "虽然物流慢，但是质量很好",
        "物流慢，不过质量很好",
        "问题很快就解决了",
        "以前买的很差，这次很好",
        "无可挑剔",
        "❤️❤️",
    ],
)
def test_praise_scores_above_zero(text: str) -> None:
    assert review_polarity(text) > 0.0


@pytest.mark.parametrize(
    "text",
    [
        "it broke",
        "not good",
        "not very good",
        "wouldn't buy again",
        "It won't turn on.",
        "too small",
        "Great colour. However, it broke.",
        "The shop said it was excellent. Bad.",
        "不好",
        "不是很好",
        "不太好",
        "没有想象中那么好",
        "太小了",
        "好难吃",
        "性价比不高",
        "价格有点高",
        "质量不错，但是物流太慢",
        "品質很差，再也不會買了",
        "要求退貨",
        "假货",
        "👎",
    ],
)
def test_complaints_score_below_zero(text: str) -> None:
    assert review_polarity(text) < 0.0


@pytest.mark.parametrize("text", ["", "   ", "...", "12345", "The parcel is on the table.", "快递员", "好像", "привет"])
def test_text_without_an_opinion_scores_zero(text: str) -> None:
    assert review_polarity(text) == 0.0


def test_one_opinion_keeps_its_score_and_agreeing_ones_reach_the_bound() -> None:
    assert review_polarity("good") == pytest.approx(0.6)
    assert review_polarity("good, good") == pytest.approx((0.6 + 0.6) / 2**0.5)
    assert review_polarity("good, good, good, good") == 1.0


def test_contrast_lets_what_follows_weigh_more() -> None:
    assert review_polarity("good, but bad") == pytest.approx((0.4 * 0.6 - 0.6) / (0.4**2 + 1) ** 0.5)
    assert review_polarity("bad, but good") == pytest.approx((0.6 - 0.4 * 0.6) / (0.4**2 + 1) ** 0.5)


def test_contrast_reaches_back_over_one_sentence_only() -> None:
    far = review_polarity("Good. Good. But bad.")
    assert far == pytest.approx((0.6 + 0.4 * 0.6 - 0.6) / (1 + 0.4**2 + 1) ** 0.5)


def test_negated_praise_is_milder_than_blame() -> None:
    assert review_polarity("bad") < review_polarity("not good") < 0.0 < review_polarity("not bad") < 0.6
    assert review_polarity("不差") < review_polarity("好")


def test_negation_ends_with_the_clause_and_reaches_across_or() -> None:
    assert review_polarity("不是假货，很好") > 0.6
    assert review_polarity("not soft or warm") < review_polarity("not soft, warm")
    assert review_polarity("没有异味、污渍") > 0.0


def test_intensifiers_order_the_scores() -> None:
    assert review_polarity("a bit bad") > review_polarity("bad") > review_polarity("really bad")
    assert review_polarity("有点差") > review_polarity("很差") > review_polarity("特别差")


@pytest.mark.parametrize(
    ("traditional", "simplified"),
    [("質量非常好，推薦購買", "质量非常好，推荐购买"), ("爛掉了，後悔買", "烂掉了，后悔买"), ("ＧＯＯＤ", "good")],
)
def test_spellings_score_the_same(traditional: str, simplified: str) -> None:
    assert review_polarity(traditional) == review_polarity(simplified) != 0.0


WORDS = sorted("".join(key) if not key[0].isascii() else " ".join(key) for key in lexicon())


@given(st.text(max_size=400))
def test_any_text_scores_within_the_bounds(text: str) -> None:
    assert -1.0 <= review_polarity(text) <= 1.0  # also false for NaN


@given(st.lists(st.sampled_from(WORDS), max_size=30), st.sampled_from(["", " ", ", "]))
def test_any_order_of_lexicon_entries_scores_within_the_bounds(words: list[str], separator: str) -> None:
    assert -1.0 <= review_polarity(separator.join(words)) <= 1.0


def test_a_lone_surrogate_is_no_error() -> None:
    assert review_polarity("\ud800 good") == pytest.approx(0.6)


@pytest.mark.parametrize("name", ["english.txt", "chinese.txt", "signs.txt"])
def test_each_word_list_names_an_entry_once(name: str) -> None:
    counts = Counter(key for key, _ in read_lexicon(name))
    assert [key for key, count in counts.items() if count > 1 or not key] == []


def test_opinions_in_the_lexicon_are_within_the_bounds() -> None:
    assert all(-1.0 <= entry.value <= 2.0 for entry in lexicon().values())
    assert {chr(code) for code in simplified()}.isdisjoint(simplified().values())  # one pass of folding is enough


def test_import_brings_no_numpy() -> None:
    code = "import sys, endcap.text.sentiment; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_english_sentences_reach_the_target() -> None:
    rows = english_rows()
    assert len(rows) >= 200
    assert measure(rows).balanced_accuracy >= TARGET


@pytest.mark.shared_data
@pytest.mark.skipif(not CHINESE_REVIEWS.is_file(), reason=f"real Chinese reviews are absent: {CHINESE_REVIEWS}")
def test_chinese_reviews_reach_the_target() -> None:
    assert measure(sampled_rows(CHINESE_REVIEWS)).balanced_accuracy >= TARGET
