"""What of the gate's verdicts holds where: for a shop, and for each language of its items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from endcap.arrays import I64
from endcap.snapshot.described import Shares
from endcap_rebuild.language.gate import Trials, Verdict, verdict, verdict_among
from endcap_rebuild.text_encoder.gate import COLD, SEARCH

PARTS = (COLD, SEARCH)


@dataclass(frozen=True)
class Choice:
    """What was written counts so much.

    Attributes
    ----------
    fields : that go into the vectors; none where nothing counts
    weights : by part, the most that it is in any language
    shares : by language, of these weights
    other_shares : of languages that too few questions were about
    verdicts : on the whole shop
    languages : on each language that enough questions were about
    """

    fields: tuple[str, ...]
    weights: Mapping[str, float]
    shares: Mapping[str, Shares]
    other_shares: Shares
    verdicts: tuple[Verdict, ...]
    languages: Mapping[str, tuple[Verdict, ...]] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """JSON-able, without the weights, which terms have names for."""
        told = {name: [one.document() for one in found] for name, found in self.languages.items()}
        return {
            "fields": list(self.fields),
            "shares": {language: list(pair) for language, pair in self.shares.items()},
            "other_shares": list(self.other_shares),
            "verdicts": [one.document() for one in self.verdicts],
            **({"languages": told} if told else {}),
        }


def choose(trials: Mapping[str, Trials], users: Mapping[str, I64], spoken: Mapping[str, NDArray[np.str_]]) -> Choice:
    """Weights for a shop, and for each of its languages.

    One vector of an item serves both parts, so one set of fields has to do: that of the part, or else of the language,
    which surely gains most. A language counts as the gate says of it; one that too few questions are about counts as
    the shop does.

    Parameters
    ----------
    trials : by part
    users : by part int64 (questions,), whose question each is
    spoken : by part (questions,), the language of the item that is looked for
    """
    whole = {part: verdict(part, trials[part], users[part]) for part in PARTS}
    languages = sorted({str(name) for part in PARTS for name in spoken[part].tolist()})
    among = {name: {part: spoken[part] == name for part in PARTS} for name in languages} if len(languages) > 1 else {}

    def by_language(own: Mapping[str, Trials]) -> dict[str, dict[str, Verdict]]:
        asked = {
            name: {part: verdict_among(part, own[part], users[part], rows[part]) for part in PARTS}
            for name, rows in among.items()
        }
        return {name: {part: v for part, v in found.items() if v is not None} for name, found in asked.items()}

    own = by_language(trials)
    fields = _fields([*whole.values()]) or _fields([one for found in own.values() for one in found.values()])
    if not fields:
        return Choice((), dict.fromkeys(PARTS, 0.0), {}, (1.0, 1.0), (*whole.values(),), _told(own))
    same = {
        part: {choice: values for choice, values in trials[part].items() if choice[0] == fields or choice[1] == 0}
        for part in PARTS
    }
    whole = {part: verdict(part, same[part], users[part]) for part in PARTS}
    own = by_language(same)
    weights = {
        part: max([whole[part].weight, *(found[part].weight for found in own.values() if part in found)])
        for part in PARTS
    }

    def shares(found: Mapping[str, Verdict]) -> Shares:
        history, query = (
            found.get(part, whole[part]).weight / weights[part] if weights[part] else 1.0 for part in PARTS
        )
        return history, query

    counted = {name: shares(found) for name, found in own.items() if found}
    return Choice(fields, weights, counted, shares({}), (*whole.values(),), _told(own))


def _fields(verdicts: list[Verdict]) -> tuple[str, ...]:
    chosen = [one for one in verdicts if one.weight > 0]
    return max(chosen, key=lambda one: one.gain).fields if chosen else ()


def _told(own: Mapping[str, Mapping[str, Verdict]]) -> dict[str, tuple[Verdict, ...]]:
    return {name: tuple(found.values()) for name, found in own.items() if found}
