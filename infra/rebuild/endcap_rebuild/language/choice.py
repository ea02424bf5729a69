"""What of the gate's verdicts holds where: for a shop, and for each language of its items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from endcap.snapshot.described import Shares
from endcap_rebuild.language.gate import Trials, Verdict, verdict, verdict_among
from endcap_rebuild.text_encoder.gate import COLD, SEARCH, Owners

PARTS = (COLD, SEARCH)
Spoken = Mapping[str, NDArray[np.str_]]
"""By part, (questions,): the language of the item that is looked for."""


@dataclass(frozen=True)
class Fields:
    """What vectors of descriptions are made of.

    Attributes
    ----------
    shop : where nothing else is said; none where nothing counts
    languages : of the languages that have others
    """

    shop: tuple[str, ...]
    languages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, language: str) -> tuple[str, ...]:
        """Of items in a language."""
        return self.languages.get(language, self.shop)


@dataclass(frozen=True)
class Choice:
    """What was written counts so much.

    Attributes
    ----------
    fields : that go into the vectors
    weights : by part, the most that it is in any language
    shares : by language, of these weights
    other_shares : of languages that too few questions were about
    verdicts : on the whole shop
    languages : on each language that enough questions were about
    """

    fields: Fields
    weights: Mapping[str, float]
    shares: Mapping[str, Shares]
    other_shares: Shares
    verdicts: tuple[Verdict, ...]
    languages: Mapping[str, tuple[Verdict, ...]] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """JSON-able, without the weights, which terms have names for."""
        told = {name: [one.document() for one in found] for name, found in self.languages.items()}
        own = {name: list(fields) for name, fields in self.fields.languages.items()}
        return {
            "fields": list(self.fields.shop),
            **({"language_fields": own} if own else {}),
            "shares": {language: list(pair) for language, pair in self.shares.items()},
            "other_shares": list(self.other_shares),
            "verdicts": [one.document() for one in self.verdicts],
            **({"languages": told} if told else {}),
        }


def choose_fields(trials: Mapping[str, Trials], owners: Mapping[str, Owners], spoken: Spoken) -> Fields:
    """What goes into the vectors of a shop's items, and of those in each language that it pays to ask about.

    One vector of an item serves both parts, so one set of fields has to do for both: that of the part which surely
    gains most. A language for which no set surely gains, or that too few questions are about, has that of the shop;
    and a shop which gains nothing as a whole that of the language which gains most.

    Parameters
    ----------
    trials, owners : by part
    """
    whole = _surest(verdict(part, trials[part], owners[part]) for part in PARTS)
    own = {name: _surest(found.values()) for name, found in _by_language(trials, owners, spoken).items()}
    surest = _surest(one for one in own.values() if one is not None)
    shop = whole or surest
    if shop is None:
        return Fields(())
    return Fields(
        shop.fields,
        {name: one.fields for name, one in own.items() if one is not None and one.fields != shop.fields},
    )


def choose(fields: Fields, trials: Mapping[str, Trials], owners: Mapping[str, Owners], spoken: Spoken) -> Choice:
    """Weights for a shop, and for each of its languages, of vectors that are made of these fields.

    A language counts as the gate says of it; one that too few questions are about counts as the shop does.

    Parameters
    ----------
    trials, owners : by part, of vectors as they are to be served; where no fields are chosen, of all that were tried
    """
    whole = {part: verdict(part, trials[part], owners[part]) for part in PARTS}
    own = _by_language(trials, owners, spoken)
    weights = {
        part: max([whole[part].weight, *(found[part].weight for found in own.values() if part in found)])
        for part in PARTS
    }
    if not fields.shop or not any(weights.values()):
        return Choice(Fields(()), dict.fromkeys(PARTS, 0.0), {}, (1.0, 1.0), (*whole.values(),), _told(own, fields))

    def shares(found: Mapping[str, Verdict]) -> Shares:
        history, query = (
            found.get(part, whole[part]).weight / weights[part] if weights[part] else 1.0 for part in PARTS
        )
        return history, query

    counted = {name: shares(found) for name, found in own.items() if found}
    return Choice(fields, weights, counted, shares({}), (*whole.values(),), _told(own, fields))


def _by_language(
    trials: Mapping[str, Trials], owners: Mapping[str, Owners], spoken: Spoken
) -> dict[str, dict[str, Verdict]]:
    """Language -> by part what the gate says of the questions about it; nothing in a shop of one language."""
    languages = sorted({str(name) for part in PARTS for name in spoken[part].tolist()})
    found: dict[str, dict[str, Verdict]] = {}
    for name in languages if len(languages) > 1 else ():
        asked = {part: verdict_among(part, trials[part], owners[part], spoken[part] == name) for part in PARTS}
        found[name] = {part: one for part, one in asked.items() if one is not None}
    return found


def _surest(verdicts: Iterable[Verdict]) -> Verdict | None:
    """Of those that surely gain the one that gains most."""
    return max((one for one in verdicts if one.weight > 0), key=lambda one: one.gain, default=None)


def _told(own: Mapping[str, Mapping[str, Verdict]], fields: Fields) -> dict[str, tuple[Verdict, ...]]:
    return {
        name: tuple(
            replace(one, fields=fields.languages[name]) if name in fields.languages else one for one in found.values()
        )
        for name, found in own.items()
        if found
    }
