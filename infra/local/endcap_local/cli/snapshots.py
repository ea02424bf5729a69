"""The commands of `endcap` that work on data and snapshots."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from endcap_local.cli.bench import bench_app
from endcap_local.cli.cost import cost
from endcap_local.cli.evaluate import evaluate
from endcap_local.cli.experiments import experiments_app
from endcap_local.cli.options import DEFAULT_PORT, Encoder, Json, Port, Student, Teacher, TeacherPrompt, Template
from endcap_local.cli.replay import replay

Data = Annotated[Path, typer.Option(help="Folder with items.jsonl[.gz] and events.csv[.gz].")]
Bucket = Annotated[str | None, typer.Option(help="The stack's data bucket.", envvar="DATA_BUCKET")]

snapshot_app = typer.Typer(help="Look at snapshots and choose the current one.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(rebuild)
    app.command(name="batch-recommend")(batch_recommend)
    app.command()(evaluate)
    app.command(name="import")(import_folder)
    app.command()(demo)
    app.command()(replay)
    app.command()(cost)
    app.add_typer(snapshot_app, name="snapshot")
    app.add_typer(experiments_app, name="experiments")
    app.add_typer(bench_app, name="bench")


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
    as_json: Json = False,
) -> None:
    """Build a snapshot from items and events."""
    from rich.console import Console

    from endcap.aws.clients import BACKGROUND, client
    from endcap.aws.snapshots import SnapshotBucket
    from endcap_local.console import print_json, print_read, progress_bar
    from endcap_rebuild.job import run_shard
    from endcap_rebuild.settings import RebuildSettings
    from endcap_rebuild.text.encoders import current_encoder

    console = Console(highlight=False, stderr=as_json)
    remote = out.removeprefix("s3://").rstrip("/") if out.startswith("s3://") else None
    if remote is not None and (not remote or "/" in remote):
        raise typer.BadParameter(f"{out}: name a bucket alone; snapshots lie below its snapshots/", param_hint="--out")
    with tempfile.TemporaryDirectory(prefix="endcap-snapshot-") as temporary:
        folder = Path(temporary) if remote else Path(out)
        snapshots = SnapshotBucket(client("s3", BACKGROUND), remote) if remote and not shard else None
        before = current_encoder(snapshots) if snapshots else None
        settings = RebuildSettings(data, folder, encoder, budget, seed, work=work, before=before)
        settings = replace(settings, device=device, shards=shards, shard=shard)
        settings = replace(settings, student=student, teacher=teacher, teacher_prompt=teacher_prompt)
        settings = replace(settings, context_names=tuple(context)) if context else settings
        with progress_bar(console) as progress:
            manifest = run_shard(settings, progress)
        if manifest is None:
            console.print("this shard has done its part; shard 0 writes the snapshot")
            return
        if snapshots:
            snapshots.upload(folder, manifest["version"])
    if as_json:
        print_json(manifest)
        return
    print_read(console, manifest["run"]["read"])
    console.print(f"snapshot {manifest['version']} in {out} after {manifest['run']['seconds']} s")
    _print_encoder(console, manifest)
    _print_metrics(console, manifest)


def batch_recommend(
    snapshot: Annotated[Path, typer.Option(help="Folder of the snapshot.")],
    events: Annotated[Path, typer.Option(help="events.csv[.gz], or a folder that holds it.")],
    users: Annotated[Path, typer.Option(help="CSV file with a column user_id.")],
    out: Annotated[Path, typer.Option(help="CSV file to write; gzipped where it ends in .gz.")],
    limit: Annotated[int, typer.Option(min=1, max=500, help="Items per user.")] = 10,
    items: Annotated[Path | None, typer.Option(help="items.jsonl[.gz] with items new to the snapshot.")] = None,
    include_seen: Annotated[bool, typer.Option(help="Also items of the user's own events.")] = False,
    as_of: Annotated[str, typer.Option(help="last-event (each user's own), ISO 8601 or unix time.")] = "last-event",
    as_json: Json = False,
) -> None:
    """Write a list of recommendations for each user."""
    from rich.console import Console

    from endcap_local.console import print_json, print_read, progress_bar
    from endcap_rebuild.batch_recommend import batch_recommend as run

    console = Console(highlight=False, stderr=as_json)
    with progress_bar(console) as progress:
        result = run(snapshot, events, users, limit, out, items, include_seen, as_of, progress)
    if as_json:
        print_json(result)
        return
    print_read(console, result["read"])
    unknown = f", {result['users_without_events']:,} of them without events" if result["users_without_events"] else ""
    console.print(f"{result['rows']:,} rows for {result['users']:,} users{unknown} in {out}")


def import_folder(
    data: Data,
    endpoint: Annotated[str, typer.Option(help="The stack's API.")] = "http://127.0.0.1:8787",
    bucket: Bucket = None,
    no_rebuild: Annotated[bool, typer.Option("--no-rebuild", help="Only items and events, no snapshot.")] = False,
    encoder: Encoder = "auto",
    as_json: Json = False,
) -> None:
    """Send a folder's items and events to a stack; then rebuild and promote.

    Requests carry the token of ENDCAP_TOKEN, or are signed with AWS credentials where the API is one of API Gateway's.
    """
    from rich.console import Console

    from endcap_local.console import print_json, print_read, progress_bar
    from endcap_local.http_client import HttpClient
    from endcap_local.import_data import import_over_http

    if not no_rebuild and bucket is None:
        raise typer.BadParameter("a rebuild needs --bucket (or DATA_BUCKET); --no-rebuild does without", param_hint="")
    console = Console(highlight=False, stderr=as_json)
    with progress_bar(console) as progress:
        result = import_over_http(data, HttpClient(endpoint), progress, None if no_rebuild else bucket, encoder)
    if as_json:
        print_json(asdict(result))
        return
    print_read(console, asdict(result.read))
    console.print(f"{result.items:,} items and {result.events:,} events are in, {result.refused:,} were refused")
    if result.version:
        console.print(f"snapshot {result.version} is current")


def demo(
    port: Port = DEFAULT_PORT,
    once: Annotated[bool, typer.Option("--once", help="End after the session.")] = False,
    encoder: Encoder = "auto",
    template: Template = None,
) -> None:
    """Run the stack on bundled orders of a real shop and play a shopper's session."""
    from endcap_local.cli.options import find_template, require_free, until_interrupted
    from endcap_local.demo.demo import run_demo

    require_free(port)
    with until_interrupted():
        run_demo(find_template(template), port, once=once, encoder=encoder)


