"""Profiles as the user encoder reads them, and the encoder on onnxruntime."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper

from endcap.catalog.item import Item
from endcap.encoders import user
from endcap.encoders.onnx_check import check_graph
from endcap.encoders.quantize import quantize_unit
from endcap.encoders.user import (
    CUSTOM_AGAINST,
    CUSTOM_FOR,
    HIDDEN,
    N_KINDS,
    REVIEW_TEXT,
    UserEncoder,
    grade_codes,
    kind_code,
    known_kinds,
    places,
    span_codes,
    token_features,
)
from endcap.errors import EncoderError
from endcap.events.types import EVENT_TYPES, EventType, event_types
from endcap.index.index import index_of
from endcap.index.overlay import ChangedItem, Overlay
from endcap.profiles.entries import Entry, TextSignal
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile
from endcap.ranking.terms.similarity import item_space, user_encoder_of, user_inputs, user_vector_of
from endcap.snapshot.snapshot import load_snapshot
from endcap.snapshot.write import write_snapshot
from endcap_local.bench import random_user_encoder
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot, toy_contents
from tests.fakes.toy_user_encoder import WIDTH, toy_user_encoder, toy_user_encoder_files

MINUTE = 60_000
NOW = CUTOFF_MS
NAN = float("nan")


def ints(*values):
    return np.asarray(values, dtype=np.int64)


def entry(item, minutes_ago, kind="view", key=b"aaaa", **values):
    return Entry(NOW - minutes_ago * MINUTE, key, kind, f"item-{item}", **values)


def profile(*entries, texts=()):
    return UserProfile(interactions=tuple(sorted(entries, reverse=True)), texts=tuple(sorted(texts, reverse=True)))


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    return build_toy_snapshot(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def index(snapshot):
    return index_of(snapshot)


@pytest.fixture(scope="module")
def encoder():
    return toy_user_encoder()


def text_signal(snapshot, minutes_ago, kind="search", polarity=1.0, tag=None, seed=0):
    vector = np.random.default_rng(seed).normal(size=snapshot.whitening_mean.shape[0]).astype(np.float32)
    levels = quantize_unit(vector / np.linalg.norm(vector)).tobytes()
    own = index_of(snapshot).encoder_tag if tag is None else tag
    return TextSignal(NOW - minutes_ago * MINUTE, b"text", kind, "", polarity, levels, own)


def test_entries_of_one_moment_share_their_place():
    starts, middles = places(ints(10, 20, 20, 20, 30))
    assert starts.tolist() == [0, 1, 1, 1, 4]
    assert middles.tolist() == [2 * 0, 2 * 2, 2 * 2, 2 * 2, 2 * 4]


def test_a_moment_without_items_lies_half_way_between_its_neighbours():
    starts, middles = places(ints(10, 20), ints(15, 30, 5))
    assert starts.tolist() == [1, 2, 0]
    assert middles.tolist() == [1, 3, -1]  # between 2 * 0 and 2 * 1; after 2 * 1; before 2 * 0


def test_tokens_read_earlier_moments_and_the_read_out_reads_all():
    f = token_features(ints(10, 20, 20), ints(1, 1, 1), ints(0, 0, 0), ints(15), ints(9), ints(10), 40, True)
    h = HIDDEN
    assert f["distances"].tolist() == [
        [0, h, h, h],
        [2 * 1 - 2 * 0, 0, h, h],  # the other item of that moment and the search stay hidden
        [2 * 1 - 2 * 0, h, 0, h],
        [2 * 1 - 2 * 0, h, h, 0],
    ]
    assert f["read_distances"].tolist() == [2, 0, 0, 2 * 1 - 1]
    assert f["newest"].tolist() == [0, 0.5, 0.5, 0]


def test_spans_are_zero_when_unknown_and_grow_with_time():
    spans = ints(-5, 0, 1, 4_999, 5_000, 15_000, 30_000, 365 * 24 * 60 * MINUTE)
    codes = span_codes(spans, True).tolist()
    assert codes[:7] == [0, 0, 1, 1, 2, 3, 4]
    assert codes[7] == 3 + int(np.log2(365 * 24 * 3600 / 15))
    assert span_codes(spans, False).tolist() == [0] * 8


def test_grades_are_half_stars_and_tones_stand_in_for_them():
    grades = np.asarray([0.5, 3.3, 5.0, NAN, NAN, NAN])
    tones = np.asarray([NAN, 1.0, NAN, -1.0, 0.6, NAN])
    assert grade_codes(grades, tones).tolist() == [1, 7, 10, 2 * (3 - 2), round(2 * (3 + 1.2)), 0]


def test_custom_kinds_count_by_their_sign_and_weightless_ones_not_at_all():
    kinds = event_types({"quiz_done": 0.4, "complaint": -1.0})
    assert kind_code("quiz_done", kinds) == CUSTOM_FOR
    assert kind_code("complaint", kinds) == CUSTOM_AGAINST
    assert kind_code("purchase", kinds) == EVENT_TYPES["purchase"].code
    assert kind_code("impression", kinds) is None
    assert kind_code("never_heard_of", kinds) is None


def test_user_vector_has_length_one(index, encoder):
    inputs = user_inputs(profile(entry(3, 5), entry(4, 3)), index, encoder, NOW)
    assert np.linalg.norm(encoder.encode(inputs)) == pytest.approx(1, abs=1e-5)


def test_ids_of_events_of_one_moment_do_not_matter(index, encoder):
    one = profile(entry(1, 9), entry(2, 5, key=b"aaaa"), entry(3, 5, key=b"bbbb"), entry(4, 5, key=b"cccc"))
    other = profile(entry(1, 9), entry(2, 5, key=b"zzzz"), entry(3, 5, key=b"yyyy"), entry(4, 5, key=b"xxxx"))
    vectors = [encoder.encode(user_inputs(p, index, encoder, NOW)) for p in (one, other)]
    assert np.array_equal(*vectors)


def test_the_order_of_rows_of_one_moment_does_not_matter_to_the_graph(index, encoder):
    inputs = user_inputs(profile(entry(1, 9), entry(2, 5), entry(3, 5, "purchase")), index, encoder, NOW)
    swap = [0, 2, 1]
    swapped = {k: v[swap] if k in ("vectors", "kinds", "grades") else v for k, v in inputs.items()}
    assert np.allclose(encoder.encode(inputs), encoder.encode(swapped), atol=1e-6)


def test_order_time_and_kind_matter(index, encoder):
    plain = encoder.encode(user_inputs(profile(entry(1, 9), entry(2, 5)), index, encoder, NOW))
    for other in (
        profile(entry(2, 9), entry(1, 5)),
        profile(entry(1, 9), entry(2, 500)),
        profile(entry(1, 9), entry(2, 5, "purchase")),
        profile(entry(1, 9), entry(2, 5, "rating", value=1.0)),
    ):
        assert np.abs(encoder.encode(user_inputs(other, index, encoder, NOW)) - plain).max() > 1e-3


def test_nothing_to_read_gives_no_inputs(index, encoder):
    assert user_inputs(EMPTY_PROFILE, index, encoder, NOW) is None
    unknown = replace(entry(1, 5), item_id="never-heard-of")
    assert user_inputs(profile(unknown), index, encoder, NOW) is None
    assert user_inputs(profile(entry(1, 5, "never_heard_of")), index, encoder, NOW) is None


def test_texts_are_tokens_of_their_own_kind_unless_another_encoder_made_them(snapshot, index, encoder):
    search, review = text_signal(snapshot, 4), text_signal(snapshot, 3, "review", -0.6, seed=1)
    stranger = text_signal(snapshot, 2, tag=b"\1\2\3\4")
    inputs = user_inputs(profile(entry(1, 5), texts=(search, review, stranger)), index, encoder, NOW)
    assert inputs["kinds"].tolist() == [1, EVENT_TYPES["search"].code, REVIEW_TEXT]
    assert inputs["grades"].tolist() == [0, 10, round(2 * (3 - 1.2))]
    without = user_inputs(profile(entry(1, 5)), index, encoder, NOW)
    assert np.abs(encoder.encode(inputs) - encoder.encode(without)).max() > 1e-3


def test_an_item_newer_than_the_snapshot_is_read_by_its_text(snapshot, encoder):
    words = quantize_unit(np.asarray(snapshot.text_vectors_f16[7], dtype=np.float32)).tobytes()
    tag = index_of(snapshot).encoder_tag
    fresh = ChangedItem("brand-new", NOW, Item("brand-new", "a red mug"), words, tag)
    index = Overlay(snapshot, [fresh]).index
    inputs = user_inputs(profile(replace(entry(0, 5), item_id="brand-new"), entry(7, 3)), index, encoder, NOW)
    white = index.white.rows(index.positions(["brand-new"]))
    assert np.allclose(inputs["vectors"][0], encoder.item_vectors(white)[0])
    assert np.allclose(inputs["vectors"][1], np.asarray(snapshot.item_vectors_f16[7], dtype=np.float32))


def test_unseen_item_vectors_are_projected_texts_of_length_one(encoder):
    white = np.eye(3, 16, dtype=np.float32)
    expected = encoder.projection[:3] / np.linalg.norm(encoder.projection[:3], axis=1, keepdims=True)
    assert np.allclose(encoder.item_vectors(white), expected, atol=1e-6)
    assert not encoder.item_vectors(np.zeros((1, 16), dtype=np.float32)).any()


@pytest.fixture(scope="module")
def full_snapshot(tmp_path_factory):
    folder, base = tmp_path_factory.mktemp("full"), toy_contents()
    write_snapshot(folder, replace(base, encoder_files={**base.encoder_files, **toy_user_encoder_files()}))
    return load_snapshot(folder)


def test_similarity_is_the_cosine_of_every_item_new_ones_included(full_snapshot, encoder):
    words = quantize_unit(np.asarray(full_snapshot.text_vectors_f16[7], dtype=np.float32)).tobytes()
    tag = index_of(full_snapshot).encoder_tag
    fresh = ChangedItem("brand-new", NOW, Item("brand-new", "a red mug"), words, tag)
    index = Overlay(full_snapshot, [fresh]).index
    user = user_vector_of(profile(entry(1, 9), entry(2, 5)), index, NOW)
    values = item_space(index).everywhere(user)
    known = np.asarray(full_snapshot.item_vectors_f16, dtype=np.float32)
    assert values.shape == (41,)
    assert np.allclose(values[:40], known @ user, atol=1e-5)
    white = index.white.rows(np.asarray([40]))
    assert values[40] == pytest.approx(float(encoder.item_vectors(white)[0] @ user), abs=1e-5)


def test_a_snapshot_carries_its_user_encoder_or_none(snapshot, full_snapshot):
    assert user_encoder_of(snapshot) is None
    full = user_encoder_of(full_snapshot)
    assert full is not None
    assert full.d_item == 16
    assert user_encoder_of(full_snapshot) is full


def test_no_encoder_or_no_history_gives_no_user_vector(snapshot, full_snapshot):
    assert user_vector_of(profile(entry(1, 9)), index_of(snapshot), NOW) is None
    assert user_vector_of(EMPTY_PROFILE, index_of(full_snapshot), NOW) is None


OLD_N_KINDS = 20
OLD_ANSWER = [-0.09345, 0.00264, 0.157, -0.22751, -0.3592, -0.25684, 0.11889, -0.2496]
OLD_ANSWER += [-0.46335, -0.13517, 0.06713, -0.33952, 0.03189, -0.3911, 0.34423, -0.13497]


def test_an_encoder_of_before_answers_as_before(monkeypatch):
    monkeypatch.setattr(random_user_encoder, "N_KINDS", OLD_N_KINDS)
    old = toy_user_encoder()
    assert old.n_kinds == OLD_N_KINDS
    kinds, text_kinds = ints(5, CUSTOM_FOR, CUSTOM_AGAINST, 8), ints(9, REVIEW_TEXT)
    assert (*kinds.tolist(), *text_kinds.tolist()) == (5, 17, 18, 8, 9, 19)
    f = token_features(ints(10, 20, 20, 30), kinds, ints(0, 0, 0, 9), ints(15, 25), text_kinds, ints(10, 3), 40, True)
    answer = old.encode({**f, "vectors": np.eye(6, 16, dtype=np.float32)})
    assert answer == pytest.approx(OLD_ANSWER, abs=2e-5)


def test_types_that_are_newer_than_an_encoder_are_read_as_custom_ones_of_their_sign(monkeypatch):
    newer = {"subscribe": EventType("subscribe", 20, 0.9, 1.0), "complain": EventType("complain", 21, -1.0, 1.0)}
    monkeypatch.setattr(user, "EVENT_TYPES", {**EVENT_TYPES, **newer})
    kinds = ints(1, 20, 21, REVIEW_TEXT)
    assert known_kinds(kinds, 20).tolist() == [1, CUSTOM_FOR, CUSTOM_AGAINST, REVIEW_TEXT]
    assert known_kinds(kinds, 21).tolist() == [1, 20, CUSTOM_AGAINST, REVIEW_TEXT]
    assert known_kinds(kinds, 22).tolist() == kinds.tolist()


def test_int8_weights_answer_nearly_the_same(index, encoder):
    files = toy_user_encoder_files(as_int8=True)
    small = UserEncoder.from_bytes(files["user_encoder.onnx"], files["item_projection.npy"])
    inputs = user_inputs(profile(entry(1, 9), entry(2, 5), entry(3, 5)), index, encoder, NOW)
    assert float(small.encode(inputs) @ encoder.encode(inputs)) > 0.99


def test_the_graph_keeps_to_the_allow_list():
    summary = check_graph(toy_user_encoder_files()["user_encoder.onnx"])
    assert summary.outputs == ("user",)
    assert summary.constants["kind"] == (N_KINDS, WIDTH)


def _relabelled(model, old, new):
    graph = onnx.load_from_string(model)
    for value in (*graph.graph.input, *graph.graph.output):
        value.name = new if value.name == old else value.name
    for node in graph.graph.node:
        for names in (node.input, node.output):
            for k, name in enumerate(names):
                names[k] = new if name == old else name
    return graph.SerializeToString()


def _without_kinds(model):
    graph = onnx.load_from_string(model)
    for named in (*graph.graph.initializer, *graph.graph.node):
        if isinstance(named, onnx.TensorProto):
            named.name = "sorts" if named.name == "kind" else named.name
        else:
            named.input[:] = ["sorts" if name == "kind" else name for name in named.input]
    return graph.SerializeToString()


def _with_foreign_operator(model):
    graph = onnx.load_from_string(model)
    graph.graph.node.append(helper.make_node("If", ["now"], ["other"]))
    return graph.SerializeToString()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda m, p: (m[:100], p),
        lambda m, p: (_relabelled(m, "ages", "years"), p),
        lambda m, p: (_relabelled(m, "user", "shopper"), p),
        lambda m, p: (_with_foreign_operator(m), p),
        lambda m, p: (_without_kinds(m), p),
        lambda m, p: (m, p[:-1]),
        lambda m, p: (m, b"no array"),
        lambda m, p: (m, toy_user_encoder_files(d_item=8)["item_projection.npy"]),
    ],
)
def test_files_that_do_not_fit_are_refused(spoil):
    files = toy_user_encoder_files()
    with pytest.raises(EncoderError):
        UserEncoder.from_bytes(*spoil(files["user_encoder.onnx"], files["item_projection.npy"]))


def test_a_graph_that_answers_nan_is_an_error(index, encoder):
    inputs = user_inputs(profile(entry(1, 5)), index, encoder, NOW)
    with pytest.raises(EncoderError):
        encoder.encode({**inputs, "vectors": np.full_like(inputs["vectors"], np.nan)})
