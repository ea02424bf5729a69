"""`endcap bench`: how fast the project's own code is on this machine."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from endcap_local.cli.options import Encoder, Template
from endcap_local.serving import find_template

if TYPE_CHECKING:
    from rich.console import Console

    from endcap.snapshot.snapshot import Snapshot
    from endcap_rebuild.settings import Progress

bench_app = typer.Typer(help="Measure the project's own code on this machine.", no_args_is_help=True)

JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the report as JSON; - for stdout.")]
OneSnapshot = Annotated[Path | None, typer.Option("--snapshot", help="Folder of a snapshot; else the bundled data's.")]
Result = dict[str, Any]
Rows = Sequence[Sequence[str]]

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_MEMORY = "Handlers run in this process on in-memory stand-ins for AWS; nothing here is AWS's own time."


@bench_app.command()
def serve(
    snapshot: Annotated[
        list[Path] | None, typer.Option(help="Folder of a snapshot; repeatable; else the bundled data's.")
    ] = None,
    items: Annotated[
        list[int] | None, typer.Option(min=10, help="A random catalogue of this size; repeatable.")
    ] = None,
    requests: Annotated[int, typer.Option(min=1, help="Of each kind.")] = 200,
    encoder: Encoder = "auto",
    template: Template = None,
    json_file: JsonFile = None,
) -> None:
    """Answers of the recommend handler, ranking alone, and the scan of the vectors."""
    with _run("serve", json_file) as (report, progress):
        from endcap.snapshot.snapshot import load_snapshot
        from endcap_local.bench.serve import bench_serve
        from endcap_local.bench.shops import demo_snapshot, random_snapshot

        functions, catalogues = find_template(template).parent / "functions", []
        for folder in snapshot or ():
            catalogues.append(bench_serve(folder.name, load_snapshot(folder), requests, functions))
        for size in items or ():
            progress("random catalogue", 0, 1)
            with tempfile.TemporaryDirectory(prefix="endcap-bench-") as scratch:
                catalogues.append(
                    bench_serve(f"random, {size:,}", random_snapshot(Path(scratch), size), requests, functions)
                )
        if not catalogues:
            catalogues.append(bench_serve("bundled data", demo_snapshot(encoder, progress), requests, functions))
        report({"catalogues": catalogues}, _serve_tables, _MEMORY)


@bench_app.command()
def ingest(
    snapshot: OneSnapshot = None,
    batches: Annotated[int, typer.Option(min=1, help="Batches of ten messages.")] = 300,
    encoder: Encoder = "auto",
    template: Template = None,
    json_file: JsonFile = None,
) -> None:
    """Events per second through update_profile, on one thread."""
    with _run("ingest", json_file) as (report, progress):
        from endcap_local.bench.ingest import bench_ingest

        functions = find_template(template).parent / "functions"
        report(bench_ingest(_snapshot(snapshot, encoder, progress), batches, functions), _ingest_tables, _MEMORY)


@bench_app.command(name="cold-start")
def cold_start(
    snapshot: OneSnapshot = None,
    runs: Annotated[int, typer.Option(min=1, help="Starts of each function.")] = 5,
    function: Annotated[list[str] | None, typer.Option(help="Only this one; repeatable; else all.")] = None,
    encoder: Encoder = "auto",
    template: Template = None,
    json_file: JsonFile = None,
) -> None:
    """From a fresh process to the first answer, for each function."""
    with _run("cold-start", json_file) as (report, progress):
        from endcap_local.bench.cold_start import SAMPLES, bench_cold_start

        if unknown := set(function or ()) - set(SAMPLES):
            raise typer.BadParameter(f"{unknown.pop()} is none of {', '.join(SAMPLES)}", param_hint="--function")
        shop, path = _snapshot(snapshot, encoder, progress), find_template(template)
        found = bench_cold_start(shop, path, runs, progress, tuple(function or SAMPLES))
        note = "Files are in the page cache, boto3 talks to moto on this machine; Lambda's own set-up is not in it."
        report(found, _cold_start_tables, note)


@bench_app.command()
def encode(
    snapshot: OneSnapshot = None,
    runs: Annotated[int, typer.Option(min=1, help="Of each text, and of the history.")] = 200,
    encoder: Annotated[
        list[str] | None, typer.Option(help="english, multilingual or a folder; repeatable; else both.")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Text encoders and the user encoder, each on one thread."""
    with _run("encode", json_file) as (report, progress):
        from endcap_local.bench.encode import bench_text, bench_user

        texts = [
            row
            for name in encoder or ("english", "multilingual")
            for row in bench_text(_text_encoder(name, progress), ["en"] if name == "english" else ["en", "zh"], runs)
        ]
        user = bench_user(_snapshot(snapshot, "auto", progress), runs)
        report({"texts": texts, "user": user}, _encode_tables, "One thread each.")


