from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.catalog.item import Item, item_document
from endcap.encoders.quantize import quantize_unit
from endcap.errors import InvalidRequestError
from endcap.events.interaction import Interaction
from endcap.index.index import index_of
from endcap.index.overlay import ChangedItem, Overlay
from endcap.profiles.entries import register
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, merge, profile_of
from endcap.ranking.rerank import rerank_greedily
from endcap.ranking.terms.registry import TERMS
from endcap.recommend.pipeline import recommend
from endcap.recommend.prepared import encode_with
from endcap.recommend.request import Recommendation, RecommendationRequest
from endcap.snapshot.parts import ItemList, TermWeight, Weights
from endcap.snapshot.snapshot import Snapshot, load_snapshot
from endcap.snapshot.write import write_snapshot
from endcap_rebuild.data.columns import columns_of
from tests.fakes.toy_snapshot import CUTOFF_MS, DAY_MS, build_toy_snapshot, toy_contents, toy_items

NOW_MS = CUTOFF_MS
ALL = 500


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return build_toy_snapshot(tmp_path_factory.mktemp("snapshot"))


def did(kind: str, item_id: str | None = None, age_s: int = 60, **more: object) -> Interaction:
    return Interaction(f"{kind}-{item_id}-{age_s}", "u", kind, NOW_MS - age_s * 1000, item_id, **more)  # type: ignore[arg-type]


def known(snapshot: Snapshot, *acts: Interaction) -> UserProfile:
    return profile_of(acts, encode_with(snapshot))


def ask(snapshot: Snapshot, profile: UserProfile = EMPTY_PROFILE, **asked: object) -> Recommendation:
    return recommend(snapshot, profile, RecommendationRequest(**asked), NOW_MS)  # type: ignore[arg-type]


def ids(answer: Recommendation) -> list[str]:
    return [item.item_id for item in answer.items]


def scores(answer: Recommendation) -> dict[str, float]:
    return {item.item_id: item.score for item in answer.items}


SEEN_ITEM_FOLLOWER = "item-21"  # follows item-20


@pytest.mark.parametrize(
    ("act", "direction"),
    [
        (did("review", "item-20", text="love it, very good"), 1),
        (did("review", "item-20", text="terrible, it broke at once"), -1),
        (did("review", "item-20", text="很好,非常满意"), 1),
        (did("review", "item-20", text="很差,质量太差了"), -1),
        (did("review", "item-20", value=5.0), 1),
        (did("review", "item-20", value=1.0), -1),
        (did("rating", "item-20", value=5.0), 1),
        (did("rating", "item-20", value=1.0), -1),
        (did("like", "item-20"), 1),
        (did("dislike", "item-20"), -1),
        (did("return", "item-20"), -1),
    ],
    ids=lambda value: (
        f"{value.event_type}:{value.text or value.value}" if isinstance(value, Interaction) else str(value)
    ),
)
def test_neighbours_move_with_the_verdict(snapshot: Snapshot, act: Interaction, direction: int) -> None:
    weights = dict.fromkeys(TERMS, 0.0) | {"next": 1.0, "popularity": 0.1}
    before = scores(ask(snapshot, known(snapshot, did("view", "item-3")), limit=ALL, weights=weights))
    after = scores(ask(snapshot, known(snapshot, did("view", "item-3"), act), limit=ALL, weights=weights))
    assert (after[SEEN_ITEM_FOLLOWER] - before[SEEN_ITEM_FOLLOWER]) * direction > 0
    everything = ask(snapshot, known(snapshot, did("view", "item-3"), act), candidates=(SEEN_ITEM_FOLLOWER,))
    follows = next(r for r in everything.items[0].reasons if r.kind == "next")
    assert follows.weight * direction > 0


