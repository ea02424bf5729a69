"""The main parameters of the ranking, as they are right now: what `GET /parameters` answers, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, Final

from endcap.api.schemas import RecommendInput
from endcap.events.types import DAY_S, EventType
from endcap.filters.eligibility import EXCLUDE_SEEN
from endcap.filters.evaluate import INTERACTED, PAST_FORMS
from endcap.filters.tree import FIELDS
from endcap.index.index import index_of
from endcap.messages.language import LANGUAGES, Language
from endcap.messages.parameters import CHOICE_MEANINGS, SCORE, SETTING_MEANINGS, TERM_MEANINGS
from endcap.ranking.features import RankingSettings
from endcap.ranking.terms.registry import ASKED, DEFAULT_WEIGHTS
from endcap.recommend.explore import MAX_ARMS, UNIFORM_SHARE
from endcap.snapshot.snapshot import Snapshot

MAX_TOLD: Final = 5
"""Terms and event types that the summary names."""


def parameters(
    snapshot: Snapshot,
    kinds: Mapping[str, EventType],
    scenarios: Mapping[str, Mapping[str, Any]],
    experiments: Sequence[Mapping[str, Any]] = (),
    language: Language = "en",
) -> dict[str, Any]:
    """The parameters as a JSON object.

    Parameters
    ----------
    kinds : the event types with the storefront's own weights
    scenarios : name -> defaults of the configured scenarios
    experiments : those that run, as `experiments.told` tells them
    """
    stored, natural = snapshot.weights, index_of(snapshot).tables.scales
    side = LANGUAGES.index(language)
    terms = []
    for name, default in DEFAULT_WEIGHTS.items():
        entry = stored.terms.get(name)
        terms.append(
            {
                "name": name,
                "weight": default if entry is None else entry.weight,
                "scale": natural.get(name, 1.0) if entry is None else entry.scale,
                "set_by": "default" if entry is None else "snapshot",
                "meaning": TERM_MEANINGS[name][side],
            }
        )
    settings = RankingSettings.of(stored.settings)
    choices = _choices(side)
    return {
        "language": language,
        "summary": _summary(snapshot, terms, choices, kinds, sorted(scenarios), language),
        "snapshot_version": snapshot.version,
        "learned_up_to": snapshot.training_cutoff_ms,
        "catalogue_as_of": snapshot.catalog_as_of_ms,
        "score": SCORE[side],
        "terms": terms,
        "settings": [
            {
                "name": field.name,
                "value": getattr(settings, field.name),
                "set_by": "snapshot" if field.name in stored.settings else "default",
                "meaning": SETTING_MEANINGS[field.name][side],
            }
            for field in fields(RankingSettings)
        ],
        "event_types": [
            {"name": kind.name, "weight": kind.weight, "half_life_days": kind.half_life_s / DAY_S}
            for kind in kinds.values()
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


def _choices(side: int) -> list[dict[str, Any]]:
    """What a request or scenario may choose, with what counts where none does: as the model of requests has it."""
    properties = RecommendInput.model_json_schema()["properties"]
    choices = []
    for name, said in CHOICE_MEANINGS.items():
        schema = properties[name]
        choice = {"name": name, "default": RecommendInput.model_fields[name].default}
        choice |= {"options": schema["enum"]} if "enum" in schema else {}
        choice |= {"least": schema["minimum"], "most": schema["maximum"]} if "minimum" in schema else {}
        choices.append(choice | {"meaning": said[side].format(arms=MAX_ARMS, uniform=UNIFORM_SHARE)})
    return choices


def _summary(
    snapshot: Snapshot,
    terms: Sequence[Mapping[str, Any]],
    choices: Sequence[Mapping[str, Any]],
    kinds: Mapping[str, EventType],
    scenarios: Sequence[str],
    language: Language,
) -> list[str]:
    """What matters most, one sentence each."""
    own = [term for term in terms if term["name"] not in ASKED and term["weight"]]
    strongest = sorted(own, key=lambda term: -abs(term["weight"]))[:MAX_TOLD]
    weighty = sorted(kinds.values(), key=lambda kind: -abs(kind.weight))[:MAX_TOLD]
    cutoff_ms = snapshot.training_cutoff_ms
    dated = cutoff_ms > 0 and snapshot.clock_usable
    learned = datetime.fromtimestamp(cutoff_ms / 1000, UTC).date().isoformat() if dated else ""
    if language == "zh":
        named = "、".join(f"{term['name']}({term['weight']:g})" for term in strongest)
        counted = "、".join(f"{k.name}计{k.weight:g}({k.half_life_s / DAY_S:g}天后减半)" for k in weighty)
        chosen = "、".join(f"{choice['name']}={choice['default']}" for choice in choices)
        found = [
            f"排序从截至{learned}的行为中学习。" if learned else "",
            f"对已知顾客,权重最大的是{named}。",
            f"事件中,{counted}。",
            f"请求和场景未另行规定时:{chosen}。",
            f"已配置的场景:{'、'.join(scenarios)}。" if scenarios else "",
        ]
        return [text for text in found if text]
    named = ", ".join(f"{term['name']} ({term['weight']:g})" for term in strongest)
    counted = ", ".join(f"{k.name} {k.weight:g} (half after {k.half_life_s / DAY_S:g} days)" for k in weighty)
    chosen = ", ".join(f"{choice['name']} {choice['default']}" for choice in choices)
    found = [
        f"The ranking has learned from what was done up to {learned}." if learned else "",
        f"For a known shopper these terms weigh most: {named}.",
        f"Of events these count most: {counted}.",
        f"Unless a request or its scenario says otherwise: {chosen}.",
        f"Configured scenarios: {', '.join(scenarios)}." if scenarios else "",
    ]
    return [text for text in found if text]


def _contexts(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The contexts that demand was counted in, by name."""
    values: dict[str, list[str]] = {}
    for name, value in () if snapshot.contexts is None else snapshot.contexts.contexts:
        values.setdefault(name, []).append(value)
    return [{"name": name, "values": found} for name, found in values.items()]
