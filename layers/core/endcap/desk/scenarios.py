"""Scenarios read, published, taken back, and what they said before."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from endcap.api.scenarios import hidden_everywhere, read_scenarios
from endcap.aws.documents import DocumentVersion
from endcap.desk.changes import Change, change
from endcap.desk.cursors import closed, no_cursor, opened
from endcap.errors import EndcapError, NotFoundError
from endcap.leniency import with_warnings
from endcap.operator.scenarios import names, remarks, scenario, with_scenario, without_scenario
from endcap.operator.schemas import HistoryQuery
from endcap.runtime import Runtime
from endcap.serving.materials import current_snapshot

MAX_VERSIONS: Final = 50
"""Of the document, looked through for those in which one scenario changed."""

_LISTED, _NONE_YET = "+", "-"
"""In a cursor: whether a page before has told the state that counts now."""
_RECORD_MS: Final = 10_000
"""A record is written at most this long before its version."""
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
    return with_warnings(found, remarks_of(runtime, found["document"]))


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


def history(runtime: Runtime, name: str, given: HistoryQuery) -> dict[str, Any]:
    """What a scenario has said, the latest first: the versions of the document in which it was another than before.

    A page looks through `MAX_VERSIONS` of the document, of which any number may be about other scenarios.

    Raises
    ------
    NotFoundError : nothing is known of this name
    InvalidRequestError : the cursor is none of ours
    """
    document = runtime.scenarios_document
    kept = list(document.versions())
    begun, first = _from(kept, opened(given.cursor))
    looked, older = kept[first : first + MAX_VERSIONS], kept[first + MAX_VERSIONS :]

    def said(version: DocumentVersion) -> Document | None:
        return None if version.deleted else _said(document.version(version.version_id), name)

    states: list[tuple[DocumentVersion, Document | None]] = []
    before = said(older[0]) if older else None
    for version in reversed(looked):
        now = said(version)
        if now != before or not (states or older):
            states.append((version, now))
        before = now
    if first == 0 and not older and all(saying is None for _, saying in states):
        scenario(_known(runtime), name)  # or there is none of this name
        states = states[-1:]
    whose = _whose(runtime, name, min((version.at_ms for version, _ in states), default=None))
    found: dict[str, Any] = {
        "name": name,
        "versions": [
            {"version_id": version.version_id, "at": version.at_ms, "current": number == 0 and not begun}
            | ({} if saying is None else {"document": saying})
            | _who(whose, version.at_ms)
            for number, (version, saying) in enumerate(reversed(states))
        ],
    }
    return found | ({"cursor": closed(_cursor(looked[-1], begun or bool(states)))} if older else {})


def _cursor(last: DocumentVersion, begun: bool) -> str:
    return (_LISTED if begun else _NONE_YET) + last.version_id


def _from(kept: Sequence[DocumentVersion], cursor: str | None) -> tuple[bool, int]:
    """Whether a page before has told a state, and where in what is kept the next page begins.

    That is its end where the version that the page before ended with is not kept any more.
    """
    if cursor is None:
        return False, 0
    if cursor[:1] not in (_LISTED, _NONE_YET):
        raise no_cursor()
    ids = [version.version_id for version in kept]
    return cursor[0] == _LISTED, ids.index(cursor[1:]) + 1 if cursor[1:] in ids else len(kept)


def _whose(runtime: Runtime, name: str, since_ms: int | None) -> list[tuple[int, str]]:
    """When a scenario was changed and by whom, by the audit records since a moment; none where that is None."""
    found: list[tuple[int, str]] = []
    after, older = None, since_ms is None
    while not older:
        records, after = runtime.audit.page(after, MAX_VERSIONS)
        found += [
            (int(r["at"]), str(r["who"])) for r in records if r.get("target") == name and "scenario" in str(r["what"])
        ]
        older = after is None or int(records[-1]["at"]) < (since_ms or 0) - _RECORD_MS
    return found


def _who(whose: list[tuple[int, str]], at_ms: int) -> dict[str, str]:
    """By the record that was written just before; S3 dates to the second."""
    near = [(abs(at_ms - at), who) for at, who in whose if at - 2_000 <= at_ms + 1_000 and at_ms - at < _RECORD_MS]
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


def remarks_of(runtime: Runtime, document: Document, everywhere: Document | None = None) -> list[Any]:
    """What of a scenario does not fit the catalogue as it is.

    Parameters
    ----------
    everywhere : what every list is to keep to; None for what it keeps to
    """
    try:
        snapshot = current_snapshot(runtime)
        hidden = hidden_everywhere(everywhere) if everywhere is not None else runtime.scenarios.everywhere()
        return list(remarks(document, runtime.live_catalogue.over(snapshot).index, int(time.time() * 1000), hidden))
    except NotFoundError:
        raise
    except EndcapError:  # a shop without a snapshot may have scenarios
        return []
