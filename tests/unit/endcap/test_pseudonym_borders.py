"""Pseudonyms to the letter: an archive written today has to be told by the keys in years."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import pytest

from endcap.disclosure import may_tell
from endcap.identifiers import anonymous_key
from endcap.pseudonyms import (
    PseudonymKeys,
    PseudonymousStream,
    is_pseudonym,
    name_of,
    nameless,
    names_of,
    pseudonymous,
)

FIRST, SECOND = b"f" * 32, b"s" * 32
KEYS = PseudonymKeys({2: SECOND, 1: FIRST})


def hashed(said: str, key: bytes = SECOND) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key, said.encode(), "sha256")[:16]).decode().rstrip("=")


def keys_of(**said: Any) -> PseudonymKeys:
    return PseudonymKeys.read(json.dumps({name.lstrip("n"): key for name, key in said.items()}))


@pytest.mark.parametrize(
    ("name", "number"),
    [("1", 1), ("9", 9), ("10", 10), ("9999", 9999), ("0", None), ("10000", None), ("01", None), ("+1", None)],
)
def test_numbers_of_keys_go_from_1_to_9999(name: str, number: int | None) -> None:
    text = json.dumps({name: "k" * 32})
    if number is None:
        with pytest.raises(ValueError, match=r"^keys are numbered from 1 to 9999$"):
            PseudonymKeys.read(text)
    else:
        assert PseudonymKeys.read(text) == PseudonymKeys({number: b"k" * 32})


def test_a_key_has_32_characters_or_more() -> None:
    assert keys_of(n1="k" * 33).by_number == {1: b"k" * 33}
    assert keys_of(n1="用" * 32).by_number == {1: ("用" * 32).encode()}
    for key in ("k" * 31, "用" * 31, 7, None, ["k" * 32]):
        with pytest.raises(ValueError, match=r"^key 3 must be a text of at least 32 characters$"):
            keys_of(n1="k" * 32, n3=key)


@pytest.mark.parametrize("text", ["", "{}", "[]", "7", "null", '"k"', '{"1": "'])
def test_what_is_no_object_of_keys_says_what_one_is(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a JSON object of numbers and keys"):
        PseudonymKeys.read(text)


def test_the_key_of_the_highest_number_makes_new_ones() -> None:
    assert KEYS.current == 2
    assert keys_of(n1="k" * 32, n10="l" * 32, n9="m" * 32).current == 10
    assert KEYS.of("ann") == hashed("ann") == KEYS.of("ann", 2)
    assert KEYS.of("ann", 1) == hashed("ann", FIRST)
    assert len(KEYS.of("ann")) == 22
    assert KEYS.all_of("ann") == {1: hashed("ann", FIRST), 2: hashed("ann")}
    with pytest.raises(KeyError):
        KEYS.of("ann", 3)
    with pytest.raises(KeyError):
        KEYS.of("ann", 0)


def test_a_name_says_the_number_and_the_pseudonym() -> None:
    assert name_of(2, "P") == "pseudonym:2:P"
    assert [is_pseudonym(name) for name in ("pseudonym:2:P", "pseudonym", "anon:pseudonym:2:P", "ann")] == [
        *(True, False, False, False)
    ]
    assert names_of("ann", KEYS) == [f"pseudonym:2:{hashed('ann')}", f"pseudonym:1:{hashed('ann', FIRST)}"]


def test_each_id_of_a_record_has_its_pseudonym_and_the_rest_stays() -> None:
    said = {
        "user_id": "ann",
        "anonymous_id": "cookie",
        "anonymous_key": "",
        "session_id": "s",
        "unit": "anon:cookie",
        "item_id": "mug",
        "at_ms": 5,
    }
    assert pseudonymous(said, KEYS) == {
        "item_id": "mug",
        "at_ms": 5,
        "pseudonym": hashed("ann"),
        "anonymous_pseudonym": hashed("anon:cookie"),
        "session_id": hashed("\0session\0s"),
        "unit": hashed("anon:cookie"),
        "pseudonym_key": 2,
    }
    assert anonymous_key("cookie") == "anon:cookie"
    assert nameless(said) == {"item_id": "mug", "at_ms": 5}


@pytest.mark.parametrize("name", ["user_id", "anonymous_id", "session_id", "unit"])
def test_an_id_that_is_missing_has_none_and_an_empty_one_has(name: str) -> None:
    assert pseudonymous({name: None, "item_id": "mug"}, KEYS) == {"item_id": "mug", "pseudonym_key": 2}
    assert len(pseudonymous({name: ""}, KEYS)) == 2


def test_a_stream_gets_all_documents_in_their_order_with_the_keys_of_now() -> None:
    kept: list[Any] = []

    class Stream:
        def put(self, documents: Any) -> None:
            kept.append(documents)

    stream = PseudonymousStream(Stream(), lambda: KEYS)
    stream.put([{"user_id": "ann"}, {"user_id": "bob"}])
    assert kept == [[{"pseudonym": hashed(name), "pseudonym_key": 2} for name in ("ann", "bob")]]


@pytest.mark.parametrize(
    ("people", "told"), [(0, True), (0.0, True), (1, False), (4, False), (4.99, False), (5, True), (6, True)]
)
def test_a_number_is_told_of_nobody_or_of_five(people: float, told: bool) -> None:
    assert may_tell(people) is told
