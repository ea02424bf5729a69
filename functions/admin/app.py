"""What those who run the shop look at and steer.

Trigger: the routes under /admin/ of the HTTP API.
Guarantee: whatever is changed leaves an audit record, and nothing is changed that is not as the caller has seen it.
Retry: reads are safe; a change that is sent again is refused, as what it was to change is another by then. Promotions,
rebuilds and replays are started again.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.api.http import http_app, json_answer, json_body, path_id, resolve
from endcap.api.language import language_asked
from endcap.api.roles import LOOK, Caller
from endcap.desk import catalogue, events, experiments, overview, results, scenarios, snapshots
from endcap.desk.changes import who
from endcap.messages.language import DEFAULT_LANGUAGE
from endcap.observability import logger, metrics, tracer
from endcap.operator import schemas
from endcap.runtime import Runtime
from endcap.validation import Model, parsed

PATIENCE_S = 8.0
"""How long an operator waits for what a shopper would do without."""

app = http_app()
runtime = Runtime(patient=True, recording=False)


@app.get("/admin/overview")
def get_overview() -> Response[str]:
    return json_answer(overview.overview(runtime, _caller(), language_asked(app.current_event) or DEFAULT_LANGUAGE))


@app.get("/admin/scenarios")
def get_scenarios() -> Response[str]:
    return json_answer(scenarios.all_scenarios(runtime))


@app.get("/admin/scenarios/<name>")
def get_scenario(name: str) -> Response[str]:
    return _tagged(scenarios.one_scenario(runtime, path_id(name)))


@app.put("/admin/scenarios/<name>")
def put_scenario(name: str) -> Response[str]:
    body = json_body(app.current_event)
    return _tagged(scenarios.put_scenario(runtime, _who(), path_id(name), body, _if_match()))


@app.delete("/admin/scenarios/<name>")
def delete_scenario(name: str) -> Response[str]:
    scenarios.delete_scenario(runtime, _who(), path_id(name), _if_match())
    return Response(status_code=HTTPStatus.NO_CONTENT.value)


@app.get("/admin/scenarios/<name>/history")
def get_history(name: str) -> Response[str]:
    return json_answer(scenarios.history(runtime, path_id(name), _query(schemas.HistoryQuery)))


@app.post("/admin/filters/check")
def check_filter() -> Response[str]:
    return json_answer(catalogue.checked_filter(runtime, _body(schemas.FilterCheck)))


@app.get("/admin/items")
def get_items() -> Response[str]:
    return json_answer(catalogue.items(runtime, _query(schemas.ItemsQuery)))


@app.get("/admin/items/<item_id>/diagnosis")
def get_diagnosis(item_id: str) -> Response[str]:
    return json_answer(catalogue.diagnosis(runtime, path_id(item_id), _query(schemas.DiagnosisQuery)))


@app.get("/admin/experiments")
def get_experiments() -> Response[str]:
    return _tagged(experiments.all_experiments(runtime))


@app.put("/admin/experiments")
def put_experiments() -> Response[str]:
    return _tagged(experiments.put_experiments(runtime, _who(), json_body(app.current_event), _if_match()))


@app.get("/admin/experiments/<name>/report")
def get_report(name: str) -> Response[str]:
    return json_answer(results.experiment_report(runtime, path_id(name)))


@app.get("/admin/snapshots")
def get_snapshots() -> Response[str]:
    return json_answer(snapshots.all_snapshots(runtime))


@app.post("/admin/snapshots/rollback")
def roll_back() -> Response[str]:
    return json_answer(snapshots.roll_back(runtime, _who(), _body(schemas.Rollback)), HTTPStatus.ACCEPTED)


@app.post("/admin/snapshots/<version>/promote")
def promote(version: str) -> Response[str]:
    given = _body(schemas.Promotion)
    return json_answer(snapshots.promote(runtime, _who(), path_id(version), given), HTTPStatus.ACCEPTED)


@app.post("/admin/snapshots/<version>/compare")
def compare(version: str) -> Response[str]:
    return json_answer(snapshots.compare(runtime, path_id(version), _body(schemas.Comparison)))


@app.post("/admin/rebuilds")
def start_rebuild() -> Response[str]:
    return json_answer(snapshots.start_rebuild(runtime, _who()), HTTPStatus.ACCEPTED)


@app.get("/admin/quarantine")
def get_quarantine() -> Response[str]:
    return json_answer(events.quarantine(runtime, _query(schemas.PageQuery)))


@app.post("/admin/quarantine/replay")
def replay() -> Response[str]:
    return json_answer(events.replay(runtime, _who(), _body(schemas.Replay)))


@app.get("/admin/events/tail")
def tail() -> Response[str]:
    return json_answer(events.tail(runtime, _query(schemas.TailQuery)))


@app.get("/admin/results")
def get_results() -> Response[str]:
    return json_answer(results.results(runtime, _query(schemas.ResultsQuery)))


@app.get("/admin/audit")
def get_audit() -> Response[str]:
    return json_answer(events.audit(runtime, _query(schemas.PageQuery)))


def _query(model: type[Model]) -> Model:
    return parsed(model, dict(app.current_event.query_string_parameters or {}))


def _body(model: type[Model]) -> Model:
    return parsed(model, json_body(app.current_event) if app.current_event.body else {})


def _caller() -> Caller | None:
    return runtime.guard.require(app.current_event.raw_event, LOOK)


def _who() -> str:
    return who(runtime.guard.caller(app.current_event.raw_event))


def _if_match() -> str | None:
    return app.current_event.headers.get("if-match")


def _tagged(found: dict[str, Any]) -> Response[str]:
    response = json_answer(found)
    response.headers["ETag"] = found["etag"]
    return response


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    with runtime.deadline.within(context):
        runtime.begin_request()
        runtime.waiting.extend(PATIENCE_S)
        return resolve(app, event, context, lambda sent: runtime.guard.admit(sent))
