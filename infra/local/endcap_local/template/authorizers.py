"""Who may call which route, as the OpenAPI body of an HTTP API says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

JWT, IAM = "jwt", "iam"


@dataclass(frozen=True)
class Authorizer:
    """One way to be let in.

    Attributes
    ----------
    kind : `JWT`, `IAM`, or whatever else the template names, which only AWS can check
    issuer, audience : of JWT; empty where the template's parameters are
    identity_source : of JWT; where a request carries its token
    """

    name: str
    kind: str
    issuer: str = ""
    audience: tuple[str, ...] = ()
    identity_source: str = "$request.header.Authorization"


def authorizers_of(body: Mapping[str, Any]) -> dict[str, Authorizer]:
    """The authorizers that a resolved OpenAPI body declares, by name."""
    schemes = (body.get("components") or {}).get("securitySchemes") or {}
    return {name: _authorizer(name, scheme) for name, scheme in schemes.items()}


def guard_of(
    operation: Mapping[str, Any], authorizers: Mapping[str, Authorizer]
) -> tuple[Authorizer | None, tuple[str, ...]]:
    """The authorizer of a route and the scopes of which a token needs one; (None, ()) for an open route."""
    named = {name: scopes for entry in operation.get("security") or () for name, scopes in entry.items()}
    if not named:
        return None, ()
    if len(named) > 1:  # a route of an HTTP API has one
        return Authorizer(" and ".join(named), "several"), ()
    ((name, scopes),) = named.items()
    return authorizers.get(name, Authorizer(name, "undeclared")), tuple(scopes)


def _authorizer(name: str, scheme: Mapping[str, Any]) -> Authorizer:
    if scheme.get("x-amazon-apigateway-authtype") == "awsSigv4":
        return Authorizer(name, IAM)
    declared = scheme.get("x-amazon-apigateway-authorizer") or {}
    if declared.get("type") != "jwt":
        return Authorizer(name, str(declared.get("type", "unknown")))
    settings = declared.get("jwtConfiguration") or {}
    return Authorizer(
        name,
        JWT,
        str(settings.get("issuer") or ""),
        tuple(str(entry) for entry in settings.get("audience") or () if entry),
        str(declared.get("identitySource", Authorizer.identity_source)),
    )
