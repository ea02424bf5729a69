"""The container's program on folders that look like /opt/ml, the bucket in moto."""

from __future__ import annotations

import base64
import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from endcap.aws.item_rows import item_row
from endcap.aws.snapshots import SnapshotBucket
from endcap.encoders.text import TextEncoder
from endcap.profiles.identity import delete_user
from endcap.snapshot.snapshot import load_snapshot
from endcap.snapshot.verify import verify_snapshot
from endcap_rebuild.sagemaker import __main__ as program
from endcap_rebuild.sagemaker.__main__ import main
from endcap_rebuild.settings import RebuildSettings
from tests.fakes.moto_stack import BUCKET, client, objects, stack
from tests.fakes.profile_store import MemoryProfiles
from tests.fakes.table_export import EXPORTED_AT_MS, export_files
from tests.fakes.toy_shop import NOW_MS, chain_events
from tests.fakes.toy_snapshot import TINY_ENCODER, toy_items
from tests.fakes.training_root import INTERFACE, write_training_root

RESULT = "rebuild/results/job.json"
CHOICES = {"budget": "fast", "encoder": str(TINY_ENCODER)}
PUBLISHED = {**CHOICES, "bucket": BUCKET, "result": RESULT}


def channels(erased: str = "user-3") -> dict[str, dict[str, bytes]]:
    """A small shop as the state machine hands it over: two exports and the archive."""
    store = MemoryProfiles()
    delete_user(erased, NOW_MS, store)
    profiles = [{"user_id": {"S": name}, "profile": {"B": data}} for name, data in store.rows().items()]
    lines = [json.dumps({**row, "event_id": f"e{k}"}) for k, row in enumerate(chain_events())]
    return {
        "items": export_files([item_row(item, 1) for item in toy_items(40)]),
        "profiles": export_files(profiles),
        "events": {
            "2026/01/02/archive-1.jsonl.gz": gzip.compress("\n".join(lines[::2]).encode() + b"\n"),
            "2026/01/03/archive-2": "\n".join(lines[1::2]).encode() + b"\n",
        },
    }


def run(root: Path, choices: Mapping[str, str] = CHOICES, **about: Any) -> int:
    write_training_root(root, choices, about.pop("channels", channels()), **about)
    return main(["train", "--root", str(root)])


def failure(root: Path) -> str:
    return (root / "output" / "failure").read_text()


@pytest.fixture
def bucket() -> Iterator[SnapshotBucket]:
    with stack():
        yield SnapshotBucket(client("s3"), BUCKET)


def test_job_without_a_bucket_leaves_the_snapshot_in_the_model_folder(tmp_path: Path) -> None:
    assert run(tmp_path) == 0
    manifest = verify_snapshot(tmp_path / "model")
    assert manifest["counts"]["items"] == 40
    assert manifest["counts"]["erased_events"] == 6
    assert not (tmp_path / "output" / "failure").exists()


def test_changes_since_the_export_are_laid_over_the_snapshot(tmp_path: Path) -> None:
    run(tmp_path)
    as_of_ms = verify_snapshot(tmp_path / "model")["catalog_as_of_ms"]
    assert EXPORTED_AT_MS - 120_000 <= as_of_ms < EXPORTED_AT_MS


def test_snapshot_and_result_are_published(tmp_path: Path, bucket: SnapshotBucket) -> None:
    assert run(tmp_path, PUBLISHED) == 0
    result = json.loads(objects("rebuild/results/")[RESULT])
    assert bucket.versions() == [result["version"]]
    assert verify_snapshot(bucket.download(result["version"]))["content_hash"] == result["content_hash"]
    assert result["parent_version"] is None
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "MODEL_CARD.md",
        "manifest.json",
        "metrics.json",
    ]


