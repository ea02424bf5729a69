"""A shopper's profile: bounded sets of what they did, merged by union and truncation.

A profile is a join-semilattice. Each set keeps the newest `K` distinct entries of its types; of two entries with one
key the greater (timestamp, content) wins. Folding an event, applying a batch and merging two profiles are the same
operation, `merge`, which is idempotent, commutative and associative: duplicates, batch borders, replays and the order
of arrival change nothing (Shapiro et al., "Conflict-free Replicated Data Types", SSS 2011).

Whatever drops entries drops all up to some time, the profile's floor: as those are the oldest, this commutes with
keeping the newest. Deleting at time T puts the floor at T; erasing an interval of an anonymous id puts it at the end
of that interval, as what lies before has long been handed to the users that it belongs to (see `identity`).

What an anonymous id handed over carries that id's key, and stays only where a link of the profile says that it was the
user's: an identify that turns out later to lie before takes its share out again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from endcap.events.grades import tone_of
from endcap.events.interaction import Interaction
from endcap.events.types import BOUGHT, GIVES_BACK, GRADED, NOT_IN_HISTORY, POST, SHOWN, STRONG, TEXTUAL
from endcap.identifiers import anonymous_id_of, event_key, item_key, order_key
from endcap.profiles.entries import NEVER_SET, Entry, Impression, Register, TextSignal, pack_aspects
from endcap.profiles.links import Link, Span, floor_ms, normal_links, spans_of
from endcap.text.sentiment import review_polarity
from endcap.text.sentiment.aspects import review_aspects
from endcap.text.sentiment.subject import subject_of

MAX_INTERACTIONS = 64
MAX_STRONG = 32
MAX_TEXTS = 4
MAX_IMPRESSIONS = 32
DISLIKED: Final = -0.3
"""From this tone of a post on it says what somebody does not like; else it says what they are after."""

Encode = Callable[[str], tuple[bytes, bytes]]
"""Text -> (encoder tag of 4 bytes, int8 vector of d_text bytes)."""


@dataclass(frozen=True, slots=True)
class UserProfile:
    """Everything that is stored about one user, every tuple newest first.

    Attributes
    ----------
    interactions : with items, of any type but impressions; and refunds of whole orders
    strong : purchases, returns, ratings and reviews again, so that browsing can't push them out
    deleted_at_ms : entries up to this time are gone, 0 for never deleted
    erased_at_ms : up to this time that has also reached the anonymous ids; links between the two wait for it
    is_user : whether something was said of this id as a user's; never so in profiles of anonymous ids
    """

    interactions: tuple[Entry, ...] = ()
    strong: tuple[Entry, ...] = ()
    texts: tuple[TextSignal, ...] = ()
    impressions: tuple[Impression, ...] = ()
    attributes: Register = NEVER_SET
    preferences: Register = NEVER_SET
    consent: Register = NEVER_SET
    links: tuple[Link, ...] = ()
    deleted_at_ms: int = 0
    erased_at_ms: int = 0
    is_user: bool = False


EMPTY_PROFILE = UserProfile()

Keyed = TypeVar("Keyed", Entry, TextSignal, Impression)


def merge(*parts: UserProfile) -> UserProfile:
    """The least profile that holds what all `parts` hold: union, then truncation."""
    return _normal(
        UserProfile(
            interactions=tuple(e for p in parts for e in p.interactions),
            strong=tuple(e for p in parts for e in p.strong),
            texts=tuple(e for p in parts for e in p.texts),
            impressions=tuple(e for p in parts for e in p.impressions),
            attributes=max(p.attributes for p in parts),
            preferences=max(p.preferences for p in parts),
            consent=max(p.consent for p in parts),
            links=tuple(link for p in parts for link in p.links),
            deleted_at_ms=max(p.deleted_at_ms for p in parts),
            erased_at_ms=max(p.erased_at_ms for p in parts),
            is_user=any(p.is_user for p in parts),
        )
    )


def words_to_encode(event: Interaction) -> str:
    """What of an event's text says what the shopper is after: of a review the part about the thing, of others all.

    "" where nothing does; then there is no text signal.
    """
    text = event.text or ""
    return subject_of(text) if event.event_type in GRADED else text


def profile_of(events: Iterable[Interaction], encode: Encode | None = None) -> UserProfile:
    """The profile that a user's `events` amount to; `identify` events add nothing here (see `identity`).

    Parameters
    ----------
    encode : encodes the words of the newest text signals (see `words_to_encode`); without it they carry no vector
    """
    entries: list[Entry] = []
    strong: list[Entry] = []
    texts: list[tuple[Interaction, str]] = []
    impressions: list[Impression] = []
    is_user = False
    for event in events:
        is_user = is_user or anonymous_id_of(event.user_id) is None
        if event.event_type in SHOWN and event.item_id:
            impressions.append(Impression(event.timestamp_ms, item_key(event.item_id)))
        refund = event.event_type in GIVES_BACK and event.order_id
        if event.event_type not in NOT_IN_HISTORY and (event.item_id or refund):
            entry = _entry(event)
            entries.append(entry)
            if event.event_type in STRONG:
                strong.append(entry)
        # What says nothing of a thing must not push out what does.
        if event.event_type in TEXTUAL and (words := words_to_encode(event)):
            texts.append((event, words))
    found = UserProfile(
        interactions=tuple(entries),
        strong=tuple(strong),
        texts=tuple(_text_signal(e, words, encode) for e, words in _newest(texts)),
        impressions=tuple(impressions),
    )
    # Who did nothing that is kept leaves no row.
    return _normal(replace(found, is_user=is_user and found != EMPTY_PROFILE))


def new_events(events: Iterable[Interaction], before: UserProfile, after: UserProfile) -> list[Interaction]:
    """Those of `events`, each once, that `after` holds as what they are and `before` did not hold at all."""
    if before == after:
        return []
    held, holds = _held(before), _held(after)
    found: dict[tuple[str, bytes], Interaction] = {}
    for event in events:
        shown = event.event_type in SHOWN
        key = item_key(event.item_id or "") if shown else event_key(event.event_id)
        name, at_ms = ("shown" if shown else "did", key), event.timestamp_ms
        # An impression is known by its item, and new when it is later.
        if holds.get(name) == at_ms and (held.get(name, -1) < at_ms if shown else name not in held):
            found[name] = event
    return list(found.values())


def _held(profile: UserProfile) -> dict[tuple[str, bytes], int]:
    """What a profile holds: whether shown or done, and its key -> when."""
    entries: tuple[Entry | TextSignal, ...] = (*profile.interactions, *profile.strong, *profile.texts)
    return {("did", e.key): e.timestamp_ms for e in entries} | {
        ("shown", i.key): i.timestamp_ms for i in reversed(profile.impressions)
    }


def deletion(at_ms: int) -> UserProfile:
    """What deletes all up to `at_ms` from a profile that it is merged with, and keeps the memory of that."""
    return UserProfile(deleted_at_ms=at_ms, erased_at_ms=at_ms)


def deleted(profile: UserProfile, at_ms: int) -> UserProfile:
    """`profile` without anything up to `at_ms`, and with the memory of that."""
    return merge(profile, deletion(at_ms))


def remembers_erasure(profile: UserProfile) -> bool:
    """Whether `profile` must outlive its contents, so that late events don't bring back what was erased."""
    return bool(profile.deleted_at_ms) or any(link.erased for link in profile.links)


