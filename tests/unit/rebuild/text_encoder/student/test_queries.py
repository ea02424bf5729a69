"""Generated queries as pairs: graded negatives, none of the hidden items, and a gate of their own."""

from __future__ import annotations

import numpy as np
import pytest

from endcap.arrays import F32
from endcap_rebuild.text_encoder.gate import COLD, FEWEST_OWNERS, SEARCH, Owners
from endcap_rebuild.text_encoder.questions import Questions
from endcap_rebuild.text_encoder.student.pairs import Step
from endcap_rebuild.text_encoder.student.pairs_gate import HELD_OUT, pairs_verdict
from endcap_rebuild.text_encoder.student.queries import (
    HARD,
    OWN_SHARE,
    QueryPairs,
    QuerySteps,
    hard_negatives,
    pairs_of,
    probes_held_out,
)

N, DIM = 60, 12


def units(n: int, seed: int) -> F32:
    rows = np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture
def pairs() -> QueryPairs:
    """Two queries for every item but the first; every fifth item is hidden."""
    written = [(f"{which} {k}", k) for k in range(1, N) for which in ("first", "second")]
    return pairs_of(written, np.arange(N) % 5 == 0)


def test_pairs_of_hidden_items_are_held_out(pairs: QueryPairs) -> None:
    assert len(pairs.queries) == 2 * (N - 1)
    assert set(pairs.items[pairs.learned].tolist()) == {k for k in range(N) if k % 5}
    assert pairs.held_out.sum() == 2 * 11


def test_negatives_are_the_nearest_others(pairs: QueryPairs) -> None:
    items, queries = units(N, 1), units(len(pairs.queries), 2)
    found = hard_negatives(items, queries, pairs.items)
    assert found.shape == (len(queries), HARD)
    for number, row in enumerate(found.tolist()):
        near = queries[number] @ items.T
        others = [k for k in np.argsort(-near).tolist() if k != pairs.items[number]]
        assert row == others[:HARD]


def test_a_query_owes_most_to_its_own_item_and_more_to_what_is_nearer(pairs: QueryPairs) -> None:
    items, queries = units(N, 1), units(len(pairs.queries), 2)

    def ranked(chance: np.random.Generator) -> Step:
        raise AssertionError

    steps = QuerySteps(ranked, items, queries, pairs, 24, 0.1)
    step = steps.queried(np.random.default_rng(0))
    n = int((step.rows < N).sum())
    assert step.competing is not None
    np.testing.assert_array_equal(step.competing, step.rows < N)
    np.testing.assert_allclose(step.wanted.sum(axis=1), 1, rtol=1e-5)
    assert not step.wanted[:, n:].any()
    for at, row in enumerate(step.rows[n:].tolist(), start=n):
        number = row - N
        assert number in pairs.learned
        own = step.rows[:n].tolist().index(int(pairs.items[number]))
        assert step.wanted[at].argmax() == own
        assert step.wanted[at, own] >= OWN_SHARE
        rest = np.delete(step.wanted[at, :n], own)
        near = np.delete(queries[number] @ items[step.rows[:n]].T, own)
        np.testing.assert_array_equal(np.argsort(rest), np.argsort(near))


def test_about_half_of_the_steps_are_about_queries(pairs: QueryPairs) -> None:
    plain = Step(np.arange(3), np.zeros((3, 3), dtype=np.float32))
    steps = QuerySteps(lambda _: plain, units(N, 1), units(len(pairs.queries), 2), pairs, 24, 0.1)
    asked = sum(steps(np.random.default_rng(k)) is not plain for k in range(60))
    assert 18 < asked < 42


def test_probes_are_the_held_out_queries_of_the_sample(pairs: QueryPairs) -> None:
    sample = np.asarray([3, 5, 10, 12])
    nobody = np.empty(0, dtype=np.int64)
    texts = ["x", "a second thing 5", "nothing", "y"]
    given = Questions(
        sample, texts, np.empty((0, 2), dtype=np.int64), nobody, [], nobody, ["old"], [sample], sample[:1]
    )
    found, overlaps = probes_held_out(given, pairs)
    assert found.queries == ["first 5", "second 5", "first 10", "second 10"]
    assert [answer.tolist() for answer in found.answers] == [[1], [1], [2], [2]]
    assert found.askers.tolist() == [1, 1, 2, 2]
    assert overlaps[1] == 1.0
    assert overlaps[2] == 0.0


def readings(gain: float, other: float = 0.0, n: int = 120) -> tuple[list[dict[str, F32]], list[dict[str, F32]]]:
    chance = np.random.default_rng(4)
    level = {part: chance.random(n) * 0.5 for part in (HELD_OUT, COLD, SEARCH)}
    shift = {HELD_OUT: gain, COLD: other, SEARCH: 0.0}
    after = [{part: level[part] + shift[part] + chance.normal(0, 0.02, n) * (part == HELD_OUT) for part in level}] * 3
    return [level] * 3, after


def each_its_own(n: int) -> dict[str, Owners]:
    """In all parts as many askers and items as questions."""
    return dict.fromkeys((HELD_OUT, COLD, SEARCH), Owners(np.arange(n), np.arange(n)))


@pytest.mark.parametrize(("gain", "other", "taken"), [(0.1, 0.0, True), (0.0, 0.0, False), (0.1, -0.01, False)])
def test_pairs_are_taken_where_they_surely_help_and_nothing_is_worse(gain: float, other: float, taken: bool) -> None:
    without, after = readings(gain, other)
    asked = each_its_own(120)
    found = pairs_verdict(asked, without, after, [0.0] * 60 + [0.5] * 60)
    assert found["taken"] is taken
    assert found["seeds"] == 3
    told = found["parts"][HELD_OUT]["by_words_in_common"]
    assert {name: row["questions"] for name, row in told.items()} == {"no_word_in_common": 60, "more": 60}


def test_too_few_probes_decide_nothing() -> None:
    without, after = readings(0.3, n=20)
    assert pairs_verdict(each_its_own(20), without, after, [0.0] * 20)["taken"] is False


def test_what_a_few_items_gain_says_nothing_of_others() -> None:
    without, after = readings(0.1)
    numbers = np.arange(120)
    few, enough = numbers % (FEWEST_OWNERS - 1), numbers % FEWEST_OWNERS
    overlaps = [0.0] * 120
    found = pairs_verdict(each_its_own(120) | {HELD_OUT: Owners(few, few)}, without, after, overlaps)
    assert found["taken"] is False
    assert HELD_OUT not in found["parts"]
    assert pairs_verdict(each_its_own(120) | {HELD_OUT: Owners(enough, enough)}, without, after, overlaps)["taken"]
    # The queries of a few items gain, the others are as before.
    uneven = [{**one, HELD_OUT: one[HELD_OUT] + 0.5 * (numbers < 60)} for one in without]
    popular = np.maximum(numbers, 60)
    assert pairs_verdict(each_its_own(120), without, uneven, overlaps)["taken"]
    one_item = each_its_own(120) | {HELD_OUT: Owners(popular, popular)}
    assert pairs_verdict(one_item, without, uneven, overlaps)["taken"] is False
    # What is asked of few shoppers can't say that nothing is worse.
    one_shopper = each_its_own(120) | {COLD: Owners(np.zeros(120, dtype=np.int64), numbers)}
    assert pairs_verdict(one_shopper, without, after, overlaps)["taken"] is False
