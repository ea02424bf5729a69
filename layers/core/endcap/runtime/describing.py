"""What describes new items, and what was written about those of the snapshot."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from endcap.aws.clients import BATCH
from endcap.runtime.snapshots import Snapshots
from endcap.settings import SettingsError

if TYPE_CHECKING:
    from endcap.describing.describe import Describer
    from endcap.describing.writer import Writer
    from endcap.live.described import DescribedCatalogue
    from endcap.live.snapshot import Followed
    from endcap.live.tagged import TaggedCatalogue


class Describing(Snapshots):
    """What describes new items, and what was written about those of the snapshot."""

    @cached_property
    def described(self) -> Followed[DescribedCatalogue | None]:
        """How the current snapshot's items were described; None where no description counts."""
        from endcap.live.described import DESCRIBED_FILES, read_described
        from endcap.live.snapshot import Followed

        return Followed(self.snapshots, read_described, DESCRIBED_FILES, trust=self.trust)

    @cached_property
    def tagged(self) -> Followed[TaggedCatalogue | None]:
        """The tags of the current snapshot's items; None where no tag counts."""
        from endcap.live.snapshot import Followed
        from endcap.live.tagged import TAGGED_FILES, read_tagged

        return Followed(self.snapshots, read_tagged, TAGGED_FILES, trust=self.trust)

    @cached_property
    def describer(self) -> Describer:
        """Who is asked, and what that may cost.

        Raises
        ------
        SettingsError : nobody is
        ThrottledError, DependencyError : the writer's key can't be read
        """
        from endcap.aws.answers import AnswerBucket, LedgerDocument
        from endcap.describing.describe import Describer
        from endcap.describing.writer import FREE, price_of

        settings = self.settings
        s3 = self._clients("s3", BATCH)
        return Describer(
            self._writer(),
            AnswerBucket(s3, settings.data_bucket),
            LedgerDocument(s3, settings.data_bucket),
            price_of(settings.item_writer_price) if settings.item_writer_price else FREE,
            settings.item_writer_budget,
        )

    def _writer(self) -> Writer:
        settings = self.settings
        if settings.item_writer == "rules":
            from endcap.describing.rules import RulesWriter

            return RulesWriter()
        from endcap.describing.retries import no_second_try

        if settings.item_writer == "bedrock":
            from endcap.aws.converse import WAITING, Converse
            from endcap.describing.bedrock import BedrockWriter

            converse = Converse(self._clients("bedrock-runtime", WAITING))
            return BedrockWriter(settings.item_writer_model, converse, no_second_try)
        if settings.item_writer == "openai":
            from endcap.describing.openai import OpenAiWriter

            return OpenAiWriter(settings.item_writer_url, settings.item_writer_model, self._writer_key(), no_second_try)
        raise SettingsError("environment variable ITEM_WRITER names nobody")

    def _writer_key(self) -> str | None:
        from endcap.aws.clients import aws_errors

        if not self.settings.item_writer_secret:
            return None
        with aws_errors("read the writer's key"):
            answer = self._clients("secretsmanager", BATCH).get_secret_value(SecretId=self.settings.item_writer_secret)
        return str(answer.get("SecretString") or "").strip() or None