@snapshot_app.command()
def verify(folder: Annotated[Path, typer.Argument(help="Folder of the snapshot.")], as_json: Json = False) -> None:
    """Check every file of a snapshot: hashes, headers, values, encoders."""
    from endcap.snapshot.snapshot import verify_snapshot

    manifest = verify_snapshot(folder)
    _print_snapshot(manifest, as_json)


@snapshot_app.command()
def show(folder: Annotated[Path, typer.Argument(help="Folder of the snapshot.")], as_json: Json = False) -> None:
    """Print what a snapshot holds and how good it was in validation."""
    from endcap.snapshot.files import read_manifest

    _print_snapshot(read_manifest(folder), as_json)


@snapshot_app.command()
def promote(
    version: Annotated[str, typer.Argument(help="A version in the bucket, or the folder of a snapshot to upload.")],
    bucket: Bucket = None,
    items_table: Annotated[str | None, typer.Option(envvar="ITEMS_TABLE", help="Embed what changed meanwhile.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Skip the gates, never the verification.")] = False,
    as_json: Json = False,
) -> None:
    """Make a snapshot the current one."""
    from endcap.aws.clients import BACKGROUND, client
    from endcap.aws.items import ItemTable
    from endcap.snapshot.promote import promote as run
    from endcap.snapshot.snapshot import verify_snapshot

    snapshots = _snapshots(bucket)
    if Path(version).is_dir():
        folder, version = Path(version), str(verify_snapshot(Path(version))["version"])
        snapshots.upload(folder, version)
    items = ItemTable(client("dynamodb", BACKGROUND), items_table) if items_table else None
    _print_promoted(asdict(run(version, snapshots, items, force=force)), as_json)


