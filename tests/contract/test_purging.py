"""Stores that are purged, object by object and row by row: what is read, replaced, deleted and noted, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

import pytest

from endcap.aws.erasures import ErasureTable
from endcap.aws.profiles import ProfileTable
from endcap.aws.purging import PurgedBook, PurgedObjects, PurgedProfiles, places
from endcap.erasure.inventory import PURGED
from endcap.erasure.ledger import Ledger, ledger_key
from endcap.erasure.purge import Step
from endcap.errors import DependencyError
from endcap.events.interaction import Interaction
from endcap.profiles.erasure import erase
from endcap.profiles.identity import apply_events, delete_user
from tests.fakes.moto_stack import client, stack

_numbers = count()


@pytest.fixture(scope="module")
def _moto() -> Iterator[None]:
    with stack():
        yield


def line(user_id: str) -> bytes:
    return b'{"user_id": "%s", "timestamp": 1}\n' % user_id.encode()


ANN, BOB = line("ann"), line("bob")
LEDGER = Ledger({1: b"s"}, {ledger_key("ann", b"s"): 5_000})
NOW = 1_700_000_000


class Bucket:
    """A bucket of a test's own, whose calls are remembered; `page` is how many versions a list has at most."""

    def __init__(self, *, versions: bool = True, page: int = 1000) -> None:
        self.name, self.page, self.calls = f"purged-{next(_numbers)}", page, list[tuple[str, dict[str, Any]]]()
        self.gone = set[str]()
        client("s3").create_bucket(Bucket=self.name)
        if versions:
            client("s3").put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": "Enabled"})

    def put(self, key: str, *bodies: bytes) -> None:
        for body in bodies:
            client("s3").put_object(Bucket=self.name, Key=key, Body=body)

    def hide(self, key: str) -> None:
        """Delete it, as a rule or a person does: its versions stay."""
        client("s3").delete_object(Bucket=self.name, Key=key)

    def shown(self) -> dict[str, bytes]:
        found = client("s3").list_object_versions(Bucket=self.name).get("Versions", ())
        return {one["Key"]: self.read(one["Key"], one["VersionId"]) for one in found if one["IsLatest"]}

    def every(self) -> list[tuple[str, bytes]]:
        """Every version, in the order of keys, the newest first."""
        found = client("s3").list_object_versions(Bucket=self.name).get("Versions", ())
        return [(one["Key"], self.read(one["Key"], one["VersionId"])) for one in found]

    def read(self, key: str, version: str) -> bytes:
        return bytes(client("s3").get_object(Bucket=self.name, Key=key, VersionId=version)["Body"].read())

    def writes(self) -> list[str]:
        return [name for name, _ in self.calls if name in ("note", "put_object", "delete_object")]

    def __getattr__(self, name: str) -> Any:
        def call(**given: Any) -> Any:
            self.calls.append((name, given))
            if name == "list_object_versions":
                given["MaxKeys"] = self.page
            if name == "get_object" and given["Key"] in self.gone:
                client("s3").delete_object(Bucket=self.name, Key=given["Key"], VersionId=given["VersionId"])
            return getattr(client("s3"), name)(**given)

        return call

    def purge(self, name: str = "archive", cursor: str = "", ledger: Ledger = LEDGER) -> tuple[list[Step], list[Any]]:
        noted = []

        def note(subjects: Mapping[str, int], mark: str) -> None:
            noted.append((dict(subjects), mark))
            self.calls.append(("note", {}))

        place = PurgedObjects(self, self.name, name, "events/")
        place.fence()
        return list(place.purge(ledger, cursor, note)), noted


