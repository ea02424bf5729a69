"""The studio on AWS: the pages keep to the policy that they keep to here, and what is uploaded signs operators in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from endcap.api.roles import SCOPES
from endcap_local.gateway.pages import POLICY
from endcap_local.sites import studio_site
from endcap_local.studio import publishing
from endcap_local.studio.publishing import StudioError, publish_pages, stack_output

ROOT = Path(__file__).parents[2]
OUTPUTS = {
    "Bucket": "pages",
    "Url": "https://d1.cloudfront.net/studio/",
    "AuthorizeUrl": "https://auth.example/oauth2/authorize",
    "TokenUrl": "https://auth.example/oauth2/token",
    "ClientId": "client",
    "Scope": "openid endcap/look",
    "PictureOrigins": "https://cdn.shop.example",
}


class _Loader(yaml.SafeLoader):
    pass


def _tagged(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    return loader.construct_sequence(node, deep=True) if isinstance(node, yaml.SequenceNode) else {}


_Loader.add_multi_constructor("!", _tagged)


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    return dict(yaml.load((ROOT / "infra/studio.yaml").read_text(), _Loader))


class Aws:
    """CloudFormation and S3 as far as an upload needs them."""

    def __init__(self, outputs: dict[str, str]) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.outputs = outputs

    def client(self, service: str) -> Aws:
        return self

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        if StackName == "gone":
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "DescribeStacks")
        return {"Stacks": [{"Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in self.outputs.items()]}]}

    def put_object(self, **put: Any) -> None:
        self.objects[put["Key"]] = put


def directives(policy: str) -> dict[str, set[str]]:
    parts = (part.split() for part in policy.split(";"))
    return {name: set(values) for name, *values in parts}


def test_pages_keep_to_the_same_policy(template: dict[str, Any]) -> None:
    headers = template["Resources"]["Headers"]["Properties"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    here, there = directives(POLICY), directives(headers["ContentSecurityPolicy"]["ContentSecurityPolicy"])
    there["img-src"].remove("${PictureOrigins}")
    there["connect-src"].remove("${TokenOrigin}")
    assert there == here


def test_the_bucket_is_read_by_the_distribution_alone(template: dict[str, Any]) -> None:
    allowed, denied = template["Resources"]["PagesPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert allowed["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert allowed["Condition"]["StringEquals"].keys() == {"AWS:SourceArn"}
    assert (denied["Effect"], denied["Principal"]) == ("Deny", "*")
    blocked = template["Resources"]["PagesBucket"]["Properties"]["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}


def test_nothing_of_an_answer_is_kept_for_somebody_else(template: dict[str, Any]) -> None:
    cache = template["Resources"]["ApiCache"]["Properties"]["CachePolicyConfig"]
    assert (cache["MinTTL"], cache["DefaultTTL"]) == (0, 0)
    assert "Authorization" in cache["ParametersInCacheKeyAndForwardedToOrigin"]["HeadersConfig"]["Headers"]


def test_operators_ask_for_scopes_that_there_are(template: dict[str, Any]) -> None:
    assert {scope for scope in template["Parameters"]["Scope"]["Default"].split() if "/" in scope} <= set(SCOPES)


def test_pages_are_uploaded_with_their_types(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = Aws(OUTPUTS)
    monkeypatch.setattr(publishing.boto3, "client", aws.client)
    folder = studio_site().folder
    told = list(publish_pages("studio", folder))
    files = {f"studio/{file.relative_to(folder).as_posix()}" for file in folder.rglob("*") if file.is_file()}
    assert aws.objects.keys() == files
    assert told[-1].endswith(OUTPUTS["Url"])
    assert aws.objects["studio/main.js"]["ContentType"] == "text/javascript; charset=utf-8"
    config = json.loads(aws.objects["studio/config.json"]["Body"])
    assert config["sign_in"]["kind"] == "pkce"
    assert config["pictures"] == ["https://cdn.shop.example"]
    assert set(OUTPUTS) <= {*aws.outputs}


def test_another_stack_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing.boto3, "client", Aws({"ApiUrl": "https://api"}).client)
    assert stack_output("shop", "ApiUrl") == "https://api"
    with pytest.raises(StudioError, match="no output Bucket, AuthorizeUrl"):
        list(publish_pages("shop", studio_site().folder))
    with pytest.raises(StudioError, match="no stack gone"):
        stack_output("gone", "ApiUrl")


def test_the_template_gives_what_an_upload_needs(template: dict[str, Any]) -> None:
    assert set(OUTPUTS) == template["Outputs"].keys()
