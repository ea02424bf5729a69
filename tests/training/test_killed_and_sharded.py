"""`--budget full`: killed at every step, and divided among shards."""

import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (make setup-training)")

from endcap.snapshot.snapshot import load_snapshot
from endcap.snapshot.verify import verify_snapshot
from endcap_rebuild.metrics.bootstrap import interval
from endcap_rebuild.parallel.local import LocalCrew
from endcap_rebuild.parallel.protocol import ShardError
from endcap_rebuild.steps.full import FULL_STEPS
from endcap_rebuild.user_encoder.plan import plan_of
from endcap_rebuild.user_encoder.training import fit_tower
from endcap_rebuild.user_encoder.validation import Validation, _gains, user_vectors
from tests.fakes.killed_rebuild import killed
from tests.fakes.shards import pid_of
from tests.fakes.toy_shop import NOW_MS, write_chain_shop
from tests.fakes.toy_snapshot import TINY_ENCODER
from tests.training.test_towers import SMALL, before_last, shop, weights_of

pytestmark = pytest.mark.training

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    write_chain_shop(folder / "shop", n_users=230)
    folders = {name: str(folder / name) for name in ("out", "work", "cache")}
    choices = {"encoder": str(TINY_ENCODER), "now_ms": NOW_MS, "max_cases": 120, "budget": "full"}
    return {"data": str(folder / "shop"), **folders, **choices}


@pytest.fixture(scope="module")
def two(command):
    """What two local shards build without interruption."""
    whole = elsewhere(command, "two", shards=2)
    assert killed(whole, ["end"]) == {"end": 0}
    return whole


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def elsewhere(command, name, **changes):
    """The command with folders of its own, but for the data."""
    return {**command, **{key: f"{command[key]}-{name}" for key in ("out", "work", "cache")}, **changes}


def content(command):
    return verify_snapshot(Path(command["out"]))["content_hash"]


def test_killed_at_every_step_in_turn_it_ends_with_the_same_content(command):
    points = []
    for step in FULL_STEPS:
        points += [step.name, f"{step.name}:half"] if step.name.endswith("encoder") else [step.name]
    points += ["write:user_encoder.onnx", "end"]
    assert killed(command, points) == {**dict.fromkeys(points, -9), "end": 0}
    whole = elsewhere(command, "whole")
    assert killed(whole, ["end"]) == {"end": 0}
    assert content(command) == content(whole)
    assert "user_encoder.onnx" in verify_snapshot(Path(command["out"]))["files"]


def test_a_killed_leader_of_two_shards_goes_on_to_the_same_content(command, two):
    broken = elsewhere(command, "broken", shards=2)
    points = ["text_vectors:half", "trial_encoder:half", "encoder:half", "end"]
    assert killed(broken, points) == {**dict.fromkeys(points, -9), "end": 0}
    assert content(broken) == content(two)


def test_hosts_that_meet_at_an_address_build_what_local_shards_build(command, two, free_port):
    hosts = [elsewhere(command, f"host-{shard}", shards=2, shard=shard) for shard in (0, 1)]
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port)}
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.fakes.killed_rebuild", json.dumps(host), "end"],
            cwd=ROOT,
            env={**os.environ, **meeting},
            stdout=subprocess.PIPE,
            text=True,
        )
        for host in hosts
    ]
    assert [run.communicate(timeout=300)[0] for run in runs] == ["end 0\n", "end 0\n"]
    assert content(hosts[0]) == content(two)
    assert not Path(hosts[1]["out"]).exists()
    snapshots = [load_snapshot(Path(made["out"])) for made in (hosts[0], two)]
    np.testing.assert_allclose(*(s.text_vectors_f16.astype(np.float32) for s in snapshots), atol=1e-6)


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
