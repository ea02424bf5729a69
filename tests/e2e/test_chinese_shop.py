"""What a storefront can ask for, over HTTP, on a real Chinese catalogue and its reviews."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from endcap_local.experiments.archive import BucketArchive
from endcap_local.experiments.report import ReportSettings, configured, report
from endcap_local.stack import LocalStack
from tests.fakes.real_shop import bucket_of, data_of, serving
from tests.fakes.shop_over_http import ask, call, comes_true, did, get, ids, ok

pytestmark = [pytest.mark.filterwarnings("ignore:No application metrics"), pytest.mark.shared_data]
EXPERIMENTS = {
    "experiments": [
        {
            "name": "meaning-first",
            "scenario": "home",
            "variants": [
                {"name": "control", "share": 0.5},
                {"name": "meaning", "share": 0.5, "weights": {"text": 5, "wording": 5, "next": 0}},
            ],
        }
    ]
}


@pytest.fixture(scope="module")
def chinese() -> Iterator[LocalStack]:
    with serving(data_of("zh-catalog"), before={"scenarios": {"home": {}}, "experiments": EXPERIMENTS}) as stack:
        yield stack


def test_a_chinese_profile_speaks_of_what_its_reviews_praise(chinese: LocalStack) -> None:
    with gzip.open(data_of("zh-catalog") / "events.csv.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if "手感" in row["text"] and "不错" in row["text"]][:4]
    did(chinese, "wang", *({"event_type": "review", "item_id": row["item_id"], "text": row["text"]} for row in rows))
    told = ok(call(chinese, "GET", "/users/wang/profile"))
    assert told["language"] == "zh"
    (comfort,) = (one for one in told["aspects"] if one["aspect"] == "comfort")
    assert comfort["name"] == "舒适度"
    assert comfort["sentiment"] > 0
    assert any(text.startswith("您在评价中称赞") and "舒适度" in text for text in told["summary"])
    assert told["interests"]["categories"]


def test_chinese_reasons_name_words_of_the_item(chinese: LocalStack) -> None:
    quilt = "1006007"  # 秋冬保暖加厚澳洲羊毛被
    asked = {"interactions": [{"event_type": "view", "item_id": quilt}], "limit": 50, "fields": ["title"]}
    items = ok(call(chinese, "POST", "/recommendations", asked))["items"]
    similar = {item["title"]: item for item in items}["秋冬保暖加厚细羊毛被"]
    text = next(reason for reason in similar["reasons"] if reason["kind"] in ("text", "wording"))
    (evidence,) = text["evidence"]
    assert (evidence["item_id"], evidence["event_type"]) == (quilt, "view")
    assert {"秋冬保暖加厚", "羊毛被"} <= set(evidence["words"])
    assert "羊毛被" in text["text"]
    for item in ok(call(chinese, "GET", f"/search?q={quote('羊毛被')}&limit=3&fields=title"))["items"]:
        lexical = next(reason for reason in item["reasons"] if reason["kind"] == "lexical")
        (evidence,) = lexical["evidence"]
        assert evidence["event_type"] == "query"
        assert evidence["words"][0] in item["title"]
        assert evidence["words"][0] in lexical["text"]


def test_variants_rank_a_chinese_shop_differently_and_are_reported(chinese: LocalStack) -> None:
    viewed = {"event_type": "view", "item_id": "1006007"}
    lists: dict[str, set[tuple[str, ...]]] = {"control": set(), "meaning": set()}
    clicked = 0
    for user in (f"trial-{n}" for n in range(24)):
        body = {"user_id": user, "interactions": [viewed], "limit": 10, "scenario": "home"}
        shown = ok(call(chinese, "POST", "/recommendations", body))
        items = [item["item_id"] for item in shown["items"]]
        lists[shown["variant"]].add(tuple(items))
        if shown["variant"] == "meaning":
            about = {"item_id": items[0], "recommendation_id": shown["recommendation_id"]}
            did(chinese, user, {"event_type": "click", **about}, {"event_type": "purchase", "value": 99.0, **about})
            clicked += 1
    # Shoppers with one history get one list, and those of the other variant another one.
    assert [len(orders) for orders in lists.values()] == [1, 1]
    assert lists["control"] != lists["meaning"]
    assert "experiment" not in ok(call(chinese, "GET", "/users/trial-1/recommendations"))
    chinese.wait_until_idle()
    archive = BucketArchive(chinese.client("s3"), bucket_of(chinese))
    found = report(archive, configured(archive, None), ReportSettings("meaning-first"), lambda *_: None)
    told = {variant["name"]: variant for variant in found["variants"]}
    assert told["control"]["units"] + told["meaning"]["units"] == 24
    assert (told["meaning"]["clicked_lists"], told["meaning"]["converted_units"]) == (clicked, clicked)
    assert told["meaning"]["revenue"] == 99.0 * clicked
    assert told["control"]["clicked_lists"] == 0


def test_search_reads_chinese_and_puts_an_id_first(chinese: LocalStack) -> None:
    for words in ("羊毛被", "拉杆箱"):
        titles = [item["title"] for item in get(chinese, "/search", q=words, limit=2, fields="title")["items"]]
        assert all(words in title for title in titles)
    assert ids(get(chinese, "/search", q="1006007"))[0] == "1006007"


def test_filters_and_promotions_name_chinese_categories(chinese: LocalStack) -> None:
    bedding = get(
        chinese, "/users/nobody/recommendations", filter='categories CONTAINS "床品件套"', fields="categories"
    )
    assert len(bedding["items"]) == 10
    assert all("床品件套" in item["categories"] for item in bedding["items"])
    soft = get(
        chinese, "/users/nobody/recommendations", filter='title CONTAINS "纯棉" AND price < 500', fields="title,price"
    )
    assert all("纯棉" in item["title"] and item["price"] < 500 for item in soft["items"])
    promoted = ask(
        chinese, promotions=[{"name": "换季", "filter": 'title CONTAINS "被"', "share": 0.3}], fields=["title"]
    )
    places = [item for item in promoted["items"] if item.get("promotion") == "换季"]
    assert len(places) == 3
    assert all("被" in item["title"] for item in places)
    status, problem = call(chinese, "POST", "/recommendations", {"filter": "价格 < 被"})
    assert (status, problem["errors"][0]["field"]) == (400, "filter")


def test_a_new_chinese_item_is_found_within_seconds_and_no_longer_when_it_is_sold_out(chinese: LocalStack) -> None:
    item = {"title": "青花瓷猫爪马克杯", "categories": ["居家", "杯壶"], "price": 39.0}

    def found() -> bool:
        return ids(get(chinese, "/search", q="猫爪马克杯", limit=1)) == ["cup-1"]

    ok(call(chinese, "PUT", "/items/cup-1", item))
    assert comes_true(found)
    ok(call(chinese, "PUT", "/items/cup-1", item | {"available": False}))
    assert comes_true(lambda: not found())


def test_reviews_in_chinese_move_their_neighbours(chinese: LocalStack) -> None:
    quilt = "1006007"
    near = ids(get(chinese, f"/items/{quilt}/similar", limit=1))[0]

    def rank(user: str) -> int:
        return ids(get(chinese, f"/users/{user}/recommendations", limit=500, explain="false")).index(near)

    did(chinese, "zhang", {"event_type": "review", "item_id": quilt, "text": "质量很差,味道很大,非常失望,要求退货"})
    did(chinese, "li", {"event_type": "review", "item_id": quilt, "text": "非常满意,很暖和,质量很好,推荐购买"})
    assert rank("li") < rank("zhang")


def test_the_ranking_and_a_counterfactual_are_told_in_chinese(chinese: LocalStack) -> None:
    told = ok(call(chinese, "GET", "/parameters", accept_language="zh-CN"))
    assert told["language"] == "zh"
    assert any("推荐" in text or "排" in text for text in told["summary"])
    did(chinese, "chen", {"event_type": "purchase", "item_id": "1006007"})
    item = get(chinese, "/users/chen/recommendations", without_item="1006007", limit=1)["items"][0]
    assert item["counterfactual"]["text"].startswith("若没有")


def test_a_chinese_session_without_a_shopper_counts_and_says_so(chinese: LocalStack) -> None:
    session = [{"event_type": "search", "text": "羊毛被"}, {"event_type": "view", "item_id": "1006010"}]
    answer, cold = (ask(chinese, limit=20, **more) for more in ({"interactions": session}, {}))
    assert (answer["source"], cold["source"]) == ("personal", "popular")
    evidence = [e for item in answer["items"] for reason in item["reasons"] for e in reason["evidence"]]
    assert {"view", "search"} <= {one["event_type"] for one in evidence}
    assert "1006010" in {one.get("item_id") for one in evidence}