def test_next_job_follows_the_current_snapshot_and_encodes_no_text_again(
    tmp_path: Path, bucket: SnapshotBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(tmp_path / "first", PUBLISHED) == 0
    (version,) = bucket.versions()
    bucket.flip(version, None)
    monkeypatch.setattr(TextEncoder, "encode_many", lambda *_: pytest.fail("a known text was encoded again"))
    assert run(tmp_path / "second", PUBLISHED) == 0
    assert json.loads(objects("rebuild/results/")[RESULT])["parent_version"] == version


@pytest.mark.parametrize("step", ["text_vectors", "selection", "weights", "model"])
def test_interrupted_job_goes_on_from_its_checkpoints(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(tmp_path / "whole") == 0
    with monkeypatch.context() as patch:
        patch.setattr(program._Log, "__call__", lambda _, name, done, total: _interrupt(name == step))
        with pytest.raises(SystemExit) as stopped:
            run(tmp_path / "spot")
    assert stopped.value.code == 128 + signal.SIGTERM
    assert list((tmp_path / "spot" / "model").iterdir()) == []
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "spot" / "checkpoints" / "work").glob("*.npz")}
    assert (len(kept) > 0) == (step != "text_vectors")
    assert run(tmp_path / "spot") == 0
    assert kept == {path: path.stat().st_mtime_ns for path in kept}
    manifests = [verify_snapshot(tmp_path / name / "model") for name in ("whole", "spot")]
    assert manifests[0]["content_hash"] == manifests[1]["content_hash"]


def _interrupt(now: bool) -> None:
    if now:
        signal.raise_signal(signal.SIGTERM)


def test_shop_without_events_or_profiles_is_rebuilt(tmp_path: Path) -> None:
    assert run(tmp_path, channels={"items": channels()["items"]}) == 0
    assert verify_snapshot(tmp_path / "model")["counts"]["events"] == 0


def test_single_channel_holds_a_whole_folder(tmp_path: Path) -> None:
    files = {"items.jsonl": b'{"id": "a", "title": "Mug"}\n', "events.csv": b"user_id,item_id,event_type\nu,a,view\n"}
    assert run(tmp_path, channels={"training": files}) == 0
    assert verify_snapshot(tmp_path / "model")["counts"]["events"] == 1


def test_data_that_is_no_good_ends_with_a_status_of_its_own(tmp_path: Path) -> None:
    events = b"user_id,item_id,event_type\nu,a,view\nu,a,beam\n"
    files = {"items.jsonl": b'{"id": "a", "title": "Mug"}\n', "events.csv": events}
    assert run(tmp_path, channels={"training": files}) == 3
    assert "1 of 2 rows of events (50%) can't be used" in failure(tmp_path)
    assert not (tmp_path / "model" / "manifest.json").exists()
    assert run(tmp_path / "allowed", {**CHOICES, "allow_bad": "0.5"}, channels={"training": files}) == 0


def test_folders_can_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_training_root(tmp_path / "here", CHOICES, channels())
    monkeypatch.setenv("SM_MODEL_DIR", str(tmp_path / "model"))
    assert main(["train", "--root", str(tmp_path / "here"), "--checkpoints", str(tmp_path / "kept")]) == 0
    verify_snapshot(tmp_path / "model")
    assert (tmp_path / "kept" / "work").is_dir()


def test_demand_is_counted_apart_in_the_contexts_that_a_hyperparameter_names(tmp_path: Path) -> None:
    properties = {"device": "phone", "campaign": "spring"}
    lines = [json.dumps({**row, "event_id": f"e{k}", "properties": properties}) for k, row in enumerate(chain_events())]
    given = {**channels("nobody"), "events": {"archive-1.gz": gzip.compress("\n".join(lines).encode())}}
    for names, counted in (("device, campaign", {"device", "campaign"}), ("campaign", {"campaign"}), ("", set())):
        root = tmp_path / (names or "none")
        assert run(root, {**CHOICES, "context_names": names}, channels=given) == 0
        found = load_snapshot(root / "model").contexts
        assert {name for name, _ in (found.contexts if found else ())} == counted


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        ({"budget": "enormous"}, "no such budget: 'enormous'"),
        ({"epochs": "3"}, "no such hyperparameter: epochs"),
        ({"seed": "many"}, "hyperparameter seed"),
        ({"max_gini": "nan"}, "hyperparameter max_gini: must be a finite number"),
        ({"keep_outliers": "yes"}, "hyperparameter keep_outliers"),
        ({"event_weights_base64": "W10="}, "event_weights_base64: must be a JSON object"),
        ({"event_weights_base64": "{}"}, "event_weights_base64"),
        ({"event_weights_base64": base64.b64encode(b'{"view": "much"}').decode()}, "event_weights_base64"),
        ({"excluded_users_base64": "%"}, "hyperparameter excluded_users_base64"),
        ({"allow_bad": "much"}, "hyperparameter allow_bad"),
        ({"allow_bad": "7"}, "between 0 and 1"),
        ({"student": "perhaps"}, "hyperparameter student: must be true or false"),
        ({"teacher": "english"}, "a teacher teaches a student"),
        ({"teacher_prompt": "query: "}, "a teacher teaches a student"),
        ({"teacher_prompt": '"query: '}, "hyperparameter teacher_prompt"),
        ({"context_names": "device,category"}, "'category' can't be a context"),
        ({"context_names": "a,b,c,d,e,f,g,h,i"}, "at most 8 contexts"),
        ({"execution_input": "[3"}, "the input of the execution"),
        ({"execution_input": '{"epochs": 3, "seed": 1}'}, "the input of the execution sets epochs; there are"),
        ({"encoder": "/nowhere"}, "nowhere"),
    ],
)
def test_unusable_hyperparameters_are_named_in_the_failure_file(
    choices: dict[str, str], reason: str, tmp_path: Path
) -> None:
    assert run(tmp_path, {**CHOICES, **choices}) == 1
    assert reason in failure(tmp_path)


