"""A language model of the account, on Amazon Bedrock, asked while a shopper waits."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from botocore.config import Config

from endcap.aws.clients import aws_errors
from endcap.errors import DependencyError

WRITING: Final = Config(
    connect_timeout=0.3, read_timeout=2.0, retries={"mode": "standard", "total_max_attempts": 1}, tcp_keepalive=True
)
"""One try. Who waits gives up earlier than this; what comes after that is there for the next."""


class BedrockWriter:
    """Asks a model by Converse, in the region and by the role of the function.

    Parameters
    ----------
    client : boto3's of "bedrock-runtime"
    model : its id, or that of an inference profile
    """

    def __init__(self, client: Any, model: str) -> None:
        self._client, self._model = client, model

    def write(self, system: str, data: Mapping[str, Any], most_tokens: int) -> object:
        """See `writing.asked.Writer`; None for an answer that is no JSON.

        Raises
        ------
        EndcapError : it does not answer
        """
        with aws_errors("writer"):
            answer = self._client.converse(
                modelId=self._model,
                system=[{"text": system}],
                messages=[{"role": "user", "content": [{"text": json.dumps(data, ensure_ascii=False)}]}],
                inferenceConfig={"maxTokens": most_tokens, "temperature": 0.0},
            )
        try:
            text = "".join(part.get("text", "") for part in answer["output"]["message"]["content"])
        except (AttributeError, KeyError, TypeError) as exc:
            raise DependencyError("writer: an answer of another form") from exc
        found = re.search(r"\{.*\}", text, re.DOTALL)  # some put words or a fence around it
        try:
            return json.loads(found[0]) if found else None
        except ValueError:
            return None