def unerased_ids(profile: UserProfile) -> set[str]:
    """Keys of the anonymous ids that a deletion of this user has still to reach."""
    return {link.anonymous_id for link in profile.links if link.anonymous_id and _is_gone(link, profile)}


def is_forgotten(profile: UserProfile) -> bool:
    """Whether `profile` says nothing about anybody: empty but for the memory of what was erased."""
    links = tuple(link for link in profile.links if not link.erased and not _is_gone(link, profile))
    return replace(profile, links=links, deleted_at_ms=0, erased_at_ms=0, is_user=False) == EMPTY_PROFILE


def handed_over(profile: UserProfile, source: str) -> UserProfile:
    """The entries of an anonymous id's `profile`, as the user's profile keeps them that gets them."""
    return UserProfile(
        interactions=tuple(replace(e, source=source) for e in profile.interactions),
        strong=tuple(replace(e, source=source) for e in profile.strong),
        texts=tuple(replace(e, source=source) for e in profile.texts),
        impressions=tuple(replace(e, source=source) for e in profile.impressions),
    )


def within(profile: UserProfile, start_ms: int, end_ms: int) -> UserProfile:
    """The entries of `profile` from after `start_ms` up to `end_ms`; no registers, links or deletion."""

    def cut(entries: tuple[Keyed, ...]) -> tuple[Keyed, ...]:
        return tuple(e for e in entries if start_ms < e.timestamp_ms <= end_ms)

    return UserProfile(
        interactions=cut(profile.interactions),
        strong=cut(profile.strong),
        texts=cut(profile.texts),
        impressions=cut(profile.impressions),
    )


def _is_gone(link: Link, profile: UserProfile) -> bool:
    return link.timestamp_ms <= profile.deleted_at_ms and bool(link.anonymous_id)


