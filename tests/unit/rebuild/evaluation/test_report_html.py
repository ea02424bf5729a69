"""The page: whole, self-contained, and safe whatever things are called."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from endcap_rebuild.evaluation.plots import Bar, Dot, Line, bars, grouped_bars, lines, scatter
from endcap_rebuild.evaluation.report_html import html_of


def model(name: str, gain: float, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "label": name.title(),
        "ndcg_at_10": gain,
        "recall_at_10": 2 * gain,
        "recall_warm": gain,
        "recall_cold": gain / 2,
        "coverage_at_10": 0.5,
        "novelty_at_10": 9.0,
        "interval": [gain - 0.01, gain + 0.01],
        "by_history_length": [{"events": "1-3", "questions": 30, "mean": gain}],
        **changes,
    }


def told(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.01, "high": value + 0.01}


def shown(**changes: Any) -> dict[str, Any]:
    """What the lists of one model do."""
    group = {"group": "A&B", "items": 4, "catalogue_share": 0.1, "chosen_share": 0.2, "exposure_share": told(0.345)}
    quality = {"users": 30, "questions": 50, "ndcg_at_10": told(0.21), "recall_at_10": told(0.4)}
    return {
        "exposure_gini": told(0.875),
        "coverage": told(0.5),
        "popularity_lift": told(0.25),
        "miscalibration": told(0.6),
        "exposure": {"brand": [group], "seller": [{**group, "group": "(none)"}]},
        "by_activity": [{"events": "1-3", **quality}],
        "by_user_group": {"tier": [{"group": "gold", **quality}]},
        **changes,
    }


def fairness(names: list[str], **changes: Any) -> dict[str, Any]:
    catalogue = {"demand_gini": 0.7, "touched": 0.9}
    return {"draws": 200, "catalogue": catalogue, "models": {name: shown(**changes) for name in names}}


def report(**changes: Any) -> dict[str, Any]:
    return {
        "fairness": fairness(["endcap", "popularity"]),
        "data": "toy",
        "protocol": "temporal",
        "repeats": False,
        "budget": "fast",
        "seeds": [0],
        "ignored_attributes": [],
        "encoder": "tiny",
        "items": 40,
        "events": 1_800,
        "users": 300,
        "date": "2026-01-02",
        "machine": "x86_64, Python 3.11",
        "seconds": 3.0,
        "questions": {"asked": 100, "answers": 100, "users": 50, "cold_answers": 9, "validation": 80},
        "models": [model("endcap", 0.2), model("popularity", 0.1)],
        "comparison": {
            "model": "endcap",
            "best_baseline": "popularity",
            "difference": 0.1,
            "low": 0.05,
            "high": 0.15,
            "relative": 1.0,
        },
        "skipped": {"ease": "too many items"},
        "pipeline": {
            "questions": 100,
            "same_order": 100,
            "diversity": 0.3,
            "ndcg_at_10": {"0.0": 0.2, "0.3": 0.19},
            "intra_list_similarity": {"0.0": 0.5, "0.3": 0.3},
        },
        "ratings": {"grades": 300, "models": [{"name": "means", "label": "means", "mae": 0.7, "rmse": 0.9}]},
        "weights": {"next": 1.0, "text": 0.5, "query": 7.0},
        "training_loss": [5.0, 4.0],
        "tuning": {
            "popularity": {"setting": {}, "tried": []},
            "ease": {"setting": {"penalty": 100.0}, "tried": [1] * 12},
        },
        **changes,
    }


class Reader(HTMLParser):
    """Checks that elements close in order, and collects attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def test_page_has_every_section_and_its_numbers() -> None:
    text = read(html_of(report())).text
    for part in ("0.2000", "+0.1000 (+100%)", "Warm and cold", "length of the history", "100 of 100 lists", "MAE"):
        assert part in text
    for part in ("0.875 (0.865 to 0.885)", "34.5%", "by seller", "tier: gold", "1-3 events before"):
        assert part in text
    for part in ("too many items", "penalty", "Loss by epoch", "Coverage and novelty", "Weights of the terms"):
        assert part in text


def test_page_loads_nothing() -> None:
    page = html_of(report())
    reader = read(page)
    assert not {name for name, _ in reader.attributes} & {"src", "href", "srcset", "action", "xlink:href"}
    for outside in ("http://", "https://", "url(", "@import", "<script", "<link"):
        assert outside not in page


def test_page_suits_light_and_dark() -> None:
    page = html_of(report())
    assert "prefers-color-scheme: dark" in page
    colours = {value for name, value in read(page).attributes if name in ("fill", "stroke")}
    assert all(value.startswith("var(--") or value == "none" for value in colours)
    for value in colours - {"none"}:
        assert f"{value[4:-1]}:" in page  # every colour that is used is defined


def test_sections_without_content_are_left_out() -> None:
    asked = {"asked": 1, "answers": 1, "users": 1, "cold_answers": 0, "validation": 0}
    bare = report(questions=asked, ratings=None, training_loss=[], comparison={}, skipped={})
    bare["models"] = [model("endcap", 0.0, by_history_length=[])]
    bare["fairness"] = fairness(["endcap"], exposure={}, by_user_group={}, miscalibration=None)
    text = read(html_of(bare)).text
    for part in ("by brand", "tier", "Warm and cold", "MAE", "Loss by epoch", "length of the history", "Endcap less"):
        assert part not in text


def test_names_cannot_break_out() -> None:
    hostile = '"><script>alert(1)</script>'
    group = {"group": hostile, "items": 1, "catalogue_share": 1, "chosen_share": 1, "exposure_share": told(1)}
    lists = fairness(["endcap"], exposure={hostile: [group]}, by_user_group={hostile: []})
    page = html_of(report(data=hostile, models=[model("endcap", 0.1, label=hostile)], comparison={}, fairness=lists))
    assert "<script" not in page
    assert hostile in read(page).text


@pytest.mark.parametrize(
    "drawing",
    [
        bars([Bar("a", 0.0), Bar("b", -0.5), Bar("c & d", 1.0, 0.5, 1.5, strong=True)], "t"),
        grouped_bars([("a", [0.0, None]), ("b", [1.0, 2.0])], ["x", "y"], "t"),
        lines([Line("a", [("1", 0.5), ("2", 1.0)]), Line("b", [("2", 0.2)])], "t", "x"),
        lines([Line("a", [])], "t", "x"),
        scatter([Dot("a", 0.1, 0.1), Dot("b", 0.1, 0.1), Dot("c", 0.0, 0.0, strong=True)], "t", "x", "y"),
        bars([], "t"),
        scatter([], "t", "x", "y"),
    ],
)
def test_drawings_are_well_formed_and_inside_their_frame(drawing: str) -> None:
    root = ET.fromstring(drawing)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for element in root.iter():
        for name, limit in (("x", width), ("cx", width), ("y", height), ("cy", height)):
            assert 0 <= float(element.attrib.get(name, 0)) <= limit


def test_longer_bars_mean_more() -> None:
    root = ET.fromstring(bars([Bar("a", 1.0), Bar("b", 4.0)], "t"))
    short, long = (float(rect.attrib["width"]) for rect in root.iter("rect"))
    assert long == pytest.approx(4 * short, rel=0.01)


def test_labels_of_equal_points_do_not_overlap() -> None:
    root = ET.fromstring(scatter([Dot(name, 0.5, 0.5) for name in "abc"], "t", "x", "y"))
    heights = sorted(float(text.attrib["y"]) for text in root.iter("text") if text.text in {"a", "b", "c"})
    assert min(b - a for a, b in pairwise(heights)) >= 11
