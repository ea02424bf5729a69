import pytest

from endcap.erasure.inventory import EXPIRING, PURGED
from endcap.erasure.receipt import DAY_MS, Entry, is_genuine, receipt

ENTRY = Entry("ab" * 32, 5, 10, {"archive": 3}, 20 * DAY_MS, {"objects": 2, "bytes": 7})


def test_a_receipt_names_each_store_with_what_was_removed_and_when():
    given = receipt(ENTRY, b"secret", 30)
    assert (given["status"], given["purge_by"], given["scanned"]) == ("purged", 10 + 30 * DAY_MS, ENTRY.scanned)
    stores = {row["store"]: row for row in given["stores"]}
    assert set(stores) == {store.name for store in (*PURGED, *EXPIRING)} | {"backups"}
    assert stores["archive"] == {"store": "archive", "removed": 3, "purged_at": 20 * DAY_MS}
    assert stores["queue"] == {"store": "queue", "gone_by": 10 + 14 * DAY_MS}


def test_a_pending_one_says_so():
    given = receipt(Entry("ab" * 32, 5, 10), b"secret", 30)
    assert (given["status"], given["purged_at"], given["scanned"]) == ("pending", None, None)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "pending"},
        {"subject": "cd" * 32},
        {"purged_at": 1},
        {"signature": "00"},
        {"signature": None},
        {"more": 1},
    ],
)
def test_no_receipt_can_be_made_or_changed_without_the_ledger(change):
    given = receipt(ENTRY, b"secret", 30)
    assert is_genuine(given, b"secret")
    assert not is_genuine({**given, **change}, b"secret")
    assert not is_genuine(given, b"another")
