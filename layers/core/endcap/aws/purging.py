"""Stores that records of people are taken out of: prefixes of the data bucket, and the profiles table.

Every version of an object is looked through, replaced ones too, which a versioned bucket keeps for a while. What stays
of an object is written under its key before the version that holds too much is deleted for good.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import IO, Any, Final

from endcap.aws.clients import aws_errors
from endcap.aws.erasures import ErasureTable
from endcap.aws.profiles import ProfileTable
from endcap.aws.results import ResultStore
from endcap.erasure.contents import Sift, Sifted, sift_delivery_errors, sift_quarantined, sift_records
from endcap.erasure.inventory import STORES
from endcap.erasure.ledger import NEVER, Ledger
from endcap.erasure.purge import Note, Place, Step
from endcap.errors import NotFoundError, StoredDataError
from endcap.profiles.erasure import erase, erased_until_ms, may_go
from endcap.profiles.profile import unerased_ids
from endcap.profiles.summary.describe import counts

_IN_MEMORY: Final = 32 << 20
_SIFTS: Final[Mapping[str, Sift]] = {
    "archive": sift_records,
    "exposures": sift_records,
    "results": sift_records,
    "quarantine": sift_quarantined,
    "delivery_errors": sift_delivery_errors,
}


def places(s3: Any, bucket: str, profiles: ProfileTable, erasures: ErasureTable) -> list[Place]:
    """Every store that is purged, in the order in which that is done: profiles first, as they say whom it concerns."""
    objects = [
        (PurgedBook if store.name == "results" else PurgedObjects)(s3, bucket, store.name, store.prefix)
        for store in STORES
        if store.name in _SIFTS
    ]
    return [PurgedProfiles(profiles, erasures), *objects]


class PurgedObjects:
    """The objects below a prefix of the bucket.

    Parameters
    ----------
    s3 : a boto3 S3 client
    """

    def __init__(self, s3: Any, bucket: str, name: str, prefix: str) -> None:
        self._s3, self._bucket, self._prefix, self.name = s3, bucket, prefix, name
        self._sift = _SIFTS[name]

    def fence(self) -> None:
        """Nothing: records come here as they are, and never of what was read before."""

    def purge(self, ledger: Ledger, cursor: str, note: Note) -> Iterator[Step]:
        """See `Place`.

        Raises
        ------
        ThrottledError, DependencyError
        """
        if not ledger.entries:
            return
        # By keys: a version that is deleted is no mark any more from which a list could go on.
        for key, versions in groupby(self._versions(cursor), key=lambda version: str(version["Key"])):
            size = found = 0
            for version in versions:
                size += version["Size"]
                found += self._purged(version, ledger, note)
            yield Step(key, size, found)

    def _versions(self, cursor: str) -> Iterator[dict[str, Any]]:
        page: dict[str, Any] | None = self._page({"KeyMarker": cursor} if cursor else {})
        while page is not None:
            markers = {name: page.get(f"Next{name}") for name in ("KeyMarker", "VersionIdMarker")}
            # Before anything of this page is deleted, its last version too.
            following = self._page({k: v for k, v in markers.items() if v}) if page.get("IsTruncated") else None
            yield from page.get("Versions", ())
            page = following

    def _page(self, start: Mapping[str, str]) -> dict[str, Any]:
        with aws_errors(f"list {self.name}"):
            page: dict[str, Any] = self._s3.list_object_versions(Bucket=self._bucket, Prefix=self._prefix, **start)
        return page

    def _purged(self, version: Mapping[str, Any], ledger: Ledger, note: Note) -> int:
        key, version_id = version["Key"], version["VersionId"]
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as source, tempfile.SpooledTemporaryFile(_IN_MEMORY) as out:
            try:
                with aws_errors(f"read {self.name}"):
                    answer = self._s3.get_object(Bucket=self._bucket, Key=key, VersionId=version_id)
                    shutil.copyfileobj(answer["Body"], source, 1 << 20)
            except NotFoundError:
                return 0  # it expired since it was listed
            source.seek(0)
            sifted = self._sift(source, out, ledger, int(version["LastModified"].timestamp() * 1000))
            if not sifted.changed:
                return 0
            note(sifted.removed, f"{key}@{version_id}")
            out.seek(0)
            self._replace(version, sifted, out)
        return sifted.removed.total() + sifted.unreadable

    def _replace(self, version: Mapping[str, Any], sifted: Sifted, out: IO[bytes]) -> None:
        where = {"Bucket": self._bucket, "Key": version["Key"]}
        with aws_errors(f"purge {self.name}"):
            if version["IsLatest"]:
                if sifted.kept:
                    written = self._s3.put_object(**where, Body=out)
                else:
                    written = self._s3.delete_object(**where)  # else an older version would come to light
                if "VersionId" not in written:
                    return  # the bucket keeps no versions: it is replaced already
            self._s3.delete_object(**where, VersionId=version["VersionId"])


class PurgedBook(PurgedObjects):
    """The book of results, which the summariser makes of what it has read of archive and exposures."""

    def fence(self) -> None:
        """See `Place`: a run of the summariser that has begun can't replace the book any more.

        Raises
        ------
        ThrottledError, DependencyError
        """
        ResultStore(self._s3, self._bucket).renew_book()


class PurgedProfiles:
    """The profiles table: what the ledger erases is erased, and rows that hold nothing else any more are removed.

    A row that remembers an erasure of which the ledger does not know, such as one of before there was a ledger, is
    written down there first.
    """

    name = "profiles"

    def __init__(self, profiles: ProfileTable, erasures: ErasureTable) -> None:
        self._profiles, self._erasures = profiles, erasures

    def fence(self) -> None:
        """Nothing: who writes a profile has to have read the one that is there."""

    def purge(self, ledger: Ledger, cursor: str, note: Note) -> Iterator[Step]:
        """See `Place`.

        Raises
        ------
        ThrottledError, DependencyError
        """
        for key, row in self._profiles.rows_after(cursor):
            until_ms = ledger.until(key)
            try:
                stored = self._profiles.read(row)
            except StoredDataError:
                subjects = tuple(s for s in ledger.subjects(key) if s in ledger.entries)
                yield Step(key, _size(row), 0, subjects)
                continue
            reached_ms = erased_until_ms(stored.profile)
            if reached_ms > until_ms:
                self._erasures.put(key, reached_ms)
            elif until_ms > NEVER:
                ahead = reached_ms < until_ms or bool(unerased_ids(stored.profile))
                yield Step(key, _size(row), self._purged(key, until_ms, ahead, ledger, note))
                continue
            yield Step(key, _size(row))

    def _purged(self, key: str, until_ms: int, ahead: bool, ledger: Ledger, note: Note) -> int:
        """What goes of a row; `ahead` where the ledger, or the profile itself, asks for more than has been done."""
        subject = next(s for s in ledger.subjects(key) if ledger.entries.get(s) == until_ms)
        removed = 0
        if ahead:
            done = erase(key, until_ms, self._profiles, self._erasures.put)
            removed = max(0, sum(counts(done.before).values()) - sum(counts(done.after).values()))
        stored = self._profiles.get(key, consistent=True)
        if may_go(stored.profile, until_ms):
            removed += self._profiles.remove(key, stored.version)
        if removed:
            note(Counter({subject: removed}), f"row@{stored.version}")  # the ledger holds no ids, nor do its marks
        return removed


def _size(row: Mapping[str, Any]) -> int:
    return len(row.get("profile", {}).get("B", b""))
