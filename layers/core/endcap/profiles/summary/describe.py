"""A profile told in words and numbers, and everything that is stored about a user."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

from endcap.catalog.item import Item
from endcap.events.types import EventType
from endcap.identifiers import anonymous_id_of
from endcap.messages.language import Language
from endcap.profiles.entries import Entry, newest_first
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, unerased_ids
from endcap.profiles.summary.aspects import sentiments_of
from endcap.profiles.summary.because import because, deeds_of, reviews_of, weighed, with_items
from endcap.profiles.summary.intent import recent_intent
from endcap.profiles.summary.sentences import aspect_name, sentences, tag_name, usual_language
from endcap.profiles.summary.tags import Tag, folded, tags_of
from endcap.validation import timestamp_number

MAX_ITEMS = 20
MAX_INTERESTS = 10
_KINDS: Final = {"categories": "category", "brands": "brand", "attributes": "attribute", "words": "word"}


def item_weights(profile: UserProfile, now_ms: int, event_types: Mapping[str, EventType]) -> dict[str, float]:
    """Item id -> signed interest: the weights of its interactions, each halved once per half-life of its type."""
    weights: dict[str, float] = {}
    for entry, weight in weighed(profile, now_ms, event_types):
        weights[entry.item_id] = weights.get(entry.item_id, 0.0) + weight
    return dict(sorted(weights.items(), key=lambda pair: (-abs(pair[1]), pair[0])))


def describe(
    profile: UserProfile,
    items: Mapping[str, Item],
    weights: Mapping[str, float],
    now_ms: int,
    event_types: Mapping[str, EventType],
    language: Language | None = None,
    generated: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """The profile as a shopper may read it.

    Parameters
    ----------
    items : what is known of the items in `weights`
    weights : from `item_weights`
    language : of the sentences and names; by the items' own when None
    generated : item id -> tags that a writer has given the item
    """
    spoken = language or usual_language(items.values())
    tags = [_said(tag, spoken) for tag in tags_of(items, weights, generated)]
    told = folded(tags, weights)
    sentiments = sentiments_of(profile, now_ms, event_types)
    intent = recent_intent(profile, items, now_ms)
    deeds = deeds_of(weighed(profile, now_ms, event_types))
    titles = {item_id: item.title for item_id, item in items.items()}
    return {
        "language": spoken,
        "summary": sentences(told, sentiments, intent, spoken),
        "described": sentences(told, sentiments, intent, spoken, "staff"),
        "interests": {
            **{name: _best(tags, kind) for name, kind in _KINDS.items()},
            **({"generated_tags": written} if (written := _best(tags, "generated")) else {}),
        },
        "tags": [
            {
                "kind": tag.kind,
                "name": tag.name,
                "weight": round(tag.weight, 4),
                **because(with_items(deeds, tag.items), tag.weight, items, spoken),
            }
            for tag in told[:MAX_INTERESTS]
        ],
        "aspects": [
            {
                "aspect": one.aspect,
                "name": aspect_name(one.aspect, spoken),
                "sentiment": round(one.score, 4),
                "reviews": one.reviews,
                **because(reviews_of(profile, one.aspect), one.score, items, spoken),
            }
            for one in sentiments
        ],
        "intent": None if intent is None else asdict(intent),
        "items": [
            {"item_id": item_id, "title": titles.get(item_id, ""), "weight": round(weight, 4)}
            for item_id, weight in list(weights.items())[:MAX_ITEMS]
        ],
        "recent": [
            {**entry_document(e), "title": titles.get(e.item_id, ""), "age_s": max(0, now_ms - e.timestamp_ms) // 1000}
            for e in newest_first(profile.interactions)[:MAX_ITEMS]
        ],
        "counts": counts(profile),
        "preferences": profile.preferences.value,
        "consent": profile.consent.value,
    }


def export(profile: UserProfile, receipt: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Everything that the profile holds, in readable form; vectors in base64.

    Parameters
    ----------
    receipt : of the latest erasure, which may have left no profile at all
    """
    deleted_ms = profile.deleted_at_ms or (receipt or {}).get("erased_until", 0)
    return {
        "interactions": [_exported(e) for e in profile.interactions],
        "strong_interactions": [_exported(e) for e in profile.strong],
        "texts": [
            {
                "event_type": t.event_type,
                "item_id": t.item_id,
                "timestamp": timestamp_number(t.timestamp_ms),
                "polarity": t.polarity,
                "encoder": t.tag.hex(),
                "vector_int8": base64.b64encode(t.vector).decode(),
                **_from(t.source),
            }
            for t in profile.texts
        ],
        "impressions": [
            {"item_sha256_prefix": i.key.hex(), "timestamp": timestamp_number(i.timestamp_ms), **_from(i.source)}
            for i in profile.impressions
        ],
        "attributes": profile.attributes.value,
        "preferences": profile.preferences.value,
        "consent": profile.consent.value,
        "links": [
            {
                "user_id": link.user_id,
                "anonymous_id": _plain(link.anonymous_id),
                "timestamp": timestamp_number(link.timestamp_ms),
                **({"since": timestamp_number(link.start_ms)} if link.start_ms >= 0 else {}),
            }
            for link in profile.links
        ],
        "deleted_at": timestamp_number(deleted_ms) if deleted_ms else None,
        "erasure": erasure_status(profile) | ({"receipt": receipt} if receipt else {}) if deleted_ms else None,
    }


