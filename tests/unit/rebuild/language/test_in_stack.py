"""Rebuilds of a stack have items described that nobody has described yet, and lose nothing that was paid for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from endcap.aws.answers import LEDGER_KEY, NEW_PREFIX
from endcap.catalog.item import Item
from endcap.describing.asked import asked_about
from endcap.describing.lines import line_of
from endcap.describing.prompt import prompt_of
from endcap.describing.writer import Price, Request, Usage, WriterError, Written
from endcap_rebuild.language.enrich import META, EnrichSettings, enrich, enriched_of
from endcap_rebuild.language.in_stack import PREFIX, WriterChoice, with_enrichment
from endcap_rebuild.settings import RebuildSettings


class Bucket:
    """Objects by key."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.reads: list[str] = []

    def fetch(self, prefix: str, folder: Path) -> None:
        for key, body in self.objects.items():
            if key.startswith(prefix):
                folder.mkdir(parents=True, exist_ok=True)
                (folder / key.removeprefix(prefix)).write_bytes(body)

    def put(self, key: str, body: bytes) -> None:
        self.objects[key] = body

    def sizes(self, prefix: str) -> Mapping[str, int]:
        return {key: len(body) for key, body in self.objects.items() if key.startswith(prefix)}

    def read(self, key: str) -> bytes:
        self.reads.append(key)
        return self.objects[key]


class Breaking:
    """Answers some requests, then can't be asked any more."""

    name = "breaking:1"
    at_once = 1

    def __init__(self, answers: int, error: BaseException | None = None) -> None:
        self.answers, self.asked = answers, 0
        self.error = error or WriterError("throttled for ever")

    def write(self, requests: Sequence[Request], schema: Mapping[str, Any], most_tokens: int) -> Iterator[Written]:
        for request in requests:
            if self.asked == self.answers:
                raise self.error
            self.asked += 1
            yield Written(request.key, {"kind": "mug"}, Usage(50, 10))


@pytest.fixture
def settings(tmp_path: Path) -> RebuildSettings:
    data = tmp_path / "data"
    data.mkdir()
    lines = [json.dumps({"item_id": f"i{k}", "title": f"red mug number {k} jar"}) for k in range(20)]
    (data / "items.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return RebuildSettings(data, tmp_path / "out")


PAID = WriterChoice("bedrock", "small", Price(1.0, 1.0), 1.0)


def test_without_anything_written_nothing_is_used(settings: RebuildSettings, tmp_path: Path) -> None:
    bucket = Bucket()
    assert with_enrichment(settings, bucket, tmp_path / "new", WriterChoice()) is settings
    assert not bucket.objects


def test_what_lies_in_the_bucket_is_used_as_it_is(settings: RebuildSettings, tmp_path: Path) -> None:
    bucket = Bucket()
    bucket.put(PREFIX + META, b'{"prompt": "enrich-1", "writer": "rules:1"}')
    before = dict(bucket.objects)
    assert with_enrichment(settings, bucket, tmp_path / "new", WriterChoice()).enrichment == tmp_path / "new"
    assert bucket.objects == before


def test_rules_describe_what_is_missing_and_keep_it(settings: RebuildSettings, tmp_path: Path) -> None:
    bucket = Bucket()
    found = with_enrichment(settings, bucket, tmp_path / "new", WriterChoice("rules"))
    assert found.enrichment == tmp_path / "new"
    assert bucket.objects[f"{PREFIX}written.jsonl"].count(b"\n") == 20


def test_what_was_written_as_items_came_in_is_not_paid_for_again(settings: RebuildSettings, tmp_path: Path) -> None:
    bucket = Bucket()
    writer = Breaking(5)
    with_enrichment(settings, bucket, tmp_path / "one", PAID, writer=writer)
    assert META not in {key.removeprefix(PREFIX) for key in bucket.objects}  # it broke off
    with_enrichment(settings, bucket, tmp_path / "two", PAID, writer=Breaking(100))
    folder = Path(settings.data)
    new = Item("fresh", "yellow jug of the new kind")
    with (folder / "items.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n" + json.dumps({"item_id": new.item_id, "title": new.title}))
    asked = asked_about(new, prompt_of("enrich-1"), "breaking:1")
    line = line_of(Written(asked.key, {"kind": "jug"}, Usage(50, 10)), PAID.price)
    bucket.put(f"{NEW_PREFIX}{asked.key}.json", json.dumps(line).encode())
    bucket.put(f"{NEW_PREFIX}odd.json", b"{")
    bucket.put(LEDGER_KEY, b"{}")
    rest = Breaking(100)
    found = with_enrichment(settings, bucket, tmp_path / "three", PAID, writer=rest)
    assert rest.asked == 0
    assert found.enrichment is not None
    assert [one.kind for one in enriched_of(found.enrichment, [new]) if one] == ["jug"]
    assert bucket.objects[f"{PREFIX}written.jsonl"].count(b"\n") == 21
    bucket.reads.clear()
    with_enrichment(settings, bucket, tmp_path / "four", PAID, writer=rest)
    assert bucket.reads == [f"{NEW_PREFIX}odd.json"]


@pytest.mark.parametrize("error", [None, MemoryError("handed over")], ids=["away", "out of time"])
def test_what_was_paid_for_is_kept_whatever_happens(
    settings: RebuildSettings, tmp_path: Path, error: BaseException | None
) -> None:
    bucket = Bucket()
    breaking = Breaking(7, error)
    if error is None:  # a rebuild without new texts is better than none
        assert with_enrichment(settings, bucket, tmp_path / "one", PAID, writer=breaking) is settings
    else:
        with pytest.raises(MemoryError):
            with_enrichment(settings, bucket, tmp_path / "one", PAID, writer=breaking)
    rest = Breaking(100)
    found = with_enrichment(settings, bucket, tmp_path / "two", PAID, writer=rest)
    assert rest.asked == 13
    assert found.enrichment == tmp_path / "two"


def test_a_writer_is_asked_as_it_was_before(settings: RebuildSettings, tmp_path: Path) -> None:
    folder = tmp_path / "before"
    enrich(EnrichSettings(settings.data, folder, PAID.price, 1.0, prompt="enrich-blurb-1"), Breaking(100))
    bucket = Bucket()
    for path in folder.iterdir():
        bucket.put(PREFIX + path.name, path.read_bytes())
    again = Breaking(100)
    with_enrichment(settings, bucket, tmp_path / "two", PAID, writer=again)
    assert again.asked == 0
    assert json.loads(bucket.objects[PREFIX + META])["prompt"] == "enrich-blurb-1"
    with_enrichment(settings, bucket, tmp_path / "three", WriterChoice("rules"))
    assert json.loads(bucket.objects[PREFIX + META]) == {"writer": "rules:1", "prompt": "enrich-1"}
