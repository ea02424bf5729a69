"""What makes a stack answer for the first time after an import: encoders for its rebuilds, and a request to see it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from endcap.aws.clients import aws_errors
from endcap_local.http_client import HttpClient, HttpError, health_of
from endcap_rebuild.base_encoders import verified
from endcap_rebuild.base_encoders.recipes import RECIPES
from endcap_rebuild.sagemaker.publishing import ENCODERS_PREFIX, Publisher

ASKED: Final = "/users/somebody-new/recommendations?fields=title&limit=3"
"""Parameters by their names: curl before 8.1 signs a query in the order it stands in, and AWS in this one."""
KEYS_FROM_PROFILE: Final = 'eval "$(aws configure export-credentials --format env)"'
"""What puts the keys of a profile, or of a sign-on, where the command has them from."""
PICK_UP_S: Final = 120.0
_PAUSE_S: Final = 1.0


@dataclass(frozen=True)
class FirstAnswer:
    """The first list.

    Attributes
    ----------
    command : a command for the shell that asks for it again
    before : what has to be run before it where the shell has no keys; "" where it needs none
    """

    command: str
    titles: tuple[str, ...]
    before: str = ""


def stage_encoders(s3: Any, bucket: str, cache: Path) -> list[str]:
    """Put the base encoders that lie here where the stack's rebuilds look for them; gives the names of those.

    Parameters
    ----------
    cache : folder of base encoders; those that are not whole in it are left out

    Raises
    ------
    ThrottledError, DependencyError
    """
    there = Publisher(s3, bucket).sizes(ENCODERS_PREFIX)
    staged: list[str] = []
    for recipe in RECIPES.values():
        folder = cache / recipe.folder
        if not verified(folder, recipe.sha256):
            continue
        for name in recipe.sha256:
            key = f"{ENCODERS_PREFIX}{recipe.folder}/{name}"
            if key not in there:
                with aws_errors(f"stage {name}"):
                    s3.upload_file(str(folder / name), bucket, key)
        staged.append(recipe.config.language)
    return staged


def first_answer(
    api: HttpClient,
    version: str,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> FirstAnswer:
    """Ask for a list once the API serves a snapshot, which takes its functions some seconds.

    Raises
    ------
    HttpError : the API refuses, or serves another snapshot two minutes later
    """
    until = clock() + PICK_UP_S
    while True:
        try:
            served = health_of(api)["snapshot_version"]
        except HttpError:
            if clock() > until:
                raise
            served = None
        if served == version:
            break
        if clock() > until:
            raise HttpError(f"snapshot {version} is current, and the API serves {served} after {PICK_UP_S:.0f} s")
        pause(_PAUSE_S)
    items: Sequence[dict[str, Any]] = api.get(ASKED)["items"]
    command = command_of(api.url + ASKED, signed_locally=api.signs_locally)
    return FirstAnswer(
        command,
        tuple(str(item.get("title", item["item_id"])) for item in items),
        KEYS_FROM_PROFILE if "$AWS_SECRET_ACCESS_KEY" in command else "",
    )


def command_of(url: str, *, signed_locally: bool = False) -> str:
    """The same request as a command: with a token where one is set, else signed with the credentials at hand.

    Parameters
    ----------
    signed_locally : with the keys of a stack on this machine that lets in only what is signed
    """
    if os.environ.get("ENDCAP_TOKEN"):
        return f"curl -H \"Authorization: Bearer $ENDCAP_TOKEN\" '{url}'"
    if signed_locally:
        from endcap_local.gateway.access import SIGNED_LOCALLY  # brings the whole engine along

        return f"curl {SIGNED_LOCALLY} '{url}'"
    host = re.match(r"https://[\w-]+\.execute-api\.([\w-]+)\.amazonaws\.com", url)
    if host is None:
        return f"curl '{url}'"
    # Permanent keys have no token, and curl signs an empty header but does not send it. One word, as zsh splits none.
    session = '${AWS_SESSION_TOKEN:+"-Hx-amz-security-token: $AWS_SESSION_TOKEN"}'
    return (
        f'curl --aws-sigv4 "aws:amz:{host[1]}:execute-api" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" '
        f"{session} '{url}'"
    )
