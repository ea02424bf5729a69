"""The local engine's KMS, as boto3 speaks to it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from endcap.aws.keys import SigningKey
from endcap.errors import RefusedError
from endcap_local.engine.kms import Keys, KmsApp

KEY = "arn:aws:kms:us-east-1:123456789012:key/endcap-local-SnapshotKey"


class _Raw(io.BytesIO):
    def stream(self, *_: object, **__: object) -> Any:
        yield self.read()


@pytest.fixture
def client_of() -> Callable[[Keys], Any]:
    """A boto3 client whose requests go to the application and not to a network."""

    def made(keys: Keys) -> Any:
        app = KmsApp(keys)
        client = boto3.client("kms", "us-east-1", aws_access_key_id="local", aws_secret_access_key="local")

        def answer(request: Any, **_: object) -> AWSResponse:
            told: list[Any] = []
            headers = {
                f"HTTP_{name.upper().replace('-', '_')}": _text(value) for name, value in request.headers.items()
            }
            environ = {**headers, "CONTENT_LENGTH": str(len(request.body)), "wsgi.input": io.BytesIO(request.body)}
            body = b"".join(app(environ, lambda *given: told.extend(given)))
            return AWSResponse(request.url, int(told[0].split()[0]), dict(told[1]), _Raw(body))

        client.meta.events.register("before-send", answer)
        return client

    return made


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def test_a_key_signs_and_verifies(client_of: Callable[[Keys], Any]) -> None:
    key = SigningKey(client_of(Keys()), KEY)
    value = key.sign(b"what is signed")
    assert key.sign(b"what is signed") == value
    assert key.verify(b"what is signed", value)
    assert not key.verify(b"what is not", value)
    assert not SigningKey(client_of(Keys()), KEY).verify(b"what is signed", value)


def test_a_key_in_a_folder_outlives_its_process(client_of: Callable[[Keys], Any], tmp_path: Path) -> None:
    value = SigningKey(client_of(Keys(tmp_path / "keys")), KEY).sign(b"x")
    assert SigningKey(client_of(Keys(tmp_path / "keys")), KEY).verify(b"x", value)
    (file,) = (tmp_path / "keys").iterdir()
    assert (file.name, file.stat().st_mode & 0o077) == ("endcap-local-SnapshotKey.pem", 0)


def test_what_kms_would_refuse_is_refused(client_of: Callable[[Keys], Any]) -> None:
    kms = client_of(Keys())
    with pytest.raises(RefusedError):
        SigningKey(kms, KEY).sign(b"x" * 4097)
    with pytest.raises(ClientError, match="ValidationException"):
        kms.sign(KeyId=KEY, Message=b"x", SigningAlgorithm="ECDSA_SHA_256", MessageType="RAW")
    with pytest.raises(ClientError, match="UnknownOperation"):
        kms.encrypt(KeyId=KEY, Plaintext=b"x")
