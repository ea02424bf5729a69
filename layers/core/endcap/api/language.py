"""Which language an answer is to be in."""

from __future__ import annotations

import math
from typing import Final

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from endcap.errors import FieldError, InvalidRequestError
from endcap.messages.language import LANGUAGES, Language

MAX_LANGUAGES: Final = 20
"""Languages of an Accept-Language header that are looked at."""


def language_asked(event: APIGatewayProxyEventV2) -> Language | None:
    """The language that the `language` parameter names, else the first of ours that Accept-Language does.

    Raises
    ------
    InvalidRequestError : the parameter names no language of ours
    """
    named = (event.query_string_parameters or {}).get("language")
    if named is not None:
        for language in LANGUAGES:
            if named == language:
                return language
        raise InvalidRequestError([FieldError(field="language", message=f"must be one of {', '.join(LANGUAGES)}")])
    accepted = (event.headers or {}).get("accept-language") or ""
    return next((ours for tag in _by_preference(accepted) for ours in LANGUAGES if tag.split("-")[0] == ours), None)


def _by_preference(accepted: str) -> list[str]:
    """The languages of an Accept-Language header, the most wanted first; refused ones are left out."""
    found = []
    for place, part in enumerate(accepted.lower().split(",")[:MAX_LANGUAGES]):
        tag, _, parameter = part.partition(";")
        _, _, number = parameter.partition("=")
        try:
            quality = float(number) if number.strip() else 1.0
        except ValueError:
            quality = 0.0
        if math.isfinite(quality) and quality > 0:
            found.append((-quality, place, tag.strip()))
    return [tag for _, _, tag in sorted(found)]
