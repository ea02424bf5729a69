"""`--budget full`: killed at every step, alone and as the leader of others, and divided among hosts."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (make setup-training)")

from endcap.snapshot.snapshot import load_snapshot
from endcap.snapshot.verify import verify_snapshot
from endcap_rebuild.steps.full import FULL_STEPS
from tests.fakes.killed_rebuild import killed
from tests.fakes.toy_shop import NOW_MS, write_chain_shop
from tests.fakes.toy_snapshot import TINY_ENCODER

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
