"""What a shop can show of an erasure: store by store what was removed and when, signed by the stack that did it.

The signature is an HMAC-SHA256 with a key that is made from the ledger's own, so whoever holds the ledger can check
it, and nobody else can make one. A receipt names no id, only its hash in the ledger.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from endcap.erasure.inventory import BACKUP_DAYS, EXPIRING, PURGED

DAY_MS: Final = 86_400_000
_PURPOSE: Final = b"endcap receipt of an erasure"


@dataclass(frozen=True)
class Entry:
    """An erasure as the ledger's table keeps it.

    Attributes
    ----------
    until_ms : all up to then is erased
    requested_ms : when that was asked for
    removed : store -> records that purges have removed
    purged_ms : when every store was found to hold nothing of it any more; None until then
    scanned : what was looked through to find that
    """

    subject: str
    until_ms: int
    requested_ms: int
    removed: Mapping[str, int] = field(default_factory=dict)
    purged_ms: int | None = None
    scanned: Mapping[str, int] = field(default_factory=dict)

    def with_others(self, others: Sequence[Entry]) -> Entry:
        """The entry of somebody with what those of their pseudonyms say: all of it is purged, or it is not."""
        if not others:
            return self
        removed = Counter(self.removed)
        for other in others:
            removed.update(other.removed)
        times = [entry.purged_ms for entry in (self, *others)]
        purged_ms = None if None in times else max(at_ms for at_ms in times if at_ms is not None)
        scanned = self.scanned if purged_ms is not None else {}
        return replace(self, removed=removed, purged_ms=purged_ms, scanned=scanned)


def receipt(entry: Entry, secret: bytes, erasure_days: int) -> dict[str, Any]:
    """The receipt of an erasure, as JSON."""
    stores: list[dict[str, Any]] = [
        {"store": store.name, "removed": entry.removed.get(store.name, 0)}
        | ({} if entry.purged_ms is None else {"purged_at": entry.purged_ms})
        for store in PURGED
    ]
    expiring = [(store.name, store.expires_days or 0) for store in EXPIRING] + [("backups", BACKUP_DAYS)]
    stores += [{"store": name, "gone_by": entry.requested_ms + days * DAY_MS} for name, days in expiring]
    body: dict[str, Any] = {
        "subject": entry.subject,
        "erased_until": entry.until_ms,
        "requested_at": entry.requested_ms,
        "status": "pending" if entry.purged_ms is None else "purged",
        "purge_by": entry.requested_ms + erasure_days * DAY_MS,
        "purged_at": entry.purged_ms,
        "scanned": dict(entry.scanned) or None,
        "stores": stores,
    }
    return {**body, "signature": signature(body, secret)}


def is_genuine(document: Mapping[str, Any], secret: bytes) -> bool:
    """Whether a receipt is as the stack with this ledger gave it."""
    body = {name: value for name, value in document.items() if name != "signature"}
    given = document.get("signature")
    return isinstance(given, str) and hmac.compare_digest(signature(body, secret).encode(), given.encode())


def signature(body: Mapping[str, Any], secret: bytes) -> str:
    """What a receipt with these contents is signed with, in hex."""
    key = hmac.new(secret, _PURPOSE, hashlib.sha256).digest()
    said = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    return hmac.new(key, said, hashlib.sha256).hexdigest()
