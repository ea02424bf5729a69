"""`endcap snapshot`: look at snapshots, and choose the current one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from endcap_local.cli.options import Bucket, Json, PromoteFunction, SnapshotKey

if TYPE_CHECKING:
    from endcap.aws.items import ItemTable
    from endcap.aws.keys import SigningKey
    from endcap.aws.snapshots import SnapshotBucket

Version = Annotated[str, typer.Argument(help="A version in the bucket, or the folder of a snapshot to upload.")]
Force = Annotated[str | None, typer.Option(metavar="REASON", help="Skip the gates, never the verification; say why.")]
snapshot_app = typer.Typer(help="Look at snapshots and choose the current one.", no_args_is_help=True)


@snapshot_app.command(short_help="Check every file of a snapshot.")
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


ItemsTableName = Annotated[str | None, typer.Option(envvar="ITEMS_TABLE", help="Embed what changed meanwhile.")]


@snapshot_app.command(name="list", short_help="Name a bucket's snapshots: the current one, the signed.")
def list_(bucket: Bucket = None, key: SnapshotKey = None, as_json: Json = False) -> None:
    """Name the snapshots of a bucket, which is current, where rollbacks lead, and which are signed."""
    from rich.console import Console
    from rich.table import Table

    from endcap_local.console import print_json
    from endcap_local.snapshots import overview

    found = overview(_snapshots(bucket), _signing_key(key))
    if as_json:
        print_json({"snapshots": [asdict(one) for one in found]})
        return
    table = Table("version", "", "signature")
    for one in found:
        table.add_row(one.version, one.place, one.signature)
    Console(highlight=False).print(table)


@snapshot_app.command()
def promote(
    version: Version,
    bucket: Bucket = None,
    items_table: ItemsTableName = None,
    function: PromoteFunction = None,
    key: SnapshotKey = None,
    force: Force = None,
    as_json: Json = False,
) -> None:
    """Make a snapshot the current one."""
    from endcap.snapshot.candidate import force_of
    from endcap.snapshot.promote import promote as run

    reason, version = force_of(force), _uploaded(version, bucket)
    if function:
        _print_promoted(_invoked(function, {"version": version, "force": reason}), as_json)
        return
    signer, snapshots = _signing_key(key), _snapshots(bucket)
    promoted = run(version, snapshots, _items(items_table), force=reason, signer=signer)
    _print_promoted({**asdict(promoted), "signed": signer is not None}, as_json)


@snapshot_app.command(short_help="Check and sign a snapshot for an experiment to name.")
def approve(
    version: Version,
    bucket: Bucket = None,
    function: PromoteFunction = None,
    key: SnapshotKey = None,
    force: Force = None,
    as_json: Json = False,
) -> None:
    """Check and sign a snapshot, so that an experiment may name it; the current one stays."""
    from rich.console import Console

    from endcap.snapshot.candidate import force_of
    from endcap.snapshot.promote import approve as run
    from endcap_local.console import print_json

    reason, version, signer = force_of(force), _uploaded(version, bucket), _signing_key(key)
    if function:
        approved = _invoked(function, {"version": version, "approve": True, "force": reason})
    elif signer is not None:
        signature = run(version, _snapshots(bucket), signer, force=reason)
        approved = {"version": version, "manifest_sha256": signature.manifest_sha256, "key_id": signature.key_id}
    else:
        raise typer.BadParameter("name what signs, with --function or PROMOTE_FUNCTION", param_hint="--function")
    if as_json:
        print_json(approved)
    else:
        Console(highlight=False).print(f"snapshot {version} is signed; an experiment may name it")


@snapshot_app.command(short_help="Go back to the snapshot before the current one.")
def rollback(
    bucket: Bucket = None,
    to: Annotated[str | None, typer.Option(help="An earlier version.", show_default="the one before")] = None,
    items_table: ItemsTableName = None,
    function: PromoteFunction = None,
    key: SnapshotKey = None,
    as_json: Json = False,
) -> None:
    """Go back to the snapshot before the current one, and with each further call to the one before that."""
    from endcap.errors import SnapshotMissingError
    from endcap.snapshot.promote import rollback as run

    snapshots = _snapshots(bucket)
    current = snapshots.current()
    target = to or next(iter(current.previous if current else ()), None)
    if target is None:
        raise SnapshotMissingError("there is no snapshot before the current one")
    if function:  # by name, so that a second try of the same call does not go further back
        _print_promoted(_invoked(function, {"rollback": True, "version": target}), as_json)
        return
    signer = _signing_key(key)
    promoted = run(snapshots, _items(items_table), to=target, signer=signer)
    _print_promoted({**asdict(promoted), "signed": signer is not None}, as_json)


@snapshot_app.command(short_help="Remove old snapshots that nothing leads to.")
def prune(
    bucket: Bucket = None,
    keep: Annotated[int, typer.Option(min=0, help="Older snapshots that stay beside the current one.")] = 5,
    yes: Annotated[bool, typer.Option("--yes", help="Remove them; without it they are only named.")] = False,
    as_json: Json = False,
) -> None:
    """Remove old snapshots; never the current one, those that rollbacks lead to, or those that experiments name.

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


def _snapshots(bucket: str | None) -> SnapshotBucket:
    from endcap.aws.clients import BACKGROUND, client
    from endcap.aws.snapshots import SnapshotBucket

    return SnapshotBucket(client("s3", BACKGROUND), _named(bucket)).apart("promotion")


def _signing_key(key: str | None) -> SigningKey | None:
    from endcap.aws.clients import BACKGROUND, client
    from endcap.aws.keys import SigningKey

    return SigningKey(client("kms", BACKGROUND), key) if key else None


def _items(table: str | None) -> ItemTable | None:
    from endcap.aws.clients import BACKGROUND, client
    from endcap.aws.items import ItemTable

    return ItemTable(client("dynamodb", BACKGROUND), table) if table else None


def _invoked(function: str, event: dict[str, Any]) -> dict[str, Any]:
    from endcap_local.snapshots import invoke_promote

    return invoke_promote(function, event)


def _uploaded(version: str, bucket: str | None) -> str:
    """The version; where a folder is named, its own, once that is in the bucket."""
    from endcap.snapshot.verify import verify_snapshot

    folder = Path(version)
    if not folder.is_dir():
        return version
    version = str(verify_snapshot(folder)["version"])
    _snapshots(bucket).upload(folder, version)
    return version


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
        unsigned = "" if promoted.get("signed", True) else ", not signed: nobody named a key"
        by_force = " by force" if promoted.get("forced") else ""
        Console(highlight=False).print(f"snapshot {promoted['version']} is current{before}{by_force}{unsigned}")


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