def test_unknown_shopper_gets_what_is_popular_and_is_told_so(snapshot: Snapshot) -> None:
    answer = ask(snapshot, limit=5)
    assert ids(answer) == [f"item-{k}" for k in range(5)]
    assert answer.source == "popular"
    assert {item.source for item in answer.items} == {"popular"}
    assert [item.rank for item in answer.items] == [1, 2, 3, 4, 5]
    assert answer.snapshot_version == snapshot.version


def test_unknown_shopper_in_a_category_gets_what_is_popular_there(snapshot: Snapshot) -> None:
    answer = ask(snapshot, limit=3, context={"category": "bath"})
    assert ids(answer) == ["item-1", "item-6", "item-11"]
    assert "bath" in answer.items[0].reasons[0].text
    assert ids(ask(snapshot, limit=2, context={"brand": "Cedar"})) == ["item-2", "item-6"]


def test_known_shopper_gets_what_follows_their_history(snapshot: Snapshot) -> None:
    answer = ask(snapshot, known(snapshot, did("purchase", "item-9")))
    assert answer.source == "personal"
    assert (answer.items[0].item_id, answer.items[0].source) == ("item-10", "behaviour")


def test_query_ranks_by_itself(snapshot: Snapshot) -> None:
    answer = ask(snapshot, query="red steel", limit=ALL)
    titles = {item_id: snapshot.document(snapshot.index[item_id])["title"].split() for item_id in ids(answer)}
    full = [item_id for item_id in ids(answer) if {"red", "steel"} <= set(titles[item_id])]
    assert full
    assert ids(answer)[: len(full)] == full
    assert answer.source == "query"
    assert ids(ask(snapshot, query="item-31"))[0] == "item-31"
    assert ask(snapshot, query="  ").source == "popular"


def test_shopper_with_only_a_search_is_answered_by_its_words(snapshot: Snapshot) -> None:
    searched = known(snapshot, did("search", text="garden spoon"))
    answer = ask(snapshot, searched, weights={"popularity": 0.0})
    assert answer.source == "personal"
    assert {item.source for item in answer.items} == {"content"}
    assert any(
        {"garden", "spoon"} & set(snapshot.document(snapshot.index[i])["title"].split()) for i in ids(answer)[:3]
    )


def test_query_works_without_an_encoder(tmp_path: Path) -> None:
    snapshot = build_toy_snapshot(tmp_path, encoder_files={})
    assert "red" in snapshot.document(snapshot.index[ids(ask(snapshot, query="red"))[0]])["title"]
    assert ids(ask(snapshot, known(snapshot, did("search", text="red"), did("view", "item-9"))))[0] == "item-10"


def test_only_candidates_are_ranked(snapshot: Snapshot) -> None:
    history = known(snapshot, did("purchase", "item-9"))
    asked = ("item-2", "item-10", "unknown", "item-2", "item-9")
    assert ids(ask(snapshot, history, candidates=asked)) == ["item-10", "item-2"]
    assert ids(ask(snapshot, history, candidates=asked, exclude_seen="none"))[-1] == "item-2"
    assert ids(ask(snapshot, history, candidates=())) == []


def weighed(answer: Recommendation) -> list[object]:
    return [(i.item_id, i.score, i.source, [(r.kind, r.weight) for r in i.reasons]) for i in answer.items]


def test_session_counts_like_the_stored_profile(snapshot: Snapshot) -> None:
    acts = (
        did("view", "item-5", 10),
        did("purchase", "item-9", 20),
        did("review", "item-20", 30, text="it broke"),
        did("search", None, 40, text="green cotton lamp"),
    )
    stored = ask(snapshot, known(snapshot, *acts), limit=ALL)
    session = ask(snapshot, interactions=acts, limit=ALL)
    assert weighed(session) == weighed(stored)
    # Only the words of what was just said are known: those of stored reviews and searches are not kept.
    assert any(e.words for i in session.items for r in i.reasons if r.kind == "words" for e in r.evidence)
    assert not any(e.words for i in stored.items for r in i.reasons if r.kind == "words" for e in r.evidence)
    assert ask(snapshot, known(snapshot, *acts[:2]), interactions=acts[1:], limit=ALL) == session
    assert ask(snapshot, known(snapshot, *acts), interactions=acts, limit=ALL) == session


