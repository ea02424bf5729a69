"""The document of words that stand for each other in searches."""

from __future__ import annotations

import pytest

from endcap.api.synonyms import read_synonyms
from endcap.errors import InvalidRequestError
from endcap.text.terms import Synonyms


def test_groups_of_words_are_read() -> None:
    assert read_synonyms(b'{"synonyms": [["sofa", "couch"]]}') == Synonyms([["sofa", "couch"]])
    assert read_synonyms(b'{"synonyms": []}') == Synonyms([])


@pytest.mark.parametrize(
    "document",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"synonyms": [["sofa"]]}',
        b'{"synonyms": [["a", ""]]}',
        b'{"synonyms": [["a", 1]]}',
        b'{"words": []}',
    ],
)
def test_a_document_with_a_mistake_is_refused(document: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        read_synonyms(document)
