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
    from endcap_rebuild.base_encoders.recipes import EncoderName
    from endcap_rebuild.settings import Progress

bench_app = typer.Typer(help="Measure the project's own code on this machine.", no_args_is_help=True)

JsonFile = Annotated[Path | None, typer.Option("--json", help="Write the report as JSON; - for stdout.")]
OneSnapshot = Annotated[Path | None, typer.Option("--snapshot", help="Folder of a snapshot; else the bundled data's.")]
Result = dict[str, Any]
Rows = Sequence[Sequence[str]]

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_SERVE = (
    "Handlers run in this process on in-memory stand-ins for AWS; nothing here is AWS's own time. / scan: CPU p50 over "
    "that of the faster scan. Private: beyond interpreter and imports; in use: ids, columns and vectors; mapped: pages "
    "of the snapshot's files. / handler: CPU p50 over that of the handler with 64 interactions."
)
_SOAK = "moto on this machine for AWS, in one process with the load; nothing here is AWS's own time."
_MEMORY = "Handlers run in this process on in-memory stand-ins for AWS; nothing here is AWS's own time."


@bench_app.command(short_help="Answers of the recommend handler, ranking, the scan.")
def serve(
    snapshot: Annotated[list[Path] | None, typer.Option(help="Folder of a snapshot; repeatable.")] = None,
    items: Annotated[
        list[int] | None,
        typer.Option(min=10, help="A random catalogue of this size; repeatable; else 1000, 10000 and 100000."),
    ] = None,
    bundled: Annotated[bool, typer.Option("--bundled", help="The bundled data's catalogue.")] = False,
    requests: Annotated[int, typer.Option(min=1, help="Of each kind.")] = 200,
    memory_requests: Annotated[
        int, typer.Option(min=0, help="In a process of its own whose memory is looked at; 0 for none.")
    ] = 1_000,
    peer: Annotated[bool, typer.Option(help="Beside an encoder in the shape of BERT base; needs torch.")] = True,
    encoder: Encoder = "auto",
    template: Template = None,
    json_file: JsonFile = None,
) -> None:
    """Answers of the recommend handler, ranking alone, the scan of the vectors, memory, and a peer in the same run."""
    with _run("serve", json_file) as (report, progress):
        from endcap.snapshot.snapshot import load_snapshot
        from endcap_local.bench.peer import NO_TORCH, peer_encoder
        from endcap_local.bench.serve import DEFAULT_ITEMS, Plan, bench_serve
        from endcap_local.bench.shops import demo_snapshot, random_snapshot

        functions, catalogues = find_template(template).parent / "functions", []
        rival, absent = (peer_encoder(), NO_TORCH) if peer else (None, "left out")
        plan = Plan(functions, requests, memory_requests, rival, absent)
        for folder in snapshot or ():
            progress(folder.name, 0, 1)
            catalogues.append(bench_serve(folder.name, load_snapshot(folder), plan))
        if bundled:
            catalogues.append(bench_serve("bundled data", demo_snapshot(encoder, progress), plan))
        for size in items or (() if catalogues else DEFAULT_ITEMS):
            progress(f"{size:,} random items", 0, 1)
            with tempfile.TemporaryDirectory(prefix="endcap-bench-") as scratch:
                shop = random_snapshot(Path(scratch), size, encoder=_encoder_folder(encoder, progress))
                catalogues.append(bench_serve(f"random, {size:,}", shop, plan))
        report({"catalogues": catalogues}, _serve_tables, _SERVE)


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