@pytest.mark.usefixtures("_moto")
class TestObjects:
    def test_where_nobody_was_erased_nothing_is_asked(self) -> None:
        bucket = Bucket()
        bucket.put("events/a", ANN)
        assert bucket.purge(ledger=Ledger({1: b"s"})) == ([], [])
        assert bucket.calls == []

    def test_one_step_an_object_with_the_size_of_its_versions(self) -> None:
        bucket = Bucket()
        bucket.put("events/a", ANN, BOB, ANN + ANN)
        bucket.put("events/b", BOB)
        bucket.put("other/a", ANN)
        steps, noted = bucket.purge()
        assert steps == [Step("events/a", 4 * len(ANN), 3), Step("events/b", len(BOB), 0)]
        assert [subjects for subjects, _ in noted] == [{ledger_key("ann", b"s"): n} for n in (2, 1)]
        assert bucket.every() == [("events/a", BOB), ("events/b", BOB), ("other/a", ANN)]
        # What was the latest is gone, and what was before it does not come to light.
        assert bucket.shown() == {"events/b": BOB, "other/a": ANN}

    def test_what_stays_takes_its_place_before_it_goes(self) -> None:
        bucket = Bucket()
        bucket.put("events/a", ANN + BOB)
        (version,) = client("s3").list_object_versions(Bucket=bucket.name)["Versions"]
        _, noted = bucket.purge()
        assert noted == [({ledger_key("ann", b"s"): 1}, f"events/a@{version['VersionId']}")]
        assert bucket.writes() == ["note", "put_object", "delete_object"]
        assert bucket.every() == [("events/a", BOB)]
        assert bucket.purge()[0] == [Step("events/a", len(BOB), 0)]

    def test_of_an_older_version_nothing_is_written_again(self) -> None:
        bucket = Bucket()
        bucket.put("events/a", ANN + BOB, BOB)
        bucket.purge()
        assert bucket.writes() == ["note", "delete_object"]
        assert bucket.every() == [("events/a", BOB)]

    def test_what_somebody_hid_stays_hidden(self) -> None:
        bucket = Bucket()
        bucket.put("events/a", ANN + BOB)
        bucket.hide("events/a")
        assert bucket.purge()[0] == [Step("events/a", len(ANN + BOB), 1)]
        assert (bucket.every(), bucket.shown()) == ([], {})

    def test_what_can_not_be_read_counts_as_found(self) -> None:
        ledger = Ledger({1: b"s"}, {ledger_key("ann", b"s"): 10_000 * NOW})
        bucket = Bucket()
        bucket.put("events/a", b"no json\n" + ANN + BOB + b"no json\n")
        steps, noted = bucket.purge(ledger=ledger)
        assert [step.found for step in steps] == [3]
        assert noted[0][0] == {ledger_key("ann", b"s"): 1}
        assert bucket.shown() == {"events/a": BOB}

    def test_what_expired_since_it_was_listed_is_passed_over(self) -> None:
        bucket = Bucket()
        bucket.put("events/a", ANN)
        bucket.put("events/b", ANN)
        bucket.gone = {"events/a"}
        assert bucket.purge()[0] == [Step("events/a", len(ANN), 0), Step("events/b", len(ANN), 1)]

    @pytest.mark.parametrize("page", [1, 2, 3, 1000])
    def test_lists_go_on_whatever_was_deleted_and_however_short_they_are(self, page: int) -> None:
        bucket = Bucket(page=page)
        for key in "abc":
            bucket.put(f"events/{key}", ANN, ANN + BOB)
        assert [step.cursor for step in bucket.purge()[0]] == ["events/a", "events/b", "events/c"]
        assert bucket.every() == [(f"events/{key}", BOB) for key in "abc"]
        assert all(given["Prefix"] == "events/" for name, given in bucket.calls if name.startswith("list"))

    def test_goes_on_behind_a_key(self) -> None:
        bucket = Bucket()
        for key in "abc":
            bucket.put(f"events/{key}", ANN)
        assert [step.cursor for step in bucket.purge(cursor="events/a")[0]] == ["events/b", "events/c"]

    @pytest.mark.parametrize(("body", "left"), [(ANN + BOB, {"events/a": BOB}), (ANN, {})])
    def test_a_bucket_without_versions_keeps_what_was_written(self, body: bytes, left: dict[str, bytes]) -> None:
        bucket = Bucket(versions=False)
        bucket.put("events/a", body)
        assert bucket.purge()[0] == [Step("events/a", len(body), 1)]
        assert bucket.shown() == left
        assert len([name for name in bucket.writes() if name != "note"]) == 1

    def test_a_large_object_is_read_whole(self) -> None:
        bucket = Bucket()
        others = (BOB[:-2] + b', "text": "' + b"x" * 900_000 + b'"}\n') * 3  # more than is copied at a time
        bucket.put("events/a", others + ANN)
        assert bucket.purge()[0][0].found == 1
        assert bucket.shown() == {"events/a": others}

    def test_each_store_is_sifted_by_its_own_rule(self) -> None:
        bucket = Bucket()
        bucket.put("events/a", b'{"arrival": 1, "payload": "{\\"user_id\\": \\"ann\\"}"}')
        bucket.put("events/b", b'{"arrival": 1, "payload": "{\\"user_id\\": \\"bob\\"}"}')
        assert [step.found for step in bucket.purge("archive")[0]] == [0, 0]
        assert [step.found for step in bucket.purge("quarantine")[0]] == [1, 0]

    @pytest.mark.parametrize(("late_ms", "goes"), [(0, True), (1, False)])
    def test_what_can_not_be_read_goes_by_when_it_was_written(self, late_ms: int, goes: bool) -> None:
        bucket = Bucket()
        bucket.put("events/a", b"no json\n")
        (version,) = client("s3").list_object_versions(Bucket=bucket.name)["Versions"]
        until_ms = int(version["LastModified"].timestamp() * 1000) - 86_400_000 - late_ms
        steps, _ = bucket.purge(ledger=Ledger({1: b"s"}, {ledger_key("ann", b"s"): until_ms}))
        assert steps[0].found == int(goes)


