"""`endcap erasures`: what was erased, bringing that back after a restore, and what is held of somebody."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlparse

import typer

from endcap_local.cli.options import Json

if TYPE_CHECKING:
    from endcap.aws.erasures import ErasureTable, LedgerCopy
    from endcap.aws.profiles import ProfileTable
    from endcap.pseudonyms import PseudonymKeys

erasures_app = typer.Typer(
    help="Erasures: status, purge, re-apply after a restore, export, receipts.", no_args_is_help=True
)

_OUTPUTS = {"bucket": "DataBucketName", "profiles": "ProfilesTableName", "erasures": "ErasuresTableName"}
_KEYS_OUTPUT = "PseudonymSecretArn"  # nosec B105 # the name of an output, of stacks with pseudonyms
_LOCAL = {
    "bucket": "endcap-local-databucket",
    "profiles": "endcap-local-ProfilesTable",
    "erasures": "endcap-local-ErasuresTable",
}
Stack = Annotated[str | None, typer.Option(help="Name of the stack, whose outputs name tables and bucket.")]
Bucket = Annotated[str | None, typer.Option(help="The data bucket.", envvar="DATA_BUCKET")]
Profiles = Annotated[str | None, typer.Option(help="The profiles table.", envvar="PROFILES_TABLE")]
Erasures = Annotated[str | None, typer.Option(help="The table of the ledger.", envvar="ERASURES_TABLE")]
Secret = Annotated[
    str | None, typer.Option("--pseudonym-secret", help="ARN of the keys of pseudonyms.", envvar="PSEUDONYM_SECRET")
]
Endpoint = Annotated[str | None, typer.Option(help="Of another AWS than the real one.", envvar="AWS_ENDPOINT_URL")]


@dataclass(frozen=True)
class _Stores:
    s3: Any
    bucket: str
    profiles: ProfileTable
    copy: LedgerCopy
    table: ErasureTable
    keys: Callable[[], PseudonymKeys] | None


def _stores(
    stack: str | None,
    bucket: str | None,
    profiles: str | None,
    erasures: str | None,
    endpoint_url: str | None,
    secret: str | None,
) -> _Stores:
    import boto3

    from endcap.aws.clients import BACKGROUND
    from endcap.aws.erasures import ErasureTable, LedgerCopy
    from endcap.aws.profiles import ProfileTable
    from endcap.aws.secrets import PseudonymSecret
    from endcap_local.engine.engine import CREDENTIALS
    from endcap_local.stack_names import outputs_of
    from endcap_local.template.intrinsics import REGION

    local: dict[str, Any] = {}
    if endpoint_url and urlparse(endpoint_url).hostname in ("127.0.0.1", "localhost"):
        key, password = CREDENTIALS.values()  # what serves there asks for no keys, but boto3 does
        local = {"aws_access_key_id": key, "aws_secret_access_key": password, "region_name": REGION}

    def client(service: Any) -> Any:
        return boto3.client(service, endpoint_url=endpoint_url or None, config=BACKGROUND, **local)

    names = dict(_LOCAL) if local else {}
    if local and not secret:
        secret = next((one["ARN"] for one in client("secretsmanager").list_secrets()["SecretList"]), None)
    if stack is not None:
        outputs = outputs_of(client("cloudformation"), stack)
        names = {name: outputs[key] for name, key in _OUTPUTS.items() if key in outputs}
        secret = secret or outputs.get(_KEYS_OUTPUT)
    given = {"bucket": bucket, "profiles": profiles, "erasures": erasures}
    names |= {name: value for name, value in given.items() if value}
    if len(names) < len(_OUTPUTS):
        raise typer.BadParameter("name the stack, or --bucket, --profiles and --erasures", param_hint="--stack")
    s3, dynamodb = client("s3"), client("dynamodb")
    copy = LedgerCopy(s3, names["bucket"])
    keys = PseudonymSecret(client("secretsmanager"), secret).read if secret else None
    table = ErasureTable(dynamodb, names["erasures"], lambda: copy, pseudonym_keys=keys)
    return _Stores(s3, names["bucket"], ProfileTable(dynamodb, names["profiles"]), copy, table, keys)


@erasures_app.command(short_help="Say how many were erased, and where that is done.")
def status(
    stack: Stack = None,
    bucket: Bucket = None,
    profiles: Profiles = None,
    erasures: Erasures = None,
    endpoint_url: Endpoint = None,
    secret: Secret = None,
    as_json: Json = False,
) -> None:
    """Say how many people were erased, and of how many every store is free."""
    stores = _stores(stack, bucket, profiles, erasures, endpoint_url, secret)
    entries = stores.table.read()[1]
    pending = [entry.requested_ms for entry in entries if entry.purged_ms is None]
    oldest = round((time.time() * 1000 - min(pending)) / 86_400_000, 1) if pending else None
    told = {"erasures": len(entries), "pending": len(pending), "oldest_pending_days": oldest}
    _print(told | {"round": stores.table.round()}, as_json)


@erasures_app.command()
def reapply(
    stack: Stack = None,
    bucket: Bucket = None,
    profiles: Profiles = None,
    erasures: Erasures = None,
    endpoint_url: Endpoint = None,
    secret: Secret = None,
    as_json: Json = False,
) -> None:
    """Erase again what a restored table has brought back. Exit code 1: some profiles can't be read."""
    from rich.console import Console

    from endcap_local.console import progress_bar
    from endcap_local.erasures import reapply as run

    stores = _stores(stack, bucket, profiles, erasures, endpoint_url, secret)
    with progress_bar(Console(highlight=False, stderr=as_json)) as progress:
        told = run(stores.table, stores.copy, stores.profiles, progress)
    _print(told, as_json)
    if told["unreadable"]:
        raise typer.Exit(1)


