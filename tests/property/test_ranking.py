"""Rules of ranking that hold for any history and any request."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.catalog.item import document_text, item_document
from endcap.events.interaction import Interaction
from endcap.events.types import EVENT_TYPES
from endcap.explain.reasons import Reason
from endcap.filters.parser import expression
from endcap.index.overlay import ChangedItem, Overlay
from endcap.profiles.profile import EMPTY_PROFILE, profile_of
from endcap.ranking.rerank import rerank_greedily
from endcap.ranking.terms.inputs import ANCHORED
from endcap.ranking.terms.registry import TERMS
from endcap.recommend.pipeline import recommend
from endcap.recommend.prepared import encode_with
from endcap.recommend.request import Boost, RankedItem, Recommendation, RecommendationRequest
from endcap.snapshot.snapshot import Snapshot
from endcap.text.tokens import normalized
from tests.fakes.effort import tried
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot, folder_of_this_run, toy_items

N_ITEMS = 40
GROUPS = {k: f"g{k // 3}" for k in range(0, 24)}  # the rest stand alone
ITEM_IDS = [f"item-{k}" for k in range(N_ITEMS)]
KINDS = sorted(set(EVENT_TYPES) - {"search", "tag", "identify", "impression"})


@cache
def toy() -> Snapshot:
    documents = [item_document(replace(i, group_id=GROUPS.get(k))) for k, i in enumerate(toy_items(N_ITEMS))]
    return build_toy_snapshot(folder_of_this_run(), N_ITEMS, documents=documents)


def group_of(item_id: str) -> str:
    return GROUPS.get(int(item_id.removeprefix("item-")), item_id)


ids = st.sampled_from(ITEM_IDS)
acts = st.builds(
    lambda kind, item_id, moment, grade: (kind, item_id, moment, grade if kind in ("rating", "review") else None),
    st.sampled_from(KINDS),
    ids,
    st.integers(0, 6),  # few moments, so that ties are common
    st.sampled_from([None, 1.0, 3.0, 5.0]),
)
histories = st.lists(acts, max_size=25)
searches = st.lists(st.tuples(st.sampled_from(["red mug", "garden lamp", "steel"]), st.integers(0, 2)), max_size=4)

Act = tuple[str, str, int, float | None]


def events(history: Iterable[Act], found: Iterable[tuple[str, int]], names: Iterable[int]) -> list[Interaction]:
    numbers = iter(names)
    made = [
        Interaction(f"e{next(numbers)}", "u", kind, CUTOFF_MS - moment * 1000, item_id, value)
        for kind, item_id, moment, value in history
    ]
    made += [
        Interaction(f"e{next(numbers)}", "u", "search", CUTOFF_MS - moment * 1000, text=text) for text, moment in found
    ]
    return made


def ask(session: Iterable[Interaction] = (), overlay: Overlay | None = None, **asked: object) -> Recommendation:
    request = RecommendationRequest(interactions=tuple(session), limit=500, **asked)  # type: ignore[arg-type]
    return recommend(toy(), EMPTY_PROFILE, request, CUTOFF_MS, overlay)


@tried(60)
@given(histories, searches, st.randoms(use_true_random=False))
def test_event_ids_and_arrival_order_change_nothing(
    history: list[Act],
    found: list[tuple[str, int]],
    random: Random,
) -> None:
    n = len(history) + len(found)
    names = random.sample(range(10_000), n)
    first = events(history, found, range(n))
    second = events(history, found, names)
    random.shuffle(second)
    assert ask(first) == ask(second)


@tried(60)
@given(
    histories,
    st.sampled_from(["interacted", "purchased", "none"]),
    st.sets(ids, max_size=5),
    st.none() | st.sets(ids, max_size=12),
    st.sets(ids, max_size=8),
    st.sets(ids, max_size=8),
)
def test_what_is_shown_is_what_a_plain_filter_keeps(
    history: list[Act],
    exclude_seen: str,
    excluded: set[str],
    candidates: set[str] | None,
    sold_out: set[str],
    deleted: set[str],
) -> None:
    items = {item.item_id: item for item in toy_items(N_ITEMS)}
    rows = [
        ChangedItem(i, CUTOFF_MS, replace(items[i], available=False, group_id=GROUPS.get(ITEM_IDS.index(i))))
        for i in sorted(sold_out - deleted)
    ]
    rows += [ChangedItem(i, CUTOFF_MS) for i in sorted(deleted)]
    answer = ask(
        events(history, (), range(len(history))),
        Overlay(toy(), rows),
        exclude_seen=exclude_seen,
        exclude_items=tuple(excluded),
        candidates=None if candidates is None else tuple(candidates),
        explain=False,
    )
    seen = {
        group_of(item_id)
        for kind, item_id, _, _ in history
        if exclude_seen == "interacted" or (exclude_seen == "purchased" and kind == "purchase")
    }
    kept = [
        item_id
        for item_id in ITEM_IDS
        if item_id not in sold_out | deleted | excluded
        and (candidates is None or item_id in candidates)
        and group_of(item_id) not in seen
    ]
    shown = [item.item_id for item in answer.items]
    assert set(shown) <= set(kept)
    assert sorted(map(group_of, shown)) == sorted(set(map(group_of, kept)))


EVERY_TERM = dict.fromkeys(TERMS, 1.0)


@tried(40)
@given(histories, searches, st.sampled_from([None, "red steel", "item-7"]), st.sampled_from([None, *sorted(ANCHORED)]))
def test_reasons_add_up_and_their_words_are_the_items_with_every_term_on(
    history: list[Act], found: list[tuple[str, int]], query: str | None, relation: str | None
) -> None:
    shown = [Interaction(f"s{k}", "u", "impression", CUTOFF_MS - k, f"item-{k}") for k in range(0, 40, 3)]
    answer = ask(
        [*events(history, found, range(99)), *shown],
        query=query,
        relation=relation,
        items=("item-11", "item-24") if relation else (),
        weights=EVERY_TERM,
        rotation=1.0,
        boosts=(Boost(expression("price > 20"), 0.5),),
        context={"category": "garden", "brand": "Acme"},
        exclude_seen="none",
    )
    texts = {item.item_id: normalized(document_text(item_document(item))) for item in toy_items(N_ITEMS)}
    kinds = set()
    for item in answer.items:
        assert sum(reason.weight for reason in item.reasons) == pytest.approx(item.score, abs=1e-6)
        for reason in item.reasons:
            kinds.add(reason.kind)
            for evidence in reason.evidence:
                for word in evidence.words:
                    assert normalized(word) in texts[item.item_id] or word in item.item_id
                    if evidence.item_id is not None and reason.kind in ("text", "wording", "similar"):
                        assert normalized(word) in texts[evidence.item_id]
                    if evidence.event_type == "query":
                        assert word in str(query)
    assert {"boost", "rotation", "popularity"} <= kinds


@tried(40)
@given(histories, searches, st.sampled_from([None, "red steel", "item-7"]), st.sampled_from([0.0, 0.4]))
def test_scores_fall_and_are_the_sums_of_their_reasons(
    history: list[Act], found: list[tuple[str, int]], query: str | None, diversity: float
) -> None:
    session = events(history, found, range(99))
    answer = ask(session, query=query, diversity=diversity)
    for item in answer.items:
        assert sum(reason.weight for reason in item.reasons) == pytest.approx(item.score, abs=1e-6)
    if diversity == 0:
        scores = [item.score for item in answer.items]
        assert scores == sorted(scores, reverse=True)
    assert [item.rank for item in answer.items] == list(range(1, len(answer.items) + 1))


@tried(30)
@given(histories, searches, st.data())
def test_a_counterfactual_equals_a_run_without_the_event(
    history: list[Act], found: list[tuple[str, int]], data: st.DataObject
) -> None:
    everything = events(history, found, range(99))
    if not everything:
        return
    left_out = data.draw(st.sampled_from(everything))
    again = ask([e for e in everything if e is not left_out])
    ranks = {item.item_id: item.rank for item in again.items}
    asked = ask(everything, without_event=left_out.event_id, counterfactual=True)
    for item in asked.items:
        assert item.counterfactual is not None
        assert item.counterfactual.rank == ranks.get(item.item_id)
        assert item.counterfactual.event_type == left_out.event_type
    for item in ask(everything, counterfactual=True).items:
        if (told := item.counterfactual) is not None:
            same = [e for e in everything if (e.event_type, e.item_id) == (told.event_type, told.item_id)]
            (one, *_) = [e for e in same if e.timestamp_ms == told.timestamp]
            # Of acts that are alike in kind, item and time any may be the one that is left out.
            if len([e for e in same if e.timestamp_ms == told.timestamp]) == 1:
                rest = ask([e for e in everything if e is not one])
                assert told.rank == {i.item_id: i.rank for i in rest.items}.get(item.item_id)


@tried(40)
@given(histories, st.sets(ids, max_size=15), st.integers(1, 40))
def test_candidates_keep_the_order_of_the_whole_list_and_limit_cuts_it(
    history: list[Act], candidates: set[str], limit: int
) -> None:
    session = tuple(events(history, (), range(len(history))))
    one_each = {group_of(i): i for i in sorted(candidates)}
    shown = [i.item_id for i in ask(session, exclude_seen="none", candidates=tuple(one_each.values())).items]
    among = [i.item_id for i in ask(session, exclude_seen="none", candidates=tuple(candidates)).items]
    assert {group_of(i) for i in among} == {group_of(i) for i in shown}
    whole = ask(session, exclude_seen="none")
    order = {group_of(item.item_id): item.rank for item in whole.items}
    alone = [i for i in shown if group_of(i) == i]
    assert [order[i] for i in alone] == sorted(order[i] for i in alone)
    cut = RecommendationRequest(limit=limit, interactions=session, exclude_seen="none")
    assert recommend(toy(), EMPTY_PROFILE, cut, CUTOFF_MS).items == whole.items[:limit]


@tried(40)
@given(histories, searches, st.integers(0, 25))
def test_stored_and_running_session_are_one_history(history: list[Act], found: list[tuple[str, int]], cut: int) -> None:
    everything = events(history, found, range(99))
    stored = profile_of(everything[:cut], encode_with(toy()))
    request = RecommendationRequest(limit=500, interactions=tuple(everything[cut:]))
    apart, together = recommend(toy(), stored, request, CUTOFF_MS), ask(everything)
    # What was written in the running session is told in its words; what is stored has none.
    assert [without_words(item) for item in apart.items] == [without_words(item) for item in together.items]
    assert (apart.source, apart.has_more) == (together.source, together.has_more)


def without_words(item: RankedItem) -> RankedItem:
    return replace(item, reasons=tuple(Reason(r.kind, r.weight, "") for r in item.reasons))


@tried()
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=12), st.data())
def test_mmr_gives_distinct_candidates_and_starts_with_the_best(values: list[float], data: st.DataObject) -> None:
    scores = np.sort(np.asarray(values))[::-1]
    k = data.draw(st.integers(1, len(values)))
    diversity = data.draw(st.floats(0, 0.99))
    angles = np.asarray(data.draw(st.lists(st.floats(0, 6), min_size=len(values), max_size=len(values))))
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    order = rerank_greedily(scores, vectors, k, diversity).tolist()
    assert len(set(order)) == k
    assert order[0] == 0


@tried(40)
@given(histories, searches, st.sampled_from([0.0, 0.4]))
def test_a_counterfactual_is_the_list_without_the_event(
    history: list[Act], found: list[tuple[str, int]], diversity: float
) -> None:
    apart = [(kind, item_id, n, grade) for n, (kind, item_id, _, grade) in enumerate(history)]
    session = events(apart, found, range(99))
    asked = {"limit": 12, "diversity": diversity, "interactions": tuple(session)}
    answer = recommend(toy(), EMPTY_PROFILE, RecommendationRequest(**asked, counterfactual=True), CUTOFF_MS)
    plain = recommend(toy(), EMPTY_PROFILE, RecommendationRequest(**asked), CUTOFF_MS)
    assert [replace(item, counterfactual=None) for item in answer.items] == list(plain.items)
    for item in answer.items:
        about = item.counterfactual
        if about is None:
            continue
        name = (about.item_id, about.event_type, about.timestamp)
        rest = [e for e in session if (e.item_id, e.event_type, e.timestamp_ms) != name]
        assert len(rest) == len(session) - 1
        again = {other.item_id: other.rank for other in ask(rest, diversity=diversity, explain=False).items}
        assert about.rank == again.get(item.item_id)
    assert all(item.counterfactual is None for item in answer.items[10:])
