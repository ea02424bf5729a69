"""A training job on two hosts, with the full budget, and one that is taken away in the midst of a training."""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys

import pytest

pytest.importorskip("torch", reason="torch is not installed (make setup-training)")

from endcap.aws.item_rows import item_row
from endcap.snapshot.verify import verify_snapshot
from endcap_rebuild.sagemaker import __main__ as program
from tests.fakes.table_export import export_files
from tests.fakes.toy_shop import chain_events
from tests.fakes.toy_snapshot import TINY_ENCODER, toy_items
from tests.fakes.training_root import write_training_root

pytestmark = pytest.mark.training

CHOICES = {"budget": "full", "encoder": str(TINY_ENCODER), "device": "cpu"}


@pytest.fixture(scope="module")
def channels():
    lines = "".join(json.dumps({**row, "event_id": f"e{k}"}) + "\n" for k, row in enumerate(chain_events(n_users=210)))
    return {
        "items": export_files([item_row(item, 1) for item in toy_items(40)]),
        "erasures": export_files([]),
        "events": {"2026/01/02/archive-1.jsonl.gz": gzip.compress(lines.encode())},
    }


def test_interrupted_training_goes_on_from_its_checkpoints(channels, tmp_path, monkeypatch):
    for name in ("whole", "spot"):
        write_training_root(tmp_path / name, CHOICES, channels)
    assert program.main(["train", "--root", str(tmp_path / "whole")]) == 0

    def interrupt(_, step, done, total):
        if step == "trial_encoder" and total > 20 and done > total // 2:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(program._Log, "__call__", interrupt)
        with pytest.raises(SystemExit):
            program.main(["train", "--root", str(tmp_path / "spot")])
    assert program.main(["train", "--root", str(tmp_path / "spot")]) == 0
    manifests = [verify_snapshot(tmp_path / name / "model") for name in ("whole", "spot")]
    assert manifests[0]["content_hash"] == manifests[1]["content_hash"]
    assert "trial_encoder" in manifests[0]["metrics"]


def test_two_hosts_train_together(channels, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = {
        **os.environ,
        "MASTER_PORT": port,
        "GLOO_SOCKET_IFNAME": "lo",
        "ENDCAP_CACHE": str(tmp_path),
        "OMP_NUM_THREADS": "1",
    }
    hosts = ["127.0.0.1", "127.0.0.2"]
    jobs = []
    for host in hosts:
        root = write_training_root(tmp_path / host, CHOICES, channels, hosts, host)
        command = [sys.executable, "-m", "endcap_rebuild.sagemaker", "train", "--root", str(root)]
        jobs.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
    told = [job.communicate(timeout=1_200)[0].decode() for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0], told
    assert verify_snapshot(tmp_path / hosts[0] / "model")["run"]["shards"] == 2
    assert list((tmp_path / hosts[1] / "model").iterdir()) == []
    assert "helped 127.0.0.1" in told[1]
