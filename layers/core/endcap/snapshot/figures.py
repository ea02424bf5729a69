"""What a promotion knows of a snapshot beside its files: what its manifest states, and what probes of it gave."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

MEASURES: Final = ("ndcg_at_10", "hit_rate_at_10")
"""Shares of the validation window that later snapshots are held to."""


@dataclass(frozen=True, slots=True)
class Figures:
    """A snapshot in a few numbers, kept beside the pointer so that later ones can be compared.

    Attributes
    ----------
    items, groups, events, cases : None where the manifest has no such number
    for_sale : share of the items that could be shown when it was promoted, None where nobody looked
    measures : name in `MEASURES` -> share, those that are there and are one
    """

    version: str
    items: int | None = None
    groups: int | None = None
    events: int | None = None
    cases: int | None = None
    for_sale: float | None = None
    measures: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, manifest: Mapping[str, Any], for_sale: float | None = None) -> Figures:
        """What a manifest states."""
        counts, validation = manifest.get("counts"), validation_of(manifest)
        counts = counts if isinstance(counts, Mapping) else {}
        shares = {name: share_of(value) for name, value in measures_of(manifest).items()}
        return cls(
            version=str(manifest.get("version", "")),
            items=count_of(counts.get("items")),
            groups=count_of(counts.get("groups")),
            events=count_of(counts.get("events")),
            cases=count_of(validation.get("cases")),
            for_sale=for_sale,
            measures={name: share for name, share in shares.items() if share is not None},
        )

    @classmethod
    def read(cls, document: object) -> Figures | None:
        """What `as_document` gave; None for anything else."""
        if not isinstance(document, Mapping) or not isinstance(document.get("version"), str):
            return None
        measures = document.get("measures")
        shares = {k: share_of(v) for k, v in (measures if isinstance(measures, Mapping) else {}).items()}
        return cls(
            version=document["version"],
            items=count_of(document.get("items")),
            groups=count_of(document.get("groups")),
            events=count_of(document.get("events")),
            cases=count_of(document.get("cases")),
            for_sale=share_of(document.get("for_sale")),
            measures={str(k): v for k, v in shares.items() if v is not None},
        )

    def as_document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def validation_of(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the rebuild says of its validation window; empty where it says nothing."""
    metrics = manifest.get("metrics")
    found = metrics.get("validation") if isinstance(metrics, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def measures_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The values that stand under the names of `MEASURES`, whatever they are."""
    found = validation_of(manifest).get("after")
    return {name: found[name] for name in MEASURES if name in found} if isinstance(found, Mapping) else {}


def count_of(value: object) -> int | None:
    """A number of things, None for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def share_of(value: object) -> float | None:
    """A number from 0 to 1, None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if 0 <= value <= 1 else None


@dataclass(frozen=True, slots=True)
class Route:
    """How the probes of one kind were answered.

    Attributes
    ----------
    asked : how many there were
    failed : raised, or gave what is no JSON
    unsound : had a score that is not finite, an item twice, or ranks out of order
    short : had fewer items than could be shown
    typical_s : median of the processor time of one
    problem : what the first failure was, in words
    """

    asked: int = 0
    failed: int = 0
    unsound: int = 0
    short: int = 0
    typical_s: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """How the current snapshot stands to the candidate.

    Attributes
    ----------
    ids_kept : share of the current ids that the candidate has
    popular_kept : share of the currently most popular items that are popular in the candidate, None where the current
        one has no such items
    for_sale : share of the current one's items that can be shown
    """

    ids_kept: float
    popular_kept: float | None
    for_sale: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What a look at every part of a snapshot, and answers made with it, gave.

    Attributes
    ----------
    items, groups, for_sale : numbers of items, of groups of variants, of items that can be shown now
    unreadable_documents : documents that are no item by today's rules
    wrong_columns, wrong_groups : items whose attribute columns, or group, differ from their documents
    texts_alike : 1 where stored text vectors are the encoder's of the items' texts, about 0 where they are anybody's;
        None where there is nothing to compare
    items_alike : likewise for item vectors and whitened texts, where no user encoder has moved them
    told_apart : what its encoders are given that differs -> whether their answers do
    terms : name -> (weight, scale); settings : name -> value
    largest : name of an array of demand or of a list -> its largest number, whatever the sign
    routes : kind of request -> how it was answered
    compared : with the current snapshot, None where there is none
    """

    items: int
    groups: int
    for_sale: int
    unreadable_documents: int = 0
    wrong_columns: int = 0
    wrong_groups: int = 0
    texts_alike: float | None = None
    items_alike: float | None = None
    told_apart: Mapping[str, bool] = field(default_factory=dict)
    terms: Mapping[str, Sequence[float]] = field(default_factory=dict)
    settings: Mapping[str, float] = field(default_factory=dict)
    largest: Mapping[str, float] = field(default_factory=dict)
    routes: Mapping[str, Route] = field(default_factory=dict)
    compared: Compared | None = None

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Measured:
        """What `as_document` gave.

        Raises
        ------
        KeyError, TypeError : anything else
        """
        compared = document["compared"]
        return cls(
            **{
                **document,
                "routes": {kind: Route(**route) for kind, route in document["routes"].items()},
                "compared": None if compared is None else Compared(**compared),
            }
        )

    def as_document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)
