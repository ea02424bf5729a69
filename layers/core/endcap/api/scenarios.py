"""Scenarios: named defaults of requests, which a merchandiser changes without a deploy.

They are one JSON object in the data bucket, `config/scenarios.json`: name -> what a request of that name says unless it
says otherwise, in the words of POST /recommendations, and `weights` for the terms of the score.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from endcap.api.conversion import request_of
from endcap.api.schemas import NOT_OF_A_SCENARIO, HiddenInput, ScenarioInput
from endcap.errors import DependencyError, FieldError, InvalidInputError, InvalidRequestError
from endcap.live.document import Configured, Document
from endcap.live.waiting import Waiting
from endcap.ranking.terms.inputs import ANCHORED
from endcap.recommend.request import check
from endcap.validation import json_value, parsed

KEY: Final = "config/scenarios.json"
POLL_S: Final = 2.0
PAUSE_S: Final = POLL_S
MAX_SCENARIOS: Final = 200
BUILT_IN: Final[Mapping[str, Mapping[str, Any]]] = {"buy_again": {"relation": "buy_again"}}
"""Scenarios that every shop has; one of the same name in the file takes their place."""

EVERYWHERE: Final = "*"
"""The scenario that no request names and every list keeps to."""
_OF_EVERYWHERE: Final = frozenset({"hidden"})
"""All that it may say: what one list alone could stumble over must not be part of every list."""

Defaults = Mapping[str, Any]


class Scenarios:
    """The scenarios as they are now: looked for at most every two seconds, the last good ones kept."""

    def __init__(
        self, document: Document, clock: Callable[[], float] = time.monotonic, waiting: Waiting | None = None
    ) -> None:
        self._configured = Configured[Mapping[str, Defaults]](
            document, "scenarios", read_scenarios, {}, POLL_S, clock, waiting
        )
        self._clock, self._asked_s = clock, float("-inf")
        self._hidden: tuple[Mapping[str, Defaults], Sequence[HiddenInput]] = ({}, ())

    def everywhere(self) -> Sequence[HiddenInput]:
        """What is kept out of every list.

        Raises
        ------
        DependencyError : no usable scenarios were ever read
        """
        # Where requests come close to each other none has to wait; after a pause the first one does.
        now_s, before_s = self._clock(), self._asked_s
        self._asked_s = now_s
        known = self._configured.latest() if now_s - before_s < PAUSE_S else self._configured.current()
        if known is None:
            raise DependencyError("scenarios can't be read")
        if known is not self._hidden[0]:
            self._hidden = known, hidden_everywhere(known.get(EVERYWHERE, {}))
        return self._hidden[1]

    def named(self, name: str) -> Defaults:
        """The defaults of a scenario.

        Raises
        ------
        InvalidRequestError : no scenario has this name
        DependencyError : no usable scenarios were ever read
        """
        if name in BUILT_IN and self._configured.current() is None:
            return BUILT_IN[name]  # what needs no file does not fail with it
        known = self._current()
        if name not in known or name == EVERYWHERE:
            raise InvalidRequestError([FieldError(field="scenario", message="no scenario of this name is configured")])
        return known[name]

    def all(self) -> Mapping[str, Defaults]:
        """What requests may name, the built-in scenarios among it.

        Raises
        ------
        DependencyError : no usable scenarios were ever read
        """
        return {name: defaults for name, defaults in self._current().items() if name != EVERYWHERE}

    def _current(self) -> Mapping[str, Defaults]:
        known = self._configured.current()
        if known is None:
            raise DependencyError("scenarios can't be read")
        return {**BUILT_IN, **known}


def hidden_everywhere(document: Defaults) -> Sequence[HiddenInput]:
    """What the document of `EVERYWHERE` keeps out of every list."""
    return [HiddenInput.model_validate(one) for one in document.get("hidden", ())]


def read_scenarios(data: bytes) -> Mapping[str, Defaults]:
    """The scenarios of a file, each checked as a request is.

    Raises
    ------
    InvalidInputError : what is wrong, under `<scenario>.<field>`; a file with one bad scenario is not used at all
    """
    document = json_value(data, "the file")
    if not isinstance(document, dict) or len(document) > MAX_SCENARIOS:
        raise InvalidInputError(f"scenarios must be an object of at most {MAX_SCENARIOS} names")
    errors = [error for name, defaults in document.items() for error in findings(name, defaults)]
    if errors:
        raise InvalidInputError(errors)
    return document


def findings(name: str, defaults: object) -> list[FieldError]:
    """What is wrong with one scenario, under `<name>.<field>`."""
    if not 1 <= len(name) <= 64:
        return [FieldError(field=name[:64], message="a scenario's name must have 1 to 64 characters")]
    if not isinstance(defaults, dict):
        return [FieldError(field=name, message="must be an object")]
    errors = [
        FieldError(field=f"{name}.{field}", message="can't be part of a scenario")
        for field in sorted(set(defaults) - _OF_EVERYWHERE if name == EVERYWHERE else NOT_OF_A_SCENARIO & set(defaults))
    ]
    try:
        given = parsed(ScenarioInput, defaults)
        # The items that a list goes with usually come with the request.
        anchored = given.model_copy(update={"items": given.items or ["-"]}) if given.relation in ANCHORED else given
        check(replace(request_of(anchored), weights=given.weights))
    except InvalidRequestError as exc:
        errors += [FieldError(field=f"{name}.{e['field']}", message=e["message"]) for e in exc.errors]
    return errors
