"""The ledger of erasures in DynamoDB and its copy in S3, and rows of the profiles table that a purge removes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from endcap.aws.erasures import ErasureTable, LedgerCopy
from endcap.aws.profiles import ProfileTable
from endcap.aws.purging import PurgedBook, PurgedObjects, PurgedProfiles, places
from endcap.aws.results import ResultStore
from endcap.batch import Deadline
from endcap.erasure.ledger import Ledger
from endcap.erasure.purge import purge
from endcap.errors import ConflictError, DependencyError, StoredDataError
from endcap.events.interaction import Interaction
from endcap.profiles.erasure import erase
from endcap.profiles.identity import apply_events, delete_user
from endcap.profiles.profile import deletion
from endcap.pseudonyms import PseudonymKeys, names_of
from endcap.results.book import Book
from endcap.results.codec import decoded, encoded
from endcap.results.read_files import ReadFiles
from endcap.results.summarise import summarise
from tests.fakes.moto_stack import BUCKET, ERASURES, PROFILES, client, objects, stack


@pytest.fixture
def copy() -> Iterator[LedgerCopy]:
    with stack():
        yield LedgerCopy(client("s3"), BUCKET)


@pytest.fixture
def table(copy: LedgerCopy) -> ErasureTable:
    return another(copy)


@pytest.fixture
def profiles(copy: LedgerCopy) -> ProfileTable:
    return ProfileTable(client("dynamodb"), PROFILES)


def another(copy: LedgerCopy | None = None, pseudonym_keys: Callable[[], PseudonymKeys] | None = None) -> ErasureTable:
    """As another function's environment has it."""
    made = (lambda: copy) if copy else None
    return ErasureTable(client("dynamodb"), ERASURES, made, clock=lambda: 50.0, pseudonym_keys=pseudonym_keys)


def view(user_id: str, at_ms: int, item_id: str = "i") -> Interaction:
    return Interaction(f"{user_id}-{at_ms}", user_id, "view", at_ms, item_id)


def test_whoever_asks_first_makes_the_key_and_all_have_the_same(table: ErasureTable, copy: LedgerCopy) -> None:
    assert table.secret == another(copy).secret
    assert len(table.secret) == 32


def test_of_several_times_the_latest_counts(table: ErasureTable) -> None:
    for until_ms in (7, 9, 8):
        table.put("ann", until_ms)
    table.put("bob", 0)
    assert table.until_ms([*(f"user-{n}" for n in range(230)), "ann", "bob"]) == {"ann": 9, "bob": 0}
    assert table.until_ms([]) == {}


def test_an_erasure_is_known_to_functions_that_were_warm_before_it(table: ErasureTable, copy: LedgerCopy) -> None:
    warm = another(copy)
    assert warm.until_ms(["ann"]) == {}
    table.put("ann", 7)
    assert warm.until_ms(["ann"]) == {"ann": 7}


def test_table_and_copy_hold_no_id_and_the_same_ledger(table: ErasureTable, copy: LedgerCopy) -> None:
    table.put("ann-of-the-hill", 7)
    table.put("ann-of-the-hill", 9)
    ledger, entries = table.read()
    assert copy.read() == ledger
    assert ledger.until_ms(["ann-of-the-hill"]) == {"ann-of-the-hill": 9}
    assert [(entry.until_ms, entry.requested_ms, entry.purged_ms) for entry in entries] == [(9, 50_000, None)]
    everything = str(client("dynamodb").scan(TableName=ERASURES)) + str(objects(""))
    assert "ann-of-the-hill" not in everything


def test_a_lost_table_is_filled_from_its_copy_and_only_its_own(table: ErasureTable, copy: LedgerCopy) -> None:
    for name in ("ann", "bob"):
        table.put(name, 7)
    for row in client("dynamodb").scan(TableName=ERASURES)["Items"]:
        client("dynamodb").delete_item(TableName=ERASURES, Key={"subject": row["subject"]})
    fresh = another(copy)
    found = copy.read()
    assert found is not None
    assert (fresh.restore(found), fresh.restore(found)) == (2, 0)
    assert fresh.until_ms(["ann", "bob"]) == {"ann": 7, "bob": 7}
    with pytest.raises(StoredDataError):
        fresh.restore(Ledger({1: b"of another stack"}, {}))


def test_what_is_removed_is_counted_once_for_each_mark(table: ErasureTable) -> None:
    table.put("ann", 7)
    subject = table.subject("ann")
    for mark in ("a", "a", "b"):
        table.count(subject, "archive", 2, mark)
    table.count(table.subject("nobody"), "archive", 2, "a")
    entry = table.entry("ann")
    assert entry is not None
    assert entry.removed == {"archive": 4}
    table.finish(entry, 99, {"objects": 3})
    done = table.entry("ann")
    assert done is not None
    assert (done.purged_ms, done.scanned, done.removed) == (99, {"objects": 3}, {"archive": 4})
    assert table.entry("nobody") is None


