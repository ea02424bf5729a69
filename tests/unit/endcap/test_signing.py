"""Which snapshots are believed, and what a signature says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.aws.keys import SigningKey
from endcap.errors import DependencyError, SnapshotIntegrityError, ThrottledError
from endcap.signing import Signature, Trust, signature_of, statement
from tests.fakes.effort import tried
from tests.fakes.kms import KEY, FakeKms

SHA = "0" * 63 + "a"
_TEXTS = st.text('a",]\\ ', max_size=4)  # what could end a string or a list


@pytest.fixture
def key() -> SigningKey:
    return SigningKey(FakeKms(), KEY)


def signed(key: SigningKey, version: str = "v1", sha256: str = SHA) -> Signature:
    return Signature(sha256, key.sign(statement(version, sha256)), key.key_id)


def test_a_signature_is_of_one_version_and_its_bytes(key: SigningKey) -> None:
    trust, signature = Trust(key, required=True), signed(key)
    trust.check("v1", signature)
    for version, forged in (
        ("v2", signature),
        ("v1", Signature("0" * 64, signature.value, KEY)),
        ("v1", Signature(SHA, signature.value[:-1] + bytes([signature.value[-1] ^ 1]), KEY)),
        ("v1", signed(SigningKey(FakeKms(), KEY))),  # another key under the same name
    ):
        with pytest.raises(SnapshotIntegrityError, match="wrong"):
            trust.check(version, forged)
    with pytest.raises(SnapshotIntegrityError, match="another key"):
        trust.check("v1", Signature(SHA, signature.value, "arn:of-another"))


def test_what_is_not_signed_is_believed_until_the_stack_signs(key: SigningKey) -> None:
    trust = Trust(key)
    trust.check("v1", None)
    trust.require()
    with pytest.raises(SnapshotIntegrityError, match="not signed"):
        trust.check("v1", None)
    with pytest.raises(SnapshotIntegrityError, match="not signed"):
        Trust(key, required=True).check("v1", None)
    Trust().check("v1", None)
    Trust().check("v1", Signature(SHA, b"x" * 64, "whose"))  # nobody to ask: the hashes alone bind


def test_nobody_is_believed_while_the_key_does_not_answer() -> None:
    kms = FakeKms()
    key = SigningKey(kms, KEY)
    signature = signed(key)
    kms.down = True
    with pytest.raises(DependencyError):
        Trust(key).check("v1", signature)
    with pytest.raises(DependencyError):
        key.sign(b"x")


def test_an_answer_that_says_nothing_is_no_verdict() -> None:
    class Garbage:
        def verify(self, **_: Any) -> dict[str, Any]:
            return {"Item": {}}

    with pytest.raises(DependencyError):
        SigningKey(Garbage(), KEY).verify(b"x", b"y")


def test_throttling_is_told_apart() -> None:
    from botocore.exceptions import ClientError

    class Busy:
        def verify(self, **_: Any) -> dict[str, Any]:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "Verify")

    with pytest.raises(ThrottledError):
        SigningKey(Busy(), KEY).verify(b"x", b"y")


def test_a_signature_is_read_as_it_was_written(key: SigningKey) -> None:
    signature = signed(key)
    assert signature_of(json.loads(json.dumps(signature.fields()))) == signature


@pytest.mark.parametrize(
    "changes",
    [
        {"manifest_sha256": None},
        {"manifest_sha256": "A" * 64},
        {"manifest_sha256": "a" * 63},
        {"signature": "!"},
        {"signature": ""},
        {"signature": "AAAA"},
        {"signature": 3},
        {"key_id": ""},
        {"key_id": None},
    ],
)
def test_a_damaged_signature_is_told(key: SigningKey, changes: dict[str, Any]) -> None:
    with pytest.raises(SnapshotIntegrityError, match="damaged"):
        signature_of({**signed(key).fields(), **changes})
    for name in changes:
        with pytest.raises(SnapshotIntegrityError, match="damaged"):
            signature_of({k: v for k, v in signed(key).fields().items() if k != name})


@pytest.mark.parametrize("more", ["*", "\n", " ", "-"])
def test_a_signature_is_written_in_one_way_alone(key: SigningKey, more: str) -> None:
    fields = signed(key).fields()
    with pytest.raises(SnapshotIntegrityError, match="damaged"):
        signature_of({**fields, "signature": more + fields["signature"]})


@tried(20)
@given(st.tuples(_TEXTS, _TEXTS), st.tuples(_TEXTS, _TEXTS))
def test_two_statements_are_the_same_only_if_what_they_say_is(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (statement(*one) == statement(*other)) == (one == other)
