"""`endcap rebuild`: a snapshot from items and events."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from endcap_local.cli.options import Data, Encoder, Json, Student, Teacher, TeacherPrompt
from endcap_local.cli.snapshots import print_encoder, print_metrics


def rebuild(
    data: Data,
    out: Annotated[str, typer.Option(help="Folder of the snapshot, or s3://BUCKET to upload it there.")],
    encoder: Encoder = "auto",
    budget: Annotated[str, typer.Option(help="fast: no torch; full: also the user encoder.")] = "fast",
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
    as_json: Json = False,
) -> None:
    """Build a snapshot from items and events."""
    from rich.console import Console

    from endcap.aws.clients import BACKGROUND, client
    from endcap.aws.snapshots import SnapshotBucket
    from endcap.snapshot.fairness import FairnessLimits
    from endcap_local.console import print_json, print_outliers, print_read, progress_bar
    from endcap_rebuild.data.outliers import OutlierReport
    from endcap_rebuild.job import run_shard
    from endcap_rebuild.settings import RebuildSettings
    from endcap_rebuild.text.encoders import current_encoder

    console = Console(highlight=False, stderr=as_json)
    remote = out.removeprefix("s3://").rstrip("/") if out.startswith("s3://") else None
    if remote is not None and (not remote or "/" in remote):
        raise typer.BadParameter(f"{out}: name a bucket alone; snapshots lie below its snapshots/", param_hint="--out")
    outliers: list[OutlierReport] = []
    with tempfile.TemporaryDirectory(prefix="endcap-snapshot-") as temporary:
        folder = Path(temporary) if remote else Path(out)
        snapshots = SnapshotBucket(client("s3", BACKGROUND), remote) if remote and not shard else None
        before = current_encoder(snapshots) if snapshots else None
        settings = RebuildSettings(data, folder, encoder, budget, seed, work=work, before=before)
        settings = replace(settings, device=device, shards=shards, shard=shard)
        settings = replace(settings, student=student, teacher=teacher, teacher_prompt=teacher_prompt)
        settings = replace(settings, context_names=tuple(context)) if context else settings
        settings = replace(settings, keep_outliers=keep_outliers)
        settings = replace(settings, fairness=FairnessLimits(max_gini, min_coverage, max_popularity_lift))
        with progress_bar(console) as progress:
            manifest = run_shard(settings, progress, outliers.append)
        if manifest is None:
            console.print("this shard has done its part; shard 0 writes the snapshot")
            return
        if snapshots:
            snapshots.upload(folder, manifest["version"])
    if as_json:
        print_json({**manifest, "outliers": [asdict(each) for report in outliers for each in report.named]})
        return
    print_read(console, manifest["run"]["read"])
    for report in outliers:
        print_outliers(console, asdict(report))
    console.print(f"snapshot {manifest['version']} in {out} after {manifest['run']['seconds']} s")
    print_encoder(console, manifest)
    print_metrics(console, manifest)