@bench_app.command(name="cold-start", short_help="From a fresh process to the first answer.")
def cold_start(
    snapshot: OneSnapshot = None,
    items: Annotated[int | None, typer.Option(min=10, help="A random catalogue of this size instead.")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Starts of each function.")] = 5,
    function: Annotated[list[str] | None, typer.Option(help="Only this one; repeatable; else all.")] = None,
    from_folder: Annotated[
        bool, typer.Option("--from-folder", help="Lists find the snapshot's files here, without S3; for large ones.")
    ] = False,
    encoder: Encoder = "auto",
    template: Template = None,
    json_file: JsonFile = None,
) -> None:
    """From a fresh process to the first answer, and to the first by the snapshot, for each function."""
    with _run("cold-start", json_file) as (report, progress), tempfile.TemporaryDirectory() as scratch:
        from endcap_local.bench.cold_start import SAMPLES, SERVING, bench_cold_start
        from endcap_local.bench.shops import random_snapshot

        if unknown := set(function or ()) - set(SAMPLES):
            raise typer.BadParameter(f"{unknown.pop()} is none of {', '.join(SAMPLES)}", param_hint="--function")
        names, path = tuple(function or SAMPLES), find_template(template)
        if from_folder and not set(names) <= set(SERVING):
            raise typer.BadParameter(f"only {' and '.join(SERVING)} can do without S3", param_hint="--function")
        if items is None:
            shop = _snapshot(snapshot, encoder, progress)
        else:
            progress(f"{items:,} random items", 0, 1)
            shop = random_snapshot(Path(scratch), items, encoder=_encoder_folder(encoder, progress))
        found = bench_cold_start(shop, path, runs, progress, names, from_folder=from_folder)
        note = (
            "Served: from the beginning to the first answer that the snapshot has part in; ready: processor time from "
            "when its files are here until then. Files are in the page cache, boto3 talks to moto on this machine; "
            "Lambda's own set-up is not in it."
        )
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


@bench_app.command(short_help="The whole stack under mixed load, with faults or none.")
def soak(
    snapshot: OneSnapshot = None,
    seconds: Annotated[float, typer.Option(min=1, max=604_800, help="How long.")] = 60,
    faults: Annotated[bool, typer.Option("--faults", help="S3 and DynamoDB hang, break off, refuse.")] = False,
    rate: Annotated[float, typer.Option(min=0.1, max=1_000, help="Requests per second.")] = 24,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Processes of recommend.")] = 8,
    logs: Annotated[Path | None, typer.Option(help="Folder to keep the functions' logs in; must be new.")] = None,
    encoder: Encoder = "auto",
    template: Template = None,
    json_file: JsonFile = None,
) -> None:
    """The whole stack, functions as processes, under mixed load: errors, what was lost, restarts, memory, latency.

    Exit code 1 where a goal is missed.
    """
    with _run("soak", json_file) as (report, progress):
        from endcap_local.bench.soak.run import SoakPlan, bench_soak
        from endcap_local.bench.soak.tables import soak_tables

        plan = SoakPlan(find_template(template), seconds, faults, rate, concurrency, logs)
        found = bench_soak(_snapshot(snapshot, encoder, progress), plan, progress)
        report(found, soak_tables, _SOAK)
    if not all(goal["met"] for goal in found["goals"].values()):
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

    return TextEncoder.from_dir(_encoder_folder(name, progress))


def _encoder_folder(name: str, progress: Progress) -> Path:
    """A base encoder's folder, or the one named; random items have no language, so `auto` is the smaller one."""
    from endcap_rebuild.base_encoders import ensure_encoder

    if name not in ("auto", "english", "multilingual"):
        return Path(name)
    base: EncoderName = "multilingual" if name == "multilingual" else "english"
    return ensure_encoder(base, progress=lambda step: progress(step, 0, 1))


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


_KINDS = {
    "handler_known": "handler, 64 interactions",
    "handler_unknown": "handler, unknown shopper",
    "handler_unexplained": "handler, without reasons",
    "rerank_100": "re-ranking 100 candidates",
    "rerank_100_explained": "the same with reasons",
    "filtered": "filter by price and category",
    "search": "search for two words",
    "ranking_known": "ranking alone, 64 interactions",
}


def _serve_tables(result: Result) -> Iterator[tuple[Sequence[str], Rows]]:
    for shop in result["catalogues"]:
        timings = {text: shop[kind] for kind, text in _KINDS.items()}
        timings |= {f"scan as {how}": shop["scan"][how] for how in ("float32", "int8")}
        rows = [[text, *_percentiles(timing), _times(timing["over_scan"])] for text, timing in timings.items()]
        rows[-1][0] += f" (serving: {shop['scan']['serving_uses']})"
        yield (f"{shop['name']}: {shop['snapshot']['items']:,} items", *_PERCENTILES, "/ scan"), rows
        yield _memory_table(shop)
        yield _peer_table(shop["peer"])


def _memory_table(shop: Result) -> tuple[Sequence[str], Rows]:
    if shop["private_mb"] is None:
        return ("memory was not measured",), []
    names = ("in_use_mb", "mapped_mb", "resident_mb")
    before_search = shop["private_by_kind_mb"]["filtered"]  # searches come last, with an encoder and an index of words
    sizes = [shop["private_mb"], before_search, *(shop[name] for name in names)]
    row = [_times(shop["private_over_in_use"]), *(f"{size:,.1f}" for size in sizes)]
    return ("memory, MB: private / in use", "private", "no search", "in use", "mapped", "resident"), [row]


def _peer_table(peer: Result) -> tuple[Sequence[str], Rows]:
    rows = [
        [f"{way} text", *_percentiles(peer[way]), _times(peer[way]["over_endcap"])]
        for way in ("padded", "unpadded")
        if peer[way] is not None
    ]
    return (("peer", *_PERCENTILES, "/ handler"), rows) if rows else ((f"no peer: {peer['note']}",), [])


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:,.2f}x"


def _ingest_tables(result: Result) -> Iterator[tuple[Sequence[str], Rows]]:
    rates = ("events_per_s", "events_per_cpu_s")
    rows = [
        [row["name"], *(f"{row[rate]:,}" for rate in rates), *_percentiles(row["batch"])] for row in result["batches"]
    ]
    yield ("batch of 10 messages", "events/s", "events/CPU s", *_PERCENTILES), rows


def _cold_start_tables(result: Result) -> Iterator[tuple[Sequence[str], Rows]]:
    parts = ("interpreter_p50_ms", "imports_p50_ms", "answer_p50_ms", "served_p50_ms")
    rows = [
        [
            row["function"],
            f"{row['total']['p50_ms']:.0f}",
            *(f"{row[part]:.0f}" for part in parts),
            f"{row['total']['cpu_p50_ms']:.0f}",
            "" if row["ready_cpu_p50_ms"] is None else f"{row['ready_cpu_p50_ms']:.0f}",
            f"{row['memory_mb']:,}",
        ]
        for row in result["functions"]
    ]
    yield ("p50, ms", "total", "Python", "imports", "answer", "served", "CPU", "ready", "MB"), rows


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
