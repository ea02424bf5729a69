"""What operators are answered, as models with an example each: for the schema only, no function imports them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from endcap.operator.schemas import ScenarioDocument
from infra.openapi.answers import Answer, Count, Finding, Moment, Problem, Reason, Recommendation, Warned
from infra.openapi.answers import _absent_rather_than_null as absent_rather_than_null

Name = str
Etag = Annotated[str, Field(description="as the `ETag` header has it; goes back as `If-Match`")]
Share = Annotated[float, Field(ge=0, le=1)]


def example(value: dict[str, Any]) -> ConfigDict:
    """The configuration of an answer that looks like this."""

    def extra(schema: dict[str, Any]) -> None:
        absent_rather_than_null(schema)
        schema["examples"] = [value]

    told: Callable[[dict[str, Any]], None] = extra
    return ConfigDict(extra="forbid", json_schema_extra=told)


class Operator(Answer):
    """Who looks, and what the scopes let them do."""

    who: str
    scopes: list[Literal["endcap/server", "endcap/look", "endcap/steer", "endcap/erase"]]


class Rates(Answer):
    """Per minute, over the last `minutes`; null where nothing has told yet."""

    minutes: Count
    events: float | None
    lists: float | None
    refused: float | None
    degraded: float | None


class SnapshotState(Answer):
    """The current snapshot; `quality` are measures of its rebuild, such as ndcg@10."""

    version: str
    items: Count
    catalogue_as_of: Count
    age_days: Annotated[float, Field(ge=0)]
    promoted_at: str | None = None
    quality: dict[str, float]


class Cost(Answer):
    """US dollars since the month began, at the prices of `prices_as_of`: worked out, not billed."""

    usd: Annotated[float, Field(ge=0)]
    month: str
    days: Annotated[float, Field(ge=0)]
    prices_as_of: str
    by_service: dict[str, float]
    assumed: list[str]


class Attention(Answer):
    """Something that somebody should look at; `page` is where."""

    kind: Literal[
        "snapshot_missing",
        "snapshot_old",
        "snapshot_unsigned",
        "rebuild_failed",
        "scenarios_unusable",
        "experiments_unusable",
        "quarantine",
        "degraded",
        "refused",
        "ending_soon",
    ]
    severity: Literal["error", "warning", "info"]
    text: str
    count: Count | None = None
    page: Literal["snapshots", "scenarios", "experiments", "events", "today"]


class Overview(Answer):
    """What stands on the first page."""

    at: Moment
    operator: Operator
    items: Count
    shoppers: Annotated[int, Field(ge=0, description="approximate on AWS, which counts them every six hours")]
    rates: Rates
    snapshot: SnapshotState | None
    cost: Cost
    attention: list[Attention]
    rebuild: Annotated[Literal["available", "not_configured"], Field(description="whether POST /admin/rebuilds works")]

    model_config = example(
        {
            "at": 1768471205000,
            "operator": {"who": "jwt:anna", "scopes": ["endcap/look", "endcap/steer"]},
            "items": 3877,
            "shoppers": 4320,
            "rates": {"minutes": 15, "events": 42.4, "lists": 11.2, "refused": 0.1, "degraded": 0.0},
            "snapshot": {
                "version": "20260115T033412Z-5f0c",
                "items": 3877,
                "catalogue_as_of": 1768447100000,
                "age_days": 0.28,
                "promoted_at": "2026-01-15T03:51:09+00:00",
                "quality": {"ndcg@10": 0.0831, "recall@10": 0.121},
            },
            "cost": {
                "usd": 3.42,
                "month": "2026-01",
                "days": 14.4,
                "prices_as_of": "2026-11-22",
                "by_service": {"Lambda": 1.1, "DynamoDB": 0.42, "KMS": 0.46, "CloudWatch": 1.44},
                "assumed": ["events and lists of the month so far follow the rates of the last minutes"],
            },
            "attention": [
                {
                    "kind": "quarantine",
                    "severity": "warning",
                    "text": "12 events of the last day could not be used",
                    "count": 12,
                    "page": "events",
                }
            ],
            "rebuild": "available",
        }
    )


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


class FieldValue(Answer):
    """A value of a field, and how many items have it."""

    value: str | float | bool
    count: Count


class FilterField(Answer):
    """A field that filters may name: its most frequent values, or its range."""

    name: str
    kind: Literal["text", "number", "boolean", "list", "time"]
    values: list[FieldValue]
    distinct: Count
    least: float | None = None
    most: float | None = None


class SampleItem(Answer):
    """An item, as a page shows it."""

    item_id: str
    title: str
    available: bool
    price: float | None = None
    currency: str | None = None
    image_url: str | None = None
    brand: str | None = None
    categories: list[str] | None = None


class CheckedFilter(Answer):
    """Whether an expression can be used, and on how many of the catalogue's items it holds."""

    valid: bool
    errors: list[Finding]
    count: Count | None
    of: Count
    sample: list[SampleItem]
    fields: list[FilterField]
    model_config = example(
        {
            "valid": True,
            "errors": [],
            "count": 214,
            "of": 3877,
            "sample": [
                {"item_id": "item-20", "title": "Steel lamp", "available": True, "price": 24.5},
                {"item_id": "item-12", "title": "Brass lamp", "available": True, "price": 31.0},
            ],
            "fields": [
                {"name": "brand", "kind": "text", "values": [{"value": "Acme", "count": 31}], "distinct": 12},
                {"name": "price", "kind": "number", "values": [], "distinct": 99, "least": 0.5, "most": 295.0},
            ],
        }
    )


