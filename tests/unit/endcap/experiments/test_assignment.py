"""Experiments: what a document may say, who takes part, and that assignment is fair, stable and independent."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from scipy.stats import chi2_contingency, chisquare

from endcap.errors import InvalidInputError
from endcap.events.interaction import Interaction, parse_interaction
from endcap.events.types import EVENT_TYPES
from endcap.experiments.assignment import (
    Assignment,
    Experiment,
    Variant,
    assigned,
    fraction_of,
    other_snapshot,
    running,
    surface_of,
    unit_of,
    variant_of,
)
from endcap.experiments.config import read_experiments
from endcap.recommend.request import RecommendationRequest

NOW_MS = 1_760_000_000_000
USERS = [f"user-{n}" for n in range(20_000)]
BLEND = Experiment("blend", "blend", (Variant("a", 0.5), Variant("b", 0.3)))


def document(**changes: Any) -> bytes:
    experiment = {"name": "blend", "variants": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.5}]}
    return json.dumps({"experiments": [experiment | changes]}).encode()


def names(experiment: Experiment) -> list[str]:
    return [variant.name if (variant := variant_of(experiment, user)) else "" for user in USERS]


def test_the_shares_seen_are_those_that_were_configured() -> None:
    seen = Counter(names(BLEND))
    expected = {"a": 0.5 * len(USERS), "b": 0.3 * len(USERS), "": 0.2 * len(USERS)}
    assert chisquare([seen[name] for name in expected], list(expected.values())).pvalue > 0.01


def test_experiments_of_different_salts_are_independent_and_of_one_salt_are_not() -> None:
    def table(other: Experiment) -> list[list[int]]:
        pairs = Counter(zip(names(BLEND), names(other), strict=True))
        return [[pairs[first, second] for second in ("a", "b", "")] for first in ("a", "b", "")]

    assert chi2_contingency(table(replace(BLEND, salt="other"))).pvalue > 0.01
    assert chi2_contingency(table(replace(BLEND, name="other"))).pvalue < 1e-6


def test_nobody_changes_where_the_last_share_grows_or_a_variant_comes_behind() -> None:
    before = names(BLEND)
    grown = replace(BLEND, variants=(Variant("a", 0.5), Variant("b", 0.4)))
    longer = replace(BLEND, variants=(*BLEND.variants, Variant("c", 0.2)))
    for after in (names(grown), names(longer)):
        assert [new for old, new in zip(before, after, strict=True) if old] == [old for old in before if old]
    assert "" not in names(longer)


def test_decimal_shares_leave_nobody_out_that_they_cover() -> None:
    tenths = replace(BLEND, variants=tuple(Variant(str(k), 0.1) for k in range(10)))
    assert sum(variant.share for variant in tenths.variants) < 1
    assert "" not in names(tenths)
    assert fraction_of("blend", "ann") == fraction_of("blend", "ann")
    assert all(0 <= fraction_of("blend", user) < 1 for user in USERS)


def test_the_first_experiment_that_has_a_variant_for_the_shopper_counts() -> None:
    second = Experiment("second", "second", (Variant("x", 0.5), Variant("y", 0.5)))
    got = {user: assigned([BLEND, second], user, "search", None, NOW_MS) for user in USERS[:2000]}
    left_out = [user for user in got if variant_of(BLEND, user) is None]
    assert {got[user].experiment for user in left_out} == {"second"}  # type: ignore[union-attr]
    split = Counter(got[user].variant.name for user in left_out)  # type: ignore[union-attr]
    assert chisquare([split["x"], split["y"]]).pvalue > 0.01
    assert {one.experiment for user, one in got.items() if one and user not in left_out} == {"blend"}


def test_an_experiment_takes_its_surfaces_its_scenario_and_its_time() -> None:
    whole = replace(BLEND, variants=(Variant("a", 1.0),))

    def taken(experiment: Experiment, surface: str | None = "search", scenario: str | None = None) -> bool:
        return assigned([experiment], "ann", surface, scenario, NOW_MS) == Assignment("blend", Variant("a", 1.0), "ann")

    assert taken(whole)
    assert taken(whole, scenario="home")
    assert not taken(whole, surface=None)
    assert not taken(replace(whole, surfaces=frozenset({"similar"})))
    assert taken(replace(whole, scenario="home"), scenario="home")
    assert not taken(replace(whole, scenario="home"), scenario="cart")
    assert not taken(replace(whole, scenario="home"))
    assert taken(replace(whole, start_ms=NOW_MS, end_ms=NOW_MS + 1))
    assert not taken(replace(whole, start_ms=NOW_MS + 1))
    assert not taken(replace(whole, end_ms=NOW_MS))
    assert assigned([whole], None, "search", None, NOW_MS) is None


def test_a_variant_with_a_scenario_replaces_none_that_the_experiment_does_not_name() -> None:
    other = replace(BLEND, variants=(Variant("a", 0.5), Variant("b", 0.5, scenario="home-2")))
    assert other.takes("search", None)
    assert not other.takes("search", "cart")
    assert replace(other, scenario="home").takes("search", "home")


def test_who_is_hashed() -> None:
    event = Interaction("e1", "anonymous", "view", NOW_MS, "item-1", session_id="s-1")
    later = Interaction("e2", "anonymous", "view", NOW_MS + 1, "item-1", session_id="s-2", anonymous_id="anon")
    session = RecommendationRequest(interactions=(event, later))
    assert unit_of("ann", "s-0", session) == "ann"
    assert unit_of(None, "s-0", session) == "s-0"
    assert unit_of(None, None, session) == "anon"
    assert unit_of(None, None, RecommendationRequest(interactions=(event,))) == "s-1"
    assert unit_of(None, None, RecommendationRequest()) is None


@pytest.mark.parametrize(
    ("request_", "surface"),
    [
        (RecommendationRequest(), "recommendations"),
        (RecommendationRequest(query="tea"), "search"),
        (RecommendationRequest(query=" "), "recommendations"),
        (RecommendationRequest(candidates=("a",)), "rankings"),
        (RecommendationRequest(relation="together", items=("a",)), "together"),
        (RecommendationRequest(as_of_ms=NOW_MS), None),
        (RecommendationRequest(window="1h"), None),
    ],
)
def test_the_kind_of_list(request_: RecommendationRequest, surface: str | None) -> None:
    assert surface_of(request_) == surface


def test_a_document_is_read_with_its_defaults() -> None:
    (one,) = read_experiments(
        document(
            scenario="home",
            surfaces=["search"],
            start="2026-11-01T00:00:00Z",
            variants=[
                {"name": "a", "share": 0.5},
                {"name": "b", "share": 0.25, "weights": {"next": 2}, "scenario": "home-2", "snapshot": "20261122-abc"},
            ],
        )
    )
    assert one == Experiment(
        "blend",
        "blend",
        (Variant("a", 0.5), Variant("b", 0.25, {"next": 2.0}, "home-2", "20261122-abc")),
        frozenset({"search"}),
        "home",
        1_793_491_200_000,
    )
    assert read_experiments(document(salt="2"))[0].salt == "2"
    assert read_experiments(b'{"experiments": []}') == ()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "experiments.0.name"),
        ({"variants": []}, "experiments.0.variants"),
        ({"variants": [{"name": "a", "share": 1.1}]}, "experiments.0.variants.0.share"),
        ({"variants": [{"name": "a", "share": 0.6}, {"name": "b", "share": 0.6}]}, "experiments.0.variants"),
        ({"variants": [{"name": "a", "share": 0.5}] * 2}, "experiments.0.variants"),
        ({"variants": [{"name": "a", "share": 1, "weights": {"charm": 1}}]}, "experiments.0.variants.0.weights"),
        ({"variants": [{"name": "a", "share": 1, "weights": {"next": "x"}}]}, "experiments.0.variants.0.weights.next"),
        ({"variants": [{"name": "a", "share": 1, "weights": {"next": 1e9}}]}, "experiments.0.variants.0.weights.next"),
        ({"variants": [{"name": "a", "share": 1, "snapshot": "../x"}]}, "experiments.0.variants.0.snapshot"),
        ({"variants": [{"name": "a", "share": 1, "colour": "red"}]}, "experiments.0.variants.0.colour"),
        ({"variants": [{"name": n, "share": 0.1, "snapshot": n} for n in "ab"]}, "experiments"),
        ({"surfaces": ["shop window"]}, "experiments.0.surfaces.0"),
        ({"surfaces": []}, "experiments.0.surfaces"),
        ({"start": "2026-11-02", "end": "2026-11-01"}, "experiments.0.end"),
        ({"start": "soon"}, "experiments.0.start"),
        ({"colour": "red"}, "experiments.0.colour"),
    ],
)
def test_a_document_with_a_mistake_is_refused_with_its_place(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_experiments(document(**changes))
    assert [error["field"] for error in caught.value.errors] == [field]


def test_what_is_no_such_document_is_refused() -> None:
    for data in (b"{", b"[]", b"{}", b"\xff", b'{"experiments": {}}', b"[" * 100_000):
        with pytest.raises(InvalidInputError):
            read_experiments(data)
    twice = json.loads(document())["experiments"] * 2
    with pytest.raises(InvalidInputError, match="same name"):
        read_experiments(json.dumps({"experiments": twice}).encode())


def test_a_snapshot_is_held_until_the_last_experiment_that_names_it_is_over() -> None:
    soon = replace(BLEND, variants=(Variant("a", 0.5), Variant("b", 0.5, snapshot="v2")), start_ms=NOW_MS + 1)
    assert other_snapshot([BLEND, soon], NOW_MS) == "v2"  # loaded ahead
    assert other_snapshot([replace(soon, end_ms=NOW_MS)], NOW_MS) is None
    assert other_snapshot([BLEND], NOW_MS) is None


def test_what_runs_is_told_without_its_salt() -> None:
    later = replace(BLEND, name="later", start_ms=NOW_MS + 1)
    assert running([BLEND, later], NOW_MS) == [
        {
            "name": "blend",
            "surfaces": ["recommendations", "rankings", "search", "similar", "together"],
            "variants": [{"name": "a", "share": 0.5}, {"name": "b", "share": 0.3}],
        }
    ]


def test_the_events_of_a_session_may_name_who_it_is() -> None:
    raw = {"user_id": "anonymous", "event_type": "view", "item_id": "item-1", "session_id": "s-1"}
    request = RecommendationRequest(interactions=(parse_interaction(raw, NOW_MS, EVENT_TYPES),))
    assert unit_of(None, None, request) == "s-1"
