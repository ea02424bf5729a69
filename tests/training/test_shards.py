"""A training divided among shards of one machine."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (make setup-training)")

from endcap_rebuild.metrics.bootstrap import interval
from endcap_rebuild.parallel.local import LocalCrew
from endcap_rebuild.parallel.protocol import ShardError
from endcap_rebuild.user_encoder.plan import plan_of
from endcap_rebuild.user_encoder.training import fit_tower
from endcap_rebuild.user_encoder.validation import Validation, _gains, user_vectors
from tests.fakes.shards import pid_of
from tests.training.test_towers import SMALL, before_last, shop, weights_of

pytestmark = pytest.mark.training


def test_a_step_of_all_shards_is_the_step_of_the_whole_batch():
    train, validation = before_last(shop(n_users=60, texts=True))
    settings = replace(SMALL, dropout=0.0, most_epochs=2)
    plan = plan_of(train, settings)
    alone, expected = fit_tower(train, settings, plan)
    for count in (2, 3):
        with LocalCrew(count) as crew:
            together, curve = fit_tower(train, settings, plan, crew=crew)
        assert np.allclose(curve.loss, expected.loss, rtol=1e-5)
        vectors = [user_vectors(tower, validation.data, validation.targets) for tower in (alone, together)]
        assert np.allclose(*vectors, atol=1e-3)


def test_measures_with_shards_lie_within_the_interval_of_one():
    train, validation = before_last(shop())
    settings = replace(SMALL, least_epochs=3, most_epochs=3)
    plan = plan_of(train, settings)
    alone = per_user(fit_tower(train, settings, plan)[0], validation)
    low, high = interval(alone, np.arange(len(alone)))
    assert 0.2 < low < high < 0.95
    for count in (2, 3):
        with LocalCrew(count) as crew:
            tower, _ = fit_tower(train, settings, plan, crew=crew)
        assert low <= per_user(tower, validation).mean() <= high


def per_user(tower, validation: Validation):
    users = user_vectors(tower, validation.data, validation.targets)
    return _gains(users @ tower.item_vectors().detach().numpy().T, validation.data, validation.targets)


def test_more_shards_than_histories_do_no_harm():
    data = shop(n_users=2, length=3)
    with LocalCrew(3) as crew:
        tower, curve = fit_tower(data, SMALL, plan_of(data, SMALL), crew=crew)
    assert np.isfinite(curve.loss).all()
    assert all(np.isfinite(value).all() for value in weights_of(tower).values())


def test_a_shard_that_is_killed_in_a_training_ends_it_by_name():
    data = shop(n_users=60)
    with LocalCrew(3) as crew:

        def kill(done, _):
            if done == 5:
                os.kill(pid_of(crew, 2), signal.SIGKILL)

        with pytest.raises(ShardError, match="shard 2 of 3 ended with status -9"):
            fit_tower(data, SMALL, plan_of(data, SMALL), progress=kill, crew=crew)


def test_bfloat16_takes_the_same_path_on_the_cpu():
    train, validation = before_last(shop())
    plan = plan_of(train, SMALL)
    (full, curve), (half, other) = (fit_tower(train, replace(SMALL, bf16=bf16), plan) for bf16 in (False, True))
    assert curve.loss != other.loss
    assert np.allclose(curve.loss, other.loss, rtol=0.05)
    assert per_user(half, validation).mean() > per_user(full, validation).mean() - 0.05