@bench_app.command()
def soak(
    snapshot: OneSnapshot = None,
    seconds: Annotated[float, typer.Option(min=1, max=604_800, help="How long.")] = 60,
    encoder: Encoder = "auto",
    template: Template = None,
    json_file: JsonFile = None,
) -> None:
    """Mixed load for a while: errors, latency and growth of memory. Exit code 1 where there was an error."""
    with _run("soak", json_file) as (report, progress):
        from endcap_local.bench.soak import bench_soak

        functions = find_template(template).parent / "functions"
        found = bench_soak(_snapshot(snapshot, encoder, progress), seconds, functions, progress)
        report(found, _soak_tables, _MEMORY)
    if found["errors"]:
        raise typer.Exit(1)


@contextmanager
def _run(what: str, json_file: Path | None) -> Iterator[tuple[Callable[..., None], Progress]]:
    """A place to report to, a progress bar, and one thread for all that computes."""
    os.environ |= dict.fromkeys(_ONE_THREAD, "1")  # read when numpy is first imported
    from rich.console import Console

    from endcap_local.bench.timing import machine
    from endcap_local.console import progress_bar

    console = Console(highlight=False, stderr=str(json_file) == "-")
    before = machine()  # the load of others, not ours
    results: list[tuple[Result, Callable[[Result], Iterator[tuple[Sequence[str], Rows]]], str]] = []
    with progress_bar(console) as progress:
        yield lambda *result: results.append(result), progress
    for result, tables, note in results:
        if json_file is not None:
            text = json.dumps(
                {"bench": what, "machine": before, **result}, ensure_ascii=False, indent=1, sort_keys=True
            )
            _write(json_file, text)
        _print(console, before, tables(result), note)


def _write(file: Path, text: str) -> None:
    if str(file) == "-":
        print(text, flush=True)
    else:
        file.write_text(text + "\n", encoding="utf-8")


def _snapshot(folder: Path | None, encoder: str, progress: Progress) -> Snapshot:
    from endcap.snapshot.snapshot import load_snapshot
    from endcap_local.bench.shops import demo_snapshot

    return demo_snapshot(encoder, progress) if folder is None else load_snapshot(folder)


def _text_encoder(name: str, progress: Progress) -> Any:
    from endcap.encoders.text import TextEncoder
    from endcap_rebuild.base_encoders import ensure_encoder

    if name not in ("english", "multilingual"):
        return TextEncoder.from_dir(name)
    return TextEncoder.from_dir(ensure_encoder(name, progress=lambda step: progress(step, 0, 1)))  # type: ignore[arg-type]


def _print(
    console: Console, machine: Mapping[str, Any], tables: Iterator[tuple[Sequence[str], Rows]], note: str
) -> None:
    from rich import box
    from rich.table import Table

    for heading, rows in tables:
        table = Table(box=box.SIMPLE, padding=(0, 1), pad_edge=False)
        for k, name in enumerate(heading):
            table.add_column(name, justify="right" if k else "left", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        console.print(table)
    console.print(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}, "
        f"load {machine['load_1min']} before, {machine['date']}. {note}"
    )