@pytest.mark.usefixtures("_moto")
def test_profiles_come_first_and_every_other_store_has_its_prefix() -> None:
    profiles, erasures = ProfileTable(client("dynamodb"), "p"), ErasureTable(client("dynamodb"), "e")
    bucket = Bucket()
    found = places(bucket, bucket.name, profiles, erasures)
    assert [place.name for place in found] == [store.name for store in PURGED]
    assert found[0].name == "profiles"
    assert [type(place) for place in found[1:]] == [PurgedObjects] * 4 + [PurgedBook]
    for place in found[1:]:
        list(place.purge(LEDGER, "", lambda *_: None))
    asked = [given["Prefix"] for name, given in bucket.calls if name == "list_object_versions"]
    assert asked == ["events/", "exposures/", "quarantine/", "errors/", "results/book/"]


class Table:
    """A table of profiles and a ledger of a test's own."""

    def __init__(self) -> None:
        self.name = f"people-{next(_numbers)}"
        for name, key in ((self.name, "user_id"), (f"{self.name}-ledger", "subject")):
            client("dynamodb").create_table(
                TableName=name,
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        self.profiles = ProfileTable(client("dynamodb"), self.name)
        self.ledger = ErasureTable(client("dynamodb"), f"{self.name}-ledger", clock=lambda: 50.0)

    def happens(self, *seen: tuple[str, int]) -> None:
        apply_events([Interaction(f"{who}-{at}", who, "view", at, "i") for who, at in seen], self.profiles)

    def keys(self) -> set[str]:
        return {row["user_id"]["S"] for row in client("dynamodb").scan(TableName=self.name)["Items"]}

    def purge(self, cursor: str = "") -> tuple[dict[str, Step], list[Any]]:
        noted = []
        place = PurgedProfiles(self.profiles, self.ledger)
        place.fence()
        steps = place.purge(self.ledger.read()[0], cursor, lambda subjects, mark: noted.append((dict(subjects), mark)))
        return {step.cursor: step for step in steps}, noted


@pytest.fixture
def table(_moto: None) -> Table:
    return Table()


class TestProfiles:
    def test_of_nobody_erased_are_looked_at_and_left(self, table: Table) -> None:
        table.happens(("ann", 5), ("bob", 5))
        steps, noted = table.purge()
        assert {(step.found, step.unreadable) for step in steps.values()} == {(0, ())}
        sizes = {row["user_id"]["S"]: len(row["profile"]["B"]) for _, row in table.profiles.rows_after("")}
        assert {key: step.size for key, step in steps.items()} == sizes
        assert (noted, table.keys()) == ([], {"ann", "bob"})

    def test_that_the_ledger_erases_are_erased_and_counted(self, table: Table) -> None:
        table.happens(("ann", 5), ("ann", 6), ("ann", 9), ("bob", 5))
        table.ledger.put("ann", 7)
        steps, noted = table.purge()
        assert (steps["ann"].found, steps["bob"].found) == (2, 0)
        assert [entry.timestamp_ms for entry in table.profiles.get("ann").profile.interactions] == [9]
        ((subjects, mark),) = noted
        assert subjects == {table.ledger.subject("ann"): 2}
        assert "ann" not in mark
        # Again there is nothing to do.
        steps, noted = table.purge()
        assert (steps["ann"].found, noted) == (0, [])

    def test_of_whom_nothing_is_as_old_lose_nothing(self, table: Table) -> None:
        table.happens(("ann", 9))
        table.ledger.put("ann", 7)
        steps, noted = table.purge()
        assert (steps["ann"].found, noted) == (0, [])
        assert table.profiles.get("ann").profile.deleted_at_ms == 7

    def test_that_held_nothing_else_go_with_their_row(self, table: Table) -> None:
        table.happens(("ann", 5), ("ann", 6))
        table.ledger.put("ann", 7)
        steps, noted = table.purge()
        assert steps["ann"].found == 3
        assert noted[0][0] == {table.ledger.subject("ann"): 3}
        assert table.keys() == set()

    def test_that_were_erased_already_go_and_count_their_row(self, table: Table) -> None:
        table.happens(("ann", 5))
        erase("ann", 7, table.profiles, table.ledger.put)
        steps, noted = table.purge()
        assert (steps["ann"].found, len(noted), table.keys()) == (1, 1, set())

    def test_that_were_erased_further_than_the_ledger_knows_are_written_down_and_stay(self, table: Table) -> None:
        table.happens(("ann", 5))
        delete_user("ann", 9, table.profiles)
        table.ledger.put("ann", 7)
        steps, noted = table.purge()
        assert (steps["ann"].found, noted, table.keys()) == (0, [], {"ann"})
        assert table.ledger.until_ms(["ann"]) == {"ann": 9}

    def test_that_can_not_be_read_are_told_by_their_subjects_where_they_are_erased(self, table: Table) -> None:
        for key, data in (("ann", {"profile": {"B": b"\xff"}}), ("bob", {"profile": {"B": b"\xff"}}), ("cat", {})):
            client("dynamodb").put_item(TableName=table.name, Item={"user_id": {"S": key}, **data})
        for key in ("ann", "cat"):
            table.ledger.put(key, 7)
        steps, _ = table.purge()
        assert steps == {
            "ann": Step("ann", 1, 0, (table.ledger.subject("ann"),)),
            "bob": Step("bob", 1),
            "cat": Step("cat", 0, 0, (table.ledger.subject("cat"),)),
        }
        assert table.keys() == {"ann", "bob", "cat"}

    def test_links_that_were_not_followed_are_followed(self, table: Table) -> None:
        link = Interaction("login", "ann", "identify", 6, anonymous_id="cookie")
        apply_events([Interaction("v", "anon:cookie", "view", 5, "i"), link], table.profiles)
        table.ledger.put("ann", 7)
        later: list[Any] = []
        delete_user("ann", 7, table.profiles, lambda *asked: later.append(asked))
        table.purge()
        assert not table.profiles.get("anon:cookie").profile.interactions
        table.purge()
        table.purge()
        assert table.keys() == set()

    def test_who_comes_back_while_they_are_purged_stays(self, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
        table.happens(("ann", 5))
        table.ledger.put("ann", 7)
        remove = table.profiles.remove

        def overtaken(key: str, version: int) -> int:
            table.happens((key, 9))
            return remove(key, version)

        get, consistent = table.profiles.get, list[bool]()

        def watched(key: str, **how: bool) -> Any:
            consistent.append(how["consistent"])
            return get(key, **how)

        monkeypatch.setattr(table.profiles, "remove", overtaken)
        monkeypatch.setattr(table.profiles, "get", watched)
        steps, _ = table.purge()
        assert (steps["ann"].found, table.keys()) == (1, {"ann"})
        assert consistent == [True]  # what was just erased is seen

    def test_go_on_behind_a_row(self, table: Table) -> None:
        table.happens(*((name, 5) for name in ("ann", "bob", "cat")))
        every = list(table.purge()[0])
        assert list(table.purge(every[0])[0]) == every[1:]

    def test_that_can_not_be_erased_stop_the_purge(self, table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
        def away(*_: object) -> None:
            raise DependencyError("away")

        table.happens(("ann", 5))
        table.ledger.put("ann", 7)
        monkeypatch.setattr(table.profiles, "update", away)
        with pytest.raises(DependencyError):
            table.purge()
