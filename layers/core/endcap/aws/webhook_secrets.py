"""What webhooks are signed with, in Secrets Manager: kept for a while and looked at again where they don't fit."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from endcap.aws.clients import aws_errors
from endcap.errors import DependencyError, EndcapError

FRESH_S: Final = 300.0
"""For so long what was read counts without another look."""
KEPT_S: Final = 3600.0
"""For so long it counts while it can't be read again."""
AGAIN_S: Final = 30.0
"""What fits nothing is no reason to read more often than this: anybody may send it."""


class WebhookSecret:
    """One secret: lines of text, each of which counts, so that one can be changed for another.

    Parameters
    ----------
    client : makes a boto3 Secrets Manager client, when it is first asked
    clock : seconds
    """

    def __init__(self, client: Callable[[], Any], arn: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._arn, self._clock = client, arn, clock
        self._made: Any = None
        self._lines: tuple[bytes, ...] = ()
        self._read_s = -float("inf")

    def fits(self, check: Callable[[Sequence[bytes]], bool]) -> bool:
        """Whether the lines pass `check`.

        Raises
        ------
        ThrottledError, DependencyError : it can't be read, and was not within the last hour; it is empty
        """
        if self._age_s() > FRESH_S:
            self._look()
        if check(self._lines):
            return True
        if self._age_s() > AGAIN_S:
            self._look()
        if not self._lines:
            raise DependencyError("read secret: it is empty")
        return check(self._lines)

    def _age_s(self) -> float:
        return self._clock() - self._read_s

    def _look(self) -> None:
        try:
            self._made = self._made or self._client()
            with aws_errors("read secret"):
                answer = self._made.get_secret_value(SecretId=self._arn)
        except EndcapError:
            if self._age_s() > KEPT_S:
                raise
            return
        lines = str(answer.get("SecretString") or "").splitlines()
        self._lines = tuple(line.strip().encode() for line in lines if line.strip())
        self._read_s = self._clock()