def test_personalization_off_session_and_full(snapshot: Snapshot) -> None:
    stored, session = known(snapshot, did("purchase", "item-9")), (did("view", "item-20"),)
    full = ask(snapshot, stored, interactions=session, limit=ALL)
    assert ids(full)[0] == "item-10"
    assert not {"item-9", "item-20"} & set(ids(full))
    only_session = ask(snapshot, stored, interactions=session, personalization="session", limit=ALL)
    assert only_session == ask(snapshot, interactions=session, limit=ALL)
    off = ask(snapshot, stored, interactions=session, personalization="off", limit=ALL)
    assert off == ask(snapshot, limit=ALL)


def test_refused_consent_keeps_the_stored_profile_out(snapshot: Snapshot) -> None:
    stored = known(snapshot, did("purchase", "item-9"))
    refused = merge(stored, UserProfile(consent=register({"personalization": False}, NOW_MS)))
    assert ask(snapshot, refused) == ask(snapshot)
    agreed = merge(stored, UserProfile(consent=register({"personalization": True}, NOW_MS)))
    assert ask(snapshot, agreed) == ask(snapshot, stored)


def test_answer_as_of_a_time_does_not_know_the_future(snapshot: Snapshot) -> None:
    history = known(snapshot, did("purchase", "item-9", 500), did("purchase", "item-20", 100))
    then = ask(snapshot, history, as_of_ms=NOW_MS - 200_000, limit=ALL)
    assert ids(then)[0] == "item-10"
    assert "item-20" in ids(then)
    only_first = recommend(
        snapshot, known(snapshot, did("purchase", "item-9", 500)), RecommendationRequest(limit=ALL), NOW_MS - 200_000
    )
    assert then == only_first


def test_seen_items_are_left_out_as_asked(snapshot: Snapshot) -> None:
    history = known(
        snapshot,
        did("view", "item-5"),
        did("purchase", "item-9"),
        did("impression", "item-1"),
        did("dislike", "item-2"),
    )
    everything = {f"item-{k}" for k in range(40)}
    assert set(ids(ask(snapshot, history, limit=ALL))) == everything - {"item-5", "item-9", "item-2"}
    assert set(ids(ask(snapshot, history, limit=ALL, exclude_seen="purchased"))) == everything - {"item-9"}
    assert set(ids(ask(snapshot, history, limit=ALL, exclude_seen="none"))) == everything
    more = ask(snapshot, history, limit=ALL, exclude_seen="purchased", seen_items=("item-30", "gone"))
    assert set(ids(more)) == everything - {"item-9", "item-30"}
    assert "item-30" in ids(ask(snapshot, history, limit=ALL, exclude_seen="none", seen_items=("item-30",)))
    assert "item-7" not in ids(ask(snapshot, limit=ALL, exclude_items=("item-7",)))


