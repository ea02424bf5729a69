"""Snapshots listed, compared, started."""

from __future__ import annotations

from typing import Any, Literal

from infra.openapi.answers import Answer, Count, Moment
from infra.openapi.list_answers import Recommendation
from infra.openapi.operator.answer import Share, example


class StoredSnapshot(Answer):
    """A snapshot of the bucket. `place` is current, or how many rollbacks lead there."""

    version: str
    state: Literal["current", "previous", "other", "incomplete"]
    rollbacks: Count | None = None
    signed: bool
    created: str | None = None
    written_at: Moment
    items: Count | None = None
    events: Count | None = None
    size_bytes: Count | None = None
    parent: str | None = None
    encoder: str | None = None
    metrics: dict[str, Any]


class Snapshots(Answer):
    """The snapshots, the newest first, and the rebuilds and promotions that have not come to their end."""

    current: str | None
    promoted_at: str | None = None
    snapshots: list[StoredSnapshot]
    running: list[Running]
    failed: FailedWork | None = None
    rebuilt: EndedWork | None = None
    refused: RefusedPromotion | None = None
    model_config = example(
        {
            "current": "20260115T033412Z-5f0c",
            "promoted_at": "2026-01-15T03:51:09+00:00",
            "snapshots": [
                {
                    "version": "20260115T033412Z-5f0c",
                    "state": "current",
                    "signed": True,
                    "created": "2026-01-15T03:34:12Z",
                    "written_at": 1768448100000,
                    "items": 3877,
                    "events": 397884,
                    "size_bytes": 98000000,
                    "encoder": "multilingual-e5-small",
                    "metrics": {
                        "ndcg@10": 0.0831,
                        "validation": {
                            "chosen": "pair",
                            "compared": [
                                {
                                    "way": "next",
                                    "ndcg_at_10": 0.061,
                                    "chosen_less_this": 0.022,
                                    "low": 0.01,
                                    "high": 0.034,
                                },
                                {"way": "pair", "ndcg_at_10": 0.083, "chosen_less_this": 0.0, "low": 0.0, "high": 0.0},
                            ],
                        },
                    },
                }
            ],
            "running": [{"what": "rebuild", "name": "studio-1768471205", "since": 1768471205000, "step": "learn"}],
            "refused": {
                "what": "promote",
                "version": "20260114T033009Z-91be",
                "at": 1768448200000,
                "error": "coverage is 0.41, and that of the current snapshot is 0.52",
            },
        }
    )


class Running(Answer):
    """Work that was asked for and has not ended."""

    what: Literal["rebuild"]
    name: str
    since: Moment
    step: Literal["export", "prepare", "learn", "promote"] | None = None


class EndedWork(Running):
    """The latest rebuild, where it came to its end: how long the next one may take."""

    ended: Moment


class FailedWork(EndedWork):
    """The latest rebuild, where it failed and no snapshot was made current since."""

    error: str


class RefusedPromotion(Answer):
    """The latest promotion or rollback, where it was refused and nothing was made current since."""

    what: Literal["promote", "rollback"]
    version: str
    at: Moment
    error: str


class ComparedShopper(Answer):
    """The lists of one shopper from both snapshots, and which share of the places hold items of both."""

    user_id: str | None = None
    current: Recommendation
    other: Recommendation
    overlap: Share


class SnapshotComparison(Answer):
    """Two snapshots on the same shoppers."""

    current: str
    other: str
    shoppers: list[ComparedShopper]
    overlap: Share
    metrics: dict[str, dict[str, Any]]


class Started(Answer):
    """Something that goes on by itself; `GET /admin/snapshots` shows what has become of it."""

    status: Literal["started"]
    what: Literal["promote", "rollback", "rebuild"]
    name: str | None = None
    version: str | None = None
    model_config = example({"status": "started", "what": "rebuild", "name": "studio-1768471205"})
