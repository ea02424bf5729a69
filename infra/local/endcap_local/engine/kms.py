"""As much of KMS as signs and verifies, with Ed25519 keys, which moto does not know.

A key is made when it is first asked for by its ARN. With a folder it is kept there, as a file of PEM, so that what was
signed before a restart still counts after it.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

TARGET_PREFIX: Final = "TrentService"
_ALGORITHM: Final = {"SigningAlgorithm": "ED25519_SHA_512", "MessageType": "RAW"}
_MAX_MESSAGE_BYTES: Final = 4096


class Keys:
    """Private keys by ARN.

    Parameters
    ----------
    folder : that keeps them; None for memory alone
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder, self._lock = folder, threading.Lock()
        self._keys: dict[str, Ed25519PrivateKey] = {}

    def sign(self, key_id: str, message: bytes) -> bytes:
        """The signature of `message`."""
        return self._key(key_id).sign(message)

    def verify(self, key_id: str, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's."""
        try:
            self._key(key_id).public_key().verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def _key(self, key_id: str) -> Ed25519PrivateKey:
        with self._lock:
            if key_id not in self._keys:
                self._keys[key_id] = self._kept(key_id.rpartition("/")[2])
            return self._keys[key_id]

    def _kept(self, name: str) -> Ed25519PrivateKey:
        if self._folder is None:
            return Ed25519PrivateKey.generate()
        path = self._folder / f"{name}.pem"
        if path.is_file():
            key = load_pem_private_key(path.read_bytes(), None)
            if not isinstance(key, Ed25519PrivateKey):
                raise TypeError(f"{path} holds no Ed25519 key")
            return key
        made = Ed25519PrivateKey.generate()
        self._folder.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return made


class KmsApp:
    """The two calls as a WSGI application."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        asked = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        answer = self._answer(operation, asked)
        status = "400 Bad Request" if "__type" in answer else "200 OK"
        body = json.dumps(answer).encode()
        start_response(status, [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(body)))])
        return [body]

    def _answer(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        message = base64.b64decode(asked.get("Message", ""))
        if operation not in ("Sign", "Verify"):
            return {"__type": "UnknownOperationException"}
        if not 0 < len(message) <= _MAX_MESSAGE_BYTES or any(asked.get(k) != v for k, v in _ALGORITHM.items()):
            return {"__type": "ValidationException", "message": f"{operation} takes {_ALGORITHM}, and 1 to 4096 bytes"}
        told = {"KeyId": asked["KeyId"], "SigningAlgorithm": asked["SigningAlgorithm"]}
        if operation == "Sign":
            return {**told, "Signature": base64.b64encode(self._keys.sign(asked["KeyId"], message)).decode()}
        if not self._keys.verify(asked["KeyId"], message, base64.b64decode(asked.get("Signature", ""))):
            return {"__type": "KMSInvalidSignatureException"}
        return {**told, "SignatureValid": True}
