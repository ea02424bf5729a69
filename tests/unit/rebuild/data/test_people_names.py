"""By which names the people of an archive go, one record at a time."""

from __future__ import annotations

from typing import Any

import pytest

from endcap.errors import InvalidInputError
from endcap.events.interaction import Interaction
from endcap.pseudonyms import PseudonymKeys, name_of, pseudonymous
from endcap_rebuild.data.people import KEYS_ASKED, People, pseudonyms_in, unit_of, user_of

FIRST, BOTH = PseudonymKeys({1: b"k" * 32}), PseudonymKeys({1: b"k" * 32, 2: b"l" * 32})
P22 = "A" * 22


def names(key: str) -> tuple[str, str]:
    """By the first key and by the second."""
    return name_of(1, BOTH.of(key, 1)), name_of(2, BOTH.of(key, 2))


class TestNames:
    def test_without_keys_everybody_is_called_as_they_are(self) -> None:
        people = People()
        for name in ("ann", "anon:cookie", names("ann")[0], f"anon:{names('anon:cookie')[1]}"):
            assert people.name_of(name) == name
            assert people.names_of(name) == ((name,) if "pseudonym" not in name else (name.removeprefix("anon:"),))

    def test_with_keys_everybody_is_called_by_the_newest(self) -> None:
        people = People(BOTH)
        old, new = names("ann")
        assert people.name_of(old) == old  # nobody knows yet whose it is
        assert people.name_of("ann") == people.name_of("ann") == new
        assert people.name_of(old) == people.name_of(new) == new
        assert set(people.names_of(new)) == {"ann", new, old}
        assert people.names_of(old) == (old,)

    def test_an_anonymous_id_stays_one(self) -> None:
        people = People(BOTH)
        old, new = names("anon:cookie")
        assert people.name_of(f"anon:{old}") == f"anon:{old}"
        assert people.name_of("anon:cookie") == f"anon:{new}"
        assert people.name_of(f"anon:{old}") == f"anon:{new}"
        assert set(people.names_of(f"anon:{new}")) == {"anon:cookie", new, old}
        assert people.names_of("bob") == ("bob",)


class TestEvents:
    def event(self, user_id: str, anonymous_id: str | None = None) -> Interaction:
        return Interaction("e", user_id, "view", 5, "i", anonymous_id=anonymous_id)

    def test_are_named_by_both_of_their_ids(self) -> None:
        new, cookie = names("ann")[1], names("anon:cookie")[1]
        people = People(BOTH)
        found = people.named(self.event("ann", "cookie"))
        assert (found.user_id, found.anonymous_id) == (new, cookie)
        found = people.named(self.event("anon:cookie", "cookie"))
        assert (found.user_id, found.anonymous_id) == (f"anon:{cookie}", cookie)
        found = people.named(self.event("ann"))
        assert (found.user_id, found.anonymous_id, found.event_id) == (new, None, "e")

    def test_that_are_named_already_stay_the_same(self) -> None:
        people = People(BOTH)
        people.name_of("ann")
        event = self.event(names("ann")[1], names("anon:cookie")[1])
        assert people.named(event) is event
        plain = self.event("ann", "cookie")
        assert People().named(plain) is plain


def row(**said: Any) -> dict[str, Any]:
    return {"pseudonym": P22, "pseudonym_key": 1, "item_id": "i", **said}


