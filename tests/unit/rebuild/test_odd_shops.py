"""Shops at the edges rebuild without an error and serve sensible answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from endcap.profiles.profile import EMPTY_PROFILE
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.gates import Case, refusals
from endcap.snapshot.snapshot import load_snapshot
from endcap_rebuild.batch_recommend import batch_recommend
from endcap_rebuild.job import rebuild
from endcap_rebuild.settings import RebuildSettings
from tests.fakes.odd_shops import UNFIT, check_answers, odd_shops, write_shop
from tests.fakes.promotions import examine_here
from tests.fakes.toy_shop import NOW_MS
from tests.fakes.toy_snapshot import TINY_ENCODER

SHOPS = odd_shops(300)
LATER_MS = 4_000_000_000_000  # a rebuild is dated by the clock of this machine


@pytest.mark.parametrize("name", SHOPS)
def test_an_odd_shop_rebuilds_and_serves(tmp_path: Path, name: str) -> None:
    items, events = SHOPS[name]
    shop, out = write_shop(tmp_path / "shop", items, events), tmp_path / "snapshot"
    manifest = rebuild(RebuildSettings(shop, out, str(TINY_ENCODER), cache=tmp_path / "cache", now_ms=NOW_MS))
    assert manifest["counts"]["items"] == len({row["id"] for row in items})
    check_answers(out, items, events)
    measured = examine_here(out, out, LATER_MS)
    assert measured is not None
    assert list(refusals(Case(manifest, measured, LATER_MS))) == ([UNFIT[name]] if name in UNFIT else [])
    if events:
        (tmp_path / "users.csv").write_text(f"user_id\n{events[0]['user_id']}\nsomebody new\n")
        told = batch_recommend(out, shop / "events.csv", tmp_path / "users.csv", 10, tmp_path / "out.csv")
        assert (told["users"], told["users_without_events"]) == (2, 1)


def test_twenty_of_them_may_be_promoted() -> None:
    assert len(SHOPS) - len(UNFIT) >= 20


def test_the_item_that_everybody_takes_is_the_first_for_a_newcomer(tmp_path: Path) -> None:
    items, events = SHOPS["one item"]
    shop, out = write_shop(tmp_path / "shop", items, events), tmp_path / "snapshot"
    rebuild(RebuildSettings(shop, out, str(TINY_ENCODER), cache=tmp_path / "cache", now_ms=NOW_MS))
    answer = recommend(load_snapshot(out), EMPTY_PROFILE, RecommendationRequest(limit=3), NOW_MS)
    assert answer.items[0].item_id == "item-7"
