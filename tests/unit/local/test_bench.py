"""`endcap bench` on toy catalogues: what it runs and reports, never how fast."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from endcap.encoders.text import TextEncoder
from endcap.ranking.terms.similarity import user_encoder_of
from endcap.snapshot.snapshot import Snapshot
from endcap.snapshot.verify import verify_snapshot
from endcap_local.bench import cold_start, serve, soak
from endcap_local.bench.cold_start import SAMPLES, bench_cold_start
from endcap_local.bench.encode import bench_text, bench_user
from endcap_local.bench.functions import BenchError, Functions
from endcap_local.bench.import_paths import import_path
from endcap_local.bench.ingest import bench_ingest
from endcap_local.bench.serve import bench_serve
from endcap_local.bench.shops import random_snapshot, shoppers
from endcap_local.bench.soak import bench_soak
from endcap_local.bench.timing import Timing, alternated, machine
from endcap_local.cli.app import app
from tests.fakes.toy_snapshot import TINY_ENCODER, build_toy_snapshot

ROOT = Path(__file__).parents[3]
FUNCTIONS = ROOT / "functions"


def unseen(step: str, done: int, total: int) -> None:
    """Progress that nobody looks at."""


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("toy"))


class TestTimings:
    def test_a_percentile_is_a_duration_that_was_measured(self) -> None:
        timing = Timing.of([k / 1000 for k in range(100, 0, -1)])  # 1 .. 100 ms
        assert (timing.n, timing.p50_ms, timing.p90_ms, timing.p99_ms) == (100, 50.0, 90.0, 99.0)
        assert timing.mean_ms == (1 + 100) / 2

    @pytest.mark.parametrize(("durations", "p50", "p99"), [([3.0], 3000, 3000), ([1.0, 2.0], 1000, 2000)])
    def test_few_durations_have_percentiles_too(self, durations: list[float], p50: float, p99: float) -> None:
        timing = Timing.of(durations)
        assert (timing.p50_ms, timing.p99_ms) == (p50, p99)

    def test_nothing_has_none(self) -> None:
        with pytest.raises(ValueError, match="nothing was timed"):
            Timing.of([])

    def test_what_is_compared_takes_turns(self) -> None:
        turns: list[str] = []
        found = alternated({name: lambda k, name=name: turns.append(f"{name}{k}") for name in "ab"}, [1, 2])
        assert turns == ["a1", "b1", "a2", "b2"]
        assert {name: timing.n for name, timing in found.items()} == {"a": 2, "b": 2}

    def test_the_machine_says_what_it_is(self) -> None:
        assert {"cpu", "cores", "python", "packages", "load_1min", "date"} <= set(machine())


class TestRandomCatalogue:
    def test_is_a_sound_snapshot_with_a_user_encoder(self, tmp_path: Path) -> None:
        snapshot = random_snapshot(tmp_path, 120)
        verify_snapshot(tmp_path)
        assert snapshot.n_items == 120
        assert user_encoder_of(snapshot) is not None
        for neighbours in snapshot.lists.values():
            assert all(len(set(neighbours.row(k)[0].tolist())) == 50 for k in range(120))

    def test_shoppers_fill_their_profiles(self, toy: Snapshot) -> None:
        assert {len(profile.interactions) for profile in shoppers(toy, 3).values()} == {64}


class TestServe:
    def test_handler_ranking_and_scan_are_timed(self, toy: Snapshot) -> None:
        found = bench_serve("toy", toy, 6, FUNCTIONS)
        assert {found[name]["n"] for name in ("handler_known", "handler_unknown", "ranking_known")} == {6}
        assert found["scan"]["serving_uses"] == "float32"
        assert found["snapshot"]["items"] == 40

    def test_the_shopper_of_the_stored_profile_is_ranked_for(
        self, toy: Snapshot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        versions = set()
        invoke = Functions.invoke

        def look(self: Functions, name: str, event: Any) -> Any:
            answer = invoke(self, name, event)
            versions.add((event["rawPath"].startswith("/users/no-"), json.loads(answer["body"])["profile_version"]))
            return answer

        monkeypatch.setattr(Functions, "invoke", look)
        bench_serve("toy", toy, 6, FUNCTIONS)
        assert versions == {(False, 1), (True, 0)}

    def test_no_call_leaves_this_process_and_no_log_reaches_the_terminal(
        self, toy: Snapshot, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        def call(service: str, **_: object) -> None:
            raise AssertionError(f"a client of {service}")

        monkeypatch.setattr("boto3.client", call)
        bench_serve("toy", toy, 2, FUNCTIONS)
        assert capfd.readouterr() == ("", "")

    def test_a_failing_handler_is_an_error_not_a_fast_one(self, toy: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(serve, "LIMIT", 10_000)
        with pytest.raises(BenchError, match="answered 400"):
            bench_serve("toy", toy, 2, FUNCTIONS)


def test_ingest_folds_events_and_reviews(toy: Snapshot) -> None:
    found = bench_ingest(toy, 2, FUNCTIONS)
    assert [row["events_per_batch"] for row in found["batches"]] == [10, 500, 10]
    assert all(row["events_per_s"] > 0 for row in found["batches"])


def test_texts_of_each_language_and_length_are_encoded() -> None:
    rows = bench_text(TextEncoder.from_dir(TINY_ENCODER), ["en", "zh"], 2)
    assert [row["text"] for row in rows] == ["en, short", "en, long", "zh, short", "zh, long"]
    assert rows[0]["tokens"] < rows[1]["tokens"]


def test_a_snapshot_without_a_user_encoder_is_measured_with_a_random_one(toy: Snapshot, tmp_path: Path) -> None:
    assert bench_user(toy, 2)["weights"] == "random, usual size"
    assert bench_user(random_snapshot(tmp_path, 60), 2)["weights"] == "of the snapshot"


class TestSoak:
    def test_a_healthy_stack_has_no_errors(self, toy: Snapshot) -> None:
        found = bench_soak(toy, 0.5, FUNCTIONS, unseen)
        assert found["errors"] == {}
        assert sum(found["calls"].values()) > 0
        assert found["memory_end_mib"] > 0

    def test_errors_are_counted_by_kind_and_end_with_exit_code_1(
        self, toy: Snapshot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(soak._Load, "session", lambda self: self._http("recommend", "GET", "/search", {}, {}))
        monkeypatch.setattr(soak._Load, "events", lambda self: 1 // 0)
        ticks = itertools.count(0, 0.05)  # twenty calls, however busy the machine is
        monkeypatch.setattr(soak, "time", SimpleNamespace(time=time.time, monotonic=lambda: next(ticks)))
        result = run("soak", "--snapshot", str(toy.directory), "--seconds", "1", "--json", "-")
        report = json.loads(result.stdout)
        assert result.exit_code == 1
        assert set(report["errors"]) == {"recommend answered 400: Bad Request", "events raised ZeroDivisionError"}


class TestColdStart:
    def test_a_function_finds_what_its_layers_hold_and_nothing_else(self, tmp_path: Path) -> None:
        core, ranking = (import_path(ROOT / "layers", inference, tmp_path) for inference in (False, True))
        assert finds(core, "endcap", "pydantic", "aws_lambda_powertools", "boto3") == 4
        assert finds(core, "numpy", "onnxruntime") == 0
        assert finds(ranking, "numpy", "onnxruntime", "tokenizers", "simsimd") == 4
        assert finds(ranking, "moto", "typer", "scipy", "onnx", "endcap_local", "pytest") == 0

    def test_a_fresh_process_answers_its_sample(self, toy: Snapshot) -> None:
        found = bench_cold_start(toy, ROOT / "template.yaml", 1, unseen, ["collect"])
        (row,) = found["functions"]
        assert (row["function"], row["inference_layer"], row["total"]["n"]) == ("collect", False, 1)
        parts = sum(row[f"{part}_p50_ms"] for part in ("interpreter", "imports", "answer"))
        assert row["total"]["p50_ms"] == pytest.approx(parts, abs=0.01)

    def test_a_function_that_does_not_answer_is_named(self, toy: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cold_start, "LIMIT_S", 0.001)
        with pytest.raises(BenchError, match="collect gave no answer"):
            bench_cold_start(toy, ROOT / "template.yaml", 1, unseen, ["collect"])

    def test_every_function_has_a_sample(self) -> None:
        assert set(SAMPLES) == {path.parent.name for path in FUNCTIONS.glob("*/app.py")}
        assert all((ROOT / "events" / name / f"{sample}.json").is_file() for name, sample in SAMPLES.items())


class TestCommand:
    def test_a_table_and_a_file_say_the_same(self, toy: Snapshot, tmp_path: Path) -> None:
        out = tmp_path / "serve.json"
        result = run("serve", "--snapshot", str(toy.directory), "--requests", "3", "--json", str(out))
        assert result.exit_code == 0, result.output
        report = json.loads(out.read_text())
        assert report["bench"] == "serve"
        assert f"{report['catalogues'][0]['handler_known']['p50_ms']:.2f}" in result.output

    def test_a_folder_that_is_no_snapshot_is_an_error(self, tmp_path: Path) -> None:
        assert run("ingest", "--snapshot", str(tmp_path)).exit_code == 1

    def test_an_unknown_function_is_a_usage_error(self) -> None:
        assert run("cold-start", "--function", "nothing").exit_code == 2


def test_make_bench_calls_what_there_is() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\nbench:")[2].partition("\n\n")[0]
    kinds = recipe.partition("for kind in ")[2].partition(";")[0].split()
    assert kinds
    for kind in kinds:
        assert run(kind, "--help").exit_code == 0


def run(*arguments: str) -> Result:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return CliRunner().invoke(app, ["bench", *arguments], env=environment)


def finds(path: list[Path], *packages: str) -> int:
    """How many of these packages an interpreter on this path can import."""
    script = "import importlib.util, sys; print(sum(importlib.util.find_spec(p) is not None for p in sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-S", "-s", "-c", script, *packages],
        env={"PYTHONPATH": os.pathsep.join(map(str, path))},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)