class TestRows:
    @pytest.mark.parametrize(
        "plain",
        [
            {"user_id": "ann"},
            {"pseudonym": "P"},
            {"anonymous_pseudonym": "P"},
            {"pseudonym_key": 1},
            {"pseudonym_key": 0, "user_id": "ann"},
            {},
        ],
    )
    def test_that_say_nothing_by_pseudonyms_stay_as_they_are(self, plain: dict[str, Any]) -> None:
        people = People()
        people.must_know = KEYS_ASKED
        assert people.readable(plain) is plain
        assert not pseudonyms_in(plain)

    def test_have_names_where_ids_are(self) -> None:
        assert pseudonyms_in(row())
        assert People().readable(row()) == {"user_id": f"pseudonym:1:{P22}", "item_id": "i"}
        both = row(anonymous_pseudonym="B" * 22, pseudonym_key=9999)
        assert People().readable(both) == {
            "user_id": f"pseudonym:9999:{P22}",
            "anonymous_id": f"pseudonym:9999:{'B' * 22}",
            "item_id": "i",
        }
        alone = {"anonymous_pseudonym": P22, "pseudonym_key": 1}
        assert People().readable(alone) == {"anonymous_id": f"pseudonym:1:{P22}"}

    def test_of_an_identify_say_that_anonymous_ids_had_keys(self) -> None:
        for event_type, keyed in (("identify", True), ("view", False)):
            found = People().readable(row(event_type=event_type))
            assert ("anonymous_key" in found, found.get("anonymous_key", "")) == (keyed, "")

    @pytest.mark.parametrize("number", [0, -1, 10_000, True, False, "1", 1.0, None])
    def test_of_a_number_that_is_none_are_refused(self, number: Any) -> None:
        with pytest.raises(ValueError, match=r"^pseudonym_key must be a number from 1 to 9999$"):
            People().readable(row(pseudonym_key=number))

    @pytest.mark.parametrize("said", ["A" * 21, "A" * 23, "A" * 21 + "=", "A" * 21 + "\n", "", 7, None])
    @pytest.mark.parametrize("name", ["pseudonym", "anonymous_pseudonym"])
    def test_with_a_pseudonym_that_is_none_are_refused(self, name: str, said: Any) -> None:
        with pytest.raises(ValueError, match=rf"^{name} is no pseudonym$"):
            People().readable(row(**{name: said}))

    def test_of_unknown_keys_are_refused_only_where_they_must_be_known(self) -> None:
        for keys, number, known in ((None, 1, False), (FIRST, 1, True), (FIRST, 2, False), (BOTH, 2, True)):
            people = People(keys)
            assert people.must_know == ""
            assert people.readable(row(pseudonym_key=number))["user_id"] == f"pseudonym:{number}:{P22}"
            people.must_know = "give the keys"
            if known:
                assert people.readable(row(pseudonym_key=number))
            else:
                with pytest.raises(InvalidInputError, match="give the keys"):
                    people.readable(row(pseudonym_key=number))


class TestRecords:
    @pytest.mark.parametrize(
        ("record", "user", "unit"),
        [
            ({"user_id": "ann", "unit": "anon:cookie"}, "ann", "anon:cookie"),
            ({"user_id": "", "unit": ""}, "", None),
            ({"user_id": 7, "unit": 7}, "", None),
            ({"user_id": None}, "", None),
            ({}, "", None),
            ({"pseudonym": "P", "unit": "U", "pseudonym_key": 3}, "pseudonym:3:P", "pseudonym:3:U"),
            ({"pseudonym": "P", "user_id": "ann"}, "ann", None),
            ({"user_id": "ann", "unit": None, "pseudonym_key": 3}, "", None),
            ({"pseudonym": 7, "unit": 7, "pseudonym_key": 3}, "", None),
            ({"pseudonym": "P", "unit": "U", "pseudonym_key": None}, "P", "U"),
        ],
    )
    def test_name_a_user_and_a_unit(self, record: dict[str, Any], user: str, unit: str | None) -> None:
        assert (user_of(record, People()), unit_of(record, People())) == (user, unit)

    def test_name_the_same_unit_by_either(self) -> None:
        people = People(BOTH)
        plain = {"user_id": "ann", "unit": "anon:cookie"}
        told = [plain, pseudonymous(plain, BOTH), pseudonymous(plain, FIRST)]
        assert {user_of(one, people) for one in told} == {names("ann")[1]}
        # Units are of people whose keys are told as their user ids are.
        assert unit_of(plain, people) == f"anon:{names('anon:cookie')[1]}"
