"""Reading an expanded template: resources by type, and what each function's role may do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True)
class Statement:
    """One Allow of a role; actions and resources may hold wildcards."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]

    def allows(self, action: str, arn: str) -> bool:
        """Whether this statement alone permits the call."""
        return action in self.actions and any(fnmatchcase(arn, pattern) for pattern in self.resources)


def of_type(resources: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Resources of one type by logical id."""
    found = {name: resource for name, resource in resources.items() if resource["Type"] == kind}
    assert found, f"no {kind} in the template"
    return found


def folder_of(logical_id: str) -> str:
    """The folder under functions/ of a function's logical id: UpdateProfileFunction -> update_profile."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", logical_id.removesuffix("Function")).lower()


def statements_of(logical_id: str, resources: Mapping[str, Any]) -> list[Statement]:
    """What the role of a function may do by inline and attached policies of the template."""
    role = f"{logical_id}Role"
    documents = [policy["PolicyDocument"] for policy in resources[role].get("Policies", ())]
    documents += [
        resource["PolicyDocument"]
        for resource in resources.values()
        if resource["Type"] == "AWS::IAM::Policy" and any(r.endswith(role) for r in resource["Roles"])
    ]
    return [statement for document in documents for statement in _statements(document)]


def _statements(document: Mapping[str, Any]) -> Iterator[Statement]:
    for statement in document["Statement"]:
        assert statement["Effect"] == "Allow"
        yield Statement(_tuple(statement["Action"]), _tuple(statement["Resource"]))


def _tuple(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
