"""What the grammar reads, and what it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endcap.filters.parser import expression
from endcap.understanding.facets import Facet
from endcap.understanding.grammar import parse, understood
from tests.benchmarks.understanding import Shop, constrained, findings

DATA = Path(__file__).parents[3] / "data" / "understanding"
NAMES = ("OPI", "COVERGIRL", "Dior", "Vaseline", "L'Oreal Paris", "Maybelline", "MUJI制造商")
SHOP = Shop([{"title": f"{name} thing", "brand": name} for name in NAMES])


def lines(*names: str) -> list[dict[str, object]]:
    files = (DATA / f"{name}.jsonl" for name in names)
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


REQUESTS = lines("requests", "kept_requests", "variants")
TRAPS = lines("traps", "kept_traps", "variant_traps", "fresh_traps", "wording_traps")
WORDINGS = lines("wordings")
MORE_NAMES = (
    """
L'Oreal|Gelish|Nivea|Neutrogena|Clinique|Paul Mitchell|e.l.f.|M.A.C|Benefit Cosmetics
Estee Lauder|Aveeno|Essie|Calvin Klein|Garnier|Pantene|Dove|Conair|Olay|Burt's Bees|Bare Escentuals
Too Faced|John Frieda|Physicians Formula|NYX|The Body Shop|Aveda|Sally Hansen|Revlon|China Glaze
Ralph Lauren制造商|NITORI制造商|罗莱制造商
""".strip()
    .replace("\n", "|")
    .split("|")
)
MORE_TRAPS = (
    """
