"""The key that snapshots are signed with, in KMS."""

from __future__ import annotations

from typing import Any, Final

from botocore.exceptions import ClientError

from endcap.aws.clients import aws_errors
from endcap.errors import DependencyError

ALGORITHM: Final = "ED25519_SHA_512"
_CALL: Final = {"SigningAlgorithm": ALGORITHM, "MessageType": "RAW"}


class SigningKey:
    """An Ed25519 key of KMS: its private part never leaves it.

    Parameters
    ----------
    kms : a boto3 KMS client
    key_id : ARN of the key
    """

    def __init__(self, kms: Any, key_id: str) -> None:
        self._kms, self.key_id = kms, key_id

    def sign(self, signed: bytes) -> bytes:
        """The signature of at most 4,096 bytes.

        Raises
        ------
        ThrottledError, DependencyError : also where the caller may not sign
        """
        with aws_errors("sign"):
            answer = self._kms.sign(KeyId=self.key_id, Message=signed, **_CALL)
        return bytes(answer["Signature"])

    def verify(self, signed: bytes, value: bytes) -> bool:
        """Whether `value` is this key's signature of `signed`.

        Raises
        ------
        ThrottledError, DependencyError
        """
        with aws_errors("verify a signature"):
            try:
                answer = self._kms.verify(KeyId=self.key_id, Message=signed, Signature=value, **_CALL)
            except ClientError as exc:
                if exc.response.get("Error", {}).get("Code") == "KMSInvalidSignatureException":
                    return False
                raise
        if "SignatureValid" not in answer:
            raise DependencyError("verify a signature: an answer that says nothing")
        return answer["SignatureValid"] is True
