"""What Endcap needs on a machine and of a stack, looked at one by one; each finding says what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from endcap.errors import EndcapError
from endcap_local.aws_setup import ADVICE, in_words
from endcap_local.http_client import HttpClient, health_of

if TYPE_CHECKING:
    from endcap_local.stack_names import StackNames

CHECKOUT: Final = Path(__file__).parents[3]
State = Literal["ok", "note", "wrong"]
NEEDED: Final = ("aws-lambda-powertools", "boto3", "numpy", "onnxruntime", "scipy", "tokenizers")
OLDEST_PYTHON: Final = (3, 11)
FREE_BYTES: Final = 2 << 30
"""A base encoder, its caches and a few snapshots."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    state : "wrong" keeps something from working, a "note" may be as it should be
    todo : what to do about it; "" where that is nothing
    """

    what: str
    state: State
    found: str
    todo: str = ""


def examine(endpoint: str | None = None, bucket: str | None = None, stack: str | None = None) -> Iterator[Finding]:
    """Look at this machine, and at the stack that answers at `endpoint` or keeps its data in `bucket`.

    Nothing is changed, and nothing but what is named is asked over the network.

    Parameters
    ----------
    stack : a stack of CloudFormation, whose outputs say both where they are not named
    """
    yield _python()
    yield from map(_package, NEEDED)
    yield _torch()
    yield _cache()
    yield from _encoders()
    yield _credentials()
    yield _region()
    yield from _deployment(CHECKOUT)
    if stack:
        found, names = _named(stack)
        yield found
        if names is not None:
            endpoint, bucket = endpoint or names.api, bucket or names.bucket
    if endpoint:
        yield _asked("stack", lambda: _stack(endpoint))
    if bucket:
        yield _asked("snapshot", lambda: _snapshot(bucket))


def _python() -> Finding:
    found, oldest = platform.python_version(), ".".join(map(str, OLDEST_PYTHON))
    if sys.version_info < OLDEST_PYTHON:
        return Finding("Python", "wrong", found, f"install Python {oldest} or newer")
    return Finding("Python", "ok", found)


def _package(name: str) -> Finding:
    try:
        return Finding(name, "ok", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "wrong", "not installed", "run make setup, or install endcap again")


def _torch() -> Finding:
    try:
        return Finding("torch", "ok", importlib.metadata.version("torch"))
    except importlib.metadata.PackageNotFoundError:
        return Finding("torch", "note", "not installed", "make setup-training, for --budget full and --student alone")


def _cache() -> Finding:
    from endcap_rebuild.settings import cache_folder

    folder = cache_folder()
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as exc:
        return Finding("cache", "wrong", f"{folder}: {exc.strerror}", "name a folder to write to in ENDCAP_CACHE")
    free = shutil.disk_usage(existing).free
    if free < FREE_BYTES:
        return Finding("cache", "note", f"{folder}: {free / 1e9:.1f} GB free", "make room, or name another folder")
    return Finding("cache", "ok", f"{folder}: {free / 1e9:.0f} GB free")


def _encoders() -> Iterator[Finding]:
    from endcap_rebuild.base_encoders import default_cache, verified
    from endcap_rebuild.base_encoders.recipes import RECIPES

    for name, recipe in RECIPES.items():
        what = f"encoder {name}"
        if verified(default_cache() / recipe.folder, recipe.sha256):
            yield Finding(what, "ok", "prepared")
        else:
            yield Finding(what, "note", "not prepared yet", "nothing: the first rebuild that needs it prepares it")


def _credentials() -> Finding:
    import boto3
    from botocore.exceptions import BotoCoreError

    todo = "aws configure, for anything that reads or writes a deployed stack"
    try:
        session = boto3.Session()
        found = session.get_credentials()
    except BotoCoreError as exc:
        return Finding("AWS credentials", "wrong", str(exc), todo)
    if found is None:
        return Finding("AWS credentials", "note", "none", todo)
    return Finding("AWS credentials", "ok", f"by {found.method}")


def _region() -> Finding:
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        session = boto3.Session()
        region, keys = session.region_name, session.get_credentials()
    except BotoCoreError as exc:
        return Finding("AWS region", "wrong", str(exc), ADVICE.get(type(exc).__name__, ""))
    if not region:
        return Finding("AWS region", "note" if keys is None else "wrong", "none", ADVICE["NoRegionError"])
    place = os.environ.get("AWS_ENDPOINT_URL")
    return Finding("AWS region", "ok", f"{region}, at {place}" if place else region)


def _deployment(checkout: Path) -> Iterator[Finding]:
    """What `sam deploy` needs in a checkout; nothing of an installed package, which deploys nothing."""
    template = checkout / "template.yaml"
    if not template.is_file():
        return
    todo = "make build, before a deployment"
    installed = (checkout / ".venv-sam" / "bin" / "sam").is_file()
    yield Finding("SAM CLI", "ok", ".venv-sam") if installed else Finding("SAM CLI", "note", "no .venv-sam", todo)
    built = checkout / ".aws-sam" / "build" / "template.yaml"
    if not built.is_file():
        yield Finding("built stack", "note", "not built yet", todo)
    elif built.stat().st_mtime < template.stat().st_mtime:
        yield Finding("built stack", "note", "older than template.yaml", todo)
    else:
        yield Finding("built stack", "ok", ".aws-sam/build")


def _named(stack: str) -> tuple[Finding, StackNames | None]:
    from botocore.exceptions import BotoCoreError

    from endcap.aws.clients import BACKGROUND, client
    from endcap_local.stack_names import names_of

    try:
        names = names_of(client("cloudformation", BACKGROUND), stack)
    except (EndcapError, BotoCoreError) as exc:
        return Finding("CloudFormation", "wrong", in_words(exc), "see docs/operations.md"), None
    return Finding("CloudFormation", "ok", f"{stack} answers at {names.api}"), names


def _asked(what: str, ask: Callable[[], Finding]) -> Finding:
    """What asking gave; a service that refuses or is not there is a finding too."""
    from botocore.exceptions import BotoCoreError

    try:
        return ask()
    except (EndcapError, BotoCoreError) as exc:
        return Finding(what, "wrong", in_words(exc), "see docs/operations.md")


def _stack(endpoint: str) -> Finding:
    health = health_of(HttpClient(endpoint))
    found = f"{endpoint} ranks {health['items']} items with snapshot {health['snapshot_version']}"
    todo = health.get("next", "")
    return Finding("stack", "note" if todo else "ok", found, todo)


def _snapshot(bucket: str) -> Finding:
    from endcap.aws.clients import BACKGROUND, client
    from endcap.aws.snapshots import SnapshotBucket

    snapshots = SnapshotBucket(client("s3", BACKGROUND), bucket)
    if (pointer := snapshots.current()) is None:
        return Finding("snapshot", "wrong", "no pointer", "endcap snapshot promote VERSION")
    manifest = snapshots.manifest(pointer.version)
    found = f"{pointer.version}: {manifest['counts']['items']} items, {manifest['counts']['events']} events"
    return Finding("snapshot", "ok", f"{found}, of {manifest['created']}")
