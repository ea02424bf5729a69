from __future__ import annotations

import gzip
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.catalog.item import Item
from endcap.catalog.row import ItemRow
from endcap.errors import DependencyError
from endcap.events.types import EVENT_TYPES
from endcap.feeds import documents
from endcap.feeds import load as loading
from endcap.feeds.load import Run, Task, load
from tests.fakes.effort import tried

SAMPLES = Path(__file__).parents[4] / "events" / "load_file"
AT_MS = 1_768_989_600_000


class Catalogue:
    """Items in memory, and how often each call was made."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.reads = self.writes = 0

    def many(self, item_ids: Sequence[str]) -> Mapping[str, ItemRow | None]:
        self.reads += 1
        found = {name: self.items.get(name) for name in item_ids}
        return {name: None if item is None else ItemRow(name, item, 0) for name, item in found.items()}

    def put(self, item: Item) -> bool:
        self.writes += 1
        self.items[item.item_id] = item
        return True

    def change(self, item_id: str, change: Callable[[Item], Item]) -> tuple[Item, bool] | None:
        item = self.items.get(item_id)
        if item is None:
            return None
        self.writes += 1
        self.items[item_id] = change(item)
        return self.items[item_id], self.items[item_id] != item


class Queue:
    """Events in memory."""

    def __init__(self) -> None:
        self.documents: list[Mapping[str, Any]] = []
        self.full = False

    def send(self, documents: Sequence[Mapping[str, Any]]) -> list[int]:
        if self.full:
            return list(range(len(documents)))
        self.documents += documents
        return []

    @property
    def distinct(self) -> set[tuple[str, str]]:
        """What profiles would know them by."""
        return {(str(d.get("user_id") or d.get("anonymous_id")), d["event_id"]) for d in self.documents}


def run(
    path: Path,
    key: str = "inbox/items/feed",
    task: Task | None = None,
    shop: Catalogue | None = None,
    queue: Queue | None = None,
    batches: int = 1_000_000,
) -> Run:
    left = iter(range(batches))
    return load(
        path,
        task or Task(key, "etag", AT_MS),
        lambda: shop or Catalogue(),
        lambda: queue or Queue(),
        EVENT_TYPES,
        lambda: next(left, None) is not None,
    )


def written(tmp_path: Path, text: str | bytes, name: str = "file") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_merchant_feed_in_xml() -> None:
    shop = Catalogue()
    outcome = run(SAMPLES / "feed.xml", shop=shop)
    assert (outcome.done, outcome.task.accepted, outcome.task.changed, outcome.task.refused) == (True, 2, 2, 1)
    lamp, mug = shop.items["LAMP-1"], shop.items["MUG-9"]
    assert (lamp.price, lamp.currency, lamp.brand, lamp.group_id) == (129.0, "EUR", "Brightly", "FLOOR-LAMP")
    assert lamp.categories == ("Home", "Lamps", "Floor lamps")
    assert lamp.attributes == {"color": "Black"}
    assert (lamp.available, mug.available) == (True, False)
    assert lamp.description == "Bends to where you read."
    (refusal,) = outcome.refusals
    assert (refusal.line, refusal.errors[0]["field"]) == (24, "item_id")
    assert "What has no id" in json.loads(refusal.json())["row"]


HEAD = "id\ttitle\tprice\tavailability\n"
ROWS = [("1", "Lamp", "9.50 EUR", "in_stock"), ("2", "Mug", "1.234,50 EUR", "out of stock")]
TABLE = HEAD + "".join("\t".join(row) + "\n" for row in ROWS)
DOCUMENTS = [dict(zip(HEAD.strip().split("\t"), row, strict=True)) for row in ROWS]


@pytest.mark.parametrize(
    "data",
    [
        TABLE,
        TABLE.replace("\t", ";").replace("1.234,50", "1234,50").replace("9.50", "9,50"),
        TABLE.encode("utf-16"),
        gzip.compress(TABLE.encode()),
        "".join(json.dumps(document) + "\n" for document in DOCUMENTS),
        json.dumps(DOCUMENTS),
        json.dumps({"items": DOCUMENTS}, indent=2),
    ],
    ids=["tsv", "semicolons", "utf-16", "gzip", "json lines", "json array", "json object"],
)
def test_the_same_catalogue_in_every_form(data: str | bytes, tmp_path: Path) -> None:
    shop = Catalogue()
    outcome = run(written(tmp_path, data), shop=shop)
    assert (outcome.task.accepted, outcome.task.refused, outcome.task.failure) == (2, 0, "")
    assert [(i.title, i.price, i.currency, i.available) for i in shop.items.values()] == [
        ("Lamp", 9.5, "EUR", True),
        ("Mug", 1234.5, "EUR", False),
    ]


def test_a_file_alone_in_a_zip_is_read_and_several_are_not(tmp_path: Path) -> None:
    for names, failure in ((["a.tsv"], ""), (["a.tsv", "b.tsv"], "a zip must hold one file")):
        path = tmp_path / f"{len(names)}.zip"
        with zipfile.ZipFile(path, "w") as packed:
            for name in names:
                packed.writestr(name, TABLE)
        assert run(path).task.failure == failure


def test_json_of_one_long_line_is_read(tmp_path: Path) -> None:
    # Longer than what is read at a time, which once never came to an end.
    documents = [{"id": str(n), "title": "x" * 1000} for n in range(3_000)]
    outcome = run(written(tmp_path, json.dumps(documents)))
    assert (outcome.task.accepted, outcome.done) == (3_000, True)


@pytest.mark.parametrize("n_rows", [2_000, pytest.param(40_000, marks=pytest.mark.prove)])
def test_a_feed_that_is_the_same_as_yesterday_writes_nothing(n_rows: int, tmp_path: Path) -> None:
    rows = "".join(f"{n}\tLamp {n}\t{n}.00 EUR\tin_stock\n" for n in range(n_rows))
    shop = Catalogue()
    path = written(tmp_path, HEAD + rows)
    assert run(path, shop=shop).task.changed == n_rows
    shop.reads = shop.writes = 0
    outcome = run(path, shop=shop)
    assert (outcome.task.accepted, outcome.task.changed, shop.writes) == (n_rows, 0, 0)
    assert shop.reads == n_rows / loading.BATCH_ROWS


def test_rows_without_a_title_change_what_they_name(tmp_path: Path) -> None:
    shop = Catalogue()
    shop.items["1"] = Item("1", "Lamp", description="Bright", price=9.0)
    outcome = run(written(tmp_path, "id,price,quantity\n1,7.50,0\n2,3.00,5\n"), shop=shop)
    assert shop.items == {"1": Item("1", "Lamp", description="Bright", price=7.5, available=False)}
    assert [(r.line, r.errors[0]["field"]) for r in outcome.refusals] == [(3, "title")]


def test_a_file_of_events() -> None:
    queue = Queue()
    outcome = run(SAMPLES / "day.csv", "inbox/events/day.csv", queue=queue)
    assert [(d["event_type"], d.get("item_id")) for d in queue.documents] == [
        ("purchase", "LAMP-1"),
        ("view", "MUG-9"),
        ("search", None),
    ]
    assert [(r.line, r.errors[0]["field"]) for r in outcome.refusals] == [(5, "event_type")]
    assert outcome.task.failed  # one of four: somebody should look at it


def test_events_of_others_are_read_in_lines(tmp_path: Path) -> None:
    segment = {
        "type": "track",
        "event": "Product Viewed",
        "userId": "u",
        "messageId": "m",
        "properties": {"product_id": "p"},
    }
    own = {"user_id": "u", "event_type": "view", "item_id": "q", "timestamp": 1_768_903_200}
    queue = Queue()
    lines = [segment, {"events": [own, own | {"item_id": "r"}]}, own, {"user_id": "u", "note": "no event"}]
    outcome = run(
        written(tmp_path, "".join(json.dumps(line) + "\n" for line in lines)), "inbox/events/day", queue=queue
    )
    assert [d["item_id"] for d in queue.documents] == ["p", "q", "r", "q"]
    assert [r.line for r in outcome.refusals] == [4]


def test_an_event_without_id_and_time_is_known_by_file_and_line(tmp_path: Path) -> None:
    lines = "user_id,item_id,event_type\nu,1,view\nu,1,view\n"
    path, queue = written(tmp_path, lines), Queue()
    for task in (Task("inbox/events/a", "e1", AT_MS), Task("inbox/events/a", "e1", AT_MS)):
        run(path, task=task, queue=queue)
    assert (len(queue.documents), len(queue.distinct)) == (4, 2)
    run(path, task=Task("inbox/events/a", "e2", AT_MS), queue=queue)
    assert len(queue.distinct) == 4


def test_events_with_a_time_count_once_whatever_file_they_come_in(tmp_path: Path) -> None:
    path, queue = written(tmp_path, "user_id,item_id,event_type,timestamp\nu,1,view,1768903200\n"), Queue()
    for etag in ("monday", "tuesday"):
        run(path, task=Task("inbox/events/last-two-days", etag, AT_MS), queue=queue)
    assert len(queue.distinct) == 1


@tried(20)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(0, 40))
def test_however_it_is_cut_the_outcome_is_that_of_one_run(cuts: list[int], n_rows: int) -> None:
    rows = [f"u{n},{n},{'view' if n % 7 else 'gaze'},{1_768_903_200 + n}\n" for n in range(n_rows)]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "BATCH_ROWS", 5)
        path = written(Path(folder), "user_id,item_id,event_type,timestamp\n" + "".join(rows))
        key, whole, parts = "inbox/events/x", Queue(), Queue()
        expected = run(path, key, queue=whole)
        task, refusals, done = Task(key, "etag", AT_MS), 0, False
        for batches in [*cuts, 100]:
            if done:
                break
            outcome = run(path, task=task, queue=parts, batches=batches)
            again = run(path, task=task, queue=parts, batches=batches)  # its message came twice
            assert again.task == outcome.task
            task, done, refusals = outcome.task, outcome.done, refusals + len(outcome.refusals)
        assert done
        assert task == expected.task
        assert refusals == len(expected.refusals)
        assert parts.distinct == whole.distinct


def test_what_the_queue_does_not_take_is_tried_again(tmp_path: Path) -> None:
    queue = Queue()
    queue.full = True
    with pytest.raises(DependencyError):
        run(SAMPLES / "day.csv", "inbox/events/day.csv", queue=queue)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"PAR1....", "endcap import"),
        (b"<!DOCTYPE x><rss/>", "document type"),
        (b"<rss><item><id>1</id><title>T</title></item>", "no XML"),
        (gzip.compress(TABLE.encode() * 500)[:-20], "cut off"),
        (b"PK\x03\x04 no zip", "damaged"),
    ],
)
def test_a_file_that_can_not_be_read_says_why(data: bytes, says: str, tmp_path: Path) -> None:
    name = "x.zip" if data.startswith(b"PK") else "x"
    outcome = run(written(tmp_path, data, name))
    assert outcome.done
    assert says in outcome.task.failure
    assert outcome.task.failed


def test_a_json_value_that_never_ends_is_not_read_to_its_end() -> None:
    read, refused = [], []

    def parts() -> Iterator[str]:
        for n in range(1_000):
            read.append(n)
            yield '{"items": [' if n == 0 else '{"item_id": 1,\n"title": "x"},\n'

    assert list(documents.values(parts(), lambda *told: refused.append(told), 1_000)) == []
    assert len(read) < 100
    assert len(refused) == 1
    read.clear()
    assert list(documents.values(parts(), lambda *told: refused.append(told))) == []
    assert len(read) == 1_000


def test_an_empty_file_is_no_failure(tmp_path: Path) -> None:
    outcome = run(written(tmp_path, ""))
    assert (outcome.done, outcome.task.failed, outcome.task.rows) == (True, False, 0)


@pytest.mark.parametrize(
    ("key", "role"),
    [
        ("inbox/events/items/monday.csv", "events"),
        ("inbox/items/events/feed.xml", "items"),
        ("inbox/events/items", "events"),
    ],
)
def test_the_first_folder_says_what_a_file_holds(key: str, role: str) -> None:
    assert Task(key, "etag", AT_MS).role == role


def test_a_file_that_never_comes_to_a_row_is_given_up() -> None:
    task, runs, done = Task("inbox/events/day.csv", "etag", AT_MS), 0, False
    while not done:
        outcome = run(SAMPLES / "day.csv", task=task, batches=0)
        task, runs, done = outcome.task, runs + 1, outcome.done
    assert runs == loading.MAX_IDLE + 1
    assert task.failed
    outcome = run(SAMPLES / "day.csv", task=replace(task, idle=loading.MAX_IDLE, failure=""))
    assert (outcome.done, outcome.task.failure, outcome.task.idle) == (True, "", 0)


def test_a_folder_that_says_nothing_is_told_of() -> None:
    assert "neither items nor events" in run(SAMPLES / "day.csv", "inbox/other/day.csv").task.failure


def test_a_task_goes_through_a_queue() -> None:
    task = replace(Task("inbox/items/a", "e", AT_MS), rows=5, refused=1)
    assert Task(**json.loads(json.dumps(task.document()))) == task
