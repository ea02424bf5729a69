"""When an item means what a search does: by how near the encoder brings words of no kinship in the query's script."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from endcap.index.index import ItemIndex
from endcap.ranking.terms.inputs import Query
from endcap.ranking.terms.query import meaning_floor, meant

MULTILINGUAL, ENGLISH = "multilingual-e5-small-enzh-int8", "all-MiniLM-L6-v2-int8"
NEAR = np.asarray([0.2, 0.3, 0.44, 0.47, 0.5], dtype=np.float32)


def index(encoder: str | None) -> ItemIndex:
    """Items at the cosines `NEAR` from the first axis."""
    items = np.stack([NEAR, np.sqrt(1 - NEAR**2)], axis=1)
    found: Any = SimpleNamespace(
        raw=SimpleNamespace(rows=lambda positions: items[positions]),
        snapshot=SimpleNamespace(manifest={"encoder": encoder}),
    )
    return cast(ItemIndex, found)


@pytest.mark.parametrize(
    ("encoder", "query", "of_five"),
    [
        (MULTILINGUAL, "红色杯子", 4),
        (MULTILINGUAL, "nike 跑鞋", 4),
        (MULTILINGUAL, "qzzkwv", 2),
        (MULTILINGUAL, "a mug", 2),
        (MULTILINGUAL, "42", 2),
        (ENGLISH, "a mug", 1),
        (ENGLISH, "红色杯子", 1),
        ("tiny", "a mug", 1),
        (None, "a mug", 1),
    ],
)
def test_the_floor_of_meaning_goes_by_the_encoder_and_the_query_s_script(
    encoder: str | None, query: str, of_five: int
) -> None:
    axis = np.asarray([1, 0], dtype=np.float32)
    found = meant(index(encoder), Query(query, axis), np.arange(len(NEAR)))
    assert found.tolist() == [False] * (len(NEAR) - of_five) + [True] * of_five
    assert np.array_equal(found, meaning_floor(index(encoder), query) <= NEAR)


def test_without_words_or_a_vector_nothing_is_meant() -> None:
    for query in (None, Query("a mug")):
        assert not meant(index(MULTILINGUAL), query, np.arange(len(NEAR))).any()
