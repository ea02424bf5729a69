"""What is read of a manifest in numbers, whatever stands in it, and what is kept of a measurement."""

from __future__ import annotations

from typing import Any

import pytest

from endcap.snapshot.figures import Compared, Figures, Measured, Route, count_of, measures_of, share_of, validation_of

WHOLE = {
    "version": "v",
    "counts": {"items": 4, "groups": 3, "events": 2},
    "metrics": {"validation": {"cases": 1, "after": {"ndcg_at_10": 0.5, "hit_rate_at_10": 1, "mrr": 0.2}}},
}
FIGURES = Figures("v", 4, 3, 2, 1, 0.25, {"ndcg_at_10": 0.5, "hit_rate_at_10": 1.0})
OF_NOTHING = Figures("")


@pytest.mark.parametrize(
    ("value", "count"), [(0, 0), (7, 7), (-1, None), (True, None), (1.0, None), ("7", None), (None, None)]
)
def test_a_count_is_a_whole_number_from_zero(value: object, count: int | None) -> None:
    assert count_of(value) == count


@pytest.mark.parametrize(
    ("value", "share"),
    [
        *((0, 0.0), (1, 1.0), (0.5, 0.5), (-0.001, None), (1.001, None), (2, None)),
        *((True, None), (False, None), ("0.5", None), (None, None), (float("nan"), None), (float("-inf"), None)),
    ],
)
def test_a_share_is_a_number_from_zero_to_one(value: object, share: float | None) -> None:
    found = share_of(value)
    assert found == share
    assert found is None or type(found) is float


def test_figures_are_what_a_manifest_states() -> None:
    assert Figures.of(WHOLE, 0.25) == FIGURES
    assert Figures.of({}) == OF_NOTHING
    assert Figures.of({**WHOLE, "version": 7}).version == "7"


@pytest.mark.parametrize("damage", [None, 3, [], "x"])
def test_what_has_another_form_states_nothing(damage: Any) -> None:
    assert Figures.of({"counts": damage, "metrics": damage}) == OF_NOTHING
    assert Figures.of({"metrics": {"validation": damage}}) == OF_NOTHING
    assert Figures.of({"metrics": {"validation": {"after": damage}}}) == OF_NOTHING
    assert validation_of({"metrics": {"validation": damage}}) == {}
    assert measures_of({"metrics": {"validation": {"after": damage}}}) == {}


def test_measures_are_given_as_they_stand_and_kept_where_they_are_shares() -> None:
    odd = {"metrics": {"validation": {"after": {"ndcg_at_10": "x", "hit_rate_at_10": 0.5, "mrr": 0.1}}}}
    assert measures_of(odd) == {"ndcg_at_10": "x", "hit_rate_at_10": 0.5}
    assert Figures.of(odd).measures == {"hit_rate_at_10": 0.5}


def test_figures_are_read_back_from_what_is_kept() -> None:
    assert Figures.read(FIGURES.as_document()) == FIGURES
    assert Figures.read({"version": "v"}) == Figures("v")


@pytest.mark.parametrize("document", [None, 3, [], {}, {"version": 1}, {"version": None}])
def test_what_names_no_version_is_no_figures(document: object) -> None:
    assert Figures.read(document) is None


@pytest.mark.parametrize("name", ["items", "groups", "events", "cases", "for_sale"])
def test_a_number_that_is_none_is_read_as_missing(name: str) -> None:
    found = Figures.read({**FIGURES.as_document(), name: -1})
    assert found is not None
    assert {field: value for field, value in found.as_document().items() if value is None} == {name: None}


@pytest.mark.parametrize(("measures", "read"), [(3, {}), (None, {}), ({"a": 2, "b": 0.5}, {"b": 0.5})])
def test_measures_that_are_kept_are_shares(measures: object, read: dict[str, float]) -> None:
    found = Figures.read({"version": "v", "measures": measures})
    assert found is not None
    assert found.measures == read


def test_what_is_not_said_is_none_of_it() -> None:
    assert Route() == Route(asked=0, failed=0, unsound=0, short=0, typical_s=0.0, problem="")
    bare = Measured(1, 1, 1)
    assert (bare.unreadable_documents, bare.wrong_columns, bare.wrong_groups) == (0, 0, 0)
    assert (bare.texts_alike, bare.items_alike, bare.compared) == (None, None, None)
    assert bare.told_apart == bare.terms == bare.settings == bare.largest == bare.routes == {}


def test_a_measurement_is_read_back() -> None:
    full = Measured(
        *(9, 8, 7),
        unreadable_documents=1,
        wrong_columns=2,
        wrong_groups=3,
        texts_alike=0.5,
        items_alike=0.25,
        told_apart={"texts": True},
        terms={"next": (1.0, 2.0)},
        settings={"query_share": 0.5},
        largest={"trend": 3.0},
        routes={"known": Route(5, 4, 3, 2, 0.5, "why")},
        compared=Compared(0.5, None, 0.25),
    )
    assert Measured.read(full.as_document()) == full
    assert Measured.read(Measured(1, 1, 1).as_document()) == Measured(1, 1, 1)
    for missing in ("items", "routes", "compared"):
        with pytest.raises((KeyError, TypeError)):
            Measured.read({k: v for k, v in full.as_document().items() if k != missing})
