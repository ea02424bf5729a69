"""`endcap restore`: tables of a stack as they were, and the parameters that point the stack at them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from endcap_local.cli.options import Json

EVERY = ("profiles", "items", "erasures")
_OUTPUTS = {
    "profiles": "ProfilesTableName",
    "items": "ItemsTableName",
    "erasures": "ErasuresTableName",
    "counters": "CountersTableName",
}


def restore(
    stack: Annotated[str, typer.Option(help="Name of the stack, whose outputs name its tables and its bucket.")],
    table: Annotated[
        list[str] | None,
        typer.Option(help="profiles, items, erasures or counters; repeatable.", show_default=", ".join(EVERY)),
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="The moment, as 2026-11-29T10:00:00Z.", show_default="the latest there is")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Put behind the names of the new tables.", show_default="the time")
    ] = None,
    endpoint_url: Annotated[str | None, typer.Option(envvar="AWS_ENDPOINT_URL", help="Of another AWS.")] = None,
    as_json: Json = False,
) -> None:
    """Restore tables under new names, erase again whom they bring back, and say how to deploy with them.

    Nothing of the stack changes: it goes on with its tables until it is deployed with the parameters.
    """
    import boto3

    from endcap.aws.clients import BACKGROUND, aws_errors
    from endcap.aws.erasures import ErasureTable, LedgerCopy
    from endcap.aws.profiles import ProfileTable
    from endcap.aws.secrets import PseudonymSecret
    from endcap_local.console import print_json
    from endcap_local.erasures import reapply
    from endcap_local.restore import KINDS
    from endcap_local.restore import restore as run

    chosen = tuple(dict.fromkeys(table or EVERY))
    if unknown := [one for one in chosen if one not in KINDS]:
        raise typer.BadParameter(f"{unknown[0]!r} is none of {', '.join(KINDS)}", param_hint="--table")
    moment = None if at is None else _moment(at)

    def client(service: Any) -> Any:
        return boto3.client(service, endpoint_url=endpoint_url or None, config=BACKGROUND)

    with aws_errors(f"read the outputs of {stack}"):
        described = client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", ())}
    dynamodb, ending = client("dynamodb"), name or f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
    names = {one: outputs[key] for one, key in _OUTPUTS.items() if key in outputs}
    parameters: dict[str, str] = {}
    for one in chosen:
        target = f"{names[one]}-{ending}"[:255]
        typer.echo(f"{names[one]} -> {target}", err=True)
        parameters |= run(dynamodb, KINDS[one], names[one], target, moment, time.sleep)
        names[one] = target
    told: dict[str, Any] = {"tables": {one: names[one] for one in chosen}, "parameters": parameters}
    if {"profiles", "erasures"} & set(chosen):
        copy = LedgerCopy(client("s3"), outputs["DataBucketName"])
        secret = outputs.get("PseudonymSecretArn")
        keys = PseudonymSecret(client("secretsmanager"), secret).read if secret else None
        ledger = ErasureTable(dynamodb, names["erasures"], lambda: copy, pseudonym_keys=keys)
        told["erased_again"] = reapply(ledger, copy, ProfileTable(dynamodb, names["profiles"]), lambda *_: None)
    if as_json:
        print_json(told)
        return
    for what, value in told.get("erased_again", {}).items():
        typer.echo(f"{what}: {value}")
    typer.echo("deploy with: --parameter-overrides " + " ".join(f"{key}={value}" for key, value in parameters.items()))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time such as 2026-11-29T10:00:00Z", param_hint="--at") from None
    if moment.tzinfo is None:
        raise typer.BadParameter(f"{text!r} names no time zone; add Z for UTC", param_hint="--at")
    return moment
