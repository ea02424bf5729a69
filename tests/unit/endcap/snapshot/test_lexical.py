from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.snapshot.lexical import CODE_BEGINS, EXACT_ID, Codes, LexicalIndex, query_weights
from endcap.text.terms import Synonyms, code_of
from tests.fakes.effort import tried

DOCUMENTS = [
    {"item_id": "SKU-1", "title": "Red mug", "brand": "Acme", "categories": ["kitchen"]},
    {"item_id": "2", "title": "Blue mug", "attributes": {"ean": "400123"}},
    {"item_id": "3", "title": "红色陶瓷杯"},
    None,
]


def test_rare_words_count_more_and_a_full_match_is_one() -> None:
    index = LexicalIndex.of(DOCUMENTS)
    weights = query_weights("red mug", [index])
    assert sum(weights.values()) == pytest.approx(1.0)
    red, mug = (("red",),), (("mug",),)
    assert weights[red] > weights[mug]  # two items have a mug
    assert index.scores("red mug", weights).tolist() == pytest.approx([1.0, weights[mug], 0.0, 0.0])


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


SHOP = [
    {"item_id": "m1", "title": "Drinking bottle 500 ml"},
    {"item_id": "m2", "title": "Rice 2kg"},
    {"item_id": "m3", "title": "Nail 60mm"},
    {"item_id": "m4", "title": "L’Oréal shampoo"},
    {"item_id": "m5", "title": "双宫茧蚕丝被四件套"},
    {"item_id": "m6", "title": "Sofa for two"},
    {"item_id": "KT-INS114-DRE", "title": "Red dress"},
    {"item_id": "NOR.0707-60", "title": "Shelf"},
    {"item_id": "MT1022435-AB", "title": "Mouse"},
    {"item_id": "m7", "title": "Bread", "attributes": {"EAN": "0012345678905"}},
]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("500ml", "m1"),
        ("0.5 L", "m1"),
        ("bottle 0,5l", "m1"),
        ("2 kg", "m2"),
        ("2000 g rice", "m2"),
        ("60 mm", "m3"),
        ("6cm", "m3"),
        ("loreal", "m4"),
        ("l'oreal", "m4"),
        ("雙宮繭", "m5"),
        ("4件套", "m5"),
        ("茧", "m5"),
        ("MT102", "MT1022435-AB"),
        ("MT1022435AB", "MT1022435-AB"),
        ("mt1022435_ab", "MT1022435-AB"),
        ("NOR0707", "NOR.0707-60"),
        ("kt-ins114", "KT-INS114-DRE"),
        ("12345678905", "m7"),
        ("0012345678905", "m7"),
    ],
)
def test_words_quantities_and_codes_are_found_in_every_spelling(query: str, found: str) -> None:
    index = LexicalIndex.of(SHOP)
    scores = index.scores(query, query_weights(query, [index]))
    assert SHOP[int(scores.argmax())]["item_id"] == found
    assert sorted(scores.tolist())[-2] < scores.max()


def test_another_amount_is_another_thing() -> None:
    index = LexicalIndex.of(SHOP)
    assert not index.scores("500 g", query_weights("500 g", [index])).any()


def test_a_code_comes_before_words_and_after_the_very_id() -> None:
    index = LexicalIndex.of([{"item_id": "ab12-1"}, {"item_id": "ab12-10"}, {"item_id": "x", "title": "ab12"}])
    assert index.scores("ab12-1", query_weights("ab12-1", [index])).tolist()[:2] == [EXACT_ID, CODE_BEGINS]
    assert index.scores("AB12", query_weights("AB12", [index])).tolist() == pytest.approx([5.0, 5.0, 1.0])


def test_what_all_ids_begin_with_is_no_code() -> None:
    index = LexicalIndex.of([{"item_id": f"p100-{k}"} for k in range(100)])
    assert index.scores("p100", query_weights("p100", [index])).max() <= 1


def test_synonyms_stand_for_each_other() -> None:
    index = LexicalIndex.of(SHOP)
    same = Synonyms([["sofa for two", "love seat", "双人沙发"], ["dress", "frock"]])
    for query, found in (
        ("love seat", "m6"),
        ("双人沙发", "m6"),
        ("red frock", "KT-INS114-DRE"),
        ("dress", "KT-INS114-DRE"),
    ):
        scores = index.scores(query, query_weights(query, [index], same))
        assert SHOP[int(scores.argmax())]["item_id"] == found
        assert scores.max() == pytest.approx(1.0)
    assert not index.scores("frocks", query_weights("frocks", [index], same)).any()


def test_an_older_index_is_asked_for_its_own_tokens() -> None:
    index = LexicalIndex.of(SHOP, older=True)
    assert index.codes is None
    for query, found in (("sofa", "m6"), ("蚕丝", "m5"), ("kt-ins114-dre", "KT-INS114-DRE")):
        assert SHOP[int(index.scores(query, query_weights(query, [index])).argmax())]["item_id"] == found
    assert not index.scores("500ml", query_weights("500ml", [index])).any()


@tried(50)
@given(st.lists(st.text("ab1-0.", min_size=1, max_size=6), max_size=8), st.text("ab1-0", min_size=1, max_size=4))
def test_codes_are_found_by_what_they_begin_with(ids: list[str], asked: str) -> None:
    codes, wanted = Codes.of([{"item_id": one} for one in ids]), code_of(asked)
    same, begun = codes.equal_and_beginning(wanted)
    assert same.tolist() == [k for k, one in enumerate(ids) if wanted and code_of(one) == wanted]
    longer = [k for k, one in enumerate(ids) if code_of(one) != wanted and code_of(one).startswith(wanted)]
    assert sorted(begun.tolist()) == [k for k in longer if code_of(ids[k])]
