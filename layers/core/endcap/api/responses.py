"""Recommendations as they go out: the answer to the shopper's page, and the record of what it showed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Any, Final

from endcap.api.cursors import write_cursor
from endcap.api.resolved import ResolvedRequest
from endcap.conversation.constraints import Followed
from endcap.events.contexts import context_value
from endcap.experiments.assignment import Assignment
from endcap.explain.reasons import Reason
from endcap.identifiers import item_key, short_hash
from endcap.recommend.request import RankedItem, Recommendation
from endcap.snapshot.snapshot import Snapshot
from endcap.understanding.wish import Understood

LOST: Final = ("profile", "snapshot", "changes", "live_counts", "scenarios", "experiments")
"""What an answer may have to do without; the first of them is the reason that it gives."""

FILTER_HASH_BYTES: Final = 8


def health(snapshot: Snapshot) -> dict[str, Any]:
    """What is ranked with, and where that leaves something to do, what."""
    found: dict[str, Any] = {"status": "ok", "snapshot_version": snapshot.version, "items": snapshot.n_items}
    if not snapshot.n_items:
        found["next"] = "PUT /items: they are ranked by their texts at once. A rebuild then counts them in."
    elif not snapshot.manifest["counts"]["events"]:
        found["next"] = "POST /events: profiles learn from them at once, and the next rebuild from all of them."
    return found


def answer(
    recommendation: Recommendation,
    recommendation_id: str,
    profile_version: int,
    lost: Collection[str] = (),
    cursor: str | None = None,
    *,
    assignment: Assignment | None = None,
    complete: bool = False,
) -> dict[str, Any]:
    """The JSON object that a shopper's page gets.

    Parameters
    ----------
    lost : what of `LOST` it was made without
    cursor : where the list goes on
    assignment : the variant of an experiment that the shopper got
    complete : whether ids may be unknown or not for sale, so that each item says so
    """
    body: dict[str, Any] = {
        "recommendation_id": recommendation_id,
        "items": [_item(ranked, complete) for ranked in recommendation.items],
        "source": recommendation.source,
        "snapshot_version": recommendation.snapshot_version,
        "profile_version": profile_version,
    }
    body |= {} if recommendation.matched is None else {"matched": recommendation.matched}
    if recommendation.followed is not None:
        body |= _followed(recommendation.followed)
    elif recommendation.understood is not None:
        body |= {"understood": _understood(recommendation.understood)}
    if assignment is not None:
        body |= {"experiment": assignment.experiment, "variant": assignment.variant.name}
    return body | ({"cursor": cursor} if cursor else {}) | ({"degraded": _degraded(lost)} if lost else {})


def _understood(found: Understood) -> dict[str, Any]:
    """What was understood, as a request may send it back."""
    body: dict[str, Any] = {"search": found.search, "filter": found.filter, "exclude": list(found.exclude)}
    body |= {} if found.sort is None else {"sort": found.sort}
    return body | {"words": [reading._asdict() for reading in found.words]}


def _followed(found: Followed) -> dict[str, Any]:
    """What a conversation has come to; its constraints are what the next request sends back."""
    held = found.constraints
    constraints: dict[str, Any] = {"search": held.search, "filters": [one._asdict() for one in held.conditions]}
    constraints |= {"exclude": list(held.exclude)} | ({} if held.sort is None else {"sort": held.sort})
    constraints |= {name: list(getattr(held, name)) for name in ("without_items", "shown", "asked")}
    body = {"constraints": constraints, "words": [reading._asdict() for reading in found.words]}
    if found.question is None:
        return body
    options = [{n: v for n, v in one._asdict().items() if v is not None} for one in found.question.options]
    return body | {"question": {"about": found.question.about, "text": found.question.text, "options": options}}


def _degraded(lost: Collection[str]) -> dict[str, Any]:
    known = [name for name in LOST if name in lost]
    return {"reason": f"{known[0]}_unavailable", "lost": known}


def cursor_after(recommendation: Recommendation, asked: ResolvedRequest, secret: str) -> str | None:
    """The cursor behind a page; None where the list ends with it, or goes on by what is said next."""
    if not recommendation.has_more or asked.request.complete or recommendation.followed is not None:
        return None
    keys = (*asked.request.shown_keys, *(item_key(ranked.item_id) for ranked in recommendation.items))
    return write_cursor(secret, asked.digest, keys)


def exposure(
    recommendation: Recommendation,
    recommendation_id: str,
    user_id: str | None,
    at_ms: int,
    asked: ResolvedRequest | None = None,
) -> dict[str, Any]:
    """The record of what was shown: by it, later events join to the list they came from.

    What was seen of it is said later, by impressions that name the list and the position.

    `variant` is the shopper's, also where the list was made without it: comparing those who got it only would compare
    different shoppers. `not_served` then says why.
    """
    record: dict[str, Any] = {
        "recommendation_id": recommendation_id,
        "user_id": user_id,
        "at_ms": at_ms,
        "snapshot_version": recommendation.snapshot_version,
        "items": [_shown(ranked) for ranked in recommendation.items],
    }
    return record if asked is None else record | _circumstances(asked)


def _shown(ranked: RankedItem) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "item_id": ranked.item_id,
        "position": ranked.rank,
        "propensity": 1.0 if ranked.propensity is None else ranked.propensity,
        "source": ranked.source,
    }
    shown |= {"arms": dict(ranked.arms)} if ranked.arms else {}
    return shown | ({"promotion": ranked.promotion} if ranked.promotion else {})


def _circumstances(asked: ResolvedRequest) -> dict[str, Any]:
    """Where and by which rules a list was shown; the context in the spelling that demand is counted in."""
    context = {name: value for name, said in asked.request.context.items() if (value := context_value(said))}
    found: dict[str, Any] = {"scenario": asked.scenario} if asked.scenario is not None else {}
    found |= {"surface": asked.surface} if asked.surface is not None else {}
    found |= {"session_id": asked.session_id} if asked.session_id is not None else {}
    found |= {"context": context} if context else {}
    if asked.request.filter is not None:
        found["filter"] = short_hash(asked.request.filter.text, FILTER_HASH_BYTES).hex()
    assignment = asked.assignment
    if assignment is not None:
        found |= {"experiment": assignment.experiment, "variant": assignment.variant.name, "unit": assignment.unit}
        found |= {"not_served": assignment.not_served} if assignment.not_served else {}
    return found


def _item(ranked: RankedItem, complete: bool) -> dict[str, Any]:
    """An item of an answer. What it was drawn from (`arms`) is for replay, and in the exposure."""
    item: dict[str, Any] = {
        **ranked.fields,
        "item_id": ranked.item_id,
        "score": ranked.score,
        "rank": ranked.rank,
        "source": ranked.source,
        "reasons": [_reason(reason) for reason in ranked.reasons],
    }
    if complete:
        item |= {"known": ranked.known, "available": ranked.available}
    if ranked.promotion is not None:
        item["promotion"] = ranked.promotion
    if ranked.propensity is not None:
        item["propensity"] = ranked.propensity
    if ranked.counterfactual is not None:
        item["counterfactual"] = _about_something(asdict(ranked.counterfactual))
    return item


def _reason(reason: Reason) -> dict[str, Any]:
    evidence = [
        _about_something({"item_id": one.item_id, "title": one.title, "event_type": one.event_type, "words": one.words})
        for one in reason.evidence
    ]
    told: dict[str, Any] = {"kind": reason.kind, "weight": reason.weight, "text": reason.text, "evidence": evidence}
    return told | ({"written": True} if reason.written else {})


def _about_something(document: dict[str, Any]) -> dict[str, Any]:
    """Without the item where it is about none."""
    if document["item_id"] is None:
        del document["item_id"], document["title"]
    return document
