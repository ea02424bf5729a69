"""The ledger's rows, to the letter: what other stacks, rebuilds and years to come read."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from endcap.erasure.ledger import NEVER, Ledger, joined, ledger_key, ledger_of, new_secret
from endcap.errors import StoredDataError

SECRET = b"\xaa" * 32
ANN = ledger_key("ann", SECRET)
KEY = {"number": 1, "secret": "aa" * 32}


def test_a_subject_is_the_hmac_of_a_key() -> None:
    assert hmac.new(SECRET, b"ann", hashlib.sha256).hexdigest() == ANN
    assert len(ledger_key("a\ud800b", SECRET)) == 64  # ids of before lone surrogates were refused


def test_a_new_key_is_of_32_bytes_and_like_no_other() -> None:
    assert len(new_secret()) == 32
    assert new_secret() != new_secret()


def test_who_is_not_erased_is_so_before_every_event() -> None:
    assert NEVER == -1
    ledger = Ledger({1: SECRET}, {ANN: 0})
    assert (ledger.until("ann"), ledger.until("bob")) == (0, -1)
    assert ledger.until_ms(iter(["ann", "bob"])) == {"ann": 0}
    assert Ledger({1: SECRET}).until_ms(["ann"]) == {}
    assert Ledger().rows() == []


def test_of_several_keys_the_latest_erasure_counts() -> None:
    other = b"\xbb" * 32
    ledger = Ledger({1: SECRET, 2: other}, {ANN: 5, ledger_key("ann", other): 9})
    assert ledger.until("ann") == 9
    assert ledger.subjects("ann") == [ANN, ledger_key("ann", other)]


def test_rows_are_the_ledger_in_one_order() -> None:
    other = "cd" * 32
    ledger = Ledger({2: b"\xbb", 1: SECRET}, {other: 7, ANN: 0})
    rows = ledger.rows()
    assert rows[:2] == [KEY, {"number": 2, "secret": "bb"}]
    assert rows[2:] == [{"subject": subject, "until_ms": ledger.entries[subject]} for subject in sorted([ANN, other])]
    assert ledger_of(rows) == ledger


@pytest.mark.parametrize(
    "row",
    [
        {"subject": ANN + "00", "until_ms": 1},
        {"subject": ANN[:-2], "until_ms": 1},
        {"subject": "x" * 64, "until_ms": 1},
        {"subject": ANN, "until_ms": None},
        {"subject": ANN, "until_ms": "soon"},
        {"subject": ANN},
        {"number": 1},
        {"secret": "aa"},
        {"number": None, "secret": "aa"},
        {"number": 1, "secret": None},
        {"number": 1, "secret": "xy"},
        {"number": 2, "secret": ""},
    ],
)
def test_a_row_that_is_neither_key_nor_entry_spoils_the_ledger(row: dict[str, Any]) -> None:
    with pytest.raises(StoredDataError, match="none of it"):
        ledger_of([KEY, row])


def test_rows_may_repeat_and_numbers_be_texts() -> None:
    rows = [KEY, KEY, {"subject": ANN, "until_ms": "7"}, {"subject": ANN, "until_ms": 3, "requested_ms": 9}]
    assert ledger_of(rows) == Ledger({1: SECRET}, {ANN: 7})
    assert ledger_of([]) == Ledger()
    assert ledger_of([{"subject": ANN, "until_ms": -1}, KEY]).entries == {ANN: -1}


def test_entries_without_a_key_are_told_apart_from_none() -> None:
    with pytest.raises(StoredDataError, match="lacks the key"):
        ledger_of([{"subject": ANN, "until_ms": 1}])
    assert joined([Ledger(), Ledger({1: SECRET})]) == Ledger({1: SECRET})
