"""Exports of the tables and the archive, in the layout that they have in S3."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from endcap.aws.item_rows import item_row
from endcap.catalog.item import Item
from endcap.errors import InvalidInputError
from endcap.events.interaction import Interaction, interaction_document
from endcap.identifiers import anonymous_id_of
from endcap.profiles.identity import apply_events, delete_user
from endcap.profiles.links import Link
from endcap.profiles.profile import UserProfile, profile_of
from endcap_rebuild.data.dataset import Shop, read_shop
from endcap_rebuild.data.reading import ReadReport, catalog_time_ms, read_erasures, read_items
from tests.fakes.profile_store import MemoryProfiles
from tests.fakes.table_export import EXPORTED_AT_MS, export_files
from tests.fakes.toy_shop import NOW_MS

HOUR_MS = 3_600_000
FIRST_MS = NOW_MS - 1_000 * HOUR_MS
ITEMS = [Item(f"i{k}", f"Mug {k}") for k in range(5)]


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    for key, content in files.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(content)


def write_items_export(folder: Path, items: Iterable[Item] = ITEMS, **about: str) -> None:
    write(folder / "items", export_files([item_row(item, 1) for item in items], **about))


def write_profiles_export(folder: Path, store: MemoryProfiles, *more: Mapping[str, Any]) -> None:
    rows = [_profile_row(user_id, data) for user_id, data in store.rows().items()]
    write(folder / "profiles", export_files([*rows, *more]))


def _profile_row(user_id: str, data: bytes) -> dict[str, Any]:
    return {"user_id": {"S": user_id}, "profile": {"B": data}, "version": {"N": "1"}}


def write_archive(folder: Path, events: Iterable[Interaction]) -> None:
    """One object per day, several events in it, as Firehose writes them."""
    days: dict[int, list[Interaction]] = {}
    for event in events:
        days.setdefault(event.timestamp_ms // (24 * HOUR_MS), []).append(event)
    for number, day in enumerate(days.values()):
        body = "".join(json.dumps(interaction_document(event)) + "\n" for event in day).encode()
        name = f"events/2026/01/{number + 1:02d}/archive-1-2026-01-01-00-00-00-{number}"
        write(folder, {name + ".jsonl.gz": gzip.compress(body)} if number % 2 else {name: body})


def bought(user_id: str, hours: int, item: int = 0) -> Interaction:
    at_ms = NOW_MS - 1_000 * HOUR_MS + hours * HOUR_MS
    anonymous_id = anonymous_id_of(user_id)
    return Interaction(f"{user_id}-{hours}", user_id, "purchase", at_ms, f"i{item}", anonymous_id=anonymous_id)


def identified(user_id: str, anonymous_id: str, hours: int) -> Interaction:
    return Interaction(f"id-{hours}", user_id, "identify", FIRST_MS + hours * HOUR_MS, anonymous_id=anonymous_id)


def shop_of(folder: Path) -> Shop:
    return read_shop(folder, NOW_MS, 0, {})


def test_export_is_read_by_its_manifest(tmp_path: Path) -> None:
    write_items_export(tmp_path)
    write(tmp_path / "items", {"AWSDynamoDB/01767323045678-1a2b3c4d/data/left-over.json.gz": b"of another job"})
    report = ReadReport()
    assert sorted(item.item_id for item in read_items(tmp_path, report)) == [item.item_id for item in ITEMS]
    assert report.bad_row_count == 0
    assert catalog_time_ms(tmp_path) == EXPORTED_AT_MS


def test_only_the_newest_export_counts(tmp_path: Path) -> None:
    write_items_export(tmp_path, export_id="01", exported_at="2026-01-01T00:00:00Z")
    write_items_export(tmp_path, ITEMS[1:], export_id="02", exported_at="2026-01-03T00:00:00Z")
    write_items_export(tmp_path, export_id="03", exported_at="2026-01-02T00:00:00Z")
    assert sorted(item.item_id for item in read_items(tmp_path, ReadReport())) == ["i1", "i2", "i3", "i4"]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"manifest-summary.json": None}, "not finished"),
        ({"data/part1asdf.json.gz": None}, "lacks part1asdf.json.gz"),
        ({"data/part1asdf.json.gz": gzip.compress(b"")}, "3 rows, its manifest says 5"),
        ({"manifest-files.json": b"{"}, "manifest"),
        ({"manifest-summary.json": b"[]"}, "manifest"),
    ],
)
def test_part_of_an_export_is_no_catalogue(tmp_path: Path, broken: dict[str, bytes | None], reason: str) -> None:
    write_items_export(tmp_path)
    for name, content in broken.items():
        file = tmp_path / "items" / "AWSDynamoDB" / "01767323045678-1a2b3c4d" / name
        file.unlink() if content is None else file.write_bytes(content)
    with pytest.raises(InvalidInputError, match=reason):
        read_items(tmp_path, ReadReport())


def test_archive_counts_each_event_of_a_user_once(tmp_path: Path) -> None:
    events = [bought("ann", 1), bought("ann", 30), bought("bob", 1)]
    write_items_export(tmp_path)
    write_archive(tmp_path, [*events, *events])
    write(tmp_path, {"erasures/key-1.json": b'{"number": 1, "secret": "00ff"}'})
    shop = shop_of(tmp_path)
    assert len(shop.table) == 3
    assert shop.report.duplicate_events == 3


def test_erased_users_do_not_come_back_from_the_archive(tmp_path: Path) -> None:
    events = [bought("ann", 1), bought("ann", 2), bought("ann", 9), bought("bob", 1)]
    store = MemoryProfiles()
    apply_events(events, store)
    delete_user("ann", events[1].timestamp_ms, store)
    write_items_export(tmp_path)
    write_archive(tmp_path, events)
    write_profiles_export(tmp_path, store)
    shop = shop_of(tmp_path)
    assert shop.table.user_ids == ("ann", "bob")
    assert shop.table.time_ms.tolist() == [events[2].timestamp_ms, events[3].timestamp_ms]
    assert shop.report.erased_events == 2


def test_what_an_erased_user_did_before_they_were_known_stays_away_too(tmp_path: Path) -> None:
    cookie = "anon:cookie"
    events = [bought(cookie, 1), identified("ann", "cookie", 2), bought("ann", 3), bought(cookie, 9)]
    store = MemoryProfiles()
    apply_events(events, store)
    delete_user("ann", events[2].timestamp_ms, store)
    write_items_export(tmp_path)
    write_archive(tmp_path, events)
    write_profiles_export(tmp_path, store)
    assert shop_of(tmp_path).table.time_ms.tolist() == [events[3].timestamp_ms]


def test_so_it_does_in_a_table_and_an_archive_of_before_anonymous_ids_had_keys(tmp_path: Path) -> None:
    events = [bought("cookie", 1), identified("ann", "cookie", 2), bought("ann", 3), bought("cookie", 9)]
    did, at_ms = profile_of([events[0], events[3]]), events[1].timestamp_ms
    store = MemoryProfiles()
    store.update("cookie", lambda _: replace(did, is_user=False, links=(Link(at_ms, user_id="ann"),)))
    store.update("ann", lambda _: UserProfile(links=(Link(at_ms, anonymous_id="cookie"),)))
    delete_user("ann", events[2].timestamp_ms, store)
    write_items_export(tmp_path)
    write_archive(tmp_path, events)
    write_profiles_export(tmp_path, store)
    assert shop_of(tmp_path).table.time_ms.tolist() == [events[3].timestamp_ms]


def test_event_of_time_0_stays_unless_its_user_was_erased(tmp_path: Path) -> None:
    write_items_export(tmp_path)
    write_archive(
        tmp_path, [Interaction("e", "ann", "purchase", 0, "i0"), Interaction("e", "bob", "purchase", 0, "i0")]
    )
    store = MemoryProfiles()
    apply_events([bought("ann", 1)], store)
    delete_user("bob", 1, store)
    write_profiles_export(tmp_path, store)
    assert shop_of(tmp_path).table.user_ids == ("ann",)


def test_user_whose_profile_can_not_be_read_counts_as_erased(tmp_path: Path) -> None:
    write_items_export(tmp_path)
    write_archive(tmp_path, [bought("ann", 1), bought("bob", 1)])
    write_profiles_export(tmp_path, MemoryProfiles(), {"user_id": {"S": "ann"}, "profile": {"B": b"\xff"}})
    shop = shop_of(tmp_path)
    assert shop.table.user_ids == ("bob",)
    assert [row.reason for row in shop.report.bad_rows] == ["the profile can't be read"]


def test_profiles_that_are_none_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "profiles", export_files([item_row(ITEMS[0], 1)]))
    with pytest.raises(InvalidInputError, match="not one of the profiles table"):
        read_erasures(tmp_path, ReadReport())


def test_part_of_the_profiles_is_refused(tmp_path: Path) -> None:
    store = MemoryProfiles()
    for user in range(4):
        delete_user(f"user-{user}", NOW_MS, store)
    write_profiles_export(tmp_path, store)
    for part in (tmp_path / "profiles").rglob("part0*"):
        part.write_bytes(gzip.compress(b""))
    with pytest.raises(InvalidInputError, match="2 rows, its manifest says 4"):
        read_erasures(tmp_path, ReadReport())


def test_a_folder_without_profiles_erases_nobody(tmp_path: Path) -> None:
    assert read_erasures(tmp_path, ReadReport()) == {}
