"""What every store of profiles must do; run on the fake in memory and on the DynamoDB table."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from endcap.aws.profiles import MAX_TRIES, ProfileTable, StoredProfile
from endcap.errors import ConflictError, DependencyError, ThrottledError
from endcap.events.interaction import Interaction
from endcap.profiles.entries import register
from endcap.profiles.identity import ProfileStore, apply_events, delete_user
from endcap.profiles.links import Link
from endcap.profiles.profile import EMPTY_PROFILE, UserProfile, deleted, merge, profile_of
from tests.fakes import moto_stack
from tests.fakes.profile_store import MemoryProfiles

DAY_S = 86_400
DAY_MS = DAY_S * 1000
WRITERS = 8


def seen(*item_ids: str, at_ms: int = 1000) -> UserProfile:
    return profile_of(Interaction(f"event of {i}", "u", "view", at_ms, i) for i in item_ids)


def adding(*item_ids: str) -> Callable[[UserProfile], UserProfile]:
    return partial(merge, seen(*item_ids))


def nothing(profile: UserProfile) -> UserProfile:
    return profile


def stored(store: ProfileStore, user_id: str) -> UserProfile:
    return store.update(user_id, nothing)[0]


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> ProfileStore:
    if request.param == "memory":
        return MemoryProfiles()
    request.getfixturevalue("stack")
    return ProfileTable(moto_stack.client("dynamodb"), moto_stack.PROFILES)


def test_an_unknown_user_has_an_empty_profile(store: ProfileStore) -> None:
    assert stored(store, "nobody") == EMPTY_PROFILE


def test_an_update_answers_before_and_after(store: ProfileStore) -> None:
    store.update("u", adding("a"))
    assert store.update("u", adding("b")) == (seen("a"), seen("a", "b"))
    assert stored(store, "u") == seen("a", "b")


def test_users_are_kept_apart(store: ProfileStore) -> None:
    store.update("u", adding("a"))
    store.update("ü", adding("b"))
    assert stored(store, "u") == seen("a")
    assert stored(store, "ü") == seen("b")


def test_a_change_that_fails_leaves_the_profile_as_it_was(store: ProfileStore) -> None:
    def fail(profile: UserProfile) -> UserProfile:
        raise KeyError("no change")

    store.update("u", adding("a"))
    with pytest.raises(KeyError):
        store.update("u", fail)
    assert stored(store, "u") == seen("a")


def test_a_change_may_update_others(store: ProfileStore) -> None:
    def change(profile: UserProfile) -> UserProfile:
        store.update("v", adding("b"))
        return merge(profile, seen("a"))

    store.update("u", change)
    assert (stored(store, "u"), stored(store, "v")) == (seen("a"), seen("b"))


def test_a_change_is_made_again_on_what_another_wrote_meanwhile(store: ProfileStore) -> None:
    others = iter(["b", "c"])

    def change(profile: UserProfile) -> UserProfile:
        for item_id in others:
            store.update("u", adding(item_id))
            break
        return merge(profile, seen("a"))

    before, after = store.update("u", change)
    assert (before, after) == (seen("b", "c"), seen("a", "b", "c"))
    assert stored(store, "u") == after


def test_eight_writers_at_once_lose_nothing(store: ProfileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    per_writer = 5
    monkeypatch.setattr("endcap.aws.profiles.time.sleep", lambda seconds: None)
    interval = sys.getswitchinterval()
    start = threading.Barrier(WRITERS)

    def write(writer: int) -> None:
        start.wait()
        for n in range(per_writer):
            while True:
                try:
                    store.update("u", adding(f"{writer}-{n}"))
                    break
                except ConflictError:  # as a queue does, deliver again
                    continue

    threads = [threading.Thread(target=write, args=(n,)) for n in range(WRITERS)]
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert stored(store, "u") == seen(*(f"{w}-{n}" for w in range(WRITERS) for n in range(per_writer)))


class TestRows:
    """What the table alone has: versions, expiry, errors of AWS."""

    @pytest.fixture
    def dynamodb(self, stack: None) -> Any:
        return moto_stack.client("dynamodb")

    @staticmethod
    def row(dynamodb: Any, user_id: str) -> dict[str, Any]:
        item: dict[str, Any] = dynamodb.get_item(TableName=moto_stack.PROFILES, Key={"user_id": {"S": user_id}})["Item"]
        return item

    def test_each_write_counts_and_no_change_writes_nothing(self, dynamodb: Any) -> None:
        now_s = [1_000_000.0]
        table = ProfileTable(dynamodb, moto_stack.PROFILES, ttl_days=2, clock=lambda: now_s[0])
        table.update("u", adding("a"))
        table.update("u", adding("b"))
        assert table.get("u") == StoredProfile(seen("a", "b"), version=2)
        before = self.row(dynamodb, "u")
        now_s[0] += 1000
        table.update("u", adding("a", "b"))
        assert self.row(dynamodb, "u") == before

    def test_nothing_is_written_for_a_user_of_whom_nothing_is_known(self, dynamodb: Any) -> None:
        table = ProfileTable(dynamodb, moto_stack.PROFILES)
        table.update("u", nothing)
        assert dynamodb.scan(TableName=moto_stack.PROFILES)["Count"] == 0
        assert table.get("u") == StoredProfile(EMPTY_PROFILE, version=0)

    def test_a_row_expires_so_many_days_after_its_last_write(self, dynamodb: Any) -> None:
        table = ProfileTable(dynamodb, moto_stack.PROFILES, ttl_days=2, clock=lambda: 1_000_000.7)
        table.update("u", adding("a"))
        assert self.row(dynamodb, "u")["ttl"] == {"N": str(1_000_000 + 2 * DAY_S)}

    def test_without_days_a_row_never_expires(self, dynamodb: Any) -> None:
        ProfileTable(dynamodb, moto_stack.PROFILES).update("u", adding("a"))
        assert "ttl" not in self.row(dynamodb, "u")

    def test_an_expired_row_reads_as_empty_and_is_written_over(self, dynamodb: Any) -> None:
        now_s = [1_000_000.0]
        table = ProfileTable(dynamodb, moto_stack.PROFILES, ttl_days=1, clock=lambda: now_s[0])
        table.update("u", adding("old"))
        now_s[0] += DAY_S
        assert table.get("u").profile == EMPTY_PROFILE
        assert table.update("u", adding("new")) == (EMPTY_PROFILE, seen("new"))
        assert table.get("u", consistent=True) == StoredProfile(seen("new"), version=2)

    def test_a_row_that_dynamodb_removes_meanwhile_is_written_anew(self, dynamodb: Any) -> None:
        table = ProfileTable(dynamodb, moto_stack.PROFILES)
        table.update("u", adding("old"))

        def change(profile: UserProfile) -> UserProfile:
            if profile != EMPTY_PROFILE:
                dynamodb.delete_item(TableName=moto_stack.PROFILES, Key={"user_id": {"S": "u"}})
            return merge(profile, seen("new"))

        assert table.update("u", change) == (EMPTY_PROFILE, seen("new"))

    @pytest.mark.parametrize(
        "erased",
        [deleted(seen("a"), 5000), UserProfile(links=(Link(5000),))],
        ids=["a deleted user", "an anonymous id of a deleted user"],
    )
    def test_what_remembers_a_deletion_never_expires(self, dynamodb: Any, erased: UserProfile) -> None:
        table = ProfileTable(dynamodb, moto_stack.PROFILES, ttl_days=1)
        table.update("u", adding("a"))
        assert "ttl" in self.row(dynamodb, "u")
        table.update("u", partial(merge, erased))
        assert "ttl" not in self.row(dynamodb, "u")

    def test_of_before_an_anonymous_id_begins_with_what_lies_under_it(self, dynamodb: Any) -> None:
        old = replace(seen("a", at_ms=5 * DAY_MS), is_user=False)
        table = ProfileTable(dynamodb, moto_stack.PROFILES, clock=lambda: 10.0 * DAY_S, adopt_days=5)
        table.update("cookie", lambda _: old)
        before = self.row(dynamodb, "cookie")
        assert [e.item_id for e in table.get("anon:cookie").profile.interactions] == ["a"]
        assert table.get("anon:cookie").version == 0
        assert self.row(dynamodb, "cookie") == before
        table.update("anon:cookie", adding("b"))
        assert {e.item_id for e in table.get("anon:cookie").profile.interactions} == {"a", "b"}
        assert self.row(dynamodb, "cookie") == before
        # AND erasing it reaches what it was taken from
        delete_user("anon:cookie", 11 * DAY_MS, table)
        assert [table.get(key).profile.interactions for key in ("anon:cookie", "cookie")] == [(), ()]

    @pytest.mark.parametrize(
        ("row", "days"),
        [
            (replace(seen("a", at_ms=5 * DAY_MS), is_user=False), 0),
            (replace(seen("a", at_ms=5 * DAY_MS - 1), is_user=False), 5),
            (seen("a", at_ms=9 * DAY_MS), 5),
            (replace(seen("a", at_ms=9 * DAY_MS), is_user=False, links=(Link(9 * DAY_MS, "", "x"),)), 5),
            (replace(seen("a", at_ms=9 * DAY_MS), is_user=False, consent=register({"mail": True}, 1)), 5),
            (replace(seen("a", at_ms=9 * DAY_MS), is_user=False, preferences=register({"size": "M"}, 1)), 5),
            (replace(seen("a", at_ms=9 * DAY_MS), is_user=False, attributes=register({"age": 3}, 1)), 5),
            (EMPTY_PROFILE, 5),
        ],
        ids=["off", "old", "of a user since", "logged in", "consent", "preferences", "attributes", "none"],
    )
    def test_what_is_old_or_a_users_is_not_taken_over(self, dynamodb: Any, row: UserProfile, days: int) -> None:
        table = ProfileTable(dynamodb, moto_stack.PROFILES, clock=lambda: 10.0 * DAY_S, adopt_days=days)
        table.update("alice", lambda _: row)
        assert table.get("anon:alice") == StoredProfile()
        table.update("anon:alice", adding("b"))
        delete_user("anon:alice", 11 * DAY_MS, table)
        assert table.get("alice").profile == row

    def test_who_is_identified_later_gets_what_lay_under_the_plain_id(self, dynamodb: Any) -> None:
        old = replace(seen("a", at_ms=9 * DAY_MS), is_user=False)
        table = ProfileTable(dynamodb, moto_stack.PROFILES, clock=lambda: 10.0 * DAY_S, adopt_days=5)
        table.update("cookie", lambda _: old)
        apply_events([Interaction("i", "ann", "identify", 10 * DAY_MS, anonymous_id="cookie")], table)
        assert [e.item_id for e in table.get("ann").profile.interactions] == ["a"]
        delete_user("ann", 11 * DAY_MS, table)
        assert [table.get(key).profile.interactions for key in ("ann", "anon:cookie", "cookie")] == [(), (), ()]

    def test_a_writer_who_always_loses_gives_up(self, dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("endcap.aws.profiles.time.sleep", lambda seconds: None)
        table = ProfileTable(dynamodb, moto_stack.PROFILES)
        tries: list[UserProfile] = []

        def change(profile: UserProfile) -> UserProfile:
            tries.append(profile)
            table.update("u", adding(f"other-{len(tries)}"))
            return merge(profile, seen("mine"))

        with pytest.raises(ConflictError):
            table.update("u", change)
        assert len(tries) == MAX_TRIES
        assert table.get("u").profile == seen(*(f"other-{n + 1}" for n in range(MAX_TRIES)))

    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            ("ProvisionedThroughputExceededException", ThrottledError),
            ("ThrottlingException", ThrottledError),
            ("InternalServerError", DependencyError),
            ("ResourceNotFoundException", DependencyError),
        ],
    )
    @pytest.mark.parametrize("call", ["get_item", "put_item"])
    def test_errors_of_dynamodb_become_ours(
        self, dynamodb: Any, call: str, code: str, expected: type[Exception], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        error = dynamodb.exceptions.ClientError({"Error": {"Code": code, "Message": ""}}, call)

        def fail(**request: Any) -> None:
            raise error

        monkeypatch.setattr(dynamodb, call, fail)
        with pytest.raises(expected):
            ProfileTable(dynamodb, moto_stack.PROFILES).update("u", adding("a"))
