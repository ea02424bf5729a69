"""Predicted grades on a handful of them, with expected values worked out as arithmetic."""

from __future__ import annotations

from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.catalog.item import Item
from endcap.events.interaction import Interaction
from endcap_rebuild.data.event_table import EventTable, event_table
from endcap_rebuild.data.reading import ReadReport
from endcap_rebuild.evaluation.bench import EvaluationSettings
from endcap_rebuild.evaluation.evaluate import evaluate
from endcap_rebuild.evaluation.models import Known
from endcap_rebuild.evaluation.protocols import split
from endcap_rebuild.evaluation.rating import Grades, Means, calibration, errors, grades_of, knn_predicted
from tests.fakes.toy_shop import NOW_MS, toy_item_rows, write_events, write_items
from tests.fakes.toy_snapshot import CUTOFF_MS, DAY_MS, TINY_ENCODER


def graded(*rows: tuple[str, int, float, int]) -> EventTable:
    """(user, item, grade, day) as a table."""
    events = [
        Interaction(f"e{k}", user, "rating", CUTOFF_MS + day * DAY_MS, str(item), value=grade)
        for k, (user, item, grade, day) in enumerate(rows)
    ]
    return event_table(events, {str(k): k for k in range(4)}, ReadReport())


def known_of(table: EventTable) -> Known:
    nothing = np.zeros((4, 1), dtype=np.float32)
    return Known(table, 0, True, [Item(item_id=str(k), title="") for k in range(4)], nothing, nothing)


def test_errors_are_means_of_what_is_off() -> None:
    table = graded(("a", 0, 4.0, 1), ("a", 1, 2.0, 2))
    found = errors(np.array([3.0, 2.0]), Grades(table, np.array([0, 1])), 1.0, 5.0)
    assert found == {"mae": (1 + 0) / 2, "rmse": sqrt((1 + 0) / 2)}
    clipped = errors(np.array([9.0, -3.0]), Grades(table, np.array([0, 1])), 1.0, 5.0)
    assert clipped["mae"] == ((5 - 4) + (2 - 1)) / 2


def test_means_of_item_and_of_the_users_own_past() -> None:
    known = known_of(graded(("a", 0, 5.0, 1), ("b", 0, 3.0, 1), ("b", 1, 1.0, 2)))
    means = Means.of(known, 2.0)
    assert means.overall == 3
    assert means.items.tolist() == [(2 + 0) / (2 + 2), -2 / (1 + 2), 0, 0]
    asked = graded(("a", 0, 5.0, 1), ("a", 1, 4.0, 2), ("a", 2, 1.0, 3))
    last = Grades(asked, np.array([2]))
    # Item 2 is unknown; the user gave item 0 its 5 and item 1 a 4 before, and their own later grade says nothing.
    user = ((5 - 3 - 0.5) + (4 - 3 + 2 / 3)) / (2 + 2)
    assert means.predicted(last).tolist() == pytest.approx([3 + 0 + user])
    assert means.predicted(Grades(asked, np.array([0]))).tolist() == pytest.approx([3 + 0.5])


def test_users_alike_correct_the_means() -> None:
    rows = [("twin", 0, 4.0, 1), ("twin", 1, 5.0, 2), ("other", 2, 4.0, 1), ("other", 1, 2.0, 2), ("zed", 3, 4.0, 1)]
    table = graded(*rows, ("new", 0, 4.0, 3), ("new", 1, 5.0, 4))
    known = known_of(table.rows(table.time_ms < CUTOFF_MS + 3 * DAY_MS))
    means = Means.of(known, 5.0)
    asked = Grades(table, np.flatnonzero(table.time_ms == CUTOFF_MS + 4 * DAY_MS))
    corrected = knn_predicted(known, means, asked, 0.0)[0] - means.predicted(asked)[0]
    twin = Grades(known.table, np.flatnonzero((known.table.item == 1) & (known.table.grade == 5)))
    assert corrected == pytest.approx(float((twin.values - means.predicted(twin))[0]))  # only the twin chose item 0
    assert knn_predicted(known, means, asked, 0.99)[0] == means.predicted(asked)[0]


def test_calibration_finds_the_line() -> None:
    table = graded(("a", 0, 4.0, 1), ("a", 1, 3.0, 2), ("a", 2, 2.0, 3))
    a, b = calibration(np.full(3, 2.5), np.array([1.0, 0.0, -1.0]), Grades(table, np.arange(3)))
    assert (a, b) == (pytest.approx(0.5), pytest.approx(1.0))


def shop_of_grades(folder: Path, n_users: int = 150) -> Path:
    """Everybody likes even items and dislikes odd ones."""
    chance = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for user in range(n_users):
        for step, item in enumerate(chance.permutation(20)[:8].tolist()):
            day = (user * 8 + step) / (n_users * 8) * 300
            rows.append(
                {
                    "user_id": f"u{user}",
                    "item_id": f"item-{item}",
                    "event_type": "rating",
                    "value": float(4.5 if item % 2 == 0 else 1.5) + float(chance.choice([-0.5, 0.5])),
                    "timestamp": int((NOW_MS - (310 - day) * DAY_MS) / 1000),
                }
            )
    write_items(folder, toy_item_rows(20))
    write_events(folder, rows)
    return folder


def test_evaluation_reports_grades_where_there_are_some(tmp_path: Path) -> None:
    shop = shop_of_grades(tmp_path / "shop", n_users=300)
    found = evaluate(EvaluationSettings(shop, encoder=str(TINY_ENCODER), cache=tmp_path / "cache", now_ms=NOW_MS))
    ratings = found["ratings"]
    by_name = {model["name"]: model for model in ratings["models"]}
    assert ratings["grades"] >= 200
    assert by_name["overall_mean"]["rmse"] > 1.4
    assert by_name["means"]["rmse"] < 0.8
    assert by_name["endcap"]["rmse"] < by_name["means"]["rmse"] + 0.05
    assert all(model["mae"] <= model["rmse"] for model in ratings["models"])


def test_too_few_grades_are_not_reported() -> None:
    table = graded(*((f"u{k}", item, 4.0, item) for k in range(20) for item in range(4)))
    assert grades_of(split(table, True, 4, "leave-one-out", False, None, 0)) is None