_PERCENTILES = ("p50 ms", "p90 ms", "p99 ms", "CPU p50")


def _percentiles(timing: Mapping[str, Any]) -> list[str]:
    return [f"{timing[name]:.2f}" for name in ("p50_ms", "p90_ms", "p99_ms", "cpu_p50_ms")]


def _serve_tables(result: Result) -> Iterator[tuple[Sequence[str], Rows]]:
    names = {
        "handler_known": "handler, 64 interactions",
        "handler_unknown": "handler, unknown shopper",
        "ranking_known": "ranking alone, 64 interactions",
    }
    for shop in result["catalogues"]:
        rows = [[text, *_percentiles(shop[name])] for name, text in names.items()]
        yield (f"{shop['name']}: {shop['snapshot']['items']:,} items", *_PERCENTILES), rows
        scan = shop["scan"]
        rows = [[f"scan as {name}", *_percentiles(scan[name])] for name in ("float32", "int8")]
        ratio = f"int8 / float32 {scan['int8_over_float32']:.2f}; used: {scan['serving_uses']}"
        yield (ratio, *_PERCENTILES), rows


def _ingest_tables(result: Result) -> Iterator[tuple[Sequence[str], Rows]]:
    rates = ("events_per_s", "events_per_cpu_s")
    rows = [
        [row["name"], *(f"{row[rate]:,}" for rate in rates), *_percentiles(row["batch"])] for row in result["batches"]
    ]
    yield ("batch of 10 messages", "events/s", "events/CPU s", *_PERCENTILES), rows


def _cold_start_tables(result: Result) -> Iterator[tuple[Sequence[str], Rows]]:
    parts = ("interpreter_p50_ms", "imports_p50_ms", "answer_p50_ms")
    rows = [
        [
            row["function"],
            f"{row['total']['p50_ms']:.0f}",
            *(f"{row[part]:.0f}" for part in parts),
            f"{row['total']['cpu_p50_ms']:.0f}",
        ]
        for row in result["functions"]
    ]
    yield ("p50, ms", "together", "interpreter", "imports", "first answer", "CPU"), rows


def _encode_tables(result: Result) -> Iterator[tuple[Sequence[str], Rows]]:
    rows = [[f"{r['encoder']}: {r['text']}", str(r["tokens"]), *_percentiles(r)] for r in result["texts"]]
    yield ("one text", "tokens", *_PERCENTILES), rows
    user = result["user"]
    met = "met" if user["goal_met"] else "missed"
    rows = [
        [f"graph, weights {user['weights']}", *_percentiles(user["encoder"])],
        ["features of the profile", *_percentiles(user["features"])],
        [f"goal: graph p50 {user['goal_ms']:g} ms, {met}", *[""] * len(_PERCENTILES)],
    ]
    yield (f"user encoder, {user['interactions']} interactions", *_PERCENTILES), rows


def _soak_tables(result: Result) -> Iterator[tuple[Sequence[str], Rows]]:
    fifths = {name: result[f"recommend_{name}_fifth"] for name in ("first", "last")}
    parts = [[f"{name} fifth", *_percentiles(timing)] for name, timing in fifths.items() if timing]
    yield ("recommend", *_PERCENTILES), parts
    errors = sum(result["errors"].values())
    rows = [
        ["calls", ", ".join(f"{n:,} {name}" for name, n in result["calls"].items())],
        ["errors", f"{errors:,}"],
        *(["  " + what, f"{n:,}"] for what, n in result["errors"].items()),
        ["memory, MiB", f"{result['memory_warm_mib']} after warm-up, {result['memory_end_mib']} in the end"],
    ]
    yield (f"{result['seconds']:g} s", f"{result['calls_per_s']:,} calls/s"), rows
