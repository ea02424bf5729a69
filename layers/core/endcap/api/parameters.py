"""The main parameters of the ranking, as they are right now: what `GET /parameters` answers, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from endcap.api.schemas import RecommendInput
from endcap.events.types import DAY_S, PAST_FORMS, EventType
from endcap.filters.eligibility import EXCLUDE_SEEN
from endcap.filters.evaluate import INTERACTED
from endcap.filters.tree import FIELDS
from endcap.index.index import index_of
from endcap.messages.language import DEFAULT_LANGUAGE, TEXTS, Language
from endcap.messages.reasons import date_in_words
from endcap.messages.texts import Texts, filled
from endcap.ranking.features import RankingSettings
from endcap.ranking.terms.registry import ASKED, DEFAULT_WEIGHTS
from endcap.recommend.explore import MAX_ARMS, UNIFORM_SHARE
from endcap.snapshot.snapshot import Snapshot

MAX_TOLD: Final = 5
"""Terms and event types that the summary names."""


def parameters(
    snapshot: Snapshot,
    event_types: Mapping[str, EventType],
    scenarios: Mapping[str, Mapping[str, Any]],
    experiments: Sequence[Mapping[str, Any]] = (),
    language: Language = DEFAULT_LANGUAGE,
) -> dict[str, Any]:
    """The parameters as a JSON object.

    Parameters
    ----------
    event_types : the event types with the storefront's own weights
    scenarios : name -> defaults of the configured scenarios
    experiments : those that run, as `experiments.assignment.running` gives them
    """
    stored, natural = snapshot.weights, index_of(snapshot).tables.scales
    texts = TEXTS[language]
    terms = []
    for name, default in DEFAULT_WEIGHTS.items():
        entry = stored.terms.get(name)
        terms.append(
            {
                "name": name,
                "weight": default if entry is None else entry.weight,
                "scale": natural.get(name, 1.0) if entry is None else entry.scale,
                "set_by": "default" if entry is None else "snapshot",
                "meaning": texts.terms[name].meaning,
            }
        )
    settings = RankingSettings.of(stored.settings)
    choices = _choices(texts)
    return {
        "language": language,
        "summary": _summary(snapshot, terms, choices, event_types, sorted(scenarios), language),
        "snapshot_version": snapshot.version,
        "learned_up_to": snapshot.training_cutoff_ms,
        "catalogue_as_of": snapshot.catalog_as_of_ms,
        "score": texts.score,
        "terms": terms,
        "settings": [
            {
                "name": field.name,
                "value": getattr(settings, field.name),
                "set_by": "snapshot" if field.name in stored.settings else "default",
                "meaning": texts.settings[field.name],
            }
            for field in fields(RankingSettings)
        ],
        "event_types": [
            {"name": one.name, "weight": one.weight, "half_life_days": one.half_life_s / DAY_S}
            for one in event_types.values()
        ],
        "choices": choices,
        "filters": {
            "fields": sorted(FIELDS),
            "history": sorted([*PAST_FORMS, INTERACTED]),
            "exclude_seen": list(EXCLUDE_SEEN),
        },
        "contexts": _contexts(snapshot),
        "scenarios": sorted(scenarios),
        "scenario_defaults": {name: dict(defaults) for name, defaults in sorted(scenarios.items())},
        "experiments": [dict(experiment) for experiment in experiments],
    }


def _choices(texts: Texts) -> list[dict[str, Any]]:
    """What a request or scenario may choose, with what counts where none does: as the model of requests has it."""
    properties = RecommendInput.model_json_schema()["properties"]
    choices = []
    for name, meaning in texts.choices.items():
        schema = properties[name]
        choice = {"name": name, "default": RecommendInput.model_fields[name].default}
        choice |= {"options": schema["enum"]} if "enum" in schema else {}
        choice |= {"least": schema["minimum"], "most": schema["maximum"]} if "minimum" in schema else {}
        choices.append(choice | {"meaning": filled(meaning, arms=MAX_ARMS, uniform=UNIFORM_SHARE)})
    return choices


def _summary(
    snapshot: Snapshot,
    terms: Sequence[Mapping[str, Any]],
    choices: Sequence[Mapping[str, Any]],
    event_types: Mapping[str, EventType],
    scenarios: Sequence[str],
    language: Language,
) -> list[str]:
    """What matters most, one sentence each."""
    texts, learned_ms = TEXTS[language], snapshot.training_cutoff_ms if snapshot.clock_usable else 0
    own = [term for term in terms if term["name"] not in ASKED and term["weight"]]
    strongest = sorted(own, key=lambda term: -abs(term["weight"]))[:MAX_TOLD]
    weighty = sorted(event_types.values(), key=lambda one: -abs(one.weight))[:MAX_TOLD]
    listed = texts.list_joined.join
    found = [
        filled(texts.learned, date=date_in_words(learned_ms, language)) if learned_ms > 0 else "",
        filled(texts.strongest, terms=listed(filled(texts.strongest_term, **term) for term in strongest)),
        filled(
            texts.weightiest,
            events=listed(
                filled(texts.weightiest_event, name=one.name, weight=one.weight, days=one.half_life_s / DAY_S)
                for one in weighty
            ),
        ),
        filled(
            texts.chosen_for_all,
            choices=listed(filled(texts.choice, name=choice["name"], value=choice["default"]) for choice in choices),
        ),
        filled(texts.scenarios, names=listed(scenarios)) if scenarios else "",
    ]
    return [text for text in found if text]


def _contexts(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The contexts that demand was counted in, by name."""
    values: dict[str, list[str]] = {}
    for name, value in () if snapshot.contexts is None else snapshot.contexts.contexts:
        values.setdefault(name, []).append(value)
    return [{"name": name, "values": found} for name, found in values.items()]
