"""Whether tags that a writer has given items are worth anything where the shop's own categories say little."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from endcap.arrays import F32
from endcap.catalog.item import Item
from endcap.describing.enriched import Enriched
from endcap.describing.tags import NAMES
from endcap.index.tagged import tag_rows, tag_spread
from endcap.index.vectors import without_mean
from endcap_rebuild.language.gate import Space, Verdict, cold_trials, verdict
from endcap_rebuild.text_encoder.gate import COLD, owners_of
from endcap_rebuild.text_encoder.questions import Questions

FIELDS: Final = ("tags",)


class Tags(NamedTuple):
    """The tags of a catalogue.

    Attributes
    ----------
    names : that any item has, sorted
    vectors : float32 (n, d_tag), less their mean, unit rows; zero for items without, or with enough categories
    mean : float32 (d_tag,)
    """

    names: tuple[str, ...]
    vectors: F32
    mean: F32


def tags_of(items: Sequence[Item], told: Sequence[Enriched | None]) -> Tags | None:
    """What a writer has said whom and what items are for; None where no item with few categories has a tag."""
    own = [() if one is None else one.tags for one in told]
    every = sorted(NAMES)
    rows = tag_rows(items, own, every)
    used = np.flatnonzero(rows.any(axis=0))
    if not len(used):
        return None
    names = tuple(every[column] for column in used.tolist())
    rows = rows[:, used]
    mean = np.asarray(rows[rows.any(axis=1)].mean(axis=0), dtype=np.float32)
    return Tags(names, without_mean(rows, mean), mean)


def tag_verdict(tags: Tags, questions: Questions, texts: F32, counted: F32) -> Verdict:
    """What tags count beside all that counts without them, asked of new items from histories.

    Parameters
    ----------
    texts : float32 (sample, d_item), whitened
    counted : float32 (sample, d), whose dot products are what descriptions add to those of the texts
    """
    space = Space(texts, tags.vectors[questions.items], counted, tag_spread(tags.vectors))
    return verdict(COLD, cold_trials(questions, {FIELDS: space}), owners_of(questions)[COLD])