class WindowCounts(Answer):
    """What happened to an item in a window of time, approximately; numbers of events by type."""

    shown: float
    events: dict[str, float]


class CatalogueItem(SampleItem):
    """An item with what happened to it lately, by window (`1h`, `24h`, `7d`)."""

    group_id: str | None = None
    url: str | None = None
    expires_at: Moment | None = None
    counts: dict[str, WindowCounts]
    hidden_until: Annotated[Moment | None, Field(description="where `*` hides it; 0 for without an end")] = None


class CatalogueItems(Answer):
    """A page of the catalogue, by item id; `total` is of all pages."""

    items: list[CatalogueItem]
    total: Count
    cursor: str | None = None
    model_config = example(
        {
            "items": [
                {
                    "item_id": "item-20",
                    "title": "Steel lamp",
                    "available": True,
                    "price": 24.5,
                    "counts": {"24h": {"shown": 120.0, "events": {"view": 14.0, "purchase": 2.0}}},
                }
            ],
            "total": 3877,
            "cursor": "aXRlbS0yMA",
        }
    )


class WhyNot(Answer):
    """One thing that keeps an item out of a list, or further down than it would stand; the first one is decisive.

    `score` and `needed` say how far it is from the last place of the list.
    """

    reason: Literal[
        "unknown_item",
        "not_available",
        "expired",
        "hidden",
        "excluded",
        "filter",
        "named",
        "seen",
        "variant_shown",
        "not_due",
        "not_candidate",
        "cap",
        "score",
        "variety",
        "displaced",
    ]
    text: str
    field: Annotated[str | None, Field(description="what to change in the scenario, where that would help")] = None
    by: Annotated[str | None, Field(description="the item, filter or scenario that keeps it out")] = None
    until: Moment | None = None
    score: float | None = None
    needed: float | None = None


class Diagnosis(Answer):
    """Where an item stands in a list of `limit`, and why; `rank` is its place in the full order, null for none."""

    item_id: str
    title: str | None
    shown: bool
    rank: Annotated[int | None, Field(ge=1)]
    limit: Count
    findings: list[WhyNot]
    score: float | None
    reasons: list[Reason]
    snapshot_version: str
    scenario: str | None = None
    user_id: str | None = None
    model_config = example(
        {
            "item_id": "item-20",
            "title": "Steel lamp",
            "shown": False,
            "rank": None,
            "limit": 10,
            "findings": [
                {
                    "reason": "filter",
                    "text": "Missing because the list's filter does not hold for it: price < 20",
                    "field": "filter",
                    "by": "price < 20",
                }
            ],
            "score": 0.412,
            "reasons": [],
            "snapshot_version": "20260115T033412Z-5f0c",
            "scenario": "home",
            "user_id": "u-1001",
        }
    )


class VariantPlan(Answer):
    """A variant as it is configured."""

    name: str
    share: Share
    weights: dict[str, float] | None = None
    scenario: str | None = None
    snapshot: str | None = None


class ExperimentPlan(Answer):
    """An experiment as it is configured, and whether it runs now."""

    name: str
    state: Literal["planned", "running", "over"]
    salt: str | None = None
    variants: list[VariantPlan]
    surfaces: list[str] | None = None
    scenario: str | None = None
    start: Moment | None = None
    end: Moment | None = None


class ExperimentList(Answer):
    """All experiments, in the order in which shoppers are assigned to them."""

    etag: Etag
    experiments: list[ExperimentPlan]
    model_config = example(
        {
            "etag": '"51b0"',
            "experiments": [
                {
                    "name": "variety",
                    "state": "running",
                    "variants": [
                        {"name": "control", "share": 0.5},
                        {"name": "varied", "share": 0.5, "scenario": "varied-home"},
                    ],
                    "start": 1768300000000,
                }
            ],
        }
    )


class Interval(Answer):
    """A value and where it lies with the confidence of the answer."""

    value: float
    low: float
    high: float


class VariantReport(Answer):
    """What came of a variant's lists; null where that is about fewer than five shoppers."""

    name: str
    share: Share | None = None
    shoppers: Count | None
    lists: Count | None
    ctr: Interval | None
    conversion: Interval | None
    revenue: float | None
    revenue_per_shopper: Interval | None


class VariantDifference(Answer):
    """A variant against the control by one measure; the interval holds at every look."""

    metric: Literal["ctr", "conversion", "revenue"]
    variant: str
    difference: float
    low: float | None
    high: float | None
    p_value: float | None


