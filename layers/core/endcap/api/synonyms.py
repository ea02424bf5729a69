"""Words of which one stands for another in searches, as people write them.

They are one JSON document in the data bucket, `config/synonyms.json`: `{"synonyms": [["sofa", "couch"], …]}`, groups of
words and phrases that mean the same. They take effect within a minute, without a deploy and without a rebuild.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from endcap.identifiers import clean_text
from endcap.text.terms import Synonyms
from endcap.validation import json_value, parsed

KEY: Final = "config/synonyms.json"
POLL_S: Final = 30.0
MAX_GROUPS: Final = 2000

Phrase = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(clean_text)]


class SynonymsInput(BaseModel):
    """The document."""

    model_config = ConfigDict(extra="forbid")

    synonyms: Annotated[list[Annotated[list[Phrase], Field(min_length=2, max_length=20)]], Field(max_length=MAX_GROUPS)]


def read_synonyms(data: bytes) -> Synonyms:
    """The synonyms of a document.

    Raises
    ------
    InvalidRequestError : it is no such document; with every finding
    """
    return Synonyms(parsed(SynonymsInput, json_value(data, "the document")).synonyms)