def test_one_variant_per_group_and_none_of_a_seen_one(tmp_path: Path) -> None:
    documents = [item_document(replace(i, group_id=f"g{k // 4}")) for k, i in enumerate(toy_items())]
    snapshot = build_toy_snapshot(tmp_path, documents=documents)
    answer = ask(snapshot, known(snapshot, did("view", "item-6")), limit=ALL)
    groups = [int(item_id.removeprefix("item-")) // 4 for item_id in ids(answer)]
    assert sorted(groups) == [g for g in range(10) if g != 1]
    assert ids(ask(snapshot, limit=1)) == ["item-0"]
    # excluding one variant by name leaves its siblings
    assert ids(ask(snapshot, limit=1, exclude_items=("item-0",))) == ["item-1"]
    assert len(ids(ask(snapshot, limit=3, offset=4))) == 3


def test_pages_are_cuts_of_one_list(snapshot: Snapshot) -> None:
    history = known(snapshot, did("purchase", "item-9"))
    for diversity in (0.0, 0.6):
        whole = ask(snapshot, history, limit=ALL, diversity=diversity)
        assert not whole.has_more
        assert len(whole.items) == 39
        pages = [ask(snapshot, history, limit=10, offset=k, diversity=diversity) for k in range(0, 40, 10)]
        assert [item for page in pages for item in page.items] == list(whole.items)
        assert [page.has_more for page in pages] == [True, True, True, False]
    assert ask(snapshot, history, offset=100).items == ()


def test_equal_scores_fall_to_popularity_and_never_to_the_order_of_ids(tmp_path: Path) -> None:
    popularity = np.zeros(40, dtype=np.float32)
    popularity[[31, 17]] = [2.0, 1.0]
    snapshot = build_toy_snapshot(tmp_path, popularity=popularity)
    order = ids(ask(snapshot, limit=ALL, weights={"popularity": 0.0, "trend": 0.0}))
    assert order[:2] == ["item-31", "item-17"]
    rest = [int(item_id.removeprefix("item-")) for item_id in order[2:]]
    assert rest != sorted(rest)
    assert rest != sorted(rest, reverse=True)
    assert ids(ask(snapshot, limit=7, weights={"popularity": 0.0, "trend": 0.0})) == order[:7]


def test_diversity_brings_variety_and_zero_changes_nothing(snapshot: Snapshot) -> None:
    history = known(snapshot, did("purchase", "item-9"))

    def likeness(answer: Recommendation) -> float:
        rows = index_of(snapshot).white.rows(np.array([snapshot.index[i] for i in ids(answer)]))
        return float((rows @ rows.T).mean())

    plain, varied = (ask(snapshot, history, diversity=d) for d in (0.0, 0.9))
    assert likeness(varied) < likeness(plain)
    assert ids(varied)[0] == ids(plain)[0]
    assert [item.rank for item in varied.items] == list(range(1, 11))


def test_mmr_keeps_the_order_at_zero_and_refuses_nonsense() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    best_first = np.array([3.0, 2.9, 1.0])
    assert rerank_greedily(best_first, vectors, 3, 0.0).tolist() == [0, 1, 2]
    assert rerank_greedily(best_first, vectors, 2, 0.7).tolist() == [0, 2]
    assert rerank_greedily(np.ones(3), vectors, 3, 1.0).tolist() == [0, 2, 1]
    for k, diversity in ((4, 0.5), (-1, 0.5), (1, 1.5), (1, -0.1)):
        with pytest.raises(ValueError, match="rerank_greedily"):
            rerank_greedily(best_first, vectors, k, diversity)


def test_fields_return_what_the_item_has(snapshot: Snapshot) -> None:
    item = ask(snapshot, limit=1, fields=("title", "price", "nonsense")).items[0]
    document = snapshot.document(0)
    assert item.fields == {"title": document["title"], "price": document["price"]}


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"offset": -1}, "offset"),
        ({"diversity": 1.1}, "diversity"),
        ({"diversity": float("nan")}, "diversity"),
        ({"exclude_seen": "all"}, "exclude_seen"),
        ({"personalization": "max"}, "personalization"),
        ({"language": "fr"}, "language"),
        ({"weights": {"charm": 1.0}}, "weights"),
    ],
)
def test_parameters_out_of_range_are_refused(snapshot: Snapshot, asked: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        ask(snapshot, **asked)
    assert [error["field"] for error in caught.value.errors] == [field]


def test_old_history_fades_towards_what_is_popular(snapshot: Snapshot) -> None:
    def share_of_next(age_s: int) -> float:
        answer = ask(snapshot, known(snapshot, did("purchase", "item-30", age_s)), candidates=("item-31",))
        return next(r.weight for r in answer.items[0].reasons if r.kind == "next")

    day_s = DAY_MS // 1000
    assert share_of_next(60) > share_of_next(400 * day_s) > share_of_next(2000 * day_s) > 0


def test_catalogue_of_one_item_answers(tmp_path: Path) -> None:
    snapshot = build_toy_snapshot(tmp_path, n_items=1)
    history = known(snapshot, did("view", "item-0"))
    assert ids(ask(snapshot, history, exclude_seen="none", query="red")) == ["item-0"]
    assert ids(ask(snapshot, history)) == []


def test_shop_that_opens_with_an_empty_snapshot_ranks_what_was_just_added(tmp_path: Path) -> None:
    one = toy_contents(1)
    no_rows = ItemList(np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0, np.float16))
    nothing: dict[str, Any] = {
        name: getattr(one, name)[:0]
        for name in ("documents", "text_vectors", "item_vectors", "popularity", "trend", "interaction_counts")
    }
    empty = replace(one, **nothing, lists=dict.fromkeys(one.lists, no_rows), columns=columns_of([]))
    write_snapshot(tmp_path, empty)
    snapshot = load_snapshot(tmp_path)
    history = known(snapshot, did("view", "a"), did("search", text="red mug"))
    assert ids(ask(snapshot, history, query="mug", diversity=0.5)) == []
    encoder = snapshot.encoder
    assert encoder is not None
    rows = [
        ChangedItem(i, NOW_MS, Item(i, title=t), quantize_unit(encoder.encode(t)).tobytes(), encoder.tag)
        for i, t in (("a", "red mug"), ("b", "red mug"), ("c", "steel spoon"))
    ]
    answer = recommend(snapshot, history, RecommendationRequest(), NOW_MS, Overlay(snapshot, rows))
    assert ids(answer) == ["b", "c"]


