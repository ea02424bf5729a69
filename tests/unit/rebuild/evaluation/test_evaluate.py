"""Whole evaluations of toy shops: who wins, what is kept, and that it agrees with what is served."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from endcap.errors import InvalidInputError
from endcap.events.interaction import interaction_document
from endcap.profiles.codec import encode_profile
from endcap.profiles.profile import EMPTY_PROFILE
from endcap.pseudonyms import PseudonymKeys, pseudonymous
from endcap_rebuild.batch_recommend import batch_recommend
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.reading import read_events
from endcap_rebuild.data.report import ReadReport, UnusableDataError
from endcap_rebuild.evaluation import evaluate as module
from endcap_rebuild.evaluation.bench import EvaluationSettings
from endcap_rebuild.evaluation.data import read_data, write_known
from endcap_rebuild.evaluation.evaluate import BASELINES, evaluate
from endcap_rebuild.evaluation.protocols import split
from endcap_rebuild.job import rebuild
from endcap_rebuild.metrics.ranking import ndcg_at_k
from endcap_rebuild.settings import RebuildSettings
from tests.fakes.table_export import export_files
from tests.fakes.toy_shop import NOW_MS, toy_item_rows, write_chain_shop, write_events, write_items
from tests.fakes.toy_snapshot import TINY_ENCODER


def settings(data: Path, **changes: Any) -> EvaluationSettings:
    fields: dict[str, Any] = {"encoder": str(TINY_ENCODER), "cache": data.parent / "cache", "now_ms": NOW_MS, **changes}
    return EvaluationSettings(data, **fields)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_chain_shop(tmp_path_factory.mktemp("chain") / "shop", n_users=300)


@pytest.fixture(scope="module")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_chain_shop(tmp_path_factory.mktemp("small") / "shop", n_users=80)


@pytest.fixture(scope="module")
def report(shop: Path) -> dict[str, Any]:
    return evaluate(settings(shop))


def test_report_carries_every_model_best_first(report: dict[str, Any]) -> None:
    assert {model["name"] for model in report["models"]} == {"endcap", *(b.name for b in BASELINES)}
    gains = [model["ndcg_at_10"] for model in report["models"]]
    assert gains == sorted(gains, reverse=True)
    json.dumps(report)


def test_models_that_see_order_win_where_order_is_all(report: dict[str, Any]) -> None:
    gains = {model["name"]: model["ndcg_at_10"] for model in report["models"]}
    assert gains["co_occurrence"] > 0.8
    assert gains["endcap"] > 0.8
    assert gains["popularity"] < 0.3
    low, high = next(model["interval"] for model in report["models"] if model["name"] == "endcap")
    assert low <= gains["endcap"] <= high
    found = report["comparison"]
    assert found["difference"] == pytest.approx(gains["endcap"] - gains[found["best_baseline"]])


def test_neutral_pipeline_keeps_the_order_of_the_score(report: dict[str, Any]) -> None:
    pipeline = report["pipeline"]
    assert pipeline["same_order"] == pipeline["questions"] > 0
    likeness = pipeline["intra_list_similarity"]
    assert likeness["0.3"] <= likeness["0.0"] + 1e-9


def test_fairness_of_every_model_stands_beside_its_quality(report: dict[str, Any]) -> None:
    found = report["fairness"]
    assert set(found["models"]) == {model["name"] for model in report["models"]}
    for model in report["models"]:
        own = found["models"][model["name"]]
        assert own["coverage"]["value"] == pytest.approx(model["coverage_at_10"])
        for figure in ("exposure_gini", "coverage", "popularity", "miscalibration"):
            assert own[figure]["low"] <= own[figure]["value"] <= own[figure]["high"]
        thirds = own["by_activity"]
        assert sum(row["questions"] for row in thirds) == report["questions"]["asked"]
        mean = sum(row["questions"] * row["ndcg_at_10"]["value"] for row in thirds) / report["questions"]["asked"]
        assert mean == pytest.approx(model["ndcg_at_10"])
        assert sum(row["exposure_share"]["value"] for row in own["exposure"]["brand"]) == pytest.approx(1)
    popular, endcap = (found["models"][name] for name in ("popularity", "endcap"))
    assert popular["exposure_gini"]["value"] > endcap["exposure_gini"]["value"]
    json.loads(json.dumps(report, allow_nan=False))


def test_second_run_takes_every_model_from_the_first(
    shop: Path, report: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("worked out again")

    for name in ("rebuild", "rank", "tuned"):
        monkeypatch.setattr(module, name, refuse)
    again = evaluate(settings(shop))
    assert again["models"] == report["models"]
    with pytest.raises(AssertionError, match="again"):
        evaluate(settings(shop, max_cases=20))


def test_figures_agree_with_batch_recommend(small_shop: Path, tmp_path: Path) -> None:
    data = read_data(small_shop, NOW_MS)
    divided = split(data.shop.table, True, 40, "leave-one-out", False, None, 0)
    known = write_known(data, divided.test.known, divided.test.cutoff_ms, tmp_path / "known")
    rebuild(
        RebuildSettings(known, tmp_path / "out", str(TINY_ENCODER), cache=small_shop.parent / "cache", now_ms=NOW_MS)
    )
    questions = divided.test.questions
    names = [questions.table.user_ids[user] for user in questions.users]
    (tmp_path / "users.csv").write_text("user_id\n" + "".join(f"{name}\n" for name in names))
    batch_recommend(tmp_path / "out", known, tmp_path / "users.csv", 10, tmp_path / "recs.csv")
    lists: dict[str, list[str]] = {}
    with (tmp_path / "recs.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            lists.setdefault(row["user_id"], []).append(row["item_id"])
    gains = []
    for question, name in enumerate(names):
        target = data.shop.items[int(questions.items_of(question)[0])].item_id
        gains.append(ndcg_at_k([lists[name].index(target) + 1] if target in lists[name] else [99]))
    found = evaluate(settings(small_shop, protocol="leave-one-out"))
    endcap = next(model for model in found["models"] if model["name"] == "endcap")
    # The batch ranks at each user's last event, the evaluation a day later, when the answer was given.
    assert endcap["ndcg_at_10"] == pytest.approx(float(np.mean(gains)), abs=0.01)


def test_an_archive_with_pseudonyms_gives_the_figures_of_one_with_ids(small_shop: Path, tmp_path: Path) -> None:
    keys = PseudonymKeys({1: b"k" * 32, 2: b"l" * 32})
    older = PseudonymKeys({1: b"k" * 32})
    events = list(read_events(small_shop, ReadReport(), NOW_MS))
    told = [pseudonymous(interaction_document(e), older if n % 2 else keys) for n, e in enumerate(events)]
    told[0] = interaction_document(events[0])  # of before the stack had pseudonyms
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "archive").write_text("".join(json.dumps(one) + "\n" for one in told))
    (tmp_path / "erasures").mkdir()
    (tmp_path / "erasures" / "ledger.json").write_text(json.dumps({"number": 1, "secret": b"salt".hex()}) + "\n")
    (tmp_path / "items.jsonl").symlink_to(small_shop / "items.jsonl")
    # Old and new names of a shopper are one only by an export that says who there is.
    nothing = {"B": encode_profile(EMPTY_PROFILE)}
    rows = [{"user_id": {"S": name}, "profile": nothing} for name in sorted({event.user_id for event in events})]
    for key, content in export_files(rows).items():
        (tmp_path / "profiles" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "profiles" / key).write_bytes(content)
    with_ids, with_pseudonyms = (
        evaluate(settings(data, protocol="leave-one-out", keys=own))
        for data, own in ((small_shop, None), (tmp_path, keys))
    )
    assert with_pseudonyms["questions"]["asked"] == with_ids["questions"]["asked"] > 0
    assert (with_pseudonyms["users"], with_pseudonyms["events"]) == (with_ids["users"], with_ids["events"])
    ours, theirs = (
        {model["name"]: model["ndcg_at_10"] for model in found["models"]} for found in (with_pseudonyms, with_ids)
    )
    assert ours == pytest.approx(theirs, abs=0.02)  # equal scores are told apart by a chance that depends on the names


def test_cold_items_are_measured_apart_over_seeds(small_shop: Path) -> None:
    found = evaluate(settings(small_shop, protocol="cold", seeds=(0, 1)))
    assert found["questions"]["cold_answers"] > 0
    assert set(found["models"][0]["by_seed"]) == {"0", "1"}
    by_name = {model["name"]: model for model in found["models"]}
    assert by_name["co_occurrence"]["recall_cold"] == 0  # no counts, so behind everything that has some
    assert 0 <= by_name["endcap"]["recall_among_left_out"] <= 1


def test_next_orders_with_repeats(tmp_path: Path) -> None:
    write_items(tmp_path / "shop", toy_item_rows(12))
    rows = []
    for user in range(40):
        for week in range(6):
            for item in (user % 10, (user + 1) % 10):
                at = (NOW_MS - (90 - 7 * week) * 86_400_000) // 1000 + user
                rows.append(
                    {"user_id": f"u{user}", "item_id": f"item-{item}", "event_type": "purchase", "timestamp": at}
                )
    write_events(tmp_path / "shop", rows)
    found = evaluate(settings(tmp_path / "shop", protocol="leave-one-out", repeats=True))
    assert found["questions"]["asked"] == 40
    assert found["questions"]["answers"] == 80
    by_name = {model["name"]: model for model in found["models"]}
    assert by_name["endcap"]["ndcg_at_10"] > by_name["popularity"]["ndcg_at_10"]
    assert found["pipeline"]["same_order"] == 40


def test_ignored_attributes_reach_no_model(tmp_path: Path) -> None:
    rows = [{"id": "a", "title": "Mug", "attributes": {"tags": ["leak"], "size": "small"}}, {"id": "b", "title": "Cup"}]
    write_items(tmp_path, rows)
    write_events(tmp_path, [{"user_id": "u", "item_id": "a", "event_type": "view", "timestamp": 1_700_000_000}])
    kept, dropped = read_data(tmp_path, NOW_MS), read_data(tmp_path, NOW_MS, ["tags"])
    assert "leak" in kept.shop.texts[0]
    assert dropped.shop.texts[0] == "Mug. small"
    written = write_known(dropped, np.ones(1, dtype=np.bool_), NOW_MS, tmp_path / "known")
    assert "leak" not in (written / "items.jsonl").read_text()


def test_data_is_read_as_a_rebuild_would_read_it(tmp_path: Path) -> None:
    write_items(tmp_path, toy_item_rows(3))
    row = {"who": "u", "item_id": "item-0", "event_type": "rating", "value": "8", "timestamp": "2023-11-14T22:13:20"}
    write_events(tmp_path, [row, {**row, "who": "staff"}], tuple(row))
    told = ReadOptions(
        columns={"who": "user_id"}, timezone="Asia/Shanghai", rating_scale="10", excluded=frozenset({"staff"})
    )
    table = read_data(tmp_path, NOW_MS, options=told).shop.table
    assert table.user_ids == ("u",)
    assert table.time_ms.tolist() == [1_700_000_000_000 - 8 * 3_600_000]
    assert table.grade.tolist() == [4.0]


def test_data_that_is_no_good_is_not_measured(tmp_path: Path) -> None:
    write_items(tmp_path, toy_item_rows(3))
    row = {"user_id": "u", "item_id": "item-0", "event_type": "view", "timestamp": 1_700_000_000}
    write_events(tmp_path, [row, {**row, "event_type": "beam"}])
    with pytest.raises(UnusableDataError):
        read_data(tmp_path, NOW_MS)
    assert len(read_data(tmp_path, NOW_MS, options=ReadOptions(allow_bad=0.5)).shop.table) == 1


def test_what_is_written_for_the_rebuild_reads_back_the_same(tmp_path: Path) -> None:
    write_items(tmp_path, toy_item_rows(3))
    common = {"user_id": "u", "timestamp": 1_700_000_000}
    events = [
        {**common, "item_id": "item-0", "event_type": "rating", "value": "4.5"},
        {**common, "item_id": "item-1", "event_type": "purchase", "session_id": "s7"},
        {**common, "item_id": "item-2", "event_type": "review", "text": "好用"},
        {**common, "event_type": "search", "text": "red mug"},
        {**common, "event_type": "search", "text": "too late", "timestamp": 1_700_000_100},
    ]
    write_events(tmp_path, events)
    data = read_data(tmp_path, NOW_MS)
    known = write_known(data, np.ones(3, dtype=np.bool_), 1_700_000_050_000, tmp_path / "known")
    again = read_data(known, NOW_MS)
    before, after = data.shop.table, again.shop.table
    for column in ("item", "time_ms", "event_type", "grade", "strength", "text"):
        values = {int(i): v for i, v in zip(before.item, getattr(before, column), strict=True)}
        for item, value in zip(after.item, getattr(after, column), strict=True):
            assert value == values[int(item)] or (value != value and values[int(item)] != values[int(item)])
    assert (before.session >= 0).sum() == (after.session >= 0).sum() == 1
    assert [e.text for e in again.words["u"]] == ["red mug"]


def test_unknown_protocol_or_budget_is_refused(shop: Path) -> None:
    with pytest.raises(InvalidInputError, match="no such protocol"):
        evaluate(settings(shop, protocol="sideways"))
    with pytest.raises(InvalidInputError, match="no such budget"):
        evaluate(settings(shop, protocol="leave-one-out", budget="lavish"))
