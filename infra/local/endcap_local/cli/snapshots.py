"""`endcap snapshot`: look at snapshots, and choose the current one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from endcap_local.cli.options import Bucket, Json

snapshot_app = typer.Typer(help="Look at snapshots and choose the current one.", no_args_is_help=True)


@snapshot_app.command()
def verify(folder: Annotated[Path, typer.Argument(help="Folder of the snapshot.")], as_json: Json = False) -> None:
    """Check every file of a snapshot: hashes, headers, values, encoders."""
    from endcap.snapshot.verify import verify_snapshot

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
    force: Annotated[
        str | None, typer.Option(metavar="REASON", help="Skip the gates, never the verification; say why.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a snapshot the current one."""
    from endcap.aws.clients import BACKGROUND, client
    from endcap.aws.items import ItemTable
    from endcap.snapshot.promote import force_of
    from endcap.snapshot.promote import promote as run
    from endcap.snapshot.verify import verify_snapshot

    reason = force_of(force)

    snapshots = _snapshots(bucket)
    if Path(version).is_dir():
        folder, version = Path(version), str(verify_snapshot(Path(version))["version"])
        snapshots.upload(folder, version)
    items = ItemTable(client("dynamodb", BACKGROUND), items_table) if items_table else None
    _print_promoted(asdict(run(version, snapshots, items, force=reason)), as_json)


@snapshot_app.command()
def rollback(bucket: Bucket = None, as_json: Json = False) -> None:
    """Go back to the snapshot before the current one."""
    from endcap.errors import SnapshotMissingError
    from endcap.snapshot.promote import promote as run

    snapshots = _snapshots(bucket)
    current = snapshots.current()
    if current is None or current.previous is None:
        raise SnapshotMissingError("there is no snapshot before the current one")
    _print_promoted(asdict(run(current.previous, snapshots, None, force="rollback")), as_json)


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
        by_force = " by force" if promoted["forced"] else ""
        Console(highlight=False).print(f"snapshot {promoted['version']} is current{before}{by_force}")


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
    print_metrics(console, manifest)


def print_encoder(console: Any, manifest: dict[str, Any]) -> None:
    choice = manifest["metrics"].get("text_encoder", {})
    console.print(f"text encoder {manifest['encoder']}" + (f": {choice['reason']}" if "reason" in choice else ""))
    if "student" in choice:
        story = choice["student"]
        console.print(f"the student is {'' if story['shipped'] else 'not '}shipped: {story['reason']}", markup=False)


def print_metrics(console: Any, manifest: dict[str, Any]) -> None:
    measured = manifest["metrics"].get("validation", {}).get("after", {})
    numbers = {name: value for name, value in measured.items() if isinstance(value, int | float)}
    if numbers:
        console.print("validation: " + ", ".join(f"{name} {value:.4g}" for name, value in numbers.items()))
