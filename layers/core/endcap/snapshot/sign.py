"""Signing a snapshot that has passed the checks: once, and only what was checked."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from endcap.checksums import sha256_file
from endcap.errors import SnapshotIntegrityError
from endcap.filenames import MANIFEST
from endcap.signing import Signature, Signer, Trust, statement


class Signatures(Protocol):
    """Where the signature of a version lies, beside its files."""

    def signature(self, version: str) -> Signature | None: ...

    def put_signature(self, version: str, signature: Signature) -> None: ...


def sign(version: str, folder: Path, signatures: Signatures, signer: Signer) -> Signature:
    """The signature of a version whose files were checked in `folder`, written beside them.

    Where one is there already it has to be of these files, so that what was signed once can't be replaced and signed
    again, as by a rollback to it.

    Raises
    ------
    SnapshotIntegrityError : one of other files, or of another key, is there
    ConflictError : somebody else signed meanwhile
    ThrottledError, DependencyError
    """
    sha256 = sha256_file(folder / MANIFEST)
    signature = signatures.signature(version)
    if signature is not None:
        Trust(signer, required=True).check(version, signature)
        if signature.manifest_sha256 != sha256:
            raise SnapshotIntegrityError(f"the manifest of {version} is not the one that was signed")
        return signature
    signature = Signature(sha256, signer.sign(statement(version, sha256)), signer.key_id)
    signatures.put_signature(version, signature)
    return signature