def test_an_erasure_that_was_renewed_meanwhile_is_not_finished(table: ErasureTable) -> None:
    table.put("ann", 7)
    entry = table.entry("ann")
    assert entry is not None
    table.finish(entry, 99, {})
    table.put("ann", 8)
    table.finish(entry, 100, {})
    renewed = table.entry("ann")
    assert renewed is not None
    assert (renewed.until_ms, renewed.purged_ms) == (8, None)


PSEUDONYM_KEYS = PseudonymKeys({1: b"k" * 32, 2: b"l" * 32})


def test_an_erasure_is_written_down_under_every_pseudonym_and_told_of_as_one(copy: LedgerCopy) -> None:
    table = another(copy, lambda: PSEUDONYM_KEYS)
    table.put("ann", 7)
    names = ["ann", *names_of("ann", PSEUDONYM_KEYS)]
    assert another().until_ms([*names, *names_of("bob", PSEUDONYM_KEYS)]) == dict.fromkeys(names, 7)
    assert copy.read() == table.read()[0]
    for name, removed in zip(names, (1, 2, 4), strict=True):
        table.count(table.subject(name), "archive", removed, "a")
    found = [table.entry("ann")]
    for n, entry in enumerate(table.read()[1]):
        table.finish(entry, 90 + n, {"objects": 3})
        found.append(table.entry("ann"))
    assert [entry and (entry.removed, entry.purged_ms) for entry in found] == [
        ({"archive": 7}, at_ms) for at_ms in (None, None, None, 92)
    ]
    assert found[-1] is not None
    assert found[-1].scanned == {"objects": 3}
    assert table.entry("bob") is None


def test_without_the_keys_of_pseudonyms_nothing_is_erased_by_half(profiles: ProfileTable, copy: LedgerCopy) -> None:
    def away() -> PseudonymKeys:
        raise DependencyError("secrets are away")

    apply_events([view("ann", 5)], profiles)
    with pytest.raises(DependencyError):
        erase("ann", 7, profiles, another(copy, away).put)
    assert profiles.get("ann").profile.interactions  # so that whoever asked asks again


def test_the_round_is_kept(table: ErasureTable) -> None:
    assert table.round() is None
    table.save({"place": 2, "cursor": "x"})
    assert table.round() == {"place": 2, "cursor": "x"}
    assert table.read() == (Ledger(), [])


# ---- profiles ----


def nothing(*_: Any) -> None: ...


def purged(profiles: ProfileTable, table: ErasureTable) -> int:
    return sum(step.found for step in PurgedProfiles(profiles, table).purge(table.read()[0], "", nothing))


def keys() -> set[str]:
    return {row["user_id"]["S"] for row in client("dynamodb").scan(TableName=PROFILES)["Items"]}


def test_rows_that_hold_only_the_memory_of_an_erasure_go(profiles: ProfileTable, table: ErasureTable) -> None:
    apply_events([view("ann", 5), view("bob", 5), view("cat", 5)], profiles)
    for name in ("ann", "bob"):
        erase(name, 7, profiles, table.put)
    apply_events([view("bob", 9)], profiles)  # who came back stays
    assert purged(profiles, table) == 1
    assert keys() == {"bob", "cat"}
    assert [entry.timestamp_ms for entry in profiles.get("bob").profile.interactions] == [9]


def test_tombstones_of_before_there_was_a_ledger_are_taken_into_it(profiles: ProfileTable, table: ErasureTable) -> None:
    link = Interaction("id", "ann", "identify", 5, anonymous_id="cookie")
    apply_events([view("ann", 5), view("anon:cookie", 3), link], profiles)
    delete_user("ann", 7, profiles)
    assert purged(profiles, table) == 0
    assert table.until_ms(["ann", "anon:cookie"]) == {"ann": 7, "anon:cookie": 5}
    assert purged(profiles, table) == 2
    assert keys() == set()


def test_an_erasure_whose_background_part_was_lost_is_finished(profiles: ProfileTable, table: ErasureTable) -> None:
    devices = [f"device-{n}" for n in range(6)]
    for name in devices:
        link = Interaction(name, "ann", "identify", 5, anonymous_id=name)
        apply_events([view(f"anon:{name}", 3), link], profiles)
    erase("ann", 7, profiles, table.put, nothing)
    assert profiles.get("anon:device-0").profile.interactions
    purged(profiles, table)
    purged(profiles, table)
    assert keys() == set()


@pytest.mark.parametrize(
    "damage", [{"profile": {"B": b"\xff of a later format"}}, {"profile": {"S": "x"}}, {"version": {"S": "x"}}]
)
def test_a_row_that_can_not_be_read_can_be_erased(
    profiles: ProfileTable, table: ErasureTable, damage: dict[str, Any]
) -> None:
    apply_events([view("ann", 5)], profiles)
    row = client("dynamodb").get_item(TableName=PROFILES, Key={"user_id": {"S": "ann"}})["Item"]
    client("dynamodb").put_item(TableName=PROFILES, Item={**row, **damage})
    assert erase("ann", 7, profiles, table.put).unreadable
    assert profiles.get("ann", consistent=True).profile.deleted_at_ms == 7
    assert purged(profiles, table) == 1