size 12 shoes|no. 7 serum|sunscreen spf over 30|pan under 30cm|storage box under 10 litres|shampoo for kids under 5
skin cream for over 50s|toys for children over 3|pan 20-30 cm|5 pound dumbbell|never too old card|non-stick pan
new zealand honey
3-6岁的玩具|200ml以上的水杯|12寸以下的锅|10片以上的面膜|不锈钢锅|新西兰蜂蜜|无糖的茶饮|不用手洗的抹布|不倒翁|非常好吃的零食|除湿机|一次性水杯
""".strip()
    .replace("\n", "|")
    .split("|")
)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda one: one["text"])
def test_requests_in_words_are_read_as_they_are_meant(request_: dict[str, object]) -> None:
    parsed = parse(str(request_["text"]), SHOP)
    assert all(findings(request_, parsed).values()), parsed


def test_many_wordings_say_the_same() -> None:
    shop = Shop(
        [{"title": f"{name} thing", "brand": name} for name in (*NAMES, *MORE_NAMES)]
        + [{"title": "bed", "attrs": {"材质": "面料:100%天丝 填充:聚酯纤维", "工艺": "刺绣"}}]
    )
    wrong = [
        (one["text"], parsed)
        for one in WORDINGS
        if not all(findings(one, parsed := parse(str(one["text"]), shop)).values())
    ]
    assert not wrong


@pytest.mark.parametrize("text", [*(str(trap["text"]) for trap in TRAPS), *MORE_TRAPS])
def test_names_are_no_conditions(text: str) -> None:
    assert not constrained(parse(text, SHOP))


@pytest.mark.parametrize(
    ("query", "unwanted", "search"),
    [
        ("no red or blue candles", ("red", "blue"), "candles"),
        ("not red nor blue mugs", ("red", "blue"), "mugs"),
        ("no red, blue or green candles", ("red", "blue", "green"), "candles"),
        ("neither wool nor cotton scarf", ("wool", "cotton"), "scarf"),
        ("without red or green mugs", ("red", "green"), "mugs"),
        ("i don't want pink or purple bags", ("pink", "purple"), "bags"),
        ("no plastic or metal toys under 5", ("plastic", "metal"), "toys"),
        ("no wooden or metal ones please", ("wooden", "metal"), "ones"),
        ("without red or green please", ("red", "green"), ""),
        ("not red", ("red",), ""),
        ("free from plastic or metal", ("plastic", "metal"), ""),
        ("既不是红色也不是蓝色的杯子", ("红色", "蓝色"), "杯子"),
    ],
)
def test_colours_and_materials_that_nobody_wants_are_not_asked_for(
    query: str, unwanted: tuple[str, ...], search: str
) -> None:
    found = understood(query, SHOP)
    assert (found.exclude, found.search) == (unwanted, search)
    assert "MENTIONS" not in (found.filter or "")


@pytest.mark.parametrize(
    "query",
    [
        *(
            "clock no bigger than 30cm",
            "vase not taller than 20 cm",
            "nothing longer than 2m ribbon",
            "at least 2m of ribbon",
        ),
        *("lamp that isn't wider than 15cm", "bag without anything heavier than 1kg", "tin between 10 and 20 cm"),
        *("ribbon under 3 metres", "cable below 20 centimetres", "jar up to 2 kilos", "bottle under 2 gallons"),
        *("不超过30厘米的盘子", "挂钟不大于30厘米", "不短于1米的丝带", "至少2米长的床单"),
    ],
)
def test_how_large_a_thing_may_be_is_no_price_no_exclusion_and_no_size(query: str) -> None:
    assert understood(query, SHOP).words == ()


def test_all_but_some_things_are_wanted() -> None:
    assert understood("everything except candles", SHOP).exclude == ("candles",)
    assert understood("except you print", SHOP).exclude == ()


def test_a_way_of_speaking_excludes_nothing() -> None:
    assert understood("no rush, a mug under 5", SHOP).exclude == ()
    assert understood("not sure, maybe a candle under 6", SHOP).exclude == ()


def test_what_is_understood_comes_out_of_the_words_to_search_for() -> None:
    found = understood("red mug under $5 without flowers, cheapest first", SHOP)
    assert found.search == "red mug"
    assert found.filter == "price <= 5 AND title MENTIONS 'red'"
    assert found.exclude == ("flowers",)
    assert found.sort == "price_asc"
    assert [tuple(reading) for reading in found.words] == [
        ("red", "colour: red"),
        ("under $5", "price <= 5"),
        ("without flowers", "not: flowers"),
        ("cheapest first", "order: price_asc"),
    ]
    found = understood("300 元以内的枕头,不要羽绒的", SHOP)
    assert (found.search, found.filter, found.exclude) == ("枕头", "price <= 300", ("羽绒",))


def test_alternatives_are_joined_by_or() -> None:
    assert understood("blue or green eyeliner", SHOP).filter == "(title MENTIONS 'blue' OR title MENTIONS 'green')"


def test_a_query_without_conditions_is_searched_for_as_it_is() -> None:
    query = "  Something to keep my tea hot! "
    assert understood(query, SHOP).search == query
    assert understood(query, SHOP).filter is None


@pytest.mark.parametrize(
    ("query", "condition"),
    [
        ("a cheaper one", "price < 8"),
        ("更便宜的", "price < 8"),
        ("没有更便宜的吗", "price < 8"),
        ("more expensive", "price > 12"),
        ("贵一点的", "price > 12"),
        ("cheaper than this", "price < 8"),
        ("pricier ones", "price > 12"),
    ],
)
def test_cheaper_and_dearer_are_so_than_what_is_shown(query: str, condition: str) -> None:
    found = understood(query, SHOP, [8.0, 12.0])
    assert (found.filter, found.sort) == (condition, None)


@pytest.mark.parametrize(("query", "sort"), [("the cheapest", "price_asc"), ("最贵的", "price_desc")])
def test_superlatives_compare_with_nothing(query: str, sort: str) -> None:
    found = understood(query, SHOP, [8.0, 12.0])
    assert (found.filter, found.sort) == (None, sort)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 9999),
    st.integers(1, 9999),
    st.sampled_from(
        [
            "mug between {} and {}",
            "mug £{} to £{}",
            "mug from {} to {} pounds",
            "gift for my aunt {} to {}",
            "at least {} and at most {}, mug",
            "{}到{}元的杯子",
            "价格在{}到{}之间的杯子",
            "高于{}低于{}的杯子",
        ]
    ),
)
def test_every_wording_of_a_range_says_the_same(one: int, other: int, wording: str) -> None:
    low, high = sorted((one, other))
    parsed = parse(wording.format(low, high), SHOP)
    if low < high and not (low >= 1900 and high <= 2100):  # two years are no prices without a word for it
        assert (parsed.lowest, parsed.highest) == (low, high)


def test_facets_that_no_item_has_are_words_like_others() -> None:
    class Colourless(Shop):
        def condition(self, facet: Facet) -> str | None:
            return None

    found = understood("red mug", Colourless([]))
    assert (found.search, found.filter, found.words) == ("red mug", None, ())


@settings(max_examples=40, deadline=None)
@given(st.text(st.sampled_from("不要的红色以内元,. 1a5$-%\\\"'三百no without under pan除外"), max_size=60))
def test_any_text_gives_a_filter_that_can_be_read(text: str) -> None:
    found = understood(text, SHOP)
    if found.filter is not None:
        expression(found.filter)
    assert all(found.exclude)