@erasures_app.command()
def purge(
    stack: Stack = None,
    bucket: Bucket = None,
    profiles: Profiles = None,
    erasures: Erasures = None,
    endpoint_url: Endpoint = None,
    secret: Secret = None,
    days: Annotated[int, typer.Option(help="The stack's ErasureDays.")] = 30,
    as_json: Json = False,
) -> None:
    """Go through every store now, and on until a pass finds nothing. What is due by then gets its receipt."""
    from endcap.aws.purging import places
    from endcap.batch import Deadline
    from endcap.erasure.purge import purge as run

    stores = _stores(stack, bucket, profiles, erasures, endpoint_url, secret)
    every = places(stores.s3, stores.bucket, stores.profiles, stores.table)
    _print(run(every, stores.table, int(time.time() * 1000), days, Deadline(), begin=True), as_json)


@erasures_app.command()
def export(
    user: Annotated[str, typer.Argument(help="The user's id, or anon: and an anonymous id.")],
    out: Annotated[Path, typer.Option(help="File of JSON to write.")],
    stack: Stack = None,
    bucket: Bucket = None,
    profiles: Profiles = None,
    erasures: Erasures = None,
    endpoint_url: Endpoint = None,
    secret: Secret = None,
) -> None:
    """Write all that every store holds of somebody. It reads the whole archive."""
    from endcap_local.erasures import everything_of

    stores = _stores(stack, bucket, profiles, erasures, endpoint_url, secret)
    keys = None if stores.keys is None else stores.keys()
    held = everything_of(user, stores.profiles, stores.s3, stores.bucket, keys)
    out.write_text(json.dumps(held, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    counts = {name: len(found) for name, found in held.items() if isinstance(found, list)}
    typer.echo(f"{out}: " + ", ".join(f"{count:,} in {name}" for name, count in counts.items()))


@erasures_app.command()
def verify(
    receipt: Annotated[Path, typer.Argument(help="File with a receipt, as DELETE and the export give it.")],
    stack: Stack = None,
    bucket: Bucket = None,
    profiles: Profiles = None,
    erasures: Erasures = None,
    endpoint_url: Endpoint = None,
    secret: Secret = None,
) -> None:
    """Say whether a receipt is as the stack gave it. Exit code 1: it is not."""
    from endcap.erasure.receipt import is_genuine

    stores = _stores(stack, bucket, profiles, erasures, endpoint_url, secret)
    document = json.loads(receipt.read_text(encoding="utf-8"))
    genuine = is_genuine(document.get("receipt", document), stores.table.secret)
    typer.echo("genuine" if genuine else "not genuine")
    if not genuine:
        raise typer.Exit(1)


def _print(told: dict[str, Any], as_json: bool) -> None:
    from endcap_local.console import print_json

    if as_json:
        print_json(told)
        return
    for name, value in told.items():
        typer.echo(f"{name.replace('_', ' ')}: {value}")