def _normal(p: UserProfile) -> UserProfile:
    links = normal_links(p.links, p.deleted_at_ms, p.erased_at_ms) if p.links else ()
    floor = floor_ms(links, p.deleted_at_ms)
    spans = spans_of(p.links, links) if p.links else {}

    def alive(entries: tuple[Keyed, ...]) -> Iterable[Keyed]:
        for e in entries:
            if e.timestamp_ms > floor:
                owned = _owned(e, spans) if e.source else e
                if owned is not None:
                    yield owned

    def kept(entries: tuple[Keyed, ...], limit: int) -> tuple[Keyed, ...]:
        best: dict[bytes, Keyed] = {}
        for e in alive(entries):
            other = best.get(e.key)
            if other is None or _is_better(e, other):
                best[e.key] = e
        return tuple(sorted(best.values(), reverse=True)[:limit])

    def alive_register(r: Register) -> Register:
        return r if r.timestamp_ms > p.deleted_at_ms else Register()

    return replace(
        p,
        interactions=kept(p.interactions, MAX_INTERACTIONS),
        strong=kept(p.strong, MAX_STRONG),
        texts=kept(p.texts, MAX_TEXTS),
        impressions=_shown(alive(p.impressions), p.is_user),
        attributes=alive_register(p.attributes),
        preferences=alive_register(p.preferences),
        consent=alive_register(p.consent),
        links=links,
    )


def _is_better(e: Keyed, other: Keyed) -> bool:
    """Of two entries with one key the greater wins, at one time the profile's own, which nothing can take away."""
    if e.timestamp_ms == other.timestamp_ms and bool(e.source) != bool(other.source):
        return not e.source
    return e > other


def _owned(e: Keyed, spans: Mapping[str, Sequence[Span]]) -> Keyed | None:
    """An entry that was handed over as the profile keeps it, None where it turned out to be somebody else's.

    Where the link that it came with is no longer kept, nothing can take it away any more: it is the profile's own.
    """
    if e.source not in spans:
        return replace(e, source="")
    for span in spans[e.source]:
        if e.timestamp_ms <= span.end_ms:  # the first identify from then on says whose it was
            owned = e if span.is_kept else replace(e, source="")
            return owned if span.start_ms < e.timestamp_ms else None
    return None


def _shown(impressions: Iterable[Impression], is_user: bool) -> tuple[Impression, ...]:
    kept = set(impressions)
    if is_user:
        latest: dict[bytes, Impression] = {}
        for i in kept:
            if not i.source:
                latest[i.key] = max(i, latest.get(i.key, i))
        kept = {*latest.values(), *(i for i in kept if i.source)}
    return tuple(sorted(kept, reverse=True)[:MAX_IMPRESSIONS])


def _entry(event: Interaction) -> Entry:
    value = float("-inf") if event.value is None else float(event.value)
    polarity = float("-inf")
    if event.event_type in GRADED and event.value is None and event.text:
        polarity = round(review_polarity(event.text) * 100) / 100
    aspects = pack_aspects(review_aspects(event.text)) if event.event_type in GRADED and event.text else b""
    key, item_id = event_key(event.event_id), event.item_id or ""
    in_order = event.order_id and event.event_type in BOUGHT | GIVES_BACK
    order = order_key(event.order_id or "") if in_order else b""
    return Entry(event.timestamp_ms, key, event.event_type, item_id, value, polarity, aspects, order=order)


def _newest(texts: list[tuple[Interaction, str]]) -> list[tuple[Interaction, str]]:
    """Those that can be among the newest text signals, so that no other text is encoded."""
    latest: dict[bytes, int] = {}
    for event, _ in texts:
        key = event_key(event.event_id)
        latest[key] = max(latest.get(key, -1), event.timestamp_ms)
    chosen = set(sorted(((at_ms, key) for key, at_ms in latest.items()), reverse=True)[:MAX_TEXTS])
    return [(e, words) for e, words in texts if (e.timestamp_ms, event_key(e.event_id)) in chosen]


def _text_signal(event: Interaction, words: str, encode: Encode | None) -> TextSignal:
    if event.event_type == POST:
        said = review_polarity(event.text or "")
        polarity = said if said <= DISLIKED else 1.0
    elif event.event_type not in GRADED:
        polarity = 1.0
    elif event.value is not None:
        polarity = max(-1.0, min(1.0, tone_of(event.value)))
    else:
        polarity = review_polarity(event.text or "")
    tag, vector = encode(words) if encode else (b"\0" * 4, b"")
    item_id = event.item_id or ""
    key = event_key(event.event_id)
    return TextSignal(event.timestamp_ms, key, event.event_type, item_id, round(polarity * 100) / 100, vector, tag)
