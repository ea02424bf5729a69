"""What comes in, what could not be used, what was changed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from infra.openapi.answers import Answer, Count, Finding, Moment
from infra.openapi.operator.answer import example


class Stray(Answer):
    """A record that could not be used; `payload` is what came."""

    key: str
    source: str
    arrived_at: Moment
    errors: list[Finding]
    payload: str


class Quarantined(Answer):
    """A page of what could not be used, the latest day first."""

    strays: list[Stray]
    reasons: Annotated[dict[str, int], Field(description="reason -> how many of this page")]
    cursor: str | None = None
    model_config = example(
        {
            "strays": [
                {
                    "key": "quarantine/sqs/2026/01/15/0a1b.json",
                    "source": "sqs",
                    "arrived_at": 1768471205000,
                    "errors": [{"field": "event_type", "message": "is required"}],
                    "payload": '{"user_id": "u-1001"}',
                }
            ],
            "reasons": {"event_type: is required": 1},
        }
    )


class Replayed(Answer):
    """What became of the strays: `sent` ones are on the queue and gone from quarantine."""

    found: Count
    sent: Count
    refused: Count
    model_config = example({"found": 12, "sent": 12, "refused": 0})


class SeenEvent(Answer):
    """An event as it was archived, or a stray with what was wrong."""

    at: Moment
    event: dict[str, Any]
    refused: bool
    errors: list[Finding]


class EventsTail(Answer):
    """What has come in, the latest last: on AWS up to `delay_s` seconds after it came, on a local stack at once (0)."""

    events: list[SeenEvent]
    cursor: str
    delay_s: Count
    model_config = example(
        {
            "events": [
                {
                    "at": 1768471205000,
                    "event": {"user_id": "u-1001", "event_type": "view", "item_id": "item-20"},
                    "refused": False,
                    "errors": [],
                }
            ],
            "cursor": "ZXZlbnRzLzIwMjY",
            "delay_s": 60,
        }
    )


class Done(Answer):
    """One thing of a change."""

    what: Literal["start_experiment", "stop_experiment", "create_experiment", "change_experiment", "delete_experiment"]
    target: str


class AuditRecord(Answer):
    """A change that an operator has made: `what` on which `target`, and how that was before and after.

    Experiments are written all at once: `done` says which of them was changed, and how.
    """

    at: Moment
    who: str
    what: str
    target: str
    before: Any
    after: Any
    done: list[Done] | None = None


class AuditRecords(Answer):
    """A page of what operators have changed, the latest first."""

    records: list[AuditRecord]
    cursor: str | None = None
    model_config = example(
        {
            "records": [
                {
                    "at": 1768471205000,
                    "who": "jwt:anna",
                    "what": "put_scenario",
                    "target": "home",
                    "before": {"diversity": 0.1},
                    "after": {"diversity": 0.2},
                }
            ]
        }
    )
