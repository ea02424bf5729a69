"""What is known and what is asked, on tables of a few rows that can be followed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from endcap.errors import InvalidInputError
from endcap.events.interaction import Interaction
from endcap_rebuild.data.event_table import EventTable, chance_keys, event_table
from endcap_rebuild.data.reading import ReadReport
from endcap_rebuild.evaluation.protocols import COLD_SHARE, QUESTIONS_PER_USER, split
from endcap_rebuild.evaluation.questions import next_items, next_orders
from tests.fakes.toy_shop import table_of
from tests.fakes.toy_snapshot import CUTOFF_MS


def items_asked(table: EventTable, **kinds: bool) -> list[tuple[list[int], list[int]]]:
    """(history, answers) of every question as item numbers."""
    ask = next_orders if kinds.get("orders") else next_items
    questions = ask(table, table.strength > 0)
    return [(questions.seen(k).tolist(), questions.items_of(k).tolist()) for k in range(len(questions))]


def test_questions_are_first_choices_with_a_history() -> None:
    table = table_of(
        [
            ("a", 0, "purchase", 1),
            ("a", 1, "view", 2),
            ("a", 0, "purchase", 3),
            ("a", 2, "return", 4),
            ("b", 3, "view", 1),
        ],
        n_items=4,
    )
    # Item 0 comes again and the return speaks against item 2, so neither is asked for; b has no history.
    assert items_asked(table) == [([0], [1])]


def test_next_order_is_seen_from_before_it() -> None:
    table = table_of(
        [("a", 0, "purchase", 1), ("a", 1, "purchase", 2), ("a", 0, "purchase", 2), ("a", 2, "purchase", 3)], n_items=3
    )
    first, second = items_asked(table, orders=True)
    assert first[0] == [0]
    assert sorted(first[1]) == [0, 1]  # item 0 again, and 1: one order, neither in the history of the other
    assert (sorted(second[0]), second[1]) == ([0, 0, 1], [2])


def test_items_of_one_session_are_one_order() -> None:
    rows = [("a", 0, "purchase", 1.0)]
    session = [("a", 1, "purchase", 2.0), ("a", 2, "purchase", 2.1), ("a", 1, "purchase", 2.2)]
    alone, together = table_of(rows, 3), table_of(session, 3, session_id="s")
    assert items_asked(alone, orders=True) == []
    assert items_asked(together, orders=True) == []  # the only order has nothing before it
    both = table_of(rows + session, 3)
    assert len(items_asked(both, orders=True)) == 3  # without sessions each moment is an order


def test_answers_of_an_order_are_distinct() -> None:
    table = table_of([("a", 0, "view", 1), ("a", 1, "view", 2), ("a", 1, "view", 2)], n_items=2)
    assert items_asked(table, orders=True) == [([0], [1])]


def daily(n_users: int = 4, days: int = 30) -> EventTable:
    """Everybody chooses item `day` on each day."""
    return table_of([(f"u{u}", d, "purchase", d + u / 10) for u in range(n_users) for d in range(days)], days)


def test_temporal_split_knows_nothing_later_than_its_cut() -> None:
    table = daily()
    parts = split(table, True, 30, "temporal", False, None, 0)
    for part, share in ((parts.validation, 0.8), (parts.test, 0.9)):
        assert part.known.mean() == pytest.approx(share, abs=0.02)
        assert part.table.time_ms.max() == part.cutoff_ms
        assert (part.questions.times_ms > part.cutoff_ms).all()
    assert (parts.validation.questions.times_ms <= parts.test.cutoff_ms).all()
    # History rolls on: the question of the last day has seen the day before, which no model knows.
    last = parts.test.questions.chosen(np.array([-1]))
    assert last.seen(0).tolist() == list(range(29))


def test_temporal_split_asks_each_user_ten_times_at_most() -> None:
    busy = [("busy", d, "purchase", 100 + d / 100) for d in range(50)]
    quiet = [(f"u{u}", d, "purchase", d) for u in range(50) for d in range(9)]
    parts = split(table_of(busy + quiet, 50), True, 50, "temporal", False, None, 0)
    _, count = np.unique(parts.test.questions.users, return_counts=True)
    assert count.max() == QUESTIONS_PER_USER


def test_temporal_split_needs_a_clock() -> None:
    with pytest.raises(InvalidInputError, match="leave-one-out"):
        split(daily(), False, 30, "temporal", False, None, 0)


def test_leave_one_out_asks_for_the_last_choice() -> None:
    parts = split(daily(3, 6), True, 6, "leave-one-out", False, None, 0)
    assert parts.test.questions.items.tolist() == [5, 5, 5]
    assert parts.validation.questions.items.tolist() == [4, 4, 4]
    assert sorted(set(parts.test.table.item.tolist())) == [0, 1, 2, 3, 4]
    assert sorted(set(parts.validation.table.item.tolist())) == [0, 1, 2, 3]


def test_cold_split_takes_items_out_of_training_alone() -> None:
    table = daily(40, 30)
    shuffled = table.rows(np.arange(len(table)))
    parts = split(shuffled, True, 30, "cold", False, None, seed=1)
    assert parts.left_out.sum() == int(30 * COLD_SHARE)
    assert not parts.left_out[parts.test.table.item].any()
    assert not parts.left_out[parts.validation.questions.items].any()
    assert len(parts.test.questions) == 40  # everybody's last choice is asked for, left out or not
    other = split(shuffled, True, 30, "cold", False, None, seed=2)
    assert (other.left_out != parts.left_out).any()


def test_drawn_questions_are_some_of_all_and_always_the_same() -> None:
    every = split(daily(40, 30), True, 30, "temporal", False, None, 0).test.questions
    some = split(daily(40, 30), True, 30, "temporal", False, 17, 0).test.questions
    again = split(daily(40, 30), True, 30, "temporal", False, 17, 5).test.questions
    assert len(some) == 17
    assert set(some.answers.tolist()) < set(every.answers.tolist())
    assert some.answers.tolist() == again.answers.tolist()


def test_nothing_to_ask_is_said() -> None:
    with pytest.raises(InvalidInputError, match="too few"):
        split(table_of([("a", 0, "view", 1)], 1), True, 1, "leave-one-out", False, None, 0)
    with pytest.raises(InvalidInputError, match="no such protocol"):
        split(daily(), True, 30, "sideways", False, None, 0)


def test_newness_of_one_moment_is_shared() -> None:
    table = table_of([("a", 0, "view", 1), ("a", 1, "view", 1), ("a", 2, "view", 2), ("a", 3, "view", 3)], 4)
    questions = next_items(table, table.strength > 0)
    last = questions.chosen(np.array([-1])).histories
    assert last.newness.tolist() == [(1 + 2) / 2, (1 + 2) / 2, 0]
    assert last.starts.tolist() == [0, 3]


def test_users_with_the_same_event_ids_are_drawn_and_ordered_apart() -> None:
    rows = [Interaction("same", f"u{k}", "view", CUTOFF_MS, "000") for k in range(1_000)]
    table = event_table(rows, {"000": 0}, ReadReport())
    assert len(set(table.key.tolist())) == 1
    keys = chance_keys(table, np.arange(len(table)), 7)
    assert len(set(keys.tolist())) == 1_000
    # As good as chance: half of them lie in the lower half, give or take four deviations.
    assert abs(int((keys < 2**63).sum()) - 500) < 4 * np.sqrt(1_000) / 2
