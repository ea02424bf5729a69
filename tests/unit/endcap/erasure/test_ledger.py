import pytest
from hypothesis import given
from hypothesis import strategies as st

from endcap.erasure.ledger import Ledger, joined, ledger_key, ledger_of
from endcap.errors import StoredDataError

KEY = {"number": 1, "secret": "aa" * 32}
SECRET = bytes.fromhex(KEY["secret"])


def entry(key, until_ms, secret=SECRET):
    return {"subject": ledger_key(key, secret), "until_ms": until_ms}


def test_a_ledger_names_nobody_and_knows_whom_it_is_asked_for():
    ledger = ledger_of([KEY, entry("ann", 7), entry("ann", 5), entry("anon:cookie", 0)])
    assert "ann" not in str(ledger.rows())
    assert ledger.until_ms(["ann", "bob", "cookie", "anon:cookie"]) == {"ann": 7, "anon:cookie": 0}


def test_entries_of_an_older_key_count_on():
    old = {"number": 1, "secret": "bb" * 32}
    new = {"number": 2, "secret": "cc" * 32}
    ledger = ledger_of([new, entry("ann", 3, bytes.fromhex(old["secret"])), old])
    assert ledger.until("ann") == 3


@pytest.mark.parametrize(
    "rows",
    [
        [entry("ann", 7)],
        [KEY, {"number": 1, "secret": "dd" * 32}],
        [KEY, {"subject": "ann", "until_ms": 7}],
        [KEY, {"subject": ledger_key("ann", SECRET)}],
        [{"number": 1, "secret": ""}],
        [{"number": "one", "secret": "aa"}],
        [{}],
    ],
)
def test_half_a_ledger_is_none(rows):
    with pytest.raises(StoredDataError):
        ledger_of(rows)


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 9)), max_size=6), st.integers(0, 6))
def test_whichever_way_entries_are_split_and_joined_the_latest_count(pairs, at):
    rows = [entry(key, until) for key, until in pairs]
    parts = [ledger_of([KEY, *rows[:at]]), ledger_of([KEY, *reversed(rows[at:])])]
    latest = {key: max(until for k, until in pairs if k == key) for key, _ in pairs}
    assert joined(parts).until_ms("abc") == joined(reversed(parts)).until_ms("abc") == latest


def test_ledgers_of_two_stacks_are_not_joined():
    with pytest.raises(StoredDataError):
        joined([Ledger({1: b"one"}), Ledger({1: b"other"})])
