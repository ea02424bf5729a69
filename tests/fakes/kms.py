"""KMS with one Ed25519 key, as a boto3 client, which can be made to fail."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from endcap.aws.keys import ALGORITHM
from endcap_local.engine.kms import Keys

KEY = "arn:aws:kms:us-east-1:123456789012:key/of-the-tests"


class FakeKms:
    """Signs and verifies.

    Attributes
    ----------
    calls : names of the calls made so far
    down : whether it answers at all
    """

    def __init__(self, keys: Keys | None = None) -> None:
        self._keys = keys or Keys()
        self.calls: list[str] = []
        self.down = False

    def sign(self, **asked: Any) -> dict[str, Any]:
        self._called("Sign", asked)
        return {"KeyId": asked["KeyId"], "Signature": self._keys.sign(asked["KeyId"], asked["Message"])}

    def verify(self, **asked: Any) -> dict[str, Any]:
        self._called("Verify", asked)
        if not self._keys.verify(asked["KeyId"], asked["Message"], asked["Signature"]):
            raise ClientError({"Error": {"Code": "KMSInvalidSignatureException"}}, "Verify")
        return {"KeyId": asked["KeyId"], "SignatureValid": True}

    def _called(self, name: str, asked: dict[str, Any]) -> None:
        self.calls.append(name)
        assert (asked["SigningAlgorithm"], asked["MessageType"]) == (ALGORITHM, "RAW")
        if self.down:
            raise ClientError({"Error": {"Code": "KMSInternalException"}}, name)
