"""CloudFormation intrinsic functions, evaluated against local names instead of a deployed stack."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

ACCOUNT_ID = "123456789012"  # the account that the local engine answers for
REGION = "us-east-1"
STACK_NAME = "endcap-local"

_NO_VALUE = object()
_PLACEHOLDER = re.compile(r"\$\{([^!}][^}]*)\}|\$\{!([^}]+)\}")


class TemplateError(ValueError):
    """The template holds something that the local stack can't evaluate."""


class Resolver:
    """Evaluates intrinsics of one template.

    Parameters
    ----------
    template : the expanded template: Parameters, Conditions, Mappings, Resources
    parameters : overrides of the parameters' defaults
    endpoint : base URL of the local engine, part of queue URLs
    """

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, str], endpoint: str) -> None:
        self._conditions = template.get("Conditions", {})
        self._mappings = template.get("Mappings", {})
        self._resources = template.get("Resources", {})
        self._endpoint = endpoint
        self._parameters: dict[str, Any] = {
            "AWS::AccountId": ACCOUNT_ID,
            "AWS::Region": REGION,
            "AWS::StackName": STACK_NAME,
            "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT_ID}:stack/{STACK_NAME}/local",
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NotificationARNs": [],
        }
        declared = template.get("Parameters", {})
        if unknown := set(parameters) - set(declared):
            raise TemplateError(f"the template has no parameter {', '.join(sorted(unknown))}")
        for name, declaration in declared.items():
            value = parameters.get(name, declaration.get("Default"))
            if value is None:
                raise TemplateError(f"parameter {name} has no default and was not given")
            if name in parameters:
                _check_parameter(name, declaration, str(value))
            is_list = str(declaration.get("Type", "String")).startswith(("CommaDelimitedList", "List<"))
            self._parameters[name] = [part.strip() for part in str(value).split(",")] if is_list else str(value)

    def resolve(self, value: Any) -> Any:
        """The value with every intrinsic replaced; entries that are `AWS::NoValue` are left out."""
        resolved = self._resolve(value)
        return None if resolved is _NO_VALUE else resolved

    def holds(self, condition: str) -> bool:
        """Whether a named condition is true."""
        if condition not in self._conditions:
            raise TemplateError(f"condition {condition} is not defined")
        return self._truth(self._conditions[condition])

    def name(self, logical_id: str) -> str:
        """The local physical name of a resource: its own name property, or one made of its logical id."""
        resource = self._resources[logical_id]
        key = _NAME_PROPERTY.get(resource["Type"])
        given = resource.get("Properties", {}).get(key) if key else None
        if given is not None:
            return str(self.resolve(given))
        name = f"{STACK_NAME}-{logical_id}"
        return name.lower() if resource["Type"] == "AWS::S3::Bucket" else name

    def arn(self, logical_id: str) -> str:
        """The local ARN of a resource."""
        kind, name = self._resources[logical_id]["Type"], self.name(logical_id)
        if kind not in _ARN_PATTERN:
            return f"arn:aws:local:{REGION}:{ACCOUNT_ID}:{kind.lower().replace('::', '-')}/{name}"
        return _ARN_PATTERN[kind].format(region=REGION, account=ACCOUNT_ID, name=name)

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for element in value if (item := self._resolve(element)) is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (key, argument) = next(iter(value.items()))
            if key == "Ref":
                return self._ref(argument)
            if key == "Condition" and isinstance(argument, str) and argument in self._conditions:
                return self.holds(argument)
            if key.startswith("Fn::"):
                return self._function(key[4:], argument)
        return {key: item for key, element in value.items() if (item := self._resolve(element)) is not _NO_VALUE}

    def _function(self, name: str, argument: Any) -> Any:
        if name == "If":
            condition, then, otherwise = argument
            return self._resolve(then if self.holds(condition) else otherwise)
        if name in ("Equals", "And", "Or", "Not"):
            return self._truth({f"Fn::{name}": argument})
        if name == "GetAtt":
            parts = argument.split(".", 1) if isinstance(argument, str) else argument
            return self._get_att(parts[0], ".".join(parts[1:]))
        if name == "Sub":
            text, extra = (argument, {}) if isinstance(argument, str) else argument
            return self._sub(text, extra)
        if name == "FindInMap":
            table, first, second = (self._resolve(part) for part in argument[:3])
            return self._resolve(self._mappings[table][first][second])
        if name == "Join":
            separator, parts = argument[0], self._resolve(argument[1])
            return separator.join(str(part) for part in parts)
        if name == "Split":
            return str(self._resolve(argument[1])).split(argument[0])
        if name == "Select":
            return self._resolve(argument[1])[int(self._resolve(argument[0]))]
        if name == "GetAZs":
            return [f"{REGION}a", f"{REGION}b"]
        if name == "Base64":
            return base64.b64encode(str(self._resolve(argument)).encode()).decode()
        if name in ("ToJsonString", "Length"):
            raise TemplateError(f"Fn::{name} is not known to the local stack")
        raise TemplateError(f"unknown function Fn::{name}")

    def _truth(self, condition: Any) -> bool:
        if isinstance(condition, dict) and len(condition) == 1:
            (key, argument) = next(iter(condition.items()))
            if key == "Condition":
                return self.holds(argument)
            if key == "Fn::Not":
                return not self._truth(argument[0])
            if key == "Fn::And":
                return all(self._truth(part) for part in argument)
            if key == "Fn::Or":
                return any(self._truth(part) for part in argument)
            if key == "Fn::Equals":
                left, right = (self._resolve(part) for part in argument)
                return str(left) == str(right)
        raise TemplateError(f"not a condition: {condition!r}")

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name in self._parameters:
            return self._parameters[name]
        if name not in self._resources:
            raise TemplateError(f"Ref to {name}, which is neither a parameter nor a resource")
        resource = self._resources[name]
        kind = resource["Type"]
        if kind == "AWS::SQS::Queue":
            return f"{self._endpoint}/{ACCOUNT_ID}/{self.name(name)}"
        if kind == "AWS::Lambda::Alias":
            return f"{self._function_arn(resource)}:{self.resolve(resource['Properties']['Name'])}"
        if kind == "AWS::Lambda::Version":
            return f"{self._function_arn(resource)}:1"
        return self.arn(name) if kind in _REF_IS_ARN else self.name(name)

    def _function_arn(self, resource: Mapping[str, Any]) -> str:
        function = str(self.resolve(resource["Properties"]["FunctionName"]))
        return function if function.startswith("arn:") else f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:{function}"

    def _get_att(self, logical_id: str, attribute: str) -> str:
        if logical_id not in self._resources:
            raise TemplateError(f"GetAtt of {logical_id}, which is not a resource")
        kind = self._resources[logical_id]["Type"]
        if attribute in ("Arn", "FunctionArn", "TopicArn"):
            return self.arn(logical_id)
        if kind == "AWS::DynamoDB::Table" and attribute == "StreamArn":
            return f"{self.arn(logical_id)}/stream/local"  # the engine's label is not known before the table is made
        if kind == "AWS::SQS::Queue" and attribute == "QueueUrl":
            return str(self._ref(logical_id))
        if attribute in ("QueueName", "Name", "TopicName", "FunctionName"):
            return self.name(logical_id)
        return f"{self.name(logical_id)}.{attribute}"  # ids that only AWS makes up; nothing local reads them

    def _sub(self, text: str, extra: Mapping[str, Any]) -> str:
        def replace(match: re.Match[str]) -> str:
            if match[2] is not None:
                return "${" + match[2] + "}"
            key = match[1].strip()
            if key in extra:
                return str(self._resolve(extra[key]))
            return str(self._get_att(*key.split(".", 1)) if "." in key else self._ref(key))

        return _PLACEHOLDER.sub(replace, text)


