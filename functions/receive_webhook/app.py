"""Takes in what shop systems send by themselves: orders, refunds, products, and people who want to be forgotten.

Trigger: POST /webhooks/shopify and /webhooks/woocommerce, signed with the shop's secret; by parameter also messages of
commercetools, from their queue or their event bus.
Guarantee: what is answered with a 2xx, or acknowledged, is on the events queue, in the catalogue or, where it can't be
read, in quarantine; erasures are asked for on the events queue, and done from there.
Retry: safe; events are called by their order and line, so that however many messages tell of an order it counts once,
and of a product the newest word counts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from endcap.api.http import http_app, json_answer, raw_body, resolve
from endcap.batch import retryable
from endcap.errors import (
    DependencyError,
    FieldError,
    InvalidInputError,
    InvalidRequestError,
    NotFoundError,
    UnauthorisedError,
)
from endcap.events.collect import MAX_EVENTS, collect
from endcap.leniency import told_of, with_warnings
from endcap.observability import fault, logger, metrics, tracer
from endcap.profiles.erasure import ERASURE, Erasure
from endcap.runtime import Runtime
from endcap.shops import commercetools, shopify, woocommerce
from endcap.shops.message import Message
from endcap.shops.products import stock
from endcap.shops.signatures import is_signed, keys_for
from endcap.validation import json_value, timestamp_ms

MAX_BYTES: Final = 5 << 20
"""A product of Shopify may have 2,048 variants; Lambda takes 6 MB with everything around the body."""
MAX_EVENT_BYTES: Final = 200_000
"""What one event of an order may take to be sent on; a usable one has a hundredth of that."""

app = http_app()
runtime = Runtime(patient=True)


def _now_ms() -> int:
    return int(time.time() * 1000)


@app.post("/webhooks/shopify")
def post_shopify() -> Response[str]:
    headers = app.current_event.headers
    topic, sent_ms = headers.get("x-shopify-topic", ""), _time_ms(headers.get("x-shopify-triggered-at"))
    body = _signed_body("shopify", "x-shopify-hmac-sha256", topic, shopify.TOPICS)
    return _answer(topic, body, lambda raw: shopify.read(topic, raw, sent_ms, runtime.settings.shop_item_ids))


@app.post("/webhooks/woocommerce")
def post_woocommerce() -> Response[str]:
    if "woocommerce" in runtime.webhook_secrets and woocommerce.is_ping(raw_body(app.current_event, MAX_BYTES)):
        return json_answer({"ping": True})  # it carries no signature, and asks for nothing
    topic = app.current_event.headers.get("x-wc-webhook-topic", "")
    body = _signed_body("woocommerce", "x-wc-webhook-signature", topic, woocommerce.TOPICS)
    return _answer(topic, body, lambda raw: woocommerce.read(topic, raw, _now_ms(), runtime.settings.shop_item_ids))


def _signed_body(system: str, header: str, topic: str, topics: Sequence[str]) -> bytes:
    """The body of a webhook, which nothing has looked into before its signature was checked."""
    secret = runtime.webhook_secrets.get(system)
    if secret is None:
        raise NotFoundError(f"webhooks of {system} are not taken here: the stack has no secret for them")
    body, given = raw_body(app.current_event, MAX_BYTES), app.current_event.headers.get(header) or ""

    def signed(lines: Sequence[bytes]) -> bool:
        return any(is_signed(body, given, key) for key in keys_for(topic, lines, topics))

    if not given or not secret.fits(signed):
        metrics.add_metric("WebhooksRefused", MetricUnit.Count, 1)
        raise UnauthorisedError("the signature is not that of the body with this stack's secret for the topic")
    return body


def _time_ms(header: str | None) -> int:
    try:
        return min(timestamp_ms(header), _now_ms()) if header else _now_ms()
    except ValueError:
        return _now_ms()


def _answer(topic: str, body: bytes, read: Any) -> Response[str]:
    raw = json_value(body, "the body")
    if not isinstance(raw, Mapping):
        raise InvalidRequestError("the body must be an object")
    message = read(raw)
    if not message.known:
        _ignored(topic)
        return json_answer({"ignored": topic[:64]}, HTTPStatus.ACCEPTED)
    return json_answer(with_warnings(_act(message), told_of(message.warnings)))


def _act(message: Message) -> dict[str, Any]:
    """Do what a message asks for.

    Raises
    ------
    ThrottledError, DependencyError : not all of it could be done now
    """
    now_ms, accepted, quarantined = _now_ms(), 0, 0
    for user_id in message.erase:
        runtime.queue.send_message(Erasure(user_id, now_ms).document(), ERASURE)
    for first in range(0, len(message.events), MAX_EVENTS):
        events = message.events[first : first + MAX_EVENTS]
        outcome = collect({"events": events}, now_ms, runtime.settings.event_types, runtime.queue)
        if any(rejected["retryable"] for rejected in outcome.rejected):
            raise DependencyError("the queue did not take all events")
        accepted += outcome.accepted
        quarantined += _put_aside(events, outcome.rejected, now_ms)
    changed = 0
    for product in message.products:
        stocked = stock(product, runtime.products, runtime.items)
        changed += stocked.changed
        message.warnings += stocked.warnings
    if message.for_people:
        logger.warning(message.for_people)
        metrics.add_metric("PrivacyRequests", MetricUnit.Count, 1)
    for name, count in (
        ("EventsAccepted", accepted),
        ("EventsQuarantined", quarantined),
        ("ItemsChanged", changed),
        ("UsersDeleted", len(message.erase)),
        ("FieldsLeftOut", len(message.warnings)),
    ):
        if count:
            metrics.add_metric(name, MetricUnit.Count, count)
    return {"events": accepted, "items_changed": changed, "erasures": len(message.erase)}


def _put_aside(events: Sequence[Mapping[str, Any]], rejected: Sequence[Mapping[str, Any]], now_ms: int) -> int:
    """Send events that can't be used on to where it is known who refuses and who was erased, and all others go aside.

    Returns
    -------
    how many are larger than a message of the queue, and are in quarantine already

    Raises
    ------
    DependencyError : the queue did not take them
    """
    large = 0
    for one in rejected:
        event = events[one["index"]]
        if len(json.dumps(event)) > MAX_EVENT_BYTES:
            _quarantine(json.dumps(event), one["errors"], now_ms)
            large += 1
        elif runtime.queue.send([event]):
            raise DependencyError("the queue did not take all events")
    return large


def _quarantine(payload: str, errors: list[FieldError], now_ms: int) -> None:
    runtime.quarantine.put("webhook", payload, errors, now_ms)


def _ignored(topic: object) -> None:
    logger.warning("topic not read", extra={"topic": str(topic)[:64]})
    metrics.add_metric("WebhooksIgnored", MetricUnit.Count, 1)


def _commercetools(body: bytes, arrival_ms: int) -> None:
    settings = runtime.settings
    try:
        raw = json_value(body, "the message")
        if not isinstance(raw, Mapping):
            raise InvalidRequestError("the message must be an object")
        message = commercetools.read(raw, arrival_ms, settings.shop_item_ids, settings.shop_language)
    except InvalidInputError as exc:
        _quarantine(body.decode("utf-8", "backslashreplace"), exc.errors, arrival_ms)
        metrics.add_metric("EventsQuarantined", MetricUnit.Count, 1)
        return
    if message.known:
        _act(message)
    else:
        _ignored(raw.get("type") or raw.get("notificationType"))


def _queued(records: list[dict[str, Any]]) -> dict[str, Any]:
    failed = []
    for record in records:
        try:
            runtime.deadline.check()
            arrival_ms = int((record.get("attributes") or {}).get("SentTimestamp") or _now_ms())
            _commercetools(record["body"].encode("utf-8", "surrogatepass"), arrival_ms)
        except Exception as exc:
            if retryable(exc) or not _kept_apart(record, exc):
                logger.warning("message failed and will be delivered again", extra={"error": type(exc).__name__})
                failed.append(record["messageId"])
    if failed:
        metrics.add_metric("RecordsFailed", MetricUnit.Count, len(failed))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _kept_apart(record: Mapping[str, Any], failure: Exception) -> bool:
    """Whether a message that fails for good was put where it holds up no other."""
    fault("message not read", failure)
    try:
        _quarantine(str(record.get("body")), [FieldError(field="", message="can't be used")], _now_ms())
    except Exception:
        return False
    metrics.add_metric("EventsQuarantined", MetricUnit.Count, 1)
    return True


@logger.inject_lambda_context(clear_state=True)
@tracer.capture_lambda_handler
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | None:
    with runtime.deadline.within(context):
        if "Records" in event:
            return _queued(event["Records"])
        if "detail" in event:
            _commercetools(json.dumps(event["detail"]).encode(), _time_ms(event.get("time")))
            return None
        return resolve(app, event, context, lambda sent: runtime.guard.admit(sent))