def test_missing_data_is_named_in_the_failure_file(tmp_path: Path) -> None:
    assert run(tmp_path, channels={"events": channels()["events"]}) == 1
    assert "items" in failure(tmp_path)
    assert run(tmp_path, channels={"items": {}, "more": {}}) == 1
    assert "channels items, more" in failure(tmp_path)


def test_bucket_that_is_not_there_is_named_in_the_failure_file(tmp_path: Path, bucket: SnapshotBucket) -> None:
    assert run(tmp_path, {**PUBLISHED, "bucket": "nowhere"}) == 1
    assert "NoSuchBucket" in failure(tmp_path)


def test_defect_leaves_its_name_and_no_more_than_sagemaker_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_: object) -> None:
        raise ZeroDivisionError("x" * 5_000)

    monkeypatch.setattr(program, "rebuild", defect)
    assert run(tmp_path) == 1
    assert failure(tmp_path).startswith("defect: ZeroDivisionError: xxx")
    assert len(failure(tmp_path)) == 1_024


def test_host_that_is_not_among_the_hosts_is_refused(tmp_path: Path) -> None:
    assert run(tmp_path, hosts=["algo-1", "algo-2"], current_host="algo-3") == 1
    assert "algo-3" in failure(tmp_path)


@pytest.mark.parametrize(("host", "shard"), [("algo-1", 0), ("algo-2", 1)])
def test_hosts_of_a_job_are_the_shards_of_a_rebuild(
    host: str, shard: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[RebuildSettings] = []

    def rebuilt(settings: RebuildSettings, *_: object) -> dict[str, Any]:
        asked.append(settings)
        read = {"items": 1, "events": 0, "bad_row_count": 0, "bad_rows": []}
        return {"version": "v", "counts": {"erased_events": 0}, "metrics": {}, "run": {"read": read, "seconds": 0}}

    monkeypatch.setattr(program, "rebuild" if shard == 0 else "run_shard", rebuilt)
    for name in ("MASTER_ADDR", "MASTER_PORT", "GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    assert run(tmp_path, hosts=["algo-1", "algo-2"], current_host=host) == 0
    assert [(settings.shards, settings.shard) for settings in asked] == [(2, shard)]
    assert (os.environ["MASTER_ADDR"], os.environ["GLOO_SOCKET_IFNAME"]) == ("algo-1", INTERFACE)
    assert os.environ["MASTER_PORT"].isdigit()


def test_figures_are_printed_as_the_metric_definitions_look_for_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = b"".join(b'{"id": "item-%d", "title": "Mug %d"}\n' % (k, k) for k in range(40))
    rows = [f"{e['user_id']},{e['item_id']},{e['event_type']},{e['timestamp']}" for e in chain_events(n_users=300)]
    events = "\n".join(["user_id,item_id,event_type,timestamp", *rows]).encode()
    assert run(tmp_path, channels={"training": {"items.jsonl": items, "events.csv": events}}) == 0
    measured = verify_snapshot(tmp_path / "model")["metrics"]["validation"]["after"]["ndcg_at_10"]
    assert f"validation ndcg_at_10={measured:.6f};" in capsys.readouterr().out


def test_it_is_a_program(tmp_path: Path) -> None:
    write_training_root(tmp_path, {**CHOICES, "budget": "enormous"}, channels())
    command = [sys.executable, "-m", "endcap_rebuild.sagemaker", "train", "--root", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no such budget" in done.stdout