def export_unreadable(row: Mapping[str, Any], receipt: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What can be told of a row that is damaged, or of a later format: the same fields, and the row as it is.

    Parameters
    ----------
    row : a DynamoDB item; bytes are told in base64
    """
    number = row.get("version", {}).get("N", "")
    raw = {
        name: {kind: base64.b64encode(v).decode() if isinstance(v, bytes) else v for kind, v in value.items()}
        for name, value in row.items()
    }
    version = int(number) if number.isdigit() else 0
    return {"profile_version": version, **export(EMPTY_PROFILE, receipt), "unreadable_row": raw}


def erasure_status(profile: UserProfile) -> dict[str, Any]:
    """How far the latest deletion has come: whether it is done, and how many anonymous ids it has still to reach."""
    pending = len(unerased_ids(profile))
    return {"status": "pending" if pending else "done", "pending_anonymous_ids": pending}


def _exported(entry: Entry) -> dict[str, Any]:
    return entry_document(entry) | _from(entry.source)


def _from(source: str) -> dict[str, str]:
    return {"anonymous_id": _plain(source)} if source else {}


def _plain(key: str) -> str:
    """The anonymous id of a key in a link; links of before anonymous ids had keys hold the id itself."""
    anonymous_id = anonymous_id_of(key)
    return key if anonymous_id is None else anonymous_id


def counts(profile: UserProfile) -> dict[str, int]:
    """How many entries each set holds."""
    return {
        "interactions": len(profile.interactions),
        "strong_interactions": len(profile.strong),
        "texts": len(profile.texts),
        "impressions": len(profile.impressions),
        "links": len(profile.links),
    }


def entry_document(entry: Entry) -> dict[str, Any]:
    """One interaction of a profile as JSON."""
    document = {
        "event_type": entry.event_type,
        "item_id": entry.item_id or None,
        "order_sha256_prefix": entry.order.hex() or None,
        "timestamp": timestamp_number(entry.timestamp_ms),
        "value": entry.grade,
        "polarity": entry.tone,
        "aspects": {name: round(tone, 2) for name, tone in entry.judged.items()} or None,
    }
    return {k: v for k, v in document.items() if v is not None}


def _said(tag: Tag, language: Language) -> Tag:
    """A tag as the language has it: those of a writer come from a closed list, by English names."""
    return replace(tag, name=tag_name(tag.name, language)) if tag.kind == "generated" else tag


def _best(tags: Sequence[Tag], kind: str) -> list[dict[str, Any]]:
    best = [tag for tag in tags if tag.kind == kind][:MAX_INTERESTS]
    return [{"name": tag.name, "weight": round(tag.weight, 4)} for tag in best]
