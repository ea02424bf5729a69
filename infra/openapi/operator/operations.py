"""What each route under `/admin/` takes and gives."""

from __future__ import annotations

from typing import Final

from endcap.operator import schemas
from infra.openapi.operation import Operation, json_body
from infra.openapi.operator import catalogue, events, experiments, overview, results, scenarios, snapshots

_PAGE: Final = tuple(schemas.PageQuery.model_fields)
_TAG: Final = "operators"

OPERATOR_OPERATIONS: Final = {
    ("GET", "/admin/overview"): Operation(
        "getOverview",
        "How the shop's personalisation does right now",
        _TAG,
        "Catalogue, shoppers, rates, the snapshot, what the month has cost so far, and what needs attention.",
        answers=((200, (overview.Overview,)),),
        query=("language",),
    ),
    ("GET", "/admin/scenarios"): Operation(
        "listScenarios", "All scenarios", _TAG, answers=((200, (scenarios.ScenarioList,)),)
    ),
    ("GET", "/admin/scenarios/{name}"): Operation(
        "getScenario", "A scenario", _TAG, answers=((200, (scenarios.Scenario,)),), problems=(404,)
    ),
    ("PUT", "/admin/scenarios/{name}"): Operation(
        "putScenario",
        "Publish a scenario",
        _TAG,
        "Requests keep to it within two seconds. `*` is what every list keeps to: its `hidden` and `boost` come beside "
        "what requests and scenarios say.",
        json_body(schemas.ScenarioDocument),
        ((200, (scenarios.Scenario,)),),
        samples=("http-put-scenario",),
        conditional=True,
    ),
    ("DELETE", "/admin/scenarios/{name}"): Operation(
        "deleteScenario", "Take a scenario back", _TAG, answers=((204, ()),), problems=(404,), conditional=True
    ),
    ("GET", "/admin/scenarios/{name}/history"): Operation(
        "getScenarioHistory",
        "What a scenario has said",
        _TAG,
        "To undo a publication, put the document of an earlier version, or delete the scenario where that has none. "
        "All scenarios are versions of one document: a page looks through 50 of them, and may have none of this one.",
        answers=((200, (scenarios.ScenarioHistory,)),),
        query=tuple(schemas.HistoryQuery.model_fields),
        parameters=schemas.HistoryQuery,
        problems=(404,),
    ),
    ("POST", "/admin/filters/check"): Operation(
        "checkFilter",
        "Try a filter on the catalogue",
        _TAG,
        "How many items it holds for and some of them, or what is wrong; and which fields filters may name.",
        json_body(schemas.FilterCheck),
        ((200, (catalogue.CheckedFilter,)),),
        samples=("http-check-filter",),
    ),
    ("GET", "/admin/items"): Operation(
        "listItems",
        "The catalogue, page by page",
        _TAG,
        answers=((200, (catalogue.CatalogueItems,)),),
        query=tuple(schemas.ItemsQuery.model_fields),
        parameters=schemas.ItemsQuery,
    ),
    ("GET", "/admin/items/{item_id}/diagnosis"): Operation(
        "diagnoseItem",
        "Why an item is in a list or not",
        _TAG,
        "The list is made by the pipeline that makes it for shoppers, and the item is followed through it.",
        answers=((200, (catalogue.Diagnosis,)),),
        query=tuple(schemas.DiagnosisQuery.model_fields),
        parameters=schemas.DiagnosisQuery,
    ),
    ("GET", "/admin/experiments"): Operation(
        "listExperiments", "All experiments", _TAG, answers=((200, (experiments.ExperimentList,)),)
    ),
    ("PUT", "/admin/experiments"): Operation(
        "putExperiments",
        "Configure all experiments",
        _TAG,
        "To start one, name it; to stop it, give it an `end`. Requests keep to it within ten seconds.",
        json_body(schemas.Experiments),
        ((200, (experiments.ExperimentList,)),),
        samples=("http-put-experiments",),
        conditional=True,
    ),
    ("GET", "/admin/experiments/{name}/report"): Operation(
        "reportExperiment",
        "What an experiment has shown so far",
        _TAG,
        "Intervals of differences hold however often one looks.",
        answers=((200, (experiments.ExperimentReport,)),),
        problems=(404,),
    ),
    ("GET", "/admin/snapshots"): Operation(
        "listSnapshots", "The snapshots of the bucket", _TAG, answers=((200, (snapshots.Snapshots,)),)
    ),
    ("POST", "/admin/snapshots/rollback"): Operation(
        "rollBack",
        "Go back to an earlier snapshot",
        _TAG,
        bodies=json_body(schemas.Rollback),
        answers=((202, (snapshots.Started,)),),
        samples=("http-rollback",),
        problems=(404,),
    ),
    ("POST", "/admin/snapshots/{version}/promote"): Operation(
        "promoteSnapshot",
        "Make a snapshot the current one",
        _TAG,
        "After the checks that every promotion makes, which take a while; a snapshot that fails them does not become "
        "current, unless its gates alone fail and `force` says why it should.",
        json_body(schemas.Promotion),
        ((202, (snapshots.Started,)),),
        samples=("http-promote",),
        problems=(404,),
    ),
    ("POST", "/admin/snapshots/{version}/compare"): Operation(
        "compareSnapshot",
        "Lists of a snapshot beside those of the current one",
        _TAG,
        bodies=json_body(schemas.Comparison),
        answers=((200, (snapshots.SnapshotComparison,)),),
        samples=("http-compare",),
        problems=(404,),
    ),
    ("POST", "/admin/rebuilds"): Operation(
        "startRebuild",
        "Rebuild now",
        _TAG,
        "409 where the stack has no rebuild of its own.",
        answers=((202, (snapshots.Started,)),),
        problems=(409,),
    ),
    ("GET", "/admin/quarantine"): Operation(
        "listQuarantine",
        "What could not be used",
        _TAG,
        answers=((200, (events.Quarantined,)),),
        query=_PAGE,
        parameters=schemas.PageQuery,
    ),
    ("POST", "/admin/quarantine/replay"): Operation(
        "replayQuarantine",
        "Send what could not be used again",
        _TAG,
        "At most 200 at a time; what still can't be used comes back.",
        json_body(schemas.Replay),
        ((200, (events.Replayed,)),),
        samples=("http-replay",),
    ),
    ("GET", "/admin/events/tail"): Operation(
        "tailEvents",
        "What comes in",
        _TAG,
        answers=((200, (events.EventsTail,)),),
        query=tuple(schemas.TailQuery.model_fields),
        parameters=schemas.TailQuery,
    ),
    ("GET", "/admin/results"): Operation(
        "getResults",
        "What lists have brought",
        _TAG,
        "Lists, what was seen of them, clicks, carts, purchases and revenue, attributed by the list's id and item.",
        answers=((200, (results.Results,)),),
        query=("from", "to", "by"),
        parameters=schemas.ResultsQuery,
    ),
    ("GET", "/admin/audit"): Operation(
        "listAudit",
        "What operators have changed",
        _TAG,
        answers=((200, (events.AuditRecords,)),),
        query=_PAGE,
        parameters=schemas.PageQuery,
    ),
}
