"""SASRec as a baseline: it learns an order, repeats itself, and sees every pair of neighbours once."""

from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (make setup-training)")

from endcap.catalog.item import Item
from endcap_rebuild.evaluation.evaluate import BASELINES, baselines_of
from endcap_rebuild.evaluation.models import Known
from endcap_rebuild.evaluation.questions import next_items
from endcap_rebuild.evaluation.sasrec import LONGEST, SASREC, filled_up, scores_of, sequences_of, trained
from tests.fakes.toy_shop import table_of

pytestmark = pytest.mark.training

N_ITEMS = 12


def known_of(rows: list[tuple[str, int, str, float]], n_items: int = N_ITEMS) -> Known:
    nothing = np.zeros((n_items, 1), dtype=np.float32)
    items = [Item(item_id=f"{k:03d}", title="") for k in range(n_items)]
    return Known(table_of(rows, n_items), 0, True, items, nothing, nothing)


@pytest.fixture(scope="module")
def ring() -> Known:
    """Users who walk around a ring of items."""
    chance = np.random.default_rng(0)
    firsts = chance.integers(N_ITEMS, size=300).tolist()
    return known_of(
        [(f"u{u}", (first + k) % N_ITEMS, "purchase", k) for u, first in enumerate(firsts) for k in range(5)]
    )


def test_order_is_learned(ring: Known) -> None:
    questions = next_items(ring.table, ring.table.strength > 0)
    scores = SASREC.fit(ring, {"dropout": 0.2, "epochs": 20})(questions)
    newest = questions.table.item[questions.end - 1]
    assert scores.shape == (len(questions), N_ITEMS)
    assert (scores.argmax(axis=1) == (newest + 1) % N_ITEMS).mean() > 0.95


def test_training_repeats_itself(ring: Known) -> None:
    questions = next_items(ring.table, ring.table.strength > 0).chosen(np.arange(20))
    first, second = (scores_of(list(trained(ring, 0.5, 2))[-1].cpu(), questions) for _ in range(2))
    assert np.array_equal(first, second)


def test_settings_share_one_training(ring: Known) -> None:
    questions = next_items(ring.table, ring.table.strength > 0).chosen(np.arange(5))
    memo: dict[object, object] = {}
    shared = Known(ring.table, 0, True, ring.items, ring.texts, ring.white, memo)
    early, late = (SASREC.fit(shared, {"dropout": 0.5, "epochs": epochs})(questions) for epochs in (10, 20))
    assert len(memo) == 1
    assert not np.array_equal(early, late)
    assert np.array_equal(early, SASREC.fit(shared, {"dropout": 0.5, "epochs": 10})(questions))


def test_long_histories_are_cut_without_losing_a_pair() -> None:
    n_items = 2 * LONGEST + 7
    known = known_of([("a", item, "purchase", item) for item in range(n_items)], n_items)
    pieces = sequences_of(known)
    assert max(map(len, pieces)) == LONGEST + 1
    pairs = [pair for piece in pieces for pair in pairwise(piece.tolist())]
    assert sorted(pairs) == [(item, item + 1) for item in range(n_items - 1)]


def test_a_history_that_says_nothing_scores_nothing(ring: Known) -> None:
    table = table_of([("a", 0, "dislike", 1), ("a", 1, "purchase", 2)], N_ITEMS)
    questions = next_items(table, table.item == 1)
    model = list(trained(ring, 0.2, 1))[-1].cpu()
    assert scores_of(model, questions).tolist() == [[0.0] * N_ITEMS]
    assert filled_up([np.array([3, 4])], 3).tolist() == [[3, 4, -1]]


def test_only_the_full_budget_needs_torch() -> None:
    assert baselines_of("fast") == BASELINES
    assert baselines_of("full")[-1] is SASREC
    assert SASREC.unfit is not None
    assert SASREC.unfit(known_of([("a", 0, "purchase", 1)])) == "no user has two positive events"
