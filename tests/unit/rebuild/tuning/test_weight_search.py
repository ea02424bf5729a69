"""The validation window, quick trials, pools and the coordinate search."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from endcap.errors import InvalidInputError
from endcap.events.interaction import Interaction
from endcap.index.derived import SnapshotTables
from endcap.index.index import ItemIndex
from endcap.profiles.profile import profile_of
from endcap.ranking.features import RankingSettings
from endcap.ranking.terms.registry import DEFAULT_WEIGHTS, TERMS
from endcap_rebuild.behaviour.lists import ListSettings
from endcap_rebuild.data.event_table import EventTable, event_table
from endcap_rebuild.data.reading import ReadReport, read_events
from endcap_rebuild.data.row_weights import is_target, with_even_grades, with_grades, with_type_weights
from endcap_rebuild.metrics.ranking import gain_of, mid_ranks
from endcap_rebuild.tuning import weight_search
from endcap_rebuild.tuning.candidates import Kept, Pools, build_pools, case_terms
from endcap_rebuild.tuning.coordinate_search import coordinate_search
from endcap_rebuild.tuning.halves import Halves
from endcap_rebuild.tuning.list_search import (
    choose_grades,
    choose_list_settings,
    choose_neighbours,
    choose_popularity_half_life,
    choose_type_weights,
    rank_of,
)
from endcap_rebuild.tuning.split import (
    MAX_CASES_PER_ORDER,
    MAX_CASES_PER_USER,
    Cases,
    split_by_time,
    with_last_choices,
    without_absent,
)
from endcap_rebuild.tuning.weight_search import ENCODER_WEIGHT, TUNABLE, Asked, measure, tune
from tests.fakes.toy_shop import CUTOFF_MS, DAY_MS, NOW_MS, chain_events, table_of, write_events
from tests.fakes.toy_snapshot import build_toy_snapshot

N = 40


def silent(step: str, done: int, total: int) -> None:
    pass


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> EventTable:
    """Many users who walk along the items of the toy snapshot."""
    folder = tmp_path_factory.mktemp("chain")
    write_events(folder, chain_events(n_users=300, n_items=N))
    index = {f"item-{k}": k for k in range(N)}
    return event_table(read_events(folder, ReadReport(), NOW_MS), index, ReadReport())


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> ItemIndex:
    return ItemIndex(SnapshotTables(build_toy_snapshot(tmp_path_factory.mktemp("toy"), N)))


def some_cases(table: EventTable, limit: int = 150) -> Cases:
    return split_by_time(table, True, limit, 0).cases


def profiles_of(cases: Cases) -> list[object]:
    ids = [f"item-{k}" for k in range(N)]
    return [profile_of(cases.history(k, ids)) for k in range(len(cases))]


# ------------------------------------------------------------------ the window


def test_cases_are_later_than_everything_counted(chain: EventTable) -> None:
    split = split_by_time(chain, True, 10_000, 0)
    assert split.train.time_ms.max() <= split.cutoff_ms < split.cases.times_ms.min()
    assert len(split.train) / len(chain) == pytest.approx(0.9, abs=0.02)


def test_histories_hold_only_earlier_events_of_the_same_user(chain: EventTable) -> None:
    cases = some_cases(chain)
    assert len(cases) == 150
    for k in range(0, 150, 10):
        target = int(cases.target[k])
        rows = slice(int(cases.first[k]), target)
        assert set(chain.user[rows].tolist()) == {int(chain.user[target])}
        assert chain.time_ms[rows].max() <= chain.time_ms[target]
        assert rows.start == 0 or chain.user[rows.start - 1] != chain.user[target]


def test_heavy_users_give_a_bounded_number_of_cases() -> None:
    rows = [("early", k % 5, "purchase", -200 + k) for k in range(180)] + [("u", 0, "purchase", -300.0)]
    rows += [("u", k % 5, "purchase", 1 + k / 10) for k in range(20)]
    cases = split_by_time(table_of(rows, 5), True, 1000, 0).cases
    assert len(cases) == MAX_CASES_PER_USER


def test_negative_events_are_no_targets() -> None:
    rows = [("u", k % 5, "purchase", k) for k in range(50)] + [("u", 1, "return", 60), ("u", 2, "purchase", 61)]
    table = table_of(rows, 5)
    cases = split_by_time(table, True, 1000, 0).cases
    assert (table.strength[cases.target] > 0).all()


def test_without_a_clock_the_last_event_is_the_target() -> None:
    rows = [("u", k, "purchase", k / 1e6) for k in range(5)] + [("v", k, "purchase", k / 1e6) for k in (2, 0)]
    split = split_by_time(table_of(rows, 5), False, 1000, 0)
    assert split.cases.items.tolist() == [4, 2]
    assert [(split.train.user_ids[u], i) for u, i in zip(split.train.user, split.train.item, strict=True)] == [
        ("u", 0),
        ("u", 1),
        ("u", 2),
        ("u", 3),
        ("v", 0),
    ]


def seen_by(cases: Cases) -> dict[str, list[list[int]]]:
    """What each user had acted on at each of their moments, in the order of the cases."""
    seen: dict[str, list[list[int]]] = {}
    for k in range(len(cases)):
        user = cases.table.user_ids[cases.table.user[cases.target[k]]]
        seen.setdefault(user, []).append(sorted(cases.seen(k).tolist()))
    return seen


@pytest.mark.parametrize("clock", [True, False])
def test_an_order_is_asked_for_as_it_begins_halfway_and_for_its_last_line(clock: bool) -> None:
    rows = [(f"early-{k}", k % 9, "purchase", k / 10) for k in range(100)]
    rows += [("u", 0, "purchase", 1.0), ("u", 1, "purchase", 2.0)]
    rows += [("u", k, "purchase", 20.0) for k in range(2, 9)]
    rows += [("first order", k, "purchase", 20.0) for k in range(3)]
    rows += [("v", 0, "view", 1.0), ("v", 1, "view", 20.0), ("v", 2, "view", 20.0)]
    table = table_of(rows, 9)
    cases = split_by_time(table, clock, 1000, 0).cases
    seen = seen_by(cases)
    # Where timestamps are no times, one of them for all says nothing: the last event is the next item.
    assert [len(items) for items in seen["u"]] == ([2, 5, 8] if clock else [8])
    assert [len(items) for items in seen["first order"]] == ([1, 2] if clock else [2])
    assert [len(items) for items in seen["v"]] == ([1, 2] if clock else [2])
    assert not cases.repeated.any()


def test_the_same_items_are_asked_for_from_before_their_orders() -> None:
    rows = [(f"early-{k}", k % 9, "purchase", k / 10) for k in range(100)]
    rows += [("u", 0, "purchase", 1.0), ("u", 1, "purchase", 2.0)]
    rows += [("u", k, "purchase", 20.0) for k in (0, 2, 3, 4, 5, 6)] + [("u", 2, "purchase", 20.0)]
    rows += [("first order", k, "purchase", 20.0) for k in range(3)]
    table = table_of(rows, 9)
    cases = split_by_time(table, True, 1000, 0).cases
    before = cases.before_orders(True)
    # Nobody knows anything of somebody before their first order.
    assert seen_by(before) == {"u": [[0, 1]] * MAX_CASES_PER_ORDER}
    assert set(before.target.tolist()) < set(cases.target.tolist())
    # What is twice in an order is no repeat: before the order it was new.
    assert before.repeated.tolist() == [item in (0, 1) for item in before.items.tolist()]


def test_a_session_of_purchases_is_one_order() -> None:
    rows = [("u", k, "purchase", float(k)) for k in range(20)]
    alone = split_by_time(table_of(rows, 20), True, 1000, 0).cases
    assert len(alone.before_orders(True)) == len(alone) > 1
    whole = split_by_time(table_of(rows, 20, session_id="s"), True, 1000, 0).cases
    assert seen_by(whole) == {"u": [list(range(19))]}
    assert len(whole.before_orders(True)) == 0


def test_items_that_came_after_the_window_do_not_compete() -> None:
    rows = [(f"u{k}", k % 5, "purchase", float(k)) for k in range(90)]
    rows += [("u0", 5, "purchase", 95.0), ("u1", 6, "purchase", 96.0)] + [(f"u{k}", 0, "view", 97.0) for k in range(8)]
    split = split_by_time(table_of(rows, 20), True, 1000, 0)
    unknown = np.full(20, np.nan)
    # Two items were first touched in the window, so two of the thirteen others are taken to come later.
    absent = without_absent(split, unknown, 0).cases.absent
    assert len(absent) == 2
    assert absent.min() >= 7
    dated = unknown.copy()
    dated[7:20] = split.cutoff_ms - 1
    dated[18:] = split.cutoff_ms + 1
    assert without_absent(split, dated, 0).cases.absent.tolist() == [18, 19]


def test_a_window_of_few_users_asks_for_the_last_choices_of_others() -> None:
    rows = [(f"u{k % 8}", k % 5, "purchase", float(k)) for k in range(80)]
    rows += [("u0", k, "purchase", 100.0 + k) for k in range(5, 14)]
    table = table_of(rows, 20)
    few = split_by_time(table, True, 1000, 0)
    asked = {table.user_ids[user] for user in table.user[few.cases.target]}
    assert asked == {"u0"}
    more = with_last_choices(few, True, users=4)
    added = sorted(set(more.cases.target.tolist()) - set(few.cases.target.tolist()))
    # Those who chose last before the window, and what they chose last.
    assert [(table.user_ids[table.user[row]], float(table.time_ms[row])) for row in added] == [
        (f"u{k}", float(CUTOFF_MS + (72 + k) * DAY_MS)) for k in (5, 6, 7)
    ]
    counted = {(int(user), int(at)) for user, at in zip(more.train.user, more.train.time_ms, strict=True)}
    assert not counted & {(int(table.user[row]), int(table.time_ms[row])) for row in more.cases.target}
    assert len(more.train) == len(few.train) - 3
    assert all(table.user[more.cases.first[k]] == table.user[row] for k, row in enumerate(more.cases.target))
    assert with_last_choices(few, True, users=1) is few
    assert with_last_choices(few, False, users=4) is few
    assert len({*table.user[with_last_choices(few, True).cases.target].tolist()}) == 8


def test_a_last_choice_is_seen_from_within_its_order_of_which_nothing_is_counted() -> None:
    rows = [(f"u{k % 8}", k % 5, "purchase", float(k)) for k in range(80)]
    rows += [("w", k, "purchase", 79.5) for k in range(4)]
    rows += [("u0", k, "purchase", 100.0 + k) for k in range(5, 15)]
    table = table_of(rows, 20)
    few = split_by_time(table, True, 1000, 0)
    more = with_last_choices(few, True, users=2)
    known = seen_by(more.cases)["w"]
    assert [len(items) for items in known] == [3]
    assert table.user_ids.index("w") in few.train.user
    assert table.user_ids.index("w") not in more.train.user


def test_absent_items_take_no_rank(chain: EventTable) -> None:
    cases = some_cases(chain, 5)
    target = int(cases.items[0])
    scores = np.zeros(N, dtype=np.float32)
    scores[target] = 1
    others = np.setdiff1d(np.arange(N), [target, *cases.seen(0).tolist()])
    scores[others[:3]] = 2
    assert rank_of(scores, cases, 0) == 4
    assert rank_of(scores, replace(cases, absent=others[:2].astype(np.int32)), 0) == 2


def test_repeats_are_marked() -> None:
    rows = [("u", k % 3, "purchase", k) for k in range(20)]
    assert split_by_time(table_of(rows, 3), True, 1000, 0).cases.repeated.all()


@pytest.mark.parametrize("rows", [[], [("u", 0, "purchase", 0.0)], [("u", 0, "return", 0.0), ("u", 0, "return", 3.0)]])
def test_too_little_data_gives_no_cases_and_everything_to_count(rows: list[tuple[str, int, str, float]]) -> None:
    for clock in (True, False):
        table = table_of(rows, 1)
        split = split_by_time(table, clock, 100, 0)
        assert len(split.cases) == 0
        assert len(split.train) == len(table)


# ------------------------------------------------------------------ trials


def test_rank_of_a_case_is_the_mid_rank_without_seen_items(chain: EventTable) -> None:
    cases = some_cases(chain, 30)
    chance = np.random.default_rng(0)
    for k in range(len(cases)):
        scores = chance.integers(0, 6, N).astype(np.float32)
        allowed = np.ones(N, dtype=bool)
        allowed[cases.seen(k)] = False
        assert rank_of(scores, cases, k) == mid_ranks(scores, [cases.items[k]], allowed)[0]
        assert rank_of(scores, cases, k, seen_too=True) == mid_ranks(scores, [cases.items[k]])[0]


def test_gain_is_the_discount_of_the_rank() -> None:
    assert gain_of(np.array([1.0, 3.0, 10.5])).tolist() == [1, 1 / 2, 0]


def test_trials_report_what_they_tried_and_choose_the_best(chain: EventTable) -> None:
    split = split_by_time(chain, True, 200, 0)
    settings, tried = choose_list_settings(split, N, 0)
    by_counts = [row for row in tried if "window" in row]
    best = max(by_counts, key=lambda row: row["ndcg_at_10"])
    assert (settings.window, settings.source_power, settings.target_power) == (
        best["window"],
        best["source_power"],
        best["target_power"],
    )
    assert best["ndcg_at_10"] > 0.4
    by_share = [row for row in tried if "reverse_share" in row]
    assert {row["reverse_share"] for row in by_share} == {0.0, 0.25}
    better = [row for row in by_share if row["ndcg_at_10"] > best["ndcg_at_10"]]
    expected = max(better, key=lambda row: row["ndcg_at_10"])["reverse_share"] if better else 0.5
    assert settings.reverse_share == expected


def test_reversed_pairs_do_not_count_where_nothing_leads_back() -> None:
    # The way to an odd item is trodden far more often than the way from it, and is taken for it if it counts backwards.
    walks = [k for k in range(N) for _ in range(6 if k % 2 else 40)]
    days = np.random.default_rng(0).uniform(20, 30, len(walks)).tolist()
    rows = [
        (f"u{user}", item % N, "view", day)
        for user, (start, late) in enumerate(zip(walks, days, strict=True))
        for item, day in ((start, 0), (start + 1, late))
    ]
    one_way = split_by_time(table_of(rows, N), True, 400, 0)
    assert choose_list_settings(one_way, N, 0)[0].reverse_share == 0


def sets_with_grades(in_the_set: float, elsewhere: float) -> EventTable:
    """Shoppers who choose among the four items of a set, and two of four that everybody knows."""
    chance = np.random.default_rng(0)
    events = []
    for user in range(240):
        own = 4 + 4 * (user % 9) + chance.permutation(4)
        common = chance.permutation(4)[:2]
        walk = [(int(common[0]), elsewhere), *((int(item), in_the_set) for item in own[:3])]
        walk += [(int(common[1]), elsewhere), (int(own[3]), in_the_set)]
        start = CUTOFF_MS - (30 + user) * DAY_MS
        times = [start + k * DAY_MS for k in range(len(walk) - 1)] + [CUTOFF_MS - user]
        events += [
            Interaction(f"e{user}-{k}", f"u{user}", "rating", at, f"item-{item}", value=grade)
            for k, ((item, grade), at) in enumerate(zip(walk, times, strict=True))
        ]
    return event_table(events, {f"item-{k}": k for k in range(N)}, ReadReport())


def test_how_much_something_was_liked_counts_in_neighbours_as_far_as_it_leads_on() -> None:
    # What is chosen next is of the set. Where that was liked least, grades point elsewhere.
    for in_the_set, elsewhere, evenly in ((3.5, 5.0, True), (5.0, 3.5, False)):
        split = split_by_time(sets_with_grades(in_the_set, elsewhere), True, 400, 0)
        settings, tried = choose_neighbours(split, N, ListSettings())
        assert settings.neighbours_evenly == evenly
        best = max(tried, key=lambda row: row["ndcg_at_10"])
        assert (best["ridge"], bool(best.get("evenly"))) == (settings.ridge, settings.neighbours_evenly)


def test_without_grades_there_is_no_question_of_how_much_they_count(chain: EventTable) -> None:
    settings, tried = choose_neighbours(split_by_time(chain, True, 200, 0), N, ListSettings())
    assert not settings.neighbours_evenly
    assert all("evenly" not in row for row in tried)


def test_even_grades_say_whether_and_not_how_much() -> None:
    grades = (5.0, 4.0, 3.0, 1.0, None)
    events = [Interaction(f"e{k}", "u", "rating", CUTOFF_MS + k, f"item-{k}", value=g) for k, g in enumerate(grades)]
    events[-1] = Interaction("e4", "u", "view", CUTOFF_MS + 4, "item-4")
    table = event_table(events, {f"item-{k}": k for k in range(N)}, ReadReport())
    even = with_even_grades(table)
    assert (np.sign(even.strength) == np.sign(table.strength)).all()
    assert even.strength[even.strength > 0].tolist() == table.weight[even.strength > 0].tolist()
    assert even.strength[table.strength <= 0].tolist() == table.strength[table.strength <= 0].tolist()
    assert len(set(table.strength.tolist())) > len(set(even.strength.tolist()))


def test_popularity_of_a_shop_without_clock_does_not_decay(chain: EventTable) -> None:
    assert choose_popularity_half_life(split_by_time(chain, False, 200, 0), N, False) == (None, [])


# ------------------------------------------------------------------ pools and search


def test_pools_rank_as_the_whole_catalogue_does(chain: EventTable, index: ItemIndex) -> None:
    cases = some_cases(chain, 60)
    profiles = profiles_of(cases)
    factors = np.array([DEFAULT_WEIGHTS[term] for term in TERMS])
    pools = build_pools(index, cases, profiles, RankingSettings(), factors)
    by_pool = pools.ranks(pools.scores(factors))
    terms = case_terms(index, cases, profiles, RankingSettings())
    whole = [rank_of(factors.astype(np.float32) @ row, cases, k) for k, row in enumerate(terms)]
    # The toy catalogue fits into every pool, so not only the first places agree.
    np.testing.assert_array_equal(by_pool, whole)


def test_what_is_kept_of_cases_or_counts_for_nothing_changes_no_score(chain: EventTable, index: ItemIndex) -> None:
    cases = some_cases(chain, 12)
    profiles, kept = profiles_of(cases), Kept()
    factors = np.array([DEFAULT_WEIGHTS[term] if row % 2 else 0.0 for row, term in enumerate(TERMS)])
    for changes in (
        {},
        {"history_half_life_events": 7.0, "history_floor": 0.5},
        {"text_half_life_events": 4.0, "affinity_half_life_events": 3.0},
        {"time_half_life_factor": 32.0},
        {"grade_strength": 0.0, "demand_fade_days": 30.0},
    ):
        trial = replace(RankingSettings(), **changes)
        afresh = case_terms(index, cases, profiles, trial)
        again = case_terms(index, cases, profiles, trial, factors, kept)
        for plain, short in zip(afresh, again, strict=True):
            small = factors.astype(np.float32)
            np.testing.assert_array_equal(small @ plain, small @ short)


def test_ties_in_a_pool_share_their_mean_rank() -> None:
    terms = np.zeros((len(TERMS), 5), dtype=np.float32)
    pools = Pools(terms, np.array([0, 3, 5]), np.array([1, 4]))
    assert pools.ranks(pools.scores(np.ones(len(TERMS)))).tolist() == [2, 1.5]


def test_search_finds_the_term_that_knows_and_drops_the_one_that_misleads() -> None:
    chance = np.random.default_rng(0)
    n_cases, size = 200, 30
    terms = np.zeros((len(TERMS), n_cases * size), dtype=np.float32)
    starts = np.arange(n_cases + 1) * size
    targets = starts[:-1] + chance.integers(0, size, n_cases)
    good, bad = TERMS.index("text"), TERMS.index("next")
    terms[good] = chance.normal(size=n_cases * size)
    terms[good, targets] += 3
    terms[bad] = chance.normal(size=n_cases * size)
    terms[bad, targets] -= 1
    pools = Pools(terms, starts, targets)
    weights = np.array([DEFAULT_WEIGHTS[term] if term in TUNABLE else 0.0 for term in TERMS])
    found = coordinate_search(pools, weights, np.ones(len(TERMS)), 3, TUNABLE)
    assert found[bad] == 0
    assert found[good] > 0


def test_tuned_weights_are_never_worse_on_the_window(chain: EventTable, index: ItemIndex) -> None:
    cases = some_cases(chain, 200)
    tuned = tune(index, cases, profiles_of(cases), silent)
    evidence = tuned.evidence
    assert evidence["after"]["ndcg_at_10"] >= evidence["before"]["ndcg_at_10"]
    assert evidence["cases"] + evidence["repeat_cases"] == len(cases)
    assert set(tuned.weights) == set(TERMS)
    assert all(weight >= 0 for weight in tuned.weights.values())


def test_what_is_bought_again_is_asked_for_from_before_the_orders(index: ItemIndex) -> None:
    rows = [(f"u{k}", (k + line) % N, "purchase", k / 100) for k in range(800) for line in (0, 1)]
    rows += [(f"u{k}", (k + line) % N, "purchase", 20 + k / 100) for k in range(800) for line in (0, 2, 3)]
    table = table_of(rows, N)
    cases = split_by_time(table, True, 1000, 0).cases
    orders = cases.before_orders(True)
    ids = [f"item-{k}" for k in range(N)]
    own, whole = ([profile_of(each.history(k, ids)) for k in range(len(each))] for each in (cases, orders))
    tuned = tune(index, cases, own, silent, again=Asked(orders, whole, seen_too=True))
    evidence = tuned.evidence
    assert evidence["cases"] == np.count_nonzero(~cases.repeated)
    assert evidence["repeat_cases"] == np.count_nonzero(orders.repeated)
    with_repeats = evidence["with_repeats"]
    assert with_repeats["after"]["ndcg_at_10"] > with_repeats["before"]["ndcg_at_10"]
    # Beside a query the other terms weigh what they do by default, whatever having been chosen before is worth.
    others = [term for term in TUNABLE if term != "again"]
    assert sum(tuned.weights[term] for term in others) == pytest.approx(sum(DEFAULT_WEIGHTS[term] for term in others))
    assert tuned.weights["again"] == pytest.approx(
        evidence["repeats"]["share"] * sum(tuned.weights[term] for term in others), rel=1e-4
    )


def test_measure_agrees_with_the_evidence(chain: EventTable, index: ItemIndex) -> None:
    cases = some_cases(chain, 40)
    terms = np.zeros(len(TERMS))
    terms[TERMS.index("next")] = 1
    found = measure(index, Asked(cases, profiles_of(cases), seen_too=False), RankingSettings(), terms)
    # The toy list knows the successor of every item; nine of ten steps go there.
    assert found["hit_rate_at_10"] > 0.7
    assert found["ndcg_at_10"] <= found["hit_rate_at_10"]


def test_few_cases_leave_the_default_weights(chain: EventTable, index: ItemIndex) -> None:
    cases = some_cases(chain, 20)
    tuned = tune(index, cases, profiles_of(cases), silent)
    assert tuned.weights == dict(DEFAULT_WEIGHTS)
    assert tuned.settings == RankingSettings()
    assert "fewer than" in tuned.evidence["reason"]


def with_an_encoder(knows: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user encoder whose likeness is noise, and higher by `knows` for what is chosen next."""

    def pools_of(*arguments: Any, **named: Any) -> Pools:
        pools = build_pools(*arguments, **named)
        row = pools.terms[TERMS.index("similarity")]
        row[:] = np.random.default_rng(5).normal(size=len(row))
        row[pools.targets] += knows
        return pools

    monkeypatch.setattr(weight_search, "build_pools", pools_of)


