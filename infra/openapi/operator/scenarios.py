"""Scenarios and their history."""

from __future__ import annotations

from typing import Literal

from endcap.operator.schemas import ScenarioDocument
from infra.openapi.answers import Answer, Moment, Warned
from infra.openapi.operator.answer import Etag, Name, example


class ScenarioSummary(Answer):
    """A scenario; `built_in` ones are there without a document. `ending` says what ends by itself, soonest first."""

    name: Name
    etag: Etag
    built_in: bool
    document: ScenarioDocument
    ending: list[Ending]


class Ending(Answer):
    """Something of a scenario that counts until a moment."""

    what: Literal["pinned", "boost", "promotions", "hidden"]
    item_id: str | None = None
    name: str | None = None
    until: Moment


_SCENARIO = {
    "name": "home",
    "etag": '"8c1f0a27d3e94b66"',
    "built_in": False,
    "document": {"diversity": 0.2, "pinned": [{"item_id": "item-12", "position": 1, "until": 1768600800000}]},
    "ending": [{"what": "pinned", "item_id": "item-12", "until": 1768600800000}],
}


class ScenarioList(Answer):
    """All scenarios by name; `*` is what every list keeps to."""

    scenarios: list[ScenarioSummary]
    model_config = example({"scenarios": [_SCENARIO]})


class Scenario(ScenarioSummary):
    """A scenario, and what was odd about its document."""

    warnings: list[Warned] | None = None
    model_config = example(_SCENARIO)


class ScenarioVersion(Answer):
    """What a scenario said since a moment; no document where there was none. `who` where an audit record tells."""

    version_id: str
    at: Moment
    current: bool
    document: ScenarioDocument | None = None
    who: str | None = None


class ScenarioHistory(Answer):
    """What a scenario has said, the latest first, as far back as the bucket keeps versions (30 days)."""

    name: Name
    versions: list[ScenarioVersion]
    cursor: str | None = None
    model_config = example(
        {
            "name": "home",
            "versions": [
                {
                    "version_id": "3HL4kqtJlcpXrof3vjVBH40Nrjfkd",
                    "at": 1768471205000,
                    "current": True,
                    "document": {"diversity": 0.2},
                    "who": "jwt:anna",
                },
                {"version_id": "Qx1vjVBH40N", "at": 1768384805000, "current": False},
            ],
        }
    )
