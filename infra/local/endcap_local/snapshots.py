"""What the command line says of the snapshots of a bucket, and how it has the stack's own function act on them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from endcap.aws.clients import BACKGROUND, aws_errors, client
from endcap.aws.keys import SigningKey
from endcap.aws.snapshots import SnapshotBucket
from endcap.errors import DependencyError, SnapshotError, SnapshotIntegrityError
from endcap.signing import Signature, Trust, Verifier
from endcap.snapshot.promote import promote

PROMOTE_S = 900.0
"""As long as the function may take."""


@dataclass(frozen=True)
class Listed:
    """A snapshot of a bucket.

    Attributes
    ----------
    place : current, the how manieth rollback leads there, or nothing
    signature : signed, unsigned or wrong; by its mere presence where no key is named to ask
    """

    version: str
    place: str
    signature: str


def overview(bucket: SnapshotBucket, key: Verifier | None) -> list[Listed]:
    """All whole snapshots, the newest first.

    Raises
    ------
    ThrottledError, DependencyError
    """
    current = bucket.seen()
    places = {version: f"rollback {number}" for number, version in enumerate(current.previous, 1)} if current else {}
    if current and current.version:
        places[current.version] = "current"
    trust = Trust(key, required=True)

    def listed(version: str) -> Listed:
        place = places.get(version, "")
        try:
            signature = bucket.signature(version)
            state = _state(version, signature, trust)
            if current and place == "current" and signature is not None and current.signature != signature:
                state = "wrong" if current.signature else "unsigned pointer"
        except SnapshotIntegrityError:
            state = "wrong"
        return Listed(version, place, state)

    return [listed(version) for version in reversed(bucket.versions())]


def _state(version: str, signature: Signature | None, trust: Trust) -> str:
    if signature is None:
        return "unsigned"
    trust.check(version, signature)
    return "signed"


def make_current(version: str, bucket: SnapshotBucket, function: str | None, key: str | None) -> None:
    """Promote a version: by the stack's function where one is named, else here, signed where a key is.

    Raises
    ------
    as `endcap.snapshot.promote.promote` and `invoke_promote` do
    """
    if function:
        invoke_promote(function, {"version": version})
        return
    signer = SigningKey(client("kms", BACKGROUND), key) if key else None
    promote(version, bucket, None, signer=signer)


def invoke_promote(function: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """What the promote function of a stack answers.

    Raises
    ------
    SnapshotError : it refused; the message is its own
    DependencyError, ThrottledError, NotFoundError : it can't be reached
    """
    config = BACKGROUND.merge(type(BACKGROUND)(read_timeout=PROMOTE_S, retries={"total_max_attempts": 1}))
    with aws_errors(f"invoke {function}"):
        answer = client("lambda", config).invoke(FunctionName=function, Payload=json.dumps(event).encode())
        body = answer["Payload"].read()
    try:
        told = json.loads(body)
    except ValueError as exc:
        raise DependencyError(f"invoke {function}: an answer that is no JSON") from exc
    if "FunctionError" in answer or not isinstance(told, dict):
        reason = told.get("errorMessage", told) if isinstance(told, dict) else told
        raise SnapshotError(f"{function} refused: {reason}")
    return told
