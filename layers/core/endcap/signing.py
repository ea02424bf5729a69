"""Signatures of snapshots: what is signed, how a signature is written, and which snapshots are believed."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from endcap.errors import SnapshotIntegrityError
from endcap.observability import logger

SIGNATURE_BYTES: Final = 64
"""Of Ed25519 (RFC 8032), whose signatures of the same bytes are the same: signing twice writes nothing new."""
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Signature:
    """That a snapshot has passed the checks of a promotion.

    Attributes
    ----------
    manifest_sha256 : hex, of the bytes of its manifest, which names the hash of every other file
    value : over `statement`
    key_id : of the key that it was made with
    """

    manifest_sha256: str
    value: bytes
    key_id: str

    def fields(self) -> dict[str, str]:
        """Its part of a document in JSON."""
        value = base64.b64encode(self.value).decode()
        return {"manifest_sha256": self.manifest_sha256, "signature": value, "key_id": self.key_id}


def signature_of(document: Mapping[str, Any]) -> Signature:
    """What `Signature.fields` has written.

    Raises
    ------
    SnapshotIntegrityError : it is not that
    """
    try:
        sha256, key_id = document["manifest_sha256"], document["key_id"]
        value = base64.b64decode(document["signature"], validate=True)
        sound = _SHA256.fullmatch(sha256) and len(value) == SIGNATURE_BYTES and isinstance(key_id, str) and key_id
    except Exception as exc:  # no such field, or something else in it
        raise SnapshotIntegrityError("the signature is damaged") from exc
    if not sound:
        raise SnapshotIntegrityError("the signature is damaged")
    return Signature(sha256, value, key_id)


def statement(version: str, manifest_sha256: str) -> bytes:
    """What is signed: a name and the bytes that it stands for, written so that neither can pass for the other."""
    return json.dumps(["endcap snapshot", 1, version, manifest_sha256]).encode()


class Verifier(Protocol):
    """Tells signatures of one key from others."""

    @property
    def key_id(self) -> str: ...

    def verify(self, signed: bytes, value: bytes) -> bool:
        """Whether `value` is this key's signature of `signed`."""


class Signer(Verifier, Protocol):
    """Has the key itself."""

    def sign(self, signed: bytes) -> bytes:
        """The signature of at most 4,096 bytes."""


class Trust:
    """Which snapshots are believed to have passed the checks.

    Parameters
    ----------
    key : whose signatures count; None where nobody signs, and then nothing is checked here
    required : nothing is believed without a signature; else what was promoted before there were signatures is, until
        `require`
    """

    def __init__(self, key: Verifier | None = None, *, required: bool = False) -> None:
        self._key, self._required = key, required

    @property
    def signs(self) -> bool:
        """Whether there are signatures to look for."""
        return self._key is not None

    def require(self) -> None:
        """Believe nothing without a signature any more: the stack has begun to sign."""
        self._required = True

    def check(self, version: str, signature: Signature | None) -> None:
        """Whether `signature` says of this version that it passed.

        Raises
        ------
        SnapshotIntegrityError : there is none, or it is of something else, or of another key
        ThrottledError, DependencyError : nobody can tell
        """
        if self._key is None:
            return
        if signature is None:
            if self._required:
                raise SnapshotIntegrityError(f"{version} is not signed")
            logger.warning("snapshot not signed: promote it once, and set SnapshotSignature=require")
            return
        if signature.key_id != self._key.key_id:
            raise SnapshotIntegrityError(f"{version} is signed with another key, {signature.key_id}")
        if not self._key.verify(statement(version, signature.manifest_sha256), signature.value):
            raise SnapshotIntegrityError(f"the signature of {version} is wrong")
