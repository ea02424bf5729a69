"""Training of the user encoder: it learns, resumes, repeats itself, and is exported as it was trained."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (make setup-training)")

from endcap.encoders.user import UserEncoder
from endcap.errors import EncoderError
from endcap_rebuild.user_encoder import job
from endcap_rebuild.user_encoder.job import PARITY, parity_of, served_vectors, train_user_encoder
from endcap_rebuild.user_encoder.plan import TowerSettings, plan_of
from endcap_rebuild.user_encoder.sequences import TextTokens, TowerData, shuffled_ties, windows_of
from endcap_rebuild.user_encoder.soft_labels import history_rows, soft_labels
from endcap_rebuild.user_encoder.training import fit_tower, new_tower
from endcap_rebuild.user_encoder.validation import Validation, ndcg, user_vectors

pytestmark = pytest.mark.training

HOUR = 3_600_000
N_ITEMS, D_ITEM = 24, 12
SMALL = TowerSettings(
    d_model=16, dropout=0.1, events_per_step=96, most_epochs=6, soft_weight=0.0, threads=1, learning_rate=5e-3
)


def shop(n_users=120, length=8, tied=False, texts=False, seed=0):
    """Shoppers who walk around a ring of items, two steps at a time where their first item is odd."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(n_users), length)
    place = np.tile(np.arange(length), n_users)
    first = rng.integers(N_ITEMS, size=n_users)[user]
    times = (place // 2 if tied else place) * HOUR + user * 7
    white = rng.normal(size=(N_ITEMS, D_ITEM)).astype(np.float32)
    white /= np.linalg.norm(white, axis=1, keepdims=True)
    words = TextTokens.none(D_ITEM)
    if texts:
        own = np.repeat(np.arange(n_users), 6)
        at_ms = np.tile(np.arange(6), n_users) * HOUR + own * 7 + HOUR // 2
        vectors = white[rng.integers(N_ITEMS, size=len(own))]
        words = TextTokens(own, at_ms, np.full(len(own), 9), np.full(len(own), 10), vectors)
    return TowerData(
        user=user,
        item=(first + place * (1 + first % 2)) % N_ITEMS,
        time_ms=times + 1_700_000_000_000,
        event_type=np.where(place % 3 == 0, 5, 1),
        grade=np.zeros(len(user), dtype=np.int64),
        goal=np.ones(len(user), dtype=np.float32),
        white=white,
        clock_usable=True,
        texts=words,
    )


def before_last(data):
    """Training rows, and each user's last event as the one to predict."""
    last = np.append(data.user[1:] != data.user[:-1], True)
    return data.rows(~last), Validation(data, np.flatnonzero(last))


def follower_lists(data):
    """Lists from some users' events: what came directly after what."""

    def lists_of(chosen):
        matrix = np.zeros((data.n_items, data.n_items), dtype=np.float32)
        same = (data.user[1:] == data.user[:-1]) & chosen[data.user[1:]]
        np.add.at(matrix, (data.item[:-1][same], data.item[1:][same]), 1)
        return [matrix]

    return lists_of


def weights_of(tower):
    return {name: value.numpy() for name, value in tower.state_dict().items()}


def test_it_learns_what_comes_next():
    train, validation = before_last(shop())
    settings = replace(SMALL, most_epochs=25)
    tower, curve = fit_tower(train, settings, plan_of(train, settings))
    untrained = new_tower(train, settings).eval()
    figures = [
        ndcg(user_vectors(t, validation.data, validation.targets), t.item_vectors().detach().numpy(), validation)
        for t in (tower, untrained)
    ]
    assert curve.loss[-1] < curve.loss[0]
    assert figures[0] > 0.8 > figures[1] + 0.3


@pytest.mark.parametrize("options", [{}, {"tied": True}, {"texts": True}, {"tied": True, "texts": True}])
def test_result_is_complete_and_answers_as_torch_does(options, tmp_path):
    train, validation = before_last(shop(**options))
    result = train_user_encoder(train, SMALL, tmp_path, validation=validation)
    encoder = UserEncoder.from_bytes(result.model, result.projection_file)
    assert np.allclose(np.linalg.norm(result.item_vectors, axis=1), 1, atol=1e-5)
    assert np.array_equal(encoder.projection, result.item_projection)
    assert len(result.metrics["loss"]) == result.metrics["epochs"] == 6
    assert result.metrics["int8"] == (result.metrics["ndcg_int8"] >= 0.995 * result.metrics["ndcg"])
    assert served_vectors(encoder, validation, result.item_vectors).shape == (120, D_ITEM)


def test_parity_covers_histories_with_texts():
    data = shop(texts=True)
    tower, _ = fit_tower(data, SMALL, plan_of(data, SMALL))
    result = train_user_encoder(data, SMALL)
    encoder = UserEncoder.from_bytes(result.model, result.projection_file)
    assert parity_of(tower, encoder, data, result.item_vectors) <= PARITY
    silent = replace(data, texts=TextTokens.none(D_ITEM))
    _, everything = before_last(data)
    heard, unheard = (user_vectors(tower, d, everything.targets) for d in (data, silent))
    assert np.abs(heard - unheard).max() > 1e-3


def test_a_graph_that_answers_differently_is_refused(monkeypatch):
    def other_graph(weights, *args, **kwargs):
        return true_graph({**weights, "leave.bias": weights["leave.bias"] + 0.01}, *args, **kwargs)

    true_graph = job.onnx_graph
    monkeypatch.setattr(job, "onnx_graph", other_graph)
    with pytest.raises(EncoderError, match="differ"):
        train_user_encoder(shop(n_users=20), SMALL)


def test_a_killed_run_ends_like_an_unbroken_one(tmp_path):
    data = shop(tied=True)
    plan = plan_of(data, SMALL)

    class Killed(Exception):
        pass

    def kill(done, total):
        if done == total // 2 + 1:  # inside an epoch
            raise Killed

    with pytest.raises(Killed):
        fit_tower(data, SMALL, plan, tmp_path / "tower.pt", progress=kill)
    steps = []
    resumed, curve = fit_tower(data, SMALL, plan, tmp_path / "tower.pt", progress=lambda done, _: steps.append(done))
    unbroken, expected = fit_tower(data, SMALL, plan)
    assert steps[0] == (plan.epochs // 2) * plan.steps + 1
    assert curve.loss == expected.loss
    for name, value in weights_of(unbroken).items():
        assert np.array_equal(value, weights_of(resumed)[name]), name


def test_a_checkpoint_of_other_data_or_a_damaged_one_is_ignored(tmp_path):
    data, path = shop(n_users=30), tmp_path / "tower.pt"
    plan = plan_of(data, SMALL)
    expected, _ = fit_tower(data, SMALL, plan)
    fit_tower(shop(n_users=30, seed=1), SMALL, plan, path)
    for _ in range(2):
        tower, curve = fit_tower(data, SMALL, plan, path)
        assert len(curve.loss) == plan.epochs
        assert np.array_equal(weights_of(tower)["ids"], weights_of(expected)["ids"])
        path.write_bytes(path.read_bytes()[:1000])


def test_equal_seeds_give_equal_files_and_other_seeds_others():
    data = shop(n_users=30)
    one, same, other = (train_user_encoder(data, replace(SMALL, seed=seed)).model for seed in (3, 3, 4))
    assert one == same
    assert one != other


def test_order_inside_a_moment_does_not_change_a_user_vector():
    data = shop(length=7, tied=True)
    tower = new_tower(data, SMALL).eval()
    last = np.flatnonzero(np.append(data.user[1:] != data.user[:-1], True))
    shuffled = data.rows(shuffled_ties(data, np.random.default_rng(1)))
    assert not np.array_equal(data.item, shuffled.item)
    vectors = [user_vectors(tower, d, last) for d in (data, shuffled)]
    assert np.allclose(*vectors, atol=1e-5)


def test_drawn_negatives_stand_in_for_a_full_softmax():
    train, validation = before_last(shop())
    settings = replace(SMALL, most_epochs=25, full_softmax_items=5, negatives=16)
    plan = plan_of(train, settings)
    assert plan.negatives == 16
    tower, _ = fit_tower(train, settings, plan)
    items = tower.item_vectors().detach().numpy()
    assert ndcg(user_vectors(tower, validation.data, validation.targets), items, validation) > 0.7


def test_more_work_buys_more_epochs_between_the_limits():
    data = shop(n_users=20)
    epochs = [plan_of(data, replace(SMALL, work=w, least_epochs=3, most_epochs=9)).epochs for w in (0.0, 1e-3, 1e9)]
    assert epochs[0] == 3
    assert epochs == sorted(epochs)
    assert epochs[2] == 9


def test_every_event_but_the_first_is_predicted_once_with_half_a_window_before_it():
    user = np.repeat([0, 1, 2, 3], [200, 1, 2, 65])
    windows = windows_of(user)
    predicted = [row + 1 for w in windows for row in range(w.start + w.first, w.end)]
    firsts = np.searchsorted(user, np.arange(4))
    assert sorted(predicted) == sorted(set(range(len(user))) - set(firsts.tolist()))
    assert all(w.end - w.start <= 64 for w in windows)
    assert all(w.first == 0 or w.first >= 31 for w in windows)


def test_untouched_items_have_the_vector_of_their_text():
    data = shop()
    kept = data.rows(data.item != 5)
    result = train_user_encoder(kept, SMALL)
    encoder = UserEncoder.from_bytes(result.model, result.projection_file)
    assert np.allclose(result.item_vectors[5], encoder.item_vectors(data.white[5:6])[0], atol=1e-6)
    assert not np.allclose(result.item_vectors[6], encoder.item_vectors(data.white[6:7])[0], atol=1e-3)


def test_labels_of_a_user_come_from_other_users_lists():
    data = shop(n_users=40)
    asked = []

    def lists_of(chosen):
        asked.append(chosen)
        return follower_lists(data)(chosen)

    labels = soft_labels(data, lists_of, k=5)
    assert len(asked) == 2
    assert np.array_equal(asked[0], ~asked[1])
    first = np.append(True, data.user[1:] != data.user[:-1])
    assert not labels.shares[first].any()
    filled = labels.shares.sum(axis=1) > 0
    assert np.allclose(labels.shares[filled].astype(np.float32).sum(axis=1), 1, atol=2e-3)
    best = labels.items[np.arange(len(filled)), labels.shares.argmax(axis=1)]
    assert (best == data.item)[filled].mean() > 0.5


def test_history_rows_fade_and_stay_within_a_user():
    data = shop(n_users=2, length=3)
    history = history_rows(data, np.arange(6)).toarray()
    fade = 0.5 ** (1 / 2.5)
    expected = np.zeros((6, N_ITEMS), dtype=np.float32)
    for row, before in ((1, [0]), (2, [1, 0]), (4, [3]), (5, [4, 3])):
        for back, other in enumerate(before):
            expected[row, data.item[other]] += fade**back
    assert np.allclose(history, expected)


def test_the_validation_window_chooses_the_weight_of_the_labels(tmp_path):
    train, validation = before_last(shop(n_users=60))
    settings = replace(SMALL, soft_weight=None, most_epochs=8)
    seen = []
    result = train_user_encoder(
        train, settings, tmp_path, lambda *at: seen.append(at), validation, follower_lists(train)
    )
    total = seen[-1][1]
    assert [done for done, _ in seen] == list(range(1, total + 1))
    assert {all_steps for _, all_steps in seen} == {total}
    trials = result.metrics["soft_weight_trials"]
    assert set(trials) == {"0.0", "0.5"}
    assert result.settings.soft_weight == float(max(trials, key=trials.get))
    again = train_user_encoder(train, settings, tmp_path, validation=validation, lists_of=follower_lists(train))
    assert again.model == result.model


def test_users_with_one_event_are_too_little():
    data = shop(n_users=5, length=1)
    with pytest.raises(ValueError, match="two events"):
        train_user_encoder(data, SMALL)


def test_a_tiny_shop_is_enough():
    data = shop(n_users=1, length=2)
    result = train_user_encoder(data, SMALL)
    assert np.isfinite(result.item_vectors).all()