def test_a_row_that_can_be_read_is_not_replaced(profiles: ProfileTable) -> None:
    apply_events([view("ann", 5)], profiles)
    profiles.replace_unreadable("ann", deletion(7))
    assert profiles.get("ann").profile.interactions


def test_a_damaged_row_of_somebody_erased_is_told_of_and_left(profiles: ProfileTable, table: ErasureTable) -> None:
    table.put("ann", 7)
    client("dynamodb").put_item(TableName=PROFILES, Item={"user_id": {"S": "ann"}, "profile": {"B": b"\xff"}})
    (step,) = PurgedProfiles(profiles, table).purge(table.read()[0], "", nothing)
    assert (step.found, step.unreadable) == (0, (table.subject("ann"),))
    assert keys() == {"ann"}


# ---- objects ----


def test_every_version_of_an_object_is_looked_through_wherever_a_run_begins(table: ErasureTable) -> None:
    s3 = client("s3")
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    ann, bob = (b'{"user_id": "%s", "timestamp": 1}\n' % name for name in (b"ann", b"bob"))
    for key, body in (("events/a", ann), ("events/a", ann + bob), ("events/b", ann), ("events/c", bob)):
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    s3.delete_object(Bucket=BUCKET, Key="events/b")
    table.put("ann", 5_000)
    place = PurgedObjects(s3, BUCKET, "archive", "events/")
    noted: list[Any] = []
    cursor, found = "", 0
    while step := next(place.purge(table.read()[0], cursor, lambda *told: noted.append(told)), None):
        cursor, found = step.cursor, found + step.found  # one object a run
    assert (found, len(noted)) == (3, 3)
    versions = s3.list_object_versions(Bucket=BUCKET, Prefix="events/")["Versions"]
    bodies = [s3.get_object(Bucket=BUCKET, Key=v["Key"], VersionId=v["VersionId"])["Body"].read() for v in versions]
    assert bodies == [bob, bob]
    assert objects("events/") == {"events/a": bob, "events/c": bob}


SOME_BOOK = encoded(Book(), ReadFiles.of(["events/2026/01/15/00/a"]), 7)


@pytest.mark.parametrize("first", [None, SOME_BOOK, gzip.compress(b"")], ids=["none", "some", "empty"])
def test_who_has_read_the_book_of_results_before_a_pass_can_not_write_it_any_more(
    table: ErasureTable, first: bytes | None
) -> None:
    store, place = ResultStore(client("s3"), BUCKET), PurgedBook(client("s3"), BUCKET, "results", "results/book/")
    if first is not None:
        store.put_book(first, None)
    was = store.book()
    place.fence()
    with pytest.raises(ConflictError):
        store.put_book(b"of the erased", was[1] if was else None)
    found = store.book()
    assert found is not None
    assert decoded(found[0])[1:] == decoded(first or gzip.compress(b""))[1:]
    store.put_book(b"read again", found[1])


def test_a_summariser_that_has_read_what_a_purge_removes_brings_nothing_of_it_back(
    table: ErasureTable, profiles: ProfileTable
) -> None:
    s3, now_ms = client("s3"), 1_768_500_000_000
    shown = {
        "recommendation_id": "r1",
        "at_ms": now_ms,
        "user_id": "ann",
        "items": [{"item_id": "lamp", "position": 1}],
    }
    s3.put_object(Bucket=BUCKET, Key="exposures/2026/01/15/18/a", Body=json.dumps(shown))
    table.put("ann", now_ms)

    class Overtaken(ResultStore):
        def put_book(self, data: bytes, etag: str | None) -> None:
            all_of_it = places(s3, BUCKET, profiles, table)
            assert purge(all_of_it, table, now_ms, 30, Deadline(), begin=True)["status"] == "done"
            super().put_book(data, etag)

    with pytest.raises(ConflictError):
        summarise(Overtaken(s3, BUCKET), now_ms)
    assert summarise(ResultStore(s3, BUCKET), now_ms).entered == 0
    assert all(b"ann" not in gzip.decompress(body) for body in objects("results/").values() if body)


def test_a_bucket_without_versions_is_purged_too(table: ErasureTable) -> None:
    s3 = client("s3")
    ann, bob = (b'{"user_id": "%s", "timestamp": 1}\n' % name for name in (b"ann", b"bob"))
    s3.put_object(Bucket=BUCKET, Key="events/a", Body=ann + bob)
    s3.put_object(Bucket=BUCKET, Key="events/b", Body=ann)
    table.put("ann", 5_000)
    list(PurgedObjects(s3, BUCKET, "archive", "events/").purge(table.read()[0], "", nothing))
    assert objects("events/") == {"events/a": bob}
