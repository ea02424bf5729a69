"""Shops at the edges with `--budget full`: trained where there is something to learn from, and never an error."""

from functools import partial

import pytest

pytest.importorskip("torch", reason="torch is not installed (make setup-training)")

from endcap_rebuild.job import BUDGETS, rebuild
from endcap_rebuild.settings import RebuildSettings
from endcap_rebuild.steps import full
from endcap_rebuild.user_encoder.plan import TowerSettings
from tests.fakes.killed_rebuild import steps_with_encoder
from tests.fakes.odd_shops import check_answers, odd_shops, write_shop
from tests.fakes.toy_shop import NOW_MS
from tests.fakes.toy_snapshot import TINY_ENCODER

pytestmark = pytest.mark.training

SHOPS = odd_shops(1_600)
NOTHING_TO_LEARN = {"50 items and no events", "5 events", "a single event each", "nothing but returns"}


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setitem(BUDGETS, "full", steps_with_encoder())
    monkeypatch.setattr(full, "TowerSettings", partial(TowerSettings, least_epochs=2, most_epochs=2))


@pytest.mark.parametrize("name", SHOPS)
def test_an_odd_shop_rebuilds_in_full_and_serves(tmp_path, name):
    items, events = SHOPS[name]
    shop, out = write_shop(tmp_path / "shop", items, events), tmp_path / "snapshot"
    settings = RebuildSettings(shop, out, str(TINY_ENCODER), "full", cache=tmp_path / "cache", now_ms=NOW_MS)
    manifest = rebuild(settings)
    check_answers(out, items, events)
    assert ("user_encoder.onnx" in manifest["files"]) == (name not in NOTHING_TO_LEARN)
