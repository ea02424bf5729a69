"""Reviews of an event table as tokens: what they say of the thing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Final

import numpy as np

from endcap.arrays import F32
from endcap.encoders.user import REVIEW_TEXT, grade_codes
from endcap.events.grades import grade_of
from endcap.text.sentiment.subject import subject_of
from endcap_rebuild.data.event_table import EventTable
from endcap_rebuild.user_encoder.sequences import TextTokens

MOST_TEXTS: Final = 20_000
"""Texts are encoded one by one, some milliseconds each; the newest say most about how shoppers write."""


def review_tokens(
    table: EventTable, white_of: Callable[[list[str]], F32], d_item: int, most: int = MOST_TEXTS
) -> TextTokens:
    """The newest reviews of a table as tokens, sorted by user and time.

    Parameters
    ----------
    white_of : texts -> whitened vectors float32 (n, d_item)
    most : reviews that are kept
    """
    written = np.flatnonzero([bool(text) for text in table.text])
    newest_first = written[np.lexsort((table.key[written], table.time_ms[written]))[::-1]].tolist()
    # As `profile_of` has them encoded: what is about no thing is no token.
    said = ((row, subject) for row in newest_first if (subject := subject_of(str(table.text[row]))))
    subjects = dict(sorted(islice(said, most)))
    newest = np.array(list(subjects), dtype=np.int64)
    if not len(newest):
        return TextTokens.none(d_item)
    # A review's weight as a text is that of its grade, or of its tone, as `profile_of` sees it.
    grades = np.clip(table.grade[newest].astype(np.float64), grade_of(-1.0), grade_of(1.0))
    return TextTokens(
        user=table.user[newest].astype(np.int64),
        time_ms=table.time_ms[newest].astype(np.int64),
        kind=np.full(len(newest), REVIEW_TEXT, dtype=np.int64),
        grade=grade_codes(grades, table.tone[newest].astype(np.float64)),
        white=white_of(list(subjects.values())),
    )