def test_an_encoder_that_knows_more_ships(chain: EventTable, index: ItemIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = some_cases(chain, 200)
    with_an_encoder(4.0, monkeypatch)
    tuned = tune(index, cases, profiles_of(cases), silent)
    assert tuned.weights["similarity"] > 0
    found = tuned.evidence
    assert found["held_out_ndcg_at_10"]["after"] > found["held_out_ndcg_at_10_without_encoder"]


def test_an_encoder_that_knows_nothing_leaves_the_weights_as_they_are_without_it(
    chain: EventTable, index: ItemIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = some_cases(chain, 200)
    without = tune(index, cases, profiles_of(cases), silent)
    with_an_encoder(0.0, monkeypatch)
    tuned = tune(index, cases, profiles_of(cases), silent)
    assert tuned.weights["similarity"] == 0
    assert tuned.weights == pytest.approx(without.weights)
    assert tuned.settings == without.settings


def test_where_nothing_beats_the_default_weights_an_encoder_has_its_own(
    chain: EventTable, index: ItemIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = some_cases(chain, 200)
    with_an_encoder(4.0, monkeypatch)
    monkeypatch.setattr(Halves, "averaged", lambda halves, ways, seed: (halves.fixed("default", ways[-1].weights), {}))
    tuned = tune(index, cases, profiles_of(cases), silent)
    assert not tuned.evidence["tuned"]
    known = {term: DEFAULT_WEIGHTS[term] for term in TUNABLE if term not in ("similarity", "again")}
    share = sum(known.values()) / (sum(known.values()) + ENCODER_WEIGHT)
    assert tuned.weights["similarity"] == pytest.approx(ENCODER_WEIGHT * share, rel=1e-4)
    assert tuned.weights["next"] == pytest.approx(known["next"] * share, rel=1e-4)


def test_cases_have_the_clock_of_their_next_item(chain: EventTable) -> None:
    cases = some_cases(chain, 10)
    assert (cases.times_ms <= CUTOFF_MS).all()


# ------------------------------------------------------------------ targets and grades


def test_next_is_whatever_was_chosen_and_liked_what_turned_out_well() -> None:
    said = [("view", None), ("purchase", None), ("return", None), ("rating", 5.0), ("rating", 1.0), ("wishlist", None)]
    events = [
        Interaction(f"e{k}", "u", kind, CUTOFF_MS + k, f"item-{k}", value=value) for k, (kind, value) in enumerate(said)
    ]
    table = event_table(events, {f"item-{k}": k for k in range(N)}, ReadReport())
    assert is_target(table, "next").tolist() == [True, True, False, True, True, True]
    assert is_target(table, "liked").tolist() == [False, True, False, True, False, True]
    with pytest.raises(InvalidInputError, match="no such target"):
        is_target(table, "bought")


def test_a_window_asks_for_its_target() -> None:
    table = rated_walks(True)
    asked = {target: split_by_time(table, True, 1_000, 0, target).cases for target in ("next", "liked")}
    grades = {target: set(table.grade[cases.target].tolist()) for target, cases in asked.items()}
    assert grades == {"next": {1.0, 5.0}, "liked": {5.0}}


def rated_walks(bad_leads_on: bool) -> EventTable:
    """Users who walk along the items and rate each; after a bad one they go anywhere, or on as after a good one."""
    chance = np.random.default_rng(5)
    events = []
    for user in range(500):
        at, day = int(chance.integers(N)), float(chance.uniform(0, 60))
        for step in range(6):
            bad = chance.random() < 0.5
            grade = 1.0 if bad else 5.0
            moment = CUTOFF_MS + round((day + step) * 86_400_000)
            events.append(Interaction(f"e{user}-{step}", f"u{user}", "rating", moment, f"item-{at}", value=grade))
            at = (at + 1) % N if bad_leads_on or not bad else int(chance.integers(N))
    return event_table(events, {f"item-{k}": k for k in range(N)}, ReadReport())


@pytest.mark.parametrize("bad_leads_on", [True, False])
def test_the_window_says_what_a_bad_grade_means_for_what_comes_next(bad_leads_on: bool) -> None:
    split = split_by_time(rated_walks(bad_leads_on), True, 400, 0)
    lists, strength, tried = choose_grades(split, N, ListSettings(), 0)
    assert not bad_leads_on or (lists.next_grades, lists.neighbour_grades) == (0.0, 0.0)
    assert strength == 0.0 if bad_leads_on else strength > 0.0
    assert {row["history_grades"] for row in tried} == {0.0, 0.5, 1.0}


def test_a_type_of_event_that_misleads_counts_less() -> None:
    chance = np.random.default_rng(3)
    rows = []
    for user in range(500):
        at, day = int(chance.integers(N)), float(chance.uniform(0, 60))
        for step in range(4):
            rows.append((f"u{user}", (at + step) % N, "purchase", day + step))
            rows += [(f"u{user}", int(chance.integers(N)), "view", day + step + 0.1 * (k + 1)) for k in range(6)]
    split = split_by_time(table_of(rows, N), True, 600, 0, "liked")
    split = replace(split, train=with_type_weights(split.train, {"view": 3.0}))
    found, tried = choose_type_weights(split, N, ListSettings(), 0)
    assert set(found) == {"view"}
    assert found["view"] < 1
    assert {row["factor"] for row in tried} == {0.0, 0.3, 3.0}
    counted = with_type_weights(split.train, found)
    views = counted.event_type == counted.event_types.index("view")
    np.testing.assert_allclose(counted.strength[views], found["view"] * split.train.strength[views])
    assert (counted.strength[~views] == split.train.strength[~views]).all()


def test_a_single_type_of_event_is_left_as_it_is(chain: EventTable) -> None:
    assert choose_type_weights(split_by_time(chain, True, 200, 0), N, ListSettings(), 0) == ({}, [])


def test_without_grades_nothing_is_tried(chain: EventTable) -> None:
    assert choose_grades(split_by_time(chain, True, 200, 0), N, ListSettings(), 0) == (ListSettings(), 1.0, [])


def test_grades_that_do_not_count_leave_what_the_type_weighs() -> None:
    table = rated_walks(True)
    assert (with_grades(table, 0.0).strength == table.weight).all()
    np.testing.assert_allclose(with_grades(table, 0.5).strength, (table.strength + table.weight) / 2, rtol=1e-6)
    assert with_grades(table, 1.0) is table
