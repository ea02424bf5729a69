"""Pseudonyms: what a record says in place of ids, and what nobody can read out of it."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.errors import DependencyError
from endcap.events.interaction import interaction_document, parse_interaction
from endcap.pseudonyms import PseudonymKeys, PseudonymousStream, nameless, pseudonymous

NOW_MS = 1_768_471_200_000
FIRST, SECOND = "first-" * 8, "second-" * 8
KEYS = PseudonymKeys.read(json.dumps({"1": FIRST, "2": SECOND}))
ids = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=40)


def document(**said: Any) -> dict[str, Any]:
    event = {"event_type": "view", "item_id": "mug", "timestamp": NOW_MS} | said
    return interaction_document(parse_interaction(event, NOW_MS))


def test_a_pseudonym_is_half_of_the_hmac_under_the_newest_key() -> None:
    told = pseudonymous(document(user_id="ann"), KEYS)
    whole = hmac.new(SECOND.encode(), b"ann", hashlib.sha256).digest()
    assert urlsafe_b64decode(told["pseudonym"] + "==") == whole[:16]
    assert told["pseudonym_key"] == 2
    assert KEYS.all_of("ann") == {1: KEYS.of("ann", 1), 2: told["pseudonym"]}


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ({"user_id": "ann"}, {"pseudonym"}),
        ({"anonymous_id": "ann"}, {"anonymous_pseudonym"}),
        ({"user_id": "ann", "anonymous_id": "cookie"}, {"pseudonym", "anonymous_pseudonym"}),
        (
            {"user_id": "ann", "anonymous_id": "cookie", "event_type": "identify", "item_id": None},
            {"pseudonym", "anonymous_pseudonym"},
        ),
    ],
)
def test_every_way_to_say_whose_it_is_is_replaced(said: dict[str, Any], fields: set[str]) -> None:
    told = pseudonymous(document(**said), KEYS)
    assert {name for name in told if "pseudonym" in name} == fields | {"pseudonym_key"}
    assert not {"user_id", "anonymous_id", "anonymous_key"} & told.keys()
    assert "ann" not in json.dumps(told)
    assert "cookie" not in json.dumps(told)


def test_an_anonymous_id_is_another_shopper_than_the_user_of_that_name() -> None:
    user, visitor = (pseudonymous(document(**{name: "ann"}), KEYS) for name in ("user_id", "anonymous_id"))
    assert user["pseudonym"] != visitor["anonymous_pseudonym"]


def test_what_a_rebuild_joins_by_stays() -> None:
    said = {"event_id": "e-1", "recommendation_id": "r-1", "position": 3, "text": "ok", "properties": {"country": "AT"}}
    told = pseudonymous(document(user_id="ann", session_id="s-1", **said), KEYS)
    assert {name: told[name] for name in said} == said
    assert told["item_id"] == "mug"
    assert told["session_id"] not in ("s-1", KEYS.of("s-1"))  # a session is followed, and not known by its name


@given(ids, ids)
def test_equal_pseudonyms_are_of_equal_ids_and_tell_none(one: str, other: str) -> None:
    assert (KEYS.of(one) == KEYS.of(other)) == (one == other)
    assert KEYS.of(one, 1) != KEYS.of(one, 2)


def test_without_a_name_nothing_says_whose_it_is() -> None:
    told = {"recommendation_id": "r", "user_id": "ann", "unit": "ann", "session_id": "s", "items": []}
    assert nameless(told) == {"recommendation_id": "r", "items": []}


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", "null", '"key"', "not json", '{"1": "short"}', '{"1": 7}'),
        *(f'{{"{number}": "{FIRST}"}}' for number in ("0", "01", "a", "-1", "10000", "²")),
    ],
)
def test_what_holds_no_keys_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be|numbered") as caught:
        PseudonymKeys.read(text)
    assert FIRST not in str(caught.value)


def test_the_limits_of_numbers_and_keys_are_within() -> None:
    assert PseudonymKeys.read(json.dumps({"9999": "k" * 32})).current == 9999
    with pytest.raises(ValueError, match="at least 32"):
        PseudonymKeys.read(json.dumps({"1": "k" * 31}))


def test_what_an_experiment_assigns_by_is_the_shopper_of_the_record() -> None:
    told = pseudonymous({"recommendation_id": "r", "user_id": "anon:c", "unit": "anon:c"}, KEYS)
    assert told["unit"] == told["pseudonym"] == KEYS.of("anon:c")


def test_keys_are_not_printed() -> None:
    assert FIRST not in repr(KEYS)


class Kept:
    def __init__(self) -> None:
        self.documents: list[Any] = []

    def put(self, documents: Any) -> None:
        self.documents += documents


def test_a_stream_is_told_nothing_while_there_are_no_keys() -> None:
    def away() -> PseudonymKeys:
        raise DependencyError("no keys")

    kept = Kept()
    with pytest.raises(DependencyError):
        PseudonymousStream(kept, away).put([document(user_id="ann")])
    assert kept.documents == []
    PseudonymousStream(kept, lambda: KEYS).put([document(user_id="ann")])
    assert [told["pseudonym"] for told in kept.documents] == [KEYS.of("ann")]
