"""The gates at their borders: what just passes, what just does not, and the words of a refusal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from endcap.snapshot.figures import Compared, Figures, Route
from endcap.snapshot.gates import GATES, REMEMBERED, SETTING_RANGES, Case, GateError, check_gates, refusals
from tests.unit.endcap.snapshot.test_gates import NOW_MS, case, manifest, refused_by

LATEST_MS = NOW_MS + 300_000


def alone(one: Case, **changes: Any) -> Case:
    """As a first snapshot is, with nothing before it."""
    return replace(one, current=None, before=(), measured=replace(one.measured, compared=None, **changes))


def words(one: Case) -> Mapping[str, str]:
    return refusals(one)


def with_counts(**counts: Any) -> dict[str, Any]:
    return {**manifest(), "counts": {**manifest()["counts"], **counts}}


def after(*before: Figures, **changes: Any) -> Case:
    """A sound candidate, held to these alone."""
    found = case(**changes)
    return replace(found, before=before, measured=replace(found.measured, compared=None))


@pytest.mark.parametrize("name", ["catalog_as_of_ms", "training_cutoff_ms"])
@pytest.mark.parametrize(
    ("value", "passes"),
    [(0, True), (-1, False), (LATEST_MS, True), (LATEST_MS + 1, False), ("0", False), (None, False), (0.5, False)],
)
def test_times_lie_between_the_epoch_and_five_minutes_from_now(name: str, value: Any, passes: bool) -> None:
    found = words(case({**manifest(), name: value}))
    assert found == ({} if passes else {"clock": f"{name} is {value}, which is not before now"})


def test_without_a_clock_nobody_asks_when_training_ended() -> None:
    for said in ({"clock_usable": False}, {"clock_usable": None}, {}):
        new = {name: value for name, value in manifest().items() if name not in ("clock_usable", "training_cutoff_ms")}
        assert refused_by(case({**new, **said})) == []
    without = {name: value for name, value in manifest().items() if name != "catalog_as_of_ms"}
    assert refused_by(case(without)) == ["clock"]


@pytest.mark.parametrize(
    ("created", "passes"),
    [
        ("2027-01-15T08:05:00+00:00", True),
        ("2027-01-15T08:05:00.001+00:00", False),
        ("2027-01-15T10:05:00+02:00", True),
        ("0001-01-01T00:00:00", None),
        ("2026-13-01T00:00:00Z", None),
    ],
)
def test_a_snapshot_is_made_at_most_five_minutes_from_now(created: str, passes: bool | None) -> None:
    wrong = "which is not before now" if passes is False else "which is no time"
    said = {} if passes else {"clock": f"created is {created if passes is False else repr(created)}, {wrong}"}
    assert words(case({**manifest(), "created": created})) == said


RANGES = {
    "history_half_life_events": (0.1, 1000.0),
    "text_half_life_events": (0.1, 1000.0),
    "affinity_half_life_events": (0.1, 1000.0),
    "words_half_life_events": (0.1, 1000.0),
    "time_half_life_factor": (0.01, 100.0),
    "grade_strength": (0.0, 10.0),
    "history_floor": (0.0, 10.0),
    "repeat_demand": (0.0, 10.0),
    "query_share": (0.0, 1.0),
    "demand_fade_days": (0.0, 36_500.0),
    "rotation_half_life_s": (60.0, 31_536_000.0),
}


def test_a_wider_range_is_a_decision() -> None:
    assert SETTING_RANGES == RANGES


@pytest.mark.parametrize("name", RANGES)
def test_a_setting_is_told_with_its_range(name: str) -> None:
    lowest, highest = RANGES[name]
    beyond = math.nextafter(highest, math.inf)
    assert refused_by(case(settings={name: lowest})) == refused_by(case(settings={name: highest})) == []
    assert words(case(settings={name: beyond})) == {
        "settings": f"{name} is {beyond:g}, not within {lowest:g} and {highest:g}"
    }
    assert refused_by(case(settings={name: math.nextafter(lowest, -math.inf)})) == ["settings"]
    assert refused_by(case(settings={name: math.nan})) == ["settings"]
    assert refused_by(case(settings={"another": 1e9})) == []


@pytest.mark.parametrize(
    ("weight", "scale", "passes"),
    [
        (0.0, 1.0, True),
        (-1e-9, 1.0, False),
        (1000.0, 1.0, True),
        (1000.001, 1.0, False),
        (1.0, 1e-6, True),
        (1.0, 0.9e-6, False),
        (1.0, 1e6, True),
        (1.0, 1_000_000.5, False),
        (math.nan, 1.0, False),
        (1.0, math.nan, False),
    ],
)
def test_weights_and_scales_are_held_to_their_range(weight: float, scale: float, passes: bool) -> None:
    found = words(case(terms={"next": (weight, scale), "text": (1.0, 1.0)}))
    assert found == ({} if passes else {"settings": f"the term next has weight {weight:g} and scale {scale:g}"})


def test_one_term_with_a_weight_is_enough_and_none_is_not() -> None:
    assert refused_by(case(terms={"next": (0.0, 1.0), "text": (0.1, 1.0)})) == []
    assert words(case(terms={"next": (0.0, 1.0)})) == {"settings": "no term of the score has a weight"}
    assert refused_by(case(terms={})) == []


def test_what_documents_and_columns_differ_in_is_told_with_its_number() -> None:
    assert words(case(unreadable_documents=2, wrong_columns=3, wrong_groups=4)) == {
        "documents": "2 documents are no items",
        "columns": "3 items have other attributes in the columns than in their documents; "
        "4 items are in another group than their documents say",
    }
    assert refused_by(case(wrong_groups=1)) == ["columns"]


@pytest.mark.parametrize("what", ["text", "item"])
@pytest.mark.parametrize(("alike", "passes"), [(0.5, True), (0.4999, False), (math.nan, False), (0.0, False)])
def test_vectors_are_half_alike(what: str, alike: float, passes: bool) -> None:
    found = words(case(**{f"{what}s_alike": alike}))
    assert found == ({} if passes else {"vectors": f"{what} vectors are not those of the items' texts"})


@pytest.mark.parametrize("what", ["texts", "shoppers"])
def test_encoders_that_tell_nothing_apart_are_named(what: str) -> None:
    found = words(case(told_apart={"texts": True, "shoppers": True, what: False}))
    assert found == {"encoders": f"different {what} all get the same vector"}


class TestHalfOfBefore:
    """Half of the best before passes; a little less does not."""

    def test_for_sale(self) -> None:
        for before in ((Figures("a", for_sale=0.2), Figures("b", for_sale=0.8)), ()):
            compared = None if before else Compared(1.0, 1.0, 0.8)
            one = replace(case(compared=compared, for_sale=40), before=before)
            assert refused_by(one) == []
            worse = replace(one, measured=replace(one.measured, for_sale=39))
            assert words(worse) == {"for_sale": "39.0% of the items are for sale, 80.0% were"}

    def test_the_higher_of_both_counts(self) -> None:
        one = replace(case(compared=Compared(1.0, 1.0, 0.2), for_sale=39), before=(Figures("a", for_sale=0.8),))
        assert refused_by(one) == ["for_sale"]

    def test_one_thing_is_for_sale_or_nothing(self) -> None:
        assert refused_by(alone(case(), for_sale=1)) == []
        assert words(alone(case(), for_sale=0)) == {"for_sale": "nothing is for sale"}

    def test_groups(self) -> None:
        before = (Figures("a", groups=80), Figures("b", groups=10), Figures("c"))
        assert refused_by(after(*before, groups=40)) == []
        assert words(after(*before, groups=39)) == {"groups": "there are 39 groups of variants, 80 were"}
        assert words(after(groups=1)) == {
            "groups": "all 100 items are variants of one, so that a list shows a single item"
        }
        assert refused_by(after(groups=2)) == []
        assert refused_by(after(groups=1, items=9, for_sale=9)) == []

    def test_items(self) -> None:
        before = (Figures("a", items=200), Figures("b", items=10), Figures("c"))
        assert refused_by(after(*before)) == []
        assert words(after(*before, items=99)) == {"items": "there are 99 items, 200 were"}
        assert refused_by(alone(case(), items=1, groups=1, for_sale=1)) == []
        assert words(alone(case(), items=0, groups=0, for_sale=0)) == {
            "for_sale": "nothing is for sale",
            "items": "there is no item",
        }

    def test_events(self) -> None:
        before = (Figures("a", events=2000), Figures("b", events=10), Figures("c"))
        assert refused_by(replace(case(), before=before)) == []
        fewer = case(with_counts(events=999))
        assert words(replace(fewer, before=before)) == {"events": "there are 999 events, 2000 were"}
        missing = case(with_counts(events=None))
        assert words(replace(missing, before=before)) == {"events": "the number of events is missing, 2000 were"}
        assert refused_by(replace(missing, before=(Figures("c"), Figures("d", events=0)))) == []
        assert refused_by(replace(case(with_counts(events=0)), before=())) == []

    def test_cases(self) -> None:
        before = (Figures("a", cases=1000), Figures("b", cases=10), Figures("c"))
        assert refused_by(replace(case(), before=before)) == []
        assert words(replace(case(manifest(cases=499)), before=before)) == {
            "cases": "it was measured on 499 cases, those before on 1000"
        }
        none = replace(case({**manifest(), "metrics": {"validation": {**_validation(), "cases": None}}}), before=before)
        assert words(none) == {"cases": "it was measured on 0 cases, those before on 1000"}
        assert refused_by(replace(none, before=(Figures("c"),))) == []
        assert refused_by(replace(none, before=(Figures("c", cases=1),))) == ["cases"]

    def test_ids_and_popular_items(self) -> None:
        assert refused_by(case(compared=Compared(0.5, 0.2, 0.9))) == []
        assert words(case(compared=Compared(0.4999, 0.1999, 0.9))) == {
            "ids": "only 50.0% of the current ids are there",
            "popular": "only 20.0% of the items that are most popular now are popular in it",
        }
        assert refused_by(case(compared=Compared(0.5, 0.0, 0.9))) == ["popular"]


def _validation() -> dict[str, Any]:
    found: dict[str, Any] = manifest()["metrics"]["validation"]
    return found


@pytest.mark.parametrize(
    ("name", "most"), [("popularity", 100.0), ("trend", 100.0), ("contexts", 100.0), ("list next", 1000.0)]
)
def test_numbers_of_demand_have_a_largest(name: str, most: float) -> None:
    assert refused_by(case(largest={name: most})) == []
    beyond = math.nextafter(most, math.inf)
    assert words(case(largest={name: beyond})) == {"demand": f"{name} has a number of {beyond:g}, more than {most:g}"}


class TestMeasures:
    def first(self, events: int | None, validation: Mapping[str, Any]) -> Case:
        return alone(case({**with_counts(events=events), "metrics": {"validation": validation}}))

    def test_that_are_no_share_are_told_as_they_are(self) -> None:
        one = case(manifest(ndcg_at_10=1.5, hit_rate_at_10=0.2))
        assert words(one) == {"metrics": "ndcg_at_10 is 1.5, which is no share"}

    def test_that_are_missing_are_named_in_the_order_of_their_names(self) -> None:
        assert words(self.first(1000, {"cases": 500})) == {
            "metrics": "hit_rate_at_10 is missing; ndcg_at_10 is missing"
        }
        assert words(self.first(None, {})) == {}

    @pytest.mark.parametrize(("cases", "passes"), [(99, True), (100, False), (None, False), (0, True)])
    def test_may_lack_where_fewer_than_a_hundred_cases_are_the_reason(self, cases: int | None, passes: bool) -> None:
        found = self.first(1000, {"cases": cases, "reason": "too few"})
        assert refused_by(found) == ([] if passes else ["metrics"])

    def test_that_the_current_one_has_are_asked_for_from_the_first_event(self) -> None:
        bare = {**manifest(), "metrics": {"validation": {"cases": 500, "after": {"ndcg_at_10": 0.1}}}}
        few = {**bare, "counts": {"items": 100, "groups": 100, "events": 500}}
        assert words(replace(case(few), before=())) == {"metrics": "hit_rate_at_10 is missing"}
        assert words(replace(case(few, few), before=())) == {}


class TestQuality:
    def test_nine_tenths_of_the_best_pass(self) -> None:
        before = (Figures("a", measures={"ndcg_at_10": 1.0}), Figures("b", measures={"ndcg_at_10": 0.1}))
        assert refused_by(replace(case(manifest(ndcg_at_10=0.9)), before=before)) == []
        worse = replace(case(manifest(ndcg_at_10=0.8999)), before=before)
        assert words(worse) == {"quality": "ndcg_at_10 would fall from 1.0000 to 0.8999"}
        with pytest.raises(GateError, match=r"^quality: ndcg_at_10 would fall from 1\.0000 to 0\.8999$"):
            check_gates(worse)

    def test_what_nobody_had_before_can_not_fall(self) -> None:
        assert refused_by(replace(case(manifest(ndcg_at_10=0.01, hit_rate_at_10=0.0)), before=())) == []

    def test_at_a_higher_cost_on_the_same_cases_what_was_not_measured_can_not_fall(self) -> None:
        bare = {**manifest(), "seed": 0, "run": {"budget": "fast"}}
        bare["metrics"] = {"validation": {"cases": 500, "after": {"ndcg_at_10": 0.1}}}
        full = {**manifest(), "seed": 0, "run": {"budget": "full"}}
        assert refused_by(replace(case(full, bare), before=())) == []

    @pytest.mark.parametrize(
        ("new", "old", "cases", "falls"),
        [
            ("full", "fast", 500, True),
            ("full", "full", 500, False),
            ("fast", "full", 500, False),
            ("fast", "fast", 500, False),
            ("full", "fast", 501, False),
        ],
    )
    def test_only_the_full_budget_is_dearer_than_the_fast_one(
        self, new: str, old: str, cases: int, falls: bool
    ) -> None:
        dear = {**manifest(cases=cases, ndcg_at_10=0.0999), "run": {"budget": new}}
        cheap = {**manifest(), "run": {"budget": old}}
        assert refused_by(case(dear, cheap)) == (["quality"] if falls else [])


def test_answers_that_fail_are_counted_by_how() -> None:
    route = Route(12, failed=1, unsound=2, short=3, problem="KeyError: 'x'")
    assert words(case(routes={"known": route})) == {
        "answers": "of 12 answers (known) 1 failed, 2 are no list, 3 lack items: KeyError: 'x'"
    }
    for one in ({"failed": 1}, {"unsound": 1}, {"short": 1}):
        assert refused_by(case(routes={"known": Route(12, **one)})) == ["answers"]
    assert words(case(routes={"known": Route(12, short=2)})) == {"answers": "of 12 answers (known) 2 lack items"}


def test_a_typical_answer_takes_a_second_at_most() -> None:
    assert refused_by(case(routes={"known": Route(12, typical_s=1.0)})) == []
    slow = Route(12, typical_s=1.01)
    assert words(case(routes={"known": slow, "search": Route(12)})) == {"speed": "an answer (known) takes 1.0 s"}


def test_two_versions_fit_into_the_storage_of_functions() -> None:
    files = {"a": {"bytes": 1 << 20}, "b": {"bytes": 1 << 19}, "c": {}}
    one = case({**manifest(), "files": files})
    assert refused_by(replace(one, storage_mb=3)) == []
    assert words(replace(one, storage_mb=2)) == {
        "storage": "two versions take 3 MB, and functions keep 2 (SnapshotStorageMb)"
    }
    assert refused_by(replace(one, storage_mb=None)) == []
    assert refused_by(replace(case(), storage_mb=0)) == []
    one_byte = replace(case({**manifest(), "files": {"a": {"bytes": (1 << 20) + 1}, "c": {}}}), storage_mb=2)
    assert refused_by(one_byte) == ["storage"]


def test_of_several_refusals_all_are_told_in_the_order_of_the_table() -> None:
    bad = case(unreadable_documents=1, routes={"known": Route(12, typical_s=2.0)})
    with pytest.raises(GateError, match=r"^documents: 1 documents are no items; speed: an answer \(known\) takes 2"):
        check_gates(bad)
    names = [gate.name for gate in GATES]
    assert len(names) == len(set(names)) == 19
    assert REMEMBERED == 5


def test_the_figures_of_a_candidate_know_its_share_for_sale() -> None:
    assert case(items=200, for_sale=50).figures.for_sale == 0.25
    assert case(items=0, for_sale=0).figures.for_sale == 0.0
    assert case(items=1, for_sale=1).figures.for_sale == 1.0


def test_a_case_that_says_nothing_of_before_has_nothing_before_it() -> None:
    one = Case(manifest(), case().measured, NOW_MS)
    assert (one.current, one.before, one.storage_mb) == (None, (), None)
    assert one.best(lambda figures: figures.items) == 0.0
