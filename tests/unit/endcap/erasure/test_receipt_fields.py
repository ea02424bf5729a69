"""Every field of a receipt, and how a signature comes about, so that one given today can be checked for good."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from endcap.erasure.receipt import DAY_MS, Entry, is_genuine, receipt, signature

SUBJECT = "ab" * 32
DAYS = {
    "queue": 14,
    "dead_letters": 14,
    "archive_stream": 1,
    "exposures_stream": 1,
    "exports": 4,
    "checkpoints": 8,
    "files": 14,
    "stream_batches": 14,
    "invoke_failures": 14,
    "backups": 35,
}
PURGED = ("profiles", "archive", "exposures", "quarantine", "delivery_errors", "results")


def test_a_day_has_86_400_seconds() -> None:
    assert DAY_MS == 86_400_000


def test_a_pending_receipt_says_what_was_asked_and_by_when_each_store_is_empty() -> None:
    given = receipt(Entry(SUBJECT, 5, 10, {"archive": 2, "gone": 9}), b"secret", 30)
    stores = [{"store": name, "removed": 2 if name == "archive" else 0} for name in PURGED]
    stores += [{"store": name, "gone_by": 10 + days * 86_400_000} for name, days in DAYS.items()]
    assert {name: value for name, value in given.items() if name != "signature"} == {
        "subject": SUBJECT,
        "erased_until": 5,
        "requested_at": 10,
        "status": "pending",
        "purge_by": 10 + 30 * 86_400_000,
        "purged_at": None,
        "scanned": None,
        "stores": stores,
    }


def test_a_purged_receipt_says_when_and_what_was_looked_through() -> None:
    for purged_ms in (0, 7):
        given = receipt(Entry(SUBJECT, 5, 10, {}, purged_ms, {"objects": 3}), b"secret", 30)
        assert (given["status"], given["purged_at"], given["scanned"]) == ("purged", purged_ms, {"objects": 3})
        rows = [row for row in given["stores"] if "purged_at" in row]
        assert rows == [{"store": name, "removed": 0, "purged_at": purged_ms} for name in PURGED]


def test_a_signature_is_an_hmac_by_a_key_made_of_the_ledgers() -> None:
    given = receipt(Entry(SUBJECT, 5, 10), b"secret", 30)
    key = hmac.digest(b"secret", b"endcap receipt of an erasure", "sha256")
    body = {name: value for name, value in sorted(given.items()) if name != "signature"}
    said = json.dumps(body, separators=(",", ":"), sort_keys=True).encode()
    assert given["signature"] == signature(body, b"secret") == hmac.new(key, said, hashlib.sha256).hexdigest()
    of_text = hmac.digest(hmac.digest(b"k", b"endcap receipt of an erasure", "sha256"), rb'{"a":"\u7528"}', "sha256")
    assert signature({"a": "用"}, b"k") == of_text.hex()
    assert signature({"b": 1, "a": "用"}, b"k") == signature({"a": "用", "b": 1}, b"k")
    assert json.loads(json.dumps(given)) == given


@pytest.mark.parametrize("given", [None, 7, b"00", "", "é", ["00"]])
def test_what_is_no_signature_is_not_genuine(given: object) -> None:
    assert not is_genuine({"subject": SUBJECT, "signature": given}, b"secret")
    assert not is_genuine({"subject": SUBJECT}, b"secret")


class TestWithOthers:
    OWN = Entry(SUBJECT, 5, 10, {"archive": 1}, 7, {"objects": 3})

    def test_nobody_else_changes_nothing(self) -> None:
        assert self.OWN.with_others([]) is self.OWN
        assert (Entry("s", 1, 2).removed, Entry("s", 1, 2).purged_ms, Entry("s", 1, 2).scanned) == ({}, None, {})

    def test_what_was_removed_adds_up_and_the_last_is_when(self) -> None:
        others = [Entry("b", 5, 10, {"archive": 2, "exposures": 4}, 9), Entry("c", 5, 10, {}, 8)]
        assert self.OWN.with_others(others) == Entry(SUBJECT, 5, 10, {"archive": 3, "exposures": 4}, 9, {"objects": 3})

    def test_one_that_is_pending_makes_all_of_it_pending(self) -> None:
        for own, other in ((7, None), (None, 7), (None, None), (0, None)):
            found = Entry(SUBJECT, 5, 10, {}, own, {"objects": 3}).with_others([Entry("b", 5, 10, {}, other)])
            assert (found.purged_ms, found.scanned) == (None, {})
        assert Entry(SUBJECT, 5, 10, {}, 0).with_others([Entry("b", 5, 10, {}, 0)]).purged_ms == 0
