"""Calibration over many shoppers: the more is asked for, the nearer the list's mix to the history's."""

from __future__ import annotations

import math
from collections import Counter
from functools import cache
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from endcap.events.interaction import Interaction
from endcap.profiles.profile import profile_of
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.effort import examples, proved, tried
from tests.fakes.toy_snapshot import CATEGORIES, CUTOFF_MS, build_toy_snapshot, folder_of_this_run

N, LIMIT = 150, 10
KNOBS = (0.0, 0.25, 0.5, 0.75, 1.0)


@cache
def toy() -> Snapshot:
    return build_toy_snapshot(folder_of_this_run(), N)


def mix_of(numbers: list[int]) -> dict[str, float]:
    return {name: n / len(numbers) for name, n in Counter(CATEGORIES[k % 5] for k in numbers).items()}


def divergence(history: list[int], shown: list[int]) -> float:
    """Plainly, by the one category of each toy item that says something."""
    wanted, got = mix_of(history), mix_of(shown)
    return sum(p * math.log(p / (0.99 * got.get(name, 0.0) + 0.01 * p)) for name, p in wanted.items())


def lists(history: list[int], knob: float, diversity: float = 0.0) -> list[int]:
    events = [Interaction(f"e{k}", "u", "purchase", CUTOFF_MS - 1000, f"item-{k}") for k in history]
    request = RecommendationRequest(limit=LIMIT, calibration=knob, diversity=diversity, explain=False)
    answer = recommend(toy(), profile_of(events), request, CUTOFF_MS)
    return [int(item.item_id.removeprefix("item-")) for item in answer.items]


@proved
def test_mean_divergence_does_not_rise_with_the_knob_over_many_requests() -> None:
    chance = np.random.default_rng(0)
    histories = [chance.choice(N, chance.integers(1, 20), replace=False).tolist() for _ in range(examples(120))]
    for diversity in (0.0, 0.3):
        means = [np.mean([divergence(h, lists(h, knob, diversity)) for h in histories]) for knob in KNOBS]
        assert all(later <= earlier + 1e-9 for earlier, later in pairwise(means)), means
        assert means[-1] < 0.5 * means[0]


@tried(40)
@given(st.lists(st.integers(0, N - 1), max_size=20, unique=True), st.sampled_from(KNOBS), st.sampled_from([0.0, 0.5]))
def test_a_calibrated_list_is_a_list_of_distinct_unseen_items(
    history: list[int], knob: float, diversity: float
) -> None:
    shown = lists(history, knob, diversity)
    assert len(set(shown)) == len(shown) == LIMIT
    assert not set(shown) & set(history)
    if knob == 0:
        assert shown == lists(history, 0.0, diversity)
