"""One feature path: what the trainer reads of a history is what serving reads of the stored profile."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.encoders.quantize import dequantize_unit, quantize_unit
from endcap.encoders.user import HIDDEN, INPUTS, MAX_ITEMS
from endcap.events.interaction import Interaction
from endcap.index.index import index_of
from endcap.profiles.codec import decode_profile, encode_profile
from endcap.profiles.profile import EMPTY_PROFILE, merge, profile_of
from endcap.ranking.terms.similarity import user_inputs
from endcap.snapshot.whitening import whiten
from endcap_rebuild.data.event_table import event_table, settled
from endcap_rebuild.data.reading import ReadReport
from endcap_rebuild.user_encoder.sequences import Window, batch_of, text_bounds_of, tower_data
from endcap_rebuild.user_encoder.texts import review_tokens
from tests.fakes.effort import tried
from tests.fakes.text_tokens import text_tokens
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot
from tests.fakes.toy_user_encoder import toy_user_encoder

KINDS = ["view", "purchase", "rating", "review", "search", "impression", "return", "dislike", "tag"]
TEXTS = st.none() | st.sampled_from(["很好", "broke after a day", "red lamp", "so-so, a bit small", "一般"])
LATEST_MS = 40 * 3_600_000

actions = st.tuples(
    st.sampled_from(KINDS),
    # Few distinct times, so that many events share one, and some of all sizes.
    st.one_of(st.integers(0, 5).map(lambda k: k * 60_000), st.integers(0, LATEST_MS)),
    st.integers(0, 11),
    st.sampled_from([None, 0.5, 3.3, 4.0, 5.0]),
    TEXTS,
)
histories = st.lists(actions, min_size=1, max_size=90)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return build_toy_snapshot(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def encoder():
    return toy_user_encoder()


def interactions_of(history):
    events = []
    for k, (kind, at_ms, item, value, text) in enumerate(history):
        has_item = kind not in ("search",)
        events.append(
            Interaction(
                event_id=f"event-{k}",
                user_id="shopper",
                event_type=kind,
                timestamp_ms=CUTOFF_MS + at_ms,
                item_id=f"item-{item}" if has_item else None,
                value=value if kind in ("rating", "review") else None,
                text=(text or "lamp") if kind in ("search", "tag") else text if kind == "review" else None,
            )
        )
    return events


def stored_profile(events, encode):
    """As update_profile leaves it: folded one by one, through the stored bytes."""
    profile = EMPTY_PROFILE
    for event in events:
        profile = decode_profile(encode_profile(merge(profile, profile_of([event], encode))))
    return profile


def trainer_inputs(snapshot, events, encode, goal):
    """The last position of the batch that predicts `goal`, ties in the order in which serving reads them."""
    known = settled(event_table([*events, goal], snapshot.index, ReadReport()), goal.timestamp_ms)
    d_item = snapshot.item_vectors_f16.shape[1]
    users = {name: row for row, name in enumerate(known.user_ids)}
    texts = text_tokens(events, users, encode, lambda raw: whiten(snapshot, raw), d_item)
    white = np.asarray(snapshot.item_vectors_f16, dtype=np.float32)
    data = tower_data(known, white, snapshot.clock_usable, texts)
    tones = np.nan_to_num(known.tone, nan=-9.0)
    data = data.rows(np.lexsort((tones, data.grade, data.event_type, data.item, data.time_ms)))
    last = len(data.user) - 1
    window = Window(max(0, last - MAX_ITEMS), last, 0)
    cut = window.start and data.time_ms[window.start] == data.time_ms[window.start - 1]
    batch = batch_of(data, [window], text_bounds_of(data))
    return None if cut else (data, batch, window.end - window.start - 1)


@tried(120)
@given(history=histories, wait_ms=st.integers(1, LATEST_MS))
def test_trainer_and_serving_read_the_same(snapshot, encoder, history, wait_ms):
    cache = {}

    def encode(text):
        if text not in cache:
            vector = snapshot.encoder.encode(text)
            cache[text] = (snapshot.encoder.tag, quantize_unit(vector).tobytes())
        return cache[text]

    events = interactions_of(history)
    now_ms = max(e.timestamp_ms for e in events) + wait_ms
    served = user_inputs(stored_profile(events, encode), index_of(snapshot), encoder, now_ms)
    has_items = any(e.item_id is not None and e.event_type not in ("impression", "tag") for e in events)
    assert (served is not None) == has_items
    if served is None:
        return
    goal = Interaction("goal", "shopper", "purchase", now_ms, "item-0")
    trained = trainer_inputs(snapshot, events, encode, goal)
    if trained is None:  # the 64th newest shares its moment with the 65th: which one stays is up to their ids
        return
    data, batch, last = trained
    n_items = batch.items.shape[1]
    texts = np.flatnonzero(batch.read_distances[0, last, n_items:] != HIDDEN)
    words = encoder.item_vectors(data.texts.white[batch.texts[0, texts]])
    tokens = np.concatenate([np.arange(n_items), n_items + texts])
    trainer = {
        "kinds": batch.kinds[0, tokens],
        "grades": batch.grades[0, tokens],
        "gaps": batch.gaps[0, tokens],
        "distances": batch.distances[0][np.ix_(tokens, tokens)],
        "newest": np.concatenate([batch.newest[0, last], np.zeros(len(texts), dtype=np.float32)]),
        "read_distances": batch.read_distances[0, last, tokens],
        "ages": batch.ages[0, last, tokens],
        "now": batch.now[0, last : last + 1],
        "vectors": np.concatenate([data.white[batch.items[0]], words]),
    }
    for name, value in in_one_order(trainer, n_items).items():
        other = in_one_order(served, n_items)[name]
        assert value.shape == other.shape, name
        if name == "vectors":
            assert np.allclose(value, other, atol=1e-6)
        else:
            assert np.array_equal(value, other), name


def in_one_order(inputs, n_items):
    """The inputs with texts in an order that both sides can agree on; the graph does not care about it."""
    vectors = np.round(inputs["vectors"], 3).tolist()

    def content(k):
        return (inputs["ages"][k], inputs["kinds"][k], inputs["grades"][k], vectors[k])

    order = sorted(range(n_items, len(vectors)), key=content)
    order = [*range(n_items), *order]
    ordered = {name: inputs[name][order] for name in INPUTS if name not in ("distances", "now")}
    return {**ordered, "distances": inputs["distances"][np.ix_(order, order)], "now": inputs["now"]}


@tried(30)
@given(history=histories)
def test_reviews_of_the_table_are_those_of_the_stream(snapshot, history):
    def encode(text):
        return b"abcd", quantize_unit(snapshot.encoder.encode(text)).tobytes()

    def white_of(texts):
        return whiten(snapshot, np.stack([dequantize_unit(np.frombuffer(encode(t)[1], dtype=np.int8)) for t in texts]))

    events = [event for event in interactions_of(history) if event.event_type not in ("search", "tag")]
    table = event_table(events, snapshot.index, ReadReport())
    d_item = snapshot.item_vectors_f16.shape[1]
    streamed = text_tokens(events, {"shopper": 0}, encode, lambda raw: whiten(snapshot, raw), d_item)
    counted = review_tokens(table, white_of, d_item)
    for one, other in zip(as_sorted(streamed), as_sorted(counted), strict=True):
        assert np.array_equal(one, other)


def as_sorted(texts):
    white = np.round(texts.white, 3)
    order = np.lexsort((*white.T[::-1], texts.grade, texts.kind, texts.time_ms, texts.user))
    return texts.user[order], texts.time_ms[order], texts.kind[order], texts.grade[order], white[order]
