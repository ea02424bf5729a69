"""Explanations, profiles and an experiment over HTTP on a real Chinese catalogue and its reviews."""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from endcap_local.experiments.archive import BucketArchive
from endcap_local.experiments.report import ReportSettings, configured, report
from endcap_local.importing import load_folder
from endcap_local.stack import LocalStack
from tests.fakes.shop_over_http import call, did, ok

pytestmark = [pytest.mark.filterwarnings("ignore:No application metrics"), pytest.mark.shared_data]
ROOT = Path(__file__).parents[2]
SHARED_DATA = Path(os.environ.get("ENDCAP_SHARED_DATA", ROOT.parent / "shared" / "data"))
CHINESE_SHOP = SHARED_DATA / "zh-catalog"
TINY_ENCODER = ROOT / "tests" / "data" / "tiny_encoder"
CONFIG = {
    "scenarios": {"home": {}},
    "experiments": {
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
    },
}


@pytest.fixture(scope="module")
def chinese() -> Iterator[LocalStack]:
    if not CHINESE_SHOP.is_dir():
        pytest.skip(f"no data at {CHINESE_SHOP}")
    with LocalStack(ROOT / "template.yaml", redelivery_s=0) as running:
        bucket = running.function("RecommendFunction").environment["DATA_BUCKET"]
        for name, document in CONFIG.items():
            running.client("s3").put_object(
                Bucket=bucket, Key=f"config/{name}.json", Body=json.dumps(document).encode()
            )
        load_folder(running, CHINESE_SHOP, lambda *_: None, str(TINY_ENCODER))
        yield running


def test_a_chinese_profile_speaks_of_what_its_reviews_praise(chinese: LocalStack) -> None:
    with gzip.open(CHINESE_SHOP / "events.csv.gz", "rt", encoding="utf-8") as file:
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
    bucket = chinese.function("RecommendFunction").environment["DATA_BUCKET"]
    archive = BucketArchive(chinese.client("s3"), bucket)
    found = report(archive, configured(archive, None), ReportSettings("meaning-first"), lambda *_: None)
    told = {variant["name"]: variant for variant in found["variants"]}
    assert told["control"]["units"] + told["meaning"]["units"] == 24
    assert (told["meaning"]["clicked_lists"], told["meaning"]["converted_units"]) == (clicked, clicked)
    assert told["meaning"]["revenue"] == 99.0 * clicked
    assert told["control"]["clicked_lists"] == 0
