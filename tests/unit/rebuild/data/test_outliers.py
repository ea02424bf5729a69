"""Who is left out: bots by each sign, and nobody who merely does a lot."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from endcap_rebuild.data.event_table import EventTable, without_users
from endcap_rebuild.data.outliers import OutlierReport, anonymous, find_outliers
from tests.fakes.toy_shop import table_of

N_ITEMS = 600
SECOND = 1 / 86_400


def shoppers(n: int = 40, seed: int = 0) -> list[tuple[str, int, str, float]]:
    """People who look at a few items on a few evenings."""
    chance = random.Random(seed)
    return [
        (f"user-{user:02d}", chance.randrange(N_ITEMS), "view", -chance.randrange(1, 90) + chance.random() / 4)
        for user in range(n)
        for _ in range(chance.randrange(4, 9))
    ]


def found(rows: list[tuple[str, int, str, float]], clock: bool = True, **common: Any) -> OutlierReport:
    return find_outliers(table_of([*shoppers(), *rows], N_ITEMS, **common), N_ITEMS, clock)[1]


def bot(items: list[int], days: list[float]) -> list[tuple[str, int, str, float]]:
    return [("bot", item, "view", day) for item, day in zip(items, days, strict=True)]


CHANCE = random.Random(1)
SIGNS = {
    "repetition": bot([7] * 80, [-60 + 0.5 * k + CHANCE.random() / 3 for k in range(80)]),
    "pace": bot([k % 150 for k in range(1_500)], [-3 + 2 * k * SECOND + (k % 3) * SECOND / 2 for k in range(1_500)]),
    "clockwork": bot([k % 100 for k in range(260)], [-9 + 300 * k * SECOND for k in range(260)]),
    "crawl": bot(list(range(320)), [-3 + CHANCE.random() * 0.7 for _ in range(320)]),
    "sleepless": bot(
        [CHANCE.randrange(100) for _ in range(120)], [-3 + (k // 5 + CHANCE.random()) / 24 for k in range(120)]
    ),
}


@pytest.mark.parametrize("sign", SIGNS)
def test_each_sign_is_seen(sign: str) -> None:
    report = found(SIGNS[sign])
    assert [outlier.user_id for outlier in report.named] == ["bot"]
    assert sign in report.named[0].signs
    assert (report.users, report.events) == (1, len(SIGNS[sign]))


def test_who_does_a_lot_stays() -> None:
    chance = random.Random(2)
    lover = [("fan", item, "rating", -chance.randrange(1, 200) - chance.random() / 4) for item in range(400)]
    wholesaler = [("shop", k % 150, "purchase", -float(k // 50)) for k in range(1_500)]
    report = find_outliers(table_of([*shoppers(), *lover, *wholesaler], N_ITEMS, value=4.0), N_ITEMS, True)[1]
    assert report.users == 0
    assert report.busy_users == 2


def test_where_everybody_repeats_repetition_is_no_sign() -> None:
    listeners = [(f"user-{u}", k % 3, "view", -u - k * 0.3) for u in range(30) for k in range(75 + u)]
    assert find_outliers(table_of(listeners, N_ITEMS), N_ITEMS, True)[1].users == 0


def test_without_a_clock_times_are_no_sign() -> None:
    assert found(SIGNS["clockwork"], clock=False).users == 0
    assert found(SIGNS["repetition"], clock=False).users == 1


def test_with_hardly_any_users_nothing_is_usual() -> None:
    rows = [row for row in shoppers() if row[0] < "user-18"]
    table = table_of([*rows, *SIGNS["repetition"]], N_ITEMS)
    assert len(table.user_ids) == 19
    assert find_outliers(table, N_ITEMS, True)[1] == OutlierReport()


def test_what_is_kept_names_nobody() -> None:
    kept = anonymous(found(SIGNS["repetition"]))
    assert "bot" not in repr(kept)
    assert kept["named"][0]["events"] == 80


def same(one: EventTable, other: EventTable) -> bool:
    columns = ("user", "item", "time_ms", "event_type", "strength", "key")
    return one.user_ids == other.user_ids and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in columns
    )


def test_table_without_them_is_that_of_the_others() -> None:
    people = shoppers()
    table = table_of([*people, *SIGNS["crawl"]], N_ITEMS)
    left_out, _ = find_outliers(table, N_ITEMS, True)
    assert same(without_users(table, left_out), table_of(people, N_ITEMS))
    assert without_users(table, np.zeros_like(left_out)) is table
