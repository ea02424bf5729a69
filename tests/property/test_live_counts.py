"""Whatever is counted, and however its notes come to be folded, requests see the sums of all events, each once."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.events.counts import CLICKED, DEMAND, HOUR_MS, LEVELS, PEOPLE, SHOWN, WINDOWS, Change, Live, increments
from endcap.events.folding import Folded, Note, decoded, packed, unpacked
from endcap.live.counts import LIVE_COUNTS_S, LiveCounts
from endcap.profiles.profile import EMPTY_PROFILE
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RecommendationRequest
from endcap_local.event_source_mapping.state_machine import Lane, StreamRecord, StreamSettings
from endcap_local.lambda_runtime.reply import Reply
from tests.fakes.effort import tried
from tests.fakes.plain_counts import demand_of, sums_of
from tests.fakes.toy_snapshot import build_toy_snapshot

NOW_MS = 1_768_471_200_000
ITEMS = tuple(f"item-{n}" for n in range(40))


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return build_toy_snapshot(tmp_path_factory.mktemp("snapshot"))


class Store:
    """The objects of one bucket."""

    def __init__(self):
        self.objects = {}

    def read(self, level, known_etag):
        data = self.objects.get(level)
        return None if data is None or str(hash(data)) == known_etag else (data, str(hash(data)))

    def fold(self, notes, now_ms):
        for level in LEVELS:
            before = decoded(self.objects[level], level) if level in self.objects else Folded(level)
            folded = before.with_batch(notes, now_ms)
            if folded is not None:
                self.objects[level] = folded.encoded()


@tried(12)
@given(st.integers(0, 2**32 - 1))
def test_requests_see_every_event_once_and_lists_are_what_sums_give(snapshot, seed):
    # GIVEN a week of events in batches, some of which count nothing any more
    chance = random.Random(seed)
    kinds = (DEMAND, DEMAND, CLICKED, SHOWN, PEOPLE)
    reach_ms = chance.choice((HOUR_MS, 30 * HOUR_MS, 200 * HOUR_MS))
    now_ms = NOW_MS + chance.randrange(3 * HOUR_MS)
    made, notes = [], []
    for n in range(chance.randrange(1, 60)):
        sent_ms = now_ms - chance.randrange(reach_ms)
        events = [
            Change(chance.choice(kinds) + chance.choice(ITEMS), sent_ms - chance.randrange(HOUR_MS), 1)
            for k in range(chance.randrange(1, 12))
        ]
        counted = list(increments(events, sent_ms))
        made += counted
        notes.append((sent_ms, Note(str(n), unpacked(packed(counted)))))
    # WHEN their notes are folded in runs of any length, some of which come again
    notes.sort(key=lambda pair: pair[0])
    store, live, at = Store(), None, 0
    clock = [0.0]
    live = LiveCounts(store, lambda: clock[0])
    while at < len(notes):
        run = notes[at : at + chance.randrange(1, 9)]
        at += len(run)
        for _ in range(chance.choice((1, 1, 2))):
            store.fold([note for _, note in run], run[-1][0])
        if chance.random() < 0.3:  # a request amid it all
            clock[0] += 60
            live.at(run[-1][0], list(WINDOWS))
    clock[0] += 60
    # THEN demand is what the plain sums amount to, in every window
    sums = sums_of(made)
    found = live.at(now_ms, list(WINDOWS))
    plain = Live({name: demand_of(sums[w.level.name], w, now_ms) for name, w in WINDOWS.items()})
    for name in WINDOWS:
        told, wanted = found.demands[name], plain.demands[name]
        assert (told.times, told.clicked, told.shown) == (wanted.times, wanted.clicked, wanted.shown)
        assert told.people == wanted.people
        assert told.decayed == pytest.approx(wanted.decayed, rel=1e-12)
    # AND lists are the same
    asked = [
        RecommendationRequest(
            window=chance.choice(list(WINDOWS)), personalization="off", exclude_seen="none", limit=50
        ),
        RecommendationRequest(exploration=0.5, limit=8, recommendation_id="r"),
    ]
    for request in asked:
        lists = [recommend(snapshot, EMPTY_PROFILE, request, now_ms, live=of) for of in (found, plain)]
        assert [item.item_id for item in lists[0].items] == [item.item_id for item in lists[1].items]
        assert [replace(i, reasons=(), score=0.0) for i in lists[0].items] == [
            replace(i, reasons=(), score=0.0) for i in lists[1].items
        ]


@pytest.mark.parametrize(("wait_s", "seen_within_s"), [(15, 60), (25, 60), (0, 5)])
@tried(20)
@given(phase_s=st.floats(0, 30), busy=st.booleans())
def test_a_view_changes_what_is_trending_in_time(wait_s, seen_within_s, phase_s, busy):
    # GIVEN counts that are folded together after the mapping's wait, and a request each second, in virtual time
    lane = Lane(StreamSettings(batch_size=10_000, window_ms=wait_s * 1000))
    clock, store = [0.0], Store()
    live = LiveCounts(store, lambda: clock[0], poll_s=max(LIVE_COUNTS_S, wait_s))
    noted_s, n = phase_s + 3.0, 0  # what the queue and update_profile take
    seen_s = None
    while seen_s is None and clock[0] < 120:
        now_ms = NOW_MS + int(clock[0] * 1000)
        views = [(noted_s, "item-1")] + ([(float(k), f"item-{k + 2}") for k in range(30)] if busy else [])
        for at_s, item_id in views:
            if clock[0] - 0.5 < at_s <= clock[0]:
                n += 1
                view = Change(DEMAND + item_id, now_ms, 1)
                note = Note(f"{n}", tuple(increments([view], now_ms)))
                lane.offer(StreamRecord(f"{n}", "key", now_ms, {"note": note}, seen_ms=now_ms))
        batch, _ = lane.take(now_ms)
        if batch is not None:
            store.fold([record.payload["note"] for record in batch.records], now_ms)
            lane.settle(batch, Reply(None), now_ms)
        if "item-1" in live.at(now_ms, ["1h"]).demands["1h"].times:
            seen_s = clock[0]
        clock[0] += 0.5
    # THEN it is there in time
    assert seen_s is not None
    assert seen_s - phase_s <= seen_within_s - (5 if wait_s else 0)
