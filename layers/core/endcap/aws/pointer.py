"""The pointer to the current snapshot, as bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from endcap.errors import SnapshotIntegrityError
from endcap.signing import Signature, signature_of

GENERATIONS: Final = 5
"""Snapshots before the current one that a pointer names: as many rollbacks lead further back, one each."""

_UNSIGNED: Final = frozenset({"version", "previous", "promotion"})
"""All that a pointer without a signature may say; the last is what a promotion notes for itself."""


class DamagedPointerError(SnapshotIntegrityError):
    """What lies where the pointer should be is none; `etag` is what a flip must still find."""

    def __init__(self, etag: str) -> None:
        self.etag = etag
        super().__init__("the snapshot pointer is damaged")


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which snapshot is current.

    Attributes
    ----------
    etag : of the pointer object; what a flip must still find
    previous : versions to roll back to, the latest first
    signature : None where it was promoted without one
    promoted_at : when, as ISO 8601; empty where that was not written down
    promotion : what `promote` noted with the flip
    """

    version: str
    etag: str
    previous: tuple[str, ...] = ()
    signature: Signature | None = None
    promoted_at: str = ""
    promotion: Mapping[str, Any] = field(default_factory=dict)

    def before(self, version: str) -> tuple[str, ...]:
        """What there is to roll back to once `version` is promoted after this one."""
        return tuple(dict.fromkeys(one for one in (self.version, *self.previous) if one != version))[:GENERATIONS]


def read_pointer(data: bytes, etag: str) -> Pointer:
    """A pointer, of today's form or of the one before there were signatures.

    Raises
    ------
    DamagedPointerError : it is neither
    """
    try:
        body = json.loads(data)
        version, previous = plain_name(body["version"]), body.get("previous")
        # Without a signature there may be nothing else: a damaged name of a field must not make a pointer unsigned.
        signature = None if body.keys() <= _UNSIGNED else signature_of(body)
        if isinstance(previous, str):
            # One promotion was remembered. If it is newer than this version, that was a rollback from it.
            previous = [previous] if previous < version else []
        noted = body.get("promotion")
        promotion = noted if isinstance(noted, dict) else {}
        return Pointer(version, etag, _names(previous), signature, str(body.get("promoted_at", "")), promotion)
    except Exception as exc:  # cut off at the limit, nested without end, no object, ...
        raise DamagedPointerError(etag) from exc


def write_pointer(
    version: str,
    previous: Sequence[str],
    signature: Signature | None,
    promoted_at: str,
    promotion: Mapping[str, Any] | None = None,
) -> bytes:
    """The bytes of a pointer; without a signature in the form that older versions wrote, but with all generations."""
    signed = {**signature.fields(), "promoted_at": promoted_at} if signature else {}
    noted = {"promotion": dict(promotion)} if promotion else {}
    return json.dumps({"version": version, **signed, "previous": list(previous), **noted}).encode()


def plain_name(name: object) -> str:
    """`name`, which becomes a local path and so must not lead out of its folder.

    Raises
    ------
    SnapshotIntegrityError : it could
    """
    if not isinstance(name, str) or not name or name.startswith(".") or "/" in name or "\\" in name:
        raise SnapshotIntegrityError(f"{name!r} is no name of a snapshot or of its files")
    return name


def _names(previous: Any) -> tuple[str, ...]:
    try:
        return tuple(plain_name(name) for name in previous or ())
    except (SnapshotIntegrityError, TypeError):  # a rollback finds nothing to go back to; serving does not need it
        return ()
