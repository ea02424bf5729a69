"""Variety over many shoppers: the more is asked for, the less alike are the items of a list."""

from __future__ import annotations

from functools import cache
from itertools import combinations, pairwise

import numpy as np

from endcap.events.interaction import Interaction
from endcap.profiles.profile import profile_of
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot, folder_of_this_run, toy_contents

N, LIMIT = 150, 10
KNOBS = (0.0, 0.25, 0.5, 0.75, 1.0)
QUERIES = (None, "red mug", "garden lamp")


@cache
def toy() -> Snapshot:
    return build_toy_snapshot(folder_of_this_run(), N)


def shown(history: list[int], query: str | None, knob: float) -> list[int]:
    events = [Interaction(f"e{k}", "u", "view", CUTOFF_MS - 1000 * k, f"item-{k}") for k in history]
    request = RecommendationRequest(limit=LIMIT, query=query, diversity=knob, explain=False)
    answer = recommend(toy(), profile_of(events), request, CUTOFF_MS)
    return [int(item.item_id.removeprefix("item-")) for item in answer.items]


def test_mean_likeness_within_a_list_does_not_rise_with_the_knob_over_200_requests() -> None:
    vectors = toy_contents(N).item_vectors  # unit rows
    chance = np.random.default_rng(0)
    asked = [
        (chance.choice(N, chance.integers(0, 20), replace=False).tolist(), QUERIES[k % len(QUERIES)])
        for k in range(200)
    ]

    def likeness(knob: float) -> float:
        """Mean cosine between two items of one list."""
        lists = [shown(*one, knob) for one in asked]
        assert all(len(set(one)) == LIMIT for one in lists)
        return float(np.mean([vectors[a] @ vectors[b] for one in lists for a, b in combinations(one, 2)]))

    means = [likeness(knob) for knob in KNOBS]
    assert all(later <= earlier + 1e-9 for earlier, later in pairwise(means)), means
    assert means[-1] < means[0] - 0.1
