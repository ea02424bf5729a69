"""Models of other libraries, and our figures beside those of another one."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from endcap_rebuild.evaluation.evaluate import BASELINES, baselines_of
from endcap_rebuild.evaluation.models import Known
from endcap_rebuild.evaluation.peers import PEERS
from endcap_rebuild.evaluation.questions import next_items
from endcap_rebuild.metrics.ranks import Ranked, per_question
from tests.fakes.toy_shop import CUTOFF_MS, table_of

N = 12


def known() -> Known:
    """Two halves of a catalogue, each with its own shoppers."""
    chance = np.random.default_rng(0)
    rows = [
        (f"u{user}", int(item) + (user % 2) * N // 2, "purchase", float(step))
        for user in range(60)
        for step, item in enumerate(chance.permutation(N // 2)[:4])
    ]
    empty = np.zeros((N, 1), dtype=np.float32)
    return Known(table_of(rows, N), CUTOFF_MS, True, [None] * N, empty, empty)  # type: ignore[list-item]


def test_peers_are_asked_where_they_are_asked_for() -> None:
    assert baselines_of("fast") == BASELINES
    assert baselines_of("fast", peers=True) == (*BASELINES, *PEERS)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_that_is_not_installed_says_so(peer: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "not installed" in peer.unfit(known())  # type: ignore[attr-defined]


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_learns_which_items_go_together(peer: object) -> None:
    pytest.importorskip("implicit")
    half, setting = known(), peer.settings[0]  # type: ignore[attr-defined]
    setting = {**setting, "factors": 4} if "factors" in setting else setting
    table = table_of([("v", 0, "purchase", 1.0), ("v", 1, "purchase", 2.0), ("v", 2, "purchase", 3.0)], N)
    scores = peer.fit(half, setting)(next_items(table, table.item == 2))  # type: ignore[attr-defined]
    assert scores.shape == (1, N)
    assert scores[0, 2 : N // 2].mean() > scores[0, N // 2 :].mean() + 0.05


def test_our_figures_are_those_of_another_library() -> None:
    metrics, frames = pytest.importorskip("rectools.metrics"), pytest.importorskip("pandas")
    chance = np.random.default_rng(1)
    n_questions, n_items = 40, 60
    orders = [chance.permutation(n_items) for _ in range(n_questions)]
    answers = [chance.choice(n_items, int(chance.integers(1, 15)), replace=False) for _ in range(n_questions)]
    ranks = []
    for order, own in zip(orders, answers, strict=True):
        places = np.array([float(np.flatnonzero(order == item)[0]) + 1 for item in own])
        # As in `Ranked`: the rank beside other items, without the answers that stand before.
        ranks.append(places - np.array([np.count_nonzero(places < place) for place in places]))
    starts = np.append(0, np.cumsum([len(own) for own in answers]))
    nothing = np.full(int(starts[-1]), np.nan)
    lists = np.stack([order[:10] for order in orders]).astype(np.int32)
    found = per_question(Ranked(starts, np.concatenate(ranks), nothing, np.full(n_questions, n_items), lists))
    shown = frames.DataFrame(
        [(q, int(item), place + 1) for q, row in enumerate(lists) for place, item in enumerate(row)],
        columns=["user_id", "item_id", "rank"],
    )
    chosen = frames.DataFrame(
        [(q, int(item)) for q, own in enumerate(answers) for item in own], columns=["user_id", "item_id"]
    )
    theirs = {
        "ndcg_at_10": metrics.NDCG(k=10, divide_by_achievable=True),
        "recall_at_10": metrics.Recall(k=10),
        "precision_at_10": metrics.Precision(k=10),
    }
    for name, metric in theirs.items():
        np.testing.assert_allclose(found[name], metric.calc_per_user(shown, chosen).to_numpy(), err_msg=name)
    in_ten = found["mrr"] >= 1 / 10
    reciprocal = metrics.MRR(k=10).calc_per_user(shown, chosen).to_numpy()
    np.testing.assert_allclose(np.where(in_ten, found["mrr"], 0), reciprocal)
