"""The ledger of erasures: up to when whatever a profile key stands for is erased, under hashes of the keys.

It lies outside of the profiles table, so that neither a restored table nor a lost one brings anybody back, and holds
no ids: each is hashed with a random key that lies beside the entries. Who reads the ledger can therefore test whether
a given id is in it, and not list the ids that are.

As rows of JSON, one line each, a ledger is `{"number": 1, "secret": "<hex>"}` for each key and
`{"subject": "<hex>", "until_ms": ..., "requested_ms": ...}` for each erasure, in any order, repeats included: of two
entries of one subject the later counts.

Where a stack has keys of pseudonyms, an erasure has an entry for each name that records may carry, too: the ledger is
read where no such key is at hand.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from endcap.errors import StoredDataError

NEVER: Final = -1
"""Before every event: also those of time 0 stay."""
SECRET_BYTES: Final = 32
SUBJECT_CHARS: Final = 64


class Erasures(Protocol):
    """Where erasures are looked up and written down.

    Both raise ThrottledError or DependencyError where that can't be done; nobody may go on as if nobody were erased.
    """

    def until_ms(self, keys: Iterable[str]) -> Mapping[str, int]:
        """Profile key -> the time up to which it is erased; without those that are not."""
        ...

    def put(self, key: str, until_ms: int) -> None:
        """Write down that all up to `until_ms` under a profile key is erased; of several times the latest counts."""
        ...


def ledger_key(key: str, secret: bytes) -> str:
    """How the ledger names a profile key: HMAC-SHA256 in hex, so that no id can be read from it."""
    return hmac.new(secret, key.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def new_secret() -> bytes:
    """A key that nobody can guess."""
    return secrets.token_bytes(SECRET_BYTES)


@dataclass(frozen=True)
class Ledger:
    """A ledger, read whole.

    Attributes
    ----------
    secrets : number of a key -> the key; entries made under an older one count on
    entries : subject -> the time up to which it is erased
    """

    secrets: Mapping[int, bytes] = field(default_factory=dict)
    entries: Mapping[str, int] = field(default_factory=dict)

    def until_ms(self, keys: Iterable[str]) -> dict[str, int]:
        """See `Erasures`."""
        found = {key: self.until(key) for key in keys} if self.entries else {}
        return {key: until for key, until in found.items() if until > NEVER}

    def until(self, key: str) -> int:
        """The time up to which a profile key is erased, `NEVER` where it is not."""
        return max((self.entries.get(subject, NEVER) for subject in self.subjects(key)), default=NEVER)

    def subjects(self, key: str) -> list[str]:
        """The names that a profile key may have here, one for each key."""
        return [ledger_key(key, secret) for secret in self.secrets.values()]

    def rows(self) -> list[dict[str, Any]]:
        """The ledger as rows of JSON."""
        keys = [{"number": number, "secret": secret.hex()} for number, secret in sorted(self.secrets.items())]
        entries = [{"subject": subject, "until_ms": until} for subject, until in sorted(self.entries.items())]
        return [*keys, *entries]


def ledger_of(rows: Iterable[Mapping[str, Any]]) -> Ledger:
    """The ledger that rows of JSON amount to.

    Raises
    ------
    StoredDataError : a row is neither a key nor an entry, two keys have one number, or there are entries and no key.
        Somebody whom it names would come back, so half of a ledger is none
    """
    keys: dict[int, bytes] = {}
    entries: dict[str, int] = {}
    for row in rows:
        try:
            if "subject" in row:
                subject, until = str(row["subject"]), int(row["until_ms"])
                if len(bytes.fromhex(subject)) * 2 != SUBJECT_CHARS:
                    raise ValueError(subject)
                entries[subject] = max(until, entries.get(subject, NEVER))
            else:
                number, secret = int(row["number"]), bytes.fromhex(row["secret"])
                if not secret or keys.setdefault(number, secret) != secret:
                    raise ValueError(number)
        except (KeyError, TypeError, ValueError) as exc:
            raise StoredDataError("the ledger of erasures holds a row that is none of it") from exc
    if entries and not keys:
        raise StoredDataError("the ledger of erasures lacks the key that its entries were made with")
    return Ledger(keys, entries)


def joined(ledgers: Iterable[Ledger]) -> Ledger:
    """All of several ledgers, such as a table's and its copy's.

    Raises
    ------
    StoredDataError : they are of different stacks
    """
    return ledger_of(row for ledger in ledgers for row in ledger.rows())
