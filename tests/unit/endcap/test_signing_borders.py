"""Signatures to the letter: what is signed today is checked for as long as the snapshot is kept."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from endcap.errors import SnapshotIntegrityError
from endcap.filenames import MANIFEST
from endcap.signing import SIGNATURE_BYTES, Signature, Trust, signature_of, statement
from endcap.snapshot.sign import sign

SHA = "ab" * 32
VALUE = bytes(range(64))


class Key:
    """A key that counts how often it is asked."""

    def __init__(self, key_id: str = "ours") -> None:
        self.key_id, self.asked = key_id, 0

    def sign(self, signed: bytes) -> bytes:
        return hashlib.sha512(self.key_id.encode() + signed).digest()

    def verify(self, signed: bytes, value: bytes) -> bool:
        self.asked += 1
        return value == self.sign(signed)

    def of(self, version: str, sha256: str = SHA) -> Signature:
        return Signature(sha256, self.sign(statement(version, sha256)), self.key_id)


def test_what_is_signed_names_its_purpose_and_its_form() -> None:
    assert statement("v1", SHA) == f'["endcap snapshot", 1, "v1", "{SHA}"]'.encode()
    assert SIGNATURE_BYTES == 64


def test_a_signature_is_three_fields_of_text() -> None:
    fields = Signature(SHA, VALUE, "ours").fields()
    assert fields == {"manifest_sha256": SHA, "signature": base64.b64encode(VALUE).decode(), "key_id": "ours"}
    assert signature_of({**fields, "more": 1}) == Signature(SHA, VALUE, "ours")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("manifest_sha256", SHA + "0"),
        ("manifest_sha256", SHA[:-1]),
        ("manifest_sha256", SHA.upper()),
        ("manifest_sha256", 7),
        ("signature", base64.b64encode(VALUE[:-1]).decode()),
        ("signature", base64.b64encode(VALUE + b"x").decode()),
        ("signature", base64.b64encode(VALUE).decode().replace("A", "*")),
        ("signature", None),
        ("key_id", ""),
        ("key_id", 7),
        ("key_id", None),
    ],
)
def test_one_that_is_damaged_is_told(name: str, value: Any) -> None:
    fields = Signature(SHA, VALUE, "ours").fields()
    with pytest.raises(SnapshotIntegrityError, match=r"^the signature is damaged$"):
        signature_of({**fields, name: value})
    for document in ({k: v for k, v in fields.items() if k != name}, [], None):
        with pytest.raises(SnapshotIntegrityError, match=r"^the signature is damaged$"):
            signature_of(document)  # type: ignore[arg-type]


class TestTrust:
    def test_without_a_key_believes_all_and_signs_nothing(self) -> None:
        for trust in (Trust(), Trust(None, required=True)):
            assert not trust.signs
            trust.check("v1", None)
            trust.check("v1", Signature(SHA, VALUE, "theirs"))

    def test_asks_the_key_once(self) -> None:
        key = Key()
        trust = Trust(key)
        assert trust.signs
        trust.check("v1", key.of("v1"))
        assert key.asked == 1

    def test_believes_what_is_not_signed_until_that_is_required(self) -> None:
        key = Key()
        trust = Trust(key)
        trust.check("v1", None)
        trust.require()
        for strict in (trust, Trust(key, required=True)):
            with pytest.raises(SnapshotIntegrityError, match=r"^v1 is not signed$"):
                strict.check("v1", None)
        assert key.asked == 0

    def test_believes_no_other_key_and_no_other_version(self) -> None:
        key, other = Key(), Key("theirs")
        with pytest.raises(SnapshotIntegrityError, match=r"^v1 is signed with another key, theirs$"):
            Trust(key).check("v1", other.of("v1"))
        assert key.asked == 0
        for signature in (key.of("v2"), Signature("cd" * 32, key.of("v1").value, "ours")):
            with pytest.raises(SnapshotIntegrityError, match=r"^the signature of v1 is wrong$"):
                Trust(key).check("v1", signature)


class Signatures:
    def __init__(self, **kept: Signature) -> None:
        self.kept, self.puts = kept, 0

    def signature(self, version: str) -> Signature | None:
        return self.kept.get(version)

    def put_signature(self, version: str, signature: Signature) -> None:
        self.puts += 1
        self.kept[version] = signature


class TestSigning:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / MANIFEST).write_bytes(b"{}")
        return tmp_path

    def test_signs_the_manifest_once(self, folder: Path) -> None:
        key, kept = Key(), Signatures()
        sha256 = hashlib.sha256(b"{}").hexdigest()
        assert sign("v1", folder, kept, key) == key.of("v1", sha256) == kept.kept["v1"]
        assert sign("v1", folder, kept, key) == kept.kept["v1"]
        assert kept.puts == 1

    @pytest.mark.parametrize(
        ("signature", "found"),
        [
            (Key().of("v1"), "the manifest of v1 is not the one that was signed"),
            (Key("theirs").of("v1"), "v1 is signed with another key, theirs"),
            (Key().of("v2"), "the signature of v1 is wrong"),
        ],
    )
    def test_what_was_signed_otherwise_stays(self, folder: Path, signature: Signature, found: str) -> None:
        kept = Signatures(v1=signature)
        with pytest.raises(SnapshotIntegrityError) as caught:
            sign("v1", folder, kept, Key())
        assert str(caught.value) == found
        assert (kept.puts, kept.kept) == (0, {"v1": signature})
