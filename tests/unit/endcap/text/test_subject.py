"""What a review says of the thing itself, in English and Chinese."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.text.sentiment.lexicon import Kind, lexicon, normalize
from endcap.text.sentiment.subject import subject_of

OPINIONS_ALONE = (
    "很好",
    "一般",
    "非常满意，五星好评",
    "物流很快，包装严实，给个好评",
    "質量不錯，很滿意",
    "宝贝收到了，和描述的一样，很喜欢",
    "太小了",
    "还行吧",
    "Great!",
    "Not bad at all",
    "Love it, fast delivery, thanks",
    "This is the worst product I have ever bought",
    "Waste of money. Do not buy!",
    "As expected",
    "★★★★★ 👍",
    "",
)
THINGS = (
    ("床单很柔软，四件套颜色也好看", ("床单", "四件套"), ("柔软", "好看")),
    ("綠豆糕很好，包裝也不錯", ("綠豆糕",), ("很好", "包裝", "不錯")),
    ("屏幕太小了，不好看", ("屏幕",), ("不好看", "太")),
    ("Great lamp, terrible shipping", ("lamp",), ("Great", "terrible", "shipping")),
    ("The Zipper is not good", ("Zipper",), ("good", "not")),
    ("四件套很好，物流快", ("四件套",), ("很好", "物流")),
    ("买了两个 iPhone 充电器，价格便宜", ("iPhone", "充电器"), ("便宜", "价格")),
)


@pytest.mark.parametrize("review", OPINIONS_ALONE)
def test_an_opinion_alone_says_nothing_of_a_thing(review: str) -> None:
    assert subject_of(review) == ""


def test_no_word_that_judges_says_anything_of_a_thing() -> None:
    left = [key for key, entry in lexicon().items() if entry.kind is Kind.OPINION and subject_of(" ".join(key))]
    assert left == []


@pytest.mark.parametrize(("review", "kept", "gone"), THINGS)
def test_what_names_the_thing_stays_as_it_was_written(
    review: str, kept: tuple[str, ...], gone: tuple[str, ...]
) -> None:
    subject = subject_of(review)
    assert all(word in subject for word in kept)
    assert not any(word in subject for word in gone)


@pytest.mark.parametrize("title", ["绿豆糕", "desk lamp", "White Hanging T-Shirt 2-pack", "纯棉 四件套 1.8m"])
def test_what_judges_nothing_stays_whole(title: str) -> None:
    assert subject_of(title) == title


@given(st.text(max_size=80))
def test_any_text_can_be_read_and_nothing_is_added(text: str) -> None:
    subject = subject_of(text)
    assert subject == " ".join(subject.split())
    assert set(subject) <= {*text, *normalize(text), " "}
