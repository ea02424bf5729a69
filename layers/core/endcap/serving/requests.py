"""Requests for lists, read: with what is published of scenarios, experiments and synonyms."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

from endcap.api.parse import RequestParser
from endcap.api.scenarios import EVERYWHERE, hidden_everywhere
from endcap.api.schemas import HiddenInput
from endcap.errors import DependencyError
from endcap.experiments.assignment import Experiment
from endcap.runtime import Runtime


def request_parser(
    runtime: Runtime, shopper: str | None = None, drafts: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
) -> RequestParser:
    """What reads the requests of a call, whose time begins now.

    Parameters
    ----------
    shopper : key of the profile that they are for, whatever they say
    drafts : scenarios by name, in the place of what is published
    """
    runtime.begin_request()
    now_ms, named = int(time.time() * 1000), partial(_scenario, runtime, drafts)
    return RequestParser(
        now_ms,
        runtime.settings.event_types,
        named,
        runtime.cursor_secret,
        experiments_now(runtime),
        shopper,
        lambda: runtime.synonyms.current(),
        partial(_everywhere, runtime, drafts),
        runtime.settings.understand == "on",
    )


def experiments_now(runtime: Runtime) -> tuple[Experiment, ...]:
    """None while they can't be read: an experiment is no reason to refuse an answer."""
    known = runtime.experiments.current()
    if known is None:
        runtime.waiting.lose("experiments")
    return known or ()


def _everywhere(runtime: Runtime, drafts: Mapping[str, Mapping[str, Any]]) -> Sequence[HiddenInput]:
    """What is kept out of every list; nothing while that can't be read, and the answer says so."""
    if EVERYWHERE in drafts:
        return hidden_everywhere(drafts[EVERYWHERE])
    try:
        return runtime.scenarios.everywhere()
    except DependencyError:
        runtime.waiting.lose("scenarios")
        return ()


def _scenario(runtime: Runtime, drafts: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """What a scenario says; nothing while none can be read, and the answer says so."""
    if name in drafts and name != EVERYWHERE:
        return drafts[name]
    try:
        return runtime.scenarios.named(name)
    except DependencyError:
        runtime.waiting.lose("scenarios")
        return {}
