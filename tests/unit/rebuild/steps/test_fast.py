"""By whose choices the lists of a rebuild are chosen, and by whose its weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from endcap_rebuild.data.dataset import Shop, read_shop
from endcap_rebuild.settings import RebuildSettings, no_progress
from endcap_rebuild.steps.fast import FAST_STEPS, FastJob
from endcap_rebuild.steps.runner import json_value
from endcap_rebuild.tuning.list_search import choose_list_settings, choose_popularity_half_life
from tests.fakes.toy_shop import NOW_MS, write_chain_shop

N = 40


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return read_shop(write_chain_shop(tmp_path_factory.mktemp("chain") / "shop", n_users=300, n_items=N), NOW_MS, 0, {})


def test_lists_are_chosen_by_more_shoppers_than_demand_and_weights_are(shop: Shop) -> None:
    job = FastJob(RebuildSettings(Path(), Path()), shop, None, no_progress)  # type: ignore[arg-type]
    window, wider = job.split, job.wider_split
    few, many = (set(shop.table.user[split.cases.target].tolist()) for split in (window, wider))
    assert few < many
    assert set(window.cases.target.tolist()) < set(wider.cases.target.tolist())
    assert wider.cases.absent.tolist() == window.cases.absent.tolist()
    selection = next(step for step in FAST_STEPS if step.name == "selection")
    chosen = json_value(selection.run(job, {})["json"])
    assert chosen["lists_tried"] == choose_list_settings(wider, N, 0)[1]
    assert chosen["popularity_tried"] == choose_popularity_half_life(window, N, True)[1]
    assert chosen["popularity_tried"] != choose_popularity_half_life(wider, N, True)[1]