@snapshot_app.command()
def rollback(bucket: Bucket = None, as_json: Json = False) -> None:
    """Go back to the snapshot before the current one."""
    from endcap.errors import SnapshotMissingError
    from endcap.snapshot.promote import promote as run

    snapshots = _snapshots(bucket)
    current = snapshots.current()
    if current is None or current.previous is None:
        raise SnapshotMissingError("there is no snapshot before the current one")
    _print_promoted(asdict(run(current.previous, snapshots, None, force=True)), as_json)


@snapshot_app.command()
def prune(
    bucket: Bucket = None,
    keep: Annotated[int, typer.Option(min=0, help="Older snapshots that stay beside the current one.")] = 5,
    yes: Annotated[bool, typer.Option("--yes", help="Remove them; without it they are only named.")] = False,
    as_json: Json = False,
) -> None:
    """Remove old snapshots; never the current one, the one before it, or those that experiments name.

    What an interrupted upload or removal has left, without a manifest, goes too once its newest file is a day old.
    """
    from datetime import UTC, datetime

    from rich.console import Console

    from endcap.aws.clients import BACKGROUND, client
    from endcap_local.console import print_json
    from endcap_local.prune import remove, surplus

    bucket, s3 = _named(bucket), client("s3", BACKGROUND)
    found = surplus(s3, bucket, keep, datetime.now(UTC))
    console = Console(highlight=False, quiet=as_json)
    gone = []
    for version in remove(s3, bucket, found.all) if yes else found.all:
        console.print(f"{version} (no manifest)" if version in found.remains else version, markup=False)
        gone.append(version)
    versions, remains = ([version for version in part if version in gone] for part in (found.versions, found.remains))
    if as_json:
        print_json({"versions": versions, "remains": remains, "removed": yes})
    told = f"{len(versions)} snapshots and {len(remains)} without a manifest"
    console.print(f"{told} {'removed' if yes else 'can go; --yes removes them'}")


def _snapshots(bucket: str | None) -> Any:
    from endcap.aws.clients import BACKGROUND, client
    from endcap.aws.snapshots import SnapshotBucket

    return SnapshotBucket(client("s3", BACKGROUND), _named(bucket))


def _named(bucket: str | None) -> str:
    if bucket is None:
        raise typer.BadParameter("name the bucket with --bucket or DATA_BUCKET", param_hint="--bucket")
    return bucket


def _print_promoted(promoted: dict[str, Any], as_json: bool) -> None:
    from rich.console import Console

    from endcap_local.console import print_json

    if as_json:
        print_json(promoted)
    else:
        before = f" after {promoted['previous']}" if promoted["previous"] else ""
        Console(highlight=False).print(f"snapshot {promoted['version']} is current{before}")


def _print_snapshot(manifest: dict[str, Any], as_json: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from endcap_local.console import print_json

    if as_json:
        print_json(manifest)
        return
    console = Console(highlight=False)
    table = Table(
        "file", "bytes", title=f"snapshot {manifest['version']} of {manifest['created']}", title_justify="left"
    )
    table.columns[1].justify = "right"
    for name, entry in sorted(manifest["files"].items()):
        table.add_row(name, f"{entry['bytes']:,}")
    table.add_section()
    table.add_row("together", f"{sum(entry['bytes'] for entry in manifest['files'].values()):,}")
    console.print(table)
    console.print(f"encoder {manifest['encoder'] or 'none'}, {manifest['counts']['items']:,} items")
    _print_metrics(console, manifest)


def _print_encoder(console: Any, manifest: dict[str, Any]) -> None:
    choice = manifest["metrics"].get("text_encoder", {})
    console.print(f"text encoder {manifest['encoder']}" + (f": {choice['reason']}" if "reason" in choice else ""))
    if "student" in choice:
        story = choice["student"]
        console.print(f"the student is {'' if story['shipped'] else 'not '}shipped: {story['reason']}", markup=False)


def _print_metrics(console: Any, manifest: dict[str, Any]) -> None:
    measured = manifest["metrics"].get("validation", {}).get("after", {})
    numbers = {name: value for name, value in measured.items() if isinstance(value, int | float)}
    if numbers:
        console.print("validation: " + ", ".join(f"{name} {value:.4g}" for name, value in numbers.items()))
