"""Every gate: one case that it refuses, and that a sound one passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from endcap.ranking.features import RankingSettings
from endcap.snapshot.figures import Compared, Figures, Measured, Route
from endcap.snapshot.gates import GATES, SETTING_RANGES, Case, GateError, check_gates, refusals

ROOT = Path(__file__).parents[4]
NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000


def manifest(items: int = 100, cases: int = 500, **measured: Any) -> dict[str, Any]:
    return {
        "version": "v",
        "created": "2027-01-01T00:00:00Z",
        "catalog_as_of_ms": NOW_MS - DAY_MS,
        "training_cutoff_ms": NOW_MS - DAY_MS,
        "clock_usable": True,
        "counts": {"items": items, "groups": items, "events": 10 * items},
        "metrics": {"validation": {"cases": cases, "after": {"ndcg_at_10": 0.1, "hit_rate_at_10": 0.2, **measured}}},
    }


def measured(**changes: Any) -> Measured:
    sound: dict[str, Any] = {
        "items": 100,
        "groups": 100,
        "for_sale": 90,
        "texts_alike": 0.99,
        "items_alike": 0.99,
        "told_apart": {"texts": True, "shoppers": True},
        "terms": {"next": (1.0, 1.0)},
        "settings": {"query_share": 0.3},
        "routes": {"known": Route(asked=12, typical_s=0.01)},
        "compared": Compared(1.0, 1.0, 0.9),
    }
    return Measured(**{**sound, **changes})


def case(new: Mapping[str, Any] | None = None, old: Mapping[str, Any] | None = None, **changes: Any) -> Case:
    old = manifest() if old is None else old
    return Case(new or manifest(), measured(**changes), NOW_MS, old, (Figures.of(old, 0.9),))


def refused_by(one: Case) -> list[str]:
    return list(refusals(one))


FILES = {"a.npy": {"bytes": 200 << 20}, "b.npy": {"bytes": 56 << 20}}
REFUSED: dict[str, Case] = {
    "clock": case({**manifest(), "catalog_as_of_ms": NOW_MS + DAY_MS}),
    "settings": case(settings={"history_half_life_events": 0.001}),
    "documents": case(unreadable_documents=1),
    "columns": case(wrong_columns=1),
    "vectors": case(texts_alike=0.2),
    "encoders": case(told_apart={"texts": False}),
    "for_sale": case(for_sale=44),
    "groups": case(groups=49),
    "items": case(items=49, for_sale=45),
    "ids": case(compared=Compared(0.49, 1.0, 0.9)),
    "popular": case(compared=Compared(1.0, 0.19, 0.9)),
    "demand": case(largest={"list next": 1001.0}),
    "events": case({**manifest(), "counts": {"events": 499}}),
    "cases": case(manifest(cases=249)),
    "metrics": case({**manifest(), "metrics": {"validation": {"cases": 500}}}),
    "quality": case(manifest(ndcg_at_10=0.089)),
    "answers": case(routes={"known": Route(asked=12, short=1)}),
    "speed": case(routes={"search": Route(asked=12, typical_s=1.1)}),
    "storage": replace(case({**manifest(), "files": FILES}), storage_mb=511),
}


def test_the_sound_case_passes() -> None:
    check_gates(case())
    check_gates(replace(case(compared=None), current=None, before=()))


@pytest.mark.parametrize("name", [gate.name for gate in GATES])
def test_each_gate_refuses_and_says_why(name: str) -> None:
    assert refused_by(REFUSED[name]) == [name]
    with pytest.raises(GateError, match=f"^{name}: "):
        check_gates(REFUSED[name])


@pytest.mark.parametrize(
    "one",
    [
        case(items=50, groups=50, for_sale=45),
        case(manifest(ndcg_at_10=0.091)),
        case(manifest(cases=250)),
        case({**manifest(), "counts": {"events": 500}}),
        case(for_sale=45),
        case(compared=Compared(0.5, None, 0.9)),
        case(compared=Compared(1.0, 0.2, 0.9)),
        case(texts_alike=None, items_alike=None, told_apart={}),
        case({**manifest(), "created": ""}),
        case({**manifest(), "training_cutoff_ms": 2 * NOW_MS, "clock_usable": False}),
        case({**manifest(), "catalog_as_of_ms": NOW_MS + 60_000}),
        case(manifest(ndcg_at_10=0.1), {**manifest(), "metrics": {}}),
        replace(case({**manifest(), "files": FILES}), storage_mb=512),
    ],
)
def test_what_is_as_good_or_can_not_be_compared_goes_through(one: Case) -> None:
    check_gates(one)


@pytest.mark.parametrize("moment", ["2999-01-01T00:00:00Z", "soon", "2999"])
def test_made_later_than_now_is_refused(moment: str) -> None:
    assert refused_by(case({**manifest(), "created": moment})) == ["clock"]


def test_events_of_a_usable_clock_lie_in_the_past() -> None:
    assert refused_by(case({**manifest(), "training_cutoff_ms": NOW_MS + DAY_MS})) == ["clock"]


@pytest.mark.parametrize("terms", [{"next": (-0.1, 1.0)}, {"next": (1.0, 1e-9)}, {"next": (1e4, 1.0)}, {"a": (0, 1)}])
def test_weights_that_no_rebuild_gives_are_refused(terms: Any) -> None:
    assert refused_by(case(terms=terms)) == ["settings"]


@pytest.mark.parametrize("name", SETTING_RANGES)
def test_settings_are_held_to_their_range(name: str) -> None:
    lowest, highest = SETTING_RANGES[name]
    assert refused_by(case(settings={name: lowest})) == refused_by(case(settings={name: highest})) == []
    assert refused_by(case(settings={name: highest * 1.01})) == ["settings"]
    assert refused_by(case(settings={name: lowest * 0.99 - 1e-9})) == ["settings"]


def test_every_setting_has_its_range_and_its_default_is_inside() -> None:
    assert set(SETTING_RANGES) == {field.name for field in fields(RankingSettings)}
    default = RankingSettings()
    check_gates(case(settings={name: getattr(default, name) for name in SETTING_RANGES}))


def test_nothing_for_sale_is_refused_whatever_was_before() -> None:
    assert refused_by(replace(case(for_sale=0, compared=None), current=None, before=())) == ["for_sale"]


def test_one_group_is_a_shop_of_one_item() -> None:
    def first(items: int) -> Case:
        return replace(case(items=items, groups=1, for_sale=items, compared=None), current=None, before=())

    assert refused_by(first(9)) == []
    assert refused_by(first(10)) == ["groups"]


class TestMetrics:
    def first(self, validation: Any, events: int) -> Case:
        new = {**manifest(), "metrics": {"validation": validation}, "counts": {"events": events}}
        return replace(case(new, compared=None), current=None, before=())

    def test_are_needed_from_a_thousand_events_on(self) -> None:
        assert refused_by(self.first({}, 999)) == []
        assert refused_by(self.first({}, 1000)) == ["metrics"]

    def test_are_not_where_the_rebuild_says_that_there_was_too_little_to_measure_on(self) -> None:
        assert refused_by(self.first({"cases": 99, "reason": "fewer than 100 cases"}, 9999)) == []
        assert refused_by(self.first({"cases": 99}, 9999)) == ["metrics"]
        assert refused_by(self.first({"cases": 100, "reason": "none"}, 9999)) == ["metrics"]

    @pytest.mark.parametrize("value", ["nan", "0.3", None, True, -0.1, 1.1, float("nan"), float("inf"), [0.3]])
    def test_are_shares(self, value: Any) -> None:
        assert refused_by(case(manifest(ndcg_at_10=value), {**manifest(), "metrics": {}})) == ["metrics"]

    @pytest.mark.parametrize("metrics", [None, 3, [], {"validation": None}, {"validation": {"after": 3}}])
    def test_of_any_form_are_read_or_missing(self, metrics: Any) -> None:
        one = replace(case({**manifest(), "metrics": metrics}), before=())
        assert refused_by(one) == ["metrics"]


class TestQuality:
    def of_budget(self, budget: str, ndcg: float, **changes: Any) -> dict[str, Any]:
        new = {**manifest(ndcg_at_10=ndcg), "seed": 0, "run": {"budget": budget}}
        return {**new, **changes}

    def test_on_the_same_cases_the_full_budget_may_lose_nothing_to_the_fast_one(self) -> None:
        worse = case(self.of_budget("full", 0.0999), self.of_budget("fast", 0.1))
        with pytest.raises(GateError, match=r"from 0\.1000 to 0\.0999 on the same cases"):
            check_gates(worse)
        check_gates(case(self.of_budget("full", 0.1), self.of_budget("fast", 0.1)))

    @pytest.mark.parametrize(
        ("budget", "changes"),
        [
            ("fast", {}),
            ("full", {"training_cutoff_ms": 8}),
            ("full", {"seed": 1}),
            ("full", {"counts": {"items": 101, "events": 1000}}),
            ("full", {"run": {}}),
        ],
        ids=["same budget", "newer data", "other cases", "other catalogue", "written before budgets were"],
    )
    def test_other_data_or_another_way_round_may_lose_a_tenth(self, budget: str, changes: dict[str, Any]) -> None:
        check_gates(case(self.of_budget(budget, 0.095, **changes), self.of_budget("fast", 0.1)))

    def test_is_held_to_the_best_of_those_before(self) -> None:
        best = Figures("old", measures={"ndcg_at_10": 0.12})
        one = case(manifest(ndcg_at_10=0.1))
        assert refused_by(replace(one, before=(*one.before, best))) == ["quality"]


def test_what_is_kept_of_a_snapshot_is_read_back() -> None:
    figures = Figures.of(manifest(), 0.5)
    assert Figures.read(figures.as_document()) == figures
    assert Measured.read(measured().as_document()) == measured()


def test_the_page_for_operators_has_the_same_table() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    rows = [f"| `{gate.name}` | {gate.reason} |" for gate in GATES]
    assert "\n".join(rows) in page
