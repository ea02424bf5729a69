"""What operators look at and steer."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from endcap.runtime.base import Base

if TYPE_CHECKING:
    from endcap.aws.audit import AuditLog
    from endcap.aws.documents import EditedDocument
    from endcap.aws.meters import Meters
    from endcap.aws.replay import Queue as ReplayQueue
    from endcap.aws.results import ResultStore
    from endcap.aws.strays import QuarantineFolder
    from endcap.aws.tail import Tail
    from endcap.aws.work import Promotions, Rebuilds


class Desk(Base):
    """What operators look at and steer."""

    @cached_property
    def scenarios_document(self) -> EditedDocument:
        """The scenarios, to be changed."""
        from endcap.api.scenarios import KEY
        from endcap.aws.documents import EditedDocument

        return EditedDocument(self._clients("s3", self._config), self.settings.data_bucket, KEY)

    @cached_property
    def experiments_document(self) -> EditedDocument:
        """The experiments, to be changed."""
        from endcap.aws.documents import EditedDocument
        from endcap.experiments.config import KEY

        return EditedDocument(self._clients("s3", self._config), self.settings.data_bucket, KEY)

    @cached_property
    def audit(self) -> AuditLog:
        """What operators have changed."""
        from endcap.aws.audit import AuditLog

        return AuditLog(self._clients("s3", self._config), self.settings.data_bucket)

    @cached_property
    def tail(self) -> Tail:
        """What has come in lately."""
        from endcap.aws.tail import Tail

        return Tail(self._clients("s3", self._config), self.settings.data_bucket)

    @cached_property
    def meters(self) -> Meters:
        """What the functions have counted."""
        from endcap.aws.meters import Meters

        namespace = os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "endcap")
        return Meters(self._clients("cloudwatch", self._config), namespace)

    @cached_property
    def promotions(self) -> Promotions:
        """The function that promotes."""
        from endcap.aws.work import Promotions

        return Promotions(self._clients("lambda", self._config), self.settings.promote_function)

    @cached_property
    def rebuilds(self) -> Rebuilds:
        """What rebuilds."""
        from endcap.aws.work import Rebuilds

        return Rebuilds(self._clients("stepfunctions", self._config), self.settings.rebuild_state_machine)

    @cached_property
    def results(self) -> ResultStore:
        """What lists have brought."""
        from endcap.aws.results import ResultStore

        return ResultStore(self._clients("s3", self._config), self.settings.data_bucket)

    @cached_property
    def strays(self) -> QuarantineFolder:
        """What could not be used, to be looked at."""
        from endcap.aws.strays import QuarantineFolder

        return QuarantineFolder(self._clients("s3", self._config), self.settings.data_bucket)

    @cached_property
    def replays(self) -> ReplayQueue:
        """The events queue, as strays are sent to it."""
        from endcap.aws.replay import Queue

        return Queue(self._clients("sqs", self._config), self.settings.events_queue_url)
