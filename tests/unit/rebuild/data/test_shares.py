import numpy as np

from endcap_rebuild.data.shares import MOST_A_DAY, MOST_EVENTS, MOST_STRENGTH, capped, counted, largest_share, pairs_of

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


def test_one_shopper_may_say_what_nearly_all_say_at_least_a_purchase_and_three_at_most():
    pairs = np.arange(100)
    usual = np.full(100, 2.1)
    usual[:5] = 50.0
    assert largest_share(pairs, usual) == 2.1
    assert largest_share(pairs, np.full(100, 0.3)) == 1.0
    assert largest_share(pairs, np.full(100, 50.0)) == MOST_STRENGTH