class SampleRatio(Answer):
    """Whether shoppers came in the configured shares; on a mismatch nothing else can be believed."""

    p_value: Share
    mismatch: bool


class DayOfVariant(Answer):
    """A variant's days, for a chart over time."""

    day: str
    variant: str
    lists: Count
    ctr: Interval | None
    conversion: Interval | None


class ExperimentReport(Answer):
    """An experiment so far."""

    experiment: str
    control: str
    from_ms: Moment | None
    to_ms: Moment | None
    as_of: Moment
    confidence: Share
    variants: list[VariantReport]
    sample_ratio: SampleRatio | None
    differences: list[VariantDifference]
    over_time: list[DayOfVariant]
    model_config = example(
        {
            "experiment": "variety",
            "control": "control",
            "from_ms": 1768300000000,
            "to_ms": 1768471200000,
            "as_of": 1768471205000,
            "confidence": 0.95,
            "variants": [
                {
                    "name": "control",
                    "share": 0.5,
                    "shoppers": 812,
                    "lists": 2410,
                    "ctr": {"value": 0.111, "low": 0.098, "high": 0.125},
                    "conversion": {"value": 0.031, "low": 0.021, "high": 0.045},
                    "revenue": 1204.5,
                    "revenue_per_shopper": {"value": 1.483, "low": 0.9, "high": 2.07},
                }
            ],
            "sample_ratio": {"p_value": 0.71, "mismatch": False},
            "differences": [
                {
                    "metric": "ctr",
                    "variant": "varied",
                    "difference": 0.012,
                    "low": -0.004,
                    "high": 0.028,
                    "p_value": 0.31,
                }
            ],
            "over_time": [
                {
                    "day": "2026-01-15",
                    "variant": "control",
                    "lists": 310,
                    "ctr": {"value": 0.12, "low": 0.09, "high": 0.16},
                    "conversion": None,
                }
            ],
        }
    )


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
            "running": [{"what": "rebuild", "name": "studio-1768471205", "since": 1768471205000}],
        }
    )


class Running(Answer):
    """Work that was asked for and has not ended."""

    what: Literal["rebuild"]
    name: str
    since: Moment


class FailedWork(Running):
    """The latest rebuild, where it failed and no snapshot was made current since."""

    ended: Moment
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
    """What has come in, the latest last; on AWS about a minute after it came, as events are archived by the minute."""

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


class ResultRow(Answer):
    """What came of the lists that share these values of the dimensions asked for.

    `clicks`, `carts` and `purchases` count events that name their list and an item of it; `revenue` is what was paid
    less what was sent back.
    """

    scenario: str | None = None
    surface: str | None = None
    variant: str | None = None
    day: str | None = None
    lists: Count
    visible: Annotated[int, Field(ge=0, description="lists of which an item was seen, by impressions that name them")]
    impressions: Count
    clicks: Count
    carts: Count
    purchases: Count
    returns: Count
    revenue: float
    ctr: Interval | None
    conversion: Interval | None


class Results(Answer):
    """Results by the dimensions asked for, by revenue; an event counts within `window_days` after its list."""

    rows: list[ResultRow]
    total: ResultRow
    by: list[str]
    from_day: str | None
    to_day: str | None
    as_of: Annotated[Moment | None, Field(description="up to when records were counted")]
    behind: Annotated[int, Field(ge=0, description="files of records that are still to be counted")]
    window_days: Count
    confidence: Share
    model_config = example(
        {
            "rows": [
                {
                    "scenario": "home",
                    "surface": "start-page",
                    "variant": "",
                    "lists": 2410,
                    "visible": 2101,
                    "impressions": 18230,
                    "clicks": 268,
                    "carts": 61,
                    "purchases": 40,
                    "returns": 3,
                    "revenue": 1204.5,
                    "ctr": {"value": 0.111, "low": 0.099, "high": 0.124},
                    "conversion": {"value": 0.0166, "low": 0.0122, "high": 0.0225},
                }
            ],
            "total": {
                "lists": 2410,
                "visible": 2101,
                "impressions": 18230,
                "clicks": 268,
                "carts": 61,
                "purchases": 40,
                "returns": 3,
                "revenue": 1204.5,
                "ctr": {"value": 0.111, "low": 0.099, "high": 0.124},
                "conversion": {"value": 0.0166, "low": 0.0122, "high": 0.0225},
            },
            "by": ["scenario", "surface", "variant"],
            "from_day": "2026-01-09",
            "to_day": "2026-01-15",
            "as_of": 1768471205000,
            "behind": 0,
            "window_days": 7,
            "confidence": 0.95,
        }
    )


class AuditRecord(Answer):
    """A change that an operator has made: `what` on which `target`, and how that was before and after."""

    at: Moment
    who: str
    what: str
    target: str
    before: Any
    after: Any


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


class OperatorProblem(Problem):
    """A problem; `etag` is what the thing has now, where a condition did not hold."""

    etag: str | None = None
