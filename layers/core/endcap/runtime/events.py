"""Where events come from and go to, and what is counted of them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from endcap.aws.clients import BACKGROUND, BATCH, REQUEST_PATH, SENDING
from endcap.runtime.people import People
from endcap.settings import SettingsError

if TYPE_CHECKING:
    from endcap.aws.compacting import ArchiveFiles
    from endcap.aws.counters import CounterTable, FoldedCounts
    from endcap.aws.inbox import Inbox
    from endcap.aws.queues import EventQueue, FailureQueue, Quarantine, Redelivery
    from endcap.profiles.ingest import Archive


class Events(People):
    """Where events come from and go to, and what is counted of them."""

    @cached_property
    def archive_files(self) -> ArchiveFiles:
        """The files of the archive, to be put together."""
        from endcap.aws.compacting import ArchiveFiles

        return ArchiveFiles(self._clients("s3", BACKGROUND), self.settings.data_bucket)

    @cached_property
    def queue(self) -> EventQueue:
        """The queue of events."""
        from endcap.aws.queues import EventQueue

        config = BATCH if self._background else SENDING
        return EventQueue(self._clients("sqs", config), self.settings.events_queue_url)

    @cached_property
    def inbox(self) -> Inbox:
        """The files that a shop puts into the bucket.

        Raises
        ------
        SettingsError : the function is not told where it hears of them
        """
        from endcap.aws.inbox import Inbox

        settings = self.settings
        if not settings.inbox_queue_url:
            raise SettingsError("environment variable INBOX_QUEUE_URL is not set")
        s3, sqs = self._clients("s3", BACKGROUND), self._clients("sqs", self._config)
        return Inbox(s3, settings.data_bucket, sqs, settings.inbox_queue_url)

    @cached_property
    def archive(self) -> Archive:
        """The archive of events; it is told no ids where the stack has pseudonyms."""
        from endcap.aws.queues import RecordStream

        stream = RecordStream(self._clients("firehose", self._config), self.settings.archive_stream)
        if not self.settings.tells_pseudonyms:
            return stream
        from endcap.pseudonyms import PseudonymousStream

        return PseudonymousStream(stream, self.pseudonym_secret.get)

    @cached_property
    def redelivery(self) -> Redelivery:
        """When messages that failed come again."""
        from endcap.aws.queues import Redelivery

        return Redelivery(self._clients("sqs", self._config), self.settings.events_queue_url)

    @cached_property
    def stream_failures(self) -> FailureQueue:
        """What of a stream was given up.

        Raises
        ------
        SettingsError : the function is not told where
        """
        from endcap.aws.queues import FailureQueue

        if not self.settings.stream_failures_queue_url:
            raise SettingsError("environment variable STREAM_FAILURES_QUEUE_URL is not set")
        return FailureQueue(self._clients("sqs", self._config), self.settings.stream_failures_queue_url)

    @cached_property
    def quarantine(self) -> Quarantine:
        """The records that could not be used."""
        from endcap.aws.queues import Quarantine

        return Quarantine(self._clients("s3", self._config), self.settings.data_bucket)

    @cached_property
    def counters(self) -> CounterTable:
        """The notes of what is counted; approximate, so that nothing waits long for them."""
        from endcap.aws.counters import CounterTable

        return CounterTable(self._clients("dynamodb", REQUEST_PATH), self.settings.counters_table)

    @cached_property
    def folded_counts(self) -> FoldedCounts:
        """The live counts as requests read them."""
        from endcap.aws.counters import FoldedCounts

        return FoldedCounts(self._clients("s3", self._config), self.settings.data_bucket)
