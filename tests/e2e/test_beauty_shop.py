"""What a storefront can ask for, over HTTP, on a part of a real shop for beauty products."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise, permutations
from typing import Any
from urllib.parse import urlencode

import pytest

from endcap_local.stack import LocalStack
from tests.fakes.real_shop import data_of, put_config, recorded, serving, write_cut
from tests.fakes.shop_over_http import ask, call, comes_true, did, get, ids, ok

pytestmark = [pytest.mark.filterwarnings("ignore:No application metrics"), pytest.mark.shared_data]
HOUR_S = 3600
Answer = dict[str, Any]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with serving(write_cut(data_of("amazon-beauty"), tmp_path_factory.mktemp("beauty"), 500, 150)) as stack:
        yield stack


@pytest.fixture(scope="module")
def items(shop: LocalStack) -> list[Answer]:
    """Every item there is, the most popular first."""
    return ask(shop, limit=500, fields=["title", "brand", "categories", "price"], explain=False)["items"]


def seen(*item_ids: str, event_type: str = "view") -> list[Answer]:
    return [{"event_type": event_type, "item_id": item_id} for item_id in item_ids]


def test_a_running_session_counts_for_its_own_answer_only(shop: LocalStack, items: list[Answer]) -> None:
    cold = ask(shop)
    personal = ask(shop, interactions=seen(items[3]["item_id"], items[40]["item_id"]))
    assert (cold["source"], personal["source"]) == ("popular", "personal")
    assert ids(personal) != ids(cold)
    assert any(evidence["item_id"] == items[3]["item_id"] for evidence in evidence_of(personal))
    assert ids(ask(shop)) == ids(cold)


def evidence_of(answer: Answer) -> list[Answer]:
    return [
        one for item in answer["items"] for reason in item["reasons"] for one in reason["evidence"] if "title" in one
    ]


def test_an_event_and_an_imported_history_make_lists_personal(shop: LocalStack, items: list[Answer]) -> None:
    assert get(shop, "/users/dora/recommendations")["profile_version"] == 0
    did(shop, "dora", *seen(items[7]["item_id"], event_type="purchase"))
    answer = get(shop, "/users/dora/recommendations", limit=50)
    assert (answer["source"], answer["profile_version"]) == ("personal", 1)
    assert items[7]["item_id"] not in ids(answer)
    assert items[7]["item_id"] in ids(get(shop, "/users/dora/recommendations", limit=500, exclude_seen="none"))
    assert ids(get(shop, "/users/dora/recommendations", limit=50, personalization="off")) == ids(ask(shop, limit=50))


def test_asked_again_the_answer_is_the_same_but_for_its_id(shop: LocalStack) -> None:
    body = {"user_id": "dora", "query": "red lipstick", "diversity": 0.4, "rotation": 0.5, "limit": 30}
    first, second = (ask(shop, **body) for _ in range(2))
    assert ids(first) == ids(second)
    body["as_of"] = time.time()  # at one and the same moment to the last digit: ages are part of a score
    first, second = ask(shop, **body), ask(shop, **body)
    assert first.pop("recommendation_id") != second.pop("recommendation_id")
    assert first == second


def test_query_finds_words_and_ids_first(shop: LocalStack, items: list[Answer]) -> None:
    asked = get(shop, "/search", q="nail polish", fields="title,categories", limit=5)
    assert asked["source"] == "query"
    assert all("nail" in json.dumps(item).lower() for item in asked["items"])
    assert ids(ask(shop, query="nail polish", exclude_seen="none", limit=5)) == ids(asked)
    wanted = items[-1]["item_id"]
    assert ids(get(shop, "/search", q=wanted))[0] == ids(get(shop, "/search", q=wanted.lower()))[0] == wanted


def test_candidates_are_ranked_and_nothing_else(shop: LocalStack, items: list[Answer]) -> None:
    given = [item["item_id"] for item in items[100:120]]
    answer = ask(shop, candidates=[*given, "no-such-item"], interactions=seen(items[0]["item_id"]), limit=50)
    assert sorted(ids(answer)) == sorted(given)
    scores = [item["score"] for item in answer["items"]]
    assert scores == sorted(scores, reverse=True)


def test_rankings_give_every_id_once_and_flag_the_unknown(shop: LocalStack, items: list[Answer]) -> None:
    given = ["no-such-item", *(item["item_id"] for item in items[:20])]
    did(shop, "rita", *seen(items[30]["item_id"], items[31]["item_id"]))
    ranked = ok(call(shop, "POST", "/users/rita/rankings", {"item_ids": given}))["items"]
    assert sorted(item["item_id"] for item in ranked) == sorted(given)
    assert [item["known"] for item in ranked] == [*[True] * 20, False]


def test_similar_items_are_of_a_kind_and_personal_for_someone(shop: LocalStack, items: list[Answer]) -> None:
    polish = next(item for item in items if "Nail Polish" in item["categories"])
    path = f"/items/{polish['item_id']}/similar"
    similar = get(shop, path, limit=10, fields="categories")
    assert similar["source"] == "related"
    assert polish["item_id"] not in ids(similar)
    # The tiny encoder of the tests tells kinds apart poorly, but far better than chance.
    shares = [sum("Nails" in item["categories"] for item in some) / len(some) for some in (similar["items"], items)]
    assert shares[0] >= 3 * shares[1]
    other = next(item for item in items if "Hair Care" in item["categories"])
    did(shop, "sima", *seen(other["item_id"], event_type="purchase"))
    assert ids(get(shop, path, limit=100, user_id="sima")) != ids(get(shop, path, limit=100))
    assert call(shop, "GET", "/items/no-such-item/similar")[0] == 404


def test_filters_on_items_history_and_parameters(shop: LocalStack, items: list[Answer]) -> None:
    skin = {item["item_id"] for item in items if item.get("price", 99) < 10 and "Skin Care" in item["categories"]}
    text = 'price < $most AND categories CONTAINS "Skin Care" AND NOT viewed WITHIN 2h'
    lately, before = sorted(skin)[:2]
    session = [seen(lately)[0], seen(before)[0] | {"timestamp": time.time() - 3 * HOUR_S}]
    body = {"filter": text, "parameters": {"most": 10}, "interactions": session, "exclude_seen": "none", "limit": 500}
    assert len(skin) > 5
    assert set(ids(ask(shop, **body))) == skin - {lately}
    by_query = get(shop, "/users/nobody/recommendations", filter=text, limit=500, **{"parameters.most": 10})
    assert set(ids(by_query)) == skin
    status, problem = call(shop, "POST", "/recommendations", {"filter": "price < AND brand = 'x'"})
    assert status == 400
    (finding,) = problem["errors"]
    assert finding["field"] == "filter"
    assert finding["message"].startswith("at position 9: ")


def test_a_put_takes_effect_without_a_rebuild(shop: LocalStack) -> None:
    item = {"title": "Glitter unicorn nail polish for stargazers", "price": 7.5, "categories": ["Beauty", "Nails"]}

    def first_found() -> str:
        return str([*ids(get(shop, "/search", q="unicorn stargazers", limit=1)), ""][0])

    ok(call(shop, "PUT", "/items/unicorn", item))
    assert comes_true(lambda: first_found() == "unicorn")
    ok(call(shop, "PUT", "/items/unicorn", item | {"available": False}))
    assert comes_true(lambda: first_found() != "unicorn")
    ok(call(shop, "PUT", "/items/unicorn", item | {"expires_at": "2020-01-01"}))
    assert first_found() != "unicorn"
    ok(call(shop, "PUT", "/items/unicorn", item))
    assert comes_true(lambda: first_found() == "unicorn")
    ok(call(shop, "DELETE", "/items/unicorn"))
    assert comes_true(lambda: first_found() != "unicorn")


def test_boosts_are_reasons_of_their_own(shop: LocalStack, items: list[Answer]) -> None:
    cheap = {item["item_id"]: item["price"] < 5 for item in items if "price" in item}
    boosted = ask(shop, boost=[{"filter": "price < 5", "weight": 3}], limit=20)["items"]
    assert all(cheap[item["item_id"]] for item in boosted)
    for item in boosted:
        assert [reason["weight"] for reason in item["reasons"] if reason["kind"] == "boost"] == [3]
        assert sum(reason["weight"] for reason in item["reasons"]) == pytest.approx(item["score"], abs=1e-6)


def test_promotions_pins_blocks_and_caps(shop: LocalStack, items: list[Answer]) -> None:
    top, last = items[0]["item_id"], items[-1]["item_id"]
    hair = {"name": "hair-week", "filter": 'categories CONTAINS "Hair Care"', "share": 0.5}
    answer = ask(shop, promotions=[hair], limit=10, fields=["categories"])["items"]
    promoted = [item for item in answer if item.get("promotion") == "hair-week"]
    assert len(promoted) == 5
    assert all("Hair Care" in item["categories"] for item in promoted)
    assert ids(ask(shop, pinned=[{"item_id": last, "position": 2}]))[1] == last
    assert top not in ids(ask(shop, blocked=[top], limit=500))
    capped = ask(shop, caps={"category": 1, "brand": 2}, limit=20, fields=["categories", "brand"])["items"]
    assert Counter(item["categories"][-1] for item in capped).most_common(1)[0][1] == 1
    assert Counter(item["brand"] for item in capped if item.get("brand")).most_common(1)[0][1] <= 2


def test_of_variants_one_is_shown_and_seeing_one_is_seeing_all(shop: LocalStack) -> None:
    shades = [{"item_id": f"shade-{n}", "group_id": "zebra-gloss", "title": f"Zebra gloss {n}"} for n in range(3)]
    ok(call(shop, "POST", "/items", {"items": shades}))

    def shown(**more: object) -> list[str]:
        return [i for i in ids(get(shop, "/search", q="zebra gloss", limit=50, **more)) if i.startswith("shade-")]

    assert comes_true(shown)
    assert len(shown()) == 1
    body = {"query": "zebra gloss", "interactions": seen("shade-2"), "limit": 500}
    assert not [item_id for item_id in ids(ask(shop, **body)) if item_id.startswith("shade-")]


def test_scenarios_change_without_a_deploy(shop: LocalStack) -> None:
    path = "/users/nobody/recommendations"
    assert call(shop, "GET", f"{path}?scenario=bargains")[0] == 400
    put_config(shop, "scenarios", {"bargains": {"filter": "price < 5", "limit": 4, "fields": ["price"]}})
    assert comes_true(lambda: call(shop, "GET", f"{path}?scenario=bargains")[0] == 200)
    found = get(shop, path, scenario="bargains")["items"]
    assert len(found) == 4
    assert all(item["price"] < 5 for item in found)
    put_config(shop, "scenarios", {"bargains": {"limit": 7}})
    assert comes_true(lambda: len(get(shop, path, scenario="bargains")["items"]) == 7)
    assert len(get(shop, path, scenario="bargains", limit=2)["items"]) == 2  # what a request says comes first


def test_diversity_mixes_categories(shop: LocalStack, items: list[Answer]) -> None:
    polishes = [item["item_id"] for item in items if "Nail Polish" in item["categories"]][:4]
    body = {"interactions": seen(*polishes), "limit": 10, "fields": ["categories"]}
    kinds = [
        len({item["categories"][-1] for item in ask(shop, **body, diversity=knob)["items"]}) for knob in (0, 0.5, 0.9)
    ]
    assert kinds == sorted(kinds)
    assert kinds[0] < kinds[-1]


def test_calibration_follows_the_mix_of_the_history(shop: LocalStack, items: list[Answer]) -> None:
    by_kind: dict[str, list[str]] = {}
    for item in items:
        by_kind.setdefault(item["categories"][1], []).append(item["item_id"])
    kinds = sorted(name for name, of_kind in by_kind.items() if len(of_kind) >= 20)
    assert len(kinds) >= 3

    def miss(much: str, little: str, knob: float) -> int:
        """How many of eight places are not what six purchases of one kind and two of another ask for."""
        history = seen(*by_kind[much][:6], *by_kind[little][:2], event_type="purchase")
        body = {"interactions": history, "limit": 8, "fields": ["categories"], "calibration": knob}
        shown = Counter(item["categories"][1] for item in ask(shop, **body)["items"])
        return abs(6 - shown[much]) + abs(2 - shown[little])

    plain, calibrated = (sum(miss(*pair, knob) for pair in permutations(kinds, 2)) for knob in (0, 1))
    assert calibrated < plain / 2


def test_rotation_sets_back_what_was_shown(shop: LocalStack, items: list[Answer]) -> None:
    shown = [item["item_id"] for item in items[:3]]
    did(shop, "rosa", *seen(*shown, event_type="impression"))
    assert ids(get(shop, "/users/rosa/recommendations", limit=3)) == shown  # having been shown is no interest
    answer = get(shop, "/users/rosa/recommendations", rotation=1, limit=500)
    assert not set(shown) & set(ids(answer)[:3])
    back = [item for item in answer["items"] if item["item_id"] in shown]
    assert all(any(reason["kind"] == "rotation" and reason["weight"] < 0 for reason in i["reasons"]) for i in back)


def test_exploration_states_its_chances_and_records_them(shop: LocalStack) -> None:
    path = "/users/lena/recommendations"
    # A record that takes too long is given up, lest the answer waits: on a busy machine it takes more than one request.
    for _ in range(50):
        answer = get(shop, path, exploration=0.5, limit=8)
        records = [r for r in recorded(shop, "exposures/") if r["recommendation_id"] == answer["recommendation_id"]]
        if records:
            break
    (record,) = records
    drawn = [item["source"] == "exploration" for item in answer["items"]]
    assert drawn == [False, True] * 4
    assert [item["propensity"] < 1 for item in answer["items"]] == drawn
    assert [one["item_id"] for one in record["items"]] == ids(answer)
    for kept, item in zip(record["items"], answer["items"], strict=True):
        assert kept["propensity"] == item["propensity"]
        if "arms" in kept:
            assert kept["arms"][item["item_id"]] == item["propensity"]
            assert sum(kept["arms"].values()) == pytest.approx(1)
    assert all("propensity" not in item for item in get(shop, path)["items"])


def test_where_an_unknown_shopper_is_and_what_a_known_one_prefers_count(shop: LocalStack, items: list[Answer]) -> None:
    def of_hair(answer: Answer) -> int:
        return sum("Hair Care" in item["categories"] for item in answer["items"])

    cold = get(shop, "/users/gina/recommendations", limit=20, fields="categories")
    there = get(shop, "/users/gina/recommendations", limit=20, fields="categories", **{"context.category": "Hair Care"})
    assert of_hair(there) > of_hair(cold)
    ok(call(shop, "PUT", "/users/gina", {"preferences": {"categories": ["Hair Care"]}, "attributes": {"most": 9}}))
    stated = get(shop, "/users/gina/recommendations", limit=20, fields="categories,price")
    assert of_hair(stated) > of_hair(cold)
    assert stated["source"] == "personal"
    affordable = get(shop, "/users/gina/recommendations", filter="price <= $user.most", fields="price")["items"]
    assert len(affordable) == 10
    assert all(item["price"] <= 9 for item in affordable)


def test_pages_go_on_without_repeats(shop: LocalStack) -> None:
    path, cursor, pages = "/users/petra/recommendations", {}, []
    for _ in range(3):
        page = get(shop, path, limit=7, diversity=0.3, **cursor)
        pages.append(ids(page))
        cursor = {"cursor": page["cursor"]}
        did(shop, "petra", *seen(pages[-1][0]))  # what is done between two pages repeats nothing
    shown = [item_id for page in pages for item_id in page]
    assert len(set(shown)) == len(shown) == 21
    assert call(shop, "GET", f"{path}?{urlencode(cursor)}&diversity=0.9")[0] == 400  # of another request


def test_widgets_of_a_page_share_no_item(shop: LocalStack, items: list[Answer]) -> None:
    anchor = items[5]["item_id"]
    widgets = [{}, {"query": "shampoo"}, {"relation": "similar", "items": [anchor]}, {"filter": "price < 10"}]
    lists = ask(shop, user_id="wilma", limit=6, requests=widgets)["lists"]
    shown = [item_id for one in lists for item_id in ids(one)]
    assert len(set(shown)) == len(shown) == 24
    assert [one["source"] for one in lists] == ["popular", "query", "related", "popular"]


def test_fields_are_those_asked_for(shop: LocalStack) -> None:
    told = get(shop, "/users/nobody/recommendations", limit=3, fields="title,price,brand", explain="false")["items"]
    assert all({"title", "price"} <= set(item) and item["reasons"] == [] for item in told)
    assert all("title" not in item for item in get(shop, "/users/nobody/recommendations", limit=3)["items"])


def test_parameters_tell_what_is_configured_now(shop: LocalStack) -> None:
    put_config(shop, "scenarios", {"spring": {"diversity": 0.2}})
    assert comes_true(lambda: "spring" in get(shop, "/parameters")["scenarios"])
    assert "buy_again" in get(shop, "/parameters")["scenarios"]
    assert all(name in json.dumps(get(shop, "/parameters", language="zh")) for name in ("spring", "popularity"))


def test_a_bad_review_pushes_neighbours_down_and_a_good_one_up(shop: LocalStack, items: list[Answer]) -> None:
    about = items[20]["item_id"]
    near = ids(get(shop, f"/items/{about}/similar", limit=1))[0]

    def rank(user: str) -> int:
        return ids(get(shop, f"/users/{user}/recommendations", limit=500, explain="false")).index(near)

    did(
        shop,
        "bea",
        {"event_type": "review", "item_id": about, "text": "Terrible, it broke out my skin. Waste of money."},
    )
    did(shop, "gus", {"event_type": "review", "item_id": about, "text": "I love it, the best I have ever used!"})
    assert rank("gus") < rank("nobody") < rank("bea")


def test_more_variety_never_makes_lists_more_alike(shop: LocalStack, items: list[Answer]) -> None:
    """By the categories of the shop; tests/property/test_diversity.py measures the vectors themselves."""
    shares = []
    for knob in (0, 0.5, 1):
        lists = [
            ask(shop, interactions=seen(item["item_id"]), limit=8, diversity=knob, fields=["categories"], explain=False)
            for item in items[:20]
        ]
        kinds = [Counter(i["categories"][-1] for i in one["items"]) for one in lists]
        shares.append(sum(n * n for count in kinds for n in count.values()))
    assert all(later <= earlier for earlier, later in pairwise(shares)), shares
