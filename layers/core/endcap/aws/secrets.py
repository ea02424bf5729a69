"""The keys of pseudonyms in Secrets Manager."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from endcap.aws.clients import aws_errors
from endcap.errors import DependencyError, EndcapError
from endcap.observability import fault
from endcap.pseudonyms import PseudonymKeys

KEPT_S: Final = 3600.0
"""How long keys are used without a look at whether one was added."""


class PseudonymSecret:
    """The secret that holds the keys of a stack.

    Parameters
    ----------
    secretsmanager : a boto3 Secrets Manager client
    arn : or name of the secret
    """

    def __init__(self, secretsmanager: Any, arn: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._secretsmanager, self._arn, self._clock = secretsmanager, arn, clock
        self._keys: PseudonymKeys | None = None
        self._read_s = 0.0
        self._lock = threading.Lock()

    def get(self) -> PseudonymKeys:
        """The keys, read anew after an hour; where that fails, those of before.

        Raises
        ------
        as `read`, where no keys are known
        """
        with self._lock:
            if self._keys is None or self._clock() - self._read_s >= KEPT_S:
                try:
                    self._keys = self.read()
                except EndcapError as exc:
                    if self._keys is None:
                        raise
                    fault("keys of pseudonyms not read again", exc)
                self._read_s = self._clock()
            return self._keys

    def read(self) -> PseudonymKeys:
        """The keys as they are now.

        Raises
        ------
        ThrottledError : ask again
        DependencyError : the secret can't be read, or holds no keys: both are mended outside of here
        """
        with aws_errors("read the keys of pseudonyms"):
            answer = self._secretsmanager.get_secret_value(SecretId=self._arn)
        try:
            return PseudonymKeys.read(answer.get("SecretString") or "")
        except ValueError as exc:
            raise DependencyError(f"the secret with the keys of pseudonyms: {exc}") from exc
