"""`endcap bench` on toy catalogues: what it runs and reports, never how fast."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from endcap.catalog.item import parse_item
from endcap.encoders.text import TextEncoder
from endcap.ranking.terms.similarity import user_encoder_of
from endcap.snapshot.snapshot import Snapshot
from endcap.snapshot.verify import verify_snapshot
from endcap_local.bench import cold_start, kinds, memory, peer, smaps, timing
from endcap_local.bench.cold_start import SAMPLES, bench_cold_start
from endcap_local.bench.encode import bench_text, bench_user
from endcap_local.bench.functions import BenchError, Functions
from endcap_local.bench.import_paths import import_path
from endcap_local.bench.ingest import bench_ingest
from endcap_local.bench.memory import bench_memory, in_use_bytes
from endcap_local.bench.memory_aws import MemoryAws
from endcap_local.bench.peer import NO_TORCH, Peer, Shape, peer_encoder
from endcap_local.bench.random_items import RandomItems, random_list
from endcap_local.bench.serve import HANDLERS, Plan, bench_serve
from endcap_local.bench.shops import altered, random_snapshot, shoppers
from endcap_local.bench.smaps import Memory, memory_of
from endcap_local.bench.soak import run as soak
from endcap_local.bench.soak.report import Found, Observed, report
from endcap_local.bench.soak.run import SoakPlan
from endcap_local.bench.soak.schedule import Schedule
from endcap_local.bench.soak.watch import Strain
from endcap_local.bench.timing import Call, Timing, alternated, machine
from endcap_local.cli.app import app
from endcap_rebuild.data.columns import columns_of
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
        found = Timing.of([k / 1000 for k in range(100, 0, -1)])  # 1 .. 100 ms
        assert (found.n, found.p50_ms, found.p90_ms, found.p99_ms) == (100, 50.0, 90.0, 99.0)
        assert found.mean_ms == (1 + 100) / 2

    @pytest.mark.parametrize(("durations", "p50", "p99"), [([3.0], 3000, 3000), ([1.0, 2.0], 1000, 2000)])
    def test_few_durations_have_percentiles_too(self, durations: list[float], p50: float, p99: float) -> None:
        found = Timing.of(durations)
        assert (found.p50_ms, found.p99_ms) == (p50, p99)

    def test_nothing_has_none(self) -> None:
        with pytest.raises(ValueError, match="nothing was timed"):
            Timing.of([])

    def test_what_is_compared_takes_turns(self) -> None:
        turns: list[str] = []
        found = alternated({name: noted(turns, name) for name in "ab"}, [1, 2])
        assert turns == ["a1", "b1", "a2", "b2"]
        assert {name: row.n for name, row in found.items()} == {"a": 2, "b": 2}

    def test_what_is_slow_takes_part_in_few_turns_spread_evenly(self) -> None:
        turns: list[str] = []
        found = alternated({"a": noted(turns, "a")}, range(6), {"slow": noted(turns, "slow")}, 2)
        assert turns == ["a0", "slow0", "a1", "a2", "a3", "slow3", "a4", "a5"]
        assert (found["a"].n, found["slow"].n) == (6, 2)

    def test_making_what_a_call_is_given_is_not_timed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        passed = itertools.count()
        clock = SimpleNamespace(perf_counter=lambda: next(passed), thread_time=lambda: 0.0)
        monkeypatch.setattr(timing, "time", clock)
        found = alternated({"call": Call(lambda _: None, lambda _: clock.perf_counter())}, range(3))
        assert found["call"].p50_ms == 1000  # the one step from before the call to after it

    def test_the_machine_says_what_it_is(self) -> None:
        assert {"cpu", "cores", "python", "packages", "load_1min", "date"} <= set(machine())


class TestRandomCatalogue:
    def test_is_a_sound_snapshot_with_both_encoders(self, tmp_path: Path) -> None:
        snapshot = random_snapshot(tmp_path, 120, encoder=TINY_ENCODER)
        verify_snapshot(tmp_path)
        assert snapshot.n_items == 120
        assert user_encoder_of(snapshot) is not None
        assert snapshot.encoder is not None
        assert snapshot.encoder.d_text == snapshot.manifest["dims"]["text"]

    def test_has_a_row_of_fifty_others_for_each_item_that_somebody_touched(self, tmp_path: Path) -> None:
        snapshot = random_snapshot(tmp_path, 120)
        for name, neighbours in snapshot.lists.items():
            for k in range(120):
                row = set(neighbours.row(k)[0].tolist())
                filled = name == "wording" or snapshot.interaction_counts[k] > 0
                assert len(row - {k}) == len(row) == (50 if filled else 0)

    @pytest.mark.parametrize("n", [2, 10, 51, 500])
    def test_a_list_never_names_an_item_twice_or_itself(self, n: int) -> None:
        neighbours = random_list(np.random.default_rng(n), np.ones(n, dtype=np.bool_))
        for k in range(n):
            row = neighbours.row(k)[0].tolist()
            assert len({*row, k}) == min(50, n - 1) + 1
            assert all(0 <= other < n for other in row)

    def test_columns_say_what_the_documents_say(self) -> None:
        items = RandomItems(np.random.default_rng(0), 200, 1_750_000_000_000)
        theirs, ours = items.columns, columns_of([parse_item(document) for document in items])
        for name in ("price", "price_band", "available", "expires_at_ms", "created_at_ms", "category_indptr"):
            np.testing.assert_array_equal(getattr(theirs, name), getattr(ours, name))
        for k in range(200):
            assert theirs.brands[theirs.brand[k]] == ours.brands[ours.brand[k]]
        assert [theirs.categories[c] for c in theirs.category_indices] == [
            ours.categories[c] for c in ours.category_indices
        ]

    def test_variants_share_a_group_and_single_items_name_none(self) -> None:
        documents = list(RandomItems(np.random.default_rng(0), 300, 0))
        sizes = Counter(document.get("group_id") for document in documents)
        alone = sizes.pop(None)
        assert 0.4 < alone / 300 < 0.8
        assert set(sizes.values()) <= {2, 3, 4, 6, 1}  # the last group may be cut

    def test_shoppers_fill_their_profiles(self, toy: Snapshot) -> None:
        assert {len(profile.interactions) for profile in shoppers(toy, 3).values()} == {64}


def plan(requests: int, **more: Any) -> Plan:
    return Plan(FUNCTIONS, requests, **{"memory_requests": 0, **more})


class TestServe:
    def test_every_kind_and_both_scans_are_timed_and_put_over_the_faster_scan(self, toy: Snapshot) -> None:
        found = bench_serve("toy", toy, plan(6))
        scans = [found["scan"][how] for how in ("float32", "int8")]
        rows = [*(found[kind] for kind in (*HANDLERS, "ranking_known")), *scans]
        assert {row["n"] for row in rows} == {6}
        for row in rows:
            assert {"cpu_p50_ms", "p50_ms", "p99_ms", "over_scan"} <= set(row)
        fastest = min(scan["cpu_p50_ms"] for scan in scans)
        handler = found["handler_known"]
        assert handler["over_scan"] == pytest.approx(handler["cpu_p50_ms"] / fastest, abs=0.01)
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
        bench_serve("toy", toy, plan(6))
        assert versions == {(False, 1), (True, 0)}

    def test_each_kind_asks_for_what_its_name_says(self, toy: Snapshot) -> None:
        asker = kinds.Asker(toy, FUNCTIONS, MemoryAws())
        events = {kind: [make(turn) for turn in range(3)] for kind, make in asker.events.items()}
        queries = {kind: made[0].get("queryStringParameters", {}) for kind, made in events.items()}
        assert queries["handler_known"] == {"limit": "10"}
        assert queries["handler_unexplained"]["explain"] == "false"
        assert "price < " in queries["filtered"]["filter"]
        assert " AND categories CONTAINS " in queries["filtered"]["filter"]
        assert len(queries["search"]["q"].split()) == 2
        bodies = [json.loads(event["body"]) for event in events["rerank_100"]]
        assert {len(set(body["item_ids"])) for body in bodies} == {40}
        assert len({tuple(body["item_ids"]) for body in bodies}) == 3  # others, or in another order, each time
        for kind in ("filtered", "search", "rerank_100", "handler_known"):
            assert len({json.dumps(event, sort_keys=True) for event in events[kind]}) == 3

    def test_a_catalogue_without_prices_and_categories_is_filtered_by_what_it_has(self, toy: Snapshot) -> None:
        columns = replace(
            toy.columns, price=np.full(40, np.nan, dtype=np.float32), category_indices=np.empty(0, dtype=np.int32)
        )
        asker = kinds.Asker(replace(toy, columns=columns), FUNCTIONS, MemoryAws())
        assert asker.events["filtered"](0)["queryStringParameters"]["filter"] == "available"

    def test_no_call_leaves_this_process_and_no_log_reaches_the_terminal(
        self, toy: Snapshot, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        def call(service: str, **_: object) -> None:
            raise AssertionError(f"a client of {service}")

        monkeypatch.setattr("boto3.client", call)
        bench_serve("toy", toy, plan(2))
        assert capfd.readouterr() == ("", "")

    def test_a_failing_handler_is_an_error_not_a_fast_one(self, toy: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(kinds, "LIMIT", 10_000)
        with pytest.raises(BenchError, match="answered 400"):
            bench_serve("toy", toy, plan(2))

    def test_an_answer_that_leaves_out_candidates_is_an_error(
        self, toy: Snapshot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asker = kinds.Asker(toy, FUNCTIONS, MemoryAws())
        empty = {"statusCode": 200, "body": json.dumps({"items": []})}
        monkeypatch.setattr(Functions, "invoke", lambda *_: empty)
        with pytest.raises(BenchError, match="rerank_100"):
            asker.check("rerank_100")


SMAPS = """\
55d0-55d1 r-xp 00000000 fd:00 11                     /usr/bin/python3
Size:                 40 kB
Rss:                  30 kB
Private_Clean:        12 kB
Private_Dirty:         0 kB
7f00-7f10 rw-p 00000000 00:00 0
Rss:                 100 kB
Private_Clean:         0 kB
Private_Dirty:       100 kB
VmFlags: rd wr mr mw me ac
7f20-7f30 r--s 00000000 fd:00 12                     {folder}/item_vectors_i8.npy
Rss:                 500 kB
Private_Clean:       400 kB
Private_Dirty:         3 kB
7f40-7f50 r--s 00000000 fd:00 13                     {folder}-of-another/item_vectors_i8.npy
Rss:                   8 kB
Private_Clean:         8 kB
Private_Dirty:         0 kB
"""


class TestMemory:
    def test_clean_pages_of_the_snapshots_files_are_nobodys_own(self, tmp_path: Path) -> None:
        found = memory_of(SMAPS.format(folder=tmp_path).splitlines(), tmp_path)
        assert found == Memory(
            private=(12 + 100 + 3 + 8) * 1024, mapped=500 * 1024, resident=(30 + 100 + 500 + 8) * 1024
        )

    @pytest.mark.skipif(not smaps.SMAPS.exists(), reason="the system does not tell")
    def test_what_is_allocated_is_private(self, tmp_path: Path) -> None:
        before = smaps.own_memory(tmp_path)
        block = np.ones(16_000_000, dtype=np.float32)  # more than an allocator hands out again of what was freed
        after = smaps.own_memory(tmp_path)
        assert before is not None
        assert after is not None
        assert after.private - before.private >= 0.9 * block.nbytes

    def test_vectors_in_use_are_those_of_the_one_scan(self, toy: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
        exact = in_use_bytes(toy)
        monkeypatch.setattr(memory, "EXACT_ELEMENTS", 0)
        assert exact - in_use_bytes(toy) == 40 * (16 + 32)  # two bytes a number as float16, one as int8
        files = sum(entry["bytes"] for entry in toy.manifest["files"].values())
        assert 40 * (16 + 32) * 2 < exact < files

    def test_a_fresh_process_tells_how_it_grew(self, toy: Snapshot) -> None:
        found = bench_memory(toy, 8, FUNCTIONS)
        assert set(found) == {*memory.UNKNOWN, "in_use_mb"}
        if found["private_mb"] is not None:
            assert list(found["private_by_kind_mb"]) == list(HANDLERS)
            assert found["private_mb"] == found["private_by_kind_mb"]["search"]
            assert found["resident_mb"] > found["private_mb"] > 0

    def test_where_the_system_does_not_tell_the_fields_are_empty(
        self, toy: Snapshot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(smaps, "SMAPS", tmp_path / "nothing")
        assert memory.measured(toy.directory, FUNCTIONS, 1) == memory.UNKNOWN

    def test_a_process_that_fails_is_an_error(self, toy: Snapshot, tmp_path: Path) -> None:
        with pytest.raises(BenchError, match="memory could not be measured"):
            bench_memory(toy, 1, tmp_path)


class FakeEncoder:
    """Stands where `PeerEncoder` does, and needs no torch."""

    shape, torch_version = Shape(width=8, positions=16), "none"

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def encode(self, tokens: int, length: int) -> Any:
        self.asked.append((tokens, length))
        return np.ones(8, dtype=np.float32)


class TestPeer:
    def test_both_ways_are_put_over_the_handler(self, toy: Snapshot) -> None:
        encoder: Any = FakeEncoder()
        found = bench_serve("toy", toy, plan(6, peer=encoder, peer_calls=3))["peer"]
        assert (found["note"], found["torch"]) == (None, "none")
        for way in ("padded", "unpadded"):
            assert {"cpu_p50_ms", "p50_ms", "over_endcap"} <= set(found[way])
            assert found[way]["n"] == 3

    def test_a_text_is_padded_to_all_positions_or_not_at_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(peer, "TOKENS", 5)
        encoder: Any = FakeEncoder()
        ways = Peer(encoder, 30).calls
        assert all(len(set(call(0).tolist())) == 10 for call in ways.values())
        assert encoder.asked == [(5, 16), (5, 5)]

    def test_without_torch_there_is_none_and_the_report_says_why(
        self, toy: Snapshot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(peer, "find_spec", lambda name: None)
        assert peer_encoder() is None
        found = bench_serve("toy", toy, plan(2))["peer"]
        assert found == {"padded": None, "unpadded": None, "torch": None, "note": NO_TORCH}

    def test_vectors_that_do_not_fit_are_left_out(self, toy: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(peer, "_available_bytes", lambda: 100.0)
        encoder: Any = FakeEncoder()
        found = bench_serve("toy", toy, plan(2, peer=encoder))["peer"]
        assert found["padded"] is None
        assert "GB are free" in found["note"]

    @pytest.mark.training
    def test_an_encoder_in_torch_gives_a_vector_whatever_the_padding(self) -> None:
        encoder = peer.PeerEncoder(Shape(layers=2, width=16, heads=2, inner=32, vocabulary=50, positions=12))
        for tokens, length in ((4, 12), (4, 4), (12, 12)):
            vector = encoder.encode(tokens, length)
            assert vector.shape == (16,)
            assert np.isfinite(vector).all()


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
    @pytest.mark.parametrize(("met", "code"), [(True, 0), (False, 1)])
    def test_a_goal_that_is_missed_ends_with_exit_code_1(
        self, toy: Snapshot, monkeypatch: pytest.MonkeyPatch, met: bool, code: int
    ) -> None:
        plans: list[SoakPlan] = []
        found = report(
            Schedule.of(7, True),
            Observed([], {}, set(), [], [], 0.0, {}, {}, Strain(None, 0.0, 0.0)),
            Found(set(), {}, {}, 0, 1.0, 0),
        )
        goals = {"lost": {"goal": "0", "found": 0, "met": met}}

        def soaked(snapshot: Snapshot, plan: SoakPlan, progress: object) -> dict[str, Any]:
            plans.append(plan)
            return {**found, "goals": goals}

        monkeypatch.setattr(soak, "bench_soak", soaked)
        options = ("--snapshot", str(toy.directory), "--seconds", "7", "--faults", "--rate", "30", "--concurrency", "2")
        result = run("soak", *options, "--json", "-")
        assert result.exit_code == code
        assert json.loads(result.stdout)["goals"] == goals
        assert [(plan.seconds, plan.faults, plan.rate, plan.concurrency) for plan in plans] == [(7, True, 30, 2)]


class TestAlteredSnapshots:
    def test_it_is_a_sound_snapshot_of_the_same_items_in_another_version(self, toy: Snapshot, tmp_path: Path) -> None:
        copies = [altered(toy, tmp_path / str(n), n) for n in (1, 2)]
        assert len({snapshot.version for snapshot in (toy, *copies)}) == 3
        for copy in copies:
            verify_snapshot(copy.directory)
            assert list(copy.item_ids) == list(toy.item_ids)


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
        assert row["served_p50_ms"] >= row["total"]["p50_ms"] - 0.01
        assert 10 < row["memory_mb"] < 1_000
        assert (row["first_status"], row["ready_cpu_p50_ms"]) == (202, None)

    @pytest.mark.parametrize("from_folder", [False, True])
    def test_what_the_snapshot_costs_once_its_files_are_here_is_told_by_itself(
        self, toy: Snapshot, *, from_folder: bool
    ) -> None:
        found = bench_cold_start(toy, ROOT / "template.yaml", 1, unseen, ["recommend"], from_folder=from_folder)
        (row,) = found["functions"]
        assert 0 < row["ready_cpu_p50_ms"] < row["total"]["cpu_p50_ms"]

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
        few = ("--requests", "3", "--memory-requests", "0", "--no-peer")
        result = run("serve", "--snapshot", str(toy.directory), *few, "--json", str(out))
        assert result.exit_code == 0, result.output
        report = json.loads(out.read_text())
        assert report["bench"] == "serve"
        assert f"{report['catalogues'][0]['handler_known']['p50_ms']:.2f}" in result.output

    def test_catalogues_of_several_sizes_are_measured_one_after_the_other(self) -> None:
        few = ("--requests", "1", "--memory-requests", "0", "--no-peer", "--encoder", str(TINY_ENCODER))
        result = run("serve", "--items", "60", "--items", "130", *few, "--json", "-")
        assert result.exit_code == 0, result.output
        catalogues = json.loads(result.stdout)["catalogues"]
        assert [shop["snapshot"]["items"] for shop in catalogues] == [60, 130]
        assert all(shop["private_mb"] is None for shop in catalogues)
        assert all(shop["peer"]["note"] == "left out" for shop in catalogues)

    def test_a_folder_that_is_no_snapshot_is_an_error(self, tmp_path: Path) -> None:
        assert run("ingest", "--snapshot", str(tmp_path)).exit_code == 1

    def test_an_unknown_function_is_a_usage_error(self) -> None:
        assert run("cold-start", "--function", "nothing").exit_code == 2
        assert run("cold-start", "--from-folder", "--function", "promote").exit_code == 2


def test_make_bench_calls_what_there_is() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\nbench:")[2].partition("\n\n")[0]
    kinds = recipe.partition("for kind in ")[2].partition(";")[0].split()
    assert kinds
    for kind in kinds:
        assert run(kind, "--help").exit_code == 0


def noted(turns: list[str], name: str) -> Call:
    return Call(turns.append, lambda turn: f"{name}{turn}")


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
