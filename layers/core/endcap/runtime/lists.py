"""What lists are made from and recorded in."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from endcap.aws.clients import BEST_EFFORT
from endcap.runtime.events import Events
from endcap.runtime.shop import Shop
from endcap.runtime.snapshots import Snapshots
from endcap.settings import SettingsError

if TYPE_CHECKING:
    from endcap.api.scenarios import Scenarios
    from endcap.aws.queues import RecordStream
    from endcap.experiments.assignment import Experiment
    from endcap.live.catalogue import LiveCatalogue
    from endcap.live.challenger import Challenger
    from endcap.live.counts import LiveCounts
    from endcap.live.document import Configured
    from endcap.live.ladder import Ladder
    from endcap.live.popular import Popular
    from endcap.live.waiting import Guarded
    from endcap.storefront.door import Door
    from endcap.text.terms import Synonyms
    from endcap.writing.asked import Asked, Writer
    from endcap.writing.phrases import Phrases
    from endcap.writing.queries import WrittenQuery


class Lists(Events, Shop, Snapshots):
    """What lists are made from and recorded in."""

    def begin_request(self) -> None:
        """Begin the time of a request for lists, once everything is built that they are made through."""
        _ = self.ladder, self.profiles, self.profile_reads, self.exposures, self.exposure_writes
        _ = self.live_counts, self.scenarios, self.experiments, self.synonyms
        _ = self.challenger, self.challenger_catalogue
        pseudonyms = self.pseudonyms
        self.waiting.begin()
        if pseudonyms is not None:
            pseudonyms.begin()

    @cached_property
    def door(self) -> Door:
        """What requests of browsers must pass."""
        from endcap.storefront.door import Door
        from endcap.storefront.origins import Origins

        settings = self.settings
        origins = Origins(frozenset(settings.storefront_origins))
        return Door(settings.storefront_secrets, origins, self.guard.limits, settings.storefront_front_key)

    @cached_property
    def exposures(self) -> RecordStream:
        """The records of what was shown, written while a shopper waits: one short try."""
        from endcap.aws.queues import RecordStream

        return RecordStream(self._clients("firehose", BEST_EFFORT), self.settings.exposures_stream)

    @cached_property
    def exposure_writes(self) -> Guarded:
        """The way to the exposure stream while a shopper waits."""
        from endcap.live.waiting import Guarded

        return Guarded("exposures", self.waiting)

    @cached_property
    def live_catalogue(self) -> LiveCatalogue:
        """The items that changed since the snapshot."""
        from endcap.live.catalogue import LiveCatalogue

        return LiveCatalogue(self.items, self.waiting.clock, self.waiting)

    @cached_property
    def popular(self) -> Popular:
        """What can be shown while no snapshot can be read."""
        from endcap.live.popular import Popular

        return Popular(self.items, self.waiting)

    @cached_property
    def ladder(self) -> Ladder:
        """What lists are made from."""
        from endcap.live.ladder import Ladder

        return Ladder(self.snapshot, self.live_catalogue, self.popular, self.waiting)

    @cached_property
    def live_counts(self) -> LiveCounts:
        """What is in demand right now."""
        from endcap.live.counts import LIVE_COUNTS_S, LiveCounts

        poll_s = max(LIVE_COUNTS_S, self.settings.live_counts_seconds)
        return LiveCounts(self.folded_counts, self.waiting.clock, self.waiting, poll_s)

    @cached_property
    def scenarios(self) -> Scenarios:
        """The named defaults of requests."""
        from endcap.api.scenarios import KEY, Scenarios
        from endcap.aws.documents import S3Document

        document = S3Document(self._clients("s3", self._config), self.settings.data_bucket, KEY)
        return Scenarios(document, self.waiting.clock, self.waiting)

    @cached_property
    def experiments(self) -> Configured[tuple[Experiment, ...]]:
        """The experiments that are configured."""
        from endcap.aws.documents import S3Document
        from endcap.experiments.config import KEY, POLL_S, read_experiments
        from endcap.live.document import Configured

        document = S3Document(self._clients("s3", self._config), self.settings.data_bucket, KEY)
        waiting = self.waiting
        return Configured(document, "experiments", read_experiments, (), POLL_S, waiting.clock, waiting)

    @cached_property
    def synonyms(self) -> Configured[Synonyms]:
        """What else may stand for the words of a search."""
        from endcap.api.synonyms import KEY, POLL_S, read_synonyms
        from endcap.aws.documents import S3Document
        from endcap.live.document import Configured
        from endcap.text.terms import Synonyms

        document = S3Document(self._clients("s3", self._config), self.settings.data_bucket, KEY)
        waiting = self.waiting
        return Configured(document, "synonyms", read_synonyms, Synonyms(()), POLL_S, waiting.clock, waiting)

    @cached_property
    def challenger(self) -> Challenger:
        """The snapshot beside the current one that an experiment may rank with."""
        from endcap.live.challenger import Challenger

        return Challenger(self.snapshots.apart("challenger"), self.waiting.clock, self.waiting, self.trust)

    @cached_property
    def challenger_catalogue(self) -> LiveCatalogue:
        """The items that changed since the challenger."""
        from endcap.live.catalogue import LiveCatalogue

        return LiveCatalogue(self.items, self.waiting.clock, self.waiting)

    @cached_property
    def writer(self) -> Writer:
        """The model that may read queries and word reasons."""
        from endcap.aws.writer import WRITING, BedrockWriter

        return BedrockWriter(self._clients("bedrock-runtime", WRITING), self.settings.writer_model)

    @cached_property
    def query_readings(self) -> Asked[WrittenQuery] | None:
        """What a writer has read in queries; None where none is to."""
        if not self.settings.writer_model or self.settings.query_writer == "off":
            return None
        from endcap.writing.asked import Asked

        return Asked(self.waiting)

    @cached_property
    def phrases(self) -> Phrases | None:
        """How a writer has worded reasons; None where none is to."""
        if not self.settings.writer_model or self.settings.reason_writer == "off":
            return None
        from endcap.writing.asked import Asked
        from endcap.writing.phrases import Phrases

        return Phrases(self.writer, Asked(self.waiting))

    @cached_property
    def cursor_secret(self) -> str:
        """What cursors are signed with.

        Raises
        ------
        SettingsError : the function has none
        """
        if not self.settings.cursor_secret:
            raise SettingsError("environment variable CURSOR_SECRET is not set")
        return self.settings.cursor_secret
