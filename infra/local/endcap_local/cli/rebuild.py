"""`endcap rebuild`: a snapshot from items and events."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from endcap_local.cli.options import (
    FOLDER,
    DryRun,
    Encoder,
    Json,
    KeysOfPseudonyms,
    LedgerPlace,
    Student,
    Target,
    Teacher,
    TeacherPrompt,
    WithoutLedger,
    pseudonym_keys,
    reads_files,
)
from endcap_local.cli.snapshots import print_encoder, print_metrics
from endcap_rebuild.data.options import PLAIN, ReadOptions


@reads_files
def rebuild(
    data: Annotated[Path | None, typer.Option(help=FOLDER)] = None,
    out: Annotated[str | None, typer.Option(help="Folder of the snapshot, or s3://BUCKET to upload it there.")] = None,
    running: Annotated[
        str | None, typer.Option(help="Instead: have a local stack learn from what it holds; the URL that it prints.")
    ] = None,
    encoder: Encoder = "auto",
    budget: Annotated[str, typer.Option(help="fast: no torch; full: also the user encoder.")] = "fast",
    target: Target = "next",
    student: Student = False,
    teacher: Teacher = "",
    teacher_prompt: TeacherPrompt = None,
    seed: Annotated[int, typer.Option(help="The same seed and data give the same snapshot.")] = 0,
    work: Annotated[Path | None, typer.Option(help="Keep finished steps here, to resume after a stop.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda: where the models run.")] = "auto",
    shards: Annotated[int, typer.Option(min=1, help="Processes that encode and train side by side.")] = 1,
    shard: Annotated[int, typer.Option(min=0, help="Which one this is, where MASTER_ADDR names another host.")] = 0,
    context: Annotated[
        list[str] | None, typer.Option(help="A property of events in which demand is counted apart; may be repeated.")
    ] = None,
    ledger: LedgerPlace = None,
    without_ledger: WithoutLedger = False,
    keys: KeysOfPseudonyms = None,
    keep_outliers: Annotated[
        bool, typer.Option("--keep-outliers", help="Learn from bots and the like, too; they are named anyway.")
    ] = False,
    max_gini: Annotated[
        float | None, typer.Option(min=0, max=1, help="No snapshot where lists' exposure is less even than this.")
    ] = None,
    min_coverage: Annotated[
        float | None, typer.Option(min=0, max=1, help="No snapshot where lists show a smaller share of the catalogue.")
    ] = None,
    max_popularity_lift: Annotated[
        float | None, typer.Option(help="No snapshot where lists are more popular than histories by more; 0.5 = half.")
    ] = None,
    enrichment: Annotated[
        Path | None, typer.Option(help="What endcap enrich has had written; used where a gate finds it worth it.")
    ] = None,
    reading: ReadOptions = PLAIN,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Build a snapshot from items and events."""
    if running:
        if data or out or dry_run:
            said = "a running stack takes neither --data nor --out nor --dry-run"
            raise typer.BadParameter(said, param_hint="--running")
        rebuild_running(running, as_json)
        return
    if data is None or out is None:
        raise typer.BadParameter("name both, or a stack that is --running", param_hint="--data, --out")
    from rich.console import Console

    from endcap.aws.clients import BACKGROUND, client
    from endcap.aws.snapshots import SnapshotBucket
    from endcap.snapshot.fairness import FairnessLimits
    from endcap_local.cli.reading import dry_run_of, stopped_by_data
    from endcap_local.console import print_json, print_outliers, print_read, progress_bar
    from endcap_rebuild.data.dataset import Shop
    from endcap_rebuild.data.erasures import ledger_at
    from endcap_rebuild.job import run_shard
    from endcap_rebuild.settings import RebuildSettings
    from endcap_rebuild.text.encoders import current_encoder

    console = Console(highlight=False, stderr=as_json)
    if dry_run:
        dry_run_of(data, reading, console, as_json)
        return
    remote = out.removeprefix("s3://").rstrip("/") if out.startswith("s3://") else None
    if remote is not None and (not remote or "/" in remote):
        raise typer.BadParameter(f"{out}: name a bucket alone; snapshots lie below its snapshots/", param_hint="--out")
    with tempfile.TemporaryDirectory(prefix="endcap-snapshot-") as temporary:
        folder = Path(temporary) if remote else Path(out)
        snapshots = SnapshotBucket(client("s3", BACKGROUND), remote) if remote and not shard else None
        before = current_encoder(snapshots) if snapshots else None
        settings = RebuildSettings(data, folder, encoder, budget, seed, work=work, before=before)
        settings = replace(settings, keys=pseudonym_keys(keys))
        settings = replace(settings, device=device, shards=shards, shard=shard, target=target)
        settings = replace(settings, student=student, teacher=teacher, teacher_prompt=teacher_prompt)
        settings = replace(settings, ledger=ledger_at(ledger) if ledger else None, without_ledger=without_ledger)
        settings = replace(settings, context_names=tuple(context)) if context else settings
        settings = replace(settings, reading=reading, keep_outliers=keep_outliers, enrichment=enrichment)
        settings = replace(settings, fairness=FairnessLimits(max_gini, min_coverage, max_popularity_lift))
        found: list[Shop] = []
        with stopped_by_data(console, as_json), progress_bar(console) as progress:
            manifest = run_shard(settings, progress, found.append)
            if snapshots and manifest is not None:
                progress("uploading the snapshot", 0, 1)
                snapshots.upload(folder, manifest["version"])
        if manifest is None:
            console.print("this shard has done its part; shard 0 writes the snapshot")
            return
    if as_json:
        outliers = [asdict(outlier) for outlier in found[0].outliers.named]
        print_json({**found[0].report.document(), **manifest, "outliers": outliers})
        return
    print_read(console, found[0].report.document())
    print_outliers(console, asdict(found[0].outliers))
    console.print(f"snapshot {manifest['version']} in {out} after {manifest['run']['seconds']} s")
    print_encoder(console, manifest)
    print_metrics(console, manifest)


def rebuild_running(url: str, as_json: bool) -> None:
    """Have a running local stack rebuild, and tell what came of it. Raises HttpError."""
    from urllib.parse import urlsplit

    from rich.console import Console

    from endcap_local.console import print_json, print_read
    from endcap_local.http_client import HttpClient, HttpError

    parts, console = urlsplit(url), Console(highlight=False, stderr=as_json)
    stack = HttpClient(f"{parts.scheme}://{parts.netloc}")
    manifest = stack.post(f"{parts.path}?{parts.query}", {}, timeout_s=None)
    if not isinstance(manifest, dict) or not {"run", "version"} <= manifest.keys():
        raise HttpError(f"{stack.url} answers, but not as `endcap local` does; is it the line that it printed?")
    if as_json:
        print_json(manifest)
        return
    print_read(console, manifest["run"]["read"])
    console.print(f"snapshot {manifest['version']} is current after {manifest['run']['seconds']} s")
    print_encoder(console, manifest)
    print_metrics(console, manifest)
