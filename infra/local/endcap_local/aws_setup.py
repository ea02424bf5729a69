"""What AWS and its SDK say when the setup of a machine is not enough, in words, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ADVICE: Final[Mapping[str, str]] = {
    "NoRegionError": "export AWS_DEFAULT_REGION=eu-west-1 (the stack's own), or `aws configure`",
    "NoCredentialsError": "`aws configure`, or set AWS_PROFILE",
    "PartialCredentialsError": "set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or neither",
    "ProfileNotFound": "`aws configure list-profiles` says which there are",
    "SSOTokenLoadError": "`aws sso login`",
    "TokenRetrievalError": "`aws sso login`",
    "UnauthorizedSSOTokenError": "`aws sso login`",
    "ExpiredToken": "the session is over: `aws sso login`, or export new keys",
    "ExpiredTokenException": "the session is over: `aws sso login`, or export new keys",
    "InvalidClientTokenId": "the access key is of no account, or of one that has not enabled the region",
    "ValidationError": "is it the stack_name of samconfig.toml, and the region of the deployment (AWS_DEFAULT_REGION)?",
}
"""What to do, by the code of a service's error or the name of an SDK's exception."""


def in_words(error: BaseException) -> str:
    """An error's text, with what AWS or its SDK said where Endcap's own names only the code, and with what to do."""
    told, cause = str(error), error.__cause__
    for of_aws in (error, cause):
        if of_aws is None or not type(of_aws).__module__.startswith("botocore."):  # by name: importing it takes long
            continue
        answer = getattr(of_aws, "response", None)  # which a few of the SDK's own exceptions have too, empty
        refusal: Mapping[str, str] = answer.get("Error", {}) if isinstance(answer, Mapping) else {}
        code = refusal.get("Code", type(of_aws).__name__)
        said = refusal.get("Message", "") if refusal else str(of_aws)
        parts = [told, "" if said in told else said.rstrip("."), ADVICE.get(code, "")]
        return ": ".join(filter(None, parts[:2])).rstrip(".") + (f"; {parts[2]}" if parts[2] else "")
    return told
