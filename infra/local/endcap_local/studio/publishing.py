"""The studio's pages in the bucket that `infra/studio.yaml` makes for them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.exceptions import ClientError

from endcap.errors import EndcapError
from endcap_local.gateway.pages import TYPES

CONFIG: Final = "config.json"
PREFIX: Final = "studio/"


class StudioError(EndcapError):
    """A stack is not there, or is none of Endcap's."""


def stack_output(stack: str, name: str) -> str:
    """An output of a CloudFormation stack.

    Raises
    ------
    StudioError : there is no such stack, or it has no such output
    """
    return _outputs(stack, name)[name]


def publish_pages(stack: str, folder: Path) -> Iterator[str]:
    """Upload all pages, with what they need to know to sign somebody in; says what it does.

    Raises
    ------
    StudioError : the stack is not one of infra/studio.yaml
    """
    outputs = _outputs(stack, "Bucket", "AuthorizeUrl", "TokenUrl", "ClientId", "Scope", "Url")
    s3 = boto3.client("s3")
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != CONFIG)
    for file in files:
        _put(s3, outputs["Bucket"], file.relative_to(folder).as_posix(), file.read_bytes())
    _put(s3, outputs["Bucket"], CONFIG, json.dumps(config_of(outputs), indent=2).encode())
    yield f"{len(files) + 1} files uploaded to {outputs['Bucket']}"
    yield f"The studio is at {outputs['Url']}"


def config_of(outputs: Mapping[str, str]) -> dict[str, Any]:
    """What the pages know of whom to ask for a token, by the outputs of `infra/studio.yaml`."""
    sign_in = {
        "kind": "pkce",
        "authorize_url": outputs["AuthorizeUrl"],
        "token_url": outputs["TokenUrl"],
        "client_id": outputs["ClientId"],
        "scope": outputs["Scope"],
    }
    return {"sign_in": sign_in, "pictures": outputs.get("PictureOrigins", "").split()}


def _put(s3: Any, bucket: str, name: str, content: bytes) -> None:
    suffix = Path(name).suffix
    s3.put_object(Bucket=bucket, Key=PREFIX + name, Body=content, ContentType=TYPES[suffix], CacheControl="no-cache")


def _outputs(stack: str, *needed: str) -> dict[str, str]:
    try:
        described = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as exc:
        raise StudioError(f"no stack {stack}: {exc}") from exc
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", ())}
    if missing := [name for name in needed if name not in outputs]:
        raise StudioError(f"the stack {stack} has no output {', '.join(missing)}")
    return outputs
