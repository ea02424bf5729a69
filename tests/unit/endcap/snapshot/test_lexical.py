from __future__ import annotations

import pytest

from endcap.snapshot.lexical import EXACT_ID, LexicalIndex, query_weights
from endcap.text.tokens import tokens_of

DOCUMENTS = [
    {"item_id": "SKU-1", "title": "Red mug", "brand": "Acme", "categories": ["kitchen"]},
    {"item_id": "2", "title": "Blue mug", "attributes": {"ean": "400123"}},
    {"item_id": "3", "title": "红色陶瓷杯"},
    None,
]


def test_tokens_are_words_and_bigrams_of_scripts_without_spaces() -> None:
    assert tokens_of("Red MUG, red x2!") == ["red", "mug", "x2"]
    assert tokens_of("陶瓷杯子 M") == ["陶瓷", "瓷杯", "杯子", "m"]
    assert tokens_of("杯") == ["杯"]
    assert tokens_of("ＭＵＧ") == ["mug"]  # full-width letters
    assert tokens_of(" ,. ") == []


def test_rare_words_count_more_and_a_full_match_is_one() -> None:
    index = LexicalIndex.of(DOCUMENTS)
    weights = query_weights("red mug", [index])
    assert sum(weights.values()) == pytest.approx(1.0)
    assert weights["red"] > weights["mug"]  # two items have a mug
    assert index.scores("red mug", weights).tolist() == pytest.approx([1.0, weights["mug"], 0.0, 0.0])


def test_brand_category_and_chinese_bigrams_are_found() -> None:
    index = LexicalIndex.of(DOCUMENTS)
    for query, found in (("acme", 0), ("kitchen", 0), ("陶瓷", 2)):
        assert int(index.scores(query, query_weights(query, [index])).argmax()) == found


@pytest.mark.parametrize(("query", "found"), [("sku-1", 0), (" SKU-1 ", 0), ("400123", 1), ("3", 2)])
def test_id_or_article_number_beats_everything(query: str, found: int) -> None:
    index = LexicalIndex.of(DOCUMENTS)
    scores = index.scores(query, query_weights(query, [index]))
    assert scores[found] == EXACT_ID
    assert sorted(scores.tolist())[-2] <= 1


def test_query_without_words_finds_nothing() -> None:
    index = LexicalIndex.of(DOCUMENTS)
    assert query_weights("?!", [index]) == {}
    assert not index.scores("?!", {}).any()
