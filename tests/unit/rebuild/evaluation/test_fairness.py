"""What lists do to items and groups, on a handful of questions, by plain arithmetic."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from endcap.catalog.item import Item
from endcap_rebuild.data.event_table import EventTable
from endcap_rebuild.evaluation.fairness import fairness_of
from endcap_rebuild.evaluation.groups import UserGroups, item_groups
from endcap_rebuild.evaluation.questions import Questions, next_items
from endcap_rebuild.metrics.bootstrap import around, drawn_times
from endcap_rebuild.metrics.exposure import gini
from endcap_rebuild.metrics.ranks import Ranked
from tests.fakes.toy_shop import table_of

N_ITEMS = 6
N_USERS = 24
ITEMS = [
    Item(f"{k:03d}", f"Mug {k}", categories=("left" if k < 3 else "right",), brand="A" if k < 2 else "B")
    for k in range(N_ITEMS)
]


@dataclass(frozen=True)
class Asked:
    """A seed of an evaluation, made by hand."""

    questions: Questions
    table: EventTable
    ranked: Mapping[str, Ranked]


def asked(lists: Sequence[Sequence[int]]) -> Asked:
    """Every user had item 0 (and, the odd ones, 1) and is then asked; the answer always is item 5."""
    rows: list[tuple[str, int, str, float]] = []
    for user in range(N_USERS):
        rows.append((f"u{user:02d}", 0, "purchase", -9.0))
        if user % 2:
            rows.append((f"u{user:02d}", 1, "purchase", -8.0))
        rows.append((f"u{user:02d}", 5, "purchase", -1.0))
    table = table_of(rows, N_ITEMS)
    questions = next_items(table, table.item == 5)
    shown = np.array([lists[k % len(lists)] for k in range(N_USERS)], dtype=np.int32)
    ranks = np.array([1.0 if k % 2 else 99.0 for k in range(N_USERS)])
    ranked = Ranked(questions.starts, ranks, np.full(N_USERS, np.nan), np.full(N_USERS, 100), shown)
    return Asked(questions, table.rows(table.item != 5), {"model": ranked})


def found(seeds: Sequence[Asked], users: Mapping[str, Mapping[str, str]] | None = None) -> dict[str, Any]:
    groups = item_groups(ITEMS)
    return dict(fairness_of(seeds, ITEMS, groups, UserGroups(users or {}))["models"]["model"])


LISTS = ([2, 3], [2, 4], [4, -1])
EXPOSURE = np.array([0, 0, 2, 1 / math.log2(3), 1 + 1 / math.log2(3), 0])


def test_evenness_and_coverage() -> None:
    own = found([asked(LISTS)])
    assert own["exposure_gini"]["value"] == pytest.approx(float(gini(EXPOSURE)))
    assert own["coverage"]["value"] == 3 / 6
    assert own["coverage"]["low"] == own["coverage"]["high"] == 3 / 6  # no draw lacks all users of an item


def test_popularity_is_that_of_users_who_are_known() -> None:
    own = found([asked(([0, 2],))])
    assert own["popularity"]["value"] == pytest.approx((1 + 0) / 2)  # everybody had 0, nobody 2
    before = (1 + (1 + 0.5) / 2) / 2  # half had 0 alone, half 0 and 1, which half of all had
    assert own["history_popularity"]["value"] == pytest.approx(before)
    assert own["popularity_lift"]["value"] == pytest.approx(0.5 / before - 1)


def test_mix_of_categories() -> None:
    assert found([asked(([2],))])["miscalibration"]["value"] == pytest.approx(0, abs=1e-12)
    assert found([asked(([3],))])["miscalibration"]["value"] == pytest.approx(math.log(100))


def test_exposure_of_brands_beside_what_they_sell() -> None:
    rows = {row["group"]: row for row in found([asked(([1, 2],))])["exposure"]["brand"]}
    share = 1 / (1 + 1 / math.log2(3))
    assert rows["A"]["exposure_share"]["value"] == pytest.approx(share)
    assert rows["B"]["exposure_share"]["value"] == pytest.approx(1 - share)
    assert (rows["A"]["items"], rows["A"]["catalogue_share"], rows["A"]["chosen_share"]) == (2, pytest.approx(1 / 3), 0)
    assert rows["A"]["exposure_to_catalogue"] == pytest.approx(3 * share)


def test_quality_of_groups_and_thirds() -> None:
    names = [f"u{k:02d}" for k in range(N_USERS)]
    users = {
        "odd": {name: "yes" if k % 2 else "no" for k, name in enumerate(names)},
        "all": {name: "rest" if k else "one" for k, name in enumerate(names)},
    }
    own = found([asked(LISTS)], users)
    assert own["by_user_group"]["odd"] == []  # 12 users each are too few to be told
    assert [(row["group"], row["users"]) for row in own["by_user_group"]["all"]] == [("rest", N_USERS - 1)]
    assert [(row["events"], row["ndcg_at_10"]["value"]) for row in own["by_activity"]] == [("1", 0.0), ("2", 1.0)]


def test_seeds_are_means_and_their_users_the_same_people() -> None:
    one, two = asked(([0, 1],)), asked(([2, 3, 4, 5],))
    both = found([one, two])
    assert both["coverage"]["value"] == (2 / 6 + 4 / 6) / 2
    assert both["by_activity"][0]["users"] == N_USERS // 2


def test_draws_keep_the_number_of_users_and_intervals_their_figure() -> None:
    times = drawn_times(50, 400)
    assert (times.sum(axis=1) == 50).all()
    values = np.tile([0.0, 1.0], 25)
    told = around(0.5, times @ values / 50)
    # Half a width of about 1.96 * 0.5 / sqrt(50).
    assert (told["high"] - told["low"]) / 2 == pytest.approx(1.96 * 0.5 / math.sqrt(50), rel=0.15)
    assert told["low"] < told["value"] == 0.5 < told["high"]
    assert around(0.9, np.full(5, 0.6)) == {"value": 0.9, "low": 0.9, "high": 0.9}
    lopsided = around(1.0, np.array([0.5, *[1.0] * 99]), (0.0, 1.0))
    assert lopsided["low"] <= lopsided["value"] == lopsided["high"] == 1.0
