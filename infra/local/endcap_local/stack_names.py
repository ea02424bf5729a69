"""A deployed stack as the command line knows it: by the outputs of its CloudFormation stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from endcap.aws.clients import aws_errors
from endcap.errors import InvalidInputError


def outputs_of(cloudformation: Any, stack: str) -> Mapping[str, str]:
    """The outputs of a stack, by their keys.

    Raises
    ------
    DependencyError, ThrottledError : there is no such stack, or nobody may look
    """
    with aws_errors(f"read the outputs of {stack}"):
        described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", ())}


@dataclass(frozen=True)
class StackNames:
    """What an import needs to know of a stack.

    Attributes
    ----------
    api : where it answers
    promote : the function that makes snapshots current
    rebuilds : whether it rebuilds by itself
    """

    api: str
    bucket: str
    promote: str
    rebuilds: bool


def names_of(cloudformation: Any, stack: str) -> StackNames:
    """The names in a stack's outputs.

    Raises
    ------
    InvalidInputError : it is no stack of Endcap's
    DependencyError, ThrottledError : as `outputs_of`
    """
    outputs = outputs_of(cloudformation, stack)
    needed = ("ApiUrl", "DataBucketName", "PromoteFunctionName")
    if missing := [name for name in needed if name not in outputs]:
        raise InvalidInputError(f"the stack {stack} has no output {', '.join(missing)}")
    api, bucket, promote = (outputs[name] for name in needed)
    return StackNames(api, bucket, promote, "RebuildStateMachineArn" in outputs)
