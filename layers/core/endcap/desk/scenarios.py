"""Scenarios read, published, taken back, and what they said before."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Final

from endcap.api.scenarios import read_scenarios
from endcap.desk.changes import Change, change
from endcap.errors import EndcapError, NotFoundError
from endcap.leniency import with_warnings
from endcap.operator.scenarios import names, remarks, scenario, with_scenario, without_scenario
from endcap.runtime import Runtime
from endcap.serving.materials import current_snapshot

MAX_VERSIONS: Final = 50
"""Of the document, looked through for those in which one scenario changed."""

Document = Mapping[str, Any]


def all_scenarios(runtime: Runtime) -> dict[str, Any]:
    """Every scenario."""
    known = _known(runtime)
    return {"scenarios": [scenario(known, name) for name in names(known)]}


def one_scenario(runtime: Runtime, name: str) -> dict[str, Any]:
    """A scenario.

    Raises
    ------
    NotFoundError : there is none of this name
    """
    return scenario(_known(runtime), name)


def put_scenario(runtime: Runtime, who: str, name: str, document: object, if_match: str | None) -> dict[str, Any]:
    """Publish a scenario.

    Raises
    ------
    InvalidRequestError : the document can't be one
    PreconditionError : the scenario is not what the caller has seen
    """

    def changed(known: Mapping[str, Document]) -> Change[Mapping[str, Document]]:
        after = with_scenario(known, name, document, if_match, int(time.time() * 1000))
        return Change(after, "put_scenario", name, known.get(name), after[name])

    found = scenario(change(runtime, runtime.scenarios_document, who, _read, changed), name)
    return with_warnings(found, _remarks(runtime, found["document"]))


def delete_scenario(runtime: Runtime, who: str, name: str, if_match: str | None) -> None:
    """Take a scenario back.

    Raises
    ------
    NotFoundError : there is no document of this name
    PreconditionError : the scenario is not what the caller has seen
    """

    def changed(known: Mapping[str, Document]) -> Change[Mapping[str, Document]]:
        return Change(without_scenario(known, name, if_match), "delete_scenario", name, known.get(name), None)

    change(runtime, runtime.scenarios_document, who, _read, changed)


def history(runtime: Runtime, name: str) -> dict[str, Any]:
    """What a scenario has said, the latest first: the versions of the document in which it was another than before.

    Raises
    ------
    NotFoundError : nothing is known of this name
    """
    versions = list(runtime.scenarios_document.versions())[:MAX_VERSIONS]
    states: list[tuple[str, int, Document | None]] = []
    for version in reversed(versions):
        said = None if version.deleted else _said(runtime.scenarios_document.version(version.version_id), name)
        if not states or states[-1][2] != said:
            states.append((version.version_id, version.at_ms, said))
    if all(said is None for _, _, said in states):
        scenario(_known(runtime), name)  # or there is none of this name
        states = states[-1:]
    whose = _whose(runtime, name)
    return {
        "name": name,
        "versions": [
            {"version_id": version_id, "at": at_ms, "current": number == 0}
            | ({} if said is None else {"document": said})
            | _who(whose, at_ms)
            for number, (version_id, at_ms, said) in enumerate(reversed(states))
        ],
    }


def _whose(runtime: Runtime, name: str) -> list[tuple[int, str]]:
    """When a scenario was changed and by whom, as far as the latest audit records tell."""
    records, _ = runtime.audit.page(None, MAX_VERSIONS)
    return [(int(r["at"]), str(r["who"])) for r in records if r.get("target") == name and "scenario" in str(r["what"])]


def _who(whose: list[tuple[int, str]], at_ms: int) -> dict[str, str]:
    """By the record that was written just before; S3 dates to the second."""
    near = [(abs(at_ms - at), who) for at, who in whose if at - 2_000 <= at_ms + 1_000 and at_ms - at < 10_000]
    return {"who": min(near)[1]} if near else {}


def _known(runtime: Runtime) -> Mapping[str, Document]:
    return _read(runtime.scenarios_document.found()[0])


def _read(data: bytes) -> Mapping[str, Document]:
    return read_scenarios(data) if data else {}


def _said(data: bytes, name: str) -> Document | None:
    """What a version of the document says of a scenario; nothing where it can't be read."""
    try:
        said = json.loads(data).get(name)
    except (ValueError, AttributeError):
        return None
    return said if isinstance(said, dict) else None


def _remarks(runtime: Runtime, document: Document) -> list[Any]:
    try:
        snapshot = current_snapshot(runtime)
        return list(remarks(document, runtime.live_catalogue.over(snapshot).index, int(time.time() * 1000)))
    except NotFoundError:
        raise
    except EndcapError:  # a shop without a snapshot may have scenarios
        return []
