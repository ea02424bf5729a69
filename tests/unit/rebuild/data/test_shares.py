import numpy as np
import pytest

from endcap_rebuild.data.shares import MOST_A_DAY, MOST_EVENTS, MOST_TIMES, capped, counted, largest_share, pairs_of

DAY_MS = 86_400_000


def test_of_one_shopper_item_and_day_three_events_count_and_of_all_days_the_newest_five():
    days = np.repeat(np.arange(6), 5)
    times = days * DAY_MS + np.tile(np.arange(5), 6)
    mask = counted(np.zeros(30, dtype=np.int64), times, np.ones(30))
    assert int(mask.sum()) == MOST_EVENTS
    assert np.bincount(days[mask]).tolist() == [0, 0, 0, 0, 2, MOST_A_DAY]


def test_events_that_speak_against_an_item_neither_count_nor_take_a_place():
    strength = np.array([-1.0, 1, -1, 1, 1, 1])
    assert counted(np.zeros(6, dtype=np.int64), np.arange(6), strength).tolist() == [0, 1, 0, 1, 1, 0]


def test_shoppers_and_items_are_apart():
    pair = pairs_of(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1], dtype=np.int32))
    assert len(set(pair.tolist())) == 4
    assert counted(np.repeat(pair, 3), np.zeros(12, dtype=np.int64), np.ones(12)).all()


def test_what_one_shopper_says_for_one_item_adds_up_to_no_more_than_may_be():
    assert capped(np.array([0, 0, 1]), np.array([4.0, 8.0, 2.5]), 3.0).tolist() == [1.0, 2.0, 2.5]


def test_one_shopper_may_say_what_nearly_all_say_and_one_to_three_times_what_the_strongest_event_says():
    pair = np.repeat(np.arange(100), 4)  # four events of each
    strength = np.tile([0.3, 0.5, 0.3, 1.0], 100)
    assert largest_share(pair, strength) == pytest.approx(2.1)
    assert largest_share(np.arange(4), np.array([0.3, 0.3, 1.25, 0.3])) == 1.25
    assert largest_share(np.zeros(50, dtype=np.int64), np.full(50, 0.3)) == pytest.approx(MOST_TIMES * 0.3)
    assert largest_share(np.zeros(0, dtype=np.int64), np.zeros(0)) == 0.0
