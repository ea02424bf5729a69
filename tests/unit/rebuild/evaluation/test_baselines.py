"""The models to be compared with, on data with answers that can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from endcap.catalog.item import Item
from endcap_rebuild.behaviour.lists import ridge_weights
from endcap_rebuild.data.event_table import EventTable
from endcap_rebuild.evaluation.baselines import BEHAVIOUR_BASELINES, SETTINGS_EACH, history_matrix, item_idf
from endcap_rebuild.evaluation.evaluate import BASELINES
from endcap_rebuild.evaluation.models import Baseline, Known, rank, tuned
from endcap_rebuild.evaluation.protocols import Part
from endcap_rebuild.evaluation.questions import Questions, next_items
from endcap_rebuild.evaluation.text_baselines import fixed_formula, properties_of
from tests.fakes.toy_shop import table_of

Row = tuple[str, int, str, float]
BY_NAME = {baseline.name: baseline for baseline in BASELINES}


def known_of(rows: Sequence[Row], n_items: int, texts: NDArray[np.float32] | None = None, clock: bool = True) -> Known:
    # Users keep their numbers: the one who will be asked for is there from the start, with nothing that counts.
    table = table_of([*rows, ("new", 0, "dislike", 0)], n_items)
    vectors = np.zeros((n_items, 2), dtype=np.float32) if texts is None else texts
    items = [Item(item_id=f"{k:03d}", title=f"item {k}", categories=(f"c{k % 2}",)) for k in range(n_items)]
    return Known(table, int(table.time_ms.max(initial=0)), clock, items, vectors, vectors)


def scores(
    name: str, known: Known, history: Sequence[int], setting: dict[str, object] | None = None
) -> NDArray[np.float32]:
    """What a baseline says about a new user with this history, one item a day."""
    n_items = known.n_items
    rows: list[Row] = [("new", item, "purchase", 200.0 + day) for day, item in enumerate([*history, n_items - 1])]
    others: list[Row] = [(user, 0, "view", 0) for user in known.table.user_ids if user != "new"]
    asked = table_of([*others, *rows], n_items)
    last = next_items(asked, np.arange(len(asked)) == int(np.argmax(asked.time_ms)))
    assert last.seen(0).tolist() == list(history)
    baseline = BY_NAME[name]
    return np.asarray(baseline.fit(known, setting or baseline.settings[0])(last)[0])


def test_every_tunable_baseline_has_the_same_number_of_settings() -> None:
    assert {len(baseline.settings) for baseline in BASELINES} == {1, SETTINGS_EACH}


def test_popularity_counts_what_speaks_for_an_item() -> None:
    known = known_of(
        [("a", 0, "purchase", 1), ("b", 0, "purchase", 2), ("b", 1, "purchase", 3), ("b", 2, "return", 4)], 4
    )
    assert scores("popularity", known, [2, 1]).tolist() == [2, 1, 0, 0]


def test_fading_popularity_halves() -> None:
    known = known_of([("a", 0, "purchase", 0), ("a", 1, "purchase", 30)], 4)
    assert scores("recent_popularity", known, [2, 1], {"half_life_days": 30.0}).tolist() == [0.5, 1, 0, 0]
    assert BY_NAME["recent_popularity"].unfit is not None
    assert BY_NAME["recent_popularity"].unfit(known) is None
    assert BY_NAME["recent_popularity"].unfit(known_of([], 1, clock=False)) is not None


def test_history_fades_by_events_and_not_by_the_order_within_a_moment() -> None:
    table = table_of([("a", 0, "view", 1), ("a", 1, "view", 1), ("a", 2, "view", 2), ("a", 3, "view", 3)], 4)
    questions = next_items(table, table.item == 3)
    strength = 0.3  # of a view
    weights = history_matrix(questions, 4, half_life=1.0).toarray()[0]
    assert weights.tolist() == pytest.approx([strength * 0.5**1.5, strength * 0.5**1.5, strength, 0])


def test_a_history_reads_the_same_however_often_it_is_asked_for() -> None:
    rows: list[Row] = [("a", item, "purchase", day) for day, item in enumerate([2, 0, 2, 3])]
    rows += [("b", item, "view", day) for day, item in enumerate([1, 2, 3])]
    table = table_of(rows, 4)
    questions = next_items(table, table.item == 3)
    found = [history_matrix(questions, 4, half_life).toarray().tolist() for half_life in (1.0, None, 1.0, None)]
    assert found[:2] == found[2:]


def test_co_occurrence_points_forward() -> None:
    rows: list[Row] = [(f"u{k}", item, "purchase", day) for k in range(5) for day, item in enumerate([0, 1, 2])]
    found = scores("co_occurrence", known_of(rows, 4), [1])
    assert found[2] > found[0] > 0
    assert found[3] == 0


def test_item_knn_finds_what_the_same_users_chose() -> None:
    rows: list[Row] = [(f"u{k}", item, "purchase", item) for k in range(5) for item in ((0, 1) if k < 3 else (0, 2))]
    found = scores("item_knn", known_of(rows, 4), [0], {"shrinkage": 1.0, "half_life": 2.0})
    assert found[1] > found[2] > 0
    assert found[3] == 0


def test_ease_is_the_ridge_regression_of_each_item_on_the_others() -> None:
    chance = np.random.default_rng(0)
    users = (chance.random((30, 5)) < 0.4).astype(np.float32)
    penalty = 2.0
    weights = ridge_weights(sparse.csr_array(users), penalty)
    assert np.diag(weights).tolist() == [0] * 5
    for item in range(5):
        others = np.delete(np.arange(5), item)
        x, y = users[:, others].astype(np.float64), users[:, item]
        expected = np.linalg.solve(x.T @ x + penalty * np.eye(4), x.T @ y)
        assert weights[others, item].tolist() == pytest.approx(expected.tolist(), abs=1e-4)


def test_user_knn_adds_up_users_beyond_the_threshold() -> None:
    rows: list[Row] = [
        *(("twin", item, "purchase", item) for item in (0, 1)),
        *(("cousin", item, "purchase", item) for item in (0, 2)),
        ("stranger", 3, "purchase", 1),
    ]
    known = known_of(rows, 5)
    idf = np.log((1 + 4) / (1 + np.array([2, 1, 1, 1])))
    # The new user knows item 0 only: the cosine is the share of item 0 in a neighbour's vector.
    share = idf[0] / np.hypot(idf[0], idf[1])
    assert item_idf(sparse.csr_array([[1, 1], [1, 0], [0, 0]])).tolist() == pytest.approx([log(4 / 3), log(4 / 2)])
    by_likeness = scores("user_knn", known, [0], {"threshold": 0.0, "by_likeness": True})
    assert by_likeness.tolist() == pytest.approx([2 * share, share, share, 0, 0], rel=1e-5)
    counted = scores("user_knn", known, [0], {"threshold": 0.0, "by_likeness": False})
    assert counted.tolist() == [2, 1, 1, 0, 0]
    assert scores("user_knn", known, [0], {"threshold": 0.99, "by_likeness": True}).tolist() == [0] * 5


def test_user_knn_leaves_out_the_users_own_row() -> None:
    rows: list[Row] = [("a", 0, "purchase", 1), ("a", 1, "purchase", 2), ("a", 2, "purchase", 3)]
    table = table_of([*rows, ("b", 0, "view", 1), ("c", 2, "view", 1)], 3)
    known = Known(
        table, 0, True, [Item(item_id=str(k), title="") for k in range(3)], *[np.zeros((3, 2), np.float32)] * 2
    )
    asked = next_items(table, table.item == 2)
    found = BY_NAME["user_knn"].fit(known, {"threshold": 0.0, "by_likeness": False})(asked)
    assert found[0].tolist() == [1, 0, 0]  # of b alone


def test_mean_of_texts_is_a_dot_product_with_the_mean() -> None:
    texts = np.array([[1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32)
    mean = (texts[0] + texts[1]) / 2
    found = scores("mean_text", known_of([], 3, texts), [0, 1])
    assert found.tolist() == pytest.approx((texts @ mean).tolist())


def test_text_of_the_last_item_counts_most() -> None:
    texts = np.array([[1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32)
    found = scores("last_text", known_of([], 3, texts), [0, 1], {"whitened": False, "half_life": 1.0})
    assert found.tolist() == pytest.approx((texts @ (0.5 * texts[0] + texts[1])).tolist())


def test_fixed_formula_brings_its_terms_to_one_scale() -> None:
    similarity = np.array([[0.0, 2.0, 1.0]], dtype=np.float32)
    behaviour = np.array([[10.0, 0.0, 5.0]], dtype=np.float32)
    content = np.array([[7.0, 7.0, 7.0]], dtype=np.float32)
    assert fixed_formula(similarity, behaviour, content)[0].tolist() == pytest.approx(
        [0.5 * 0 + 0.3 * 1, 0.5 * 1 + 0.3 * 0, 0.5 * 0.5 + 0.3 * 0.5]
    )


def test_properties_are_what_items_have_in_common() -> None:
    alike = (properties_of(known_of([], 4)) @ properties_of(known_of([], 4)).T).toarray()
    assert alike[0].tolist() == pytest.approx([1, 0, 1, 0])  # every other item has the same category


def test_formula_prefers_what_matches_and_sells() -> None:
    texts = np.array([[1, 0], [0, 1], [0.8, 0.6], [0, 1]], dtype=np.float32)
    found = scores("formula", known_of([("a", 2, "purchase", 1)], 4, texts), [0])
    assert int(np.argmax(found[1:])) + 1 == 2


def asked_of(table: EventTable) -> Questions:
    return next_items(table, table.strength > 0)


def test_tuning_takes_the_setting_that_validates_best() -> None:
    table = table_of([("a", 0, "view", 1), ("a", 1, "view", 2), ("b", 0, "view", 1), ("b", 1, "view", 2)], 30)
    part = Part(np.ones(len(table), dtype=np.bool_), 0, asked_of(table))

    def fit(known: Known, setting: object) -> object:
        assert isinstance(setting, dict)
        row = np.zeros(30, dtype=np.float32)
        row[setting["favourite"]] = 1
        return lambda questions: np.repeat(row[None, :], len(questions), axis=0)

    settings = ({"favourite": 7}, {"favourite": 1}, {"favourite": 9})
    baseline = Baseline("toy", "toy", fit, settings)  # type: ignore[arg-type]
    known = known_of([], 30)
    chosen, tried = tuned(baseline, known, part, lambda done, total: None)
    assert chosen == {"favourite": 1}
    assert [row["ndcg_at_10"] for row in tried] == [0, 1, 0]
    ranked = rank(baseline.fit(known, chosen), part, known, np.zeros(30, dtype=np.bool_))
    assert ranked.ranks.tolist() == [1, 1]
    assert ranked.competing.tolist() == [29, 29]  # the one item seen does not compete
    assert ranked.lists[0][0] == 1
    assert 0 not in ranked.lists


def test_ease_is_left_out_of_large_catalogues() -> None:
    ease = next(baseline for baseline in BEHAVIOUR_BASELINES if baseline.name == "ease")
    assert ease.unfit is not None
    assert ease.unfit(known_of([], 3)) is None
    large = Known(table_of([], 0), 0, True, [Item(item_id="x", title="")] * 15_001, *[np.zeros((1, 1), np.float32)] * 2)
    assert "15,001 items" in str(ease.unfit(large))
