"""What tells of people: profiles, erasures, pseudonyms."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from endcap.aws.clients import BACKGROUND
from endcap.runtime.base import Base
from endcap.settings import SettingsError

if TYPE_CHECKING:
    from endcap.aws.erasures import ErasureTable
    from endcap.aws.profiles import ProfileTable
    from endcap.aws.secrets import PseudonymSecret
    from endcap.erasure.purge import Place
    from endcap.live.pseudonyms import Pseudonyms
    from endcap.live.waiting import Guarded


class People(Base):
    """What tells of people: profiles, erasures, pseudonyms."""

    @cached_property
    def _people(self) -> Any:
        """The client of the tables that tell of people."""
        return self._clients("dynamodb", self._config)

    @cached_property
    def profiles(self) -> ProfileTable:
        """The profiles table."""
        from endcap.aws.profiles import ProfileTable

        settings = self.settings
        return ProfileTable(
            self._people,
            settings.profiles_table,
            settings.profile_ttl_days,
            adopt_days=settings.anonymous_migration_days,
        )

    @cached_property
    def erasures(self) -> ErasureTable:
        """The ledger of erasures, and its copy in the bucket."""
        from endcap.aws.erasures import ErasureTable, LedgerCopy

        def copy() -> LedgerCopy:  # once somebody is erased: most starts need no client of S3 for it
            return LedgerCopy(self._clients("s3", self._config), self.settings.data_bucket)

        keys = self.pseudonym_secret.read if self.settings.pseudonym_secret else None
        return ErasureTable(self._people, self.settings.erasures_table, copy, pseudonym_keys=keys)

    @cached_property
    def purged_places(self) -> list[Place]:
        """The stores that a purge goes through."""
        from endcap.aws.purging import places

        s3 = self._clients("s3", BACKGROUND)
        return places(s3, self.settings.data_bucket, self.profiles, self.erasures)

    @cached_property
    def pseudonym_secret(self) -> PseudonymSecret:
        """The keys of pseudonyms, as a call gets them.

        Raises
        ------
        SettingsError : the stack has none
        """
        from endcap.aws.secrets import PseudonymSecret

        if not self.settings.pseudonym_secret:
            raise SettingsError("environment variable PSEUDONYM_SECRET is not set")
        secretsmanager = self._clients("secretsmanager", self._config)
        return PseudonymSecret(secretsmanager, self.settings.pseudonym_secret)

    @cached_property
    def pseudonyms(self) -> Pseudonyms | None:
        """The keys of pseudonyms, read beside the requests; None where exposures carry plain ids or are not written."""
        from endcap.live.pseudonyms import Pseudonyms

        if not (self._recording and self.settings.tells_pseudonyms):
            return None
        return Pseudonyms(self.pseudonym_secret.read, self.waiting.clock, self.waiting)

    @cached_property
    def profile_reads(self) -> Guarded:
        """The way to profiles while a shopper waits."""
        from endcap.live.waiting import Guarded

        return Guarded("profiles", self.waiting)
