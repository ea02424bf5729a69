"""Amazon Bedrock's Converse, for texts that nobody waits for."""

from __future__ import annotations

from typing import Any, Final

from botocore.config import Config

from endcap.aws.clients import aws_errors, client

WAITING: Final = Config(connect_timeout=5.0, read_timeout=120.0, retries={"mode": "standard", "total_max_attempts": 1})
"""One try: who asks knows when it is worth another."""


class Converse:
    """Calls Converse, in the region and by the credentials that boto3 finds.

    Parameters
    ----------
    service : boto3's client of "bedrock-runtime"; made here where None
    """

    def __init__(self, service: Any = None) -> None:
        self._service = client("bedrock-runtime", WAITING) if service is None else service

    def __call__(self, **asked: Any) -> Any:
        """The answer as it comes.

        Raises
        ------
        ThrottledError, RefusedError, DeadlineError, DependencyError
        AttributeError, TypeError : botocore's own, of an answer that is none of Converse's
        """
        with aws_errors("bedrock"):
            return self._service.converse(**asked)
