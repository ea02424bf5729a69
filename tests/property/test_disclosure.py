"""Numbers of few people are not told, and whether they are told changes no ranking."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.disclosure import LEAST_PEOPLE
from endcap.events.counts import WINDOWS, Demand, Live
from endcap.profiles.profile import EMPTY_PROFILE
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import Recommendation, RecommendationRequest
from endcap.snapshot.snapshot import Snapshot
from tests.fakes.toy_snapshot import CUTOFF_MS, build_toy_snapshot

ITEMS = tuple(f"item-{n}" for n in range(8))
NUMBER = re.compile(r"about (\d+) time")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder: Path = tmp_path_factory.mktemp("snapshot")
    return build_toy_snapshot(folder)


def ask(snapshot: Snapshot, times: dict[str, int], people: dict[str, int]) -> Recommendation:
    demand = Demand(WINDOWS["24h"], times, {name: float(n) for name, n in times.items()}, people=people)
    request = RecommendationRequest(limit=8, window="24h", exclude_seen="none")
    return recommend(snapshot, EMPTY_PROFILE, request, CUTOFF_MS, live=Live({"24h": demand}))


@given(
    st.dictionaries(st.sampled_from(ITEMS), st.integers(1, 30), min_size=1),
    st.dictionaries(st.sampled_from(ITEMS), st.integers(0, 9)),
)
def test_counts_are_told_of_five_people_or_more_and_rank_from_the_first(
    snapshot: Snapshot, times: dict[str, int], people: dict[str, int]
) -> None:
    told, everyone = ask(snapshot, times, people), ask(snapshot, times, dict.fromkeys(ITEMS, 99))
    assert [(i.item_id, i.score, i.rank) for i in told.items] == [(i.item_id, i.score, i.rank) for i in everyone.items]
    for item in told.items:
        numbers = NUMBER.findall(" ".join(reason.text for reason in item.reasons))
        enough = people.get(item.item_id, 0) >= LEAST_PEOPLE
        assert numbers == ([str(times[item.item_id])] if enough else [])
