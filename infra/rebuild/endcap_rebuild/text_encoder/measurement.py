"""What a choice of text encoder is measured with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from endcap.catalog.item import item_text
from endcap_rebuild.data.dataset import Shop
from endcap_rebuild.parallel.protocol import Crew
from endcap_rebuild.settings import Progress, RebuildSettings
from endcap_rebuild.text.encoders import LoadedEncoder
from endcap_rebuild.text.vectors import TextVectorCache
from endcap_rebuild.text_encoder.gate import Reading, measure
from endcap_rebuild.text_encoder.questions import MAX_ITEMS, Questions, questions_of
from endcap_rebuild.tuning.split import Split, split_by_time


@dataclass(frozen=True)
class ChoiceJob:
    """What the steps of a choice work on; the first candidate is the incumbent.

    most_items : of the catalogue, which candidates read
    """

    settings: RebuildSettings
    shop: Shop
    candidates: Sequence[LoadedEncoder]
    progress: Progress
    crew: Crew | None = None
    most_items: int = MAX_ITEMS

    @cached_property
    def split(self) -> Split:
        """The validation window and what lies before it."""
        return split_by_time(self.shop.table, self.shop.clock, self.settings.max_cases, self.settings.seed)

    @cached_property
    def questions(self) -> Questions:
        """What the candidates are asked."""
        return questions_of(self.shop, self.split, self.settings.seed, self.most_items)

    def reading(self, loaded: LoadedEncoder, questions: Questions | None = None) -> Reading:
        """What one encoder reaches with the fields that it reads.

        Parameters
        ----------
        questions : of the same sample; the job's own where None
        """
        cache = TextVectorCache(self.settings.cache / "texts", loaded.encoder, self.crew, loaded.files)

        def progress(done: int, total: int) -> None:
            self.progress("encoder_choice", done, total)

        texts = [item_text(self.shop.items[row], loaded.text_fields) for row in self.questions.items.tolist()]
        asked = replace(questions or self.questions, texts=texts)
        return measure(asked, lambda texts: cache.vectors(texts, progress, self.settings.threads))