_PROGRAM = """
import json, sys
from pathlib import Path
from endcap.catalog.item import Item
from endcap.events.interaction import Interaction
from endcap.index.overlay import ChangedItem, Overlay
from endcap.index.overlay import ChangedItem, Overlay
from endcap.profiles.profile import EMPTY_PROFILE
from endcap.recommend.request import RecommendationRequest; from endcap.recommend.pipeline import recommend
from endcap.encoders.quantize import quantize_unit
from endcap.snapshot.snapshot import load_snapshot
snapshot = load_snapshot(Path(sys.argv[1]))
words = ["red mug", "steel lamp", "garden spoon", "travel shirt"]
vectors = [quantize_unit(snapshot.encoder.encode(w)).tobytes() for w in words]
rows = [
    ChangedItem(f"n{k}", k, Item(f"n{k}", title=words[k % 4]), vectors[k % 4], snapshot.encoder.tag)
    for k in range(3000)
]
acts = tuple(Interaction(f"e{k}", "u", "view", 1_750_000_000_000 - k, f"item-{k}") for k in range(20))
request = RecommendationRequest(limit=300, interactions=acts, query="red spoon", diversity=0.3)
answer = recommend(snapshot, EMPTY_PROFILE, request, 1_750_000_000_000, Overlay(snapshot, rows))
print(json.dumps([[i.item_id, i.score.hex(), [r.weight.hex() for r in i.reasons]] for i in answer.items]))
"""


def test_answer_does_not_depend_on_numpy_threads(snapshot: Snapshot) -> None:
    def answer(threads: str) -> list[object]:
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, threads)}
        command = [sys.executable, "-c", _PROGRAM, str(snapshot.directory)]
        output = subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout
        answered: list[object] = json.loads(output)
        return answered

    assert answer("1") == answer("4")


def test_weights_may_be_zero(tmp_path: Path) -> None:
    nothing = Weights(terms={term: TermWeight(0.0) for term in TERMS})
    snapshot = build_toy_snapshot(tmp_path, weights=nothing)
    answer = ask(snapshot, known(snapshot, did("view", "item-9")), limit=3)
    assert ids(answer) == ["item-0", "item-1", "item-2"]  # equal scores: popularity
    assert all(item.reasons == () and item.source == "popular" for item in answer.items)