def _check_parameter(name: str, declaration: Mapping[str, Any], value: str) -> None:
    """CloudFormation would refuse the value before it makes anything."""
    allowed = [str(choice) for choice in declaration.get("AllowedValues", ())]
    if allowed and value not in allowed:
        raise TemplateError(f"parameter {name} is one of {', '.join(allowed)}, not {value!r}")
    if "AllowedPattern" in declaration and not re.fullmatch(declaration["AllowedPattern"], value):
        raise TemplateError(f"parameter {name}: {value!r} does not match {declaration['AllowedPattern']}")


_REF_IS_ARN = {
    "AWS::SNS::Topic",
    "AWS::StepFunctions::StateMachine",
    "AWS::Lambda::LayerVersion",
    "AWS::SecretsManager::Secret",
}

_NAME_PROPERTY = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::Kinesis::Stream": "Name",
    "AWS::KinesisFirehose::DeliveryStream": "DeliveryStreamName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::Events::EventBus": "Name",
    "AWS::Events::Rule": "Name",
    "AWS::IAM::Role": "RoleName",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}

_ARN_PATTERN = {
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:{region}:{account}:table/{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{name}",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::Kinesis::Stream": "arn:aws:kinesis:{region}:{account}:stream/{name}",
    "AWS::KinesisFirehose::DeliveryStream": "arn:aws:firehose:{region}:{account}:deliverystream/{name}",
    "AWS::KMS::Key": "arn:aws:kms:{region}:{account}:key/{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{name}",
    "AWS::Events::EventBus": "arn:aws:events:{region}:{account}:event-bus/{name}",
    "AWS::Events::Rule": "arn:aws:events:{region}:{account}:rule/{name}",
    # Without the six characters that AWS adds, a secret is found all the same.
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:{region}:{account}:secret:{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
    "AWS::StepFunctions::StateMachine": "arn:aws:states:{region}:{account}:stateMachine:{name}",
}
