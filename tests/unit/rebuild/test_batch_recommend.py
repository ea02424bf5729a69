"""batch-recommend: one list per user, from files to a file."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from endcap.errors import InvalidInputError
from endcap.events.interaction import interaction_document, parse_interaction
from endcap.profiles.profile import profile_of
from endcap.pseudonyms import PseudonymKeys, pseudonymous
from endcap.recommend.pipeline import recommend
from endcap.recommend.request import RecommendationRequest
from endcap.snapshot.snapshot import load_snapshot
from endcap_rebuild.batch_recommend import batch_recommend
from endcap_rebuild.data.options import ReadOptions
from endcap_rebuild.data.reading import ReadReport, read_events
from endcap_rebuild.data.report import UnusableDataError
from tests.fakes.toy_shop import NOW_MS, write_events
from tests.fakes.toy_snapshot import CUTOFF_MS, DAY_MS, build_toy_snapshot

HISTORY = [("ann", 3, "purchase", 5), ("ann", 4, "view", 2), ("bob", 20, "view", 1), ("eve", 9, "dislike", 1)]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    build_toy_snapshot(tmp_path / "snapshot")
    events(tmp_path, HISTORY)
    (tmp_path / "users.csv").write_text("user_id\nbob\nann\nnobody\n")
    return tmp_path


def events(folder: Path, rows: list[tuple[str, int, str, int]], **more: Any) -> None:
    write_events(
        folder,
        [
            {
                "user_id": user,
                "item_id": f"item-{item}",
                "event_type": kind,
                "timestamp": (CUTOFF_MS - days * DAY_MS) // 1000,
                **more,
            }
            for user, item, kind, days in rows
        ],
    )


def run(folder: Path, out: str = "recs.csv", limit: int = 5, **options: Any) -> dict[str, Any]:
    return batch_recommend(
        folder / "snapshot", folder / "events.csv", folder / "users.csv", limit, folder / out, **options
    )


def lists_in(file: Path) -> dict[str, list[str]]:
    raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    lists: dict[str, list[str]] = {}
    for row in csv.DictReader(raw.decode().splitlines()):
        lists.setdefault(row["user_id"], []).append(row["item_id"])
        assert int(row["rank"]) == len(lists[row["user_id"]])
    return lists


def test_lists_are_those_of_recommend(files: Path) -> None:
    summary = run(files)
    snapshot = load_snapshot(files / "snapshot")
    history = [e for e in read_events(files / "events.csv", ReadReport(), NOW_MS) if e.user_id == "ann"]
    answer = recommend(snapshot, profile_of(history), RecommendationRequest(limit=5), CUTOFF_MS - 2 * DAY_MS)
    rows = list(csv.reader((files / "recs.csv").read_text().splitlines()))
    assert rows[0] == ["user_id", "rank", "item_id", "score"]
    assert [row[2:] for row in rows if row[0] == "ann"] == [[i.item_id, f"{i.score:.6g}"] for i in answer.items]
    assert (summary["users"], summary["users_without_events"], summary["rows"]) == (3, 1, 15)


def test_users_come_in_the_order_of_their_file(files: Path) -> None:
    run(files)
    assert list(lists_in(files / "recs.csv")) == ["bob", "ann", "nobody"]


def test_unknown_user_gets_what_is_popular(files: Path) -> None:
    run(files)
    assert lists_in(files / "recs.csv")["nobody"][0] == "item-0"


def test_items_of_the_users_events_are_left_out_unless_asked_for(files: Path) -> None:
    run(files, limit=40)
    assert not {"item-3", "item-4"} & set(lists_in(files / "recs.csv")["ann"])
    run(files, limit=40, include_seen=True)
    assert {"item-3", "item-4"} <= set(lists_in(files / "recs.csv")["ann"])


def test_items_that_a_profile_has_forgotten_are_left_out_too(files: Path) -> None:
    old = [("ann", 39, "view", 300)]
    events(files, old + [("ann", k % 30, "view", 200 - k) for k in range(100)])
    run(files, limit=40)
    assert "item-39" not in lists_in(files / "recs.csv")["ann"]


def test_gzipped_answers_are_reproducible(files: Path) -> None:
    run(files, "a.csv.gz")
    run(files, "b.csv.gz")
    assert (files / "a.csv.gz").read_bytes() == (files / "b.csv.gz").read_bytes()
    run(files, "c.csv")
    assert lists_in(files / "a.csv.gz") == lists_in(files / "c.csv")


def test_order_of_the_events_changes_nothing(files: Path) -> None:
    run(files)
    events(files, HISTORY[::-1])
    run(files, "again.csv")
    assert (files / "recs.csv").read_bytes() == (files / "again.csv").read_bytes()


def test_one_clock_for_all_can_be_given(files: Path) -> None:
    run(files, as_of=str((CUTOFF_MS + 4000 * DAY_MS) // 1000))
    run(files, "iso.csv", as_of="2300-01-01T00:00:00Z")
    assert len(lists_in(files / "recs.csv")["ann"]) == 5
    with pytest.raises(InvalidInputError, match="as_of"):
        run(files, as_of="yesterday")


def test_new_items_are_ranked_by_their_text(files: Path) -> None:
    twin = json.loads((files / "snapshot" / "items.jsonl").read_text().splitlines()[4])
    rows = [{**twin, "item_id": "brand-new"}, {**twin, "title": "changed"}, {"title": "no id"}]
    (files / "new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UnusableDataError, match="1 of 3 rows of items"):
        run(files, limit=15, items=files / "new.jsonl")
    summary = run(files, limit=15, items=files / "new.jsonl", reading=ReadOptions(allow_bad=0.4))
    assert "brand-new" in lists_in(files / "recs.csv")["ann"]
    assert summary["read"]["bad_row_count"] == 1


def test_anonymous_history_counts_for_who_turned_out_to_be_behind_it(files: Path) -> None:
    write_events(
        files,
        [
            {"user_id": "cookie", "item_id": "item-7", "event_type": "view", "timestamp": 1_700_000_000},
            {
                "user_id": "ann",
                "event_type": "identify",
                "anonymous_id": "cookie",
                "timestamp": 1_700_000_100,
            },
        ],
        header=("user_id", "item_id", "event_type", "timestamp", "anonymous_id"),
    )
    run(files)
    assert lists_in(files / "recs.csv")["ann"][0] == "item-8"


def test_anonymous_history_of_an_archive_counts_as_well(files: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"anonymous_id": "cookie", "item_id": "item-7", "event_type": "view", "timestamp": 1_700_000_000},
        {"user_id": "ann", "event_type": "identify", "anonymous_id": "cookie", "timestamp": 1_700_000_100},
        {"user_id": "bob", "item_id": "item-1", "event_type": "view", "timestamp": 1_700_000_000},
        {"user_id": "nobody", "event_type": "identify", "anonymous_id": "bob", "timestamp": 1_700_000_100},
    ]
    archive = files / "archive" / "events"
    archive.mkdir(parents=True)
    documents = (interaction_document(parse_interaction(row, NOW_MS)) for row in rows)
    (archive / "part-1").write_text("".join(json.dumps(document) + "\n" for document in documents))
    batch_recommend(
        files / "snapshot", files / "archive", files / "users.csv", 40, files / "recs.csv", without_ledger=True
    )
    lists = lists_in(files / "recs.csv")
    assert lists["ann"][0] == "item-8"
    assert "item-1" in lists["nobody"]  # what bob saw is bob's, whoever says to have been bob
    assert "item-1" not in lists["bob"]


def test_bad_rows_are_reported(files: Path) -> None:
    events(files, [*HISTORY, ("ann", 1, "teleport", 1)])
    assert run(files)["read"]["bad_rows"][0]["line"] == len(HISTORY) + 2


def test_progress_counts_users(files: Path) -> None:
    told: list[tuple[str, int, int]] = []
    run(files, progress=lambda *step: told.append(step))
    assert told[-1] == ("recommending", 3, 3)


def test_an_archive_with_pseudonyms_gives_the_lists_of_one_with_ids(files: Path) -> None:
    run(files, "plain.csv")
    keys = PseudonymKeys({1: b"k" * 32, 2: b"l" * 32})
    older = PseudonymKeys({1: b"k" * 32})
    events = list(read_events(files / "events.csv", ReadReport(), NOW_MS))
    told = [pseudonymous(interaction_document(e), older if n % 2 else keys) for n, e in enumerate(events)]
    told[0] = interaction_document(events[0])  # of before the stack had pseudonyms
    (files / "archive.jsonl").write_text("".join(json.dumps(document) + "\n" for document in told))
    snapshot, users, out = files / "snapshot", files / "users.csv", files / "recs.csv"
    with pytest.raises(InvalidInputError, match="--pseudonym-keys"):
        batch_recommend(snapshot, files / "archive.jsonl", users, 5, out)
    found = batch_recommend(snapshot, files / "archive.jsonl", users, 5, out, keys=keys)
    assert lists_in(out) == lists_in(files / "plain.csv")
    assert found["users_without_events"] == 1
