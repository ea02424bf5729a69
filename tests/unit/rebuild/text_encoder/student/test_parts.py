"""What a student is made from before torch comes in: a cut vocabulary, pairs, steps of training, their number."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from tokenizers import Tokenizer

from endcap.errors import EncoderError
from endcap_rebuild.behaviour.sparse import matrix_of
from endcap_rebuild.text_encoder.student.pairs import drawn, nearest_lists, paired_step, partner_lists, ranked_step
from endcap_rebuild.text_encoder.student.plan import StudentSettings, settings_for, steps_of, texts_per_step
from endcap_rebuild.text_encoder.student.vocabulary import fit_vocabulary
from tests.fakes.tiny_bert import tiny_tokenizer
from tests.fakes.toy_shop import table_of

# ------------------------------------------------------------------ vocabulary

PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁red", "▁mug", "m", "u", "g", "mug", "▁lamp", "la", "mp", "红", "红杯"]


def unigram() -> bytes:
    tokenizer = json.loads(tiny_tokenizer())
    tokenizer["added_tokens"] = [
        {**token, "content": piece, "id": k}
        for k, (token, piece) in enumerate(zip(tokenizer["added_tokens"], PIECES, strict=False))
    ]
    tokenizer["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    tokenizer["post_processor"] = None
    tokenizer["model"] = {"type": "Unigram", "unk_id": 3, "vocab": [[p, -float(k)] for k, p in enumerate(PIECES)]}
    return json.dumps(tokenizer).encode()


@pytest.mark.parametrize("raw", [tiny_tokenizer(), unigram()], ids=["WordPiece", "Unigram"])
def test_texts_of_the_catalogue_are_read_as_before(raw: bytes) -> None:
    texts = ["red mug", "mug"]
    cut, kept = fit_vocabulary(raw, texts, common=4)
    before, after = Tokenizer.from_str(raw.decode()), Tokenizer.from_str(cut.decode())
    assert after.get_vocab_size() == len(kept) < before.get_vocab_size()
    for text in texts:
        assert after.encode(text).tokens == before.encode(text).tokens
        assert kept[after.encode(text).ids].tolist() == before.encode(text).ids


def test_other_words_fall_apart_into_characters_and_are_still_read() -> None:
    cut, _ = fit_vocabulary(tiny_tokenizer(), ["red mug"], common=4)
    assert Tokenizer.from_str(cut.decode()).encode("lamp").tokens == ["[CLS]", "l", "##a", "##m", "##p", "[SEP]"]


def test_common_pieces_stay_whatever_the_catalogue_says() -> None:
    raw = tiny_tokenizer()
    size = Tokenizer.from_str(raw.decode()).get_vocab_size()
    _, kept = fit_vocabulary(raw, [], common=size)
    np.testing.assert_array_equal(kept, np.arange(size))


def test_tokenizer_that_cannot_be_cut_is_named() -> None:
    with pytest.raises(EncoderError, match="BPE"):
        fit_vocabulary(json.dumps({"model": {"type": "BPE"}}).encode(), [])


# ------------------------------------------------------------------ pairs and steps


def test_partners_are_what_users_chose_together() -> None:
    rows = [(f"u{k}", item, "purchase", float(k)) for k in range(8) for item in ((0, 1) if k % 2 else (2, 3))]
    hidden = np.zeros(5, dtype=np.bool_)
    lists = partner_lists(table_of(rows, 5), hidden, clock=True, seed=0)
    assert lists.row(0)[0].tolist() == [1]
    assert lists.row(3)[0].tolist() == [2]
    assert len(lists.row(4)[0]) == 0


def test_hidden_items_are_nobodys_partner() -> None:
    rows = [(f"u{k}", item, "purchase", float(k)) for k in range(8) for item in (0, 1, 2)]
    hidden = np.array([False, True, False])
    pairs = matrix_of(partner_lists(table_of(rows, 3), hidden, clock=True, seed=0)).toarray()
    assert not pairs[1].any()
    assert not pairs[:, 1].any()
    assert pairs[0, 2] > 0


def test_no_events_no_partners() -> None:
    assert partner_lists(table_of([], 3), np.zeros(3, dtype=np.bool_), clock=True, seed=0).indices.size == 0


def test_a_step_holds_anchors_with_their_partners_and_shares_add_up() -> None:
    chance = np.random.default_rng(0)
    vectors = chance.normal(size=(40, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    lists = nearest_lists(vectors, k=5)
    rows = drawn(lists, np.arange(40), 12, 2, chance)
    assert len(rows) <= 12
    assert len(np.unique(rows)) == len(rows)
    step = paired_step(matrix_of(lists), rows)
    totals = step.wanted.sum(axis=1)
    np.testing.assert_allclose(totals[totals > 0], 1, rtol=1e-5)
    assert (totals > 0).sum() >= 4
    assert not step.wanted.diagonal().any()


def test_ranked_shares_are_the_softmax_of_the_teachers_cosines() -> None:
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 1]], dtype=np.float32)
    step = ranked_step(vectors, np.array([0, 1, 2]), temperature=0.5)
    expected = np.exp([0.8 / 0.5, 0.0]) / np.exp([0.8 / 0.5, 0.0]).sum()
    np.testing.assert_allclose(step.wanted[0], [0, *expected], rtol=1e-5)
    np.testing.assert_allclose(step.wanted.sum(axis=1), 1, rtol=1e-5)


def test_nearest_lists_agree_with_a_full_sort() -> None:
    vectors = np.random.default_rng(1).normal(size=(30, 4)).astype(np.float32)
    lists = nearest_lists(vectors, k=6, block=7)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    for item in range(30):
        items, weights = lists.row(item)
        assert items[np.argsort(-weights, kind="stable")].tolist() == np.argsort(-cosines[item])[:6].tolist()


def test_two_items_are_each_others_nearest() -> None:
    assert nearest_lists(np.eye(2, dtype=np.float32)).row(0)[0].tolist() == [1]


# ------------------------------------------------------------------ plan


def test_the_work_budget_sets_the_number_of_steps() -> None:
    settings = replace(StudentSettings(), tokens=10, texts=100, work=1.0, least_steps=2, most_passes=5)
    assert steps_of(100_000, 1e7, settings) == 100  # 1e12 / (1e7 operations x 100 texts x 10 tokens)
    assert steps_of(100_000, 1e12, settings) == 2
    assert steps_of(400, 1e3, settings) == 20  # five times 400 texts, a hundred a step


def test_small_catalogues_have_small_steps() -> None:
    assert texts_per_step(40, StudentSettings()) == 20
    assert texts_per_step(100_000, StudentSettings()) == StudentSettings().texts
    assert settings_for("cuda", 1, 2).work > settings_for("cpu", 1, 2).work
